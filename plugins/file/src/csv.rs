//! CSV.

use crate::format::{CsvOptions, Part, ReadOptions, RowReader, RowWriter};
use crate::input::Input;
use crate::output::Output;
use campanile_sdk::{Error, Finding, Result, Schema};

pub(crate) fn check(_schema: &Schema, _property: &str) -> Vec<Finding> {
    Vec::new()
}

pub(crate) fn infer(_input: Input, _options: &ReadOptions) -> Result<Schema> {
    Err(Error::fatal("csv is not there yet"))
}

pub(crate) fn open_reader(_: Input, _: &Part, _: &ReadOptions, _: &Schema) -> Result<Box<dyn RowReader>> {
    Err(Error::fatal("csv is not there yet"))
}

pub(crate) fn open_writer(_: &CsvOptions, _: &Schema, _: Output) -> Result<Box<dyn RowWriter>> {
    Err(Error::fatal("csv is not there yet"))
}
