//! What is published for a group.

/// Where an alert comes from: a split of the source, a position within it, and the how manieth alert of that record it is.
/// Ordered as it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Origin {
    /// The split of the source.
    pub split: u32,
    /// The record's position in the split.
    pub position: u64,
    /// The alert's number among those of its record.
    pub ordinal: u32,
}

/// The aggregate of a group of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupedAlert {
    /// The groupBy keys in their order, without those the alerts lack, then the aggregates by name in theirs, without those
    /// that had no number (or whose sum is too large for a double).
    pub payload: Vec<(String, String)>,
    /// Identifies the group among those of its stage, the same in every run: FNV-1a of 64 bits over the parts of the key in
    /// order of `groupBy`. A part is its length plus one as unsigned LEB128, then its bytes; a missing key is a single zero byte.
    pub key_hash: u64,
    /// The first of its alerts.
    pub first: Origin,
    /// How many alerts it had.
    pub count: u64,
    /// Whether it was closed early, so that alerts of the same key may follow in another.
    pub partial: bool,
    /// When its window begins, in milliseconds since 1970. None when there are no windows.
    pub window: Option<i64>,
    /// 0 for the first publication of a group, which nearly always is the only one; 1 for the one that follows when the group
    /// was published at once (`emit: first`) and more alerts came. With the key's hash and the window it identifies what is
    /// published, unless that is partial: then with the hash and [`first`](GroupedAlert::first).
    pub ordinal: u64,
}
