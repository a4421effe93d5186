//! Parquet.

use crate::format::{Part, RowReader, RowWriter};
use crate::output::Output;
use campanile_sdk::{Error, Finding, Result, Schema};
use std::path::Path;

pub(crate) fn check(_schema: &Schema, _property: &str) -> Vec<Finding> {
    Vec::new()
}

pub(crate) fn infer(_path: &Path) -> Result<Schema> {
    Err(Error::fatal("parquet is not there yet"))
}

pub(crate) fn open_reader(_: &Part, _: &Schema) -> Result<Box<dyn RowReader>> {
    Err(Error::fatal("parquet is not there yet"))
}

pub(crate) fn open_writer(_: &Schema, _: Output) -> Result<Box<dyn RowWriter>> {
    Err(Error::fatal("parquet is not there yet"))
}
