//! A pipeline file read: the pipeline in it, or all of its mistakes at once.

use super::arguments::Arguments;
use super::coerce::coerce;
use super::conform::conform;
use super::document::{self, Format};
use super::secrets::Secrets;
use super::{PipelineSpec, PluginSpec, cdap, place};
use crate::alerts::AlertsSpec;
use crate::graph;
use campanile_sdk::Finding;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A pipeline and what belongs to the file it stands in.
#[derive(Clone, Debug)]
pub struct PipelineFile {
    /// The pipeline, its placeholders replaced.
    pub spec: PipelineSpec,
    /// The folder that relative paths in the pipeline start from.
    pub folder: PathBuf,
    /// The secrets that stand in the pipeline now; every message goes through [`Secrets::redact`].
    pub secrets: Secrets,
    /// What does not keep the pipeline from running.
    pub warnings: Vec<Finding>,
}

/// The plugins that a broken file names, each with the position of its stage: those whose own part is whole.
pub(crate) struct Remains<'a> {
    pub(crate) plugins: Vec<(usize, PluginSpec)>,
    pub(crate) folder: &'a Path,
}

/// Says what else is wrong with a file that is broken.
type LookUp<'a> = &'a mut dyn FnMut(&Remains<'_>) -> Vec<Finding>;

/// Reads a pipeline file; its ending tells whether it is JSON or YAML. What is wrong comes all at once, from the spelling
/// of keys to the shape of the graph, in the order of the file; the warnings are among it.
pub fn read(path: &Path, arguments: &Arguments<'_>) -> Result<PipelineFile, Vec<Finding>> {
    read_and(path, arguments, &mut |_| Vec::new())
}

/// As [`read`]; where the file is refused, what `look_up` finds is among the mistakes.
pub(crate) fn read_and(
    path: &Path,
    arguments: &Arguments<'_>,
    look_up: LookUp<'_>,
) -> Result<PipelineFile, Vec<Finding>> {
    let name = path.display().to_string();
    let text = text_of(path, &name).map_err(|finding| vec![finding])?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    read_named(&text, Format::of(path), &name, folder, arguments, look_up)
}

/// A pipeline file as it is written: its placeholders stay, and nothing of it is checked.
pub fn read_as_written(path: &Path) -> Result<Value, Finding> {
    let name = path.display().to_string();
    let (mut document, _) = document::parse(&text_of(path, &name)?, Format::of(path), &name)?;
    cdap::take_over(&mut document);
    Ok(document)
}

fn text_of(path: &Path, name: &str) -> Result<String, Finding> {
    let refuse = |message: String| Finding::error(name, message);
    let bytes = std::fs::read(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        refuse(format!("is no UTF-8 from byte {at} on"))
    })
}

/// Reads a pipeline from a text that stands in no file, as [`read`] does; relative paths in it start from `folder`.
pub fn read_text(
    text: &str,
    format: Format,
    folder: &Path,
    arguments: &Arguments<'_>,
) -> Result<PipelineFile, Vec<Finding>> {
    read_named(text, format, place::WHOLE, folder, arguments, &mut |_| Vec::new())
}

fn read_named(
    text: &str,
    format: Format,
    name: &str,
    folder: &Path,
    arguments: &Arguments<'_>,
    look_up: LookUp<'_>,
) -> Result<PipelineFile, Vec<Finding>> {
    let (mut document, twice) = document::parse(text, format, name).map_err(|finding| vec![finding])?;
    let taken_over = cdap::take_over(&mut document);
    let within = if taken_over.is_some() { cdap::WITHIN } else { "" };
    // What the studio's export says beside our own words, and what stands twice, has its place in the file already.
    let mut at_home = twice;
    at_home.extend(taken_over.unwrap_or_default());

    let mut secrets = Secrets::default();
    let mut found = Found::default();
    found.take(arguments.expand(&mut document, &mut secrets));
    found.take(cdap::rename_kinds(&mut document));
    let schema = super::written_schema();
    coerce(&schema, &mut document);
    found.take(conform(&schema, &document, ""));
    found.alerts(&document);

    let spec = if found.has_errors() { None } else { found.spec(&document, within) };
    let spec = spec.filter(|_| !at_home.iter().any(Finding::is_error));
    if spec.is_none() {
        // A whole pipeline is checked by whoever builds its graph; a broken one never gets there.
        found.take(graph::check_broken(&document));
        let looked_up = look_up(&Remains { plugins: plugins(&document), folder });
        found.take(looked_up.into_iter().map(|finding| secrets.redacted(finding)).collect());
    }
    let mut findings = found.findings;
    place::sort(&document, &mut findings);
    for finding in &mut findings {
        if finding.path.starts_with("stages") || finding.path.starts_with("connections") {
            finding.path.insert_str(0, within);
        }
    }
    at_home.append(&mut findings);
    match spec {
        Some(spec) => Ok(PipelineFile { spec, folder: folder.to_owned(), secrets, warnings: at_home }),
        None => Err(at_home),
    }
}

/// The plugins of those stages whose plugin can be read.
fn plugins(document: &Value) -> Vec<(usize, PluginSpec)> {
    let stages = document.get("stages").and_then(Value::as_array).into_iter().flatten().enumerate();
    stages.filter_map(|(index, stage)| Some((index, PluginSpec::deserialize(stage.get("plugin")?).ok()?))).collect()
}

/// What has been found so far. A later step tells nothing of a place that an earlier one refused: it is one mistake.
#[derive(Default)]
struct Found {
    findings: Vec<Finding>,
    places: HashSet<String>,
}

impl Found {
    fn take(&mut self, findings: Vec<Finding>) {
        let fresh: Vec<Finding> = findings.into_iter().filter(|finding| !self.places.contains(&finding.path)).collect();
        self.places.extend(fresh.iter().map(|finding| finding.path.clone()));
        self.findings.extend(fresh);
    }

    fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }

    /// What an `alerts` section must be beyond its shape, for every section whose shape is right.
    fn alerts(&mut self, document: &Value) {
        let stages = document.get("stages").and_then(Value::as_array);
        for (index, stage) in stages.into_iter().flatten().enumerate() {
            let Some(section) = stage.get("alerts").filter(|section| section.is_object()) else { continue };
            let at = format!("stages[{index}].alerts");
            if self.places.iter().any(|place| place.starts_with(&at)) {
                continue;
            }
            match AlertsSpec::deserialize(section) {
                Ok(section) => self.take(section.check(&at)),
                Err(error) => self.take(vec![Finding::error(at, error.to_string())]),
            }
        }
    }

    fn spec(&mut self, document: &Value, within: &'static str) -> Option<PipelineSpec> {
        match PipelineSpec::deserialize(document) {
            Ok(spec) => Some(PipelineSpec { within, ..spec }),
            Err(error) => {
                self.take(vec![Finding::error(place::WHOLE, error.to_string())]);
                None
            }
        }
    }
}
