//! What is wrong with a line.

use campanile_sdk::DataType;

/// Lists and objects within each other that are read, the record included.
pub(super) const MAX_DEPTH: u32 = 128;

/// What is wrong with a line, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) what: What,
    /// The byte, counted as the text was that was read.
    pub(super) at: usize,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Something else should stand here.
    Expected(&'static str),
    /// The line ends too early.
    Ends,
    /// A control character in a string.
    Control,
    /// `\` and something that has no meaning.
    Escape,
    /// Half of a character outside the basic plane.
    Surrogate,
    /// Lists and objects too deep within each other.
    Depth,
    /// More behind the record.
    Trailing,
    /// A number with a zero in front, without digits, …
    Number,
    /// A value of another type.
    Type(&'static str),
    /// A number with a fraction where a whole one is needed.
    Fraction,
    /// A number that the type cannot hold.
    Range,
    /// Digits behind the point that the type cannot hold.
    Scale,
    /// Text that is no date, time, number or base64.
    Text(&'static str),
    /// Null where none may be.
    Null,
    /// A field that must be there is not.
    Missing,
}

impl Fault {
    /// The fault in words. `line` begins at `start` of the text that was read.
    pub(super) fn message(&self, field: Option<(&str, Option<&DataType>)>, start: usize) -> String {
        let column = self.at.saturating_sub(start) + 1;
        let name = field.map(|(name, _)| shortened(name));
        let data_type = field.and_then(|(_, data_type)| data_type).map_or("value", DataType::as_str);
        let what = match self.what {
            What::Expected(what) => format!("{what} is needed at column {column}"),
            What::Ends => "the line ends within the record".to_owned(),
            What::Control => {
                format!("a control character stands in a string at column {column}: write it as an escape")
            }
            What::Escape => format!("the escape at column {column} has no meaning in JSON"),
            What::Surrogate => format!("a lone surrogate stands at column {column}"),
            What::Depth => format!("lists and objects nest deeper than {MAX_DEPTH}"),
            What::Trailing => format!("something stands behind the record at column {column}"),
            What::Number => format!("the number at column {column} is not one that JSON allows"),
            What::Type(found) => format!("{found} where {data_type} is needed"),
            What::Fraction => format!("a number with a fraction where {data_type} is needed"),
            What::Range => format!("the number does not fit into {data_type}"),
            What::Scale => format!("the number has more digits behind the point than its {data_type} keeps"),
            What::Text(needed) => format!("the text is not {needed}"),
            What::Null => "null where the schema allows none".to_owned(),
            What::Missing => "it is missing, and the schema allows no null".to_owned(),
        };
        match name {
            Some(name) => format!("field `{name}`: {what}"),
            None => what,
        }
    }
}

/// A name as messages show it.
pub(super) fn shortened(name: &str) -> String {
    const SHOWN_CHARS: usize = 64;
    match name.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
