//! One JSON object to the values of a row.

use super::cell::{Cell, Token};
use campanile_sdk::SchemaField;
use serde::Deserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Reads an object; what it has for each field lands in `cells`, and names that no field has go to `unknown`.
pub(super) fn read<'p>(
    payload: &'p [u8],
    fields: &[SchemaField],
    cells: &mut Vec<Option<Cell<'p>>>,
    unknown: &mut dyn FnMut(&str),
) -> Result<(), String> {
    let text =
        std::str::from_utf8(payload).map_err(|error| format!("byte {} is not UTF-8", error.valid_up_to() + 1))?;
    cells.clear();
    cells.resize_with(fields.len(), || None);
    let mut wrong = None;
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_any(Object { fields, cells, unknown, wrong: &mut wrong }).map_err(|error| error.to_string())?;
    json.end().map_err(|error| error.to_string())?;
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    for (field, cell) in fields.iter().zip(cells.iter_mut()) {
        match cell {
            None if !field.nullable => {
                return Err(format!("field `{}`: it is missing, and the schema allows no null", field.name));
            }
            Some(Cell::Null) if !field.nullable => {
                return Err(format!("field `{}`: null where the schema allows none", field.name));
            }
            _ => {}
        }
    }
    Ok(())
}

struct Object<'a, 'p> {
    fields: &'a [SchemaField],
    cells: &'a mut Vec<Option<Cell<'p>>>,
    unknown: &'a mut dyn FnMut(&str),
    /// The first value that does not fit: the rest is read all the same, for it may be no JSON at all.
    wrong: &'a mut Option<String>,
}

impl<'p> Visitor<'p> for Object<'_, 'p> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record in braces")
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<(), A::Error> {
        // Records mostly have their fields in the order of the schema.
        let mut next = 0;
        while let Some(Key(key)) = map.next_key()? {
            let is = |number: &usize| self.fields.get(*number).is_some_and(|field| field.name == key);
            let found = Some(next).filter(is).or_else(|| self.fields.iter().position(|field| field.name == key));
            let token: Token<'p> = map.next_value()?;
            let Some(number) = found else {
                (self.unknown)(&key);
                continue;
            };
            next = number + 1;
            match token.cell(&self.fields[number].data_type) {
                Ok(cell) => self.cells[number] = Some(cell),
                Err(what) => {
                    self.wrong.get_or_insert_with(|| format!("field `{key}`: {what}"));
                }
            }
        }
        Ok(())
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'p>(Cow<'p, str>);

impl<'p> serde::Deserialize<'p> for Key<'p> {
    fn deserialize<D: Deserializer<'p>>(deserializer: D) -> Result<Key<'p>, D::Error> {
        match deserializer.deserialize_str(AnyValue)? {
            Token::Text(text) => Ok(Key(text)),
            _ => Err(D::Error::custom("a key that is no text")),
        }
    }
}

impl<'p> serde::Deserialize<'p> for Token<'p> {
    fn deserialize<D: Deserializer<'p>>(deserializer: D) -> Result<Token<'p>, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'p> Visitor<'p> for AnyValue {
    type Value = Token<'p>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Token<'p>, E> {
        Ok(Token::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Token<'p>, E> {
        Ok(Token::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Token<'p>, E> {
        Ok(Token::Whole(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Token<'p>, E> {
        Ok(i64::try_from(value).map_or(Token::Large(value), Token::Whole))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Token<'p>, E> {
        Ok(Token::Real(value))
    }

    fn visit_borrowed_str<E>(self, text: &'p str) -> Result<Token<'p>, E> {
        Ok(Token::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Token<'p>, E> {
        Ok(Token::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'p>>(self, mut list: A) -> Result<Token<'p>, A::Error> {
        while list.next_element::<Ignored>()?.is_some() {}
        Ok(Token::List)
    }

    fn visit_map<A: MapAccess<'p>>(self, mut map: A) -> Result<Token<'p>, A::Error> {
        while map.next_entry::<IgnoredAny, Ignored>()?.is_some() {}
        Ok(Token::Object)
    }
}

/// A value within another: read, so that what is no JSON is noticed, and dropped.
struct Ignored;

impl<'p> serde::Deserialize<'p> for Ignored {
    fn deserialize<D: Deserializer<'p>>(deserializer: D) -> Result<Ignored, D::Error> {
        Token::deserialize(deserializer).map(|_| Ignored)
    }
}
