use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// What a field holds. Each type has one Arrow layout, in which its values cross the boundary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[non_exhaustive]
pub enum DataType {
    /// True or false; one bit a value.
    Boolean,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Long,
    /// An IEEE 754 number of 32 bits.
    Float,
    /// An IEEE 754 number of 64 bits.
    Double,
    /// UTF-8 text (Arrow `Utf8`, 32-bit offsets).
    String,
    /// Bytes (Arrow `Binary`, 32-bit offsets).
    Bytes,
    /// Days since 1970-01-01 (Arrow `Date32`).
    Date,
    /// Microseconds since 1970-01-01T00:00:00Z (Arrow `Timestamp(Microsecond, "UTC")`).
    Timestamp,
    /// A decimal number (Arrow `Decimal128`).
    Decimal {
        /// Significant digits, 1 to 38.
        precision: u8,
        /// Digits behind the point.
        scale: i8,
    },
    /// Values of one type (Arrow `List`).
    List {
        /// What the list holds.
        items: Box<SchemaField>,
    },
    /// Fields of their own (Arrow `Struct`).
    Struct {
        /// The fields, in order.
        fields: Vec<SchemaField>,
    },
    /// Text to values (Arrow `Map`, keys unsorted).
    Map {
        /// What the keys lead to.
        values: Box<SchemaField>,
    },
}

impl DataType {
    /// The word for this type in a schema: `boolean`, `int`, …
    pub const fn as_str(&self) -> &'static str {
        match self {
            DataType::Boolean => "boolean",
            DataType::Int => "int",
            DataType::Long => "long",
            DataType::Float => "float",
            DataType::Double => "double",
            DataType::String => "string",
            DataType::Bytes => "bytes",
            DataType::Date => "date",
            DataType::Timestamp => "timestamp",
            DataType::Decimal { .. } => "decimal",
            DataType::List { .. } => "list",
            DataType::Struct { .. } => "struct",
            DataType::Map { .. } => "map",
        }
    }

    /// The type of this word, where the word says all of it.
    pub(crate) fn plain(word: &str) -> Option<DataType> {
        Some(match word {
            "boolean" => DataType::Boolean,
            "int" => DataType::Int,
            "long" => DataType::Long,
            "float" => DataType::Float,
            "double" => DataType::Double,
            "string" => DataType::String,
            "bytes" => DataType::Bytes,
            "date" => DataType::Date,
            "timestamp" => DataType::Timestamp,
            _ => return None,
        })
    }

    /// Whether a value is one thing: no list, struct or map.
    pub const fn is_scalar(&self) -> bool {
        !matches!(self, DataType::List { .. } | DataType::Struct { .. } | DataType::Map { .. })
    }

    /// Whether values are numbers: int, long, float, double, decimal.
    pub const fn is_number(&self) -> bool {
        matches!(self, DataType::Int | DataType::Long | DataType::Float | DataType::Double | DataType::Decimal { .. })
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A field of a [`Schema`]: `{"name": "cpu", "type": "double", "nullable": false}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaField {
    /// The field's name.
    pub name: String,
    /// What it holds.
    pub data_type: DataType,
    /// Whether a record may leave it out; true where nothing is said.
    pub nullable: bool,
}

impl SchemaField {
    /// A field that may be null.
    pub fn new(name: impl Into<String>, data_type: DataType) -> SchemaField {
        SchemaField { name: name.into(), data_type, nullable: true }
    }

    /// The same field, never null.
    #[must_use]
    pub fn required(mut self) -> SchemaField {
        self.nullable = false;
        self
    }
}

/// By hand: what derives `flatten` is several kilobytes in every plugin.
impl Serialize for SchemaField {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("type", self.data_type.as_str())?;
        match &self.data_type {
            DataType::Decimal { precision, scale } => {
                map.serialize_entry("precision", precision)?;
                map.serialize_entry("scale", scale)?;
            }
            DataType::List { items } => map.serialize_entry("items", items)?,
            DataType::Struct { fields } => map.serialize_entry("fields", fields)?,
            DataType::Map { values } => map.serialize_entry("values", values)?,
            _ => {}
        }
        map.serialize_entry("nullable", &self.nullable)?;
        map.end()
    }
}

/// By hand, for the same reason: a field as it writes itself, which is how schemas cross. [`Schema`] reads more notations.
impl<'de> Deserialize<'de> for SchemaField {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SchemaField, D::Error> {
        struct Reads;

        impl<'de> Visitor<'de> for Reads {
            type Value = SchemaField;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SchemaField, A::Error> {
                let (mut name, mut word, mut nullable) = (String::new(), String::new(), true);
                let (mut precision, mut scale) = (0, 0);
                let (mut fields, mut inner) = (Vec::new(), None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "name" => name = map.next_value()?,
                        "type" => word = map.next_value()?,
                        "nullable" => nullable = map.next_value()?,
                        "precision" => precision = map.next_value()?,
                        "scale" => scale = map.next_value()?,
                        "fields" => fields = map.next_value()?,
                        "items" | "values" => inner = Some(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                let data_type = match (word.as_str(), inner) {
                    ("decimal", _) => Some(DataType::Decimal { precision, scale }),
                    ("struct", _) => Some(DataType::Struct { fields }),
                    ("list", Some(items)) => Some(DataType::List { items }),
                    ("map", Some(values)) => Some(DataType::Map { values }),
                    (word, _) => DataType::plain(word),
                };
                match data_type {
                    Some(data_type) => Ok(SchemaField { name, data_type, nullable }),
                    None => Err(A::Error::custom(format_args!("field `{name}`: unknown type `{word}`"))),
                }
            }
        }
        deserializer.deserialize_map(Reads)
    }
}

/// The fields of a record, in order: a JSON array of fields. CDAP's `{"type": "record", "fields": […]}` is read too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Schema {
    /// The fields, in order; names are unique.
    pub fields: Vec<SchemaField>,
}

impl Schema {
    /// A schema of these fields.
    pub fn new(fields: Vec<SchemaField>) -> Schema {
        Schema { fields }
    }

    /// The position of the field with this name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&SchemaField> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The names of the fields, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Schema, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        crate::schema_json::read(&value).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_reads_what_it_writes() {
        let point = vec![
            SchemaField::new("at", DataType::Timestamp),
            SchemaField::new("price", DataType::Decimal { precision: 20, scale: -3 }).required(),
        ];
        let items = Box::new(SchemaField::new("item", DataType::Struct { fields: point }));
        let values = Box::new(SchemaField::new("value", DataType::List { items }).required());
        let field = SchemaField::new("all", DataType::Map { values });
        let written = serde_json::to_string(&field).unwrap();
        assert_eq!(serde_json::from_str::<SchemaField>(&written).unwrap(), field);
        let other = written.replace("timestamp", "century");
        let error = serde_json::from_str::<SchemaField>(&other).unwrap_err().to_string();
        assert!(error.starts_with("field `at`: unknown type `century`"), "{error}");
    }
}
