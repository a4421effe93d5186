//! The power is cut at any moment: what was not synced may be lost, in any part.

use crate::child::Settings;
use crate::disk::{Cut, Disk, Note};
use crate::model::Model;
use crate::random::Random;
use crate::shim::{self, Fault};
use std::time::Instant;
use tempfile::TempDir;

/// Rounds in one folder, before a fresh one.
const ROUNDS_PER_FOLDER: u64 = 5;
/// Moments within a round at which the power is cut.
const CUTS_PER_ROUND: u64 = 4;

/// Cuts the power after the notes that the disk took, and holds what is left against the model; the folder that is left.
fn cut(disk: &Disk, cut: Cut, model: &mut Model, lossy: bool, what: &str) -> (TempDir, usize) {
    let left = crate::fast_folder();
    disk.cut(cut, left.path());
    match model.check(left.path(), lossy) {
        Ok(lost) => (left, lost),
        Err(problems) => {
            let kept = tempfile::tempdir().unwrap().keep();
            disk.cut(cut, &kept);
            panic!("{what}, {cut:?}, folder {}:\n{problems}", kept.display());
        }
    }
}

/// When the power is cut: at any time, and half of the time while much is on its way to the disk.
fn moments(notes: &[Note], random: &mut Random) -> Vec<usize> {
    let mut pending = 0;
    let mut syncs = Vec::new();
    for (moment, note) in notes.iter().enumerate() {
        match note {
            Note::Write { bytes, .. } => pending += bytes.len(),
            Note::Sync { .. } => syncs.push((std::mem::take(&mut pending), moment)),
            _ => {}
        }
    }
    syncs.sort();
    let mut choose = |n| match syncs.len().checked_sub(1 + random.below(1 + 4 * n) as usize) {
        Some(large) if n % 2 == 0 => syncs[large].1,
        _ => random.below(notes.len() as u64 + 1) as usize,
    };
    (0..CUTS_PER_ROUND).map(&mut choose).collect()
}

#[test]
fn what_was_acknowledged_outlives_a_power_cut() {
    let Some(shim) = shim::shim() else { return };
    let (rounds, seed, began) = (crate::rounds(18), crate::seed(), Instant::now());
    let mut random = Random::new(seed);
    let mut folder = crate::fast_folder();
    let mut model = Model::new();
    let (mut acknowledged, mut cuts) = (0, 0);
    for round in 0..rounds {
        if round % ROUNDS_PER_FOLDER == 0 {
            folder = crate::fast_folder();
            acknowledged += model.acknowledged;
            model = Model::new();
        }
        let (heavy, long) = (round % 5 == 2, round % 25 == 12);
        let lines = match (heavy, long) {
            (_, true) => 200 + random.below(100),
            (true, _) => 20 + random.below(20),
            _ => random.below(10) * random.below(30),
        };
        println!("round {round} of seed {seed}: killed behind line {lines}{}", if heavy { ", heavy" } else { "" });
        let mut settings = Settings::new(seed, round, model.now_ms);
        (settings.heavy, settings.sequences) = (heavy, model.sequences.clone());
        let mut disk = Disk::of(folder.path());
        let ran = shim::run(shim, &settings, folder.path(), Fault::default(), Some(lines));
        let moments = moments(&ran.notes, &mut random);
        for (moment, note) in ran.notes.iter().enumerate() {
            for _ in moments.iter().filter(|chosen| **chosen == moment) {
                let kind = if random.below(3) == 0 { Cut::Synced } else { Cut::Some(random.next()) };
                let what = format!("round {round} of seed {seed}, before note {moment}");
                self::cut(&disk, kind, &mut model.clone(), false, &what);
                cuts += 1;
            }
            disk.take(note);
            if let Note::Told { text } = note {
                model.tell(text);
            }
        }
        // The next round goes on with what this one left.
        let kind = if random.below(2) == 0 { Cut::Synced } else { Cut::Some(random.next()) };
        (folder, _) = cut(&disk, kind, &mut model, false, &format!("round {round} of seed {seed}, at its end"));
        cuts += 1;
    }
    acknowledged += model.acknowledged;
    println!("{rounds} rounds, {cuts} power cuts, {acknowledged} requests acknowledged, {:?}", began.elapsed());
}

/// From the first call on, and with the kill alone as well: a folder can be opened whenever its making was cut off.
#[test]
fn a_folder_can_be_cut_off_while_it_is_made() {
    let Some(shim) = shim::shim() else { return };
    let folder = crate::fast_folder();
    let mut settings = Settings::new(crate::seed(), 0, Model::new().now_ms);
    settings.plain = 3;
    let mut disk = Disk::of(folder.path());
    let ran = shim::run(shim, &settings, folder.path(), Fault::default(), None);
    assert!(ran.status.success());
    let mut model = Model::new();
    let every = if crate::rounds(0) > 0 { 1 } else { 4 };
    for (moment, note) in ran.notes.iter().enumerate() {
        let what = format!("before note {moment}: {note:.60?}");
        if moment % every == 0 {
            cut(&disk, Cut::Everything, &mut model.clone(), false, &what);
            cut(&disk, Cut::Synced, &mut model.clone(), false, &what);
            cut(&disk, Cut::Some(moment as u64), &mut model.clone(), false, &what);
        }
        disk.take(note);
        if let Note::Told { text } = note {
            model.tell(text);
        }
    }
}

/// The counter-proof: the same cuts find what relaxed durability may lose. And it loses nothing but the end.
#[test]
fn relaxed_durability_loses_the_end_and_nothing_else() {
    let Some(shim) = shim::shim() else { return };
    let mut lost = 0;
    for round in 0..6 {
        let folder = crate::fast_folder();
        let mut model = Model::new();
        let mut settings = Settings::new(crate::seed() + round, 0, model.now_ms);
        settings.plain = 1;
        let ran = shim::run(shim, &settings, folder.path(), Fault::default(), None);
        model.tell(&ran.told());
        let mut disk = Disk::of(folder.path());
        (settings.round, settings.plain, settings.relaxed) = (1, 150, true);
        let ran = shim::run(shim, &settings, folder.path(), Fault::default(), Some(250));
        for note in &ran.notes {
            disk.take(note);
            if let Note::Told { text } = note {
                model.tell(text);
            }
        }
        for kind in [Cut::Synced, Cut::Some(round), Cut::Some(100 + round), Cut::Some(200 + round)] {
            lost += cut(&disk, kind, &mut model.clone(), true, &format!("round {round}")).1;
        }
        assert_eq!(cut(&disk, Cut::Everything, &mut model, true, "killed alone").1, 0);
    }
    assert!(lost > 0, "the simulation loses nothing: it proves nothing");
}
