//! {summary}

use campanile_sdk::{
    AlertFormat, AlertPublisher, Alerts, Error, Result, StageContext, export_plugin,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::fs::{File, OpenOptions};
use std::io::Write;

/// Appends alerts to a file, one JSON object a line.
// Put in place of the file whoever should hear of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct {Name} {
    /// The file, relative to the pipeline's.
    #[schemars(extend("x-path" = true))]
    path: String,
    /// How alerts are written.
    #[serde(default)]
    format: AlertFormat,
    #[serde(skip)]
    file: Option<File>,
}

impl AlertPublisher for {Name} {
    fn initialize(&mut self, _context: &mut StageContext<'_>) -> Result<()> {
        // What cannot be reached keeps the run from starting: better than at the first alert, weeks later.
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path);
        self.file = Some(
            file.map_err(|error| Error::config(format!("cannot write {}: {error}", self.path)))?,
        );
        Ok(())
    }

    fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()> {
        let mut lines = Vec::new();
        for alert in alerts {
            // `alert.retry(reason)` would have it come again, `alert.reject(reason)` would set it aside.
            alert.write_json(self.format, &mut lines);
            lines.push(b'\n');
        }
        // With an error of kind `retry` all of them come again; the host waits in between.
        let file = self
            .file
            .as_mut()
            .ok_or_else(|| Error::fatal("not initialized"))?;
        file.write_all(&lines)
            .map_err(|error| Error::retry(format!("cannot write {}: {error}", self.path)))
    }

    fn destroy(&mut self) -> Result<()> {
        // Always called, however the run went.
        self.file = None;
        Ok(())
    }
}

export_plugin!(alertpublisher {Name} in "plugin");

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_sdk::testing::{self, TestAlert};
    use serde_json::json;
    use std::fs;

    #[test]
    fn it_appends_alerts() {
        let path =
            std::env::temp_dir().join(format!("{crate}-{}.jsonl", std::process::id()));
        let plugin =
            testing::alert_publisher::<{Name}>(json!({ "path": path, "format": "cdap" }));
        plugin
            .publish(&[TestAlert::new("too-fast", &[("heartbeat", "182")])])
            .unwrap();
        let written = fs::read_to_string(&path).unwrap();
        assert_eq!(
            written,
            "{\"stageName\":\"too-fast\",\"payload\":{\"heartbeat\":\"182\"}}\n"
        );
        fs::remove_file(path).unwrap();
    }
}
