//! What became of alerts.

use crate::clock::now_ns;
use campanile_sdk::{AlertPublisher, Alerts, Result};
use serde::Deserialize;
use std::path::PathBuf;

/// Notes when alerts come, and in which order. At the end it writes what it has seen, a JSON object.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Bell {
    /// Where it writes.
    path: PathBuf,
    /// Alerts of so many records at the beginning are not measured.
    #[serde(default)]
    skip: i64,
    #[serde(skip)]
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    alerts: u64,
    /// The sum of the aggregate `alerts` of groups.
    grouped: u64,
    first: Option<i64>,
    last: Option<i64>,
    /// How often an alert did not follow the one before.
    out_of_order: u64,
    first_due_ns: i64,
    last_ns: i64,
    latencies: Vec<i64>,
}

impl AlertPublisher for Bell {
    fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()> {
        let now = now_ns();
        let seen = &mut self.seen;
        for alert in alerts {
            let number = |key: &str| alert.get(key).and_then(|text| text.parse::<i64>().ok());
            seen.alerts += 1;
            seen.last_ns = now;
            seen.grouped += number("alerts").and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
            let Some(n) = number("n") else { continue };
            seen.out_of_order += u64::from(seen.last.is_some_and(|last| n != last + 1));
            seen.last = Some(n);
            let Some(due) = number("due") else { continue };
            if seen.first.is_none() {
                (seen.first, seen.first_due_ns) = (Some(n), due);
            }
            if n >= self.skip {
                seen.latencies.push(now - due);
            }
        }
        Ok(())
    }

    fn destroy(&mut self) -> Result<()> {
        let Seen { alerts, grouped, first, last, out_of_order, first_due_ns, last_ns, latencies } = &mut self.seen;
        latencies.sort_unstable();
        let at = |part: f64| latencies.get((latencies.len() as f64 * part) as usize).copied().unwrap_or_default();
        let (first, last) = (first.unwrap_or(-1), last.unwrap_or(-1));
        let took_ns = *last_ns - *first_due_ns;
        let [p50, p99, p999, max] = [at(0.5), at(0.99), at(0.999), latencies.last().copied().unwrap_or_default()];
        std::fs::write(
            &self.path,
            format!(
                "{{\"alerts\":{alerts},\"grouped\":{grouped},\"first\":{first},\"last\":{last},\
                 \"outOfOrder\":{out_of_order},\"tookNs\":{took_ns},\"p50\":{p50},\"p99\":{p99},\"p999\":{p999},\
                 \"max\":{max}}}"
            ),
        )?;
        Ok(())
    }
}
