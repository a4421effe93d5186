//! An exact sum as bytes.
use super::wide::Wide;
use super::{LOWEST_EXPONENT, State, Sum, join};
use crate::alerts::bytes::{Reader, put_i64, put_i128};

/// The exponent of the largest double's first bit, and so the highest that a part can have.
const HIGHEST_EXPONENT: i16 = 1023;

const NARROW: u8 = 0;
const WIDE: u8 = 1;

impl Sum {
    /// Appends the sum, exactly.
    pub(in crate::alerts) fn save(&self, into: &mut Vec<u8>) {
        match &self.0 {
            &State::Narrow { low, high, exponent } => {
                into.push(NARROW);
                put_i64(into, exponent.into());
                put_i128(into, join(low, high));
            }
            State::Wide(wide) => {
                into.push(WIDE);
                wide.save(into);
            }
        }
    }

    /// Reads what [`save`](Sum::save) appended; None when it is damaged.
    pub(in crate::alerts) fn restore(from: &mut Reader<'_>) -> Option<Sum> {
        Some(Sum(match from.byte()? {
            NARROW => {
                let exponent = i16::try_from(from.i64()?).ok()?;
                if !(LOWEST_EXPONENT as i16..=HIGHEST_EXPONENT).contains(&exponent) {
                    return None;
                }
                State::narrow(from.i128()?, exponent)
            }
            WIDE => State::Wide(Box::new(Wide::restore(from)?)),
            _ => return None,
        }))
    }
}
