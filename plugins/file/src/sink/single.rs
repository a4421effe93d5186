//! Records in one file.

use super::saved::{What, other_format};
use super::there::{self, There};
use super::{Destination, Layout};
use crate::format::RowWriter;
use crate::identity::Identity;
use crate::input::DASH;
use crate::output::{Output, Target};
use campanile_sdk::{Batch, Emitter, Error, Mode, Result};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// One file, or standard output, a pipe, a device.
pub(super) struct Single {
    target: Target,
    layout: Layout,
    mode: Mode,
    step: Step,
}

/// How far it is.
enum Step {
    /// It is left alone until it is known whether the run is resumed.
    Open,
    Writing(Box<dyn RowWriter>),
    /// Complete, but not shown.
    Written(Option<What>),
    /// The run before has shown it; so much of it was saved.
    Shown(u64, Identity),
}

impl Single {
    pub(super) fn open(target: Target, layout: Layout, mode: Mode) -> Result<Single> {
        let target = if mode.is_live() { target.at_once() } else { target };
        let mut step = Step::Open;
        if !mode.is_durable() || !target.is_file() {
            let output = Output::create(target.path(), target.written())?;
            step = Step::Writing(layout.writer(output, true)?);
        } else {
            // What an earlier run has written stays; that it can be written is found out now.
            target.open()?;
        }
        Ok(Single { target, layout, mode, step })
    }

    /// The writer, begun where the run is not resumed.
    fn writer(&mut self) -> Result<&mut Box<dyn RowWriter>> {
        match self.step {
            Step::Open if self.mode.is_live() => self.append()?,
            Step::Open => self.go_behind(0)?,
            Step::Shown(bytes, _) => {
                self.target.hide()?;
                self.go_behind(bytes)?;
            }
            Step::Writing(_) | Step::Written(_) => {}
        }
        match &mut self.step {
            Step::Writing(writer) => Ok(writer),
            _ => Err(Error::fatal("the sink is prepared and takes no more records")),
        }
    }

    /// Goes on behind what is there.
    fn append(&mut self) -> Result<()> {
        let there = there::look(self.target.path(), self.layout.header().as_deref())?;
        let mut file = self.target.open()?;
        file.seek(SeekFrom::End(0))?;
        let mut output = Output::new(self.target.path(), file);
        if there == There::Torn {
            // Whatever tore it: its line is not to be mixed with ours.
            output.write_all(b"\n")?;
        }
        self.step = Step::Writing(self.layout.writer(output, there == There::Nothing)?);
        Ok(())
    }

    /// Cuts the file off, and goes on behind that.
    fn go_behind(&mut self, bytes: u64) -> Result<()> {
        let output = Output::behind(self.target.path(), self.target.open()?, bytes)?;
        self.step = Step::Writing(self.layout.writer(output, bytes == 0)?);
        Ok(())
    }

    /// That the file still has its name.
    fn check_name(&self, identity: Identity) -> Result<()> {
        let written = self.target.written();
        match std::fs::metadata(written) {
            Ok(found) if Identity::of(&found) == identity => Ok(()),
            Ok(_) => Err(Error::fatal("another file has its name: let nobody rename it while the run writes it")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::fatal(
                "it was removed or renamed while the run wrote it: leave it alone until the run is over",
            )),
            Err(error) => Err(error.into()),
        }
    }
}

/// How long a file is, and which one it is; nothing where it is not there.
fn there(path: &Path) -> Result<Option<(u64, Identity)>> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(Some((found.len(), Identity::of(&found)))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::from(error).context(format!("cannot open `{}`", path.display()))),
    }
}

impl Destination for Single {
    fn written(&self) -> &Path {
        self.target.written()
    }

    fn write_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        // Somebody waits for it.
        let at_once = self.mode.is_live() || self.target.path().as_os_str() == DASH;
        let writer = self.writer()?;
        writer.write_batch(batch, emitter)?;
        if at_once { writer.flush() } else { Ok(()) }
    }

    fn snapshot(&mut self) -> Result<Option<What>> {
        match &self.step {
            Step::Written(Some(What::File { bytes, identity })) => {
                return Ok(Some(What::File { bytes: *bytes, identity: *identity }));
            }
            Step::Written(_) => return Ok(None),
            Step::Shown(bytes, identity) => return Ok(Some(What::File { bytes: *bytes, identity: *identity })),
            _ => {}
        }
        let is_file = self.target.is_file();
        let writer = self.writer()?;
        if !is_file {
            writer.flush()?;
            return Ok(None);
        }
        let Some(output) = writer.output()? else { return Ok(None) };
        let (bytes, identity) = (output.save()?, output.identity()?);
        self.check_name(identity)?;
        Ok(Some(What::File { bytes, identity }))
    }

    fn restore(&mut self, saved: What) -> Result<()> {
        let What::File { bytes, identity } = saved else { return Err(other_format(self.target.path())) };
        let (written, path) = (self.target.written(), self.target.path());
        let found = there(written)?.map_or(0, |(len, _)| len);
        if found >= bytes && (found > 0 || self.mode.is_live()) {
            return self.go_behind(bytes);
        }
        // The crash may have come behind the last step.
        if !self.mode.is_live()
            && let Some((len, is)) = there(path)?
            && (len == bytes || len > bytes && is == identity)
        {
            if found == 0 {
                // Made when the sink was opened.
                let _ = std::fs::remove_file(written);
            }
            self.step = Step::Shown(bytes, is);
            return Ok(());
        }
        if bytes == 0 {
            return self.go_behind(0);
        }
        let missing = bytes - found.min(bytes);
        Err(Error::config(format!(
            "`{}` has {found} bytes, and {bytes} were saved: {missing} are missing, and the run cannot go on behind them; a run \
             without --resume starts afresh",
            written.display()
        )))
    }

    fn prepare(&mut self) -> Result<()> {
        if matches!(self.step, Step::Written(_)) {
            return Ok(());
        }
        // Where no more came than was saved, it stays; what stands behind that was of records that did not come again.
        if let Step::Shown(bytes, _) = self.step
            && there(self.target.path())?.is_some_and(|(len, _)| len == bytes)
        {
            return Ok(());
        }
        self.writer()?;
        let Step::Writing(writer) = std::mem::replace(&mut self.step, Step::Written(None)) else { return Ok(()) };
        let finished = writer.finish()?.finish()?;
        if let (Some(bytes), Some((_, identity))) = (finished, there(self.target.written())?) {
            self.step = Step::Written(Some(What::File { bytes, identity }));
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        match self.step {
            Step::Shown(..) => Ok(()),
            _ => self.target.show(),
        }
    }

    fn abort(&mut self) -> Result<()> {
        // What was written so far stays beside; that it is complete is not needed.
        if let Step::Writing(writer) = std::mem::replace(&mut self.step, Step::Written(None))
            && let Ok(output) = writer.finish()
        {
            let _ = output.finish();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
