//! Error records that no stage takes, kept: one JSON object a line in a file, or a message in the run's store.

use super::errors::ErrorBatch;
use super::json;
use crate::store::{MessageId, Store, StoreError, Topic, Write};
use arrow_schema::SchemaRef;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes of letters that a chain holds before it asks for a save point: 1 MiB.
const PENDING_BYTES: usize = 1 << 20;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes: u64,
    pub(super) age_ms: i64,
}

/// Where dead letters go.
#[derive(Debug)]
pub(super) struct DeadLetters {
    kept: Mutex<Kept>,
    bounds: Bounds,
}

#[derive(Debug)]
enum Kept {
    File(LetterFile),
    Store(LetterLog),
}

#[derive(Debug)]
struct LetterFile {
    path: PathBuf,
    file: BufWriter<File>,
    length: u64,
    /// Letters that did not fit.
    left_out: u64,
}

/// The letters of a store, as far as they can be cut off at the front.
#[derive(Debug, Default)]
struct LetterLog {
    letters: VecDeque<(MessageId, u64, i64)>,
    bytes: u64,
    last: Option<MessageId>,
}

/// Letters of one chain that leave with the next save point.
#[derive(Debug, Default)]
pub(super) struct Pending {
    letters: Vec<Vec<u8>>,
    bytes: usize,
}

impl Pending {
    /// Adds the letters of these errors; true when so much waits that a save point is wanted.
    pub(super) fn add(&mut self, stage: &str, schema: &SchemaRef, errors: &ErrorBatch) -> bool {
        for i in 0..errors.len() {
            let letter = letter(stage, schema, errors, i).to_string().into_bytes();
            self.bytes += letter.len();
            self.letters.push(letter);
        }
        self.bytes > PENDING_BYTES
    }

    pub(super) fn take(&mut self) -> Vec<Vec<u8>> {
        self.bytes = 0;
        std::mem::take(&mut self.letters)
    }
}

impl DeadLetters {
    /// A file, made anew; or, where a run goes on, that of before, cut back to what it had at the save point.
    pub(super) fn in_file(path: &Path, keep: Option<u64>, bounds: Bounds) -> Result<DeadLetters, String> {
        let failed = |error: std::io::Error| format!("cannot write dead letters to {}: {error}", path.display());
        let file = match keep {
            None => File::create(path).map_err(failed)?,
            Some(length) => {
                let mut file = File::options().write(true).create(true).truncate(false).open(path).map_err(failed)?;
                let found = file.metadata().map_err(failed)?.len();
                if found < length {
                    return Err(format!(
                        "{} holds {found} bytes of dead letters where {length} were saved: without --resume it is begun \
                         anew",
                        path.display()
                    ));
                }
                file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
                file
            }
        };
        let kept =
            LetterFile { path: path.to_owned(), file: BufWriter::new(file), length: keep.unwrap_or(0), left_out: 0 };
        Ok(DeadLetters { kept: Mutex::new(Kept::File(kept)), bounds })
    }

    /// The log of a run's store.
    pub(super) fn in_store(store: &dyn Store, bounds: Bounds) -> Result<DeadLetters, StoreError> {
        let mut log = LetterLog::default();
        log.read_on(store)?;
        Ok(DeadLetters { kept: Mutex::new(Kept::Store(log)), bounds })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes letters at once, in a run that is not durable.
    pub(super) fn write(&self, stage: &str, schema: &SchemaRef, errors: &ErrorBatch) -> Result<(), String> {
        let Kept::File(file) = &mut *self.kept() else { return Ok(()) };
        for i in 0..errors.len() {
            file.append(letter(stage, schema, errors, i).to_string().as_bytes(), self.bounds.bytes)?;
        }
        Ok(())
    }

    /// An alert that a publisher rejected, in a run that is not durable.
    pub(super) fn write_alert(&self, publisher: &str, reason: &str, alert: Value) -> Result<(), String> {
        let Kept::File(file) = &mut *self.kept() else { return Ok(()) };
        let letter = json!({ "stageName": publisher, "errorCode": 0, "errorMessage": reason, "alert": alert });
        file.append(letter.to_string().as_bytes(), self.bounds.bytes)
    }

    /// Puts letters into a save point. A file's are durable when this returns; how long it then is comes back.
    pub(super) fn save(
        &self,
        letters: Vec<Vec<u8>>,
        run_id: &str,
        now: i64,
        write: &mut Write,
    ) -> Result<Option<u64>, String> {
        match &mut *self.kept() {
            Kept::File(file) => {
                for letter in letters {
                    file.append(&letter, self.bounds.bytes)?;
                }
                file.sync()?;
                Ok(Some(file.length))
            }
            Kept::Store(log) => {
                if let Some(through) = log.cut(self.bounds, now) {
                    write.trim.push((Topic::Errors, through));
                }
                if !letters.is_empty() {
                    let kept = letters.iter().map(|letter| in_store(letter, run_id, now));
                    write.publish.push((Topic::Errors, kept.collect()));
                }
                Ok(None)
            }
        }
    }

    /// A save point is on the disk: what it brought can be cut off later.
    pub(super) fn saved(&self, store: &dyn Store) -> Result<(), StoreError> {
        match &mut *self.kept() {
            Kept::File(_) => Ok(()),
            Kept::Store(log) => log.read_on(store),
        }
    }

    /// Makes everything durable. Something that a person should know comes back.
    pub(super) fn finish(&self) -> Result<Option<String>, String> {
        let Kept::File(file) = &mut *self.kept() else { return Ok(None) };
        file.sync()?;
        let LetterFile { path, left_out, .. } = file;
        Ok((*left_out > 0).then(|| {
            format!("{} is full (deadLetters.maxBytes): {left_out} more dead letters were left out", path.display())
        }))
    }
}

impl LetterFile {
    fn append(&mut self, letter: &[u8], bound: u64) -> Result<(), String> {
        let length = letter.len() as u64 + 1;
        if self.length + length > bound {
            self.left_out += 1;
            return Ok(());
        }
        self.length += length;
        let written = self.file.write_all(letter).and_then(|()| self.file.write_all(b"\n"));
        written.map_err(|error| self.failed(&error))
    }

    fn sync(&mut self) -> Result<(), String> {
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> String {
        format!("cannot write dead letters to {}: {error}", self.path.display())
    }
}

impl LetterLog {
    /// Takes in what was added behind.
    fn read_on(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        const READ_MESSAGES: usize = 256;
        loop {
            let read = store.read(Topic::Errors, self.last, READ_MESSAGES)?;
            let Some(last) = read.last() else { return Ok(()) };
            self.last = Some(last.id);
            for stored in read {
                let bytes = stored.bytes.len() as u64;
                self.bytes += bytes;
                self.letters.push_back((stored.id, bytes, stored.id.timestamp_ms() as i64));
            }
        }
    }

    /// Takes out what is too old or too much, and answers up to where.
    fn cut(&mut self, bounds: Bounds, now: i64) -> Option<MessageId> {
        let mut through = None;
        while let Some(&(id, bytes, time)) = self.letters.front() {
            if self.bytes <= bounds.bytes && now.saturating_sub(time) <= bounds.age_ms {
                break;
            }
            through = Some(id);
            self.bytes -= bytes;
            self.letters.pop_front();
        }
        through
    }
}

/// A letter as it lies in a store: with the run and the time.
fn in_store(letter: &[u8], run_id: &str, now: i64) -> Vec<u8> {
    let mut kept = json!({ "runId": run_id, "timeMs": now }).to_string().into_bytes();
    // `{"runId":…,"timeMs":…` and the members of the letter.
    kept.pop();
    kept.push(b',');
    kept.extend_from_slice(letter.get(1..).unwrap_or_default());
    kept
}

fn letter(stage: &str, schema: &SchemaRef, errors: &ErrorBatch, i: usize) -> Value {
    let mut letter = json!({
        "stageName": stage,
        "errorCode": errors.codes[i],
        "errorMessage": errors.message(i),
    });
    if errors.has_record[i] {
        letter["record"] = json::object(schema, errors.batch.columns(), i);
    }
    let raw = errors.raw(i);
    if !raw.is_empty() {
        match std::str::from_utf8(raw) {
            Ok(text) => {
                letter["raw"] = text.into();
                letter["rawEncoding"] = "utf8".into();
            }
            Err(_) => {
                let mut base64 = Vec::new();
                campanile_sdk::text::write_base64(raw, &mut base64);
                letter["raw"] = String::from_utf8_lossy(&base64).into_owned().into();
                letter["rawEncoding"] = "base64".into();
            }
        }
    }
    let mut position = json!({});
    if !errors.file.is_empty() {
        position["file"] = errors.file.as_str().into();
    }
    if errors.lines[i] > 0 {
        position["line"] = errors.lines[i].into();
    }
    if let Some(offset) = errors.position(i) {
        position["offset"] = offset.into();
    }
    if position.as_object().is_some_and(|position| !position.is_empty()) {
        letter["position"] = position;
    }
    letter
}
