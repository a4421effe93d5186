//! Lines to rows of columns.

use super::fault::{Fault, What, shortened};
use super::layout::Layout;
use super::number::{self, Exact};
use super::quick::{self, Kind};
use super::scan::{self, Quoted, Scan};
use crate::format::Tally;
use campanile_sdk::{ColumnBuilder, DataType, Emitter, Result as SdkResult, Schema, text};
use std::collections::HashMap;

/// Names of unknown fields that are kept.
const UNKNOWN_NAMES: usize = 16;

#[derive(Debug)]
struct Field {
    name: Box<str>,
    data_type: DataType,
    kind: Kind,
    nullable: bool,
}

/// Where a value goes: a field, or behind them a name that the schema does not have.
type Target = usize;

/// Rows that were read and not emitted yet.
#[derive(Debug)]
pub(super) struct Rows {
    fields: Vec<Field>,
    targets: HashMap<Box<str>, Target>,
    columns: Vec<ColumnBuilder>,
    positions: Vec<u64>,
    layout: Layout,
    /// Lines that did not look as expected.
    surprises: u64,
    /// Names that the schema does not have, and how often each stood there; the last one is for all others.
    unknown: Vec<(Box<str>, u64)>,
    /// What is being read, for messages.
    current: Option<Target>,
    text: String,
    bytes: Vec<u8>,
}

impl Rows {
    /// Rows of this schema; values of the fields `any` may be of any type.
    pub(super) fn new(schema: &Schema, any: &[String]) -> SdkResult<Rows> {
        let fields: Vec<Field> = schema
            .fields
            .iter()
            .map(|field| Field {
                name: field.name.as_str().into(),
                kind: match field.data_type {
                    DataType::Boolean => Kind::Boolean,
                    DataType::Int => Kind::Int,
                    DataType::Long => Kind::Long,
                    DataType::Float => Kind::Float,
                    DataType::Double => Kind::Double,
                    DataType::Bytes => Kind::Bytes,
                    DataType::Date => Kind::Date,
                    DataType::Timestamp => Kind::Timestamp,
                    DataType::Decimal { .. } => Kind::Decimal,
                    _ if any.contains(&field.name) => Kind::Any,
                    _ => Kind::Text,
                },
                data_type: field.data_type.clone(),
                nullable: field.nullable,
            })
            .collect();
        Ok(Rows {
            targets: fields.iter().enumerate().map(|(target, field)| (field.name.clone(), target)).collect(),
            columns: ColumnBuilder::all(schema)?,
            positions: Vec::new(),
            layout: Layout::of(fields.iter().map(|field| (&*field.name, field.kind))),
            surprises: 0,
            unknown: vec![("".into(), 0)],
            current: None,
            text: String::new(),
            bytes: Vec::new(),
            fields,
        })
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    /// Hands the rows on.
    pub(super) fn emit(&mut self, emitter: &mut Emitter<'_>) -> SdkResult<()> {
        if self.positions.is_empty() {
            return Ok(());
        }
        let emitted = emitter.emit_columns(&mut self.columns, &self.positions);
        self.positions.clear();
        emitted
    }

    /// Reads the line that begins here as one more row, and goes on behind it. After a fault [`Rows::undo`] is called.
    #[inline]
    pub(super) fn read(&mut self, scan: &mut Scan<'_>, position: u64) -> Result<(), Fault> {
        let row = self.positions.len();
        let start = scan.at;
        let (mut next, mut set, mut surprised) = (0, 0, false);
        loop {
            // As far as the line looks as expected.
            let (mut at, mut unread, mut value_at) = (scan.at, None, scan.at);
            for entry in &self.layout.entries[next..] {
                let Some(begin) = entry.pass(scan.bytes(), at) else { break };
                (at, value_at) = (begin, begin);
                next += 1;
                match self.columns.get_mut(entry.target).filter(|column| column.len() == row) {
                    Some(column) => match quick::push(entry.kind, column, scan.text, at) {
                        Some(end) => at = end,
                        None => {
                            unread = Some(entry.target);
                            break;
                        }
                    },
                    None => {
                        unread = Some(entry.target);
                        break;
                    }
                }
                set += 1;
            }
            scan.at = at;
            let target = match unread {
                Some(target) => target,
                None if next > 0 && scan.peek() == b'}' => {
                    scan.at += 1;
                    break;
                }
                None if at > value_at && quick::goes_on(scan.peek()) => {
                    // Only the beginning of a number was read: it is read once more.
                    scan.at = value_at;
                    self.layout.entries[next - 1].target
                }
                None => match self.member(scan, scan.at == start, &mut next, &mut surprised)? {
                    Some(target) => target,
                    None => break,
                },
            };
            set += usize::from(self.value(scan, target, row)?);
        }
        if scan.peek() != b'\n' {
            self.current = None;
            scan.space();
            if scan.peek() != b'\n' {
                return scan.fault(What::Trailing);
            }
        }
        if set < self.fields.len() {
            self.missing(row, scan.at)?;
        }
        scan.at += 1;
        self.positions.push(position);
        if surprised {
            self.adapt(&scan.text[start..scan.at.min(scan.text.len())]);
        }
        Ok(())
    }

    /// Takes away what was read of the row that is not finished.
    pub(super) fn undo(&mut self) {
        for column in &mut self.columns {
            if column.len() > self.positions.len() {
                column.pop();
            }
        }
    }

    /// Takes the last row away.
    pub(super) fn pop(&mut self) {
        self.positions.pop();
        self.undo();
    }

    /// The fault in words, for a line that begins at `start`.
    pub(super) fn message(&self, fault: Fault, start: usize) -> String {
        let field = self.current.and_then(|target| match self.fields.get(target) {
            Some(field) => Some((&*field.name, Some(&field.data_type))),
            None => Some((&*self.unknown.get(target - self.fields.len())?.0, None)),
        });
        fault.message(field.filter(|(name, _)| !name.is_empty()), start)
    }

    /// The name of what was being read.
    pub(super) fn current_name(&self) -> Option<&str> {
        self.current.and_then(|target| self.fields.get(target)).map(|field| &*field.name)
    }

    /// Adds what was noticed.
    pub(super) fn tally(&mut self, tally: &mut Tally) {
        for (name, count) in &mut self.unknown {
            tally.unknown_fields += *count;
            if *count > 0
                && !name.is_empty()
                && (tally.unknown_names.len() < UNKNOWN_NAMES || tally.unknown_names.contains_key(&**name))
            {
                *tally.unknown_names.entry(shortened(name)).or_default() += *count;
            }
            *count = 0;
        }
    }

    /// What does not look as expected: the next name and where its value goes, or nothing at the end of the record.
    #[inline(never)]
    fn member(
        &mut self,
        scan: &mut Scan<'_>,
        first: bool,
        next: &mut usize,
        surprised: &mut bool,
    ) -> Result<Option<Target>, Fault> {
        self.current = None;
        scan.space();
        match (first, scan.peek()) {
            (true, b'{') => {
                scan.at += 1;
                scan.space();
                if scan.peek() == b'}' {
                    scan.at += 1;
                    return Ok(None);
                }
            }
            (true, _) => return scan.fault(What::Expected("a record in braces")),
            (false, b',') => {
                scan.at += 1;
                scan.space();
            }
            (false, b'}') => {
                scan.at += 1;
                return Ok(None);
            }
            (false, _) => return scan.unexpected("`,` or `}`"),
        }
        let key = scan.key()?;
        let target = self.target(key);
        *next = self.layout.behind(target, *next);
        *surprised = true;
        Ok(Some(target))
    }

    fn target(&mut self, key: Quoted<'_>) -> Target {
        let name = match key {
            Quoted::Plain(name) => name,
            Quoted::Escaped(quoted) => {
                scan::unescape(quoted, &mut self.text);
                &self.text
            }
        };
        if let Some(&target) = self.targets.get(name) {
            return target;
        }
        let known = self.unknown.iter().position(|(unknown, _)| &**unknown == name);
        let place = known.unwrap_or_else(|| {
            // The first place is for all those that have none of their own.
            let place = self.unknown.len() % (UNKNOWN_NAMES + 1);
            if place > 0 {
                self.unknown.push((name.into(), 0));
            }
            place
        });
        self.fields.len() + place
    }

    /// Looks at how this line looks: the first one that surprises, the second, the fourth, and so on.
    #[cold]
    fn adapt(&mut self, line: &str) {
        self.surprises += 1;
        if self.surprises.is_power_of_two() {
            self.layout = Layout::learn(line, |key| {
                let target = self.target(key);
                (target, self.fields.get(target).map_or(Kind::Ignored, |field| field.kind))
            });
        }
    }

    /// Nulls for the fields that the line did not have.
    #[inline(never)]
    fn missing(&mut self, row: usize, at: usize) -> Result<(), Fault> {
        for (target, column) in self.columns.iter_mut().enumerate() {
            if column.len() > row {
                continue;
            }
            if !self.fields[target].nullable {
                self.current = Some(target);
                return Err(Fault { what: What::Missing, at });
            }
            column.push_null();
        }
        Ok(())
    }

    /// Reads a value; whether its field had none before.
    #[inline(never)]
    fn value(&mut self, scan: &mut Scan<'_>, target: Target, row: usize) -> Result<bool, Fault> {
        self.current = Some(target);
        // Where the name was the expected one, white space may still stand behind it.
        scan.space();
        let (Some(field), Some(column)) = (self.fields.get(target), self.columns.get_mut(target)) else {
            return self.ignored(scan, target);
        };
        let fresh = column.len() == row;
        if !fresh {
            // The last one counts.
            column.pop();
        }
        match (field.kind, scan.peek()) {
            (Kind::Double, b'-' | b'0'..=b'9') => column.push_f64(number::double(scan)?),
            (Kind::Long, b'-' | b'0'..=b'9') => column.push_i64(number::whole(scan)?),
            (Kind::Text | Kind::Any, b'"') => match scan.string()? {
                Quoted::Plain(text) => column.push_text(text),
                Quoted::Escaped(quoted) => {
                    scan::unescape(quoted, &mut self.text);
                    column.push_text(&self.text);
                }
            },
            _ => self.uncommon(scan, target)?,
        }
        Ok(fresh)
    }

    #[inline(never)]
    fn ignored(&mut self, scan: &mut Scan<'_>, target: Target) -> Result<bool, Fault> {
        self.unknown[target - self.fields.len()].1 += 1;
        scan.skip(1)?;
        Ok(false)
    }

    /// A null, a value of a less common type, or one of a wrong type.
    #[inline(never)]
    fn uncommon(&mut self, scan: &mut Scan<'_>, target: Target) -> Result<(), Fault> {
        let at = scan.at;
        let fault = |what| Fault { what, at };
        let (field, column) = (&self.fields[target], &mut self.columns[target]);
        let byte = scan.peek();
        match (byte, field.kind) {
            (b'n', _) => {
                scan.word("null")?;
                if !field.nullable {
                    return Err(fault(What::Null));
                }
                column.push_null();
            }
            (_, Kind::Any) => {
                scan::compact(scan.skip(1)?, &mut self.text);
                column.push_text(&self.text);
            }
            (b't', Kind::Boolean) => {
                scan.word("true")?;
                column.push_bool(true);
            }
            (b'f', Kind::Boolean) => {
                scan.word("false")?;
                column.push_bool(false);
            }
            (b'-' | b'0'..=b'9', Kind::Int) => {
                let value = i32::try_from(number::whole(scan)?).map_err(|_| fault(What::Range))?;
                column.push_i64(i64::from(value));
            }
            (b'-' | b'0'..=b'9', Kind::Float) => column.push_f64(f64::from(number::float(scan)?)),
            (b'-' | b'0'..=b'9', Kind::Decimal) => {
                column.push_i128(decimal(&field.data_type, scan.number()?).map_err(fault)?);
            }
            (b'"', Kind::Bytes | Kind::Date | Kind::Timestamp | Kind::Decimal) => {
                let text = match scan.string()? {
                    Quoted::Plain(text) => text,
                    Quoted::Escaped(quoted) => {
                        scan::unescape(quoted, &mut self.text);
                        &self.text
                    }
                };
                match field.kind {
                    Kind::Bytes => {
                        self.bytes.clear();
                        if !text::read_base64(text, &mut self.bytes) {
                            return Err(fault(What::Text("base64 with padding")));
                        }
                        column.push_bytes(&self.bytes);
                    }
                    Kind::Date => {
                        let days = text::read_date(text).ok_or(fault(What::Text("a date such as 2026-11-21")))?;
                        column.push_i64(i64::from(days));
                    }
                    Kind::Timestamp => {
                        let needed = "an RFC 3339 time with its offset, such as 2026-11-21T10:02:03Z";
                        column.push_i64(text::read_timestamp(text).ok_or(fault(What::Text(needed)))?);
                    }
                    _ => {
                        let number = decimal_text(text).ok_or(fault(What::Text("a decimal number")))?;
                        column.push_i128(decimal(&field.data_type, number).map_err(fault)?);
                    }
                }
            }
            _ => {
                let found = match byte {
                    b'"' => "text",
                    b'{' => "an object",
                    b'[' => "a list",
                    b't' | b'f' => "a boolean",
                    b'-' | b'0'..=b'9' => "a number",
                    _ => return scan.unexpected("a value"),
                };
                // A value that is broken is that in the first place.
                scan.skip(1)?;
                return Err(fault(What::Type(found)));
            }
        }
        Ok(())
    }
}

/// A number as a decimal of this type.
fn decimal(data_type: &DataType, number: &str) -> Result<i128, What> {
    match *data_type {
        DataType::Decimal { precision, scale } => Exact::of(number).decimal(precision, scale),
        _ => Err(What::Range),
    }
}

/// A number in JSON's grammar that is the whole text.
fn decimal_text(text: &str) -> Option<&str> {
    let mut scan = Scan { text, at: 0 };
    scan.number().ok().filter(|number| number.len() == text.len())
}
