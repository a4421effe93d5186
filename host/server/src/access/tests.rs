#![allow(clippy::unwrap_used, reason = "a test that cannot begin has failed")]

use super::*;
use crate::testing::{DEADLINE, alerts, options as store};
use campanile_messaging::Start;
use std::fs;
use std::os::unix::net::UnixListener;
use std::sync::mpsc::sync_channel;

fn options() -> AccessOptions {
    AccessOptions { store: store(), ..AccessOptions::default() }
}

fn open(folder: &Path) -> Access {
    Access::open(folder, options()).unwrap()
}

fn payloads(access: &Access) -> Vec<String> {
    let batch = access.fetch(&alerts(), &Request::default()).unwrap();
    batch.messages.into_iter().map(|(_, payload)| String::from_utf8(payload).unwrap()).collect()
}

#[test]
fn the_second_asks_the_first_and_takes_over_when_it_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("messaging");
    let (first, second) = (open(&path), open(&path));
    assert!(first.messaging().is_some() && second.messaging().is_none());
    second.create_topic(&alerts(), None).unwrap();
    first.publish(&alerts(), &[b"by the first"], None).unwrap();
    second.publish(&alerts(), &[b"by the second"], None).unwrap();
    assert_eq!(payloads(&first), ["by the first", "by the second"]);
    assert_eq!(payloads(&second), payloads(&first));
    assert_eq!(second.topic(&alerts()).unwrap(), first.topic(&alerts()).unwrap());
    assert_eq!(second.topics("default").unwrap(), first.topics("default").unwrap());

    drop(first);
    assert!(!path.join(SOCKET).exists());
    // Also what is not repeated: nobody was there to do it.
    second.publish(&alerts(), &[b"alone"], None).unwrap();
    assert!(second.messaging().is_some());
    assert_eq!(payloads(&second), ["by the first", "by the second", "alone"]);
    // A third one asks the second.
    let third = open(&path);
    assert!(third.messaging().is_none());
    assert_eq!(payloads(&third).len(), 3);
}

#[test]
fn a_socket_that_was_left_over_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(folder.path().join(SOCKET)).unwrap());
    let (first, second) = (open(folder.path()), open(folder.path()));
    first.create_topic(&alerts(), None).unwrap();
    assert_eq!(second.topics("default").unwrap(), ["alerts"]);
}

#[test]
fn whoever_waits_goes_on_with_the_next_owner() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    first.create_topic(&alerts(), None).unwrap();
    let last = first.publish(&alerts(), &[b"seen"], None).unwrap().last;
    let second = Arc::new(open(folder.path()));
    let (tell, told) = sync_channel(1);
    let reader = Arc::clone(&second);
    thread::spawn(move || {
        let mut batch = Batch::default();
        // An owner that ends answers those who wait at once, with nothing.
        while batch.messages.is_empty() {
            let asked = Request { start: Start::After(last), wait: Duration::from_secs(60), ..Request::default() };
            batch = reader.fetch(&alerts(), &asked).unwrap();
        }
        tell.send(batch)
    });
    drop(first);
    second.publish(&alerts(), &[b"new"], None).unwrap();
    assert_eq!(told.recv_timeout(DEADLINE).unwrap().messages[0].1, b"new");
}

#[test]
fn many_threads_of_one_access_take_over_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    first.create_topic(&alerts(), None).unwrap();
    let second = open(folder.path());
    drop(first);
    thread::scope(|scope| {
        for number in 0..8_u64 {
            let second = &second;
            let message = number.to_string();
            scope.spawn(move || second.publish(&alerts(), &[message.as_bytes()], Some(("p", number))).unwrap());
        }
    });
    assert!(second.messaging().is_some());
}

#[test]
fn several_that_wait_for_a_folder_share_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    first.create_topic(&alerts(), None).unwrap();
    let others: Vec<Access> = (0..4).map(|_| open(folder.path())).collect();
    drop(first);
    thread::scope(|scope| {
        for (number, access) in others.iter().enumerate() {
            scope.spawn(move || access.publish(&alerts(), &[number.to_string().as_bytes()], None).unwrap());
        }
    });
    assert_eq!(others.iter().filter(|access| access.messaging().is_some()).count(), 1);
    assert!(others.iter().all(|access| payloads(access).len() == 4));
}

/// An owner that takes a request and goes without an answer, and a store behind it that can be opened then.
fn vanishing_owner(folder: &Path) -> Access {
    let owner = open(folder);
    owner.create_topic(&alerts(), None).unwrap();
    let access = open(folder);
    drop(owner);
    let listener = UnixListener::bind(folder.join(SOCKET)).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
    });
    access
}

#[test]
fn an_answer_that_was_lost_is_said_unless_it_can_be_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let access = vanishing_owner(folder.path());
    let error = access.publish(&alerts(), &[b"once or never"], None).unwrap_err();
    assert!(matches!(&error, Error::Lost { .. }) && error.to_string().contains("may have done it or not"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let access = vanishing_owner(folder.path());
    assert!(!access.publish(&alerts(), &[b"once"], Some(("p", 1))).unwrap().repeated);

    let folder = tempfile::tempdir().unwrap();
    let access = vanishing_owner(folder.path());
    assert_eq!(payloads(&access), [""; 0]);
}

#[test]
fn a_folder_that_is_locked_by_someone_silent_is_said_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let _silent = Messaging::open(folder.path(), store()).unwrap();
    let impatient = AccessOptions { patience: Duration::from_millis(50), ..options() };
    let error = Access::open(folder.path(), impatient).unwrap_err();
    assert!(error.was_not_done() && error.to_string().contains("takes over then"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Access::open(&file, options()).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}
