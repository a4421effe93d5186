use crate::condition::{AnyConstant, Condition, Constant, Number, Question, properties_with_condition};
use crate::selection::Selection;
use campanile_sdk::{
    Any, Batch, Configure, DataType, Emitter, Error, Field, Finding, Input, Pairs, Payload, Record, Result,
    StageContext, Transform,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

properties_with_condition! {
    /// Raises an alert for each record whose field meets a condition. Every record passes through.
    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Threshold {
        /// The fields that an alert carries, as text; a null is left out. By default all scalar fields.
        payload: Option<Vec<String>>,
        /// Constants that are added to each alert, behind the fields.
        #[serde(default)]
        labels: BTreeMap<String, String>,
        #[serde(skip)]
        selection: Selection,
        #[serde(skip)]
        fields: Vec<(String, Field<Any>)>,
        #[serde(skip)]
        rows: Vec<u32>,
    }
}

impl Threshold {
    /// The fields that alerts carry; what is wrong with them is added to the findings.
    fn carried(&self, input: Input<'_>, findings: &mut Vec<Finding>) -> Vec<(String, Field<Any>)> {
        let scalars = || input.schema().fields.iter().filter(|field| field.data_type.is_scalar());
        let names: Vec<&str> = match &self.payload {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => scalars().map(|field| field.name.as_str()).collect(),
        };
        let mut fields: Vec<(String, Field<Any>)> = Vec::new();
        for name in names {
            if fields.iter().any(|(other, _)| other == name) {
                let finding = Finding::error("payload", format!("field `{name}` is listed twice"));
                findings.push(finding.hint("list it once"));
                continue;
            }
            if self.labels.contains_key(name) {
                let finding = Finding::error("labels", format!("`{name}` is a field of the payload already"));
                findings.push(finding.hint("give the label another name, or leave the field out of `payload`"));
            }
            match (input.any(name), input.schema().field(name).map(|field| &field.data_type)) {
                (Ok(field), _) => fields.push((name.to_owned(), field)),
                (Err(_), Some(data_type)) => findings.push(no_text(name, data_type)),
                (Err(_), None) => {
                    let known = scalars().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", ");
                    let finding = Finding::error("payload", format!("there is no field `{name}`"));
                    findings.push(finding.hint(format!("name one of {known}")));
                }
            }
        }
        fields
    }
}

fn no_text(name: &str, data_type: &DataType) -> Finding {
    let finding = Finding::error("payload", format!("field `{name}` is of type {data_type} and has no text"));
    finding.hint("leave it out")
}

/// The payload of one alert.
struct Carried<'a> {
    record: Record<'a>,
    fields: &'a [(String, Field<Any>)],
    labels: &'a BTreeMap<String, String>,
}

impl Payload for Carried<'_> {
    fn write(&self, pairs: &mut Pairs<'_>) {
        for (name, field) in self.fields {
            pairs.pair(name, self.record.scalar(*field));
        }
        for (name, value) in self.labels {
            pairs.pair(name, value.as_str());
        }
    }
}

impl Transform for Threshold {
    const PARALLEL: bool = true;

    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let input = stage.input()?;
        let mut findings = self.condition().resolve(input).err().unwrap_or_default();
        self.carried(input, &mut findings);
        findings.into_iter().for_each(|finding| stage.find(finding));
        stage.pass_through()
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let input = stage.input()?;
        self.selection = self.condition().resolve(input).map_err(Error::findings)?;
        self.fields = self.carried(input, &mut Vec::new());
        Ok(())
    }

    fn transform_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.selection.select(batch, true, &mut self.rows);
        for &row in &self.rows {
            let record = batch.record(row as usize);
            emitter.at(&record);
            emitter.emit_alert(Carried { record, fields: &self.fields, labels: &self.labels })?;
        }
        emitter.emit_all(batch)
    }
}

#[cfg(test)]
#[path = "threshold/tests.rs"] // also where the benchmark links this file in
mod tests;
