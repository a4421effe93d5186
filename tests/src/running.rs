//! A process that runs.

use crate::Ended;
use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What is not there by then never comes: long enough for a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(120);
/// Of what a process says, the bytes that are kept.
const KEPT_BYTES: usize = 16 << 20;
/// How often something that is waited for is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks until there is an answer.
///
/// # Panics
/// If there is none at the deadline.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = look() {
            return answer;
        }
        assert!(begun.elapsed() < DEADLINE, "{what}: not within {DEADLINE:?}");
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// A process that runs; it is killed with the test that gives it up.
#[derive(Debug)]
pub struct Running {
    child: Child,
    begun: Instant,
    stdout: Heard,
    stderr: Heard,
    peak_bytes: u64,
}

/// What a process says, while it says it.
#[derive(Debug, Default)]
struct Heard {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Heard {
    fn listen(from: Option<impl Read + Send + 'static>) -> Heard {
        let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&bytes);
        let thread = from.map(|mut from| {
            std::thread::spawn(move || {
                let mut piece = [0; 8 << 10];
                // What came until it broke is what there is to show; of a flood the beginning will do.
                while let Ok(read @ 1..) = from.read(&mut piece) {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = KEPT_BYTES.saturating_sub(kept.len());
                    kept.extend_from_slice(&piece[..read.min(room)]);
                }
            })
        });
        Heard { bytes, thread }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All of it, once the process has ended.
    fn whole(&mut self) -> Vec<u8> {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.so_far()
    }
}

impl Running {
    /// Starts a process and listens to what it says.
    pub fn start(mut command: Command) -> Running {
        if command.get_args().next().is_none() {
            command.arg("--help");
        }
        command.stdin(Stdio::null());
        Running::start_with_input(command)
    }

    /// Starts a process with the standard input that the command names.
    pub fn start_with_input(mut command: Command) -> Running {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary was built");
        let stdout = Heard::listen(child.stdout.take());
        let stderr = Heard::listen(child.stderr.take());
        Running { child, begun: Instant::now(), stdout, stderr, peak_bytes: 0 }
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(self) -> Ended {
        self.wait_and(|_| {})
    }

    /// Waits for its end, and does something each time that it is found running.
    #[track_caller]
    pub fn wait_and(mut self, mut meanwhile: impl FnMut(&Running)) -> Ended {
        let status = until("the process ends", || {
            self.peak_bytes = self.peak_bytes.max(self.memory());
            let status = self.child.try_wait().expect("it is a child of ours");
            if status.is_none() {
                meanwhile(&self);
            }
            status
        });
        let took = self.begun.elapsed();
        let (stdout, stderr) = (self.stdout.whole(), self.stderr.whole());
        Ended { status, stdout, stderr, took, peak_bytes: self.peak_bytes }
    }

    /// Looks until there is an answer, while the process runs.
    #[track_caller]
    pub fn until<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        until(what, || {
            let answer = look();
            let status = if answer.is_none() { self.child.try_wait().ok().flatten() } else { None };
            if let Some(status) = status {
                let (stdout, stderr) = (self.stdout.whole(), self.stderr.whole());
                let (took, peak_bytes) = (self.begun.elapsed(), self.peak_bytes);
                panic!("{what}: it ended before: {}", Ended { status, stdout, stderr, took, peak_bytes });
            }
            answer
        })
    }

    /// Looks until what it says answers, while the process runs.
    #[track_caller]
    pub fn says<T>(&mut self, what: &str, look: impl Fn(&str, &str) -> Option<T>) -> T {
        let (out, err) = (Arc::clone(&self.stdout.bytes), Arc::clone(&self.stderr.bytes));
        let text = |bytes: &Mutex<Vec<u8>>| {
            String::from_utf8_lossy(&bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
        };
        self.until(what, || look(&text(&out), &text(&err)))
    }

    /// Kills it as a crash does, and says what it had said.
    #[track_caller]
    pub fn kill(mut self) -> Ended {
        // A process that has just ended is no fault of the test.
        let _ = self.child.kill();
        self.wait()
    }

    /// The number by which the system knows it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it is a child of ours").is_some()
    }

    /// Sends a signal by its name: `TERM`, `INT`, `KILL`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        // A process that has just ended is no fault of the test.
        let _ = Command::new("kill").args(["-s", name, &pid]).stderr(Stdio::null()).status();
    }

    /// The most memory it has had so far, in bytes.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.and_then(|peak| peak.trim().parse::<u64>().ok()).unwrap_or_default() << 10
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to do where it has ended, and nobody to tell where it cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
