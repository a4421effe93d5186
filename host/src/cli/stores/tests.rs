use super::*;
use std::path::PathBuf;

fn folder(namespace: &str, pipeline: &str, instance: &str) -> RunFolder {
    let (namespace, pipeline, instance) = (namespace.to_owned(), pipeline.to_owned(), instance.to_owned());
    RunFolder { namespace, pipeline, instance, path: PathBuf::new() }
}

fn all() -> Vec<RunFolder> {
    vec![folder("clinic", "heart-rate", "1"), folder("default", "heart-rate", "1"), folder("default", "other", "2")]
}

fn found(text: &str) -> Vec<String> {
    let named = named(text, &all()).unwrap();
    all().iter().filter(|folder| named.is(folder)).map(RunFolder::to_string).collect()
}

#[test]
fn a_pipeline_is_named_with_its_namespace_or_in_any() {
    assert_eq!(found("heart-rate"), ["clinic/heart-rate/1", "default/heart-rate/1"]);
    assert_eq!(found("clinic/heart-rate"), ["clinic/heart-rate/1"]);
    assert!(found("clinic/other").is_empty());
}

#[test]
fn a_misspelt_pipeline_is_told_with_the_nearest() {
    let hint = |text: &str| named(text, &all()).unwrap().hint(&all());
    assert_eq!(hint("hart-rate"), "; did you mean `heart-rate`?");
    assert_eq!(hint("default/ohter"), "; did you mean `default/other`?");
    assert_eq!(hint("zzz"), "; known pipelines: heart-rate, other");
}

#[test]
fn a_file_tells_its_name_and_its_publishers_whatever_its_placeholders() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.yaml");
    std::fs::write(
        &path,
        "name: other\nstages:\n  - name: in\n    plugin: {name: File, type: source, properties: {path: '${in}'}}\n  \
         - name: bell\n    plugin: {name: File, type: alertpublisher}\n",
    )
    .unwrap();
    let named = named(path.to_str().unwrap(), &all()).unwrap();
    assert_eq!((named.to_string().as_str(), named.publishers), ("default/other", Some(vec!["bell".to_owned()])));
    std::fs::write(&path, "name: ${name}\n").unwrap();
    let error = of_file(&path).err().unwrap().to_string();
    assert!(error.contains("write NAMESPACE/NAME"), "{error}");
    assert!(super::named("no/such/file.json", &all()).is_err());
}
