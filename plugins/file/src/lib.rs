//! File reads and writes records, and appends alerts.

mod csv;
mod format;
mod input;
mod jsonl;
mod output;
mod parquet;
mod plain;
mod stdin;
