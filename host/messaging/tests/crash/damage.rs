//! Files that were cut or damaged by hand.

use crate::child::{options, topic};
use crate::random::Random;
use campanile_messaging::{Error, Fetch, Messaging, Publish, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

fn open(folder: &Path, relaxed: bool) -> Result<Messaging> {
    Messaging::open(folder, options(&Arc::new(AtomicU64::new(1_800_000_000_000)), relaxed))
}

fn read(tms: &Messaging, name: &str) -> Result<Vec<String>> {
    let messages = tms.fetch(&topic(name), &Fetch::default())?;
    messages.map(|message| Ok(String::from_utf8(message?.payload.to_vec()).unwrap())).collect()
}

fn text(name: &str, number: usize, bytes: usize) -> String {
    format!("{name}{number} {}", "x".repeat(bytes))
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            fs::create_dir(&to).unwrap();
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

fn files(folder: &Path, ending: impl Fn(&Path) -> bool + Copy) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path, ending)),
            path if ending(&path) => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

/// A folder, its one journal, and where in it each of the messages that were published one by one ends.
struct Published {
    folder: tempfile::TempDir,
    journal: PathBuf,
    texts: Vec<String>,
    ends: Vec<u64>,
}

impl Published {
    fn new(count: usize) -> Published {
        let folder = crate::fast_folder();
        open(folder.path(), false).unwrap().create_topic(&topic("a"), None).unwrap();
        // Opened again, a journal is as long as what it holds.
        let tms = open(folder.path(), false).unwrap();
        let journals = files(folder.path(), |path| path.extension().is_some_and(|ending| ending == "jnl"));
        let [journal] = &journals[..] else { panic!("{journals:?}") };
        let texts: Vec<_> = (0..count).map(|number| text("a", number, 40)).collect();
        let publish = |text: &String| {
            tms.publish(&topic("a"), Publish::new(&[text.as_bytes()])).unwrap();
            journal.metadata().unwrap().len()
        };
        let ends = texts.iter().map(publish).collect();
        drop(tms);
        let journal = journal.strip_prefix(folder.path()).unwrap().to_owned();
        Published { folder, journal, texts, ends }
    }

    /// What opening a copy whose journal was changed says that it left out.
    fn mended(&self, change: impl FnOnce(&mut Vec<u8>), relaxed: bool) -> Option<String> {
        let folder = crate::fast_folder();
        copy(self.folder.path(), folder.path());
        let journal = folder.path().join(&self.journal);
        let mut bytes = fs::read(&journal).unwrap();
        change(&mut bytes);
        fs::write(&journal, bytes).unwrap();
        let mended = open(folder.path(), relaxed).unwrap().mended().map(ToOwned::to_owned);
        assert_eq!(open(folder.path(), relaxed).unwrap().mended(), None, "it is said once");
        mended.map(|mended| mended.replace(&*journal.to_string_lossy(), "JOURNAL"))
    }

    /// What becomes of a copy whose journal was changed: what it holds, or why it cannot be opened.
    fn changed(&self, change: impl FnOnce(&mut Vec<u8>), relaxed: bool) -> Result<Vec<String>> {
        let folder = crate::fast_folder();
        copy(self.folder.path(), folder.path());
        let journal = folder.path().join(&self.journal);
        let mut bytes = fs::read(&journal).unwrap();
        change(&mut bytes);
        fs::write(&journal, bytes).unwrap();
        let opened = open(folder.path(), relaxed);
        if let Err(error) = &opened {
            assert!(error.to_string().contains(&journal.display().to_string()), "the file is named: {error}");
        }
        let tms = opened?;
        let found = read(&tms, "a")?;
        tms.publish(&topic("a"), Publish::new(&[b"and on"])).unwrap();
        drop(tms);
        let again = read(&open(folder.path(), relaxed)?, "a")?;
        assert_eq!(again, [&found[..], &["and on".to_owned()]].concat(), "it goes on from there");
        Ok(found)
    }
}

#[test]
fn a_journal_that_was_cut_off_holds_what_came_before() {
    let published = Published::new(6);
    let ends = &published.ends;
    for end in ends[2]..=ends[5] {
        let whole = ends.iter().filter(|whole| **whole <= end).count();
        let found = published.changed(|bytes| bytes.truncate(end as usize), false);
        assert_eq!(found.unwrap(), published.texts[..whole], "cut off at {end} of {ends:?}");
        if end % 16 == 0 {
            let zeros = |bytes: &mut Vec<u8>| bytes[end as usize..].fill(0);
            assert_eq!(published.changed(zeros, false).unwrap(), published.texts[..whole], "zeros from {end} on");
        }
    }
}

#[test]
fn what_is_left_out_is_said() {
    let published = Published::new(4);
    let ends: Vec<_> = published.ends.iter().map(|end| *end as usize).collect();
    assert_eq!(published.mended(|_| (), false), None);
    assert_eq!(published.mended(|bytes| bytes.truncate(ends[2]), false), None, "all that is there is whole");
    let cut_off = Some("the last write was cut off by a crash and is left out".to_owned());
    assert_eq!(published.mended(|bytes| bytes.truncate(ends[3] - 1), false), cut_off);
    assert_eq!(published.mended(|bytes| bytes.truncate(ends[2] + 1), false), cut_off);
    assert_eq!(published.mended(|bytes| bytes[ends[2] + 1..].fill(0), true), cut_off);
    let given_up = format!("JOURNAL: from byte {} on, writes were damaged and are given up", ends[1]);
    assert_eq!(published.mended(|bytes| bytes[ends[2] - 1] ^= 1, true), Some(given_up));
}

#[test]
fn a_damaged_last_batch_is_left_out() {
    let published = Published::new(6);
    let (from, to) = (published.ends[4] as usize, published.ends[5] as usize);
    let mut random = Random::new(crate::seed());
    for at in from..to {
        let change = 1 + random.below(255) as u8;
        let found = published.changed(|bytes| bytes[at] ^= change, false).unwrap();
        // The batch's number is not within its checksum.
        let number = (from + 5..from + 13).contains(&at);
        let expected = if number { &published.texts[..] } else { &published.texts[..5] };
        assert_eq!(found, expected, "byte {at} changed by {change}, the batch begins at {from}");
    }
}

#[test]
fn a_damaged_batch_that_others_follow_is_told_and_never_left_out_silently() {
    let published = Published::new(6);
    let (from, to) = (published.ends[1] as usize, published.ends[2] as usize);
    let mut random = Random::new(crate::seed());
    for at in (from..to).filter(|at| !(from + 5..from + 13).contains(at)) {
        let change = 1 + random.below(255) as u8;
        let damage = |bytes: &mut Vec<u8>| bytes[at] ^= change;
        let refused = published.changed(damage, false).unwrap_err();
        let expected = format!(
            "the batch at byte {from} is damaged, and others follow it: restore the folder from a copy, or open it with \
             relaxed durability to give them up"
        );
        assert!(matches!(&refused, Error::Corrupt { why, .. } if *why == expected), "byte {at}: {refused}");
        if at % 16 == 0 {
            assert_eq!(published.changed(damage, true).unwrap(), published.texts[..2], "given up from byte {at} on");
        }
    }
}

/// A folder with two topics whose messages lie in tables.
fn with_tables(messages: usize) -> tempfile::TempDir {
    let folder = crate::fast_folder();
    let tms = open(folder.path(), false).unwrap();
    for name in ["a", "b", "gone"] {
        tms.create_topic(&topic(name), None).unwrap();
        for number in 0..messages {
            tms.publish(&topic(name), Publish::new(&[text(name, number, 2_000).as_bytes()])).unwrap();
        }
    }
    // What is removed is written as a table first, and the others with it.
    tms.delete_topic(&topic("gone")).unwrap();
    tms.clean().unwrap();
    drop(tms);
    folder
}

/// The store removes what it finds listed nowhere.
#[test]
fn a_folder_that_lacks_a_list_or_has_a_damaged_one_is_refused_and_kept() {
    let original = with_tables(3);
    let lists = files(original.path(), |path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name == "current"
            || name == "version"
            || (name.starts_with('v') && path.parent().unwrap().join("current").exists())
    });
    let mut random = Random::new(crate::seed());
    for list in &lists {
        let list = list.strip_prefix(original.path()).unwrap();
        for change in ["removed", "cut off", "damaged"] {
            let folder = crate::fast_folder();
            copy(original.path(), folder.path());
            let path = folder.path().join(list);
            let mut bytes = fs::read(&path).unwrap();
            let at = random.below(bytes.len() as u64) as usize;
            match change {
                "cut off" => fs::write(&path, &bytes[..at]).unwrap(),
                "damaged" => {
                    bytes[at] ^= 1 + random.below(255) as u8;
                    fs::write(&path, &bytes).unwrap();
                }
                _ => fs::remove_file(&path).unwrap(),
            }
            let there = files(folder.path(), |_| true);
            let what = format!("{} {change} at byte {at}", list.display());
            match open(folder.path(), false) {
                Err(error) => {
                    assert!(error.to_string().starts_with(&folder.path().display().to_string()), "{what}: {error}");
                    assert_eq!(files(folder.path(), |_| true), there, "{what}: nothing is removed");
                }
                // A list of before is no longer looked at.
                Ok(tms) => {
                    assert_eq!((read(&tms, "a").unwrap().len(), read(&tms, "b").unwrap().len()), (3, 3), "{what}")
                }
            }
        }
    }
}

#[test]
fn a_damaged_table_is_told_by_who_reads_it_and_others_go_on() {
    const MESSAGES: usize = 120;
    let original = with_tables(MESSAGES);
    let expected = |name| (0..MESSAGES).map(|number| text(name, number, 2_000)).collect::<Vec<_>>();
    let table = |path: &Path| path.parent().is_some_and(|parent| parent.ends_with("tables"));
    let tables = files(original.path(), table);
    let largest = tables.iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let largest = largest.strip_prefix(original.path()).unwrap();
    let size = original.path().join(largest).metadata().unwrap().len();
    assert!(size > 200_000, "the messages lie in a table: {tables:?}");
    let mut random = Random::new(crate::seed());
    let (mut told, mut refused, mut whole) = (0, 0, 0);
    for round in 0..crate::rounds(60) {
        // Every other time near the end, where the index and the description of the table lie.
        let at = if round % 2 == 0 { random.below(size) } else { size - 1 - random.below(2_500) } as usize;
        let change = 1 + random.below(255) as u8;
        let folder = crate::fast_folder();
        copy(original.path(), folder.path());
        let path = folder.path().join(largest);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= change;
        fs::write(&path, bytes).unwrap();
        let what = format!("byte {at} of {size} changed by {change}");
        let place = folder.path().display().to_string();
        let tms = match open(folder.path(), false) {
            Ok(tms) => tms,
            Err(error) => {
                let named = format!("{}: its checksum is wrong: restore the folder from a copy (", path.display());
                assert!(error.to_string().starts_with(&named), "{what}: {error}");
                refused += 1;
                continue;
            }
        };
        let mut good = 0;
        for name in ["a", "b"] {
            match read(&tms, name) {
                Ok(found) => {
                    assert!(found == expected(name), "{what}: {} messages of {name}, and others", found.len());
                    good += 1;
                }
                Err(error) => {
                    let named = format!("{place}: topic default:{name}: ");
                    assert!(
                        matches!(&error, Error::Corrupt { place, .. } if place.starts_with(&named[..named.len() - 2])),
                        "{what}: {error}"
                    );
                }
            }
        }
        assert!(round % 2 == 1 || good > 0, "{what}: one block holds messages of one topic, the other can be read");
        (told, whole) = (told + usize::from(good < 2), whole + usize::from(good == 2));
    }
    println!("a byte of a table changed: {told} told by readers, {refused} by opening, {whole} of no matter");
    assert!(told > 0);
}
