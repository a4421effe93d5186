//! File reads and writes records, and appends alerts.

mod csv;
#[cfg(test)]
mod fixture;
mod follow;
mod format;
mod identity;
mod input;
mod jsonl;
mod lines;
mod matching;
mod output;
mod parquet;
mod paths;
mod plain;
mod properties;
mod publisher;
mod sink;
mod source;
mod stdin;

use campanile_sdk::export_plugin;
use publisher::FilePublisher;
use sink::FileSink;
use source::FileSource;

export_plugin! {
    source FileSource as "File" in "source",
    sink FileSink as "File" in "sink",
    alertpublisher FilePublisher as "File" in "publisher",
}
