#![allow(unsafe_code, reason = "the reading half of the shim: rows and columns are checked here, read in shim/columns")]

use crate::builder::ColumnBuilder;
use crate::field::{Any, Bytes, Field, OutputField, Text};
use crate::schema::Schema;
use crate::shim::columns::{Column, Layout};
use crate::write::{Value, With};
use crate::{DataType, text};
use campanile_abi::BatchV1;

/// Records on their way into a stage: some rows of some columns, lent for one call.
#[derive(Debug)]
pub struct Batch<'b> {
    pub(crate) rows: usize,
    pub(crate) columns: &'b [Column],
    pub(crate) schema: &'b Schema,
    pub(crate) raw: Option<&'b BatchV1>,
}

/// One row of a [`Batch`].
#[derive(Clone, Copy, Debug)]
pub struct Record<'b> {
    batch: &'b Batch<'b>,
    row: u32,
}

impl<'b> Batch<'b> {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// What the columns are.
    pub fn schema(&self) -> &Schema {
        self.schema
    }

    /// The rows, in order.
    #[inline]
    pub fn records(&'b self) -> impl ExactSizeIterator<Item = Record<'b>> {
        (0..self.rows as u32).map(move |row| Record { batch: self, row })
    }

    /// The row with this number, from 0.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn record(&'b self, row: usize) -> Record<'b> {
        assert!(row < self.rows, "row {row} of a batch of {}", self.rows);
        Record { batch: self, row: row as u32 }
    }

    /// The values of a field of type double that has no nulls in this batch, as they lie in memory.
    pub fn f64s(&self, field: Field<f64>) -> Option<&[f64]> {
        // SAFETY: the layout names the type, the batch is lent for longer than `self`.
        unsafe { self.columns.get(field.index())?.slice(Layout::F64, self.rows) }
    }

    /// The values of a field of type long that has no nulls in this batch, as they lie in memory.
    pub fn i64s(&self, field: Field<i64>) -> Option<&[i64]> {
        // SAFETY: the layout names the type, the batch is lent for longer than `self`.
        unsafe { self.columns.get(field.index())?.slice(Layout::I64, self.rows) }
    }

    /// Adds the value at this column and row to a builder of the same type.
    pub(crate) fn copy_value(&self, column: usize, row: u32, builder: &mut ColumnBuilder) {
        let row = row as usize;
        let Some(column) = self.columns.get(column) else { return builder.push_null() };
        debug_assert!(row < self.rows);
        // SAFETY: the caller asked for a row within the batch, which is lent for longer than `self`.
        let copied = unsafe {
            match column.layout {
                Layout::Bits => column.bool(row).map(|value| builder.push_bool(value)),
                Layout::I32 | Layout::I64 => column.i64(row).map(|value| builder.push_i64(value)),
                Layout::I128 => column.i128(row).map(|value| builder.push_i128(value)),
                Layout::F32 | Layout::F64 => column.f64(row).map(|value| builder.push_f64(value)),
                Layout::Text => column.text(row).map(|value| builder.push_text(value)),
                Layout::Bytes => column.bytes(row).map(|value| builder.push_bytes(value)),
                Layout::Nested => None,
            }
        };
        if copied.is_none() {
            builder.push_null();
        }
    }

    /// The position of each row in its split, where rows come from a source.
    pub fn positions(&self) -> Option<&[u64]> {
        let positions = self.raw?.positions;
        if positions.is_null() || self.rows == 0 {
            return None;
        }
        // SAFETY: the host lends one position for each row.
        Some(unsafe { std::slice::from_raw_parts(positions, self.rows) })
    }

    /// The split of the source that the rows come from; empty where they come from none.
    pub fn split(&self) -> &str {
        // SAFETY: lent by the host with the batch, UTF-8.
        let bytes = self.raw.map_or(&[][..], |raw| unsafe { raw.split.bytes() });
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl<'b> Record<'b> {
    /// The row's number in its batch, from 0.
    pub fn row(&self) -> usize {
        self.row as usize
    }

    /// The batch that it is a row of.
    pub fn batch(&self) -> &'b Batch<'b> {
        self.batch
    }

    #[inline(always)]
    fn column<T>(&self, field: Field<T>) -> Option<&'b Column> {
        self.batch.columns.get(field.column as usize)
    }

    /// A number, or nothing where it is null.
    #[inline(always)]
    pub fn f64(&self, field: Field<f64>) -> Option<f64> {
        // SAFETY: a record's row is within its batch, which is lent for longer than the record. So below.
        unsafe { self.column(field)?.f64(self.row as usize) }
    }

    /// A whole number, or nothing where it is null.
    #[inline(always)]
    pub fn i64(&self, field: Field<i64>) -> Option<i64> {
        // SAFETY: as above.
        unsafe { self.column(field)?.i64(self.row as usize) }
    }

    /// True, false, or nothing where it is null.
    #[inline(always)]
    pub fn bool(&self, field: Field<bool>) -> Option<bool> {
        // SAFETY: as above.
        unsafe { self.column(field)?.bool(self.row as usize) }
    }

    /// Text, or nothing where it is null.
    #[inline(always)]
    pub fn text(&self, field: Field<Text>) -> Option<&'b str> {
        // SAFETY: as above.
        unsafe { self.column(field)?.text(self.row as usize) }
    }

    /// Bytes, or nothing where they are null.
    #[inline(always)]
    pub fn bytes(&self, field: Field<Bytes>) -> Option<&'b [u8]> {
        // SAFETY: as above.
        unsafe { self.column(field)?.bytes(self.row as usize) }
    }

    /// A scalar whose type is known only at run time.
    #[inline]
    pub fn scalar(&self, field: Field<Any>) -> Scalar<'b> {
        let row = self.row as usize;
        let (Some(column), Some(schema)) = (self.column(field), self.batch.schema.fields.get(field.index())) else {
            return Scalar::Null;
        };
        // SAFETY: as above.
        unsafe {
            if column.is_null(row) {
                return Scalar::Null;
            }
            match (column.layout, &schema.data_type) {
                (Layout::Bits, _) => column.bool(row).map_or(Scalar::Null, Scalar::Boolean),
                (Layout::I32, DataType::Date) => column.i64(row).map_or(Scalar::Null, |days| Scalar::Date(days as i32)),
                (Layout::I64, DataType::Timestamp) => column.i64(row).map_or(Scalar::Null, Scalar::Timestamp),
                (Layout::I32 | Layout::I64, _) => column.i64(row).map_or(Scalar::Null, Scalar::Long),
                (Layout::F32, _) => column.f64(row).map_or(Scalar::Null, |value| Scalar::Float(value as f32)),
                (Layout::F64, _) => column.f64(row).map_or(Scalar::Null, Scalar::Double),
                (Layout::I128, DataType::Decimal { scale, .. }) => {
                    let decimal = |unscaled| Scalar::Decimal { unscaled, scale: *scale };
                    column.i128(row).map_or(Scalar::Null, decimal)
                }
                (Layout::Text, _) => column.text(row).map_or(Scalar::Null, Scalar::Text),
                (Layout::Bytes, _) => column.bytes(row).map_or(Scalar::Null, Scalar::Bytes),
                _ => Scalar::Null,
            }
        }
    }

    /// The same record with another value in one field of the output; to be emitted. Only the fields that are named are
    /// copied.
    #[inline]
    pub fn with<T, V: Value<T>>(self, field: OutputField<T>, value: V) -> With<Record<'b>, T, V> {
        With::new(self, field, value)
    }
}

/// One scalar value of a record.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Scalar<'b> {
    /// Nothing.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number, of type int or long.
    Long(i64),
    /// A number of type float.
    Float(f32),
    /// A number of type double.
    Double(f64),
    /// A decimal number: `unscaled` divided by ten to the power of `scale`.
    Decimal {
        /// The digits.
        unscaled: i128,
        /// How many of them stand behind the point.
        scale: i8,
    },
    /// Text.
    Text(&'b str),
    /// Bytes.
    Bytes(&'b [u8]),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
}

impl Scalar<'_> {
    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Scalar::Null)
    }

    /// Writes it as text, as alerts and JSON print it: doubles as ECMAScript does, dates ISO, timestamps RFC 3339 in
    /// UTC, bytes base64, null as nothing.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Scalar::Null => {}
            Scalar::Boolean(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
            Scalar::Long(value) => text::write_i64(value, out),
            Scalar::Float(value) => text::write_f32(value, out),
            Scalar::Double(value) => text::write_f64(value, out),
            Scalar::Decimal { unscaled, scale } => text::write_decimal(unscaled, scale, out),
            Scalar::Text(value) => out.extend_from_slice(value.as_bytes()),
            Scalar::Bytes(value) => text::write_base64(value, out),
            Scalar::Date(days) => text::write_date(i64::from(days), out),
            Scalar::Timestamp(micros) => text::write_timestamp(micros, out),
        }
    }
}

impl std::fmt::Display for Scalar<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = Vec::new();
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}
