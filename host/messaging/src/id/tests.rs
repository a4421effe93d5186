#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
use super::MessageId;
use proptest::prelude::*;

proptest! {
    #[test]
    fn ids_survive_the_wire_and_keep_their_order(a: [u8; 20], b: [u8; 20]) {
        let (left, right) = (MessageId::from_bytes(a), MessageId::from_bytes(b));
        prop_assert_eq!(left.to_bytes(), a);
        prop_assert_eq!(left.to_string().parse(), Ok(left));
        prop_assert_eq!(left.cmp(&right), a.cmp(&b));
    }
}

#[test]
fn a_text_that_is_no_id_is_refused() {
    for wrong in ["", "00", &"g".repeat(40), &"0".repeat(41), &"é".repeat(20)] {
        assert!(wrong.parse::<MessageId>().is_err(), "{wrong}");
    }
    assert_eq!(
        "+".repeat(40).parse::<MessageId>().unwrap_err().to_string(),
        format!("`{}` is no message id: 40 hexadecimal digits", "+".repeat(40))
    );
}
