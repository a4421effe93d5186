//! Rows from CSV.

use super::header::Header;
use super::records::{Next, Records};
use super::value;
use crate::format::{Part, ReadOptions, RowReader, Tally, UNREADABLE};
use crate::input::Input;
use crate::matching::Matching;
use campanile_sdk::{ColumnBuilder, DataType, Emitter, Limits, Place, Read, Result, Schema};

pub(super) struct Reader {
    records: Records,
    schema: Schema,
    nulls: Vec<String>,
    /// Nothing until the header was there.
    matching: Option<Matching>,
    columns: Vec<ColumnBuilder>,
    positions: Vec<u64>,
    /// The row that comes was read before.
    skip_first: bool,
    rows: u64,
}

impl Reader {
    pub(super) fn open(part: &Part, options: &ReadOptions, schema: &Schema) -> Result<Reader> {
        let (delimiter, limit) = (options.csv.delimiter, options.max_line_bytes);
        // It decompresses by the file's name. The header stands at the start, wherever reading goes on.
        let start = match (&part.followed, part.after) {
            (Some(followed), None) => followed.file.input(0)?,
            (Some(followed), Some(_)) => followed.file.again()?,
            (None, _) => Input::open(&part.path)?,
        };
        let mut reader = Reader {
            records: Records::new(start, Some(part), 0, delimiter, limit),
            schema: schema.clone(),
            nulls: options.csv.nulls.clone(),
            matching: (!options.csv.header).then(|| Matching::in_order(schema)),
            columns: ColumnBuilder::all(schema)?,
            positions: Vec::new(),
            skip_first: false,
            rows: 0,
        };
        // A header that cannot be read is told before the run begins; who writes to standard input may come later.
        if reader.matching.is_none() {
            reader.read_header()?;
        }
        if let Some(after) = part.after {
            let rest = match &part.followed {
                Some(followed) => followed.file.input(after)?,
                None => Input::open_file(&part.path, after)?,
            };
            reader.records = Records::new(rest, Some(part), after, delimiter, limit);
            reader.skip_first = true;
        }
        Ok(reader)
    }

    /// Nothing where the header was there; else what is to be answered.
    fn read_header(&mut self) -> Result<Option<Read>> {
        match Header::read(&mut self.records)? {
            Ok(header) => {
                self.matching = Some(Matching::by_name(&header.names, &self.schema, self.records.file())?);
                Ok(None)
            }
            Err(answer) => Ok(Some(answer)),
        }
    }

    /// Adds the record that was found; or says what is wrong with it.
    fn row(&mut self) -> Result<(), String> {
        let record = match simdutf8::compat::from_utf8(self.records.raw()) {
            Ok(record) => record,
            Err(error) => return Err(format!("the row is no UTF-8 from its byte {} on", error.valid_up_to() + 1)),
        };
        let fields = self.records.fields();
        let Some(matching) = &self.matching else { return Err("a row in front of the header".to_owned()) };
        if fields.len() != matching.width {
            return Err(format!("the row has {} fields, where {} are needed", fields.len(), matching.width));
        }
        for (index, (field, column)) in self.schema.fields.iter().zip(&matching.columns).enumerate() {
            let text = column.map_or("", |column| fields.text(column, record));
            let quoted = column.is_some_and(|column| fields.quoted(column));
            // An empty text is told from nothing by its quotes, where the type has one.
            let empty = text.is_empty() && !(quoted && matches!(field.data_type, DataType::String | DataType::Bytes));
            let builder = &mut self.columns[index];
            let pushed = if empty || self.nulls.iter().any(|null| null == text) {
                if field.nullable {
                    builder.push_null();
                    Ok(())
                } else {
                    Err("it is empty, and the schema allows no null".to_owned())
                }
            } else {
                value::push(text, &field.data_type, builder).map_err(|fault| fault.message(text, &field.data_type))
            };
            if let Err(message) = pushed {
                self.columns[..index].iter_mut().for_each(ColumnBuilder::pop);
                return Err(format!("field `{}`: {message}", value::shortened(&field.name)));
            }
        }
        self.positions.push(self.records.offset());
        Ok(())
    }

    fn unreadable(&mut self, message: &str, emitter: &mut Emitter<'_>) -> Result<()> {
        let line = self.records.line()?;
        let place = Place { file: self.records.file(), line, offset: self.records.offset() };
        emitter.emit_unreadable(&place, self.records.raw(), UNREADABLE, message)
    }

    fn hand_on(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        self.rows += self.positions.len() as u64;
        let emitted = emitter.emit_columns(&mut self.columns, &self.positions);
        self.positions.clear();
        emitted
    }
}

impl RowReader for Reader {
    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        if self.matching.is_none()
            && let Some(answer) = self.read_header()?
        {
            return Ok(answer);
        }
        let (mut records, mut bytes) = (0, 0);
        while records < limits.rows && bytes < limits.bytes {
            let found = match self.records.next()? {
                Next::Record if std::mem::take(&mut self.skip_first) => continue,
                Next::Broken(_) if std::mem::take(&mut self.skip_first) => continue,
                Next::Record => self.row(),
                Next::Broken(message) => Err(message),
                Next::Idle => {
                    self.hand_on(emitter)?;
                    return Ok(Read::Idle);
                }
                Next::End => {
                    self.hand_on(emitter)?;
                    return Ok(Read::End);
                }
            };
            if let Err(message) = found {
                self.unreadable(&message, emitter)?;
            }
            records += 1;
            bytes += self.records.raw().len();
        }
        self.hand_on(emitter)?;
        Ok(Read::More)
    }

    fn tally(&mut self, tally: &mut Tally) {
        tally.blank_lines += self.records.blank_lines();
        if let Some(matching) = &self.matching {
            matching.tally(self.rows, tally);
        }
    }
}
