//! JSON, token by token, over bytes that are UTF-8 and end with a line feed.
//!
//! No token contains a line feed, so nothing here goes beyond the line that it began in.

use super::fault::{Fault, MAX_DEPTH, What};
use super::words;

/// A place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

/// A string as it stands in the text, without its quotes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Quoted<'a> {
    /// What it means.
    Plain(&'a str),
    /// It has escapes.
    Escaped(&'a str),
}

type Result<T> = std::result::Result<T, Fault>;

impl<'a> Scan<'a> {
    #[inline(always)]
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    /// The byte here; a line feed at the end of the text.
    #[inline(always)]
    pub(super) fn peek(&self) -> u8 {
        self.bytes().get(self.at).copied().unwrap_or(b'\n')
    }

    #[cold]
    pub(super) fn fault<T>(&self, what: What) -> Result<T> {
        Err(Fault { what, at: self.at })
    }

    /// What stands here should be something else.
    #[cold]
    pub(super) fn unexpected<T>(&self, needed: &'static str) -> Result<T> {
        self.fault(if self.at_end() { What::Ends } else { What::Expected(needed) })
    }

    /// Whether nothing but the end of the line comes.
    pub(super) fn at_end(&self) -> bool {
        let mut scan = *self;
        scan.space();
        scan.peek() == b'\n'
    }

    /// Skips white space within the line.
    #[inline(always)]
    pub(super) fn space(&mut self) {
        while let b' ' | b'\t' | b'\r' = self.peek() {
            self.at += 1;
        }
    }

    /// A string; its first quote stands here.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<Quoted<'a>> {
        let bytes = self.bytes();
        let start = self.at + 1;
        let mut at = start;
        loop {
            let specials = words::specials(words::load(bytes, at));
            if specials != 0 {
                at += (specials.trailing_zeros() / 8) as usize;
                break;
            }
            at += 8;
        }
        if bytes.get(at) == Some(&b'"') {
            self.at = at + 1;
            return Ok(Quoted::Plain(&self.text[start..at]));
        }
        self.escaped(start, at)
    }

    /// A string with a first escape, or a fault, at `at`. Escapes are checked.
    #[inline(never)]
    fn escaped(&mut self, start: usize, at: usize) -> Result<Quoted<'a>> {
        self.at = at;
        loop {
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    return Ok(Quoted::Escaped(&self.text[start..self.at - 1]));
                }
                b'\\' => drop(self.escape()?),
                b'\n' => return self.fault(What::Ends),
                0..0x20 => return self.fault(What::Control),
                _ => self.at += 1,
            }
        }
    }

    /// The character that an escape means.
    fn escape(&mut self) -> Result<char> {
        let character = match self.bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            Some(b'\n') | None => return self.fault(What::Ends),
            Some(_) => return self.fault(What::Escape),
        };
        self.at += 2;
        Ok(character)
    }

    fn unicode(&mut self) -> Result<char> {
        let Some(first) = self.hex(self.at + 2) else { return self.fault(What::Escape) };
        let (code, len) = match first {
            0xd800..0xdc00 => match self.bytes().get(self.at + 6..self.at + 8) {
                Some(b"\\u") => match self.hex(self.at + 8) {
                    Some(second @ 0xdc00..0xe000) => (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12),
                    _ => return self.fault(What::Surrogate),
                },
                _ => return self.fault(What::Surrogate),
            },
            code => (code, 6),
        };
        let Some(character) = char::from_u32(code) else { return self.fault(What::Surrogate) };
        self.at += len;
        Ok(character)
    }

    fn hex(&self, at: usize) -> Option<u32> {
        let digits = self.bytes().get(at..at + 4)?;
        digits.iter().try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
    }

    /// A number in JSON's grammar, as it stands in the text.
    pub(super) fn number(&mut self) -> Result<&'a str> {
        let start = self.at;
        let digits = |scan: &mut Scan<'a>| {
            let from = scan.at;
            while scan.peek().is_ascii_digit() {
                scan.at += 1;
            }
            scan.at - from
        };
        if self.peek() == b'-' {
            self.at += 1;
        }
        let zero = self.peek() == b'0';
        let whole = digits(self);
        let mut fine = whole == 1 || whole > 1 && !zero;
        if fine && self.peek() == b'.' {
            self.at += 1;
            fine = digits(self) > 0;
        }
        if fine && matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if let b'+' | b'-' = self.peek() {
                self.at += 1;
            }
            fine = digits(self) > 0;
        }
        if !fine {
            return Err(Fault { what: What::Number, at: start });
        }
        Ok(&self.text[start..self.at])
    }

    /// One of the words of JSON.
    #[inline]
    pub(super) fn word(&mut self, word: &'static str) -> Result<()> {
        if !self.bytes()[self.at..].starts_with(word.as_bytes()) {
            return self.unexpected("a value");
        }
        self.at += word.len();
        Ok(())
    }

    /// Any value, checked: where it stands in the text. `depth` lists and objects are around it.
    pub(super) fn skip(&mut self, depth: u32) -> Result<&'a str> {
        let start = self.at;
        match self.peek() {
            b'"' => drop(self.string()?),
            b'-' | b'0'..=b'9' => drop(self.number()?),
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            b'{' | b'[' => self.skip_nested(depth)?,
            _ => return self.unexpected("a value"),
        }
        Ok(&self.text[start..self.at])
    }

    fn skip_nested(&mut self, depth: u32) -> Result<()> {
        if depth >= MAX_DEPTH {
            return self.fault(What::Depth);
        }
        let (end, object) = if self.peek() == b'{' { (b'}', true) } else { (b']', false) };
        self.at += 1;
        self.space();
        if self.peek() == end {
            self.at += 1;
            return Ok(());
        }
        loop {
            if object {
                self.key()?;
            }
            self.skip(depth + 1)?;
            self.space();
            match self.peek() {
                b',' => self.at += 1,
                byte if byte == end => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.unexpected(if object { "`,` or `}`" } else { "`,` or `]`" }),
            }
            self.space();
        }
    }

    /// A name and its colon, with the white space behind it.
    pub(super) fn key(&mut self) -> Result<Quoted<'a>> {
        if self.peek() != b'"' {
            return self.unexpected("a name in quotes");
        }
        let key = self.string()?;
        self.space();
        if self.peek() != b':' {
            return self.unexpected("`:`");
        }
        self.at += 1;
        self.space();
        Ok(key)
    }
}

/// What a string with escapes means; they were checked.
pub(super) fn unescape(quoted: &str, out: &mut String) {
    out.clear();
    let mut scan = Scan { text: quoted, at: 0 };
    while let Some(next) = memchr::memchr(b'\\', &scan.bytes()[scan.at..]) {
        out.push_str(&quoted[scan.at..scan.at + next]);
        scan.at += next;
        match scan.escape() {
            Ok(character) => out.push(character),
            Err(_) => return,
        }
    }
    out.push_str(&quoted[scan.at..]);
}

/// A value without the white space between its tokens.
pub(super) fn compact(value: &str, out: &mut String) {
    out.clear();
    let (mut quoted, mut escaped) = (false, false);
    for character in value.chars() {
        if quoted || !matches!(character, ' ' | '\t' | '\r') {
            out.push(character);
        }
        match character {
            '"' if !escaped => quoted = !quoted,
            '\\' if quoted => escaped = !escaped,
            _ => escaped = false,
        }
    }
}
