use crate::raw::readable;
use campanile_sdk::{
    Configure, DataType, Emit, Emitter, Error, ErrorRecord, ErrorTransform, Finding, OutputField, Result, Schema,
    SchemaField, StageContext, Text,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Turns error records into records: the fields of the record, then fields that say what is wrong.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ErrorCollector {
    /// The name of the field with the error's code, an int.
    #[serde(default = "err_code")]
    code_field: String,
    /// The name of the field with the error's message.
    #[serde(default = "err_msg")]
    message_field: String,
    /// The name of the field with the name of the stage that emitted the error.
    #[serde(default = "err_stage")]
    stage_field: String,
    /// The name of a field with what a source could not read: as it is where it is UTF-8, else in base64. Without a name
    /// there is no such field; so below.
    raw_field: Option<String>,
    /// The name of a field that says how `rawField` is written: `utf8` or `base64`.
    raw_encoding_field: Option<String>,
    /// The name of a field with the file that the error is in.
    file_field: Option<String>,
    /// The name of a field with the line in the file, a long, from 1.
    line_field: Option<String>,
    /// The name of a field with the position in the file, a long: bytes from its start.
    offset_field: Option<String>,
    #[serde(skip)]
    fields: Fields,
}

fn err_code() -> String {
    "errCode".to_owned()
}

fn err_msg() -> String {
    "errMsg".to_owned()
}

fn err_stage() -> String {
    "errStage".to_owned()
}

/// Where the fields stand in the output; those without a name stand nowhere, and what is written there is left out.
#[derive(Default)]
struct Fields {
    code: OutputField<i32>,
    message: OutputField<Text>,
    stage: OutputField<Text>,
    raw: OutputField<Text>,
    raw_encoding: OutputField<Text>,
    file: OutputField<Text>,
    line: OutputField<i64>,
    offset: OutputField<i64>,
}

impl ErrorCollector {
    /// The fields that are added: the property that names each, its name and its type.
    fn added(&self) -> Vec<(&'static str, &str, DataType)> {
        let always = [
            ("codeField", Some(&self.code_field), DataType::Int),
            ("messageField", Some(&self.message_field), DataType::String),
            ("stageField", Some(&self.stage_field), DataType::String),
            ("rawField", self.raw_field.as_ref(), DataType::String),
            ("rawEncodingField", self.raw_encoding_field.as_ref(), DataType::String),
            ("fileField", self.file_field.as_ref(), DataType::String),
            ("lineField", self.line_field.as_ref(), DataType::Long),
            ("offsetField", self.offset_field.as_ref(), DataType::Long),
        ];
        always
            .into_iter()
            .filter_map(|(property, name, data_type)| Some((property, name?.as_str(), data_type)))
            .collect()
    }

    /// The schema of what comes out, and all that is wrong with the names.
    fn output(&self, input: &Schema) -> (Schema, Vec<Finding>) {
        let mut findings = Vec::new();
        // A source's errors have no record, so every field may be null.
        let fields = input.fields.iter().map(|field| SchemaField { nullable: true, ..field.clone() });
        let mut output = Schema::new(fields.collect());
        for (property, name, data_type) in self.added() {
            if name.is_empty() {
                findings.push(Finding::error(property, "the name of the field is empty").hint("give it a name"));
            } else if output.field(name).is_some() {
                let message = match input.field(name) {
                    Some(_) => format!("the records in error have a field `{name}` already"),
                    None => format!("`{name}` is the name of another added field already"),
                };
                findings.push(Finding::error(property, message).hint("give the field another name"));
            } else {
                output
                    .fields
                    .push(SchemaField { nullable: can_be_null(property), ..SchemaField::new(name, data_type) });
            }
        }
        if self.raw_encoding_field.is_some() && self.raw_field.is_none() {
            let finding = Finding::error("rawEncodingField", "there is no `rawField` whose encoding it could tell");
            findings.push(finding.hint("name `rawField` too"));
        }
        (output, findings)
    }
}

/// Every error has a code, a message and a stage.
fn can_be_null(property: &str) -> bool {
    !matches!(property, "codeField" | "messageField" | "stageField")
}

impl ErrorTransform for ErrorCollector {
    const PARALLEL: bool = true;

    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let (output, findings) = self.output(stage.input()?.schema());
        findings.into_iter().for_each(|finding| stage.find(finding));
        stage.set_output(output);
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let (_, findings) = self.output(stage.input()?.schema());
        if !findings.is_empty() {
            return Err(Error::findings(findings));
        }
        let output = stage.output()?;
        let text = |name: &Option<String>| name.as_deref().map(|name| output.text(name)).transpose();
        let long = |name: &Option<String>| name.as_deref().map(|name| output.i64(name)).transpose();
        self.fields = Fields {
            code: output.i32(&self.code_field)?,
            message: output.text(&self.message_field)?,
            stage: output.text(&self.stage_field)?,
            raw: text(&self.raw_field)?.unwrap_or_default(),
            raw_encoding: text(&self.raw_encoding_field)?.unwrap_or_default(),
            file: text(&self.file_field)?.unwrap_or_default(),
            line: long(&self.line_field)?.unwrap_or_default(),
            offset: long(&self.offset_field)?.unwrap_or_default(),
        };
        Ok(())
    }

    fn transform(&mut self, error: &ErrorRecord<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let fields = &self.fields;
        let raw = error.raw.filter(|_| self.raw_field.is_some()).map(readable);
        let (raw, encoding) = raw.as_ref().map(|(text, encoding)| (text.as_ref(), *encoding)).unzip();
        let record = error
            .record
            .with(fields.code, error.code)
            .with(fields.message, error.message)
            .with(fields.stage, error.stage)
            .with(fields.raw, raw)
            .with(fields.raw_encoding, encoding)
            .with(fields.file, Some(error.file).filter(|file| !file.is_empty()))
            .with(fields.line, i64::try_from(error.line).ok().filter(|&line| line > 0))
            .with(fields.offset, error.offset.and_then(|offset| i64::try_from(offset).ok()));
        emitter.emit(record)
    }
}

#[cfg(test)]
mod tests;
