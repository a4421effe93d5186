//! JSON lines.

use crate::format::{Part, ReadOptions, RowReader, RowWriter};
use crate::output::Output;
use campanile_sdk::{Error, Finding, Result, Schema};
use std::path::PathBuf;

pub(crate) fn check(_schema: &Schema, _property: &str) -> Vec<Finding> {
    Vec::new()
}

pub(crate) fn infer(_paths: &[PathBuf], _options: &ReadOptions) -> Result<Schema> {
    Err(Error::fatal("jsonl is not there yet"))
}

pub(crate) fn open_reader(_: &Part, _: &ReadOptions, _: &Schema) -> Result<Box<dyn RowReader>> {
    Err(Error::fatal("jsonl is not there yet"))
}

pub(crate) fn open_writer(_: &Schema, _: Output) -> Result<Box<dyn RowWriter>> {
    Err(Error::fatal("jsonl is not there yet"))
}
