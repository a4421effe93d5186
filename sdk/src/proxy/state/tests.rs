#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use super::*;
use crate::kind::Kind;
use crate::proxy::Plugin;
use crate::shim::kinds::{Exported, TransformStage};
use crate::shim::stage::Stage as Made;
use crate::{Emitter, Record, Transform};
use campanile_abi::{Opaque, StateV1, id};
use serde_json::json;
use std::ffi::c_void;
use std::marker::PhantomData;

/// Saves that it is there.
#[derive(serde::Deserialize)]
struct Keeping {}

impl Transform for Keeping {
    fn transform(&mut self, record: &Record<'_>, emitter: &mut Emitter<'_>) -> Result<()> {
        emitter.emit(record)
    }

    fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(Some(b"here".to_vec()))
    }
}

/// Another answer to the question for saving.
trait Answer: 'static {
    fn state() -> *const StateV1;
}

/// [`Keeping`] in a library that answers so.
struct Answering<A>(PhantomData<A>);

impl<A: Answer> Exported for Answering<A> {
    const KIND: Kind = Kind::Transform;
    const RUNS_PARALLEL: bool = false;

    fn create(properties: &[u8]) -> Result<Box<dyn Made>> {
        TransformStage::<Keeping>::create(properties)
    }

    fn interface(id: u32, min_revision: u32) -> *const Opaque {
        if id == id::STATE {
            return A::state().cast();
        }
        TransformStage::<Keeping>::interface(id, min_revision)
    }
}

fn stage<E: Exported>() -> Stage {
    Plugin::linked::<E>().unwrap().create(&json!({})).unwrap()
}

struct Older;

impl Answer for Older {
    fn state() -> *const StateV1 {
        std::ptr::null()
    }
}

#[test]
fn a_library_from_before_there_was_saving_saves_nothing_and_runs() {
    let mut older = stage::<Answering<Older>>();
    assert!(!older.can_save());
    assert_eq!(older.snapshot().unwrap(), None);
    let error = older.restore(b"here").unwrap_err();
    assert!(error.message().contains("its plugin saves none"), "{error}");
}

#[test]
fn every_library_built_now_knows_of_saving() {
    let mut keeping = stage::<TransformStage<Keeping>>();
    assert!(keeping.can_save());
    assert_eq!(keeping.snapshot().unwrap().as_deref(), Some(&b"here"[..]));
}

/// Breaks the boundary: more than may cross, and words that no entry has.
struct Broken;

extern "C" fn too_much(_: *mut c_void, out: *mut Owned, _: *mut Failure) -> i32 {
    // SAFETY: the host lends a place for the answer.
    unsafe { out.write(Owned::new(vec![0; MAX_STATE_BYTES + 1])) };
    OK
}

extern "C" fn stopping(_: *mut c_void, _: Slice, _: *mut Failure) -> i32 {
    STOP
}

impl Answer for Broken {
    fn state() -> *const StateV1 {
        static TABLE: StateV1 = StateV1 { size: std::mem::size_of::<StateV1>(), snapshot: too_much, restore: stopping };
        &TABLE
    }
}

#[test]
fn what_is_too_large_is_not_taken_over() {
    let error = stage::<Answering<Broken>>().snapshot().unwrap_err();
    assert!(error.message().contains("has 67108865 bytes, where at most 67108864 are allowed"), "{error}");
}

#[test]
fn a_stage_cannot_stop_while_it_is_restored() {
    let error = stage::<Answering<Broken>>().restore(b"here").unwrap_err();
    assert!(error.message().contains("the plugin breaks the boundary"), "{error}");
}
