//! Entries that every plugin has, and the instance behind them.

use crate::alert::Alerts;
use crate::batch::Batch;
use crate::configure::{Configure, Ports};
use crate::context::{Level, Services, StageContext};
use crate::emitter::{Emitter, EmitterState};
use crate::error::{Error, ErrorKind, Result, Signal};
use crate::error_transform::ErrorBatch;
use crate::finding::Finding;
use crate::schema::{Schema, SchemaField};
use crate::shim::columns::{self, Column};
use crate::shim::context::HostContext;
use crate::shim::emitter::Host;
use crate::shim::guard;
use crate::shim::kinds::Exported;
use crate::shim::state;
use crate::source::{Limits, Position, Read, Split};
use campanile_abi::{BatchV1, ContextRef, EmitterRef, FAILED, Failure, OK, Owned, PARALLEL, STOP, Slice, StageV1};
use serde::{Deserialize, Deserializer, Serialize};
use std::ffi::c_void;

/// An instance of any kind, behind one virtual call an entry; the author's loop over records is inside. A kind answers what
/// its table asks.
pub trait Stage: Send {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()>;
    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()>;

    /// Transforms, splitters and sinks.
    fn process(&mut self, _: &Batch<'_>, _: &mut Emitter<'_>) -> Result<()> {
        other_kind()
    }

    /// Error transforms.
    fn process_errors(&mut self, _: &ErrorBatch<'_>, _: &mut Emitter<'_>) -> Result<()> {
        other_kind()
    }

    /// Sources.
    fn splits(&mut self) -> Result<Vec<Split>> {
        other_kind()
    }

    fn begin(&mut self, _: &Split, _: Option<u64>) -> Result<()> {
        other_kind()
    }

    fn read(&mut self, _: Limits, _: &mut Emitter<'_>) -> Result<Read> {
        other_kind()
    }

    fn commit_positions(&mut self, _: &[Position]) -> Result<()> {
        other_kind()
    }

    /// Sinks.
    fn prepare(&mut self) -> Result<()> {
        other_kind()
    }

    fn commit(&mut self) -> Result<()> {
        other_kind()
    }

    fn abort(&mut self) -> Result<()> {
        other_kind()
    }

    /// Alert publishers.
    fn publish(&mut self, _: &mut Alerts<'_>) -> Result<()> {
        other_kind()
    }

    fn finish(&mut self, _: &mut Emitter<'_>) -> Result<()> {
        Ok(())
    }

    /// All kinds but alert publishers.
    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn restore(&mut self, _: &[u8]) -> Result<()> {
        state::unsaved()
    }

    fn close(&mut self, emitter: &mut Emitter<'_>) -> Result<()>;
}

fn other_kind<T>() -> Result<T> {
    Err(Error::fatal("the plugin is of another kind"))
}

/// A plugin's instance and what its shim keeps beside it.
pub(crate) struct Instance {
    pub(crate) stage: Box<dyn Stage>,
    poisoned: bool,
    state: EmitterState,
    inputs: Vec<Schema>,
    ports: Ports,
    columns: Vec<Column>,
    pub(crate) services: Services,
}

/// What `configure` and `open` are asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    #[serde(deserialize_with = "written_schemas")]
    pub(crate) inputs: Vec<Schema>,
}

/// Schemas as they write themselves, without the other notations that [`Schema`] reads.
fn written_schemas<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<Schema>, D::Error> {
    Ok(Vec::<Vec<SchemaField>>::deserialize(deserializer)?.into_iter().map(Schema::new).collect())
}

/// What they answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Response {
    pub(crate) outputs: Vec<OutputPort>,
    pub(crate) findings: Vec<Finding>,
}

/// An output of a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputPort {
    /// The port's name; empty for the only output of all kinds but splitters.
    pub port: String,
    /// What comes out, or nothing for "unknown until start".
    pub schema: Option<Schema>,
}

fn response(ports: &Ports, findings: Vec<Finding>) -> Owned {
    let outputs =
        ports.0.iter().map(|(port, schema)| OutputPort { port: port.clone(), schema: schema.clone() }).collect();
    Owned::new(serde_json::to_vec(&Response { outputs, findings }).unwrap_or_default())
}

/// Tells the host how an entry went.
pub(crate) fn tell<T>(result: Result<T>, row: Option<u32>, failure: *mut Failure) -> std::result::Result<T, i32> {
    result.map_err(|error| {
        if error.signalled() == Signal::Stop {
            return STOP;
        }
        let error = error.at_row(row);
        let kind = if error.is_refusal() { 0 } else { error.kind().code() };
        let told = Failure { kind, row: error.row().map_or(-1, i64::from), text: Owned::new(error.to_json()) };
        // SAFETY: the host lends a place for the failure with every entry.
        unsafe { failure.write(told) };
        FAILED
    })
}

/// Runs one entry of an instance: not if it panicked before; and what an unfinished entry emitted is forgotten.
pub(crate) fn enter<T>(
    instance: *mut c_void,
    failure: *mut Failure,
    code: impl FnOnce(&mut Instance) -> Result<T>,
) -> std::result::Result<T, i32> {
    // SAFETY: the host hands back what `create` gave, from one thread at a time, until `drop`.
    let instance = unsafe { &mut *instance.cast::<Instance>() };
    if instance.poisoned {
        let error = Error::new(ErrorKind::Panic, "the plugin panicked before and is not called again");
        return tell(Err(error), None, failure);
    }
    let result = guard::run(|| code(instance));
    let row = Some(instance.state.row).filter(|&row| row != campanile_abi::NO_ROW);
    if let Err(error) = &result {
        instance.poisoned = error.kind() == ErrorKind::Panic;
        instance.state.clear();
    }
    instance.state.row = campanile_abi::NO_ROW;
    tell(result, row, failure)
}

pub(crate) fn status(result: std::result::Result<(), i32>) -> i32 {
    match result {
        Ok(()) => OK,
        Err(status) => status,
    }
}

impl Instance {
    /// Runs `code` with an emitter but no batch, and hands on what it emitted.
    pub(crate) fn emitting<T>(
        &mut self,
        emitter: *const EmitterRef,
        code: impl FnOnce(&mut dyn Stage, &mut Emitter<'_>) -> Result<T>,
    ) -> Result<T> {
        // SAFETY: the host lends the emitter for this entry.
        let host = unsafe { Host::new(emitter) };
        let mut emitter = Emitter { host, state: &mut self.state, batch: None };
        let value = code(&mut *self.stage, &mut emitter)?;
        emitter.flush()?;
        Ok(value)
    }

    /// Runs `code` with a batch and an emitter, and hands on what it emitted.
    #[inline]
    pub(crate) fn with_batch(
        &mut self,
        raw: *const BatchV1,
        emitter: *const EmitterRef,
        code: impl FnOnce(&mut dyn Stage, &Batch<'_>, &mut Emitter<'_>) -> Result<()>,
    ) -> Result<()> {
        // SAFETY: the host lends batch and emitter for this entry.
        let (raw, host) = unsafe { (&*raw, Host::new(emitter)) };
        let Some(schema) = self.inputs.first() else {
            return Err(Error::fatal("a batch for a stage without input"));
        };
        // SAFETY: the batch is laid out as the input schema of `open` says; views live for this entry.
        let rows = unsafe { columns::view(raw, &schema.fields, &mut self.columns) };
        let batch = Batch { rows, columns: &self.columns, schema, raw: Some(raw) };
        let mut emitter = Emitter { host, state: &mut self.state, batch: Some(&batch) };
        code(&mut *self.stage, &batch, &mut emitter)?;
        emitter.flush()
    }
}

extern "C" fn create<E: Exported>(properties: Slice, instance: *mut *mut c_void, failure: *mut Failure) -> i32 {
    create_by(E::create, properties, instance, failure)
}

fn create_by(
    code: fn(&[u8]) -> Result<Box<dyn Stage>>,
    properties: Slice,
    instance: *mut *mut c_void,
    failure: *mut Failure,
) -> i32 {
    // SAFETY: lent by the host for this entry.
    let stage = guard::run(|| code(unsafe { properties.bytes() }));
    match tell(stage, None, failure) {
        Ok(stage) => {
            let made = Box::new(Instance {
                stage,
                poisoned: false,
                state: EmitterState::new(None, &[]),
                inputs: Vec::new(),
                ports: Ports::default(),
                columns: Vec::new(),
                services: Services::default(),
            });
            // SAFETY: the host lends a place for the instance.
            unsafe { instance.write(Box::into_raw(made).cast()) };
            OK
        }
        Err(status) => status,
    }
}

fn read_request(request: Slice) -> Result<Request> {
    // SAFETY: lent by the host for this entry.
    Ok(serde_json::from_slice(unsafe { request.bytes() })?)
}

fn ask_configure(instance: &mut Instance, inputs: Vec<Schema>) -> Result<Vec<Finding>> {
    let mut stage = Configure { inputs: &inputs, ports: Ports::default(), findings: Vec::new() };
    instance.stage.configure(&mut stage)?;
    let Configure { ports, findings, .. } = stage;
    instance.ports = ports;
    instance.inputs = inputs;
    Ok(findings)
}

extern "C" fn configure(instance: *mut c_void, request: Slice, out: *mut Owned, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| {
        let findings = ask_configure(instance, read_request(request)?.inputs)?;
        // SAFETY: the host lends a place for the answer.
        unsafe { out.write(response(&instance.ports, findings)) };
        Ok(())
    }))
}

extern "C" fn open(
    instance: *mut c_void,
    request: Slice,
    context: *const ContextRef,
    emitter: *const EmitterRef,
    out: *mut Owned,
    failure: *mut Failure,
) -> i32 {
    status(enter(instance, failure, |instance| {
        let findings = ask_configure(instance, read_request(request)?.inputs)?;
        // SAFETY: lent by the host, the context until `drop`, the emitter for this entry.
        let (context, host) = unsafe { (HostContext::new(context), Host::new(emitter)) };
        instance.services = Services { host: Some(context) };
        let mut stage = StageContext {
            services: instance.services,
            inputs: &instance.inputs,
            ports: &mut instance.ports,
            emitter: Emitter { host, state: &mut instance.state, batch: None },
            renamed: Vec::new(),
        };
        instance.stage.open(&mut stage)?;
        stage.emitter.flush()?;
        let renamed = stage.renamed;
        let outputs: Vec<Schema> =
            instance.ports.0.iter().map(|(_, schema)| schema.clone().unwrap_or_default()).collect();
        if instance.ports.0.iter().any(|(_, schema)| schema.is_none()) {
            return Err(Error::fatal("the output is still unknown: call `set_output` in `open`"));
        }
        instance.state = EmitterState::new(instance.inputs.first(), &outputs);
        for (output, input_name) in &renamed {
            if let (Some(port), Some(input)) = (instance.state.ports.first_mut(), instance.inputs.first()) {
                port.take_field(input, output, input_name)?;
            }
        }
        // SAFETY: the host lends a place for the answer.
        unsafe { out.write(response(&instance.ports, findings)) };
        Ok(())
    }))
}

extern "C" fn finish(instance: *mut c_void, emitter: *const EmitterRef, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| instance.emitting(emitter, |stage, emitter| stage.finish(emitter))))
}

extern "C" fn close(instance: *mut c_void, emitter: *const EmitterRef, failure: *mut Failure) -> i32 {
    status(enter(instance, failure, |instance| instance.emitting(emitter, |stage, emitter| stage.close(emitter))))
}

extern "C" fn drop_instance(instance: *mut c_void) {
    // SAFETY: the host hands back what `create` gave, once.
    let instance = unsafe { Box::from_raw(instance.cast::<Instance>()) };
    let services = instance.services;
    let dropped = guard::run(|| {
        drop(instance);
        Ok(())
    });
    if let Err(error) = dropped {
        // The run is over and this entry has no answer: a message is all that is left.
        services.log(Level::Error, format!("the plugin {error} (while it was dropped)"));
    }
}

/// The table of a stage.
pub(crate) const fn table<E: Exported>() -> StageV1 {
    StageV1 {
        size: std::mem::size_of::<StageV1>(),
        flags: if E::RUNS_PARALLEL { PARALLEL } else { 0 },
        create: create::<E>,
        configure,
        open,
        finish,
        close,
        drop: drop_instance,
    }
}
