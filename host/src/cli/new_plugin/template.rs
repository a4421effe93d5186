//! The files of a new crate, and what is filled in.

use super::name::PluginName;
use campanile_sdk::Kind;
use std::path::Path;

/// A file of the crate, and its text with placeholders.
type File = (&'static str, &'static str);

macro_rules! of_kind {
    ($kind:literal) => {
        [
            ("src/lib.rs", include_str!(concat!("templates/", $kind, "/lib.rs"))),
            ("pipeline.json", include_str!(concat!("templates/", $kind, "/pipeline.json"))),
            ("plugin/widget.json", include_str!(concat!("templates/", $kind, "/widget.json"))),
            ("plugin/schema.json", include_str!(concat!("templates/", $kind, "/schema.json"))),
            ("plugin/README.md", include_str!(concat!("templates/", $kind, "/README.md"))),
            ("plugin/example.json", include_str!(concat!("templates/", $kind, "/example.json"))),
        ]
    };
}

const OF_ANY: [File; 2] =
    [("Cargo.toml", include_str!("templates/Cargo.toml.txt")), (".gitignore", include_str!("templates/gitignore.txt"))];

fn of_kind(kind: Kind) -> Option<[File; 6]> {
    Some(match kind {
        Kind::Source => of_kind!("source"),
        Kind::Transform => of_kind!("transform"),
        Kind::Splitter => of_kind!("splitter"),
        Kind::ErrorTransform => of_kind!("errortransform"),
        Kind::Sink => of_kind!("sink"),
        Kind::AlertPublisher => of_kind!("alertpublisher"),
        _ => return None,
    })
}

/// The files of a crate with one plugin: paths in its folder, and texts.
pub(super) fn files(kind: Kind, name: &PluginName, sdk: Option<&Path>) -> Vec<(&'static str, String)> {
    let library = format!("target/debug/{}", name.library());
    let values = [
        ("{Name}", name.plugin.clone()),
        ("{crate}", name.folder.clone()),
        ("{library}", library),
        ("{sdk}", dependency(sdk)),
        ("{summary}", format!("{} {kind} for Campanile.", article(kind))),
    ];
    let files = OF_ANY.into_iter().chain(of_kind(kind).into_iter().flatten());
    let fill = |text: &str| values.iter().fold(text.to_owned(), |text, (key, value)| text.replace(key, value));
    files.map(|(path, text)| (path, fill(text))).collect()
}

/// The line of `Cargo.toml` for the SDK.
fn dependency(sdk: Option<&Path>) -> String {
    match sdk {
        // JSON quotes as TOML's basic strings do.
        Some(path) => format!("campanile-sdk = {{ path = {} }}", serde_json::Value::from(path.to_string_lossy())),
        None => "# or from a checkout of Campanile: campanile-sdk = { path = \"../campanile/sdk\" }\ncampanile-sdk = \"0.1\"".to_owned(),
    }
}

fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::ErrorTransform | Kind::AlertPublisher => "An",
        _ => "A",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_kind_has_all_its_files_filled_in() {
        let name = PluginName::parse("TooFast").unwrap();
        for kind in Kind::ALL {
            let files = files(kind, &name, None);
            assert_eq!(files.len(), 8, "{kind}");
            for (path, text) in files {
                for left in ["{Name}", "{crate}", "{library}", "{sdk}", "{summary}"] {
                    assert!(!text.contains(left), "{kind} {path}: {left}");
                }
                if path.ends_with(".json") {
                    serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{kind} {path}: {error}"));
                }
            }
        }
    }

    #[test]
    fn schemas_and_widgets_name_the_same_properties() {
        let name = PluginName::parse("TooFast").unwrap();
        for kind in Kind::ALL {
            let json = |wanted: &str| -> Value {
                let files = files(kind, &name, None);
                let (_, text) = files.iter().find(|(path, _)| *path == wanted).unwrap();
                serde_json::from_str(text).unwrap()
            };
            let (schema, widget) = (json("plugin/schema.json"), json("plugin/widget.json"));
            let properties: Vec<&str> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            let shown = widget["configuration-groups"][0]["properties"].as_array().unwrap();
            let shown: Vec<&str> = shown.iter().map(|property| property["name"].as_str().unwrap()).collect();
            assert_eq!(properties, shown, "{kind}");
        }
    }

    #[test]
    fn the_sdk_is_published_or_in_a_folder() {
        assert!(dependency(None).ends_with("\ncampanile-sdk = \"0.1\""));
        let folder = dependency(Some(Path::new("my \"sdk\"")));
        assert_eq!(folder, r#"campanile-sdk = { path = "my \"sdk\"" }"#);
    }
}
