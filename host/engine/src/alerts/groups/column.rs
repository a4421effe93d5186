//! A payload key that the section names.
use super::{Origin, Payload};

/// How much of a value is kept as an example.
const EXAMPLE_BYTES: usize = 120;

/// A field that held values which are no numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidField {
    /// The payload key.
    pub field: String,
    /// How many alerts it concerns.
    pub count: u64,
    /// The first such value, cut when it is long.
    pub example: String,
}

/// Finds one payload key in alert after alert, and gathers what is to be said about it.
#[derive(Debug)]
pub(super) struct Column {
    name: Box<str>,
    /// Where the last payload had it: nearly always where the next one has it too.
    place: usize,
    seen: bool,
    invalid: u64,
    example: Option<(Origin, String)>,
}

impl Column {
    pub(super) fn new(name: &str) -> Column {
        Column { name: name.into(), place: usize::MAX, seen: false, invalid: 0, example: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether an alert carried it, be it empty.
    pub(super) fn seen(&self) -> bool {
        self.seen
    }

    pub(super) fn invalid(&self) -> u64 {
        self.invalid
    }

    pub(super) fn invalid_field(&self) -> Option<InvalidField> {
        let (_, example) = self.example.as_ref()?;
        Some(InvalidField { field: self.name.to_string(), count: self.invalid, example: example.clone() })
    }

    #[inline]
    pub(super) fn find<'p, P: Payload + ?Sized>(&mut self, payload: &'p P) -> Option<&'p str> {
        if self.place < payload.len() {
            let (key, value) = payload.pair(self.place);
            if *key == *self.name {
                return Some(value);
            }
        }
        self.search(payload)
    }

    fn search<'p, P: Payload + ?Sized>(&mut self, payload: &'p P) -> Option<&'p str> {
        let place = (0..payload.len()).find(|&place| *payload.pair(place).0 == *self.name)?;
        self.place = place;
        self.seen = true;
        Some(payload.pair(place).1)
    }

    #[cold]
    pub(super) fn note_invalid(&mut self, value: &str, origin: Origin) {
        self.invalid += 1;
        if self.example.as_ref().is_none_or(|(first, _)| origin < *first) {
            let example = match value.floor_char_boundary(EXAMPLE_BYTES) {
                end if end < value.len() => format!("{}…", &value[..end]),
                _ => value.to_owned(),
            };
            self.example = Some((origin, example));
        }
    }

    pub(super) fn merge(&mut self, other: Column) {
        self.seen |= other.seen;
        self.invalid += other.invalid;
        let examples = [self.example.take(), other.example];
        self.example = examples.into_iter().flatten().min_by_key(|(origin, _)| *origin);
    }
}
