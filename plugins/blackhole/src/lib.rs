//! A sink that only counts: the smallest plugin there is.

use campanile_sdk::{Batch, Emitter, Level, Result, Services, Sink, StageContext, export_plugin};
use schemars::JsonSchema;
use serde::Deserialize;

/// Takes records and keeps none of them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Blackhole {
    #[serde(skip)]
    taken: u64,
    #[serde(skip)]
    services: Services,
}

impl Sink for Blackhole {
    const PARALLEL: bool = true;

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.services = stage.services();
        Ok(())
    }

    fn write_batch(&mut self, batch: &Batch<'_>, _: &mut Emitter<'_>) -> Result<()> {
        self.taken += batch.len() as u64;
        Ok(())
    }

    fn commit(&mut self) -> Result<()> {
        self.services.log(Level::Info, format!("took {} records", self.taken));
        Ok(())
    }
}

export_plugin!(sink Blackhole in "blackhole");

#[cfg(test)]
mod tests {
    use super::*;
    use campanile_sdk::testing;
    use serde_json::json;

    #[test]
    fn it_takes_everything_and_emits_nothing() {
        let got = testing::sink::<Blackhole>(json!({})).run([json!({ "a": 1 }), json!({ "a": 2 })]).unwrap();
        assert!(got.records.is_empty() && got.errors.is_empty());
    }
}
