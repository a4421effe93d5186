//! Planning a pipeline while somebody watches: `configure` of a plugin is code of its author, and may never return.

use super::output::{say, say_problem};
use anyhow::Context;
use campanile_abi::last_words::last_entered;
use campanile_engine::library::Registry;
use campanile_engine::spec::PipelineFile;
use campanile_engine::{Plan, Stop};
use campanile_sdk::Finding;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How often the watching thread looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What came of it.
pub(crate) enum Planned {
    /// The plan, where nothing keeps it from running, and all findings.
    Done(Option<Box<Plan>>, Vec<Finding>),
    /// A plugin did not return; its thread cannot be ended, the process can.
    NotReturned,
    /// Somebody did not want to wait.
    Stopped,
}

/// Plans a pipeline on a thread of its own, and gives up when a plugin takes longer than the deadline for one stage.
pub(crate) fn plan(
    file: PipelineFile,
    mut registry: Registry,
    deadline: Duration,
    stop: &Stop,
) -> anyhow::Result<Planned> {
    let (done, planned) = sync_channel(1);
    let planner = move || {
        let (plan, findings) = Plan::new(file, &mut registry);
        tell_of_libraries(&registry, &findings);
        // Nobody listens any more where this fails.
        let _ = done.send((plan.map(Box::new), findings));
    };
    std::thread::Builder::new().name("plan".to_owned()).spawn(planner).context("cannot start a thread")?;
    let mut entered = (last_entered(), Instant::now());
    loop {
        match planned.recv_timeout(LOOK_EVERY) {
            Ok((plan, findings)) => return Ok(Planned::Done(plan, findings)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("planning panicked; this is a fault of campanile"),
        }
        if stop.is_stopped() {
            return Ok(Planned::Stopped);
        }
        let now = last_entered();
        // Each time that a stage is entered its name is another copy, so equal names are told apart too.
        if now.map(str::as_ptr) != entered.0.map(str::as_ptr) {
            entered = (now, Instant::now());
        }
        if entered.1.elapsed() > deadline {
            let stage = now.unwrap_or("?");
            let limit = deadline.as_secs_f64();
            say(format_args!(
                "error: stage `{stage}` did not return from planning within {limit} s (callTimeout): its plugin hangs \
                 while it is loaded, created or configured"
            ));
            return Ok(Planned::NotReturned);
        }
    }
}

/// Where a plugin was not found, a library that cannot be used may be the reason.
pub(crate) fn tell_of_libraries(registry: &Registry, findings: &[Finding]) {
    if findings.iter().any(|finding| finding.path.ends_with(".plugin.name")) {
        registry.problems().iter().for_each(say_problem);
    }
}
