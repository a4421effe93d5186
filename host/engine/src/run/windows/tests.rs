use super::*;

fn windows(by_event_time: bool, lateness_ms: i64) -> StageWindows {
    StageWindows { length_ms: 10_000, by_event_time, lateness_ms, idle_after_ms: 5_000, state: Mutex::default() }
}

use SplitState::{Active, Finished, Waiting};

#[test]
fn a_window_closes_when_the_slowest_split_has_passed_its_end() {
    let windows = windows(true, 0);
    windows.note_oldest(0, Some(0));
    windows.note(0, 25_000, 100);
    windows.note(1, 9_999, 100);
    let both = [(0, Active), (1, Active)];
    assert_eq!(windows.due(&both, 100), None, "the second split may bring more of it");
    windows.note(1, 10_000, 101);
    assert_eq!(windows.due(&both, 101), Some(0));
    assert_eq!(windows.due(&[(0, Active), (1, Finished)], 101), Some(10_000), "a finished split holds nothing");
    assert_eq!(windows.due(&[(0, Active), (1, Waiting)], 101), None, "one that was not begun holds everything");
}

#[test]
fn lateness_that_is_allowed_is_waited_for() {
    let windows = windows(true, 3_000);
    windows.note_oldest(0, Some(0));
    windows.note(0, 12_999, 100);
    assert_eq!(windows.due(&[(0, Active)], 100), None);
    windows.note(0, 13_000, 100);
    assert_eq!(windows.due(&[(0, Active)], 100), Some(0));
}

#[test]
fn an_idle_split_is_not_waited_for_and_where_all_are_idle_time_goes_by_the_clock() {
    let windows = windows(true, 0);
    windows.note_oldest(0, Some(0));
    windows.note(0, 15_000, 10_000);
    windows.note(1, 3_000, 0);
    let both = [(0, Active), (1, Active)];
    assert_eq!(windows.due(&both, 4_999), None);
    assert_eq!(windows.due(&both, 10_001), Some(0), "split 1 has been idle for long");
    windows.note_oldest(0, Some(10_000));
    assert_eq!(windows.due(&both, 14_999), None);
    assert_eq!(windows.due(&both, 15_000), Some(10_000), "both are idle: five seconds on");
}

#[test]
fn without_a_time_field_the_clock_closes() {
    let windows = windows(false, 0);
    assert_eq!(windows.due(&[], 1_000_000), None, "nothing is open");
    windows.note_oldest(0, Some(20_000));
    windows.note_oldest(1, Some(30_000));
    assert_eq!(windows.due(&[], 29_999), None);
    assert_eq!(windows.due(&[], 30_000), Some(20_000));
    assert_eq!(windows.due(&[], 45_000), Some(30_000));
}

#[test]
fn times_before_1970_have_windows_too() {
    let windows = windows(true, 0);
    assert_eq!(windows.start_of(-1), -10_000);
    assert_eq!(windows.start_of(-10_000), -10_000);
    assert_eq!(windows.end_of(-10_000), 0);
}
