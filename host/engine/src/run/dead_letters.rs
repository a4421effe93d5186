//! Error records that no stage takes, kept: one JSON object a line.

use super::errors::ErrorBatch;
use super::json;
use arrow_schema::SchemaRef;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file of the dead letters. It is made anew by each run.
#[derive(Debug)]
pub(super) struct DeadLetters {
    path: PathBuf,
    file: Mutex<BufWriter<File>>,
}

impl DeadLetters {
    pub(super) fn create(path: &Path) -> Result<DeadLetters, String> {
        let file =
            File::create(path).map_err(|error| format!("cannot write dead letters to {}: {error}", path.display()))?;
        Ok(DeadLetters { path: path.to_owned(), file: Mutex::new(BufWriter::new(file)) })
    }

    pub(super) fn write(&self, stage: &str, schema: &SchemaRef, errors: &ErrorBatch) -> Result<(), String> {
        let mut lines = Vec::new();
        for i in 0..errors.len() {
            let letter = letter(stage, schema, errors, i);
            // Writing JSON to a vector cannot fail.
            let _ = serde_json::to_writer(&mut lines, &letter);
            lines.push(b'\n');
        }
        self.append(&lines)
    }

    /// An alert that a publisher rejected.
    pub(super) fn write_alert(&self, publisher: &str, reason: &str, alert: Value) -> Result<(), String> {
        let letter = json!({ "stageName": publisher, "errorCode": 0, "errorMessage": reason, "alert": alert });
        self.append(format!("{letter}\n").as_bytes())
    }

    fn append(&self, lines: &[u8]) -> Result<(), String> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(lines).map_err(|error| self.failed(&error))
    }

    /// Makes everything durable.
    pub(super) fn finish(&self) -> Result<(), String> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.flush().and_then(|()| file.get_ref().sync_all()).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &std::io::Error) -> String {
        format!("cannot write dead letters to {}: {error}", self.path.display())
    }
}

fn letter(stage: &str, schema: &SchemaRef, errors: &ErrorBatch, i: usize) -> Value {
    let mut letter = json!({
        "stageName": stage,
        "errorCode": errors.codes[i],
        "errorMessage": errors.message(i),
    });
    if errors.has_record[i] {
        letter["record"] = json::object(schema, errors.batch.columns(), i);
    }
    let raw = errors.raw(i);
    if !raw.is_empty() {
        match std::str::from_utf8(raw) {
            Ok(text) => {
                letter["raw"] = text.into();
                letter["rawEncoding"] = "utf8".into();
            }
            Err(_) => {
                let mut base64 = Vec::new();
                campanile_sdk::text::write_base64(raw, &mut base64);
                letter["raw"] = String::from_utf8_lossy(&base64).into_owned().into();
                letter["rawEncoding"] = "base64".into();
            }
        }
    }
    let mut position = json!({});
    if !errors.file.is_empty() {
        position["file"] = errors.file.as_str().into();
    }
    if errors.lines[i] > 0 {
        position["line"] = errors.lines[i].into();
    }
    if let Some(offset) = errors.position(i) {
        position["offset"] = offset.into();
    }
    if position.as_object().is_some_and(|position| !position.is_empty()) {
        letter["position"] = position;
    }
    letter
}
