use crate::cast::Target;
use crate::plan::Cast;
use campanile_sdk::{Batch, ColumnBuilder, Configure, Emitter, Error, Record, Result, StageContext, Transform};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Keeps, drops, renames and casts fields. All names are those of the input, but the new ones in `rename`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Project {
    /// The fields that are kept, in this order. Not beside `drop`; without both all fields are kept.
    pub(crate) keep: Option<Vec<String>>,
    /// The fields that are left out.
    pub(crate) drop: Option<Vec<String>>,
    /// New names: `{"old": "new"}`.
    #[serde(default)]
    pub(crate) rename: BTreeMap<String, String>,
    /// New types: `{"field": "double"}`. A record with a value that cannot be cast becomes an error record.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub(crate) cast: BTreeMap<String, Target>,
    #[serde(skip)]
    casts: Vec<Cast>,
    /// For each cast the column in the making.
    #[serde(skip)]
    columns: Vec<(usize, ColumnBuilder)>,
    #[serde(skip)]
    rows: Vec<u32>,
    #[serde(skip)]
    text: Vec<u8>,
}

/// The code of a value that cannot be cast.
const NOT_CAST: i32 = 1;

impl Transform for Project {
    const PARALLEL: bool = true;

    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let (plan, findings) = self.plan(stage.input()?);
        findings.into_iter().for_each(|finding| stage.find(finding));
        stage.set_output(plan.output);
        Ok(())
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let (plan, findings) = self.plan(stage.input()?);
        if !findings.is_empty() {
            return Err(Error::findings(findings));
        }
        for (new, old) in &plan.renamed {
            stage.take_field(new, old);
        }
        let column = |cast: &Cast| Ok((cast.index, ColumnBuilder::new(&cast.target.data_type())?));
        self.columns = plan.casts.iter().map(column).collect::<Result<_>>()?;
        self.casts = plan.casts;
        Ok(())
    }

    fn transform_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        if self.casts.is_empty() {
            return emitter.emit_all(batch);
        }
        self.rows.clear();
        for (row, record) in (0..).zip(batch.records()) {
            match self.failing_cast(record) {
                None => self.rows.push(row),
                Some(cast) => emitter.emit_error(&record, NOT_CAST, message(cast, record))?,
            }
        }
        emitter.emit_replaced(batch, &self.rows, &mut self.columns)
    }
}

impl Project {
    /// Casts the values of a record; the cast that failed, with nothing of the record left in the columns.
    fn failing_cast(&mut self, record: Record<'_>) -> Option<&Cast> {
        for (number, cast) in self.casts.iter().enumerate() {
            let (_, column) = self.columns.get_mut(number)?;
            if !cast.target.push(record.scalar(cast.field), &mut self.text, column) {
                self.columns.iter_mut().take(number).for_each(|(_, column)| column.pop());
                return Some(cast);
            }
        }
        None
    }
}

/// Bytes of a value that a message shows.
const SHOWN: usize = 80;

fn message(cast: &Cast, record: Record<'_>) -> String {
    let mut value = record.scalar(cast.field).to_string();
    if value.len() > SHOWN {
        value.truncate(value.floor_char_boundary(SHOWN));
        value.push('…');
    }
    format!("field `{}` with the value `{value}` cannot be cast to {}", cast.name, cast.target.data_type())
}

#[cfg(test)]
mod tests;
