//! The process is killed at any moment.

use crate::child::Settings;
use crate::model::Model;
use crate::random::Random;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::time::Instant;

/// Rounds in one folder, before a fresh one.
const ROUNDS_PER_FOLDER: u64 = 10;
const SIGKILL: i32 = 9;

#[test]
fn what_was_acknowledged_outlives_the_process() {
    let (rounds, seed, began) = (crate::rounds(50), crate::seed(), Instant::now());
    let mut random = Random::new(seed);
    let mut folder = tempfile::tempdir().unwrap();
    let mut model = Model::new();
    let mut acknowledged = 0;
    for round in 0..rounds {
        if round % ROUNDS_PER_FOLDER == 0 {
            folder = tempfile::tempdir().unwrap();
            acknowledged += model.acknowledged;
            model = Model::new();
        }
        let heavy = round % 25 == 13;
        // The kill comes while others are on their way: behind the so-manyth line that it told.
        let lines = if heavy { 200 + random.below(100) } else { random.below(10) * random.below(30) };
        println!("round {round} of seed {seed}: killed behind line {lines}{}", if heavy { ", heavy" } else { "" });
        let mut settings = Settings::new(seed, round, model.now_ms);
        (settings.heavy, settings.sequences) = (heavy, model.sequences.clone());
        let mut child = settings.command(folder.path()).spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let (mut line, mut count) = (String::new(), 0);
        while told.read_line(&mut line).unwrap() > 0 {
            if line.ends_with('\n') && line.contains("@ ") {
                assert!(!line.contains("@ uncleaned"), "round {round} of seed {seed}: {line}");
                model.tell(&line);
                if count == lines {
                    child.kill().unwrap();
                }
                count += 1;
            }
            line.clear();
        }
        assert_eq!(child.wait().unwrap().signal(), Some(SIGKILL), "the child ends by the kill and nothing else");
        if let Err(problems) = model.check(folder.path(), false) {
            let kept = folder.keep();
            panic!("round {round} of seed {seed}, folder {}:\n{problems}", kept.display());
        }
    }
    acknowledged += model.acknowledged;
    println!("{rounds} kills, {acknowledged} requests acknowledged, {:?}", began.elapsed());
}
