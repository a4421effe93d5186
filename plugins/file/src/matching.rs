//! Which column of a file goes into which field.

use crate::format::Tally;
use campanile_sdk::{Error, Result, Schema};

/// Likeness of names, 0 to 1, from which one is proposed for another.
const NEAR: f64 = 0.7;

/// Where each field of a schema stands in a file with named columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matching {
    /// How many columns the file has.
    pub(crate) width: usize,
    /// For each field its column, if there is one.
    pub(crate) columns: Vec<Option<usize>>,
    /// The names of the columns that the schema does not have.
    unknown: Vec<String>,
}

impl Matching {
    /// Columns in the order of the schema.
    pub(crate) fn in_order(schema: &Schema) -> Matching {
        let width = schema.fields.len();
        Matching { width, columns: (0..width).map(Some).collect(), unknown: Vec::new() }
    }

    /// Columns by their names; a required one that is not there is an error.
    pub(crate) fn by_name(names: &[String], schema: &Schema, file: &str) -> Result<Matching> {
        let column_of = |name: &str| names.iter().position(|column| column == name);
        let columns: Vec<Option<usize>> = schema.names().map(column_of).collect();
        let unknown: Vec<String> = names.iter().filter(|name| schema.index_of(name).is_none()).cloned().collect();
        let missing = schema.fields.iter().zip(&columns).find(|(field, column)| column.is_none() && !field.nullable);
        if let Some((field, _)) = missing {
            let hint = match nearest(&field.name, &unknown) {
                Some(name) => format!("did you mean `{name}`?"),
                None => {
                    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                    format!("its columns are {}", names.join(", "))
                }
            };
            let message = format!("`{file}` has no column `{}`, which the schema requires ({hint})", field.name);
            return Err(Error::config(message));
        }
        Ok(Matching { width: names.len(), columns, unknown })
    }

    /// Counts the values of unknown columns in so many rows.
    pub(crate) fn tally(&self, rows: u64, tally: &mut Tally) {
        if rows == 0 {
            return;
        }
        tally.unknown_fields += rows * self.unknown.len() as u64;
        for name in &self.unknown {
            *tally.unknown_names.entry(name.clone()).or_default() += rows;
        }
    }
}

fn nearest<'a>(wanted: &str, names: &'a [String]) -> Option<&'a String> {
    let wanted = wanted.to_lowercase();
    let likeness = |name: &String| strsim::jaro_winkler(&name.to_lowercase(), &wanted);
    let (likeness, name) =
        names.iter().map(|name| (likeness(name), name)).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (likeness > NEAR).then_some(name)
}
