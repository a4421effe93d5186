//! A pipeline that was checked: every stage has its plugin, every plugin has seen its properties and its inputs. Nothing
//! is open yet; all problems were collected on the way.

mod properties;
mod sharing;
mod windows;

use crate::graph::{Flow, Graph};
use crate::library::{Artifact, Found, Registry};
use crate::spec::nearest::did_you_mean;
use crate::spec::{Arguments, PipelineFile, PipelineSpec, PluginSpec, Remains, read_and};
use campanile_abi::last_words::Inside;
use campanile_sdk::proxy::{OutputPort, Plugin};
use campanile_sdk::{Error, Finding, Kind, Schema};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A pipeline that can be started.
#[derive(Debug)]
pub struct Plan {
    pub(crate) file: PipelineFile,
    pub(crate) graph: Graph,
    /// In the order of the file.
    pub(crate) stages: Vec<PlannedStage>,
}

/// A stage and its plugin.
#[derive(Debug)]
pub(crate) struct PlannedStage {
    /// The plugin.
    pub(crate) plugin: Plugin,
    /// Its properties, as the plugin takes them.
    pub(crate) properties: Value,
    /// The ports that it declared, in their order.
    pub(crate) ports: Vec<String>,
    /// Of an alert publisher: how many alerts a second its properties allow.
    pub(crate) max_alerts_per_second: Option<f64>,
    /// Of a source: it never ends by itself.
    pub(crate) is_live: bool,
    /// Of a source: the group of processes that share its records.
    group: Option<String>,
}

impl Plan {
    /// Plans a pipeline: the plan where nothing keeps it from running, and all findings.
    ///
    /// Libraries are loaded and `configure` of each plugin is called; nothing else of them runs. Whoever cannot wait for a
    /// plugin that never returns calls this on a thread of its own: `campanile_abi::last_words` knows the stage.
    pub fn new(file: PipelineFile, registry: &mut Registry) -> (Option<Plan>, Vec<Finding>) {
        let mut findings = file.warnings.clone();
        let graph = match Graph::new(&file.spec) {
            Ok((graph, warnings)) => {
                findings.extend(warnings);
                graph
            }
            Err(errors) => {
                findings.extend(errors);
                // Plugins are looked for all the same: all mistakes at once.
                for (index, stage) in file.spec.stages.iter().enumerate() {
                    let at = file.spec.stage_path(index);
                    look_up(&file.folder, &stage.plugin, &at, registry, &mut findings);
                }
                return (None, redacted(&file, findings));
            }
        };
        let stages = Planner { file: &file, graph: &graph, registry, findings: &mut findings }.stages();
        let findings = redacted(&file, findings);
        if findings.iter().any(Finding::is_error) {
            return (None, findings);
        }
        let stages: Vec<PlannedStage> = stages.into_iter().flatten().collect();
        (Some(Plan { file, graph, stages }), findings)
    }

    /// Reads a pipeline's file as [`spec::read`](crate::spec::read) does. Where it is refused, its plugins are looked for
    /// all the same, so that what is wrong with them is told with the rest; nothing of them runs.
    pub fn read(path: &Path, arguments: &Arguments<'_>, registry: &mut Registry) -> Result<PipelineFile, Vec<Finding>> {
        read_and(path, arguments, &mut |remains: &Remains<'_>| {
            let mut findings = Vec::new();
            for (index, plugin) in &remains.plugins {
                look_up(remains.folder, plugin, &format!("stages[{index}]"), registry, &mut findings);
            }
            findings
        })
    }

    /// The pipeline as it was written.
    pub fn spec(&self) -> &PipelineSpec {
        &self.file.spec
    }

    /// Whether the pipeline never ends by itself: one of its sources does not.
    pub fn is_live(&self) -> bool {
        self.stages.iter().any(|stage| stage.is_live)
    }

    /// The named ports that a stage declared, in their order.
    pub(crate) fn ports_of(&self, stage: &str) -> impl Iterator<Item = String> {
        let planned = self.spec().stages.iter().zip(&self.stages).find(|(spec, _)| spec.name == stage);
        let ports = planned.map(|(_, planned)| planned.ports.clone()).unwrap_or_default();
        ports.into_iter().filter(|port| !port.is_empty())
    }

    /// The folder of the pipeline's file.
    pub fn folder(&self) -> &std::path::Path {
        &self.file.folder
    }
}

fn redacted(file: &PipelineFile, findings: Vec<Finding>) -> Vec<Finding> {
    findings.into_iter().map(|finding| file.secrets.redacted(finding)).collect()
}

/// What is wrong with a plugin and its properties, as far as its library's manifest tells.
fn look_up(folder: &Path, plugin: &PluginSpec, at: &str, registry: &mut Registry, findings: &mut Vec<Finding>) {
    if let Some(found) = find_plugin(folder, plugin, at, registry, findings) {
        properties::check(folder, plugin, registry.manifest(found), at, findings);
    }
}

/// The plugin of a stage, or a finding that says what there is instead.
fn find_plugin(
    folder: &Path,
    spec: &PluginSpec,
    at: &str,
    registry: &mut Registry,
    findings: &mut Vec<Finding>,
) -> Option<Found> {
    let library = match &spec.path {
        None => None,
        Some(path) => match registry.add(&folder.join(path)) {
            Ok(library) => Some(library),
            Err(problem) => {
                let finding = Finding::error(
                    format!("{at}.plugin.path"),
                    format!("{} {}", problem.path.display(), problem.message),
                );
                findings.push(finding.hint(problem.hint));
                return None;
            }
        },
    };
    let version = spec.artifact.as_ref().and_then(|artifact| artifact.version.as_deref());
    let name = spec.artifact.as_ref().and_then(|artifact| artifact.name.as_deref());
    if let Some(found) = registry.find(spec.kind, &spec.name, &Artifact { name, version, library }) {
        return Some(found);
    }
    let all = registry.plugins();
    let of_name: Vec<String> = all
        .iter()
        .filter(|found| registry.manifest(**found).name == spec.name)
        .map(|found| format!("{} {}", registry.manifest(*found).kind, registry.entry(*found).file.manifest.version))
        .collect();
    let names: Vec<&str> = all
        .iter()
        .map(|found| registry.manifest(*found))
        .filter(|manifest| manifest.kind == spec.kind)
        .map(|manifest| manifest.name.as_str())
        .collect();
    let message = match version {
        Some(version) => format!("there is no {} `{}` of version {version}", spec.kind, spec.name),
        None => format!("there is no {} `{}`", spec.kind, spec.name),
    };
    let hint = if !of_name.is_empty() {
        Some(format!("`{}` is there as {}", spec.name, of_name.join(", ")))
    } else if all.is_empty() {
        Some("no plugin library was found: name a folder with --plugins or CAMPANILE_PLUGINS".to_owned())
    } else {
        did_you_mean(&spec.name, names.iter().copied(), spec.kind.as_str())
    };
    let finding = Finding::error(format!("{at}.plugin.name"), message);
    findings.push(match hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    });
    None
}

struct Planner<'a> {
    file: &'a PipelineFile,
    graph: &'a Graph,
    registry: &'a mut Registry,
    findings: &'a mut Vec<Finding>,
}

/// What is known of the outputs of a stage.
type Outputs = Option<Vec<OutputPort>>;

impl Planner<'_> {
    fn stages(mut self) -> Vec<Option<PlannedStage>> {
        let spec = &self.file.spec;
        let mut planned: Vec<Option<PlannedStage>> = spec.stages.iter().map(|_| None).collect();
        let mut outputs: Vec<Outputs> = vec![None; spec.stages.len()];
        for &index in self.graph.order() {
            let stage = &spec.stages[index];
            let at = spec.stage_path(index);
            let Some(found) = find_plugin(&self.file.folder, &stage.plugin, &at, self.registry, self.findings) else {
                continue;
            };
            self.warn_of_silence(index, found);
            // A signal's handler, or whoever waits for this plan, may ask for the name as long as the process lives.
            let _inside = Inside::enter(Box::leak(stage.name.clone().into_boxed_str()));
            let manifest = self.registry.manifest(found).clone();
            let properties = properties::check(&self.file.folder, &stage.plugin, &manifest, &at, self.findings);
            let plugin = match self.registry.load(found, stage.plugin.sha256.as_deref()) {
                Ok(plugin) => plugin,
                Err(problem) => {
                    let message = format!("{} {}", problem.path.display(), problem.message);
                    self.findings.push(Finding::error(format!("{at}.plugin"), message).hint(problem.hint));
                    continue;
                }
            };
            let Some(properties) = properties else { continue };
            let inputs = self.inputs(index, &outputs);
            if let Inputs::Known(inputs) = inputs {
                outputs[index] = self.configure(&plugin, &properties, &inputs, &at, stage.plugin.kind);
            }
            let ports = outputs[index].iter().flatten().map(|output| output.port.clone()).collect();
            let max_alerts_per_second = properties::max_alerts_per_second(&manifest, &properties);
            let is_live = stage.plugin.kind == Kind::Source && properties::is_live(&manifest, &properties);
            let group =
                (stage.plugin.kind == Kind::Source).then(|| properties::group(&manifest, &properties)).flatten();
            planned[index] = Some(PlannedStage { plugin, properties, ports, max_alerts_per_second, is_live, group });
        }
        let live = planned.iter().flatten().any(|stage| stage.is_live);
        for (index, stage) in spec.stages.iter().enumerate() {
            let Some(alerts) = &stage.alerts else { continue };
            let schema = match stage.plugin.kind {
                Kind::Source => outputs[index].as_ref().and_then(|ports| ports.first()?.schema.clone()),
                // What is wrong with inputs has been said.
                _ => input_schema(spec, self.graph, index, &outputs).ok().flatten(),
            };
            let path = format!("{}.alerts", spec.stage_path(index));
            self.findings.extend(windows::check(alerts, schema.as_ref(), live, &path));
            let sources = sharing::reached_from(self.graph, index).into_iter();
            let groups = sources
                .filter_map(|source| Some((&*spec.stages[source].name, planned[source].as_ref()?.group.as_deref()?)));
            self.findings.extend(sharing::check(alerts, groups, &path));
        }
        planned
    }

    /// A publisher behind a stage that never alerts, an error transform behind one that never fails.
    fn warn_of_silence(&mut self, index: usize, found: Found) {
        let manifest = self.registry.manifest(found);
        let spec = &self.file.spec;
        for connection in self.graph.outputs_of(index) {
            let (says, what) = match connection.flow {
                Flow::Alerts => (manifest.emits_alerts(), "alerts"),
                Flow::Errors => (manifest.emits_errors(), "errors"),
                Flow::Records { .. } => continue,
            };
            if says == Some(false) {
                let (from, to) = (&spec.stages[connection.from], &spec.stages[connection.to]);
                let message = format!(
                    "`{}` waits for {what} of `{}`, but {} {} says that it emits none",
                    to.name, from.name, from.plugin.kind, from.plugin.name
                );
                let position = self.graph.connections().iter().position(|other| other == connection);
                let at = position.map_or_else(|| spec.stage_path(index), |position| spec.connection_path(position));
                self.findings.push(Finding::warning(at, message));
            }
        }
    }

    fn inputs(&mut self, index: usize, outputs: &[Outputs]) -> Inputs {
        let spec = &self.file.spec;
        let kind = spec.stages[index].plugin.kind;
        if matches!(kind, Kind::Source | Kind::AlertPublisher) {
            return Inputs::Known(Vec::new());
        }
        match input_schema(spec, self.graph, index, outputs) {
            Ok(Some(schema)) => Inputs::Known(vec![schema]),
            Ok(None) => Inputs::Unknown,
            Err(finding) => {
                self.findings.push(finding);
                Inputs::Unknown
            }
        }
    }

    fn configure(&mut self, plugin: &Plugin, properties: &Value, inputs: &[Schema], at: &str, kind: Kind) -> Outputs {
        let configured = plugin.create(properties).and_then(|mut stage| stage.configure(inputs));
        match configured {
            Ok((outputs, findings)) => {
                self.findings.extend(findings.into_iter().map(|finding| placed(finding, at)));
                let ports = outputs.len();
                if ports == 0 && !kind.is_end() {
                    let message = "the plugin declared no output in `configure`";
                    self.findings.push(Finding::error(format!("{at}.plugin"), message));
                    return None;
                }
                Some(outputs)
            }
            Err(error) => {
                self.findings.extend(findings_of(&error, at));
                None
            }
        }
    }
}

enum Inputs {
    Known(Vec<Schema>),
    Unknown,
}

/// The schema of what flows into a stage: nothing where it is not known yet; a finding where inputs differ.
pub(crate) fn input_schema(
    spec: &PipelineSpec,
    graph: &Graph,
    index: usize,
    outputs: &[Outputs],
) -> Result<Option<Schema>, Finding> {
    let mut first: Option<(Schema, &str)> = None;
    let mut unknown = false;
    for connection in graph.inputs_of(index) {
        let from = &spec.stages[connection.from];
        let schema = match &connection.flow {
            Flow::Errors => error_schema_of(spec, graph, connection.from, outputs)?,
            Flow::Records { port } => {
                let Some(ports) = &outputs[connection.from] else {
                    unknown = true;
                    continue;
                };
                let wanted = port.as_deref().unwrap_or("");
                let Some(output) = ports.iter().find(|output| output.port == wanted) else {
                    let names = ports.iter().map(|output| output.port.as_str());
                    let position = graph.connections().iter().position(|other| other == connection).unwrap_or_default();
                    let message = format!("`{}` has no port `{wanted}`", from.name);
                    let finding = Finding::error(format!("{}.port", spec.connection_path(position)), message);
                    return Err(match did_you_mean(wanted, names, "port") {
                        Some(hint) => finding.hint(hint),
                        None => finding,
                    });
                };
                output.schema.clone()
            }
            Flow::Alerts => continue,
        };
        let Some(schema) = schema else {
            unknown = true;
            continue;
        };
        match &first {
            None => first = Some((schema, &from.name)),
            Some((other, other_name)) if *other != schema => {
                let message = format!(
                    "the inputs of `{}` differ: `{other_name}` gives {}, `{}` gives {}",
                    spec.stages[index].name,
                    shown(other),
                    from.name,
                    shown(&schema)
                );
                return Err(Finding::error(spec.stage_path(index), message)
                    .hint("put a Project in front, so that names, types and order are the same"));
            }
            Some(_) => {}
        }
    }
    Ok(if unknown { None } else { first.map(|(schema, _)| schema) })
}

/// The schema of the error records of a stage: that of its records, every field nullable.
fn error_schema_of(
    spec: &PipelineSpec,
    graph: &Graph,
    stage: usize,
    outputs: &[Outputs],
) -> Result<Option<Schema>, Finding> {
    let schema = match spec.stages[stage].plugin.kind {
        Kind::Source => outputs[stage].as_ref().and_then(|ports| ports.first()?.schema.clone()),
        _ => input_schema(spec, graph, stage, outputs)?,
    };
    Ok(schema.map(|schema| crate::types::error_schema(&schema)))
}

fn shown(schema: &Schema) -> String {
    let field = |field: &campanile_sdk::SchemaField| {
        format!("{} {}{}", field.name, field.data_type, if field.nullable { "?" } else { "" })
    };
    format!("({})", schema.fields.iter().map(field).collect::<Vec<_>>().join(", "))
}

/// A plugin's finding, with its place in the pipeline.
fn placed(finding: Finding, at: &str) -> Finding {
    let path = if finding.path.is_empty() {
        format!("{at}.plugin")
    } else {
        format!("{at}.plugin.properties.{}", finding.path)
    };
    Finding { path, ..finding }
}

/// What a failed `create` or `configure` says.
fn findings_of(error: &Error, at: &str) -> Vec<Finding> {
    if error.all_findings().is_empty() {
        return vec![Finding::error(format!("{at}.plugin"), error.to_string())];
    }
    error.all_findings().iter().cloned().map(|finding| placed(finding, at)).collect()
}

/// The path of a library that a pipeline names, from its folder.
pub(crate) fn from_folder(folder: &std::path::Path, path: &str) -> PathBuf {
    // What stands in the current folder is called as it is written.
    if folder == std::path::Path::new(".") { PathBuf::from(path) } else { folder.join(path) }
}
