//! {summary}

use campanile_sdk::{
    Configure, DataType, Emit, Emitter, ErrorRecord, ErrorTransform, OutputField, Result,
    SchemaField, StageContext, Text, export_plugin,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Makes records of error records: their fields, and one more that says what is wrong.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct {Name} {
    /// The name of the field that says what is wrong.
    #[serde(default = "why")]
    field: String,
    #[serde(skip)]
    reason: OutputField<Text>,
}

fn why() -> String {
    "why".to_owned()
}

impl ErrorTransform for {Name} {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        // The input has the fields of the records in error, any of which may be null.
        let mut schema = stage.input()?.schema().clone();
        schema
            .fields
            .push(SchemaField::new(&self.field, DataType::String).required());
        stage.set_output(schema);
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        // Fields are looked up once, not for every record.
        self.reason = stage.output()?.text(&self.field)?;
        Ok(())
    }

    fn transform(&mut self, error: &ErrorRecord<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let reason = format!("{}: {}", error.stage, error.message);
        emitter.emit(Emit::with(error.record, self.reason, reason))
    }
}

export_plugin!(errortransform {Name} in "plugin");

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_sdk::testing;
    use serde_json::json;

    #[test]
    fn it_says_what_is_wrong() {
        let errors = [(json!({ "number": 12 }), 1, "too large")];
        let got = testing::error_transform::<{Name}>(json!({}))
            .run_errors(errors)
            .unwrap();
        assert_eq!(
            got.records,
            [json!({ "number": 12, "why": "failing: too large" })]
        );
    }
}
