use crate::table::{AnyConstant, Constant, Key, Table};
use campanile_sdk::{
    Configure, DataType, Emitter, Error, Finding, Input, PortId, Record, Result, Splitter, StageContext,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};

/// Sends each record to a port by the value of a field.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Router {
    /// The field that is looked at.
    field: String,
    /// The ports, each with the values that lead to it: `{"europe": ["DE", "FR"], "asia": ["JP"]}`. Values are numbers,
    /// text, true or false; for a field with numbers 5 and "5" are the same.
    #[schemars(with = "BTreeMap<String, Vec<AnyConstant>>")]
    ports: BTreeMap<String, Vec<Constant>>,
    /// The port for records with any other value, or none. Without it such a record becomes an error record.
    otherwise: Option<String>,
    #[serde(skip)]
    table: Table,
    #[serde(skip)]
    rest: Option<PortId>,
}

/// The code of a record that no port takes.
const NO_PORT: i32 = 1;

impl Router {
    /// The names of all ports, in order.
    fn names(&self) -> impl Iterator<Item = &str> {
        let more = self.otherwise.as_deref().filter(|name| !self.ports.contains_key(*name));
        self.ports.keys().map(String::as_str).chain(more)
    }

    /// For each value its port, and all that is wrong.
    fn check(&self, input: Input<'_>) -> (HashMap<Key, &str>, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut keys: HashMap<Key, &str> = HashMap::new();
        let data_type = self.data_type(input, &mut findings);
        if self.names().next().is_none() {
            findings.push(Finding::error("ports", "there is no port").hint("name at least one, with its values"));
        }
        if self.otherwise.as_deref() == Some("") {
            findings.push(Finding::error("otherwise", "the name of a port is empty").hint("give it a name"));
        }
        for (port, values) in &self.ports {
            if port.is_empty() {
                findings.push(Finding::error("ports", "the name of a port is empty").hint("give it a name"));
            }
            if values.is_empty() && self.otherwise.as_ref() != Some(port) {
                let finding = Finding::error("ports", format!("no value leads to port `{port}`"));
                findings.push(finding.hint("list its values, or name it as `otherwise`"));
            }
            for value in values {
                let Some(data_type) = data_type else { continue };
                let key = match Key::of(value, data_type) {
                    Ok(key) => key,
                    Err(needed) => {
                        let message =
                            format!("port `{port}` lists `{value}`, but field `{}` is of type {data_type}", self.field);
                        findings.push(Finding::error("ports", message).hint(format!("write {needed}")));
                        continue;
                    }
                };
                match keys.get(&key) {
                    Some(other) if other != port => {
                        let message = format!("`{value}` leads to port `{other}` and to port `{port}`");
                        findings.push(Finding::error("ports", message).hint("list it in one of them"));
                    }
                    _ => {
                        keys.insert(key, port);
                    }
                }
            }
        }
        (keys, findings)
    }

    fn data_type<'a>(&self, input: Input<'a>, findings: &mut Vec<Finding>) -> Option<&'a DataType> {
        let fields = &input.schema().fields;
        let field = fields.iter().find(|field| field.name == self.field);
        if let Some(field) = field.filter(|field| field.data_type.is_scalar()) {
            return Some(&field.data_type);
        }
        let message = match field {
            Some(field) => format!("field `{}` is of type {}, where a scalar is needed", self.field, field.data_type),
            None => format!("there is no field `{}`", self.field),
        };
        let scalars =
            fields.iter().filter(|field| field.data_type.is_scalar()).map(|field| format!("`{}`", field.name));
        let hint = format!("the fields are {}", scalars.collect::<Vec<_>>().join(", "));
        findings.push(Finding::error("field", message).hint(hint));
        None
    }
}

impl Splitter for Router {
    const PARALLEL: bool = true;

    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let input = stage.input()?;
        let (_, findings) = self.check(input);
        findings.into_iter().for_each(|finding| stage.find(finding));
        for name in self.names() {
            stage.add_port(name, input.schema().clone());
        }
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let input = stage.input()?;
        let (keys, findings) = self.check(input);
        if !findings.is_empty() {
            return Err(Error::findings(findings));
        }
        let ports = keys.into_iter().map(|(key, port)| Ok((key, stage.port(port)?)));
        let ports = ports.collect::<Result<HashMap<_, _>>>()?;
        self.table = Table::new(&self.field, input, ports)?;
        self.rest = self.otherwise.as_deref().map(|name| stage.port(name)).transpose()?;
        Ok(())
    }

    fn split(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        match self.table.port(record).or(self.rest) {
            Some(port) => emitter.emit_to(port, record),
            None => Err(Error::record(NO_PORT, self.message(record))),
        }
    }
}

/// Bytes of a value that a message shows.
const SHOWN: usize = 80;

impl Router {
    fn message(&self, record: &Record<'_>) -> String {
        let Some(mut value) = self.table.value(record) else {
            return format!("field `{}` is null and leads to no port", self.field);
        };
        if value.len() > SHOWN {
            value.truncate(value.floor_char_boundary(SHOWN));
            value.push('…');
        }
        format!("field `{}` with the value `{value}` leads to no port", self.field)
    }
}

#[cfg(test)]
mod tests;
