//! Libraries that cannot be used: each has its own message with the values of both sides, and the others load.

use crate::scene;
use campanile_tests::{Ended, Image, Pipeline, Scene};
use serde_json::json;
use std::path::PathBuf;

/// A library of one plugin, changed, in the folder `plugins`.
fn put(scene: &Scene, bytes: &[u8]) -> PathBuf {
    scene.write("plugins/libbad.so", bytes)
}

fn threshold(scene: &Scene) -> Image {
    Image::of(&scene.built("campanile_threshold"))
}

/// Lists the plugins of `plugins` beside the bundled ones.
fn list(scene: &Scene) -> Ended {
    let listed = scene.campanile(["plugins", "list", "--plugins", &scene.text("plugins")]);
    listed.code_is(0);
    listed
}

/// The library is told of with all of these words, wherever it is met, and the others load.
#[track_caller]
fn is_refused(bytes: &[u8], words: &[&str]) {
    let scene = scene();
    let path = put(&scene, bytes);
    let listed = list(&scene);
    listed.says(&["libbad.so"]);
    listed.says(words);
    assert!(listed.stdout().contains("Blackhole"), "the others load\n{listed}");
    let inspected = scene.campanile(["plugins".as_ref(), "inspect".as_ref(), path.as_os_str()]);
    assert!(!inspected.stderr().is_empty(), "{inspected}");
    let run = scene.run(&pipeline(&scene).with_plugin("path", "plugins/libbad.so"));
    run.code_is(2);
    run.says(&["stages[2].plugin.path", "libbad.so"]);
    run.says(words);
    // A run that does not use it is none the worse.
    scene.run_with(&pipeline(&scene), &["--plugins", &scene.text("plugins")]).code_is(0);
}

/// A source, then a Threshold, to which a test can say where its library is.
fn pipeline(scene: &Scene) -> Pipeline {
    scene.write("in.jsonl", "{\"n\": 1}\n");
    let schema = json!([{ "name": "n", "type": "long" }]);
    Pipeline::default()
        .stage("in", "source File", json!({ "path": "in.jsonl", "schema": schema }))
        .stage("out", "sink Blackhole", json!({}))
        .stage("limit", "transform Threshold", json!({ "field": "n", "above": 5 }))
        .join("in > limit > out")
}

#[test]
fn a_text_file_is_told_to_be_no_shared_library() {
    is_refused(b"#!/bin/sh\necho campanile plugin\n", &["is not a shared library"]);
}

#[test]
fn an_empty_file_is_told_to_be_no_shared_library() {
    is_refused(b"", &["is not a shared library"]);
}

#[test]
fn another_programs_library_is_told_to_have_no_manifest() {
    let candidates = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6", "/lib64/libm.so.6"];
    let library = candidates.iter().find_map(|path| std::fs::read(path).ok()).expect("a C library has a libm");
    is_refused(&library, &["no manifest", "no plugin library"]);
}

#[test]
fn a_library_built_for_another_machine_is_told_with_both_machines() {
    let scene = scene();
    is_refused(
        threshold(&scene).other_machine().bytes(),
        &["another machine", "host: Elf", "plugin: Elf", "X86_64", "Aarch64"],
    );
}

#[test]
fn a_library_without_manifest_is_told_to_have_none() {
    let scene = scene();
    let image = threshold(&scene)
        .everywhere("CAMPANILE_MANIFEST_V1", "CAMPANILE_MANIFEST_XX")
        .everywhere(".campanile\0", ".elinapmac\0");
    is_refused(image.bytes(), &["exports the plugin root, but has no manifest"]);
}

#[test]
fn a_truncated_manifest_is_told_to_be_cut_off() {
    let scene = scene();
    is_refused(threshold(&scene).sections(999).bytes(), &["manifest that cannot be read", "cut off"]);
}

#[test]
fn a_manifest_that_is_no_json_is_told() {
    let scene = scene();
    is_refused(
        threshold(&scene).in_manifest("{\"library\"", "[\"library\"").bytes(),
        &["manifest that cannot be read", "no JSON"],
    );
}

#[test]
fn a_library_that_is_cut_in_half_is_told_to_be_damaged() {
    let scene = scene();
    let image = threshold(&scene);
    is_refused(image.half(), &["is cut off or damaged", "copy or build it again"]);
}

#[test]
fn a_library_of_a_newer_abi_is_told_with_both_revisions() {
    let scene = scene();
    is_refused(
        threshold(&scene).in_manifest("\"abi\":1", "\"abi\":9").bytes(),
        &["another revision of the boundary", "host: 1 to 1", "plugin: 9", "use a newer campanile"],
    );
}

#[test]
fn a_library_of_an_older_abi_is_told_with_both_revisions() {
    let scene = scene();
    is_refused(
        threshold(&scene).in_manifest("\"abi\":1", "\"abi\":0").bytes(),
        &["another revision of the boundary", "host: 1 to 1", "plugin: 0", "build it again"],
    );
}

#[test]
fn a_library_that_aborts_on_panic_is_told_with_both_strategies() {
    let scene = scene();
    is_refused(
        threshold(&scene).in_manifest("\"panic\":\"unwind\"", "\"panic\":\"abort\"").bytes(),
        &["panic = \"abort\"", "host: \"unwind\""],
    );
}

#[test]
fn a_kind_that_the_host_does_not_know_is_told() {
    let scene = scene();
    is_refused(
        threshold(&scene).in_manifest("\"kind\":\"transform\"", "\"kind\":\"transmute\"").bytes(),
        &["`Threshold` is of the kind `transmute`", "which this host does not know"],
    );
}

#[test]
fn a_plugin_of_the_wrong_kind_is_told_when_it_is_loaded() {
    let scene = scene();
    put(&scene, threshold(&scene).in_manifest("\"kind\":\"transform\"", "\"kind\":\"sink\"").bytes());
    // Its manifest can be read, so it is listed; that it lies shows when it is asked.
    list(&scene);
    let pipeline = Pipeline::default()
        .stage("in", "source Generator", json!({ "records": 1, "fields": [{ "name": "n", "sequence": {} }] }))
        .stage("out", "sink Threshold", json!({ "field": "n", "above": 5 }))
        .with_plugin("path", "plugins/libbad.so")
        .join("in > out");
    let run = scene.run(&pipeline);
    run.code_is(2);
    run.says(&["stages[1].plugin", "`Threshold` is of the kind sink", "does not answer as one"]);
}

#[test]
fn a_plugin_of_another_kind_than_the_pipeline_says_is_told_with_the_kind_it_has() {
    let scene = scene();
    let pipeline = Pipeline::default()
        .stage("in", "source Threshold", json!({ "field": "n", "above": 5 }))
        .stage("out", "sink Blackhole", json!({}))
        .join("in > out");
    let run = scene.run(&pipeline);
    run.code_is(2);
    run.says(&["stages[0].plugin.name", "there is no source `Threshold`", "`Threshold` is there as transform"]);
}

#[test]
fn a_duplicate_name_is_told_with_both_libraries() {
    let scene = scene();
    let image = threshold(&scene);
    scene.write("plugins/liba.so", image.bytes());
    scene.write("plugins/libb.so", image.bytes());
    let listed = list(&scene);
    listed.says(&["libb.so", "holds transform `Threshold`", "liba.so", "holds already", "give it another version"]);
    assert!(listed.stdout().contains("Threshold") && listed.stdout().contains("Blackhole"), "{listed}");
    scene.run_with(&pipeline(&scene), &["--plugins", &scene.text("plugins")]).code_is(0);
}

#[test]
fn the_same_name_in_another_version_is_no_duplicate_and_the_newest_is_taken() {
    let scene = scene();
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    put(&scene, threshold(&scene).in_manifest(&version, "\"version\":\"9.9\"").bytes());
    let listed = scene.campanile(["plugins", "list", "--json", "--plugins", &scene.text("plugins")]);
    listed.code_is(0);
    assert!(!listed.stderr().contains("holds already"), "{listed}");
    let run = scene.run_with(
        &pipeline(&scene).with_plugin("artifact", json!({ "version": "8.8" })),
        &["--plugins", &scene.text("plugins")],
    );
    run.code_is(2);
    run.says(&["there is no transform `Threshold` of version 8.8", "transform 9.9"]);
}

#[test]
fn a_wrong_sha256_is_told_with_both_hashes() {
    let scene = scene();
    let pinned = "ab".repeat(32);
    let run = scene.run(&pipeline(&scene).with_plugin("sha256", pinned.as_str()));
    run.code_is(2);
    run.says(&["stages[2].plugin", "not the file that was pinned", &format!("pinned sha256: {pinned}"), "file: "]);
    let said = run.stderr();
    let file = said.split("file: ").nth(1).unwrap().chars().take_while(char::is_ascii_hexdigit).collect::<String>();
    assert_eq!(file.len(), 64, "{run}");
    // The right one loads.
    scene.run(&pipeline(&scene).with_plugin("sha256", file)).code_is(0);
}

#[test]
fn a_library_that_needs_a_newer_glibc_is_told_with_both_versions() {
    let scene = scene();
    let image = threshold(&scene);
    let text = String::from_utf8_lossy(image.bytes()).into_owned();
    let needed =
        text.split('\0').find(|name| name.starts_with("GLIBC_2.") && name.len() == 10).expect("it needs a glibc");
    is_refused(image.everywhere(needed, "GLIBC_2.99").bytes(), &["needs glibc 2.99", "host: 2."]);
}

#[test]
fn a_library_that_is_not_there_is_told() {
    let scene = scene();
    let run = scene.run(&pipeline(&scene).with_plugin("path", "plugins/libnone.so"));
    run.code_is(2);
    run.says(&["stages[2].plugin.path", "libnone.so", "cannot be read"]);
}

#[test]
fn a_folder_is_told_to_be_no_library() {
    let scene = scene();
    std::fs::create_dir_all(scene.path("plugins/libbad.so")).unwrap();
    let run = scene.run(&pipeline(&scene).with_plugin("path", "plugins/libbad.so"));
    run.code_is(2);
    run.says(&["stages[2].plugin.path", "is not a regular file"]);
    list(&scene).says(&["libbad.so", "is not a regular file"]);
}

#[test]
fn a_missing_plugin_names_the_nearest_one() {
    let scene = scene();
    let pipeline = pipeline(&scene).stage("more", "transform Treshold", json!({ "field": "n", "above": 5 }));
    let run = scene.run(&pipeline.join("limit > more").join("more > out"));
    run.code_is(2);
    run.says(&["there is no transform `Treshold`", "Threshold"]);
}
