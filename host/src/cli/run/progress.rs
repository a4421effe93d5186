//! How far a run is, on one line of the terminal.

use campanile_engine::Progress;
use campanile_engine::spec::PipelineSpec;
use campanile_sdk::Kind;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};

/// The line is drawn anew so often; the rate is that of the last such while.
const DRAW_EVERY: Duration = Duration::from_millis(250);

/// The line.
#[derive(Clone)]
pub(super) struct ProgressLine {
    bar: ProgressBar,
    /// The kinds of the stages, in the order of the file.
    kinds: Vec<Kind>,
}

/// All stages together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Totals {
    read: u64,
    written: u64,
    errors: u64,
    alerts: u64,
    waiting: u64,
}

impl ProgressLine {
    /// A line for a pipeline, on stderr.
    pub(super) fn new(spec: &PipelineSpec) -> ProgressLine {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise}  {msg}") {
            bar.set_style(style);
        }
        ProgressLine { bar, kinds: spec.stages.iter().map(|stage| stage.plugin.kind).collect() }
    }

    /// What shows the progress that the engine tells of.
    pub(super) fn shower(self) -> Box<dyn FnMut(&Progress) + Send> {
        let (mut before, mut drawn) = (Totals::default(), Instant::now());
        Box::new(move |progress| {
            let since = drawn.elapsed();
            if since < DRAW_EVERY {
                return;
            }
            let totals = totals(&self.kinds, progress);
            let rate = totals.read.saturating_sub(before.read) as f64 / since.as_secs_f64();
            let state = match (progress.suspended, progress.waits) {
                (true, _) => "  suspended",
                (_, true) => "  waits for publishers",
                _ => "",
            };
            self.bar.set_message(message(totals, rate) + state);
            self.bar.tick();
            (before, drawn) = (totals, Instant::now());
        })
    }

    /// Prints a line above this one.
    pub(super) fn aside(&self, text: &str) {
        self.bar.suspend(|| crate::cli::output::say(text));
    }

    /// Takes the line away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

fn totals(kinds: &[Kind], progress: &Progress) -> Totals {
    let mut totals = Totals::default();
    for (kind, stage) in kinds.iter().zip(&progress.stages) {
        let metric = |name: &str| stage.metrics.get(name).map_or(0, |&value| value as u64);
        match kind {
            Kind::Source => totals.read += metric("records.out"),
            Kind::Sink => totals.written += metric("records.in"),
            Kind::AlertPublisher => totals.waiting += metric("alerts.waiting"),
            _ => {}
        }
        totals.errors += metric("records.error");
        totals.alerts += metric("records.alert");
    }
    totals
}

fn message(totals: Totals, rate: f64) -> String {
    let Totals { read, written, errors, alerts, waiting } = totals;
    let counted = |count: u64, what: &str| match count {
        0 => String::new(),
        count => format!("  {} {what}", HumanCount(count)),
    };
    format!(
        "{} records in  {} out  {}/s{}{}{}",
        HumanCount(read),
        HumanCount(written),
        HumanCount(rate as u64),
        counted(alerts, "alerts"),
        counted(waiting, "waiting"),
        counted(errors, "errors")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_engine::StageProgress;

    #[test]
    fn sources_read_and_sinks_write() {
        let stage = |metrics: &[(&str, f64)]| StageProgress {
            name: String::new(),
            metrics: metrics.iter().map(|&(name, value)| (name.to_owned(), value)).collect(),
        };
        let progress = Progress {
            stages: vec![
                stage(&[("records.out", 1_234.0)]),
                stage(&[("records.in", 1_234.0), ("records.out", 7.0), ("records.alert", 3.0)]),
                stage(&[("records.in", 7.0), ("records.error", 1.0)]),
                stage(&[("records.in", 3.0), ("alerts.published", 3.0)]),
            ],
            waits: false,
            suspended: false,
        };
        let kinds = [Kind::Source, Kind::Transform, Kind::Sink, Kind::AlertPublisher];
        let totals = totals(&kinds, &progress);
        assert_eq!(totals, Totals { read: 1_234, written: 7, errors: 1, alerts: 3, waiting: 0 });
        assert_eq!(message(totals, 10.0), "1,234 records in  7 out  10/s  3 alerts  1 errors");
        assert_eq!(message(Totals::default(), 0.0), "0 records in  0 out  0/s");
    }
}
