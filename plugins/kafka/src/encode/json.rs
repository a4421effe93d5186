//! Records as JSON: numbers as alerts print them, bytes in base64, dates and times ISO, decimals as text; a null is left out.

use campanile_sdk::{Any, Field, Input, Record, Result, Scalar, Schema};

/// Prints records of one schema.
#[derive(Debug)]
pub(crate) struct Printer {
    /// For each field `,"name":` and where it stands.
    fields: Vec<(Vec<u8>, Field<Any>)>,
}

impl Printer {
    pub(crate) fn new(schema: &Schema) -> Result<Printer> {
        let input = Input::new(schema);
        let fields = schema.names().map(|name| {
            let mut before = b",".to_vec();
            serde_json::to_writer(&mut before, name)?;
            before.push(b':');
            Ok((before, input.any(name)?))
        });
        Ok(Printer { fields: fields.collect::<Result<_>>()? })
    }

    /// Prints a record as one object.
    pub(crate) fn print(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        for (before, field) in &self.fields {
            let value = record.scalar(*field);
            if !value.is_null() {
                out.extend_from_slice(before);
                print_value(&value, out);
            }
        }
        match out.get_mut(start) {
            // The brace takes the place of the first comma.
            Some(comma) => *comma = b'{',
            None => out.push(b'{'),
        }
        out.push(b'}');
    }
}

fn print_value(value: &Scalar<'_>, out: &mut Vec<u8>) {
    match value {
        Scalar::Double(number) if !number.is_finite() => out.extend_from_slice(b"null"),
        Scalar::Float(number) if !number.is_finite() => out.extend_from_slice(b"null"),
        Scalar::Null | Scalar::Boolean(_) | Scalar::Long(_) | Scalar::Float(_) | Scalar::Double(_) => value.write(out),
        // Writing text to a vector cannot fail.
        Scalar::Text(text) => serde_json::to_writer(out, text).unwrap_or_default(),
        _ => {
            out.push(b'"');
            value.write(out);
            out.push(b'"');
        }
    }
}
