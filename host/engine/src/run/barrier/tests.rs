#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use proptest::prelude::*;
use std::sync::mpsc::sync_channel;

/// By when whatever stands still must go on.
const DEADLINE: Duration = Duration::from_secs(10);

/// What a chain does: so many steps between two looks, then it has nothing more to do; or it fails the run instead.
#[derive(Clone, Copy, Debug)]
struct Way {
    steps: u32,
    pauses: bool,
    fails: bool,
}

fn way() -> impl Strategy<Value = Way> {
    (0_u32..400, any::<bool>(), prop::bool::weighted(0.05)).prop_map(|(steps, pauses, fails)| Way {
        steps,
        pauses,
        fails,
    })
}

fn stand_still(barrier: &Barrier, index: u32, number: u64, seen: &mut u64, failed: &dyn Fn() -> bool) {
    *seen = number;
    let at = SplitAt { index, position: Some(number), finished: false, state: None };
    let arrival = Arrival { splits: vec![at], states: Vec::new() };
    let Some(decision) = barrier.arrive(number, arrival, failed) else { return };
    assert!(decision.save);
    assert_eq!(decision.close_until, [Some(number as i64)], "what was decided for this save point");
    barrier.hand_over(Part { letters: vec![index.to_le_bytes().to_vec()], ..Part::default() });
}

fn run_chain(barrier: &Barrier, index: u32, way: Way, failure: &AtomicBool) {
    let failed = || failure.load(Ordering::SeqCst);
    let mut seen = 0;
    for step in 0..way.steps {
        let requested = barrier.requested();
        if requested > seen {
            stand_still(barrier, index, requested, &mut seen, &failed);
        }
        if failed() {
            break;
        }
        if step % 7 == index {
            barrier.want();
        }
        if way.pauses {
            std::thread::yield_now();
        }
    }
    if way.fails {
        failure.store(true, Ordering::SeqCst);
    }
    let mut first = true;
    while let Some(number) = barrier.linger(seen, first, &failed) {
        first = false;
        stand_still(barrier, index, number, &mut seen, &failed);
    }
}

/// Makes save points until all chains are done. How many; each had a word of every chain, once.
fn make_save_points(barrier: &Barrier, chains: u32, failure: &AtomicBool) -> u64 {
    let failed = || failure.load(Ordering::SeqCst);
    let mut made = 0;
    while barrier.pause(Duration::from_millis(1), true) && !failed() {
        barrier.take_wish();
        let Some((number, arrivals)) = barrier.stand_still(&failed) else { break };
        let mut stood: Vec<u32> =
            arrivals.iter().flat_map(|arrival| &arrival.splits).map(|split| split.index).collect();
        stood.sort_unstable();
        assert_eq!(stood, (0..chains).collect::<Vec<_>>());
        assert!(arrivals.iter().flat_map(|arrival| &arrival.splits).all(|split| split.position == Some(number)));
        let decision = Decision { close_until: vec![Some(number as i64)], save: true };
        let Some(parts) = barrier.release(number, decision, &failed) else { break };
        let mut parts: Vec<Vec<u8>> = parts.into_iter().flat_map(|part| part.letters).collect();
        parts.sort();
        assert_eq!(parts.len(), chains as usize);
        parts.dedup();
        assert_eq!(parts.len(), chains as usize);
        barrier.set_saved(number);
        assert_eq!(barrier.saved(), number);
        made += 1;
    }
    barrier.over();
    made
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_stand_still_and_go_on_however_they_end(ways in prop::collection::vec(way(), 1..7)) {
        let barrier = Arc::new(Barrier::default());
        let failure = Arc::new(AtomicBool::new(false));
        ways.iter().for_each(|_| barrier.join());
        let (done, ended) = sync_channel(ways.len() + 1);
        for (index, way) in (0..).zip(ways.clone()) {
            let (barrier, failure, done) = (Arc::clone(&barrier), Arc::clone(&failure), done.clone());
            std::thread::spawn(move || {
                run_chain(&barrier, index, way, &failure);
                done.send(()).unwrap();
            });
        }
        let chains = ways.len() as u32;
        let saver = {
            let (barrier, failure) = (Arc::clone(&barrier), Arc::clone(&failure));
            std::thread::spawn(move || {
                let made = make_save_points(&barrier, chains, &failure);
                done.send(()).unwrap();
                made
            })
        };
        for _ in 0..=chains {
            let ended = ended.recv_timeout(DEADLINE);
            prop_assert!(ended.is_ok(), "somebody waits for ever, or failed: {:?}", barrier);
        }
        prop_assert!(saver.join().is_ok());
    }
}

#[test]
fn a_run_without_chains_has_no_save_points() {
    let barrier = Barrier::default();
    assert!(!barrier.pause(DEADLINE, true));
    assert!(barrier.stand_still(&|| false).is_none());
}

#[test]
fn a_wish_is_heeded_once_and_only_where_wishes_are() {
    let barrier = Barrier::default();
    barrier.join();
    barrier.want();
    assert!(barrier.pause(DEADLINE, true), "at once");
    assert!(barrier.pause(Duration::from_millis(1), false));
    assert!(barrier.take_wish());
    assert!(!barrier.take_wish());
}
