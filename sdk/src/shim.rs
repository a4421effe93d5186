//! The plugin's half of the boundary: every `extern "C"` entry, each under [`guard`]; reading and giving away of arrays.
#![allow(unsafe_code, reason = "the shim half of the SDK: raw tables to safe types")]

pub(crate) mod array;
#[cfg(feature = "arrow")]
pub(crate) mod arrow;
pub(crate) mod columns;
pub(crate) mod context;
pub(crate) mod delivery;
pub(crate) mod emitter;
pub(crate) mod guard;
pub(crate) mod kinds;
pub(crate) mod messaging;
pub(crate) mod properties;
pub(crate) mod stage;
pub(crate) mod state;
pub(crate) mod tables;
pub(crate) mod within;
