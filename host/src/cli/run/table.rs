//! What each stage did, as a table.

use campanile_engine::Report;
use campanile_sdk::Kind;
use comfy_table::{Cell, CellAlignment, Table, presets};

/// Of publishers other things are counted than of the rest.
const PUBLISHED: [&str; 2] = ["published", "rejected"];

/// The stages in the order of the file.
pub(super) fn of_stages(report: &Report) -> String {
    let publishes = report.stages.iter().any(|(_, stage)| is_publisher(&stage.kind));
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let numbers = ["in", "out", "errors", "alerts"].into_iter().chain(PUBLISHED.into_iter().filter(|_| publishes));
    let header = ["stage", "kind", "plugin"].into_iter().map(Cell::new);
    table.set_header(header.chain(numbers.map(|name| Cell::new(name).set_alignment(CellAlignment::Right))));
    for (name, stage) in &report.stages {
        let mut row = vec![Cell::new(name), Cell::new(&stage.kind), Cell::new(&stage.plugin)];
        let kind = Kind::parse(&stage.kind);
        let counts: &[Option<&str>] = match kind {
            Some(Kind::Source) => &[None, Some("records.out"), Some("records.error"), Some("records.alert")],
            Some(Kind::Sink) => &[Some("records.in"), None, Some("records.error")],
            Some(Kind::AlertPublisher) => {
                &[Some("records.in"), None, None, None, Some("alerts.published"), Some("alerts.rejected")]
            }
            _ => &[Some("records.in"), Some("records.out"), Some("records.error"), Some("records.alert")],
        };
        for count in counts {
            let text = count.map_or_else(String::new, |metric| report.metric(name, metric).to_string());
            row.push(Cell::new(text).set_alignment(CellAlignment::Right));
        }
        table.add_row(row);
    }
    table.trim_fmt()
}

fn is_publisher(kind: &str) -> bool {
    kind == Kind::AlertPublisher.as_str()
}
