//! The boundary by itself: the same threshold as a library, linked in, and as a loop written by hand.

use crate::random::Random;
use crate::threshold::Threshold;
use anyhow::{Context, Result, ensure};
use campanile_sdk::__private::TransformStage;
use campanile_sdk::proxy::Plugin;
use campanile_sdk::testing::{Counted, Crossings};
use campanile_sdk::{ColumnBuilder, DataType, Kind, Schema, SchemaField};
use serde_json::json;
use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: f64 = 150.0;
/// Rows that each measurement works through.
const ROWS: usize = 20_000_000;
const REPEATS: usize = 7;

/// Five columns: two of text, three of numbers.
fn schema() -> Schema {
    let field = |name, data_type| SchemaField::new(name, data_type);
    Schema::new(vec![
        field("ts", DataType::Long),
        field("userid", DataType::String),
        field("name", DataType::String),
        field("heartbeat", DataType::Double),
        field("lat", DataType::Double),
    ])
}

fn columns(rows: usize, alerting: f64) -> Result<(Vec<ColumnBuilder>, Vec<f64>)> {
    let mut columns = ColumnBuilder::all(&schema()).map_err(told)?;
    let mut random = Random::new(7);
    let mut beats = Vec::with_capacity(rows);
    for row in 0..rows {
        // In tenths, as monitors tell them.
        let tenths = if random.in_fraction(alerting) { 1_505 + random.below(500) } else { 500 + random.below(900) };
        let bpm = f64::from(tenths) / 10.0;
        columns[0].push_i64(1_716_200_000_000 + row as i64);
        columns[1].push_text(&format!("u{:07}", row % 10_000));
        columns[2].push_text(&format!("name of {}", row % 10_000));
        columns[3].push_f64(bpm);
        columns[4].push_f64(48.0);
        beats.push(bpm);
    }
    Ok((columns, beats))
}

/// The fastest of several repeats, in nanoseconds a row.
fn fastest(rows: usize, mut run: impl FnMut(usize) -> Result<Duration>) -> Result<f64> {
    let times = ROWS / rows;
    run(times / 10)?;
    let mut best = f64::INFINITY;
    for _ in 0..REPEATS {
        best = best.min(run(times)?.as_nanos() as f64 / (times * rows) as f64);
    }
    Ok(best)
}

/// The SDK's errors are no standard errors, so that any of these becomes one.
fn told(error: campanile_sdk::Error) -> anyhow::Error {
    anyhow::anyhow!("{error}")
}

/// What a loop takes that only compares, keeps the rows in a list and forgets them.
fn by_hand(beats: &[f64], times: usize) -> Duration {
    let mut rows = Vec::with_capacity(beats.len());
    let begun = Instant::now();
    for _ in 0..times {
        rows.clear();
        for (row, &bpm) in black_box(beats).iter().enumerate() {
            if bpm > LIMIT {
                rows.push(row as u32);
            }
        }
        black_box(&rows);
    }
    begun.elapsed()
}

/// Prints the table of the boundary. The library is that of the plugin Threshold.
pub(crate) fn measure(library: &Path) -> Result<()> {
    let loaded = campanile_abi::load::Library::open(library);
    let loaded = loaded.map_err(|error| anyhow::anyhow!("{}: {error:?}", library.display()))?;
    let library = Plugin::new(&loaded, 0, Kind::Transform).context("the library's first plugin is no transform")?;
    let linked = Plugin::linked::<TransformStage<Threshold>>().context("the linked plugin is no transform")?;
    let mut out = io::stdout().lock();
    writeln!(out, "| rows | alerts | by hand, ns/row | linked in | library | a crossing, ns | library / linked |")?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    let mut quiet_at = Vec::new();
    for (alerting, name) in [(0.0, "none"), (0.01, "1 %"), (1.0, "all")] {
        for rows in [64, 1_024, 8_192] {
            let (_, beats) = columns(rows, alerting)?;
            let hand = fastest(rows, |times| Ok(by_hand(&beats, times)))?;
            let time = |plugin: &Plugin| -> Result<(f64, Counted)> {
                let properties = json!({ "field": "heartbeat", "above": LIMIT, "payload": ["userid", "heartbeat"] });
                let mut crossings =
                    Crossings::new(plugin, &properties, &schema(), columns(rows, alerting)?.0).map_err(told)?;
                let best = fastest(rows, |times| crossings.run(times).map_err(told))?;
                Ok((best, crossings.counted()))
            };
            let (linked, linked_counted) = time(&linked)?;
            let (library, counted) = time(&library)?;
            ensure!(counted == linked_counted, "the library gives {counted:?}, linked in {linked_counted:?}");
            ensure!(counted.columns_copied == 0, "a column was copied");
            let crossing = (library - hand) * rows as f64;
            writeln!(
                out,
                "| {rows} | {name} | {hand:.2} | {linked:.2} | {library:.2} | {} | {:.2} |",
                if alerting == 0.0 { format!("{crossing:.0}") } else { "-".to_owned() },
                library / linked,
            )?;
            match alerting {
                0.0 => quiet_at.push(library),
                0.01 => {
                    let quiet = quiet_at[[64, 1_024, 8_192].iter().position(|&r| r == rows).unwrap_or_default()];
                    writeln!(out, "|  | 1 % on top of none |  |  | {:.2} ns/row |  |  |", library - quiet)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}
