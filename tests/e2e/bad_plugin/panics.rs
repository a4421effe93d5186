//! Panics, in each entry of each kind, also with a payload whose Drop panics.

use super::*;

/// The run fails with the stage's name and the panic's words.
#[track_caller]
fn fails(kind: &str, entry: &str) {
    for (how, words) in [("panic", format!("trouble in {entry}")), ("panicTwice", "a value that is no text".to_owned())]
    {
        let scene = stage_set();
        let trouble = json!({ "in": entry, "how": how, "row": 1 });
        let (ended, report) = scene.fails_at(&troubled(kind, &trouble), kind);
        let (_, message) = report.reason();
        assert!(message.contains("panicked at") && message.contains(&words), "{ended}");
        ended.says(&[&format!("error: stage `{kind}`"), "panicked at", &words]);
        old_output_stays(&scene);
    }
}

/// The pipeline is refused with the stage's place and the panic's words, and nothing is opened.
#[track_caller]
fn is_refused(kind: &str, entry: &str) {
    for (how, words) in [("panic", format!("trouble in {entry}")), ("panicTwice", "a value that is no text".to_owned())]
    {
        let scene = stage_set();
        let pipeline = troubled(kind, &json!({ "in": entry, "how": how }));
        let ended = scene.run(&pipeline);
        ended.code_is(2);
        let file: Value = serde_json::from_str(&pipeline.json()).unwrap();
        let stages = file["stages"].as_array().unwrap();
        let index = stages.iter().position(|stage| stage["name"] == kind).unwrap();
        ended.says(&[&format!("stages[{index}].plugin"), "panicked at", &words]);
        assert_eq!(scene.names(), ["kept.jsonl"], "nothing is opened");
        old_output_stays(&scene);
    }
}

macro_rules! panics {
    ($($name:ident: $check:ident($kind:literal, $entry:literal);)+) => {$(
        #[test]
        fn $name() {
            $check($kind, $entry);
        }
    )+};
}

panics! {
    a_source_that_panics_in_create_is_refused: is_refused("source", "create");
    a_source_that_panics_in_configure_is_refused: is_refused("source", "configure");
    a_source_that_panics_in_open_fails_the_run: fails("source", "open");
    a_source_that_panics_in_splits_fails_the_run: fails("source", "splits");
    a_source_that_panics_in_begin_fails_the_run: fails("source", "begin");
    a_source_that_panics_in_read_fails_the_run: fails("source", "read");
    a_source_that_panics_in_close_fails_the_run: fails("source", "close");
    a_transform_that_panics_in_create_is_refused: is_refused("transform", "create");
    a_transform_that_panics_in_configure_is_refused: is_refused("transform", "configure");
    a_transform_that_panics_in_open_fails_the_run: fails("transform", "open");
    a_transform_that_panics_in_transform_fails_the_run: fails("transform", "transform");
    a_transform_that_panics_in_finish_fails_the_run: fails("transform", "finish");
    a_transform_that_panics_in_close_fails_the_run: fails("transform", "close");
    a_splitter_that_panics_in_create_is_refused: is_refused("splitter", "create");
    a_splitter_that_panics_in_configure_is_refused: is_refused("splitter", "configure");
    a_splitter_that_panics_in_open_fails_the_run: fails("splitter", "open");
    a_splitter_that_panics_in_split_fails_the_run: fails("splitter", "split");
    a_splitter_that_panics_in_finish_fails_the_run: fails("splitter", "finish");
    a_splitter_that_panics_in_close_fails_the_run: fails("splitter", "close");
    an_error_transform_that_panics_in_create_is_refused: is_refused("errortransform", "create");
    an_error_transform_that_panics_in_configure_is_refused: is_refused("errortransform", "configure");
    an_error_transform_that_panics_in_open_fails_the_run: fails("errortransform", "open");
    an_error_transform_that_panics_in_transform_fails_the_run: fails("errortransform", "transform");
    an_error_transform_that_panics_in_finish_fails_the_run: fails("errortransform", "finish");
    an_error_transform_that_panics_in_close_fails_the_run: fails("errortransform", "close");
    a_sink_that_panics_in_create_is_refused: is_refused("sink", "create");
    a_sink_that_panics_in_configure_is_refused: is_refused("sink", "configure");
    a_sink_that_panics_in_open_fails_the_run: fails("sink", "open");
    a_sink_that_panics_in_write_fails_the_run: fails("sink", "write");
    a_sink_that_panics_in_prepare_fails_the_run: fails("sink", "prepare");
    an_alert_publisher_that_panics_in_create_is_refused: is_refused("alertpublisher", "create");
    an_alert_publisher_that_panics_in_configure_is_refused: is_refused("alertpublisher", "configure");
    an_alert_publisher_that_panics_in_initialize_fails_the_run: fails("alertpublisher", "initialize");
    an_alert_publisher_that_panics_in_publish_fails_the_run: fails("alertpublisher", "publish");
    an_alert_publisher_that_panics_in_destroy_fails_the_run: fails("alertpublisher", "destroy");
}

#[test]
fn a_sink_that_panics_in_commit_fails_the_run() {
    let scene = stage_set();
    let (ended, report) = scene.fails_at(&troubled("sink", &json!({ "in": "commit" })), "sink");
    assert!(report.reason().1.contains("trouble in commit"), "{ended}");
    // Sinks are committed one by one: one that was committed before keeps its whole file, any other its old one.
    let kept = scene.read("kept.jsonl");
    assert!(kept == OLD || kept.lines().count() == 3, "{kept}");
}

#[test]
fn a_sink_that_panics_in_close_fails_the_run() {
    let scene = stage_set();
    let (ended, report) = scene.fails_at(&troubled("sink", &json!({ "in": "close" })), "sink");
    assert!(report.reason().1.contains("trouble in close"), "{ended}");
}

#[test]
fn a_sink_that_panics_in_abort_is_told_of_beside_the_reason() {
    let scene = stage_set();
    let pipeline = troubled("sink", &json!({ "in": "abort" }));
    let failing = pipeline.stage("last", "transform Troubled", json!({ "in": "finish", "how": "error" }));
    let failing = failing.stage("end", "sink Blackhole", json!({})).join("source > last > end");
    let (ended, report) = scene.fails_at(&failing, "last");
    let told = report.problems_of("sink");
    assert!(told.iter().any(|message| message.contains("trouble in abort")), "{ended}");
    old_output_stays(&scene);
}

#[test]
fn a_plugin_that_panics_while_it_is_dropped_is_told_of_and_harms_nothing() {
    for kind in ["source", "transform", "splitter", "errortransform", "sink", "alertpublisher"] {
        for how in ["panic", "panicTwice"] {
            let scene = stage_set();
            let ended = scene.run(&troubled(kind, &json!({ "in": "drop", "how": how })));
            ended.code_is(0);
            assert_eq!(scene.lines("kept.jsonl").len(), 3, "{kind} {how}: {ended}");
            assert!(scene.report().problems_of(kind).iter().any(|message| message.contains("panicked")), "{ended}");
        }
    }
}

#[test]
fn a_panic_names_the_row_that_was_being_worked_on() {
    let scene = stage_set();
    let (ended, report) = scene.fails_at(&troubled("transform", &json!({ "in": "transform", "row": 2 })), "transform");
    assert!(report.reason().1.contains("row 2"), "{ended}");
}

#[test]
fn nothing_of_the_unfinished_batch_of_a_panic_is_handed_on() {
    let scene = stage_set();
    let (_, report) = scene.fails_at(&troubled("transform", &json!({ "in": "transform", "row": 2 })), "transform");
    assert_eq!((report.metric("transform", "records.in"), report.metric("transform", "records.out")), (3, 0));
    assert_eq!((report.metric("sink", "records.in"), report.metric("kept", "records.in")), (0, 0));
}

#[test]
fn alerts_that_were_raised_before_a_panic_are_published() {
    let scene = stage_set();
    let pipeline = Pipeline::default()
        .stage("in", "source Alarm", json!({}))
        .stage("bad", "transform Troubled", json!({ "in": "finish" }))
        .stage("out", "sink Blackhole", json!({}))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > bad > out")
        .join("in > bell");
    scene.fails_at(&pipeline, "bad");
    let methods: Vec<Value> =
        scene.lines("alerts.jsonl").iter().map(|alert| alert["payload"]["method"].clone()).collect();
    assert_eq!(methods, ["open", "read", "close"]);
}

#[test]
fn an_error_of_a_plugin_fails_the_run_with_its_words() {
    let scene = stage_set();
    let trouble = json!({ "in": "transform", "how": "error", "row": 1 });
    let (ended, report) = scene.fails_at(&troubled("transform", &trouble), "transform");
    assert!(report.reason().1.contains("trouble in transform"), "{ended}");
    assert!(!report.reason().1.contains("panicked"), "{ended}");
    old_output_stays(&scene);
}

#[test]
fn a_publisher_that_fails_is_told_with_the_alerts_it_leaves() {
    let scene = stage_set();
    let trouble = json!({ "in": "publish", "how": "error" });
    let (ended, report) = scene.fails_at(&troubled("alertpublisher", &trouble), "alertpublisher");
    assert!(report.reason().1.contains("were not published"), "{ended}");
    assert_eq!(report.metric("alertpublisher", "alerts.published"), 0);
    old_output_stays(&scene);
}
