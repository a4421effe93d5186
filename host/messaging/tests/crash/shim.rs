//! Starts a child with `tests/fixtures/power-cut` below it.

use crate::child::Settings;
use crate::disk::{Note, notes};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// A child that has not ended by then hangs.
const DEADLINE: Duration = Duration::from_secs(120);

/// What the disk does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fault {
    /// This sync of a journal fails, from 1.
    pub(crate) sync: Option<u64>,
    /// From this write to a table on, they fail, from 1.
    pub(crate) table: Option<u64>,
    /// Bytes that there is room for.
    pub(crate) room: Option<u64>,
}

/// What a child did.
pub(crate) struct Ran {
    pub(crate) notes: Vec<Note>,
    pub(crate) status: ExitStatus,
}

impl Ran {
    /// All that it told.
    pub(crate) fn told(&self) -> String {
        let told = self
            .notes
            .iter()
            .filter_map(|note| if let Note::Told { text } = note { Some(text.as_str()) } else { None });
        told.collect()
    }
}

/// The library that is put below the child; none where there is no way to have it.
pub(crate) fn shim() -> Option<&'static Path> {
    static SHIM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = SHIM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/power-cut/power_cut.c");
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("power_cut_{}.so", std::process::id()));
        let compile = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        match compile {
            _ if !cfg!(target_os = "linux") => None,
            Ok(status) => {
                assert!(status.success(), "the C compiler refuses it");
                // Under one name at last: others may run at the same time.
                let named = library.with_file_name("power_cut.so");
                std::fs::rename(&library, &named).unwrap();
                Some(named)
            }
            Err(_) => None,
        }
    });
    if built.is_none() {
        let why = "skipped: what a power cut leaves is simulated on Linux, with a C compiler `cc`";
        assert!(std::env::var_os("CI").is_none(), "{why}");
        println!("{why}");
    }
    built.as_deref()
}

/// Runs a child until it ends, or kills it behind the so-manyth line that it tells.
pub(crate) fn run(shim: &Path, settings: &Settings, folder: &Path, fault: Fault, kill_behind: Option<u64>) -> Ran {
    let folder = folder.canonicalize().unwrap();
    let log = tempfile::NamedTempFile::new_in(folder.parent().unwrap()).unwrap();
    let mut command = settings.command(&folder);
    command.env("LD_PRELOAD", shim).env("POWER_CUT_FOLDER", &folder).env("POWER_CUT_LOG", log.path());
    let faults = [("FAIL_SYNC", fault.sync), ("FAIL_TABLE", fault.table), ("ROOM", fault.room)];
    for (name, value) in faults.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        command.env(format!("POWER_CUT_{name}"), value.to_string());
    }
    let mut child = command.spawn().unwrap();
    let told = BufReader::new(child.stdout.take().unwrap());
    let child = Mutex::new(child);
    let (ended, ending) = sync_channel::<()>(0);
    std::thread::scope(|scope| {
        let child = &child;
        scope.spawn(move || {
            if ending.recv_timeout(DEADLINE) == Err(RecvTimeoutError::Timeout) {
                child.lock().unwrap().kill().unwrap();
            }
        });
        let mut count = 0;
        for line in told.split(b'\n').map(Result::unwrap) {
            if line.windows(2).any(|mark| mark == b"@ ") {
                if kill_behind == Some(count) {
                    child.lock().unwrap().kill().unwrap();
                }
                count += 1;
            }
        }
        drop(ended);
    });
    let status = child.into_inner().unwrap().wait().unwrap();
    Ran { notes: notes(log.path(), &folder), status }
}
