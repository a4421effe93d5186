//! What a stage emits, on the host's side: the emitter table in front of a safe trait.

use crate::shim::{array, guard};
use campanile_abi::{
    ALERTS_WANTED, AlertsV1, ArrowArray, EmitterRef, EmitterV1, ErrorsV1, FAILED, NO_POSITION, OK, PatchV1, STOP,
};
use std::ffi::c_void;

/// What the host says to what was emitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Go on.
    Go,
    /// Nothing more is wanted.
    Stop,
    /// It could not be taken; the host has noted why.
    Fail,
}

/// An array that a plugin gave away: released when it is dropped, unless its parts were taken over.
#[derive(Debug)]
pub struct Incoming(pub ArrowArray);

impl Drop for Incoming {
    fn drop(&mut self) {
        array::discard(&mut self.0);
    }
}

// SAFETY: by the rule of the boundary an array is released on any thread.
unsafe impl Send for Incoming {}

/// Rows of the input with some columns replaced. Row numbers and columns are the plugin's word: to be checked.
#[derive(Debug)]
pub struct PatchIn<'a> {
    /// The rows of the input; nothing for the first `n`.
    pub rows: Option<&'a [u32]>,
    /// How many rows.
    pub n: usize,
    /// For each column of the output a column of the input (0, 1, …) or a new one (-1, -2, …).
    pub columns: &'a [i64],
    /// The new columns.
    pub array: Option<Incoming>,
}

/// Error records as they came. Row numbers are the plugin's word.
#[derive(Clone, Copy, Debug)]
pub struct ErrorsIn<'a> {
    raw: &'a ErrorsV1,
}

impl<'a> ErrorsIn<'a> {
    /// How many.
    pub fn len(&self) -> usize {
        self.raw.n
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.raw.n == 0
    }

    /// The row of the input of error `i`.
    pub fn row(&self, i: usize) -> Option<u32> {
        entry(self.raw.rows, self.raw.n, i).filter(|&row| row != campanile_abi::NO_ROW)
    }

    /// Its code.
    pub fn code(&self, i: usize) -> i32 {
        entry(self.raw.codes, self.raw.n, i).unwrap_or_default()
    }

    /// Its message; what is no UTF-8 is replaced.
    pub fn message(&self, i: usize) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(text(self.raw.message_ends, self.raw.messages, self.raw.n, i))
    }

    /// The bytes that could not be read.
    pub fn raw(&self, i: usize) -> &'a [u8] {
        text(self.raw.raw_ends, self.raw.raw, self.raw.n, i)
    }

    /// The line, from 1; 0 where there is none.
    pub fn line(&self, i: usize) -> u64 {
        entry(self.raw.lines, self.raw.n, i).unwrap_or_default()
    }

    /// The position in the split.
    pub fn position(&self, i: usize) -> Option<u64> {
        entry(self.raw.positions, self.raw.n, i).filter(|&position| position != NO_POSITION)
    }

    /// The file they come from, or empty.
    pub fn file(&self) -> std::borrow::Cow<'a, str> {
        // SAFETY: lent by the plugin for the call.
        unsafe { self.raw.file.text() }
    }
}

/// Alerts as they came, checked for ends that grow.
#[derive(Clone, Copy, Debug)]
pub struct AlertsIn<'a> {
    /// How many.
    pub n: usize,
    /// The row of the input that raised each, or [`NO_ROW`](campanile_abi::NO_ROW).
    pub rows: Option<&'a [u32]>,
    /// The position in the source of what raised each, or [`NO_POSITION`].
    pub positions: Option<&'a [u64]>,
    /// Their payloads; nothing where they are only counted.
    pub payloads: Option<PayloadsIn<'a>>,
}

/// The payloads of alerts: for each alert some pairs, for each pair a key and a value.
#[derive(Clone, Copy, Debug)]
pub struct PayloadsIn<'a> {
    pair_ends: &'a [u32],
    key_ends: &'a [u32],
    keys: &'a str,
    value_ends: &'a [u32],
    values: &'a str,
}

impl<'a> PayloadsIn<'a> {
    /// The numbers of the pairs of alert `i`.
    #[inline]
    pub fn pairs(&self, i: usize) -> std::ops::Range<usize> {
        let start = if i == 0 { 0 } else { self.pair_ends[i - 1] };
        start as usize..self.pair_ends[i] as usize
    }

    /// How many bytes the keys and values of these pairs take.
    #[inline]
    pub fn bytes(&self, pairs: std::ops::Range<usize>) -> usize {
        let size = |ends: &[u32]| {
            let start = if pairs.start == 0 { 0 } else { ends[pairs.start - 1] };
            let end = if pairs.end == 0 { 0 } else { ends[pairs.end - 1] };
            end.saturating_sub(start) as usize
        };
        size(self.key_ends) + size(self.value_ends)
    }

    /// The pair with this number.
    #[inline]
    pub fn pair(&self, pair: usize) -> (&'a str, &'a str) {
        let start = |ends: &[u32]| if pair == 0 { 0 } else { ends[pair - 1] as usize };
        let key = self.keys.get(start(self.key_ends)..self.key_ends[pair] as usize);
        let value = self.values.get(start(self.value_ends)..self.value_ends[pair] as usize);
        // A text that is cut within a character is no text.
        (key.unwrap_or_default(), value.unwrap_or_default())
    }
}

/// Takes what a stage emits. Called within the stage's own call, on its thread.
pub trait Downstream {
    /// Whether anybody takes the stage's alerts.
    fn alerts_wanted(&self) -> bool;
    /// Rows of the input, unchanged; nothing for the first `n`.
    fn selection(&mut self, port: u32, rows: Option<&[u32]>, n: usize) -> Answer;
    /// Rows of the input with some columns replaced.
    fn patch(&mut self, port: u32, patch: PatchIn<'_>) -> Answer;
    /// New rows; with the row of the input or the position of each.
    fn batch(&mut self, port: u32, array: Incoming, rows: Option<&[u32]>, positions: Option<&[u64]>) -> Answer;
    /// Error records.
    fn errors(&mut self, errors: ErrorsIn<'_>) -> Answer;
    /// Alerts.
    fn alerts(&mut self, alerts: AlertsIn<'_>) -> Answer;
    /// The plugin broke the rules of the boundary, or the host panicked while it took something.
    fn broken(&mut self, message: String);
}

static TABLE: EmitterV1 = EmitterV1 {
    size: std::mem::size_of::<EmitterV1>(),
    emit_selection,
    emit_patch,
    emit_batch,
    emit_errors,
    emit_alerts,
};

/// Runs `call` with an emitter that ends in `downstream`.
pub(crate) fn lend<T>(downstream: &mut dyn Downstream, call: impl FnOnce(*const EmitterRef) -> T) -> T {
    let flags = if downstream.alerts_wanted() { ALERTS_WANTED } else { 0 };
    let mut downstream: &mut dyn Downstream = downstream;
    let data: *mut &mut dyn Downstream = &mut downstream;
    call(&EmitterRef { table: &TABLE, data: data.cast(), flags })
}

fn with(data: *mut c_void, take: impl FnOnce(&mut dyn Downstream) -> Answer) -> i32 {
    // SAFETY: `data` is what `lend` gave, and its call is still running, on this thread.
    let downstream: &mut &mut dyn Downstream = unsafe { &mut *data.cast() };
    match guard::run(|| Ok(take(&mut **downstream))) {
        Ok(Answer::Go) => OK,
        Ok(Answer::Stop) => STOP,
        Ok(Answer::Fail) => FAILED,
        Err(error) => {
            downstream.broken(format!("the host failed: {error}"));
            FAILED
        }
    }
}

/// A list that the plugin lends, if it is there.
fn list<'a, T>(ptr: *const T, n: usize) -> Option<&'a [T]> {
    if ptr.is_null() {
        return None;
    }
    // SAFETY: the boundary says that the list has `n` entries; a plugin's pointers are trusted that far.
    Some(if n == 0 { &[] } else { unsafe { std::slice::from_raw_parts(ptr, n) } })
}

fn entry<T: Copy>(ptr: *const T, n: usize, i: usize) -> Option<T> {
    list(ptr, n)?.get(i).copied()
}

fn text<'a>(ends: *const u32, bytes: *const u8, n: usize, i: usize) -> &'a [u8] {
    let Some(end) = entry(ends, n, i) else { return &[] };
    let start = if i == 0 { 0 } else { entry(ends, n, i - 1).unwrap_or_default() };
    if bytes.is_null() || end <= start {
        return &[];
    }
    // SAFETY: the boundary says that the bytes reach to the last end.
    unsafe { std::slice::from_raw_parts(bytes.add(start as usize), (end - start) as usize) }
}

extern "C" fn emit_selection(data: *mut c_void, port: u32, rows: *const u32, n: usize) -> i32 {
    with(data, |downstream| downstream.selection(port, list(rows, n), n))
}

extern "C" fn emit_patch(data: *mut c_void, port: u32, patch: *const PatchV1) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let patch = unsafe { &*patch };
    let array = take(patch.array);
    with(data, |downstream| {
        let columns = list(patch.columns, patch.n_columns).unwrap_or_default();
        downstream.patch(port, PatchIn { rows: list(patch.rows, patch.n), n: patch.n, columns, array })
    })
}

/// Moves an array out of the plugin's place.
fn take(array: *mut ArrowArray) -> Option<Incoming> {
    // SAFETY: null, or a place that the plugin lends with an array to give away.
    let place = unsafe { array.as_mut() }?;
    place.release?;
    Some(Incoming(std::mem::replace(place, ArrowArray::EMPTY)))
}

extern "C" fn emit_batch(
    data: *mut c_void,
    port: u32,
    array: *mut ArrowArray,
    rows: *const u32,
    positions: *const u64,
) -> i32 {
    let Some(array) = take(array) else {
        return with(data, |downstream| {
            downstream.broken("it emitted a batch without an array".to_owned());
            Answer::Fail
        });
    };
    let n = usize::try_from(array.0.length).unwrap_or_default();
    with(data, |downstream| downstream.batch(port, array, list(rows, n), list(positions, n)))
}

extern "C" fn emit_errors(data: *mut c_void, errors: *const ErrorsV1) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let errors = unsafe { &*errors };
    with(data, |downstream| downstream.errors(ErrorsIn { raw: errors }))
}

extern "C" fn emit_alerts(data: *mut c_void, alerts: *const AlertsV1) -> i32 {
    // SAFETY: lent by the plugin for this call.
    let alerts = unsafe { &*alerts };
    with(data, |downstream| match read_alerts(alerts) {
        Ok(alerts) => downstream.alerts(alerts),
        Err(message) => {
            downstream.broken(message);
            Answer::Fail
        }
    })
}

fn read_alerts<'a>(alerts: &AlertsV1) -> Result<AlertsIn<'a>, String> {
    let n = alerts.n;
    let payloads = match list(alerts.pair_ends, n) {
        None => None,
        Some(pair_ends) => {
            let pairs = grown(pair_ends).ok_or("the ends of its alerts' pairs do not grow")?;
            let key_ends = list(alerts.key_ends, pairs).ok_or("its alerts have no keys")?;
            let value_ends = list(alerts.value_ends, pairs).ok_or("its alerts have no values")?;
            let keys = grown(key_ends).ok_or("the ends of its alerts' keys do not grow")?;
            let values = grown(value_ends).ok_or("the ends of its alerts' values do not grow")?;
            let utf8 = |bytes| std::str::from_utf8(bytes).map_err(|_| "a payload of its alerts is no UTF-8");
            let keys = utf8(list(alerts.keys, keys).unwrap_or_default())?;
            let values = utf8(list(alerts.values, values).unwrap_or_default())?;
            Some(PayloadsIn { pair_ends, key_ends, keys, value_ends, values })
        }
    };
    Ok(AlertsIn { n, rows: list(alerts.rows, n), positions: list(alerts.positions, n), payloads })
}

/// The last of these ends, if they grow.
fn grown(ends: &[u32]) -> Option<usize> {
    ends.is_sorted().then(|| ends.last().map_or(0, |&end| end as usize))
}
