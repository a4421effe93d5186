//! An alert's payload, as the aggregator reads it.

/// A map of string to string that lends its pairs by place. Each key occurs once.
pub trait Payload {
    /// How many pairs there are.
    fn len(&self) -> usize;

    /// The key and the value at `place`, which is below [`len`](Payload::len).
    fn pair(&self, place: usize) -> (&str, &str);

    /// Whether there is no pair.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: AsRef<str>, V: AsRef<str>> Payload for [(K, V)] {
    fn len(&self) -> usize {
        <[(K, V)]>::len(self)
    }

    fn pair(&self, place: usize) -> (&str, &str) {
        let (key, value) = &self[place];
        (key.as_ref(), value.as_ref())
    }
}
