//! A payload key that the section names.
use super::saved::{origin, put_origin};
use super::{Origin, Payload};
use crate::alerts::bytes::{Reader, put_bytes, put_u64};

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

    /// A column of the same name that gathered nothing yet.
    pub(super) fn blank(&self) -> Column {
        Column::new(&self.name)
    }

    /// Appends what it gathered.
    pub(super) fn put(&self, into: &mut Vec<u8>) {
        into.push(u8::from(self.seen) | u8::from(self.example.is_some()) << 1);
        if let Some((first, example)) = &self.example {
            put_u64(into, self.invalid);
            put_origin(into, *first);
            put_bytes(into, example.as_bytes());
        }
    }

    /// Reads what a column of this name gathered; None when it is damaged.
    pub(super) fn read(&self, from: &mut Reader<'_>) -> Option<Column> {
        let marks = from.byte()?;
        let mut column = Column { seen: marks & 1 != 0, ..self.blank() };
        if marks & 2 != 0 {
            column.invalid = from.u64()?;
            let first = origin(from)?;
            column.example = Some((first, std::str::from_utf8(from.bytes()?).ok()?.to_owned()));
        }
        (marks < 4).then_some(column)
    }
}
