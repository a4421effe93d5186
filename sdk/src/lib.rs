//! Write stages for Campanile: sources, transforms, splitters, error transforms, sinks and alert publishers, as shared
//! libraries that a host loads at run time.
//!
//! A plugin is a type that is deserialized from a stage's properties and implements the trait of its kind;
//! [`export_plugin!`] makes a library of it, built with `crate-type = ["cdylib"]`. [`testing`] runs it in a unit test
//! without a host.
//!
//! # What holds for every plugin
//! - **Threads**: one thread at a time is inside an instance, but not always the same one.
//! - **Errors** are an [`Error`] with one of five [kinds](ErrorKind). A record error that a method returns for a record
//!   makes it an error record; any other error fails the run, with the stage's name in front of the message.
//! - **Panics** stop in the plugin and become an error that fails the run; nothing of the unfinished batch is handed on.
//! - **Nothing ambient crosses**: messages, metrics, the clock, the stop signal and secrets are [`Services`] of the host.
//!   A plugin brings what else it needs itself, threads and allocator included.
//! - A plugin's threads end before it is dropped.
#![deny(missing_docs)]

mod alert;
mod alert_publisher;
#[cfg(feature = "arrow")]
pub mod arrow;
mod batch;
mod builder;
mod configure;
mod context;
mod emitter;
mod error;
mod error_transform;
mod export;
mod field;
mod finding;
mod kind;
mod manifest;
mod messaging;
mod mode;
mod payload;
mod port;
#[doc(hidden)]
pub mod proxy;
mod schema;
mod schema_json;
mod shim;
mod sink;
mod source;
pub mod testing;
pub mod text;
mod transform;
mod write;

pub use alert::{Alert, AlertFormat, Alerts, Outcome};
pub use alert_publisher::AlertPublisher;
pub use batch::{Batch, Record, Scalar};
pub use builder::ColumnBuilder;
pub use campanile_abi::MAX_STATE_BYTES;
pub use configure::Configure;
pub use context::{Level, Services, StageContext};
pub use emitter::{Edits, Emitter, MAX_BATCH_BYTES, MAX_BATCH_ROWS, Place, PortId};
pub use error::{Error, ErrorKind, Result};
pub use error_transform::{ErrorBatch, ErrorRecord, ErrorTransform};
pub use field::{Any, Bytes, Field, Input, Output, OutputField, Text};
pub use finding::{Finding, Severity};
pub use kind::Kind;
pub use manifest::{Build, Manifest, PluginManifest};
pub use messaging::{
    Fetch, Fetched, Message, MessageId, Messaging, ParseMessageIdError, Published, Start, TopicInfo, TopicName,
};
pub use mode::Mode;
pub use payload::{Pairs, Payload, PayloadValue};
pub use schema::{DataType, Schema, SchemaField};
pub use schemars;
pub use shim::within::any_within;
pub use sink::Sink;
pub use source::{Limits, Position, Read, Source, Split};
pub use transform::{Splitter, Transform};
pub use write::{Emit, Row, Value, With};

/// What [`export_plugin!`] needs; nothing for authors.
#[doc(hidden)]
pub mod __private {
    pub use crate::shim::kinds::{
        AlertPublisherStage, ErrorTransformStage, Exported, SinkStage, SourceStage, SplitterStage, TransformStage,
    };
    pub use campanile_abi::root::{Header, Library, header};
    pub use campanile_abi::{LibraryV1, Opaque, manifest};

    /// How the SDK was built, JSON.
    pub const BUILD: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/build.json"));

    /// The library's interface by its id, or null.
    pub fn library_interface(table: &'static LibraryV1, id: u32, min_revision: u32) -> *const Opaque {
        match (id, min_revision) {
            (campanile_abi::id::LIBRARY, 0..=1) => std::ptr::from_ref(table).cast(),
            _ => std::ptr::null(),
        }
    }
}

/// The examples of the READMEs and of the book's guides are tests.
#[doc = include_str!("../README.md")]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../docs/src/guides/write-a-transform.md")]
#[doc = include_str!("../../docs/src/guides/write-an-alert-publisher.md")]
#[cfg(doctest)]
struct Readme;
