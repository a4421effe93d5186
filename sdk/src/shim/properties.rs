//! Properties as the host says them: a JSON object.

use crate::error::{Error, Result};
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde_json::de::SliceRead;

/// Reads the properties of a plugin.
pub(crate) fn read<P: DeserializeOwned>(properties: &[u8]) -> Result<P> {
    let properties = if properties.is_empty() { b"{}" } else { properties };
    let mut json = serde_json::Deserializer::from_slice(properties);
    let read = P::deserialize(Object(&mut json));
    read.and_then(|read| json.end().map(|()| read)).map_err(|error| Error::config(error.to_string()))
}

/// Reads a struct from an object only. What is derived reads structs from lists too, and would carry the code for it: a
/// third of all that a plugin needs for its properties.
struct Object<'a, 'de>(&'a mut serde_json::Deserializer<SliceRead<'de>>);

impl<'de> Deserializer<'de> for Object<'_, 'de> {
    type Error = serde_json::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> serde_json::Result<V::Value> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> serde_json::Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    // What else may stand at the top: as ever.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        self.0.deserialize_any(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        self.0.deserialize_map(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        self.0.deserialize_option(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> serde_json::Result<V::Value> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct identifier ignored_any
    }
}
