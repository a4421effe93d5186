//! Columns of types that our schemas do not name as the nearest ones that hold all their values.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Float16Type, Float32Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array as _, ArrayRef, BinaryArray, ListArray, MapArray, StructArray, new_null_array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, TimeUnit};
use std::sync::Arc;

/// Digits of the largest number of 64 bits without sign.
const U64_DIGITS: u8 = 20;

/// The type as which a column of this type is read. What stays as it is may still be one that no field holds.
pub(super) fn read_as(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(U64_DIGITS, 0),
        DataType::Float16 => DataType::Float32,
        DataType::FixedSizeBinary(_) => DataType::Binary,
        // A time without a zone is taken as one in UTC, as those who write it mostly mean it.
        DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, _) => {
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
        }
        // A column of nothing but nulls.
        DataType::Null => DataType::Utf8,
        DataType::List(items) => DataType::List(field_as(items)),
        DataType::Struct(fields) => DataType::Struct(fields_as(fields)),
        DataType::Map(entries, sorted) => DataType::Map(field_as(entries), *sorted),
        other => other.clone(),
    }
}

fn field_as(field: &FieldRef) -> FieldRef {
    Arc::new(Field::new(field.name(), read_as(field.data_type()), field.is_nullable()))
}

/// Fields of such types.
pub(super) fn fields_as(fields: &Fields) -> Fields {
    fields.iter().map(field_as).collect()
}

/// The column as one of [`read_as`] its type.
pub(super) fn convert(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let to = read_as(array.data_type());
    if to == *array.data_type() {
        return Ok(array.clone());
    }
    Ok(match array.data_type() {
        DataType::Int8 => Arc::new(array.as_primitive::<Int8Type>().unary::<_, Int32Type>(i32::from)),
        DataType::Int16 => Arc::new(array.as_primitive::<Int16Type>().unary::<_, Int32Type>(i32::from)),
        DataType::UInt8 => Arc::new(array.as_primitive::<UInt8Type>().unary::<_, Int32Type>(i32::from)),
        DataType::UInt16 => Arc::new(array.as_primitive::<UInt16Type>().unary::<_, Int32Type>(i32::from)),
        DataType::UInt32 => Arc::new(array.as_primitive::<UInt32Type>().unary::<_, Int64Type>(i64::from)),
        DataType::UInt64 => {
            let wide = array.as_primitive::<UInt64Type>().unary::<_, arrow_array::types::Decimal128Type>(i128::from);
            Arc::new(wide.with_precision_and_scale(U64_DIGITS, 0)?)
        }
        DataType::Float16 => Arc::new(array.as_primitive::<Float16Type>().unary::<_, Float32Type>(f32::from)),
        DataType::FixedSizeBinary(_) => Arc::new(array.as_fixed_size_binary().iter().collect::<BinaryArray>()),
        DataType::Timestamp(unit, _) => timestamp(array, *unit)?,
        DataType::Null => new_null_array(&to, array.len()),
        DataType::List(items) => {
            let list = array.as_list::<i32>();
            let values = convert(list.values())?;
            Arc::new(ListArray::try_new(field_as(items), list.offsets().clone(), values, list.nulls().cloned())?)
        }
        DataType::Struct(_) => Arc::new(convert_struct(array.as_struct())?),
        DataType::Map(entries, sorted) => {
            let map = array.as_map();
            let converted = convert_struct(map.entries())?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(MapArray::try_new(field_as(entries), offsets, converted, nulls, *sorted)?)
        }
        _ => array.clone(),
    })
}

fn convert_struct(array: &StructArray) -> Result<StructArray, ArrowError> {
    let columns = array.columns().iter().map(convert).collect::<Result<Vec<_>, _>>()?;
    StructArray::try_new(fields_as(array.fields()), columns, array.nulls().cloned())
}

fn timestamp(array: &ArrayRef, unit: TimeUnit) -> Result<ArrayRef, ArrowError> {
    let micros = match unit {
        TimeUnit::Millisecond => {
            let millis = array.as_primitive::<TimestampMillisecondType>();
            millis.try_unary::<_, TimestampMicrosecondType, ArrowError>(|value| {
                value.checked_mul(1_000).ok_or_else(|| {
                    ArrowError::ComputeError(format!("a time of {value} ms since 1970 does not fit into timestamp"))
                })
            })?
        }
        TimeUnit::Nanosecond => array
            .as_primitive::<TimestampNanosecondType>()
            .unary::<_, TimestampMicrosecondType>(|value| value.div_euclid(1_000)),
        _ => array.as_primitive::<TimestampMicrosecondType>().clone(),
    };
    Ok(Arc::new(micros.with_timezone("UTC")))
}
