//! Text with numbers in it: `u{0..10000}`.

use crate::random::Random;
use campanile_sdk::text;

/// Pieces of text and ranges between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    /// From the first to below the second.
    Range(i64, i64),
}

impl Pattern {
    /// Reads a pattern, or says what is wrong with it.
    pub(crate) fn parse(pattern: &str) -> Result<Pattern, String> {
        let mut pieces = Vec::new();
        let mut rest = pattern;
        while let Some((before, from)) = rest.split_once('{') {
            let (range, after) = from.split_once('}').ok_or("a `{` has no `}`")?;
            let ends = range.split_once("..").and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
            let (start, end): (i64, i64) = ends.ok_or_else(|| format!("`{{{range}}}` is no range"))?;
            if start >= end {
                return Err(format!("the range `{{{range}}}` is empty"));
            }
            pieces.extend([Piece::Text(before.to_owned()), Piece::Range(start, end)]);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Pattern { pieces })
    }

    pub(crate) fn write(&self, random: &mut Random, out: &mut String) {
        let mut digits = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Range(start, end) => {
                    let width = i128::from(*end) - i128::from(*start);
                    digits.clear();
                    text::write_i64(start.wrapping_add(random.below(width.unsigned_abs()) as i64), &mut digits);
                    out.extend(digits.iter().map(|&digit| char::from(digit)));
                }
            }
        }
    }

    /// Bytes that no text of the pattern exceeds.
    pub(crate) fn longest(&self) -> usize {
        let longest = |piece: &Piece| match piece {
            Piece::Text(text) => text.len(),
            Piece::Range(..) => 20,
        };
        self.pieces.iter().map(longest).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(pattern: &str) -> Vec<String> {
        let pattern = Pattern::parse(pattern).unwrap();
        let text = |row| {
            let mut out = String::new();
            pattern.write(&mut Random::of_row(1, row), &mut out);
            assert!(out.len() <= pattern.longest());
            out
        };
        (0..200).map(text).collect()
    }

    #[test]
    fn ranges_are_replaced_by_numbers_from_them() {
        let all = written("u{8..11}");
        assert!(["u8", "u9", "u10"].iter().all(|text| all.iter().any(|other| other == text)));
        assert!(all.iter().all(|text| ["u8", "u9", "u10"].contains(&text.as_str())));
        assert!(written("{-1..0}ü{5..6}").iter().all(|text| text == "-1ü5"));
        assert!(written("plain").iter().all(|text| text == "plain"));
        let whole = format!("{{{}..{}}}", i64::MIN, i64::MAX);
        assert!(written(&whole).iter().all(|text| text.parse::<i64>().is_ok()));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        assert_eq!(Pattern::parse("u{0..1").unwrap_err(), "a `{` has no `}`");
        assert_eq!(Pattern::parse("u{many}").unwrap_err(), "`{many}` is no range");
        assert_eq!(Pattern::parse("u{5..5}").unwrap_err(), "the range `{5..5}` is empty");
    }
}
