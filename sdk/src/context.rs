//! What a stage knows and may ask while it runs.

use crate::configure::Ports;
use crate::emitter::{Emitter, PortId};
use crate::error::{Error, Result};
use crate::field::{Input, Output};
use crate::mode::Mode;
use crate::payload::Payload;
use crate::schema::Schema;
use crate::shim::context::HostContext;
use crate::shim::delivery::HostDelivery;
use campanile_abi::text;
use std::collections::BTreeMap;

/// How much a message weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something is not as it should be.
    Warn = 2,
    /// Something that an operator wants to know.
    Info = 3,
    /// Something that helps to find a fault.
    Debug = 4,
    /// Everything.
    Trace = 5,
}

/// The host's services: messages, metrics, the clock, the stop signal, secrets.
///
/// A copy may be kept in the plugin and used from threads of its own; these threads end before the plugin is dropped.
/// The default answers nothing and keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Services {
    pub(crate) host: Option<HostContext>,
}

impl Services {
    /// Whether messages of this level are kept: ask before working hard for one.
    pub fn log_enabled(&self, level: Level) -> bool {
        self.host.is_some_and(|host| host.log_enabled(level as u32))
    }

    /// Keeps a message.
    pub fn log(&self, level: Level, message: impl AsRef<str>) {
        if let Some(host) = &self.host {
            host.log(level as u32, message.as_ref(), "");
        }
    }

    /// Keeps a message with fields, a JSON object.
    pub fn log_with(&self, level: Level, message: impl AsRef<str>, fields: &serde_json::Value) {
        if let Some(host) = self.host.as_ref().filter(|host| host.log_enabled(level as u32)) {
            host.log(level as u32, message.as_ref(), &fields.to_string());
        }
    }

    /// Adds to a counter of the stage, which the report and the metrics show under this name.
    pub fn count(&self, name: &str, delta: u64) {
        if let Some(host) = &self.host {
            host.count(name, delta);
        }
    }

    /// Sets a gauge of the stage.
    pub fn gauge(&self, name: &str, value: f64) {
        if let Some(host) = &self.host {
            host.gauge(name, value);
        }
    }

    /// Milliseconds since 1970, by the run's clock.
    pub fn now_ms(&self) -> i64 {
        self.host.map_or(0, |host| host.now_ms())
    }

    /// Whether the run was told to stop: whoever waits, looks here.
    pub fn is_cancelled(&self) -> bool {
        self.host.is_some_and(|host| host.cancelled())
    }

    /// A secret by its name.
    pub fn secret(&self, name: &str) -> Option<Vec<u8>> {
        self.host.and_then(|host| host.secret(name))
    }

    /// Whether the run ends by itself, and whether it can be resumed.
    pub fn mode(&self) -> Mode {
        self.host.map_or(Mode::Plain, |host| Mode::of(&host.text(text::MODE)))
    }

    /// For an alert publisher: the name under which the host [numbers](crate::Alert::sequence) its alerts, the same in every
    /// run; none where it does not number them. With both, a receiver that knows a producer's newest number, such as a
    /// topic of messaging, takes each alert once.
    pub fn producer(&self) -> Option<String> {
        self.delivery()?.producer()
    }

    pub(crate) fn delivery(&self) -> Option<HostDelivery> {
        HostDelivery::of(self.host.as_ref()?)
    }
}

/// What a stage is told when it opens.
#[derive(Debug)]
pub struct StageContext<'a> {
    pub(crate) services: Services,
    pub(crate) inputs: &'a [Schema],
    pub(crate) ports: &'a mut Ports,
    pub(crate) emitter: Emitter<'a>,
    /// Fields of the output that come from a field of the input with another name.
    pub(crate) renamed: Vec<(String, String)>,
}

impl StageContext<'_> {
    fn text(&self, what: u32) -> String {
        self.services.host.map(|host| host.text(what)).unwrap_or_default()
    }

    /// The namespace of the pipeline.
    pub fn namespace(&self) -> String {
        self.text(text::NAMESPACE)
    }

    /// The name of the pipeline.
    pub fn pipeline_name(&self) -> String {
        self.text(text::PIPELINE)
    }

    /// The id of the run.
    pub fn run_id(&self) -> String {
        self.text(text::RUN)
    }

    /// The name of the stage.
    pub fn stage_name(&self) -> String {
        self.text(text::STAGE)
    }

    /// The arguments of the run.
    pub fn arguments(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.text(text::ARGUMENTS)).unwrap_or_default()
    }

    /// Whether the run ends by itself, and whether it can be resumed.
    pub fn mode(&self) -> Mode {
        self.services.mode()
    }

    /// As [`Services::producer`].
    pub fn producer(&self) -> Option<String> {
        self.services.producer()
    }

    /// The host's services, to be kept.
    pub fn services(&self) -> Services {
        self.services
    }

    /// The fields of the records that will come.
    pub fn input(&self) -> Result<Input<'_>> {
        match self.inputs.first() {
            Some(schema) => Ok(Input { schema }),
            None => Err(Error::config("this stage has no input")),
        }
    }

    /// The fields of the records that will be emitted.
    pub fn output(&self) -> Result<Output<'_>> {
        self.output_of(PortId::default())
    }

    /// The fields of the records that will be emitted through a port of a splitter.
    pub fn output_of(&self, port: PortId) -> Result<Output<'_>> {
        match self.ports.get(port.0 as usize) {
            Some((_, Some(schema))) => Ok(Output { schema }),
            Some(_) => Err(Error::config("the schema of the output is not known yet: call `set_output` first")),
            None => Err(Error::config("this stage has no such output: declare it in `configure`")),
        }
    }

    /// In a source whose `configure` said "unknown until start": the schema of its records.
    pub fn set_output(&mut self, schema: Schema) {
        self.ports.set("", Some(schema));
    }

    /// A field of the output is a field of the input under another name (of the same type): records that are emitted carry
    /// it along without a copy. Fields of equal name and type need no word.
    pub fn take_field(&mut self, output: &str, input: &str) {
        self.renamed.push((output.to_owned(), input.to_owned()));
    }

    /// The port with this name, as `configure` declared it.
    pub fn port(&self, name: &str) -> Result<PortId> {
        match self.ports.index_of(name) {
            Some(index) => Ok(PortId(index as u32)),
            None => Err(Error::config(format!("there is no port `{name}`: declare it in `configure`"))),
        }
    }

    /// Raises an alert.
    pub fn emit_alert(&mut self, payload: impl Payload) -> Result<()> {
        self.emitter.emit_alert(payload)
    }
}
