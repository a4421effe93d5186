use super::*;

fn windows(by_event_time: bool, lateness_ms: i64) -> StageWindows {
    StageWindows {
        length_ms: 10_000,
        by_event_time,
        lateness_ms,
        idle_after_ms: 5_000,
        closed_until: AtomicI64::new(NONE_CLOSED),
        state: Mutex::default(),
    }
}

use SplitState::{Active, Finished, Waiting};

#[test]
fn a_window_closes_when_the_slowest_split_has_passed_its_end() {
    let windows = windows(true, 0);
    windows.note_oldest(0, Some(0));
    windows.note(0, 25_000, 100);
    windows.note(1, 9_999, 100);
    let both = [(0, Active), (1, Active)];
    assert_eq!(windows.due(&both, true, 100), None, "the second split may bring more of it");
    windows.note(1, 10_000, 101);
    assert_eq!(windows.due(&both, true, 101), Some(0));
    assert_eq!(windows.due(&[(0, Active), (1, Finished)], true, 101), Some(10_000), "a finished split holds nothing");
    assert_eq!(windows.due(&[(0, Active), (1, Waiting)], true, 101), None, "one that was not begun holds everything");
}

#[test]
fn lateness_that_is_allowed_is_waited_for() {
    let windows = windows(true, 3_000);
    windows.note_oldest(0, Some(0));
    windows.note(0, 12_999, 100);
    assert_eq!(windows.due(&[(0, Active)], true, 100), None);
    windows.note(0, 13_000, 100);
    assert_eq!(windows.due(&[(0, Active)], true, 100), Some(0));
}

/// It had nothing since the beginning, and was asked last at this time.
fn idle(until_ms: i64) -> SplitState {
    SplitState::Idle { since_ms: 0, until_ms }
}

#[test]
fn an_idle_split_is_not_waited_for_and_where_all_are_idle_time_goes_on_as_they_are_asked() {
    let windows = windows(true, 0);
    windows.note_oldest(0, Some(0));
    windows.note(0, 15_000, 10_000);
    windows.note(1, 3_000, 0);
    let due = |first, second| windows.due(&[(0, first), (1, second)], true, 1_000_000);
    assert_eq!(due(Active, idle(4_999)), None);
    assert_eq!(due(Active, idle(5_000)), Some(0), "split 1 has had nothing for long");
    windows.note_oldest(0, Some(10_000));
    assert_eq!(due(idle(14_999), idle(14_999)), None);
    assert_eq!(due(idle(15_000), idle(14_999)), Some(10_000), "both had nothing: five seconds on");
}

#[test]
fn a_split_that_is_read_is_waited_for_however_long_it_brings_nothing() {
    let windows = windows(true, 0);
    windows.note_oldest(0, Some(0));
    windows.note(0, 15_000, 0);
    let due = |second| windows.due(&[(0, Active), (1, second)], true, 1_000_000);
    assert_eq!(due(Active), None, "what it will bring may be of any time");
    assert_eq!(due(idle(4_999)), None);
    assert_eq!(due(idle(5_000)), Some(0));
}

#[test]
fn nobody_is_idle_whom_nobody_asks() {
    let windows = windows(true, 0);
    windows.note_oldest(0, Some(0));
    windows.note(0, 15_000, 10_000);
    windows.note(1, 3_000, 10_000);
    let held = [(0, idle(10_100)), (1, idle(10_100))];
    assert_eq!(windows.due(&held, true, 1_000_000), None, "the run waits: what is there was not read");
}

#[test]
fn where_all_was_read_the_clock_closes_unless_the_run_ends_too() {
    let windows = windows(true, 0);
    windows.note_oldest(0, Some(0));
    windows.note(0, 5_000, 1_000);
    assert_eq!(windows.due(&[(0, Finished)], false, 1_000_000), None);
    assert_eq!(windows.due(&[(0, Finished)], true, 5_999), None);
    assert_eq!(windows.due(&[(0, Finished)], true, 6_000), Some(0));
}

#[test]
fn without_a_time_field_the_clock_closes() {
    let windows = windows(false, 0);
    assert_eq!(windows.due(&[], true, 1_000_000), None, "nothing is open");
    windows.note_oldest(0, Some(20_000));
    windows.note_oldest(1, Some(30_000));
    assert_eq!(windows.due(&[], true, 29_999), None);
    assert_eq!(windows.due(&[], true, 30_000), Some(20_000));
    assert_eq!(windows.due(&[], true, 45_000), Some(30_000));
}

#[test]
fn times_before_1970_have_windows_too() {
    let windows = windows(true, 0);
    assert_eq!(windows.start_of(-1), -10_000);
    assert_eq!(windows.start_of(-10_000), -10_000);
    assert_eq!(windows.end_of(-10_000), 0);
}
