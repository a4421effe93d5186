use super::Clock;
use crate::MessageId;
use proptest::prelude::*;

proptest! {
    /// Whatever the machine's clock does, and wherever the process begins again.
    #[test]
    fn ids_only_grow(steps in proptest::collection::vec((0_u64..5, 1_u32..=65_536, any::<bool>()), 1..200)) {
        let mut clock = Clock::after(MessageId::default());
        let mut last = None;
        for (now, count, again) in steps {
            if again {
                clock = Clock::after(clock.last());
            }
            let first = clock.take(now, count);
            prop_assert!(last.is_none_or(|last| first > last), "{first} after {last:?}");
            prop_assert!(u32::from(first.sequence) + count <= 65_536);
            last = Some(clock.last());
        }
    }
}

#[test]
fn a_clock_that_steps_back_goes_on_where_it_was() {
    let mut clock = Clock::after(MessageId::new(1_000, 7));
    assert_eq!(clock.take(990, 2), MessageId::new(1_000, 8));
    assert_eq!(clock.take(1_000, 1), MessageId::new(1_000, 10));
    assert_eq!(clock.take(1_001, 1), MessageId::new(1_001, 0));
}

#[test]
fn a_full_millisecond_is_followed_by_the_next() {
    let mut clock = Clock::after(MessageId::default());
    assert_eq!(clock.take(5, 65_536), MessageId::new(5, 0));
    assert_eq!(clock.take(5, 1), MessageId::new(6, 0));
    assert_eq!(clock.take(5, 65_535), MessageId::new(6, 1));
    assert_eq!(clock.last(), MessageId::new(6, 65_535));
    assert_eq!(clock.take(5, 2), MessageId::new(7, 0));
}
