//! Folders that earlier versions wrote: each opens, and holds what was written.
//!
//! `CAMPANILE_WRITE=1 cargo test -p campanile-messaging golden` writes the folder of the present format anew; a format that
//! has been published is never written again.

use crate::folder::{Folder, id, payloads, topic};
use campanile_messaging::{Error, Fetch, Messaging, Properties, Publish, RollbackRange, Start, TopicId, Transaction};
use std::fs;
use std::path::{Path, PathBuf};

fn golden(format: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/format-{format}"))
}

/// Copies a folder. The store sets journals up with zeros behind what was written: they are left out.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            let mut bytes = fs::read(entry.path()).unwrap();
            if entry.path().extension().is_some_and(|extension| extension == "jnl") {
                bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
            }
            fs::write(to, bytes).unwrap();
        }
    }
}

fn second() -> TopicId {
    TopicId::new("other", "B-2_x").unwrap()
}

/// Something of everything that a folder can hold, in tables and in the journal.
fn fill(folder: &Folder, tms: &Messaging) {
    let t = topic("t");
    tms.create_topic(&t, Some(100)).unwrap();
    tms.publish(&t, Publish::new(&[b"of the first generation"])).unwrap();
    tms.delete_topic(&t).unwrap();
    tms.create_topic(&t, Some(100)).unwrap();
    let notes = [("owner".to_owned(), "\u{e9}quipe".to_owned()), (String::new(), String::new())].into();
    tms.create_topic(&second(), Properties { ttl_secs: None, notes }).unwrap();
    tms.publish(&t, Publish::new(&[b"expired"])).unwrap();
    folder.pass(200_000);
    tms.clean().unwrap();
    tms.publish(&t, Publish::new(&[b"plain", b"", "\u{fffd}".as_bytes()])).unwrap();
    let rolled_back = tms.publish(&t, Publish::new(&[b"rolled back"]).in_transaction(1)).unwrap();
    let range = RollbackRange { transaction: 1, start: rolled_back.first, end: rolled_back.last };
    tms.rollback(&t, &range).unwrap();
    tms.publish(&t, Publish::new(&[b"committed"]).in_transaction(2)).unwrap();
    tms.store(&t, 3, &[b"stored 1", b"stored 2"]).unwrap();
    // A second topic's end brings what was written until here into tables.
    let gone = topic("gone");
    tms.create_topic(&gone, None).unwrap();
    tms.delete_topic(&gone).unwrap();
    tms.clean().unwrap();
    folder.pass(1);
    tms.publish(&t, Publish::new(&[]).in_transaction(3)).unwrap();
    tms.publish(&second(), Publish::new(&[b"once"]).from_producer("outbox", 7)).unwrap();
    tms.write(|write| {
        write.publish(&second(), Publish::new(&[b"with a cursor"]))?;
        write.cursor("position", b"42")
    })
    .unwrap();
    tms.publish(&t, Publish::new(&[b"in progress"]).in_transaction(4)).unwrap();
}

fn check(folder: &Folder) {
    let t = topic("t");
    let tms = folder.open();
    let described = (tms.topic(&t).unwrap(), tms.topic(&second()).unwrap());
    assert_eq!((described.0.generation, described.0.ttl_secs), (2, Some(100)));
    assert_eq!((described.1.generation, described.1.ttl_secs), (1, None));
    assert_eq!((described.1.notes.len(), &*described.1.notes["owner"]), (2, "\u{e9}quipe"));
    assert_eq!(tms.namespaces(), ["default", "other"]);
    assert_eq!(tms.topic(&topic("gone")), Err(Error::TopicNotFound(topic("gone"))));
    let plain = ["plain", "", "\u{fffd}", "rolled back", "committed", "stored 1", "stored 2", "in progress"];
    assert_eq!(payloads(&tms, &t, Fetch::default()), plain);
    let transaction = Transaction { read_pointer: 9, in_progress: vec![4], ..Transaction::default() };
    let seen = payloads(&tms, &t, Fetch { transaction: Some(transaction.into()), ..Fetch::default() });
    assert_eq!(seen, ["plain", "", "\u{fffd}", "committed", "stored 1", "stored 2"]);
    assert!(tms.fetch(&t, &Fetch { start: Start::At(id(1, 1)), ..Fetch::default() }).unwrap().gap());
    assert_eq!(payloads(&tms, &second(), Fetch::default()), ["once", "with a cursor"]);
    assert_eq!(tms.cursor("position").unwrap().as_deref(), Some(&b"42"[..]));
    let again = tms.publish(&second(), Publish::new(&[b"once"]).from_producer("outbox", 7)).unwrap();
    assert!(again.repeated);
    let new = tms.publish(&t, Publish::new(&[b"new"])).unwrap().first;
    let read: Vec<_> = tms.fetch(&t, &Fetch::default()).unwrap().map(|message| message.unwrap().id).collect();
    assert_eq!((read.len(), read.is_sorted(), read[8]), (9, true, new));
}

#[test]
fn golden_folders_open() {
    let formats = fs::read_dir(golden(1).parent().unwrap()).unwrap().count();
    assert!(formats >= 1);
    for format in 1..=formats as u32 {
        let folder = Folder::empty();
        folder.pass(200_001);
        copy(&golden(format), folder.path());
        check(&folder);
    }
}

#[test]
fn the_present_format_is_a_golden_one() {
    let folder = Folder::empty();
    let tms = folder.open();
    fill(&folder, &tms);
    drop(tms);
    if std::env::var_os("CAMPANILE_WRITE").is_some() {
        let _ = fs::remove_dir_all(golden(1));
        copy(folder.path(), &golden(1));
    }
    check(&folder);
}

#[test]
fn a_folder_of_a_newer_format_is_refused_and_left_alone() {
    let folder = Folder::empty();
    drop(folder.open());
    {
        let store = fjall::Database::builder(folder.path()).open().unwrap();
        let meta = store.keyspace("meta", fjall::KeyspaceCreateOptions::default).unwrap();
        meta.insert("format", 7_u32.to_be_bytes()).unwrap();
        store.persist(fjall::PersistMode::SyncAll).unwrap();
    }
    let refused = Messaging::open(folder.path(), folder.options()).unwrap_err();
    assert_eq!(refused, Error::NewerFormat { folder: folder.path().to_owned(), found: 7, known: 1 });
    assert_eq!(
        refused.to_string(),
        format!("{}: format 7 was written by a newer version; this one reads up to 1", folder.path().display())
    );
}
