//! The plugin's half of the emitter: our columns to the host's table.

use crate::builder::ColumnBuilder;
use crate::emitter::{MAX_BATCH_BYTES, MAX_BATCH_ROWS, Place};
use crate::error::{Error, Result, Signal};
use crate::shim::array;
use campanile_abi::{
    ALERTS_WANTED, AlertsV1, ArrowArray, EmitterRef, EmitterV1, ErrorsV1, NO_POSITION, NO_ROW, OK, PatchV1, STOP, Slice,
};

/// The host's emitter, for the duration of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    emitter: EmitterRef,
}

/// Alerts that were raised and not handed on yet.
#[derive(Debug, Default)]
pub(crate) struct AlertColumns {
    pub(crate) rows: Vec<u32>,
    pub(crate) positions: Vec<u64>,
    pub(crate) pair_ends: Vec<u32>,
    pub(crate) key_ends: Vec<u32>,
    pub(crate) keys: Vec<u8>,
    pub(crate) value_ends: Vec<u32>,
    pub(crate) values: Vec<u8>,
}

impl AlertColumns {
    #[inline]
    pub(crate) fn must_flush(&self) -> bool {
        self.rows.len() >= MAX_BATCH_ROWS || self.keys.len() + self.values.len() >= MAX_BATCH_BYTES
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.positions.clear();
        self.pair_ends.clear();
        self.key_ends.clear();
        self.keys.clear();
        self.value_ends.clear();
        self.values.clear();
    }
}

/// Error records that were emitted and not handed on yet; all of one file.
#[derive(Debug, Default)]
pub(crate) struct ErrorColumns {
    rows: Vec<u32>,
    codes: Vec<i32>,
    message_ends: Vec<u32>,
    messages: Vec<u8>,
    raw_ends: Vec<u32>,
    raw: Vec<u8>,
    lines: Vec<u64>,
    positions: Vec<u64>,
    file: String,
}

impl ErrorColumns {
    pub(crate) fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    pub(crate) fn must_flush(&self, file: &str) -> bool {
        !self.is_empty()
            && (self.codes.len() >= MAX_BATCH_ROWS
                || self.raw.len() + self.messages.len() >= MAX_BATCH_BYTES
                || self.file != file)
    }

    pub(crate) fn push(&mut self, row: u32, code: i32, message: &str) {
        self.push_placed(row, code, message, &Place { offset: NO_POSITION, ..Place::default() }, &[]);
    }

    pub(crate) fn push_unreadable(&mut self, place: &Place<'_>, raw: &[u8], code: i32, message: &str) {
        self.push_placed(NO_ROW, code, message, place, raw);
    }

    fn push_placed(&mut self, row: u32, code: i32, message: &str, place: &Place<'_>, raw: &[u8]) {
        if self.is_empty() {
            self.file.clear();
            self.file.push_str(place.file);
        }
        self.rows.push(row);
        self.codes.push(code);
        self.messages.extend_from_slice(message.as_bytes());
        self.message_ends.push(self.messages.len() as u32);
        self.raw.extend_from_slice(raw);
        self.raw_ends.push(self.raw.len() as u32);
        self.lines.push(place.line);
        self.positions.push(place.offset);
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.codes.clear();
        self.message_ends.clear();
        self.messages.clear();
        self.raw_ends.clear();
        self.raw.clear();
        self.lines.clear();
        self.positions.clear();
    }
}

fn answer(status: i32) -> Result<()> {
    match status {
        OK => Ok(()),
        STOP => Err(Error::signal(Signal::Stop)),
        _ => Err(Error::signal(Signal::Refused)),
    }
}

impl Host {
    /// # Safety
    /// The emitter is the one that the host handed to the running entry, and is used within it, on its thread.
    pub(crate) unsafe fn new(emitter: *const EmitterRef) -> Host {
        // SAFETY: the host lends a valid emitter with every entry that takes one.
        Host { emitter: unsafe { *emitter } }
    }

    fn table(&self) -> &EmitterV1 {
        // SAFETY: the host's table outlives the call.
        unsafe { &*self.emitter.table }
    }

    #[inline]
    pub(crate) fn alerts_wanted(&self) -> bool {
        self.emitter.flags & ALERTS_WANTED != 0
    }

    pub(crate) fn selection(&self, port: u32, rows: Option<&[u32]>, count: usize) -> Result<()> {
        let rows = rows.map_or(std::ptr::null(), <[u32]>::as_ptr);
        answer((self.table().emit_selection)(self.emitter.data, port, rows, count))
    }

    pub(crate) fn patch(
        &self,
        port: u32,
        rows: Option<&[u32]>,
        count: usize,
        mapping: &[i64],
        columns: Vec<ColumnBuilder>,
    ) -> Result<()> {
        let mut exported = array::export(columns, count);
        self.patch_array(port, rows, count, mapping, &mut exported)
    }

    fn patch_array(
        &self,
        port: u32,
        rows: Option<&[u32]>,
        count: usize,
        mapping: &[i64],
        exported: &mut ArrowArray,
    ) -> Result<()> {
        let patch = PatchV1 {
            rows: rows.map_or(std::ptr::null(), <[u32]>::as_ptr),
            n: count,
            columns: mapping.as_ptr(),
            n_columns: mapping.len(),
            array: exported,
        };
        let status = (self.table().emit_patch)(self.emitter.data, port, &patch);
        array::discard(exported);
        answer(status)
    }

    pub(crate) fn batch(
        &self,
        port: u32,
        columns: Vec<ColumnBuilder>,
        count: usize,
        rows: Option<&[u32]>,
        positions: Option<&[u64]>,
    ) -> Result<()> {
        let mut exported = array::export(columns, count);
        self.batch_array(port, &mut exported, rows, positions)
    }

    pub(crate) fn batch_array(
        &self,
        port: u32,
        exported: &mut ArrowArray,
        rows: Option<&[u32]>,
        positions: Option<&[u64]>,
    ) -> Result<()> {
        let rows = rows.map_or(std::ptr::null(), <[u32]>::as_ptr);
        let positions = positions.map_or(std::ptr::null(), <[u64]>::as_ptr);
        let status = (self.table().emit_batch)(self.emitter.data, port, exported, rows, positions);
        array::discard(exported);
        answer(status)
    }

    pub(crate) fn errors(&self, errors: &ErrorColumns) -> Result<()> {
        let lent = ErrorsV1 {
            n: errors.codes.len(),
            rows: errors.rows.as_ptr(),
            codes: errors.codes.as_ptr(),
            message_ends: errors.message_ends.as_ptr(),
            messages: errors.messages.as_ptr(),
            raw_ends: errors.raw_ends.as_ptr(),
            raw: errors.raw.as_ptr(),
            lines: errors.lines.as_ptr(),
            positions: errors.positions.as_ptr(),
            file: Slice::new(errors.file.as_bytes()),
        };
        answer((self.table().emit_errors)(self.emitter.data, &lent))
    }

    pub(crate) fn alerts(&self, alerts: &AlertColumns) -> Result<()> {
        let wanted = self.alerts_wanted();
        let lent = AlertsV1 {
            n: alerts.rows.len(),
            rows: alerts.rows.as_ptr(),
            positions: alerts.positions.as_ptr(),
            pair_ends: if wanted { alerts.pair_ends.as_ptr() } else { std::ptr::null() },
            key_ends: alerts.key_ends.as_ptr(),
            keys: alerts.keys.as_ptr(),
            value_ends: alerts.value_ends.as_ptr(),
            values: alerts.values.as_ptr(),
        };
        answer((self.table().emit_alerts)(self.emitter.data, &lent))
    }
}
