//! A run: one execution of a plan, on threads of its own.
//!
//! Stages that are joined without a meeting point form a chain, which runs on one thread by direct calls; bounded queues
//! stand where chains meet and in front of publishers. The calling thread only watches: it ticks the clock that call
//! deadlines are measured by, shows progress, and gives up on a plugin that does not return.

mod alerts;
mod barrier;
mod chain;
mod dead_letters;
mod end;
mod errors;
mod event_time;
mod json;
mod layout;
mod metrics;
mod opening;
mod options;
mod ordinals;
mod outlet;
mod publisher;
mod publishers;
mod report;
mod resume;
mod save_point;
mod saver;
mod services;
mod shared;
mod source;
mod splits;
mod start;
mod watch;
mod windows;

pub use metrics::MetricsSnapshot;
pub use options::{
    Clock, Log, LogRecord, Notice, Progress, ProgressCallback, RunOptions, SecretLookup, StageProgress, Stop,
};
pub use report::{Problem, Report, StageReport, Status};

use crate::plan::Plan;
use end::End;
use resume::Resume;
use saver::Saver;
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
        let found = match options.store.as_ref().filter(|_| options.dry_run.is_none()) {
            Some(store) => resume::find(&**store, &self, options.resume || self.is_live()),
            None => Ok((None, None)),
        };
        let (from, told) = found.clone().unwrap_or_default();
        let told = told.filter(|_| from.is_some() || options.resume || !self.is_live());
        let shared = Arc::new(Shared::new(&self, &options, from.as_ref()));
        if let Some(told) = told {
            shared.notice(&told);
        }
        if let Err(error) = found {
            shared.fail_run(error.to_string());
            return shared.report();
        }
        let mut progress = options.progress.take();
        let deadline = self.spec().call_timeout.unwrap_or(options.call_deadline);
        let (done, finished) = sync_channel(1);
        let runner = {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new().name("run".to_owned()).spawn(move || {
                execute(&self, &options, &shared, from);
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
fn execute(plan: &Plan, options: &RunOptions, shared: &Arc<Shared>, from: Option<save_point::SavePoint>) {
    let slot = &shared.watch.slot();
    let resume = from.zip(options.store.clone()).map(|(point, store)| {
        let (resume, notices) = Resume::new(plan, store, point);
        notices.iter().for_each(|notice| shared.notice(notice));
        resume
    });
    let start = Start { plan, options, shared, slot, resume: resume.as_ref() };
    let mut opened = start.open();
    if opened.failed.is_none() {
        let sources_of: Vec<Vec<usize>> = (0..shared.stages.len()).map(|stage| start.sources_of(stage)).collect();
        let mut saver = Saver {
            plan,
            shared,
            barrier: &opened.barrier,
            slot,
            durable: opened.durable.clone(),
            interval: start.interval(),
            gap: options.save_gap,
            publishers: &opened.takers,
            instances: &opened.instances,
            sources_of: &sources_of,
            number: opened.number,
            states: std::mem::take(&mut opened.states),
        };
        saver.run();
        (opened.number, opened.states) = (saver.number, saver.states);
    } else {
        opened.barrier.over();
    }
    End { plan, shared, slot, order: plan.graph.order() }.finish(opened);
    if let Some(letters) = shared.dead_letters.get() {
        match letters.finish() {
            Ok(None) => {}
            Ok(Some(said)) => shared.notice(&said),
            Err(message) => shared.fail_run(message),
        }
    }
    shared.ended();
}
