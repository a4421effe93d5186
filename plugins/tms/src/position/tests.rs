use super::*;

fn stored(timestamp_ms: u64, sequence: u16, number: u8) -> MessageId {
    let mut id = MessageId::new(timestamp_ms, sequence);
    id.0[19] = number;
    id
}

#[test]
fn positions_are_ordered_as_ids_are_and_lead_back_to_them() {
    let ids = [(0, 0), (0, 1), (1, 0), (1_700_000_000_000, 65_535), (1_700_000_000_001, 0), ((1 << 48) - 1, 65_534)];
    let ids = ids.map(|(timestamp_ms, sequence)| MessageId::new(timestamp_ms, sequence));
    assert!(ids.map(|of_id| of(&of_id)).is_sorted());
    for read in ids {
        assert_eq!(id(of(&read)), read);
        assert_eq!(to_resume_behind(&read, None), of(&read));
    }
}

#[test]
fn nothing_that_shares_a_position_is_left_out() {
    let read = stored(7, 3, 1);
    assert_eq!(to_resume_behind(&read, Some(&stored(7, 3, 2))), of(&read) - 1);
    assert_eq!(to_resume_behind(&read, None), of(&read) - 1);
    assert_eq!(to_resume_behind(&read, Some(&stored(7, 4, 1))), of(&read));
    assert_eq!(to_resume_behind(&read, Some(&MessageId::new(8, 0))), of(&read));
    assert_eq!(to_resume_behind(&stored(0, 0, 1), None), 0);
}
