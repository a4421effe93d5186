//! Handles on the fields of a schema, resolved once and used for every record.

use crate::{DataType, Error, Result, Schema};
use std::marker::PhantomData;

/// Marks a [`Field`] that holds text.
#[derive(Clone, Copy, Debug)]
pub enum Text {}

/// Marks a [`Field`] that holds bytes.
#[derive(Clone, Copy, Debug)]
pub enum Bytes {}

/// Marks a [`Field`] that holds any scalar.
#[derive(Clone, Copy, Debug)]
pub enum Any {}

/// Where a field of the input stands. Made by [`Input`] in `open`, kept in the plugin, used with
/// [`Record`](crate::Record). The default stands nowhere: reading it gives null.
#[derive(Debug)]
pub struct Field<T> {
    pub(crate) column: u32,
    marker: PhantomData<fn() -> T>,
}

/// Where a field of the output stands. Made by [`Output`] in `open`, used with [`Record::with`](crate::Record::with).
#[derive(Debug)]
pub struct OutputField<T> {
    pub(crate) column: u32,
    marker: PhantomData<fn() -> T>,
}

macro_rules! handle {
    ($name:ident) => {
        impl<T> $name<T> {
            pub(crate) const fn at(column: u32) -> $name<T> {
                $name { column, marker: PhantomData }
            }

            /// The position in the schema.
            pub fn index(&self) -> usize {
                self.column as usize
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> $name<T> {
                *self
            }
        }

        impl<T> Copy for $name<T> {}

        impl<T> Default for $name<T> {
            fn default() -> $name<T> {
                $name::at(u32::MAX)
            }
        }
    };
}

handle!(Field);
handle!(OutputField);

/// The fields of a stage's input.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub(crate) schema: &'a Schema,
}

impl<'a> Input<'a> {
    /// The fields of this schema, for parts of a plugin that are given a schema and batches of it.
    pub fn new(schema: &'a Schema) -> Input<'a> {
        Input { schema }
    }

    /// The schema.
    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// A field with numbers: int, long, float or double, read as `f64`.
    pub fn f64(&self, name: &str) -> Result<Field<f64>> {
        let number = |t: &DataType| matches!(t, DataType::Int | DataType::Long | DataType::Float | DataType::Double);
        resolve(self.schema, name, "a number", number).map(Field::at)
    }

    /// A field with whole numbers: int or long, a date in days or a timestamp in microseconds.
    pub fn i64(&self, name: &str) -> Result<Field<i64>> {
        let whole = |t: &DataType| matches!(t, DataType::Int | DataType::Long | DataType::Date | DataType::Timestamp);
        resolve(self.schema, name, "a whole number", whole).map(Field::at)
    }

    /// A field with true or false.
    pub fn bool(&self, name: &str) -> Result<Field<bool>> {
        resolve(self.schema, name, "boolean", |t| matches!(t, DataType::Boolean)).map(Field::at)
    }

    /// A field with text.
    pub fn text(&self, name: &str) -> Result<Field<Text>> {
        resolve(self.schema, name, "string", |t| matches!(t, DataType::String)).map(Field::at)
    }

    /// A field with bytes or text.
    pub fn bytes(&self, name: &str) -> Result<Field<Bytes>> {
        resolve(self.schema, name, "bytes", |t| matches!(t, DataType::Bytes | DataType::String)).map(Field::at)
    }

    /// A field with any scalar.
    pub fn any(&self, name: &str) -> Result<Field<Any>> {
        resolve(self.schema, name, "a scalar", DataType::is_scalar).map(Field::at)
    }
}

/// The fields of a stage's output.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    pub(crate) schema: &'a Schema,
}

impl<'a> Output<'a> {
    /// The schema.
    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// A field of type double.
    pub fn f64(&self, name: &str) -> Result<OutputField<f64>> {
        resolve(self.schema, name, "double", |t| matches!(t, DataType::Double)).map(OutputField::at)
    }

    /// A field of type float.
    pub fn f32(&self, name: &str) -> Result<OutputField<f32>> {
        resolve(self.schema, name, "float", |t| matches!(t, DataType::Float)).map(OutputField::at)
    }

    /// A field of type long, or a timestamp in microseconds.
    pub fn i64(&self, name: &str) -> Result<OutputField<i64>> {
        let long = |t: &DataType| matches!(t, DataType::Long | DataType::Timestamp);
        resolve(self.schema, name, "long", long).map(OutputField::at)
    }

    /// A field of type int, or a date in days.
    pub fn i32(&self, name: &str) -> Result<OutputField<i32>> {
        resolve(self.schema, name, "int", |t| matches!(t, DataType::Int | DataType::Date)).map(OutputField::at)
    }

    /// A field with true or false.
    pub fn bool(&self, name: &str) -> Result<OutputField<bool>> {
        resolve(self.schema, name, "boolean", |t| matches!(t, DataType::Boolean)).map(OutputField::at)
    }

    /// A field with text.
    pub fn text(&self, name: &str) -> Result<OutputField<Text>> {
        resolve(self.schema, name, "string", |t| matches!(t, DataType::String)).map(OutputField::at)
    }

    /// A field with bytes.
    pub fn bytes(&self, name: &str) -> Result<OutputField<Bytes>> {
        resolve(self.schema, name, "bytes", |t| matches!(t, DataType::Bytes)).map(OutputField::at)
    }
}

fn resolve(schema: &Schema, name: &str, wanted: &str, fits: impl Fn(&DataType) -> bool) -> Result<u32> {
    let Some(index) = schema.index_of(name) else {
        let names = schema.names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(Error::config(format!("there is no field `{name}` (the fields are {names})")));
    };
    let data_type = &schema.fields[index].data_type;
    if !fits(data_type) {
        return Err(Error::config(format!("field `{name}` is of type {data_type}, where {wanted} is needed")));
    }
    Ok(index as u32)
}
