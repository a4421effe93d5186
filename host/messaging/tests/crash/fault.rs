//! The disk answers with errors.

use crate::child::Settings;
use crate::disk::{Cut, Disk};
use crate::model::Model;
use crate::random::Random;
use crate::shim::{self, Fault, Ran};

/// What a child was told after a write failed: the first error, then refusals; it read all that was acknowledged before.
fn check_answers(ran: &Ran, what: &str) {
    let told = ran.told();
    assert!(ran.status.success(), "{what}: {told}");
    let lines = || told.lines().filter_map(|line| line.split_once("@ ").map(|(_, line)| line));
    let refused: Vec<&str> = lines().filter(|line| line.starts_with("! ")).collect();
    assert!(refused.len() >= 5, "{what}: the failed write, and those behind it: {refused:?}");
    for line in refused {
        let answer = line.splitn(3, ' ').nth(2).unwrap();
        assert!(
            answer.starts_with("poisoned: an earlier write failed (") && answer.ends_with("; restart"),
            "{what}: {answer}"
        );
    }
    let acknowledged: Vec<&str> = lines()
        .filter_map(|line| line.strip_prefix("< "))
        .map(|line| line.split(' ').next().unwrap())
        .filter(|op| op.contains(".0."))
        .collect();
    let read: Vec<&str> = lines().find_map(|line| line.strip_prefix("read ")).unwrap().split_whitespace().collect();
    assert_eq!(read, acknowledged, "{what}: reads go on, and show what was acknowledged");
    assert!(lines().any(|line| line.starts_with("check Err(Poisoned(")), "{what}: {told}");
}

#[test]
fn a_failed_sync_ends_all_writes_until_a_restart() {
    let Some(shim) = shim::shim() else { return };
    let mut random = Random::new(crate::seed());
    for round in 0..crate::rounds(6) {
        let folder = crate::fast_folder();
        let mut disk = Disk::of(folder.path());
        let mut settings = Settings::new(crate::seed() + round, 0, Model::new().now_ms);
        settings.plain = 200;
        // The first few make the folder and its topics.
        let sync = 12 + random.below(60);
        let ran = shim::run(shim, &settings, folder.path(), Fault { sync: Some(sync), ..Fault::default() }, None);
        let what = format!("seed {}, sync {sync}", crate::seed() + round);
        check_answers(&ran, &what);
        ran.notes.iter().for_each(|note| disk.take(note));
        let mut model = Model::new();
        model.tell(&ran.told());
        for cut in [Cut::Everything, Cut::Synced, Cut::Some(round)] {
            let left = crate::fast_folder();
            disk.cut(cut, left.path());
            model.clone().check(left.path(), false).unwrap_or_else(|problems| panic!("{what}, {cut:?}:\n{problems}"));
        }
        model.check(folder.path(), false).unwrap_or_else(|problems| panic!("{what}:\n{problems}"));
    }
}

#[test]
fn a_disk_that_is_full_halfway_through_a_write_ends_all_writes_until_a_restart() {
    let Some(shim) = shim::shim() else { return };
    let mut random = Random::new(crate::seed());
    for round in 0..crate::rounds(8) {
        let folder = crate::fast_folder();
        let mut settings = Settings::new(crate::seed() + round, 0, Model::new().now_ms);
        settings.plain = 1_000;
        let room = 20_000 + random.below(60_000);
        let ran = shim::run(shim, &settings, folder.path(), Fault { room: Some(room), ..Fault::default() }, None);
        let what = format!("seed {}, room {room}", crate::seed() + round);
        check_answers(&ran, &what);
        let mut model = Model::new();
        model.tell(&ran.told());
        model.check(folder.path(), false).unwrap_or_else(|problems| panic!("{what}:\n{problems}"));
    }
}

#[test]
fn a_folder_that_there_was_no_room_to_make_is_made_when_there_is() {
    let Some(shim) = shim::shim() else { return };
    for room in [0, 2, 4, 300, 1_000, 3_000, 5_000, 7_000, 9_000] {
        let folder = crate::fast_folder();
        let mut settings = Settings::new(crate::seed(), 0, Model::new().now_ms);
        settings.plain = 1;
        let ran = shim::run(shim, &settings, folder.path(), Fault { room: Some(room), ..Fault::default() }, None);
        assert!(ran.status.success(), "room {room}: an error, no panic: {}", ran.told());
        let mut model = Model::new();
        model.tell(&ran.told());
        model.check(folder.path(), false).unwrap_or_else(|problems| panic!("room {room}:\n{problems}"));
    }
}

/// While all is going on, tables are written and topics cleaned: nothing hangs, and the process can end.
#[test]
fn a_disk_that_fails_in_the_midst_lets_nobody_wait_for_ever() {
    let Some(shim) = shim::shim() else { return };
    let mut random = Random::new(crate::seed() + 1);
    for round in 0..crate::rounds(12) {
        let folder = crate::fast_folder();
        let mut disk = Disk::of(folder.path());
        let mut settings = Settings::new(crate::seed() + round, round, Model::new().now_ms);
        settings.heavy = round % 4 == 3;
        let fault = match round % 3 {
            0 => Fault { sync: Some(12 + random.below(60)), ..Fault::default() },
            1 => Fault { table: Some(1 + random.below(10)), ..Fault::default() },
            _ => Fault { room: Some(20_000 + random.below(10) * random.below(100_000)), ..Fault::default() },
        };
        let ran = shim::run(shim, &settings, folder.path(), fault, None);
        let (what, told) = (format!("seed {}, {fault:?}", crate::seed() + round), ran.told());
        assert!(ran.status.success(), "{what}: it ends by itself: {told}");
        for line in told.lines().filter_map(|line| line.split_once("@ ended ").map(|(_, line)| line)) {
            assert!(
                line.starts_with("poisoned: an earlier write failed (") && line.ends_with("; restart"),
                "{what}: {line}"
            );
        }
        ran.notes.iter().for_each(|note| disk.take(note));
        let mut model = Model::new();
        model.tell(&told);
        for cut in [Cut::Synced, Cut::Some(round)] {
            let left = crate::fast_folder();
            disk.cut(cut, left.path());
            model.clone().check(left.path(), false).unwrap_or_else(|problems| panic!("{what}, {cut:?}:\n{problems}"));
        }
        model.check(folder.path(), false).unwrap_or_else(|problems| panic!("{what}:\n{problems}"));
    }
}
