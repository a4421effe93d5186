//! Which value leads to which port.

use campanile_sdk::{Any, DataType, Field, Input, PortId, Record, Scalar};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashMap;

/// A value that leads to a port.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Constant {
    Boolean(bool),
    Whole(i64),
    Real(f64),
    Text(String),
}

/// How [`Constant`] stands in the schema.
#[derive(JsonSchema)]
#[schemars(inline, extend("type" = ["string", "number", "boolean"]))]
pub(crate) struct AnyConstant;

impl std::fmt::Display for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Constant::Boolean(value) => write!(f, "{value}"),
            Constant::Whole(number) => write!(f, "{number}"),
            // As a field with this number is printed.
            Constant::Real(number) => write!(f, "{}", Scalar::Double(*number)),
            Constant::Text(text) => f.write_str(text),
        }
    }
}

/// A value in the form in which it is looked up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Whole(i64),
    /// The bits of a double.
    Real(u64),
    Text(String),
}

impl Key {
    /// How the value is looked up in a field of this type, or what is needed there instead.
    pub(crate) fn of(value: &Constant, data_type: &DataType) -> Result<Key, &'static str> {
        match data_type {
            DataType::Int | DataType::Long => whole(value).map(Key::Whole).ok_or("a whole number"),
            DataType::Double => real(value).map(Key::real).ok_or("a number"),
            // As a float rounds it, so that 0.1 is what is written so.
            DataType::Float => real(value).map(|number| Key::real(f64::from(number as f32))).ok_or("a number"),
            DataType::Boolean => match value.to_string().as_str() {
                text @ ("true" | "false") => Ok(Key::Text(text.to_owned())),
                _ => Err("true or false"),
            },
            _ => Ok(Key::Text(value.to_string())),
        }
    }

    fn real(number: f64) -> Key {
        // -0 and 0 are one number.
        Key::Real((number + 0.0).to_bits())
    }
}

fn whole(value: &Constant) -> Option<i64> {
    match value {
        Constant::Whole(number) => Some(*number),
        Constant::Text(text) => text.trim().parse().ok().or_else(|| real(value).and_then(whole_double)),
        _ => real(value).and_then(whole_double),
    }
}

fn whole_double(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

fn real(value: &Constant) -> Option<f64> {
    match value {
        Constant::Whole(number) => Some(*number as f64),
        Constant::Real(number) => Some(*number),
        Constant::Text(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        Constant::Boolean(_) => None,
    }
}

/// The ports by value, for fields of one type.
#[derive(Debug, Default)]
pub(crate) struct Table {
    field: Field<Any>,
    lookup: Lookup,
    text: Vec<u8>,
}

#[derive(Debug, Default)]
enum Lookup {
    #[default]
    None,
    Whole(Field<i64>, HashMap<i64, PortId>),
    Real(Field<f64>, HashMap<u64, PortId>),
    Text(HashMap<String, PortId>),
}

impl Table {
    /// A table for this field.
    pub(crate) fn new(name: &str, input: Input<'_>, ports: HashMap<Key, PortId>) -> campanile_sdk::Result<Table> {
        let data_type = input.schema().field(name).map(|field| &field.data_type);
        let keys = ports.into_iter();
        let lookup = match data_type {
            Some(DataType::Int | DataType::Long) => Lookup::Whole(
                input.i64(name)?,
                keys.filter_map(|(key, port)| if let Key::Whole(key) = key { Some((key, port)) } else { None })
                    .collect(),
            ),
            Some(DataType::Float | DataType::Double) => Lookup::Real(
                input.f64(name)?,
                keys.filter_map(|(key, port)| if let Key::Real(key) = key { Some((key, port)) } else { None })
                    .collect(),
            ),
            _ => Lookup::Text(
                keys.filter_map(|(key, port)| if let Key::Text(key) = key { Some((key, port)) } else { None })
                    .collect(),
            ),
        };
        Ok(Table { field: input.any(name)?, lookup, text: Vec::new() })
    }

    /// The port of a record, if its value leads to one.
    pub(crate) fn port(&mut self, record: &Record<'_>) -> Option<PortId> {
        match &self.lookup {
            Lookup::None => None,
            Lookup::Whole(field, ports) => ports.get(&record.i64(*field)?).copied(),
            Lookup::Real(field, ports) => ports.get(&(record.f64(*field)? + 0.0).to_bits()).copied(),
            Lookup::Text(ports) => match record.scalar(self.field) {
                Scalar::Null => None,
                Scalar::Text(text) => ports.get(text).copied(),
                value => {
                    self.text.clear();
                    value.write(&mut self.text);
                    ports.get(std::str::from_utf8(&self.text).ok()?).copied()
                }
            },
        }
    }

    /// The value of a record, as it is printed.
    pub(crate) fn value(&self, record: &Record<'_>) -> Option<String> {
        Some(record.scalar(self.field)).filter(|value| !value.is_null()).map(|value| value.to_string())
    }
}
