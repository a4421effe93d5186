//! Plugins that return wrong counts, lengths, row numbers, schemas or broken UTF-8: the run fails with the stage's name
//! and reason, and nothing of it is written.

use super::*;

/// Three records `{n, t}` through a transform that lies, a publisher for its alerts, and a File sink.
fn lying(lie: &str) -> Pipeline {
    Pipeline::default()
        .stage("in", "source Honest", json!({}))
        .stage("liar", &format!("transform {lie}"), json!({}))
        .stage("kept", "sink File", json!({ "path": "kept.jsonl" }))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > liar > kept")
        .join("liar > bell")
}

fn liars() -> Scene {
    let scene = scene().with(&["liar"]);
    scene.write("kept.jsonl", OLD);
    scene
}

#[track_caller]
fn is_found_out(lie: &str, words: &[&str]) {
    let scene = liars();
    let (ended, report) = scene.fails_at(&lying(lie), "liar");
    for word in words {
        assert!(report.reason().1.contains(word), "{lie}: no {word:?} in\n{ended}");
    }
    ended.says(&["error: stage `liar`"]);
    assert_eq!(report.metric("kept", "records.in"), 0, "{lie}");
    old_output_stays(&scene);
}

macro_rules! lies {
    ($($name:ident: $lie:literal => [$($word:literal),+];)+) => {$(
        #[test]
        fn $name() {
            is_found_out($lie, &[$($word),+]);
        }
    )+};
}

lies! {
    a_row_number_beyond_the_batch_is_found_out: "RowBeyond" => ["breaks the boundary", "row 5000000 of a batch of 3 rows"];
    more_rows_than_the_batch_has_are_found_out: "TooManyRows" => ["breaks the boundary", "4 rows of a batch of 3"];
    a_port_that_was_not_declared_is_found_out: "PortBeyond" => ["breaks the boundary", "port 7 of 1"];
    a_patch_of_too_few_columns_is_found_out: "PatchColumns" => ["breaks the boundary", "1 columns where 2 were declared"];
    a_patch_of_a_column_beyond_the_input_is_found_out: "PatchColumnBeyond" => ["breaks the boundary", "column 9 of 2"];
    a_patch_of_a_row_beyond_the_batch_is_found_out: "PatchRowBeyond" => ["breaks the boundary", "row 99 of a batch of 3"];
    a_patch_with_too_few_new_rows_is_found_out: "PatchRows" => ["breaks the boundary", "2 new rows for 3 rows"];
    a_patch_that_names_a_new_column_twice_is_found_out: "PatchColumnTwice" => ["breaks the boundary", "new columns"];
    a_patch_of_another_type_is_found_out: "PatchType" => ["breaks the boundary", "Utf8 into `n`", "declared Int64"];
    a_patch_without_its_new_columns_is_found_out: "PatchWithoutArray" => ["breaks the boundary", "new columns and has none"];
    a_batch_without_a_column_is_found_out: "ColumnMissing" => ["breaks the boundary", "1 columns where 2 were declared"];
    a_column_that_is_a_null_pointer_is_found_out: "ColumnNull" => ["breaks the boundary", "column `t` is missing"];
    a_column_of_another_length_is_found_out: "ColumnShort" => ["breaks the boundary", "column `n` has 2 rows where the batch has 3"];
    a_column_that_was_released_is_found_out: "ColumnReleased" => ["breaks the boundary", "column `n` was released already"];
    a_negative_length_is_found_out: "NegativeLength" => ["breaks the boundary", "-3 rows"];
    a_batch_that_begins_elsewhere_is_found_out: "BatchOffset" => ["breaks the boundary", "begins at row 1"];
    a_batch_that_is_a_null_pointer_is_found_out: "NoArray" => ["breaks the boundary", "without an array"];
    an_origin_beyond_the_batch_is_found_out: "OriginBeyond" => ["breaks the boundary", "row 77 of a batch of 3 rows"];
    offsets_that_shrink_are_found_out: "OffsetsShrink" => ["breaks the boundary", "column `t`", "shrink at row 1 (7 to 4)"];
    negative_offsets_are_found_out: "OffsetsNegative" => ["breaks the boundary", "column `t`", "negative offset (-4)"];
    offsets_that_are_not_aligned_are_found_out: "OffsetsUnaligned" => ["breaks the boundary", "column `t`", "not aligned"];
    broken_utf8_is_found_out: "BrokenText" => ["breaks the boundary", "column `t`", "UTF8"];
    text_that_is_cut_within_a_character_is_found_out: "CutText" => ["breaks the boundary", "column `t`"];
    a_column_without_values_is_found_out: "NoValues" => ["breaks the boundary", "column `n` has no values"];
    nulls_without_a_null_buffer_are_found_out: "NullsWithoutBitmap" => ["breaks the boundary", "1 rows are null, and has no null buffer"];
    nulls_that_are_counted_wrong_are_found_out: "NullsMiscounted" => ["breaks the boundary", "column `t`", "null_count"];
    more_nulls_than_rows_are_found_out: "NullsTooMany" => ["breaks the boundary", "9 of 3 rows are null"];
    nulls_where_none_may_be_are_found_out: "NullsRequired" => ["breaks the boundary", "column `n` has nulls, but was declared without"];
    another_schema_than_was_declared_is_found_out: "AnotherLayout" => ["breaks the boundary", "column `t` has 2 buffers where Utf8 has 3"];
    an_alert_for_a_row_beyond_the_batch_is_found_out: "AlertRow" => ["breaks the boundary", "row 40 of a batch of 3 rows"];
    ends_of_alerts_that_shrink_are_found_out: "AlertEnds" => ["breaks the boundary", "do not grow"];
    alerts_of_broken_utf8_are_found_out: "AlertText" => ["breaks the boundary", "no UTF-8"];
    alerts_without_keys_are_found_out: "AlertKeys" => ["breaks the boundary", "no keys"];
    an_error_for_a_row_beyond_the_batch_is_found_out: "ErrorRow" => ["breaks the boundary", "row 40 of a batch of 3 rows"];
    a_status_that_no_entry_has_fails_the_run: "UnknownStatus" => ["breaks the boundary", "answered 42"];
    a_failure_without_a_reason_fails_the_run: "SilentFailure" => ["without a message"];
    a_failure_that_is_no_json_fails_the_run: "FailureWithoutJson" => ["without a message"];
}

#[track_caller]
fn is_refused(lie: &str, words: &[&str]) {
    let scene = liars();
    let ended = scene.run(&lying(lie));
    ended.code_is(2);
    ended.says(&["stages[1].plugin"]);
    ended.says(words);
    assert_eq!(scene.names(), ["kept.jsonl"], "nothing is opened");
    old_output_stays(&scene);
}

#[test]
fn an_answer_of_configure_that_is_no_json_is_refused() {
    is_refused("ConfigureWithoutJson", &["its answer to `configure` cannot be read"]);
}

#[test]
fn a_transform_that_declares_no_output_is_refused() {
    is_refused("ConfigureWithoutOutput", &["declared no output"]);
}

/// A source that lies, into a File sink.
fn lying_source(lie: &str) -> Pipeline {
    Pipeline::default()
        .stage("liar", &format!("source {lie}"), json!({}))
        .stage("kept", "sink File", json!({ "path": "kept.jsonl" }))
        .join("liar > kept")
}

#[test]
fn splits_that_are_no_splits_fail_the_run() {
    let scene = liars();
    let (ended, report) = scene.fails_at(&lying_source("SplitsWithoutJson"), "liar");
    assert!(report.reason().1.contains("list of splits cannot be read"), "{ended}");
    old_output_stays(&scene);
}

#[test]
fn an_answer_that_read_does_not_have_fails_the_run() {
    let scene = liars();
    let (ended, report) = scene.fails_at(&lying_source("UnknownRead"), "liar");
    assert!(report.reason().1.contains("answered 99"), "{ended}");
    old_output_stays(&scene);
}

#[test]
fn an_outcome_that_publish_does_not_have_fails_the_run() {
    let scene = liars().with(&["well_behaved"]);
    let pipeline = Pipeline::default()
        .stage("in", "source Alarm", json!({}))
        .stage("kept", "sink File", json!({ "path": "kept.jsonl" }))
        .stage("liar", "alertpublisher UnknownOutcome", json!({}))
        .join("in > kept")
        .join("in > liar");
    let (ended, report) = scene.fails_at(&pipeline, "liar");
    assert!(report.reason().1.contains("77"), "{ended}");
    assert_eq!(report.metric("liar", "alerts.published"), 0);
    old_output_stays(&scene);
}
