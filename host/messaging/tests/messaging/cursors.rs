//! Cursors: many of them, by their names.

use crate::folder::Folder;
use campanile_messaging::Messaging;

fn named(tms: &Messaging, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    tms.cursors(prefix, &mut |name, value| found.push((name.to_owned(), value.to_vec()))).unwrap();
    found
}

#[test]
fn cursors_are_listed_by_the_beginning_of_their_names_in_their_order() {
    let folder = Folder::empty();
    let tms = folder.open();
    let names = ["group/é/2", "group/a", "group/a/1", "groups", "grou", "other", "group/\u{10ffff}"];
    tms.write(|write| names.iter().try_for_each(|name| write.cursor(name, name.as_bytes()))).unwrap();
    let mut tms = tms;
    for _ in 0..2 {
        tms = folder.open_after(tms);
        let listed: Vec<_> = named(&tms, "group/").into_iter().map(|(name, _)| name).collect();
        assert_eq!(listed, ["group/a", "group/a/1", "group/é/2", "group/\u{10ffff}"]);
        assert!(named(&tms, "").iter().all(|(name, value)| name.as_bytes() == value) && named(&tms, "").len() == 7);
        assert_eq!(named(&tms, "nothing"), []);
    }
}

#[test]
fn the_last_step_of_a_write_for_a_cursor_holds() {
    let folder = Folder::empty();
    let tms = folder.open();
    tms.write(|write| {
        write.cursor("set", b"1")?;
        write.cursor("set", b"2")?;
        write.cursor("gone", b"1")?;
        write.remove_cursor("gone")?;
        write.remove_cursor("back")?;
        write.cursor("back", b"")
    })
    .unwrap();
    let expected = [("back".to_owned(), b"".to_vec()), ("set".to_owned(), b"2".to_vec())];
    assert_eq!(named(&tms, ""), expected);
    assert_eq!(named(&folder.open_after(tms), ""), expected);
}

/// More than lies next to each other in memory, of all sizes.
#[test]
fn many_cursors_are_written_at_once() {
    let folder = Folder::empty();
    let tms = folder.open();
    let value = |n: usize| vec![n as u8; if n % 1_000 == 7 { 100_000 } else { n % 300 }];
    let name = |n: usize| format!("{n:06}");
    tms.write(|write| (0..10_000).try_for_each(|n| write.cursor(&name(n), &value(n)))).unwrap();
    tms.write(|write| (0..10_000).step_by(2).try_for_each(|n| write.remove_cursor(&name(n)))).unwrap();
    let tms = folder.open_after(tms);
    let found = named(&tms, "");
    assert_eq!(found.len(), 5_000);
    assert!(found.iter().zip(0..).all(|(found, n)| *found == (name(2 * n + 1), value(2 * n + 1))));
    assert_eq!(tms.cursor(&name(4_007)).unwrap(), Some(value(4_007)));
}
