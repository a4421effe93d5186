//! What the store promises, over real folders.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cursors;
mod folder;
mod golden;
mod messages;
mod order;
mod producers;
mod topics;
mod trim;
mod trouble;
