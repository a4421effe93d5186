//! How the lines of a file look: which name stands where, with the very bytes between the values.
//!
//! Lines of one file mostly look alike, so each name is expected where the line before had it, and compared as a word or
//! two. What is not as expected is read the long way: a layout saves time and decides nothing.

use super::quick::Kind;
use super::scan::{Quoted, Scan};
use super::words;

/// The bytes from the end of a value to the begin of the next one, such as `,"heartbeat":`.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    low: u64,
    low_mask: u64,
    high: u64,
    high_mask: u64,
    /// What stands behind the first sixteen bytes.
    rest: Box<[u8]>,
    len: usize,
    /// The field that it leads to, as rows count them, and how that is read.
    pub(super) target: usize,
    pub(super) kind: Kind,
}

impl Entry {
    fn new(bytes: &[u8], (target, kind): (usize, Kind)) -> Entry {
        let mask = |from: usize| match bytes.len().saturating_sub(from) {
            0 => 0,
            len @ 1..8 => u64::MAX >> (64 - 8 * len),
            _ => u64::MAX,
        };
        let (low_mask, high_mask) = (mask(0), mask(8));
        Entry {
            low: words::load(bytes, 0) & low_mask,
            low_mask,
            high: words::load(bytes, 8) & high_mask,
            high_mask,
            rest: bytes.get(16..).unwrap_or_default().into(),
            len: bytes.len(),
            target,
            kind,
        }
    }

    /// The place behind it, where it stands here.
    #[inline(always)]
    pub(super) fn pass(&self, bytes: &[u8], at: usize) -> Option<usize> {
        // Near the end of the text lines are read the long way.
        let (window, behind) = bytes.get(at..)?.split_first_chunk::<16>()?;
        let (low, high) = words::halves(window);
        let other = (low ^ self.low) & self.low_mask | (high ^ self.high) & self.high_mask;
        if other != 0 || !self.rest.is_empty() && !behind.starts_with(&self.rest) {
            return None;
        }
        Some(at + self.len)
    }
}

/// The entries of a line, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) entries: Vec<Entry>,
    /// For each field the entry behind its own; 0 where it has none.
    behind: Vec<usize>,
}

impl Layout {
    /// The layout of lines that have all fields in their order and no white space.
    pub(super) fn of<'a>(fields: impl Iterator<Item = (&'a str, Kind)>) -> Layout {
        let mut layout = Layout::default();
        for (target, (name, kind)) in fields.enumerate() {
            let mut bytes = vec![if target == 0 { b'{' } else { b',' }];
            // Writing text to a vector cannot fail.
            let _ = serde_json::to_writer(&mut bytes, name);
            bytes.push(b':');
            layout.push(&bytes, (target, kind));
        }
        layout
    }

    /// The layout of a line that was read without fault.
    pub(super) fn learn(line: &str, mut target_of: impl FnMut(Quoted<'_>) -> (usize, Kind)) -> Layout {
        let mut layout = Layout::default();
        let mut scan = Scan { text: line, at: 0 };
        let mut from = 0;
        while layout.entries.len() < MAX_ENTRIES {
            scan.space();
            if !matches!(scan.peek(), b'{' | b',') {
                break;
            }
            scan.at += 1;
            scan.space();
            let Ok(key) = scan.key() else { break };
            let target = target_of(key);
            layout.push(&line.as_bytes()[from..scan.at], target);
            if scan.skip(1).is_err() {
                break;
            }
            from = scan.at;
        }
        layout
    }

    fn push(&mut self, bytes: &[u8], (target, kind): (usize, Kind)) {
        self.entries.push(Entry::new(bytes, (target, kind)));
        if target >= self.behind.len() {
            self.behind.resize(target + 1, 0);
        }
        self.behind[target] = self.entries.len();
    }

    /// The entry to be expected behind a field that was found the long way, where `next` was expected.
    pub(super) fn behind(&self, target: usize, next: usize) -> usize {
        match self.behind.get(target) {
            Some(&behind) if behind > 0 => behind,
            // The first entry begins as a line does, so it stands nowhere else.
            _ => next.max(1),
        }
    }
}

/// Entries that a layout holds; lines may have more.
const MAX_ENTRIES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_passed_where_all_its_bytes_stand() {
        for name in ["", "a", "abcd", "abcde", "abcdefghijklm", "abcdefghijklmnopqrstuvwxyz"] {
            let layout = Layout::of([(name, Kind::Long)].into_iter());
            let line = format!("{{\"{name}\":1}}\n and what comes behind it");
            let len = layout.entries[0].pass(line.as_bytes(), 0).unwrap();
            assert!(line[len..].starts_with("1}\n"), "{name}");
            for position in 0..len {
                let mut other = line.clone().into_bytes();
                other[position] ^= 1;
                assert_eq!(layout.entries[0].pass(&other, 0), None, "{name}: other byte at {position}");
            }
            for end in 0..len {
                assert_eq!(layout.entries[0].pass(&line.as_bytes()[..end], 0), None, "{name}: cut off at {end}");
            }
        }
    }

    #[test]
    fn a_layout_is_learnt_with_its_white_space() {
        let line = " { \"b\" : [1, 2], \"a\":\t{\"x\": 1} , \"zz\": null, \"c\": 1 }\n";
        let layout = Layout::learn(line, |key| match key {
            Quoted::Plain("a") => (0, Kind::Any),
            Quoted::Plain("b") => (1, Kind::Any),
            _ => (2, Kind::Ignored),
        });
        let targets: Vec<usize> = layout.entries.iter().map(|entry| entry.target).collect();
        assert_eq!(targets, [1, 0, 2, 2]);
        assert_eq!(layout.entries[0].pass(line.as_bytes(), 0), line.find('['));
        assert_eq!(layout.behind(1, 0), 1);
        assert_eq!(layout.behind(9, 0), 1, "the first entry stands nowhere else");
    }
}
