#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use super::*;
use std::os::unix::fs::PermissionsExt;
use std::thread;

fn reads(namespace: &str) -> Vec<Grant> {
    vec![Grant { namespace: namespace.to_owned(), right: Right::Read }]
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_token_is_known_by_what_was_shown_once() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::of(folder.path());
    let secret = tokens.create("ci", &reads("default")).unwrap();
    assert!(secret.starts_with("cmpn_") && secret.len() > 40, "{secret}");
    assert_eq!(tokens.find(&secret).unwrap().unwrap().name, "ci");
    assert_eq!(tokens.find(&secret[1..]).unwrap(), None);
    assert_eq!(tokens.find("").unwrap(), None);
    let kept = fs::read_to_string(folder.path().join("tokens.json")).unwrap();
    assert!(!kept.contains(&secret[5..]), "the secret itself is kept nowhere");
    assert_eq!(mode(&folder.path().join("tokens.json")), 0o600);
    assert_ne!(secret, tokens.create("ci2", &reads("default")).unwrap());
}

#[test]
fn the_first_token_is_made_once_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let tokens = Tokens::of(&data);
    assert_eq!(tokens.first().unwrap(), None);
    assert!(tokens.make_first().unwrap());
    let secret = tokens.first().unwrap().unwrap();
    let token = tokens.find(&secret).unwrap().unwrap();
    assert_eq!(token.rights, [Grant { namespace: "*".to_owned(), right: Right::Admin }]);
    assert_eq!((mode(&data), mode(&data.join("token")), mode(&data.join("tokens.json"))), (0o700, 0o600, 0o600));
    assert!(!tokens.make_first().unwrap());
    assert_eq!(tokens.first().unwrap().unwrap(), secret);
    // One that was revoked does not come back with the next start.
    assert!(tokens.revoke("first").unwrap());
    assert!(!tokens.make_first().unwrap());
    assert_eq!(tokens.find(&secret).unwrap(), None);
}

#[test]
fn what_cannot_be_a_token_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Tokens::of(folder.path());
    tokens.create("taken", &reads("*")).unwrap();
    for (name, grants, why) in [
        ("", reads("*"), "no name for a token"),
        ("a b", reads("*"), "no name for a token"),
        ("../x", reads("*"), "no name for a token"),
        ("ok", vec![], "without rights"),
        ("ok", reads("a-b"), "`a-b` is no namespace"),
        ("ok", reads(""), "is no namespace"),
        ("taken", reads("*"), "a token `taken` already"),
    ] {
        let error = tokens.create(name, &grants).unwrap_err().to_string();
        assert!(error.contains(why), "{name:?}: {error}");
    }
    assert_eq!(tokens.list().unwrap().len(), 1);
    assert!(!tokens.revoke("nobody").unwrap());
}

#[test]
fn no_token_is_lost_when_several_are_made_at_once() {
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for number in 0..8 {
            let folder = folder.path();
            scope.spawn(move || Tokens::of(folder).create(&format!("t{number}"), &reads("*")).unwrap());
        }
    });
    let names: std::collections::BTreeSet<String> =
        Tokens::of(folder.path()).list().unwrap().into_iter().map(|token| token.name).collect();
    assert_eq!(names.len(), 8);
}

#[test]
fn a_broken_file_is_named_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokens.json");
    for (text, why) in [("[", "no list of tokens"), (r#"{"version": 9, "tokens": []}"#, "another version")] {
        fs::write(&path, text).unwrap();
        let tokens = Tokens::of(folder.path());
        let error = tokens.create("ci", &reads("*")).unwrap_err().to_string();
        assert!(error.contains("tokens.json") && error.contains(why), "{error}");
        assert!(tokens.list().is_err() && tokens.find("x").is_err() && tokens.revoke("x").is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}
