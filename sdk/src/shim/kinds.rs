//! What makes a [`Stage`] of each author's trait.

use crate::alert::Alerts;
use crate::alert_publisher::AlertPublisher;
use crate::batch::Batch;
use crate::configure::Configure;
use crate::context::StageContext;
use crate::emitter::Emitter;
use crate::error::Result;
use crate::error_transform::{ErrorBatch, ErrorTransform};
use crate::kind::Kind;
use crate::shim::properties;
use crate::shim::stage::{self, Stage};
use crate::shim::state;
use crate::shim::tables;
use crate::sink::Sink;
use crate::source::{Limits, Position, Read, Source, Split};
use crate::transform::{Splitter, Transform};
use campanile_abi::{Opaque, id};

/// A plugin that can be exported: how an instance is made, and the tables of its kind.
pub trait Exported: Sized {
    #[doc(hidden)]
    const KIND: Kind;
    #[doc(hidden)]
    const RUNS_PARALLEL: bool;
    #[doc(hidden)]
    fn create(properties: &[u8]) -> Result<Box<dyn Stage>>;

    /// An interface by its id, or null.
    fn interface(id: u32, min_revision: u32) -> *const Opaque {
        match (id, min_revision) {
            (id::STAGE, 0..=1) => std::ptr::from_ref(const { &stage::table::<Self>() }).cast(),
            (id::STATE, 0..=1) => std::ptr::from_ref(&state::TABLE).cast(),
            (_, 0..=1) => tables::of_kind(Self::KIND, id),
            _ => std::ptr::null(),
        }
    }
}

macro_rules! exported {
    ($($stage:ident: $author:ident, $parallel:expr;)+) => {$(
        #[doc(hidden)]
        pub struct $stage<P>(P);

        impl<P: $author> Exported for $stage<P> {
            const KIND: Kind = Kind::$author;
            const RUNS_PARALLEL: bool = $parallel;

            fn create(properties: &[u8]) -> Result<Box<dyn Stage>> {
                Ok(Box::new($stage(properties::read::<P>(properties)?)))
            }
        }
    )+};
}

exported! {
    SourceStage: Source, P::PARALLEL;
    TransformStage: Transform, P::PARALLEL;
    SplitterStage: Splitter, P::PARALLEL;
    ErrorTransformStage: ErrorTransform, P::PARALLEL;
    SinkStage: Sink, P::PARALLEL;
    AlertPublisherStage: AlertPublisher, false;
}

impl<P: Transform> Stage for TransformStage<P> {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        self.0.configure(stage)
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.0.open(stage)
    }

    fn process(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.transform_batch(batch, emitter)
    }

    fn finish(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.finish(emitter)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.0.snapshot()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.0.restore(state)
    }

    fn close(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.close(emitter)
    }
}

impl<P: Splitter> Stage for SplitterStage<P> {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        self.0.configure(stage)
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.0.open(stage)
    }

    fn process(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.split_batch(batch, emitter)
    }

    fn finish(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.finish(emitter)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.0.snapshot()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.0.restore(state)
    }

    fn close(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.close(emitter)
    }
}

impl<P: ErrorTransform> Stage for ErrorTransformStage<P> {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        self.0.configure(stage)
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.0.open(stage)
    }

    fn process_errors(&mut self, errors: &ErrorBatch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.transform_batch(errors, emitter)
    }

    fn finish(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.finish(emitter)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.0.snapshot()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.0.restore(state)
    }

    fn close(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.close(emitter)
    }
}

impl<P: Source> Stage for SourceStage<P> {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        self.0.configure(stage)
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.0.open(stage)
    }

    fn splits(&mut self) -> Result<Vec<Split>> {
        self.0.splits()
    }

    fn begin(&mut self, split: &Split, position: Option<u64>) -> Result<()> {
        self.0.begin(split, position)
    }

    fn read(&mut self, limits: Limits, emitter: &mut Emitter<'_>) -> Result<Read> {
        self.0.read(limits, emitter)
    }

    fn commit_positions(&mut self, positions: &[Position]) -> Result<()> {
        self.0.commit(positions)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.0.snapshot()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.0.restore(state)
    }

    fn close(&mut self, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.close(emitter)
    }
}

impl<P: Sink> Stage for SinkStage<P> {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        self.0.configure(stage)
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.0.open(stage)
    }

    fn process(&mut self, batch: &Batch<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        self.0.write_batch(batch, emitter)
    }

    fn prepare(&mut self) -> Result<()> {
        self.0.prepare()
    }

    fn commit(&mut self) -> Result<()> {
        self.0.commit()
    }

    fn abort(&mut self) -> Result<()> {
        self.0.abort()
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        self.0.snapshot()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.0.restore(state)
    }

    fn close(&mut self, _: &mut Emitter<'_>) -> Result<()> {
        self.0.close()
    }
}

impl<P: AlertPublisher> Stage for AlertPublisherStage<P> {
    fn configure(&mut self, stage: &mut Configure<'_>) -> Result<()> {
        self.0.configure(stage)
    }

    fn open(&mut self, stage: &mut StageContext<'_>) -> Result<()> {
        self.0.initialize(stage)
    }

    fn publish(&mut self, alerts: &mut Alerts<'_>) -> Result<()> {
        self.0.publish(alerts)
    }

    fn close(&mut self, _: &mut Emitter<'_>) -> Result<()> {
        self.0.destroy()
    }
}
