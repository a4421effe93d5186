//! The records of the benchmark: heart rates of 10,000 users, the same at every run.

use crate::answer::{Answer, Groups};
use crate::random::Random;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

pub(crate) const USERS: u32 = 10_000;
/// A heartbeat above it is an alert.
pub(crate) const LIMIT: f64 = 150.0;
/// How many heartbeats are above the limit, where nothing else is asked for.
pub(crate) const FEW: f64 = 0.01;
/// Every heartbeat is above the limit.
pub(crate) const STORM: f64 = 1.0;

const LIMIT_TENTHS: u32 = 1_500;
const START_MS: u64 = 1_716_200_000_000;
const BUFFER_BYTES: usize = 256 * 1024;

/// One record. Its numbers end in no zero, so that whoever prints doubles as short as can be prints the bytes that he read.
pub(crate) struct Reading {
    ts: u64,
    pub(crate) user: u32,
    /// The heartbeat in tenths.
    pub(crate) tenths: u32,
    device: u32,
    /// Degrees in millionths.
    lat: u32,
    lon: u32,
}

impl Reading {
    pub(crate) fn alerts(&self) -> bool {
        self.tenths > LIMIT_TENTHS
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let Reading { ts, user, tenths, device, lat, lon } = self;
        let (beats, tenth) = (tenths / 10, tenths % 10);
        let (lat, lat_rest) = (lat / 1_000_000, lat % 1_000_000);
        let (lon, lon_rest) = (lon / 1_000_000, lon % 1_000_000);
        writeln!(
            out,
            "{{\"ts\":{ts},\"userid\":\"u{user:07}\",\"name\":\"name of {user}\",\"heartbeat\":{beats}.{tenth},\
             \"device\":\"d{device}\",\"lat\":{lat}.{lat_rest:06},\"lon\":{lon}.{lon_rest:06}}}"
        )
    }
}

/// Endless readings, a millisecond apart.
pub(crate) struct Readings {
    random: Random,
    ts: u64,
    alerting: f64,
}

impl Readings {
    /// `alerting` is the fraction of heartbeats above the limit.
    pub(crate) fn new(alerting: f64) -> Readings {
        Readings { random: Random::new(17), ts: START_MS, alerting }
    }

    /// From `from` to below `to`, both multiples of 10, with a last digit that is not 0.
    fn number(&mut self, from: u32, to: u32) -> u32 {
        from + self.random.below((to - from) / 10) * 10 + 1 + self.random.below(9)
    }
}

impl Iterator for Readings {
    type Item = Reading;

    fn next(&mut self) -> Option<Reading> {
        let tenths = if self.random.in_fraction(self.alerting) {
            self.number(LIMIT_TENTHS, 2_100)
        } else {
            self.number(500, LIMIT_TENTHS)
        };
        let reading = Reading {
            ts: self.ts,
            user: self.random.below(USERS),
            tenths,
            device: self.random.below(100),
            lat: self.number(47_000_000, 55_000_000),
            lon: self.number(6_000_000, 15_000_000),
        };
        self.ts += 1;
        Some(reading)
    }
}

/// Writes `count` records as JSON lines, and beside them what is true of them.
pub(crate) fn generate(path: &Path, count: u64, alerting: f64) -> Result<Answer> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
    let mut groups = Groups::default();
    let mut records = 0;
    for reading in Readings::new(alerting).take(usize::try_from(count)?) {
        reading.write(&mut out)?;
        records += 1;
        if reading.alerts() {
            groups.add(reading.user, 1, u64::from(reading.tenths));
        }
    }
    out.flush()?;
    let answer = groups.answer(records);
    answer.save_beside(path)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize, alerting: f64) -> Vec<String> {
        Readings::new(alerting)
            .take(count)
            .map(|reading| {
                let mut line = Vec::new();
                reading.write(&mut line).unwrap();
                String::from_utf8(line).unwrap()
            })
            .collect()
    }

    #[test]
    fn records_stay_what_they_are() {
        let first = "{\"ts\":1716200000000,\"userid\":\"u0002238\",\"name\":\"name of 2238\",\"heartbeat\":89.3,\
                     \"device\":\"d1\",\"lat\":47.651801,\"lon\":11.881761}\n";
        assert_eq!(lines(1, FEW), [first]);
    }

    #[test]
    fn records_are_about_120_bytes_and_print_as_they_were_read() {
        for line in lines(1_000, FEW) {
            assert!((112..=132).contains(&line.len()), "{} bytes: {line}", line.len());
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(format!("{value}\n"), line);
        }
    }

    #[test]
    fn the_fraction_of_alerts_is_what_was_asked_for() {
        let alerts = |alerting| Readings::new(alerting).take(100_000).filter(Reading::alerts).count();
        assert!((900..1_100).contains(&alerts(FEW)), "{}", alerts(FEW));
        assert_eq!(alerts(STORM), 100_000);
        assert_eq!(alerts(0.0), 0);
    }
}
