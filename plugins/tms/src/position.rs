//! The position of a message in its split: 64 bits of its id.

use campanile_sdk::MessageId;

/// Bits of the number within a millisecond.
const SEQUENCE_BITS: u32 = 16;

/// Milliseconds (48 bits, enough for some 8,900 years) and the number within them.
pub(crate) fn of(id: &MessageId) -> u64 {
    id.timestamp_ms() << SEQUENCE_BITS | u64::from(id.sequence())
}

/// The id of the message at a position.
pub(crate) fn id(position: u64) -> MessageId {
    MessageId::new(position >> SEQUENCE_BITS, position as u16)
}

/// Whether the payload was stored before it was published: messages that were published together then share a position.
fn is_shared(id: &MessageId) -> bool {
    id.0[10..].iter().any(|&byte| byte != 0)
}

/// The position behind which reading goes on so that nothing is left out: of a message that others of its position may
/// follow, the one before; they all come once more then.
pub(crate) fn to_resume_behind(read: &MessageId, next: Option<&MessageId>) -> u64 {
    let position = of(read);
    let whole = !is_shared(read) || next.is_some_and(|next| of(next) != position);
    if whole { position } else { position.saturating_sub(1) }
}

#[cfg(test)]
mod tests;
