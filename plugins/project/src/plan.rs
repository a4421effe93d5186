//! What a projection does with each field, checked against the input.

use crate::cast::Target;
use crate::project::Project;
use campanile_sdk::{Any, Field, Finding, Input, Schema, SchemaField};

/// The fields of the output.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) output: Schema,
    /// New name and old name of fields that are renamed and not cast.
    pub(crate) renamed: Vec<(String, String)>,
    pub(crate) casts: Vec<Cast>,
}

/// A field whose values change.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) name: String,
    pub(crate) field: Field<Any>,
    pub(crate) target: Target,
    /// The position in the output.
    pub(crate) index: usize,
}

impl Project {
    /// The plan, and all that is wrong with it.
    pub(crate) fn plan(&self, input: Input<'_>) -> (Plan, Vec<Finding>) {
        let schema = input.schema();
        let mut findings = Vec::new();
        if self.keep.is_some() && self.drop.is_some() {
            let finding = Finding::error("drop", "`drop` is given beside `keep`");
            findings.push(finding.hint("list the fields in one of them"));
        }
        let kept = self.kept(schema, &mut findings);
        let renames = self.rename.keys().map(|name| ("rename", name));
        for (property, name) in renames.chain(self.cast.keys().map(|name| ("cast", name))) {
            if schema.field(name).is_none() {
                findings.push(unknown(property, name, schema, &self.rename));
            } else if !kept.iter().any(|field| field.name == *name) {
                let finding = Finding::error(property, format!("field `{name}` is not kept"));
                findings.push(finding.hint(format!("keep it, or take it out of `{property}`")));
            }
        }
        let mut plan = Plan::default();
        for field in kept {
            let name = self.rename.get(&field.name).unwrap_or(&field.name);
            if name.is_empty() {
                let finding = Finding::error("rename", format!("the new name of field `{}` is empty", field.name));
                findings.push(finding.hint("give it a name"));
            } else if plan.output.field(name).is_some() {
                let finding = Finding::error("rename", format!("there would be two fields `{name}`"));
                findings.push(finding.hint("give them different names, or drop one"));
                continue;
            }
            let mut data_type = field.data_type.clone();
            let target = self.cast.get(&field.name).copied();
            match target.filter(|target| target.data_type() != data_type) {
                Some(target) => match input.any(&field.name).ok().filter(|_| target.takes(&data_type)) {
                    Some(from) => {
                        let index = plan.output.fields.len();
                        plan.casts.push(Cast { name: field.name.clone(), field: from, target, index });
                        data_type = target.data_type();
                    }
                    None => {
                        let message = format!(
                            "field `{}` of type {data_type} cannot be cast to {}",
                            field.name,
                            target.data_type()
                        );
                        let hint = match () {
                            () if data_type.is_number() => "numbers can be cast to string and to other numbers",
                            () if data_type.is_scalar() => "it can be cast to string only",
                            () => "only scalars can be cast",
                        };
                        findings.push(Finding::error("cast", message).hint(hint));
                    }
                },
                None if *name != field.name => plan.renamed.push((name.clone(), field.name.clone())),
                None => {}
            }
            plan.output.fields.push(SchemaField { name: name.clone(), data_type, nullable: field.nullable });
        }
        (plan, findings)
    }

    fn kept<'s>(&self, schema: &'s Schema, findings: &mut Vec<Finding>) -> Vec<&'s SchemaField> {
        let mut known = |property: &'static str, names: &Option<Vec<String>>| -> Vec<&'s SchemaField> {
            let mut fields: Vec<&SchemaField> = Vec::new();
            for name in names.iter().flatten() {
                match schema.field(name) {
                    None => findings.push(unknown(property, name, schema, &self.rename)),
                    Some(_) if fields.iter().any(|field| field.name == *name) => {
                        let finding = Finding::error(property, format!("field `{name}` is listed twice"));
                        findings.push(finding.hint("list it once"));
                    }
                    Some(field) => fields.push(field),
                }
            }
            fields
        };
        let (kept, dropped) = (known("keep", &self.keep), known("drop", &self.drop));
        if self.keep.is_some() {
            if kept.is_empty() {
                findings.push(Finding::error("keep", "no field is kept").hint("list at least one"));
            }
            return kept;
        }
        let is_dropped = |field: &SchemaField| dropped.iter().any(|dropped| dropped.name == field.name);
        let kept: Vec<_> = schema.fields.iter().filter(|field| !is_dropped(field)).collect();
        if kept.is_empty() && !schema.fields.is_empty() {
            findings.push(Finding::error("drop", "every field is dropped").hint("leave at least one"));
        }
        kept
    }
}

fn unknown(
    property: &str,
    name: &str,
    schema: &Schema,
    renames: &std::collections::BTreeMap<String, String>,
) -> Finding {
    let hint = match renames.iter().find(|(_, new)| *new == name) {
        Some((old, _)) => format!("write its name in the input, `{old}`"),
        None => {
            let names = schema.names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            format!("the fields are {names}")
        }
    };
    Finding::error(property, format!("there is no field `{name}`")).hint(hint)
}
