//! {summary}

use campanile_sdk::{
    Configure, Error, Field, Record, Result, Sink, StageContext, Text, export_plugin,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{BufWriter, Write};

/// Writes a field with text to a file, a line for each record.
// Put in place of the file what is to be written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct {Name} {
    /// The file, relative to the pipeline's.
    #[schemars(extend("x-path" = true))]
    path: String,
    /// The field, of type string.
    field: String,
    #[serde(skip)]
    text: Field<Text>,
    #[serde(skip)]
    file: Option<BufWriter<File>>,
}

/// The code of records without text.
const NO_TEXT: i32 = 1;

impl {Name} {
    /// What is written before the run is known to go well.
    fn part(&self) -> String {
        format!("{}.part", self.path)
    }
}

impl Sink for {Name} {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        // Called to validate a pipeline too: nothing is opened, and a field that is not there is told with its place.
        let text = stage.input()?.text(&self.field);
        stage.check("field", text);
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.text = stage.input()?.text(&self.field)?;
        let part = self.part();
        let file = File::create(&part)
            .map_err(|error| Error::config(format!("cannot write {part}: {error}")))?;
        self.file = Some(BufWriter::new(file));
        Ok(())
    }

    fn write(&mut self, record: &Record<'_>) -> Result<()> {
        let Some(text) = record.text(self.text) else {
            return Err(Error::record(
                NO_TEXT,
                format!("`{}` has no value", self.field),
            ));
        };
        if let Some(file) = &mut self.file {
            writeln!(file, "{text}")?;
        }
        Ok(())
    }

    fn prepare(&mut self) -> Result<()> {
        // All is written; nobody sees it before `commit`.
        if let Some(file) = self.file.take() {
            file.into_inner()?.sync_all()?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        fs::rename(self.part(), &self.path)?;
        Ok(())
    }
}

export_plugin!(sink {Name} in "plugin");

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_sdk::testing;
    use serde_json::json;

    #[test]
    fn it_writes_lines() {
        let path = std::env::temp_dir().join(format!("{crate}-{}.txt", std::process::id()));
        let plugin = testing::sink::<{Name}>(json!({ "path": path, "field": "name" }));
        let got = plugin
            .run([
                json!({ "name": "Ada" }),
                json!({ "name": null }),
                json!({ "name": "Bo" }),
            ])
            .unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "Ada\nBo\n");
        assert_eq!(got.errors[0].message, "`name` has no value");
        fs::remove_file(path).unwrap();
    }
}
