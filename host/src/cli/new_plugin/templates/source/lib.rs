//! {summary}

use campanile_sdk::{
    Configure, DataType, Emit, Emitter, Limits, OutputField, Read, Result, Row, Schema,
    SchemaField, Source, Split, StageContext, export_plugin,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Reads the whole numbers from 0 on.
// Put in place of the numbers what is to be read: a file, a table, an instrument.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct {Name} {
    /// How many numbers.
    #[serde(default = "ten")]
    records: u64,
    #[serde(skip)]
    number: OutputField<i64>,
    /// The number that is read next.
    #[serde(skip)]
    next: u64,
}

fn ten() -> u64 {
    10
}

impl Source for {Name} {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        // Called to validate a pipeline too: nothing is opened here.
        stage.set_output(Schema::new(vec![
            SchemaField::new("number", DataType::Long).required(),
        ]));
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        // Fields are looked up once, not for every record. What cannot be reached is an error here.
        self.number = stage.output()?.i64("number")?;
        Ok(())
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        // One part for all. Files or partitions would be several, which can be read side by side.
        Ok(vec![Split::new("all")])
    }

    fn begin(&mut self, _split: &Split, position: Option<u64>) -> Result<()> {
        // From the start, or from behind the row at this position.
        self.next = position.map_or(0, |position| position + 1);
        Ok(())
    }

    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        let end = self.records.min(self.next + limits.rows as u64);
        while self.next < end {
            emitter.emit(Row::at(self.next).with(self.number, self.next as i64))?;
            self.next += 1;
        }
        Ok(if self.next < self.records {
            Read::More
        } else {
            Read::End
        })
    }
}

export_plugin!(source {Name} in "plugin");

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_sdk::testing;
    use serde_json::json;

    #[test]
    fn it_reads_the_numbers() {
        let got = testing::source::<{Name}>(json!({ "records": 3 }))
            .read()
            .unwrap();
        assert_eq!(
            got.records,
            [
                json!({ "number": 0 }),
                json!({ "number": 1 }),
                json!({ "number": 2 })
            ]
        );
    }

    #[test]
    fn it_keeps_what_hosts_rely_on() {
        testing::check_contract(&testing::source::<{Name}>(json!({})), &[]);
    }
}
