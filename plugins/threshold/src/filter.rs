use crate::condition::{AnyConstant, Condition, Constant, Number, Question, properties_with_condition};
use crate::selection::Selection;
use campanile_sdk::{Batch, Configure, Emitter, Error, Result, StageContext, Transform};
use schemars::JsonSchema;
use serde::Deserialize;

properties_with_condition! {
    /// Keeps the records whose field meets a condition, or all others.
    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Filter {
        /// Which records are kept: those that meet the condition (`matching`), or all others,
        /// also those without a value (`others`).
        #[serde(default)]
        #[schemars(extend("default" = "matching"))]
        keep: Keep,
        #[serde(skip)]
        selection: Selection,
        #[serde(skip)]
        rows: Vec<u32>,
    }
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
enum Keep {
    #[default]
    Matching,
    Others,
}

impl Transform for Filter {
    const PARALLEL: bool = true;

    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let findings = self.condition().resolve(stage.input()?).err().unwrap_or_default();
        findings.into_iter().for_each(|finding| stage.find(finding));
        stage.pass_through()
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.selection = self.condition().resolve(stage.input()?).map_err(Error::findings)?;
        Ok(())
    }

    fn transform_batch(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.selection.select(batch, self.keep == Keep::Matching, &mut self.rows);
        emitter.emit_rows(batch, &self.rows)
    }
}

#[cfg(test)]
mod tests;
