//! {summary}

use campanile_sdk::{
    Configure, Emitter, Error, Field, PortId, Record, Result, Splitter, StageContext, export_plugin,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Sends each record to port `high` or `low`, by a field and a limit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct {Name} {
    /// The field that is looked at, a number. A record without it becomes an error record.
    field: String,
    /// Records above it go to `high`, others to `low`.
    limit: f64,
    #[serde(skip)]
    value: Field<f64>,
    #[serde(skip)]
    high: PortId,
    #[serde(skip)]
    low: PortId,
}

/// The code of records without a value.
const NO_VALUE: i32 = 1;

impl Splitter for {Name} {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        // Called to validate a pipeline too: a field that is not there is told with its place in the file.
        let value = stage.input()?.f64(&self.field);
        stage.check("field", value);
        let schema = stage.input()?.schema().clone();
        stage.add_port("high", schema.clone());
        stage.add_port("low", schema);
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        // Fields and ports are looked up once, not for every record.
        self.value = stage.input()?.f64(&self.field)?;
        self.high = stage.port("high")?;
        self.low = stage.port("low")?;
        Ok(())
    }

    fn split(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        match record.f64(self.value) {
            Some(value) if value > self.limit => emitter.emit_to(self.high, record),
            Some(_) => emitter.emit_to(self.low, record),
            None => Err(Error::record(
                NO_VALUE,
                format!("`{}` has no value", self.field),
            )),
        }
    }
}

export_plugin!(splitter {Name} in "plugin");

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_sdk::testing;
    use serde_json::json;

    #[test]
    fn it_splits_at_the_limit() {
        let records = [
            json!({ "number": 5 }),
            json!({ "number": 12 }),
            json!({ "number": null }),
        ];
        let got = testing::splitter::<{Name}>(json!({ "field": "number", "limit": 10 }))
            .run(records)
            .unwrap();
        assert_eq!(got.port("low"), [json!({ "number": 5 })]);
        assert_eq!(got.port("high"), [json!({ "number": 12 })]);
        assert_eq!(got.errors[0].message, "`number` has no value");
    }

    #[test]
    fn it_keeps_what_hosts_rely_on() {
        let plugin = testing::splitter::<{Name}>(json!({ "field": "number", "limit": 1 }));
        testing::check_contract(&plugin, &[json!({ "number": 1 }), json!({ "number": 2 })]);
    }
}
