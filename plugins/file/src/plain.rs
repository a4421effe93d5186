//! Lines of text.

use crate::format::{Part, ReadOptions, RowReader, RowWriter};
use crate::output::Output;
use campanile_sdk::{DataType, Error, Finding, Result, Schema, SchemaField};

pub(crate) fn schema() -> Schema {
    Schema::new(vec![SchemaField::new("line", DataType::String).required()])
}

pub(crate) fn check_read(_schema: &Schema, _property: &str) -> Vec<Finding> {
    Vec::new()
}

pub(crate) fn check_write(_schema: &Schema, _property: &str) -> Vec<Finding> {
    Vec::new()
}

pub(crate) fn open_reader(_: &Part, _: &ReadOptions, _: &Schema) -> Result<Box<dyn RowReader>> {
    Err(Error::fatal("text is not there yet"))
}

pub(crate) fn open_writer(_: &Schema, _: Output) -> Result<Box<dyn RowWriter>> {
    Err(Error::fatal("text is not there yet"))
}
