//! The names of the columns.

use super::records::{Next, Records};
use campanile_sdk::{Error, Read, Result};

/// The names of the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) names: Vec<String>,
}

impl Header {
    /// Names for columns that have none: `column_1` and so on.
    pub(super) fn numbered(columns: usize) -> Header {
        Header { names: (1..=columns).map(|number| format!("column_{number}")).collect() }
    }

    /// The first record; where none is there (yet), what a reader answers.
    pub(super) fn read(records: &mut Records) -> Result<Result<Header, Read>> {
        let bad = |file: &str, what: &str| Err(Error::config(format!("the header of `{file}` cannot be read: {what}")));
        match records.next()? {
            Next::Record => {}
            Next::Broken(message) => return bad(records.file(), &message),
            Next::Idle => return Ok(Err(Read::Idle)),
            Next::End => return Ok(Err(Read::End)),
        }
        let Ok(record) = std::str::from_utf8(records.raw()) else { return bad(records.file(), "it is no UTF-8") };
        let fields = records.fields();
        let mut header = Header::numbered(fields.len());
        for (index, name) in header.names.iter_mut().enumerate() {
            let text = fields.text(index, record);
            if !text.is_empty() {
                text.clone_into(name);
            }
        }
        let mut sorted: Vec<&String> = header.names.iter().collect();
        sorted.sort_unstable();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return bad(records.file(), &format!("column `{}` stands there twice", twice[0]));
        }
        Ok(Ok(header))
    }
}
