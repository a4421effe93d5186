//! Apache Parquet: the file names its fields and their types. Neither standard input nor a compressed file can be one, as
//! reading begins at the end.

mod reader;
mod types;
mod writer;

use crate::format::{Part, RowReader, RowWriter};
use crate::input::{Compression, DASH};
use crate::output::Output;
use campanile_sdk::{DataType, Finding, Result, Schema, SchemaField};
use std::path::Path;

/// What of a schema does not fit into Parquet, read or written.
pub(crate) fn check(schema: &Schema, property: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for field in &schema.fields {
        check_field(field, &field.name, property, &mut findings);
    }
    findings
}

fn check_field(field: &SchemaField, path: &str, property: &str, findings: &mut Vec<Finding>) {
    let mut inner = |field: &SchemaField| check_field(field, &format!("{path}.{}", field.name), property, findings);
    match &field.data_type {
        DataType::List { items: inner_field } | DataType::Map { values: inner_field } => inner(inner_field),
        DataType::Struct { fields } if fields.is_empty() => {
            let message = format!("field `{path}` is a struct without fields, which parquet cannot hold");
            findings.push(Finding::error(property, message).hint("leave it out"));
        }
        DataType::Struct { fields } => fields.iter().for_each(inner),
        DataType::Decimal { precision, scale } if *scale < 0 || scale.unsigned_abs() > *precision => {
            let message = format!("field `{path}` is a decimal of scale {scale}, which parquet cannot hold");
            findings.push(Finding::error(property, message).hint("let the scale be 0 to the precision"));
        }
        _ => {}
    }
}

/// What speaks against a path, in the properties of a source or sink.
pub(crate) fn check_path(path: &str) -> Option<Finding> {
    if path == DASH {
        let message = "a parquet file is read from its end, which standard input and output do not have";
        return Some(Finding::error("path", message).hint("name a file"));
    }
    if Compression::of(Path::new(path)) != Compression::None {
        let message = "a parquet file is not compressed as a whole: parquet compresses inside";
        return Some(Finding::error("path", message).hint("name a file without .gz or .zst"));
    }
    None
}

/// The schema that the file says.
pub(crate) fn infer(path: &Path) -> Result<Schema> {
    reader::schema(path)
}

pub(crate) fn open_reader(part: &Part, schema: &Schema) -> Result<Box<dyn RowReader>> {
    Ok(Box::new(reader::Reader::open(part, schema)?))
}

pub(crate) fn open_writer(schema: &Schema, output: Output) -> Result<Box<dyn RowWriter>> {
    Ok(Box::new(writer::Writer::open(schema, output)?))
}

#[cfg(test)]
mod tests;
