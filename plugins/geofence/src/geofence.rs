//! The transform.

use crate::fence_file::{Fence, FenceFile};
use crate::saved::{self, Saved};
use crate::whereabouts::Whereabouts;
use campanile_sdk::{
    Any, Configure, Emitter, Error, Field, Finding, Level, MAX_STATE_BYTES, Pairs, Payload, Record, Result, Scalar,
    Services, StageContext, Transform,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::Path;

#[cfg(test)]
mod tests;

/// The code of the error record that a position out of range becomes.
const OUT_OF_RANGE: i32 = 1;
/// Counts keys that were forgotten to make room.
const EVICTED: &str = "keys.evicted";
/// Keys of the payload that this plugin gives a meaning to.
const OWN_KEYS: [&str; 2] = ["event", "fence"];

/// Raises an alert when something enters or leaves an area.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Geofence {
    /// The field with the latitude, in degrees north.
    latitude: String,
    /// The field with the longitude, in degrees east.
    longitude: String,
    /// The field that tells one moving thing from another, such as its id.
    key: String,
    /// The GeoJSON file with the fences: Polygons and MultiPolygons.
    #[schemars(extend("x-path" = true))]
    fences: String,
    /// The property of a GeoJSON feature that holds the fence's name.
    #[serde(default = "default_name_property")]
    name_property: String,
    /// The fields that alerts carry beside the event, the fence and the key.
    #[serde(default)]
    payload: Vec<String>,
    /// How many keys that are inside a fence are remembered; past them the one seen least recently is forgotten.
    #[serde(default = "default_max_keys")]
    #[schemars(range(min = 1))]
    max_keys: usize,
    #[serde(skip)]
    resolved: Fields,
    #[serde(skip)]
    areas: Vec<Fence>,
    #[serde(skip)]
    whereabouts: Whereabouts,
    #[serde(skip)]
    scratch: Scratch,
    #[serde(skip)]
    services: Services,
}

#[derive(Default)]
struct Fields {
    latitude: Field<f64>,
    longitude: Field<f64>,
    key: Field<Any>,
    payload: Vec<(String, Field<Any>)>,
}

/// What is filled for each record, kept so that nothing is allocated anew.
#[derive(Default)]
struct Scratch {
    key: Vec<u8>,
    now: Vec<u32>,
    before: Vec<u32>,
}

/// The payload of an alert.
struct Crossing<'a> {
    event: &'static str,
    fence: &'a str,
    key_name: &'a str,
    key: Scalar<'a>,
    more: &'a [(String, Field<Any>)],
    record: &'a Record<'a>,
}

impl Payload for Crossing<'_> {
    fn write(&self, pairs: &mut Pairs<'_>) {
        pairs.pair("event", self.event);
        pairs.pair("fence", self.fence);
        pairs.pair(self.key_name, self.key);
        for (name, field) in self.more {
            pairs.pair(name, self.record.scalar(*field));
        }
    }
}

fn default_name_property() -> String {
    "name".to_owned()
}

fn default_max_keys() -> usize {
    1_000_000
}

impl Transform for Geofence {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        let input = stage.input()?;
        stage.check("latitude", input.f64(&self.latitude));
        stage.check("longitude", input.f64(&self.longitude));
        stage.check("key", input.any(&self.key));
        if OWN_KEYS.contains(&self.key.as_str()) {
            stage.find(taken("key", &self.key));
        }
        for (index, name) in self.payload.iter().enumerate() {
            stage.check("payload", input.any(name));
            if OWN_KEYS.contains(&name.as_str()) {
                stage.find(taken("payload", name));
            } else if *name == self.key || self.payload[..index].contains(name) {
                stage.find(Finding::warning("payload", format!("alerts carry `{name}` already")).hint("leave it out"));
            }
        }
        if self.fences.is_empty() {
            stage.find(Finding::error("fences", "the path of the GeoJSON file is empty"));
        }
        if self.max_keys == 0 {
            stage.find(Finding::error("maxKeys", "no key could be remembered").hint("set it to 1 or more"));
        }
        stage.pass_through()
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        let input = stage.input()?;
        let mut payload: Vec<(String, Field<Any>)> = Vec::new();
        for name in &self.payload {
            if *name != self.key && !payload.iter().any(|(there, _)| there == name) {
                payload.push((name.clone(), input.any(name)?));
            }
        }
        self.resolved = Fields {
            latitude: input.f64(&self.latitude)?,
            longitude: input.f64(&self.longitude)?,
            key: input.any(&self.key)?,
            payload,
        };
        self.services = stage.services();
        let file = FenceFile::read(Path::new(&self.fences), &self.name_property)?;
        for warning in &file.warnings {
            self.services.log(Level::Warn, format!("`{}`: {warning}", self.fences));
        }
        self.services.log(Level::Info, format!("read {} fences from `{}`", file.fences.len(), self.fences));
        self.areas = file.fences;
        let named = saved::named_bytes(&self.key, self.areas.iter().map(|fence| fence.name.as_str()));
        self.whereabouts = Whereabouts::new(self.max_keys, MAX_STATE_BYTES.saturating_sub(named));
        Ok(())
    }

    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        let fields = &self.resolved;
        let key = record.scalar(fields.key);
        let (Some(latitude), Some(longitude)) = (record.f64(fields.latitude), record.f64(fields.longitude)) else {
            return emitter.emit(record);
        };
        if key.is_null() {
            return emitter.emit(record);
        }
        // NaN is in no range.
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(out_of_range(&self.latitude, latitude, 90));
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(out_of_range(&self.longitude, longitude, 180));
        }
        let Scratch { key: key_text, now, before } = &mut self.scratch;
        key_text.clear();
        key.write(key_text);
        now.clear();
        let point = [longitude, latitude];
        now.extend((0..).zip(&self.areas).filter(|(_, fence)| fence.contains(point)).map(|(index, _)| index));
        let forgotten = self.whereabouts.replace(key_text, now, before);
        if forgotten > 0 {
            self.services.count(EVICTED, forgotten);
        }
        if now != before {
            let mut crossed = |event, fence: u32| {
                let fence = &self.areas[fence as usize].name;
                let more = &fields.payload;
                emitter.emit_alert(Crossing { event, fence, key_name: &self.key, key, more, record })
            };
            for &fence in before.iter().filter(|fence| !now.contains(fence)) {
                crossed("leave", fence)?;
            }
            for &fence in now.iter().filter(|fence| !before.contains(fence)) {
                crossed("enter", fence)?;
            }
        }
        emitter.emit(record)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        let fences = self.areas.iter().map(|fence| fence.name.as_str()).collect();
        Saved::new(&self.key, fences, &self.whereabouts).write().map(Some)
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let saved = Saved::read(state, &self.key)?;
        let here = |name: &str| (0..).zip(&self.areas).find(|(_, fence)| fence.name == name).map(|(index, _)| index);
        let fences: Vec<Option<u32>> = saved.fences.iter().map(|name| here(name)).collect();
        for (name, _) in saved.fences.iter().zip(&fences).filter(|(_, here)| here.is_none()) {
            let message = format!("`{}` has no fence `{name}` any more: its leaves are not told", self.fences);
            self.services.log(Level::Warn, message);
        }
        let forgotten = saved.restore(&fences, &mut self.whereabouts)?;
        if forgotten > 0 {
            self.services.count(EVICTED, forgotten);
        }
        Ok(())
    }
}

fn taken(property: &str, name: &str) -> Finding {
    let message = format!("a field named `{name}` cannot be in the alert: Geofence writes `{name}` itself");
    Finding::error(property, message).hint("rename the field in a stage before, by Project")
}

fn out_of_range(field: &str, value: f64, limit: u8) -> Error {
    Error::record(OUT_OF_RANGE, format!("`{field}` is {value}, where a number from -{limit} to {limit} is needed"))
}
