//! What a store of a run's own takes: memory and disk, in a process of its own.
//!
//! `cargo test -p campanile-messaging --test footprint -- --nocapture` shows the figures.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use campanile_messaging::{Messaging, Options};
use std::path::Path;
use std::time::Instant;

const STORES: u64 = 32;
/// What an open store may take that holds nothing, in KiB.
const EMPTY_MEMORY_KIB: u64 = 512;
const EMPTY_DISK_KIB: u64 = 256;
/// Cursors in one write, and the bytes of each with its name.
const CURSORS: u64 = 100_000;
const CURSOR_BYTES: u64 = 200;
/// What listing cursors may take, in KiB.
const LISTING_KIB: u64 = 4 << 10;

/// A line of what the system says of this process, in KiB.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|status| status.strip_prefix(line)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// What `what` takes at most beyond what was taken before, in KiB.
fn peak(what: impl FnOnce()) -> u64 {
    // Forgets the earlier peak.
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS:");
    what();
    memory("VmHWM:").saturating_sub(before)
}

fn disk(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { disk(&path) } else { path.metadata().unwrap().blocks() / 2 }).sum()
}

/// One test: others would take memory at the same time.
#[test]
fn a_small_store_takes_little() {
    let folder = tempfile::tempdir().unwrap();
    // What the process needs once.
    drop(Messaging::open(&folder.path().join("first"), Options::small()).unwrap());
    for round in ["made", "opened"] {
        let (before, began) = (memory("VmRSS:"), Instant::now());
        let open = |n: u64| Messaging::open(&folder.path().join(n.to_string()), Options::small()).unwrap();
        let stores: Vec<_> = (0..STORES).map(open).collect();
        let took = began.elapsed() / STORES as u32;
        let memory = memory("VmRSS:").saturating_sub(before) / STORES;
        let disk = stores.iter().map(|store| disk(store.folder())).max().unwrap();
        println!("an empty store is {round} in {took:?}: {memory} KiB of memory, {disk} KiB of disk");
        assert!(memory <= EMPTY_MEMORY_KIB && disk <= EMPTY_DISK_KIB);
    }
    let tms = Messaging::open(&folder.path().join("first"), Options::small()).unwrap();
    let (value, began) = ([7; CURSOR_BYTES as usize - 20], Instant::now());
    let fill = || tms.write(|write| (0..CURSORS).try_for_each(|n| write.cursor(&format!("group/{n:014}"), &value)));
    let (kib, written) = (peak(|| fill().unwrap()), CURSORS * CURSOR_BYTES / 1024);
    println!("{CURSORS} cursors of {written} KiB are written in {:?}: {kib} KiB of memory", began.elapsed());
    assert!(kib <= written * 9 / 4);
    let (mut count, began) = (0, Instant::now());
    let kib = peak(|| tms.cursors("group/", &mut |_, _| count += 1).unwrap());
    println!("{count} cursors are listed in {:?}: {kib} KiB of memory", began.elapsed());
    assert!(count == CURSORS && kib <= LISTING_KIB);
}
