use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

    /// Whether a value is one thing: no list, struct or map.
    pub const fn is_scalar(&self) -> bool {
        !matches!(self, DataType::List { .. } | DataType::Struct { .. } | DataType::Map { .. })
    }

    /// Whether values are numbers: int, long, float, double, decimal.
    pub const fn is_number(&self) -> bool {
        matches!(self, DataType::Int | DataType::Long | DataType::Float | DataType::Double | DataType::Decimal { .. })
    }
}

impl std::fmt::Display for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A field of a [`Schema`]: `{"name": "cpu", "type": "double", "nullable": false}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SchemaField {
    /// The field's name.
    pub name: String,
    /// What it holds.
    #[serde(flatten)]
    pub data_type: DataType,
    /// Whether a record may leave it out; true where nothing is said.
    #[serde(default = "yes")]
    pub nullable: bool,
}

fn yes() -> bool {
    true
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
        use serde::de::Error;
        let value = serde_json::Value::deserialize(deserializer)?;
        crate::schema_json::read(&value).map_err(D::Error::custom)
    }
}
