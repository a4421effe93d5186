//! CSV, RFC 4180: fields in quotes may hold delimiters, quotes (twice) and line ends. An empty field is null; `""` is an
//! empty text.

mod header;
mod infer;
mod reader;
mod records;
mod split;
mod value;
mod writer;

use crate::format::{CsvOptions, Part, ReadOptions, RowReader, RowWriter};
use crate::input::Input;
use crate::output::Output;
use campanile_sdk::{Finding, Result, Schema};
use records::Records;

/// What of a schema does not fit into CSV, read or written.
pub(crate) fn check(schema: &Schema, property: &str) -> Vec<Finding> {
    let nested = schema.fields.iter().filter(|field| !field.data_type.is_scalar());
    let finding = |name: &str, data_type: &str| {
        Finding::error(property, format!("field `{name}` is a {data_type}, which csv cannot hold"))
            .hint("use the format jsonl or parquet, or leave the field out")
    };
    nested.map(|field| finding(&field.name, field.data_type.as_str())).collect()
}

/// The schema that the records of this input seem to have.
pub(crate) fn infer(input: Input, options: &ReadOptions) -> Result<Schema> {
    let mut records = Records::new(input, None, 0, options.csv.delimiter, options.max_line_bytes);
    infer::infer(&mut records, &options.csv)
}

pub(crate) fn open_reader(part: &Part, options: &ReadOptions, schema: &Schema) -> Result<Box<dyn RowReader>> {
    Ok(Box::new(reader::Reader::open(part, options, schema)?))
}

/// The line that names the fields, with its end.
pub(crate) fn header(options: &CsvOptions, schema: &Schema) -> Vec<u8> {
    writer::header(options, schema)
}

pub(crate) fn open_writer(options: &CsvOptions, schema: &Schema, output: Output) -> Result<Box<dyn RowWriter>> {
    Ok(Box::new(writer::Writer::open(options, schema, output)?))
}

#[cfg(test)]
mod tests;
