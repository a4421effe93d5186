//! A run: one execution of a plan, on threads of its own.
//!
//! Stages that are joined without a meeting point form a chain, which runs on one thread by direct calls; bounded queues
//! stand where chains meet and in front of publishers. The calling thread only watches: it ticks the clock that call
//! deadlines are measured by, shows progress, and gives up on a plugin that does not return.

mod alerts;
mod chain;
mod dead_letters;
mod end;
mod errors;
mod json;
mod layout;
mod metrics;
mod opening;
mod options;
mod ordinals;
mod publisher;
mod report;
mod services;
mod shared;
mod start;
mod watch;

pub use metrics::MetricsSnapshot;
pub use options::{Log, LogRecord, Progress, ProgressCallback, RunOptions, SecretLookup, StageProgress, Stop};
pub use report::{Problem, Report, StageReport, Status};

use crate::plan::Plan;
use end::End;
use shared::Shared;
use start::Start;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How often the watching thread looks.
const WATCH_EVERY: Duration = Duration::from_millis(20);

impl Plan {
    /// Runs the plan to its end, and tells how it went. Everything that can go wrong is in the report.
    pub fn run(self, mut options: RunOptions) -> Report {
        let shared = Arc::new(Shared::new(&self, &options));
        let mut progress = options.progress.take();
        let deadline = self.spec().call_timeout.unwrap_or(options.call_deadline);
        let (done, finished) = sync_channel(1);
        let runner = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("run".to_owned()).spawn(move || {
                execute(&self, &options, &shared);
                // Whoever watched has gone where this fails.
                let _ = done.send(());
            })
        };
        let runner = match runner {
            Ok(runner) => runner,
            Err(error) => {
                shared.fail_run(format!("cannot start a thread: {error}"));
                return shared.report();
            }
        };
        let begun = Instant::now();
        loop {
            match finished.recv_timeout(WATCH_EVERY) {
                Ok(()) => break,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    shared.fail_run("the run's own thread panicked; this is a fault of campanile".to_owned());
                    break;
                }
            }
            shared.watch.tick(begun.elapsed());
            if let Some(stage) = shared.watch.overdue(deadline) {
                // The thread inside the plugin cannot be ended; whoever called ends the process.
                shared.fail(stage, format!("it did not return within {} s (callTimeout)", deadline.as_secs_f64()));
                return shared.report();
            }
            if let Some(progress) = &mut progress {
                progress(&shared.progress());
            }
        }
        let _ = runner.join();
        shared.report()
    }
}

/// Runs a plan from its start to its end; how it went stands in `shared`.
fn execute(plan: &Plan, options: &RunOptions, shared: &Arc<Shared>) {
    let slot = &shared.watch.slot();
    match (Start { plan, options, shared, slot }).open() {
        Ok(opened) => End { shared, slot, order: plan.graph.order() }.finish(opened),
        Err(failed) => failed.note(shared),
    }
    if let Some(letters) = shared.dead_letters.get() {
        letters.finish().unwrap_or_else(|message| shared.fail_run(message));
    }
    shared.ended();
}
