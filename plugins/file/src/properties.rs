//! Properties that several plugins have.

use campanile_sdk::Finding;
use schemars::{Schema, SchemaGenerator, json_schema};

/// A delimiter of CSV; a comma where nothing is said.
pub(crate) fn delimiter(text: Option<&str>) -> Result<u8, Finding> {
    match text.unwrap_or(",").as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
        _ => {
            let finding = Finding::error("delimiter", "it is one ASCII character, no quote and no line end");
            Err(finding.hint("write `;`, or `\\t` for a tab"))
        }
    }
}

/// A schema in our own notation or in CDAP's, also as text.
pub(crate) fn any_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["array", "object", "string", "null"] })
}

pub(crate) fn yes() -> bool {
    true
}
