//! The properties of a topic as they come in: a JSON object, read leniently.

use super::answer::Refusal;
use campanile_messaging::{DEFAULT_TTL_SECS, Notes, Properties, TopicId};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// What is said of a body that holds no properties.
const NO_PROPERTIES: &str = "Invalid topic properties. It must be JSON object with string values.";

/// The properties that a body asks for.
///
/// An empty body asks for nothing, and gets the default time to live. A generation is checked and not used: the service
/// counts them. What else is said is kept and told.
pub(super) fn read(topic: &TopicId, body: &[u8]) -> Result<Properties, Refusal> {
    let text = String::from_utf8_lossy(body);
    let mut given = match text.trim() {
        "" => Given::default(),
        text => serde_json::from_str(text).map_err(|_| Refusal::bad(NO_PROPERTIES))?,
    };
    let refuse = |why: &str| Err(Refusal::bad(format!("{why} for topic topic:{}.{}", topic.namespace(), topic.name())));
    let number = |name: &str| given.0.get(name).map(|value| value.parse::<i32>());
    let ttl_secs = match number("ttl") {
        None => DEFAULT_TTL_SECS,
        Some(Err(_)) => return refuse("The ttl property must be a number greater than zero"),
        Some(Ok(secs)) => match u32::try_from(secs) {
            Ok(secs) if secs > 0 => secs,
            _ => return refuse("The ttl property must be greater than zero"),
        },
    };
    match number("generation") {
        Some(Err(_)) => refuse("The generation property must be a number other than zero"),
        Some(Ok(0)) => refuse("The generation property must not be zero"),
        _ => {
            given.0.retain(|name, _| name != "ttl" && name != "generation");
            Ok(Properties { ttl_secs: Some(ttl_secs), notes: given.0 })
        }
    }
}

/// Properties by name: an object of texts, numbers and booleans, or an array of pairs of them; no name twice.
#[derive(Default)]
struct Given(Notes);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Given, D::Error> {
        deserializer.deserialize_any(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
        let mut given = Given::default();
        while let Some((name, Text(value))) = map.next_entry()? {
            given.add(name, value)?;
        }
        Ok(given)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Given, A::Error> {
        let mut given = Given::default();
        while let Some((Text(name), Text(value))) = pairs.next_element()? {
            given.add(name, value)?;
        }
        Ok(given)
    }
}

impl Given {
    fn add<E: de::Error>(&mut self, name: String, value: String) -> Result<(), E> {
        match self.0.insert(name, value) {
            None => Ok(()),
            Some(_) => Err(E::custom("a name stands twice")),
        }
    }
}

/// A text, or what is written like one.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl Visitor<'_> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Text, E> {
        Ok(Text(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
        Ok(Text(number.to_string()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Text, E> {
        // Debug keeps the fraction of `10.0`: what was not written as an integer is none.
        Ok(Text(format!("{number:?}")))
    }
}
