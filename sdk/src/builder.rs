//! Columns in the making.

use crate::schema::{DataType, Schema};
use crate::{Error, Result};

/// A column that grows value by value, of a scalar type. Kept by sources that build whole batches; filled by the
/// emitter for records with changed fields.
#[derive(Clone, Debug)]
pub struct ColumnBuilder {
    pub(crate) values: Values,
    /// One bit a row, 1 for "there"; empty while no row is null.
    pub(crate) validity: Vec<u8>,
    pub(crate) nulls: usize,
    pub(crate) len: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Values {
    Bits(Vec<u8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    I128(Vec<i128>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Text { ends: Vec<i32>, data: Vec<u8> },
    Bytes { ends: Vec<i32>, data: Vec<u8> },
}

impl ColumnBuilder {
    /// An empty column, or an error where the type is no scalar.
    pub fn new(data_type: &DataType) -> Result<ColumnBuilder> {
        let values = match data_type {
            DataType::Boolean => Values::Bits(Vec::new()),
            DataType::Int | DataType::Date => Values::I32(Vec::new()),
            DataType::Long | DataType::Timestamp => Values::I64(Vec::new()),
            DataType::Decimal { .. } => Values::I128(Vec::new()),
            DataType::Float => Values::F32(Vec::new()),
            DataType::Double => Values::F64(Vec::new()),
            DataType::String => Values::Text { ends: vec![0], data: Vec::new() },
            DataType::Bytes => Values::Bytes { ends: vec![0], data: Vec::new() },
            other => return Err(Error::fatal(format!("columns of type {other} are built with the arrow feature"))),
        };
        Ok(ColumnBuilder { values, validity: Vec::new(), nulls: 0, len: 0 })
    }

    /// One builder for each field of a schema.
    pub fn all(schema: &Schema) -> Result<Vec<ColumnBuilder>> {
        schema.fields.iter().map(|field| ColumnBuilder::new(&field.data_type)).collect()
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// About how many bytes its values take.
    pub fn bytes(&self) -> usize {
        match &self.values {
            Values::Bits(bits) => bits.len(),
            Values::I32(values) => values.len() * 4,
            Values::I64(values) => values.len() * 8,
            Values::I128(values) => values.len() * 16,
            Values::F32(values) => values.len() * 4,
            Values::F64(values) => values.len() * 8,
            Values::Text { ends, data } | Values::Bytes { ends, data } => data.len() + ends.len() * 4,
        }
    }

    #[inline]
    fn there(&mut self) {
        if self.nulls > 0 {
            self.set_validity(true);
        }
        self.len += 1;
    }

    #[inline(never)]
    fn set_validity(&mut self, there: bool) {
        if self.validity.is_empty() {
            self.validity = vec![0xff; self.len / 8 + 1];
        }
        let byte = self.len / 8;
        if byte >= self.validity.len() {
            self.validity.push(0xff);
        }
        let bit = 1 << (self.len % 8);
        if there {
            self.validity[byte] |= bit;
        } else {
            self.validity[byte] &= !bit;
        }
    }

    /// Adds a null.
    pub fn push_null(&mut self) {
        match &mut self.values {
            Values::Bits(bits) => push_bit(bits, self.len, false),
            Values::I32(values) => values.push(0),
            Values::I64(values) => values.push(0),
            Values::I128(values) => values.push(0),
            Values::F32(values) => values.push(0.0),
            Values::F64(values) => values.push(0.0),
            Values::Text { ends, data } | Values::Bytes { ends, data } => ends.push(data.len() as i32),
        }
        self.set_validity(false);
        self.nulls += 1;
        self.len += 1;
    }

    /// Adds a double to a column of type double or float. In a column of another type it becomes null.
    #[inline]
    pub fn push_f64(&mut self, value: f64) {
        match &mut self.values {
            Values::F64(values) => values.push(value),
            Values::F32(values) => values.push(value as f32),
            _ => return self.push_null(),
        }
        self.there();
    }

    /// Adds a whole number to a column of type long, timestamp, int or date. What does not fit becomes null.
    #[inline]
    pub fn push_i64(&mut self, value: i64) {
        match &mut self.values {
            Values::I64(values) => values.push(value),
            Values::I32(values) => match i32::try_from(value) {
                Ok(value) => values.push(value),
                Err(_) => return self.push_null(),
            },
            _ => return self.push_null(),
        }
        self.there();
    }

    /// Adds an unscaled decimal. In a column of another type it becomes null.
    pub fn push_i128(&mut self, value: i128) {
        match &mut self.values {
            Values::I128(values) => values.push(value),
            _ => return self.push_null(),
        }
        self.there();
    }

    /// Adds true or false. In a column of another type it becomes null.
    #[inline]
    pub fn push_bool(&mut self, value: bool) {
        match &mut self.values {
            Values::Bits(bits) => push_bit(bits, self.len, value),
            _ => return self.push_null(),
        }
        self.there();
    }

    /// Adds text to a column of type string. In a column of another type it becomes null.
    #[inline]
    pub fn push_text(&mut self, value: &str) {
        match &mut self.values {
            Values::Text { ends, data } | Values::Bytes { ends, data } => {
                data.extend_from_slice(value.as_bytes());
                ends.push(data.len() as i32);
            }
            _ => return self.push_null(),
        }
        self.there();
    }

    /// Adds bytes to a column of type bytes. In a column of another type they become null.
    #[inline]
    pub fn push_bytes(&mut self, value: &[u8]) {
        match &mut self.values {
            Values::Bytes { ends, data } => {
                data.extend_from_slice(value);
                ends.push(data.len() as i32);
            }
            _ => return self.push_null(),
        }
        self.there();
    }

    /// Takes the last value away again, so that a half-built row can be given up.
    pub fn pop(&mut self) {
        let Some(last) = self.len.checked_sub(1) else { return };
        if self.nulls > 0 {
            if self.validity[last / 8] & (1 << (last % 8)) == 0 {
                self.nulls -= 1;
            }
            self.validity[last / 8] |= 1 << (last % 8);
            self.validity.truncate(last / 8 + 1);
        }
        if self.nulls == 0 {
            self.validity.clear();
        }
        match &mut self.values {
            Values::Bits(bits) => bits.truncate(last.div_ceil(8)),
            Values::I32(values) => values.truncate(last),
            Values::I64(values) => values.truncate(last),
            Values::I128(values) => values.truncate(last),
            Values::F32(values) => values.truncate(last),
            Values::F64(values) => values.truncate(last),
            Values::Text { ends, data } | Values::Bytes { ends, data } => {
                ends.truncate(last + 1);
                data.truncate(ends[last] as usize);
            }
        }
        self.len = last;
    }

    /// Takes all values away, and leaves an empty column with room for as many again.
    pub(crate) fn take(&mut self) -> ColumnBuilder {
        fn again<T>(from: &[T]) -> Vec<T> {
            Vec::with_capacity(from.len())
        }
        fn ends_again(from: &[i32]) -> Vec<i32> {
            let mut ends = Vec::with_capacity(from.len());
            ends.push(0);
            ends
        }
        let values = match &self.values {
            Values::Bits(v) => Values::Bits(again(v)),
            Values::I32(v) => Values::I32(again(v)),
            Values::I64(v) => Values::I64(again(v)),
            Values::I128(v) => Values::I128(again(v)),
            Values::F32(v) => Values::F32(again(v)),
            Values::F64(v) => Values::F64(again(v)),
            Values::Text { ends, data } => Values::Text { ends: ends_again(ends), data: again(data) },
            Values::Bytes { ends, data } => Values::Bytes { ends: ends_again(ends), data: again(data) },
        };
        std::mem::replace(self, ColumnBuilder { values, validity: Vec::new(), nulls: 0, len: 0 })
    }
}

#[inline]
fn push_bit(bits: &mut Vec<u8>, len: usize, value: bool) {
    if len.is_multiple_of(8) {
        bits.push(0);
    }
    let bit = 1 << (len % 8);
    // A value that was taken away again may have left its bit.
    bits[len / 8] = bits[len / 8] & !bit | if value { bit } else { 0 };
}
