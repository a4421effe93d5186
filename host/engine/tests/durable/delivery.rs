//! What publishers are handed, and what becomes of alerts that they do not take.

use crate::pipeline::Pipeline;
use crate::world::{Rec, Said, World, rec};
use campanile_engine::Status;
use campanile_engine::store::{InMemoryStore, Store, StoreError, Topic};
use serde_json::json;
use std::sync::Arc;

fn ringing(count: usize) -> Arc<World> {
    let world = World::new();
    let records: Vec<Rec> = (0..count).map(|i| rec("a", &i.to_string(), 0)).collect();
    world.reads("one", vec![records]);
    world
}

fn quick() -> Pipeline {
    Pipeline::new()
        .stage("one", "source", "Records", json!({}))
        .transform("ring", "Ring", json!({}))
        .set("batch", json!({ "rows": 100, "bytes": 1 << 20 }))
        .set("saves", json!({}))
}

fn simple() -> Pipeline {
    quick().sink("out").bell("bell").join(&["one", "ring", "out"]).join(&["ring", "bell"])
}

/// The values that a publisher published, in order.
fn values(world: &World, publisher: &str) -> Vec<usize> {
    world.alerts(publisher).iter().map(|told| told.payload["value"].parse().unwrap()).collect()
}

fn on(pipeline: &Pipeline, member: &str, value: &str) -> Pipeline {
    pipeline.clone().bell("late").with(member, json!(value)).join(&["ring", "late"])
}

#[test]
fn a_publisher_without_alerts_ends_however_many_others_have() {
    let world = ringing(10_000);
    let pipeline = quick().transform("quiet", "Count", json!({ "finishes": true })).sink("out");
    let pipeline = pipeline.bell("bell").bell("idle").join(&["one", "ring", "quiet", "out"]);
    let pipeline = pipeline.join(&["ring", "bell"]).join(&["quiet", "idle"]);
    let report = pipeline.begin(&world, pipeline.options(&world, &InMemoryStore::new())).ends();
    assert_eq!(report.status, Status::Completed, "{:?}", report.problems);
    assert_eq!(values(&world, "bell"), (0..10_000).collect::<Vec<_>>());
    assert_eq!(world.alerts("idle").len(), 1);
}

#[test]
fn alerts_that_are_tried_again_keep_their_order_and_are_published_once() {
    let world = ringing(50);
    world.answers(|shown| if shown % 7 == 3 { Said::Retry } else { Said::Done });
    let report = simple().completes(&world, &InMemoryStore::new());
    let mut told = values(&world, "bell");
    assert_eq!(report.metric("bell", "alerts.published"), 50);
    told.sort_unstable();
    assert_eq!(told, (0..50).collect::<Vec<_>>());
}

#[test]
fn a_call_that_fails_after_its_work_repeats_alerts_with_equal_ids() {
    let world = ringing(20);
    let store = InMemoryStore::new();
    world.answers(|shown| if shown == 11 { Said::DoneAndFail } else { Said::Done });
    let report = simple().run(&world, &store);
    assert_eq!(report.status, Status::Failed);
    simple().completes(&world, &store.snapshot());
    assert_eq!(world.distinct("bell").len(), 20);
    assert!(world.alerts("bell").len() > 20, "what the call had published was published again");
}

#[test]
fn rejected_alerts_are_set_aside_or_dropped_and_the_others_published() {
    for (policy, aside) in [("keep", 3), ("drop", 0)] {
        let world = ringing(20);
        world.answers(|shown| if shown % 7 == 5 { Said::Reject } else { Said::Done });
        let store = InMemoryStore::new();
        let pipeline = quick().sink("out").bell("bell").with("onFailure", json!(policy));
        let pipeline = pipeline.join(&["one", "ring", "out"]).join(&["ring", "bell"]);
        let report = pipeline.completes(&world, &store);
        assert_eq!(report.metric("bell", "alerts.published"), 17);
        assert_eq!(report.metric("bell", "alerts.rejected"), 3);
        assert_eq!(report.metric("bell", "records.in"), 20);
        assert_eq!(report.metric("bell", "alerts.waiting"), 0);
        assert_eq!(store.read(Topic::Aside, None, 10).unwrap().len(), aside, "{policy}");
    }
}

#[test]
fn an_alert_that_is_rejected_fails_the_run_and_the_next_goes_on_behind_it() {
    let world = ringing(20);
    world.answers(|shown| if shown == 5 { Said::Reject } else { Said::Done });
    let store = InMemoryStore::new();
    assert_eq!(simple().run(&world, &store).status, Status::Failed);
    let report = simple().completes(&world, &store.snapshot());
    assert_eq!(world.alerts("bell").len(), 19);
    assert_eq!(report.metric("bell", "alerts.published"), 19);
    assert_eq!(report.metric("bell", "alerts.rejected"), 1);
    assert_eq!(store.read(Topic::Aside, None, 10).unwrap().len(), 1);
}

#[test]
fn a_publisher_that_is_new_gets_what_is_raised_from_then_on() {
    let world = ringing(5);
    let store = InMemoryStore::new();
    simple().completes(&world, &store);
    let both = on(&simple(), "onFailure", "keep");
    let report = both.completes(&world, &store);
    assert_eq!(values(&world, "late"), [0, 1, 2, 3, 4], "those of the second run alone");
    assert_eq!(report.metric("late", "records.in"), 5);
    assert_eq!(values(&world, "bell").len(), 10);
}

#[test]
fn a_run_that_begins_counts_from_zero_also_when_it_crashes_before_it_publishes() {
    let world = ringing(5);
    let store = InMemoryStore::new();
    simple().completes(&world, &store);
    // The next run begins, and dies at its first alerts.
    let mut crashed = false;
    for after in 1..20 {
        let copy = store.snapshot();
        copy.fail_after(after);
        let again = world.again();
        if simple().run(&again, &copy).status == Status::Completed {
            break;
        }
        crashed = true;
        let report = simple().completes(&again, &copy.snapshot());
        assert_eq!(report.metric("bell", "alerts.published"), 5, "after {after}");
    }
    assert!(crashed);
}

#[test]
fn a_dry_run_touches_nothing() {
    let world = ringing(20);
    let store = InMemoryStore::new();
    let options = campanile_engine::RunOptions { dry_run: Some(5), ..simple().options(&world, &store) };
    let report = simple().plan(&world).run(options);
    assert_eq!(report.status, Status::Completed, "{:?}", report.problems);
    assert_eq!((store.writes(), world.lines("out").len(), world.shown()), (0, 0, 0));
    assert_eq!(report.metric("ring", "records.in"), 5);
}

#[test]
fn what_waits_for_several_publishers_stays_until_all_have_it_however_late_they_open() {
    let world = ringing(700);
    let store = InMemoryStore::new();
    let of = |after: serde_json::Value| {
        let pipeline = quick().sink("out").bell("first").stage("second", "alertpublisher", "Bell", after).bell("third");
        let pipeline = pipeline.set("saves", json!({ "interval": "1ms", "drainTimeout": "1ms" }));
        let pipeline = pipeline.join(&["one", "ring", "out"]).join(&["ring", "first"]);
        pipeline.join(&["ring", "second"]).join(&["ring", "third"])
    };
    world.answers(|_| Said::Retry);
    let pipeline = of(json!({}));
    let run = pipeline.begin(&world, pipeline.options(&world, &store));
    world.wait("all lines", |world| world.lines("out").len() == 700);
    run.stops();
    assert_eq!(world.alerts("third"), []);
    world.answers(|_| Said::Done);
    of(json!({ "after": ["first", 700] })).completes(&world, &store);
    for publisher in ["first", "second", "third"] {
        assert_eq!(values(&world, publisher).len(), 700, "{publisher}");
    }
}

#[test]
fn a_run_that_is_stopped_says_what_it_leaves_to_the_next() {
    let world = ringing(50);
    let store = InMemoryStore::new();
    let of = |rate: f64| {
        let pipeline = quick().sink("out").bell("bell").with("maxAlertsPerSecond", json!(rate));
        let pipeline = pipeline.set("saves", json!({ "interval": "1ms", "drainTimeout": "1ms" }));
        pipeline.join(&["one", "ring", "out"]).join(&["ring", "bell"])
    };
    let run = of(2.0).begin(&world, of(2.0).options(&world, &store));
    world.wait("the first", |world| !world.alerts("bell").is_empty() && world.lines("out").len() == 50);
    let report = run.stops();
    let left = 50 - world.alerts("bell").len();
    let told = format!("{left} alerts wait for the next run, which publishes them first");
    assert!(report.problems.iter().any(|problem| problem.message == told), "{told}: {:?}", report.problems);
    assert_eq!(report.metric("bell", "alerts.waiting"), left as u64);
    of(10_000.0).completes(&world, &store);
    assert_eq!(values(&world, "bell"), (0..50).collect::<Vec<_>>());
}

/// A store on a disk that becomes full.
struct Full {
    store: InMemoryStore,
    /// So many writes go through.
    writes: u64,
}

impl Store for Full {
    fn write(&self, write: &campanile_engine::store::Write) -> Result<(), StoreError> {
        if self.store.writes() >= self.writes {
            return Err(StoreError::Later("no space left on device".to_owned()));
        }
        self.store.write(write)
    }

    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.value(name)
    }

    fn values(&self, prefix: &str, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), StoreError> {
        self.store.values(prefix, each)
    }

    fn read(
        &self,
        topic: Topic,
        after: Option<campanile_sdk::MessageId>,
        limit: usize,
    ) -> Result<Vec<campanile_engine::store::Stored>, StoreError> {
        self.store.read(topic, after, limit)
    }
}

#[test]
fn a_run_on_a_full_disk_ends_when_it_is_stopped_and_loses_nothing() {
    let pipeline = Pipeline::new().source("one").transform("ring", "Ring", json!({})).sink("out").bell("bell");
    let pipeline = pipeline.join(&["one", "ring", "out"]).join(&["ring", "bell"]);
    let pipeline = pipeline.set("saves", json!({ "interval": "1ms", "drainTimeout": "50ms" }));
    for writes in [4, 6, 10] {
        let world = ringing(40);
        let store = InMemoryStore::new();
        let mut options = pipeline.options(&world, &store);
        options.store = Some(Arc::new(Full { store: store.clone(), writes }));
        let (told, notices) = std::sync::mpsc::sync_channel(64);
        options.notice = Some(Arc::new(move |notice: &str| told.try_send(notice.to_owned()).unwrap_or(())));
        let run = pipeline.begin(&world, options);
        while !notices.recv_timeout(crate::world::DEADLINE).unwrap().contains("no space left") {}
        assert_eq!(run.stops().status, Status::Failed);
        let report = pipeline.completes(&world, &store);
        assert_eq!(world.distinct("bell").len(), 40);
        assert_eq!(world.lines("out").len(), 40);
        assert_eq!(report.metric("ring", "records.in"), 40);
    }
}
