//! What a stage emits: a record as it came, with some fields changed, or made new.

use crate::batch::Record;
use crate::builder::ColumnBuilder;
use crate::emitter::Edits;
use crate::field::{Bytes, OutputField, Text};
use campanile_abi::{NO_POSITION, NO_ROW};

/// A value that fits into a field of the output with the marker `T`.
pub trait Value<T> {
    /// Adds it to a column.
    #[doc(hidden)]
    fn push(self, column: &mut ColumnBuilder);
}

macro_rules! value {
    ($marker:ty, $value:ty, $push:ident $(, $convert:expr)?) => {
        impl Value<$marker> for $value {
            #[inline]
            fn push(self, column: &mut ColumnBuilder) {
                $(let convert: fn($value) -> _ = $convert;)?
                column.$push(value!(@ self $(, $convert, convert)?));
            }
        }

        impl Value<$marker> for Option<$value> {
            #[inline]
            fn push(self, column: &mut ColumnBuilder) {
                match self {
                    Some(value) => value.push(column),
                    None => column.push_null(),
                }
            }
        }
    };
    (@ $value:expr) => { $value };
    (@ $value:expr, $ignored:expr, $convert:ident) => { $convert($value) };
}

value!(f64, f64, push_f64);
value!(f32, f32, push_f64, f64::from);
value!(i64, i64, push_i64);
value!(i32, i32, push_i64, i64::from);
value!(bool, bool, push_bool);
value!(Text, &str, push_text);
value!(Bytes, &[u8], push_bytes);

impl Value<Text> for String {
    fn push(self, column: &mut ColumnBuilder) {
        column.push_text(&self);
    }
}

impl Value<Text> for &String {
    fn push(self, column: &mut ColumnBuilder) {
        column.push_text(self);
    }
}

/// What [`Emitter::emit`](crate::Emitter::emit) takes: a [`Record`], a [`Row`], or either [`With`] changed fields.
pub trait Emit: Sized {
    /// The row of the input.
    #[doc(hidden)]
    fn row(&self) -> u32;

    /// The position in the source, of a row made new.
    #[doc(hidden)]
    fn position(&self) -> u64 {
        NO_POSITION
    }

    /// Whether there is anything to write.
    #[doc(hidden)]
    const EDITED: bool;

    /// Writes the changed fields.
    #[doc(hidden)]
    fn write(self, edits: &mut Edits<'_>);

    /// The same with another value in one field of the output.
    fn with<T, V: Value<T>>(self, field: OutputField<T>, value: V) -> With<Self, T, V> {
        With::new(self, field, value)
    }
}

impl Emit for Record<'_> {
    const EDITED: bool = false;

    #[inline(always)]
    fn row(&self) -> u32 {
        Record::row(self) as u32
    }

    #[inline(always)]
    fn write(self, _: &mut Edits<'_>) {}
}

impl Emit for &Record<'_> {
    const EDITED: bool = false;

    #[inline(always)]
    fn row(&self) -> u32 {
        Record::row(self) as u32
    }

    #[inline(always)]
    fn write(self, _: &mut Edits<'_>) {}
}

/// A record that comes from no record of the input: every field is null until it is set.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    position: u64,
}

impl Row {
    /// A row without a place in a source.
    pub const fn new() -> Row {
        Row { position: NO_POSITION }
    }

    /// In a source: a row that stands at this position of the split being read. Positions grow within a split, and
    /// reading can begin behind any of them.
    pub const fn at(position: u64) -> Row {
        Row { position }
    }
}

impl Default for Row {
    fn default() -> Row {
        Row::new()
    }
}

impl Emit for Row {
    const EDITED: bool = true;

    fn row(&self) -> u32 {
        NO_ROW
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn write(self, _: &mut Edits<'_>) {}
}

/// A record or row with another value in one field of the output.
#[derive(Clone, Copy, Debug)]
#[must_use = "a changed record is to be emitted"]
pub struct With<R, T, V> {
    inner: R,
    field: OutputField<T>,
    value: V,
}

impl<R, T, V> With<R, T, V> {
    pub(crate) fn new(inner: R, field: OutputField<T>, value: V) -> With<R, T, V> {
        With { inner, field, value }
    }
}

impl<R: Emit, T, V: Value<T>> Emit for With<R, T, V> {
    const EDITED: bool = true;

    #[inline]
    fn row(&self) -> u32 {
        self.inner.row()
    }

    #[inline]
    fn position(&self) -> u64 {
        self.inner.position()
    }

    #[inline]
    fn write(self, edits: &mut Edits<'_>) {
        self.inner.write(edits);
        edits.set(self.field.column, self.value);
    }
}
