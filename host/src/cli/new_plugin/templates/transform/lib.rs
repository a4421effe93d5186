//! {summary}

use campanile_sdk::{
    Configure, Emitter, Field, Record, Result, StageContext, Transform, export_plugin,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Raises an alert for each record whose field is above a limit, and hands every record on.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct {Name} {
    /// The field that is looked at, a number.
    field: String,
    /// Above it, the bell rings.
    limit: f64,
    #[serde(skip)]
    value: Field<f64>,
}

impl Transform for {Name} {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        // Called to validate a pipeline too: a field that is not there is told with its place in the file.
        let value = stage.input()?.f64(&self.field);
        stage.check("field", value);
        stage.pass_through()
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        // Fields are looked up once, not for every record.
        self.value = stage.input()?.f64(&self.field)?;
        Ok(())
    }

    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        if let Some(value) = record.f64(self.value)
            && value > self.limit
        {
            emitter.emit_alert([(self.field.as_str(), value)])?;
        }
        // An `Err(Error::record(code, message))` would make this record an error record, and the run would go on.
        emitter.emit(record)
    }
}

export_plugin!(transform {Name} in "plugin");

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_sdk::testing;
    use serde_json::json;

    #[test]
    fn it_rings_above_the_limit() {
        let records = [json!({ "number": 5 }), json!({ "number": 12 })];
        let got = testing::transform::<{Name}>(json!({ "field": "number", "limit": 10 }))
            .run(records.clone())
            .unwrap();
        assert_eq!(got.records, records);
        assert_eq!(got.alerts, [[("number".to_owned(), "12".to_owned())]]);
    }

    #[test]
    fn it_keeps_what_hosts_rely_on() {
        let plugin = testing::transform::<{Name}>(json!({ "field": "number", "limit": 1 }));
        testing::check_contract(&plugin, &[json!({ "number": 1 }), json!({ "number": 2 })]);
    }
}
