//! What a process costs: seconds of CPU, and memory at its largest.

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use std::ops::Sub;
use std::process::Command;
use std::time::{Duration, Instant};
use wait4::Wait4;

/// What was spent between two moments, or by a process in all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    pub(crate) user: Duration,
    pub(crate) system: Duration,
}

impl Spent {
    /// User and system together: what stays the same when others use the machine too, or nearly so.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        (self.user + self.system).as_secs_f64()
    }
}

impl Sub for Spent {
    type Output = Spent;

    fn sub(self, earlier: Spent) -> Spent {
        Spent {
            wall: self.wall.saturating_sub(earlier.wall),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// What this process spends from now on.
pub(crate) struct Meter {
    began: Instant,
    before: Spent,
}

impl Meter {
    pub(crate) fn start() -> Result<Meter> {
        let began = Instant::now();
        Ok(Meter { began, before: spent_by_self(began)? })
    }

    pub(crate) fn stop(self) -> Result<Spent> {
        Ok(spent_by_self(self.began)? - self.before)
    }
}

/// The largest memory that this process ever had, in bytes.
pub(crate) fn peak_of_self() -> Result<u64> {
    // The kernel counts in KiB.
    Ok(u64::try_from(getrusage(UsageWho::RUSAGE_SELF)?.max_rss())? * 1024)
}

/// Runs a command to its end: what it spent, with the children it waited for, and its largest memory in bytes.
///
/// The memory is never less than that of this process when it began the command: measure from a small one.
pub(crate) fn run(command: &mut Command) -> Result<(Spent, u64)> {
    let program = command.get_program().to_string_lossy().into_owned();
    let began = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    let end = child.wait4().with_context(|| format!("cannot wait for {program}"))?;
    let spent = Spent { wall: began.elapsed(), user: end.rusage.utime, system: end.rusage.stime };
    ensure!(end.status.success(), "{program} ended with {}", end.status);
    Ok((spent, end.rusage.maxrss))
}

fn spent_by_self(began: Instant) -> Result<Spent> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    Ok(Spent { wall: began.elapsed(), user: duration(usage.user_time()), system: duration(usage.system_time()) })
}

fn duration(time: TimeVal) -> Duration {
    // A process never used less than no time.
    let part = |value: i64| u64::try_from(value).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec())) + Duration::from_micros(part(time.tv_usec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_process_spends_and_a_sleeping_one_does_not() {
        let (busy, peak) =
            run(Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"])).unwrap();
        let (idle, _) = run(Command::new("sleep").arg("0.05")).unwrap();
        assert!(busy.cpu_seconds() > idle.cpu_seconds());
        assert!(idle.wall >= Duration::from_millis(50));
        assert!(peak > 100_000, "{peak} bytes");
    }

    #[test]
    fn a_command_that_fails_is_an_error() {
        assert!(run(&mut Command::new("false")).is_err());
        assert!(run(&mut Command::new("no-such-program-anywhere")).is_err());
    }

    #[test]
    fn this_process_has_memory() {
        assert!(peak_of_self().unwrap() > 100_000);
        Meter::start().unwrap().stop().unwrap();
    }
}
