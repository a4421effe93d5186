//! The command line: what each verb prints, what it leaves, and how it ends.

use crate::scene;
use campanile_tests::{Pipeline, Running, Scene, until};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;

/// Copies `in.jsonl` to `out.jsonl`, and rings for what is above 150.
fn copying(scene: &Scene) -> Pipeline {
    let lines: Vec<String> = (0..100).map(|n| format!("{{\"n\": {n}, \"bpm\": {}}}\n", 100 + n)).collect();
    scene.write("in.jsonl", lines.concat());
    Pipeline::new("heart-rate")
        .stage("in", "source File", json!({ "path": "in.jsonl" }))
        .stage("limit", "transform Threshold", json!({ "field": "bpm", "above": 150 }))
        .stage("out", "sink File", json!({ "path": "out.jsonl" }))
        .stage("bell", "alertpublisher File", json!({ "path": "alerts.jsonl" }))
        .join("in > limit > out")
        .join("limit > bell")
}

#[test]
fn a_run_that_completes_ends_with_0_and_tells_people_on_stderr() {
    let scene = scene();
    let ended = scene.run(&copying(&scene));
    ended.code_is(0);
    assert_eq!(ended.stdout(), "", "stdout is for machines");
    ended.says(&["limit", "Threshold", "100", "49", "COMPLETED"]);
}

#[test]
fn quiet_says_nothing_of_a_run_that_completes() {
    let scene = scene();
    let ended = scene.run_with(&copying(&scene), &["--quiet"]);
    ended.code_is(0);
    assert_eq!((ended.stdout(), ended.stderr()), (String::new(), String::new()));
}

#[test]
fn a_run_that_fails_ends_with_1() {
    let scene = scene();
    scene.pipeline(&copying(&scene));
    std::fs::remove_file(scene.path("in.jsonl")).unwrap();
    scene.campanile(["run", "pipeline.json"]).code_is(1);
}

#[test]
fn a_wrong_command_line_ends_with_2() {
    let scene = scene();
    scene.pipeline(&copying(&scene));
    for args in [
        &["walk"][..],
        &["run"],
        &["run", "pipeline.json", "--nonsense"],
        &["run", "pipeline.json", "--arg", "novalue"],
        &["run", "pipeline.json", "--plugins", "nowhere"],
        &["run", "pipeline.json", "--report", "nowhere/report.json"],
        &["run", "pipeline.json", "--dry-run", "0"],
        &["run", "pipeline.json", "--parallelism", "0"],
        &["plugins", "inspect", "nowhere.so"],
        &["plugins", "doc", "Nothing"],
        &["schema", "plugin", "Nothing"],
        &["new", "plugin", "--kind", "nonsense", "TooFast"],
    ] {
        let ended = scene.campanile(args);
        ended.code_is(2);
        assert!(!ended.stderr().is_empty(), "{args:?}");
    }
    assert_eq!(scene.names(), ["in.jsonl"]);
}

#[test]
fn help_and_version_end_with_0_on_stdout() {
    let scene = scene();
    for args in
        [&["--help"][..], &["--version"], &["run", "--help"], &["plugins", "--help"], &["new", "plugin", "--help"]]
    {
        let ended = scene.campanile(args);
        ended.code_is(0);
        assert!(!ended.stdout().is_empty(), "{args:?}");
    }
}

#[test]
fn the_report_is_written_to_a_file_or_to_stdout() {
    let scene = scene();
    scene.completes(&copying(&scene));
    let on_stdout = scene.campanile(["run", "pipeline.json", "--report", "-"]);
    on_stdout.code_is(0);
    let report = on_stdout.json();
    assert_eq!(report["status"], "COMPLETED");
    assert_eq!(report["stages"]["limit"]["metrics"]["records.alert"], 49);
}

#[test]
fn a_dry_run_reads_so_many_records_and_writes_and_publishes_nothing() {
    let scene = scene();
    let pipeline =
        copying(&scene).set("deadLetters", json!({ "path": "errors.jsonl" })).set("batch", json!({ "rows": 10 }));
    let ended = scene.run_with(&pipeline, &["--dry-run", "20"]);
    ended.code_is(0);
    ended.says(&["dry run"]);
    assert_eq!(scene.names(), ["in.jsonl"]);
    let report = scene.report();
    assert_eq!((report.metric("in", "records.out"), report.metric("out", "records.in")), (20, 20));
}

#[test]
fn a_dry_run_leaves_what_is_there() {
    let scene = scene();
    scene.write("out.jsonl", "old\n");
    scene.write("alerts.jsonl", "{}\n");
    scene.run_with(&copying(&scene), &["--dry-run", "1000"]).code_is(0);
    assert_eq!((scene.read("out.jsonl").as_str(), scene.read("alerts.jsonl").as_str()), ("old\n", "{}\n"));
}

#[test]
fn arguments_fill_placeholders() {
    let scene = scene();
    let _ = copying(&scene);
    let pipeline = Pipeline::default()
        .stage("in", "source File", json!({ "path": "${input}" }))
        .stage("limit", "transform Threshold", json!({ "field": "bpm", "above": "${limit}" }))
        .stage("out", "sink File", json!({ "path": "${env(OUT_NAME)}.jsonl" }))
        .join("in > limit > out");
    scene.pipeline(&pipeline);
    scene.write("args.json", "{\"input\": \"in.jsonl\", \"limit\": 1}");
    let args = ["run", "pipeline.json", "--args-file", "args.json", "--arg", "limit=190", "--report", "report.json"];
    let mut command = scene.command(args);
    command.env("OUT_NAME", "named");
    Running::start(command).wait().code_is(0);
    assert_eq!(scene.lines("named.jsonl").len(), 100);
    assert_eq!(scene.report().metric("limit", "records.alert"), 9);
}

#[test]
fn records_may_come_on_stdin_and_go_to_stdout() {
    let scene = scene();
    let input = std::fs::File::open(scene.write("in.jsonl", "{\"n\": 1}\n{\"n\": 2}\n")).unwrap();
    let pipeline = Pipeline::default()
        .stage("in", "source File", json!({ "path": "-", "schema": [{ "name": "n", "type": "long" }] }))
        .stage("out", "sink File", json!({ "path": "-" }))
        .join("in > out");
    scene.pipeline(&pipeline);
    let mut command = scene.command(["run", "pipeline.json"]);
    command.stdin(Stdio::from(input));
    let ended = Running::start_with_input(command).wait();
    ended.code_is(0);
    assert_eq!(ended.stdout(), "{\"n\":1}\n{\"n\":2}\n");
}

#[test]
fn validate_says_that_a_pipeline_is_valid_and_opens_nothing() {
    let scene = scene();
    scene.pipeline(&copying(&scene));
    std::fs::remove_file(scene.path("in.jsonl")).unwrap();
    let ended = scene.campanile(["validate", "pipeline.json", "--json"]);
    ended.code_is(0);
    assert_eq!(ended.json(), json!([]));
    assert!(scene.names().is_empty(), "{:?}", scene.names());
}

#[test]
fn a_pipeline_is_drawn_as_dot_and_as_mermaid() {
    let scene = scene();
    scene.pipeline(&copying(&scene));
    let dot = scene.campanile(["graph", "pipeline.json"]);
    dot.code_is(0);
    assert!(dot.stdout().starts_with("digraph"), "{dot}");
    let mermaid = scene.campanile(["graph", "pipeline.json", "--format", "mermaid"]);
    mermaid.code_is(0);
    assert!(mermaid.stdout().starts_with("flowchart") || mermaid.stdout().starts_with("graph"), "{mermaid}");
    for drawn in [dot, mermaid] {
        for stage in ["in", "limit", "out", "bell"] {
            assert!(drawn.stdout().contains(stage), "{drawn}");
        }
    }
}

#[test]
fn plugins_are_listed_with_what_they_can_emit() {
    let scene = scene();
    let listed = scene.campanile(["plugins", "list", "--json"]);
    listed.code_is(0);
    let json = listed.json();
    assert_eq!(json["problems"], json!([]), "{listed}");
    let plugins = json["plugins"].as_array().unwrap();
    let said = |kind: &str, name: &str| -> Value {
        let plugin = plugins.iter().find(|plugin| plugin["kind"] == kind && plugin["name"] == name);
        let plugin = plugin.unwrap_or_else(|| panic!("no {kind} {name} in {json:#}"));
        assert!(plugin["library"].as_str().unwrap().ends_with(".so"), "{plugin}");
        json!([plugin["alerts"], plugin["errors"]])
    };
    assert_eq!(said("transform", "Threshold"), json!([true, false]));
    assert_eq!(said("transform", "Filter"), json!([false, false]));
    assert_eq!(said("source", "File"), json!([false, true]));
    for (kind, name) in [
        ("sink", "File"),
        ("alertpublisher", "File"),
        ("alertpublisher", "Kafka"),
        ("alertpublisher", "KafkaAlerts"),
        ("transform", "Project"),
        ("transform", "Geofence"),
        ("splitter", "Router"),
        ("errortransform", "ErrorCollector"),
        ("source", "Generator"),
        ("sink", "Blackhole"),
        ("source", "TMS"),
        ("sink", "TMS"),
        ("alertpublisher", "TMS"),
    ] {
        said(kind, name);
    }
    let table = scene.campanile(["plugins", "list"]);
    table.code_is(0);
    assert!(table.stdout().contains("alerts") && table.stdout().contains("errors"), "{table}");
}

#[test]
fn plugins_are_found_in_folders_of_the_command_line_and_of_the_environment() {
    let scene = scene();
    std::fs::create_dir(scene.path("more")).unwrap();
    std::os::unix::fs::symlink(scene.built("fixture_well_behaved"), scene.path("more/libmore.so")).unwrap();
    let has_gate = |listed: campanile_tests::Ended| listed.stdout().contains("Gate");
    assert!(!has_gate(scene.campanile(["plugins", "list"])));
    assert!(has_gate(scene.campanile(["plugins", "list", "--plugins", "more"])));
    let mut command = scene.command(["plugins", "list"]);
    command.env("CAMPANILE_PLUGINS", scene.path("more"));
    assert!(has_gate(Running::start(command).wait()));
}

#[test]
fn a_library_is_inspected_without_running_a_line_of_it() {
    let scene = scene();
    // Its code would not even load.
    let library = scene.write(
        "plugins/libmine.so",
        campanile_tests::Image::of(&scene.built("campanile_threshold"))
            .everywhere("campanile_root_v1", "campanile_root_xx")
            .bytes(),
    );
    let inspected = scene.campanile(["plugins".as_ref(), "inspect".as_ref(), library.as_os_str(), "--json".as_ref()]);
    inspected.code_is(0);
    let json = inspected.json();
    assert_eq!(json["build"]["panic"], "unwind", "{json:#}");
    assert_eq!(json["build"]["abi"], 1);
    let names: Vec<&Value> = json["plugins"].as_array().unwrap().iter().map(|plugin| &plugin["name"]).collect();
    assert_eq!(names, ["Threshold", "Filter"]);
    assert_eq!(json["plugins"][0]["widget"]["metadata"]["emitsAlerts"], true);
    assert!(json["plugins"][0]["schema"]["properties"]["field"].is_object());
}

#[test]
fn a_plugins_page_has_its_readme_and_its_properties() {
    let scene = scene();
    let page = scene.campanile(["plugins", "doc", "Threshold"]);
    page.code_is(0);
    for words in ["# Threshold", "field", "labels", "Constants that are added to each alert"] {
        assert!(page.stdout().contains(words), "{words}: {page}");
    }
}

#[test]
fn schemas_are_printed_for_pipelines_and_for_plugins() {
    let scene = scene();
    let pipeline = scene.campanile(["schema", "pipeline"]);
    pipeline.code_is(0);
    assert!(pipeline.json()["properties"]["stages"].is_object(), "{pipeline}");
    let plugin = scene.campanile(["schema", "plugin", "File", "--kind", "sink"]);
    plugin.code_is(0);
    assert!(plugin.json()["properties"]["path"].is_object(), "{plugin}");
    let several = scene.campanile(["schema", "plugin", "File"]);
    several.code_is(2);
    several.says(&["--kind"]);
}

#[test]
fn a_new_plugin_of_each_kind_has_its_files() {
    let scene = scene();
    for kind in ["source", "transform", "splitter", "errortransform", "sink", "alertpublisher"] {
        let folder = format!("my-{kind}");
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk").display().to_string();
        let ended = scene.campanile([
            "new",
            "plugin",
            "--kind",
            kind,
            &format!("My{}{}", kind[..1].to_uppercase(), &kind[1..]),
            "--sdk",
            &sdk,
        ]);
        ended.code_is(0);
        let made = |file: &str| scene.has(&format!("{folder}/{file}"));
        for file in ["Cargo.toml", "src/lib.rs", "pipeline.json"] {
            assert!(made(file), "{kind}: no {file}: {:?} {ended}", scene.names());
        }
        let manifest = scene.read(&format!("{folder}/Cargo.toml"));
        assert!(manifest.contains("crate-type = [\"cdylib\"]") && manifest.contains("campanile-sdk"), "{manifest}");
        assert!(
            scene.read(&format!("{folder}/src/lib.rs")).contains(&format!("export_plugin!({kind} "))
                || scene.read(&format!("{folder}/src/lib.rs")).contains(kind)
        );
    }
    let again = scene.campanile(["new", "plugin", "--kind", "sink", "MySink"]);
    again.code_is(2);
    again.says(&["my-sink", "there already"]);
}

#[test]
fn two_runs_at_a_time_share_the_libraries() {
    let scenes: Vec<Scene> = (0..4).map(|_| scene()).collect();
    let runs: Vec<Running> = scenes.iter().map(|scene| scene.start(&copying(scene), &[])).collect();
    for (scene, running) in scenes.iter().zip(runs) {
        running.wait().code_is(0);
        assert_eq!(scene.lines("out.jsonl").len(), 100);
    }
}

#[test]
fn a_fresh_cache_of_libraries_is_private_and_a_damaged_copy_is_made_again() {
    let scene = scene();
    scene.pipeline(&copying(&scene));
    let run = || {
        let mut command = scene.command(["run", "pipeline.json"]);
        command.env("CAMPANILE_CACHE", scene.path("cache"));
        Running::start(command).wait()
    };
    run().code_is(0);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(scene.path("cache")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o700, "{mode:o}");
    let copies = || -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(scene.path("cache")).unwrap().flatten().map(|entry| entry.path());
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "so")).collect()
    };
    assert!(!copies().is_empty());
    for copy in copies() {
        std::fs::remove_file(&copy).unwrap();
        std::fs::write(&copy, "damaged").unwrap();
    }
    run().code_is(0);
    until("the copies are whole", || {
        copies().iter().all(|copy| std::fs::metadata(copy).unwrap().len() > 1_000).then_some(())
    });
}
