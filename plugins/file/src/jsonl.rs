//! JSON lines.

mod fault;
mod infer;
mod layout;
mod number;
mod print;
mod quick;
mod reader;
mod row;
mod scan;
mod words;
mod writer;

pub(crate) use infer::{Inferred, infer};
pub(crate) use reader::open as open_reader;
pub(crate) use writer::open as open_writer;

use campanile_sdk::{Finding, Schema};

/// What of the schema JSON lines cannot carry.
pub(crate) fn check(schema: &Schema, property: &str) -> Vec<Finding> {
    let nested = schema.fields.iter().filter(|field| !field.data_type.is_scalar());
    let finding = |field: &campanile_sdk::SchemaField| {
        let message =
            format!("field `{}` is of type {}, which format jsonl does not carry yet", field.name, field.data_type);
        Finding::error(property, message).hint("declare it as string, or leave it out; format parquet carries it")
    };
    nested.map(finding).collect()
}

#[cfg(test)]
mod tests;
