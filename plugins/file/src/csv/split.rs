//! One record of CSV, cut into fields. Ours, as the csv crates say neither which fields were quoted (`""` is an empty text,
//! nothing between two delimiters is null) nor where a quote was left open.

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: usize,
    end: usize,
    /// Whether it stood in quotes.
    pub(super) quoted: bool,
    /// Whether quotes stood in it twice: the range is one of [`Fields::unescaped`].
    escaped: bool,
}

/// The fields of the record that was found last.
#[derive(Debug, Default)]
pub(super) struct Fields {
    spans: Vec<Span>,
    unescaped: Vec<u8>,
}

impl Fields {
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the field stood in quotes.
    pub(super) fn quoted(&self, index: usize) -> bool {
        self.spans.get(index).is_some_and(|span| span.quoted)
    }

    /// The text of a field; `record` is the record that was cut, found to be UTF-8.
    pub(super) fn text<'a>(&'a self, index: usize, record: &'a str) -> &'a str {
        let Some(span) = self.spans.get(index) else { return "" };
        if span.escaped {
            let bytes = self.unescaped.get(span.start..span.end).unwrap_or_default();
            return std::str::from_utf8(bytes).unwrap_or_default();
        }
        record.get(span.start..span.end).unwrap_or_default()
    }
}

/// What [`split`] found at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    /// A record of so many bytes without its line end; the next one begins at `next`.
    Record { end: usize, next: usize },
    /// The record is not there to its end.
    More,
    /// Behind a closing quote, at this byte, stands something else than a delimiter or a line end.
    Behind(usize),
    /// The input ends within quotes.
    Open,
}

/// Cuts the record at the start of `bytes`. `ended`: nothing comes behind them.
pub(super) fn split(bytes: &[u8], delimiter: u8, ended: bool, fields: &mut Fields) -> Split {
    fields.spans.clear();
    fields.unescaped.clear();
    let mut at = 0;
    loop {
        if bytes.get(at) == Some(&b'"') {
            let close = match quoted(bytes, at + 1, ended, fields) {
                Ok(close) => close,
                Err(split) => return split,
            };
            at = close + 1;
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(&byte), _) if byte == delimiter => at += 1,
                (Some(b'\n'), _) => return Split::Record { end: at, next: at + 1 },
                (Some(b'\r'), Some(b'\n')) => return Split::Record { end: at, next: at + 2 },
                (Some(b'\r'), None) if !ended => return Split::More,
                (Some(b'\r'), None) => return Split::Record { end: at, next: at + 1 },
                (Some(_), _) => return Split::Behind(at),
                (None, _) => return Split::Record { end: at, next: at },
            }
            continue;
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let found = memchr::memchr2(delimiter, b'\n', rest).map(|length| at + length);
        let (end, next) = match found {
            None if !ended => return Split::More,
            None => (bytes.len(), bytes.len()),
            Some(end) if bytes[end] == delimiter => {
                fields.spans.push(Span { start: at, end, quoted: false, escaped: false });
                at = end + 1;
                continue;
            }
            Some(end) => (end, end + 1),
        };
        // One CR before the LF belongs to the line's end.
        let end = if end > at && bytes[end - 1] == b'\r' { end - 1 } else { end };
        fields.spans.push(Span { start: at, end, quoted: false, escaped: false });
        return Split::Record { end, next };
    }
}

/// Finds the quote that closes the field whose text begins at `start`.
fn quoted(bytes: &[u8], start: usize, ended: bool, fields: &mut Fields) -> Result<usize, Split> {
    let first = fields.unescaped.len();
    let (mut from, mut escaped) = (start, false);
    loop {
        let Some(length) = memchr::memchr(b'"', bytes.get(from..).unwrap_or_default()) else {
            return Err(if ended { Split::Open } else { Split::More });
        };
        let quote = from + length;
        match bytes.get(quote + 1) {
            None if !ended => return Err(Split::More),
            Some(b'"') => {
                fields.unescaped.extend_from_slice(&bytes[from..=quote]);
                (from, escaped) = (quote + 2, true);
            }
            _ => {
                let span = if escaped {
                    fields.unescaped.extend_from_slice(&bytes[from..quote]);
                    Span { start: first, end: fields.unescaped.len(), quoted: true, escaped }
                } else {
                    Span { start, end: quote, quoted: true, escaped }
                };
                fields.spans.push(span);
                return Ok(quote);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str, ended: bool) -> (Split, Vec<(String, bool)>) {
        let mut fields = Fields::default();
        let split = split(text.as_bytes(), b',', ended, &mut fields);
        let texts = (0..fields.len()).map(|i| (fields.text(i, text).to_owned(), fields.quoted(i)));
        (split, texts.collect())
    }

    fn texts(text: &str) -> Vec<String> {
        let (split, fields) = cut(text, true);
        assert!(matches!(split, Split::Record { .. }), "{split:?}");
        fields.into_iter().map(|(text, _)| text).collect()
    }

    #[test]
    fn fields_are_parted_by_delimiters_outside_quotes() {
        assert_eq!(texts("a,b\n"), ["a", "b"]);
        assert_eq!(texts("a,,\r\n"), ["a", "", ""]);
        assert_eq!(texts("\"a,b\",\"c\nd\"\r\nx"), ["a,b", "c\nd"]);
        assert_eq!(texts("\"say \"\"hi\"\"\",\"\"\"\"\n"), ["say \"hi\"", "\""]);
        assert_eq!(texts("last"), ["last"]);
        assert_eq!(texts("a,"), ["a", ""]);
        assert_eq!(texts("a \"b\" c,\"d\r\""), ["a \"b\" c", "d\r"]);
    }

    #[test]
    fn an_empty_text_in_quotes_is_told_from_nothing() {
        let (_, fields) = cut("\"\",\n", true);
        assert_eq!(fields, [(String::new(), true), (String::new(), false)]);
    }

    #[test]
    fn a_record_ends_behind_its_line_end() {
        assert_eq!(cut("a,b\r\nc", false).0, Split::Record { end: 3, next: 5 });
        assert_eq!(cut("\"a\"\r\nc", false).0, Split::Record { end: 3, next: 5 });
        assert_eq!(cut("\"a\"\nc", false).0, Split::Record { end: 3, next: 4 });
    }

    #[test]
    fn every_beginning_of_a_record_asks_for_more() {
        let record = "a,\"b\"\"c\",\"d\",e\r\n";
        for end in 0..record.len() {
            assert_eq!(cut(&record[..end], false).0, Split::More, "{}", &record[..end]);
        }
    }

    #[test]
    fn quotes_that_do_not_match_are_told() {
        assert_eq!(cut("\"a\"b,c\n", false).0, Split::Behind(3));
        assert_eq!(cut("a,\"b\nc", true).0, Split::Open);
        assert_eq!(cut("a,\"b\nc", false).0, Split::More);
    }
}
