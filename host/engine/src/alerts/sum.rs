//! The exact sum of doubles, rounded once: neither order nor partition changes it.
mod saved;
mod wide;

#[cfg(test)]
mod tests;

use wide::Wide;

/// The exponent of the smallest double's only bit, and so of the last bit that any sum can have.
const LOWEST_EXPONENT: i32 = -1074;

/// The exact sum of finite doubles. Sums of parts [merge](Sum::merge) into the sum of the whole, to the last bit.
#[derive(Debug, Clone, Default)]
pub struct Sum(State);

/// Nearly every sum fits 128 bits; a group pays for the wide form only when its values span more.
#[derive(Debug, Clone)]
enum State {
    /// `high:low` as one signed integer, times 2^`exponent`. Two halves, since an `i128` would be aligned to 16 bytes.
    Narrow {
        low: u64,
        high: i64,
        exponent: i16,
    },
    Wide(Box<Wide>),
}

impl Default for State {
    fn default() -> State {
        State::Narrow { low: 0, high: 0, exponent: 0 }
    }
}

impl State {
    fn narrow(integer: i128, exponent: i16) -> State {
        State::Narrow { low: integer as u64, high: (integer >> 64) as i64, exponent }
    }
}

impl Sum {
    /// The sum of nothing.
    pub fn new() -> Sum {
        Sum::default()
    }

    /// Adds one value; infinities and NaN, which no alert's number is, are passed over.
    pub fn add(&mut self, value: f64) {
        let bits = value.to_bits();
        let fraction = (bits & ((1 << 52) - 1)) as i64;
        let (mantissa, exponent) = match ((bits >> 52) & 0x7ff) as i16 {
            0x7ff => return,
            0 => (fraction, LOWEST_EXPONENT as i16),
            biased => (fraction | 1 << 52, biased - 1075),
        };
        if mantissa == 0 {
            return;
        }
        // Without its trailing zeros an integer is added as an integer, which leaves the most room.
        let zeros = mantissa.trailing_zeros();
        let integer = i128::from(if value < 0.0 { -(mantissa >> zeros) } else { mantissa >> zeros });
        self.add_scaled(integer, exponent + zeros as i16);
    }

    /// Adds all that another sum holds.
    pub fn merge(&mut self, other: &Sum) {
        match (&mut self.0, &other.0) {
            (_, &State::Narrow { low, high, exponent }) => self.add_scaled(join(low, high), exponent),
            (State::Wide(wide), State::Wide(other)) => wide.merge(other),
            (&mut State::Narrow { low, high, exponent }, State::Wide(other)) => {
                let mut wide = other.clone();
                wide.add(join(low, high), exponent);
                self.0 = State::Wide(wide);
            }
        }
    }

    /// The sum, correctly rounded (ties to even); None when it is too large for a double.
    pub fn result(&self) -> Option<f64> {
        self.exact().round()
    }

    /// The sum divided by `count`, correctly rounded: the mean of equal values is that value, whatever the sum is.
    /// None for a count of zero.
    pub fn mean(&self, count: u64) -> Option<f64> {
        let exact = self.exact();
        if count == 0 || exact.top == 0 {
            return (count != 0).then_some(0.0);
        }
        // With the highest bit set the quotient keeps 64 bits or more, and only whether the rest is zero matters.
        let zeros = exact.top.leading_zeros();
        let dividend = exact.top << zeros;
        let count = u128::from(count);
        let more = exact.more || !dividend.is_multiple_of(count);
        Exact { top: dividend / count, exponent: exact.exponent - zeros as i32, more, ..exact }.round()
    }

    /// Bytes the sum occupies besides itself.
    pub fn heap_bytes(&self) -> usize {
        match &self.0 {
            State::Narrow { .. } => 0,
            State::Wide(_) => size_of::<Wide>(),
        }
    }

    fn add_scaled(&mut self, integer: i128, exponent: i16) {
        match &mut self.0 {
            State::Wide(wide) => wide.add(integer, exponent),
            &mut State::Narrow { low, high, exponent: mine } => {
                let total = join(low, high);
                self.0 = match add_narrow((total, mine), (integer, exponent)) {
                    Some((total, exponent)) => State::narrow(total, exponent),
                    None => {
                        let mut wide = Box::<Wide>::default();
                        wide.add(total, mine);
                        wide.add(integer, exponent);
                        State::Wide(wide)
                    }
                };
            }
        }
    }

    fn exact(&self) -> Exact {
        match &self.0 {
            &State::Narrow { low, high, exponent } => {
                let total = join(low, high);
                Exact { negative: total < 0, top: total.unsigned_abs(), exponent: exponent.into(), more: false }
            }
            State::Wide(wide) => wide.exact(),
        }
    }
}

/// A sum's magnitude: `top` times 2^`exponent`, and whether something smaller than `top`'s last bit follows, which only a
/// `top` of more than 54 bits may have.
struct Exact {
    negative: bool,
    top: u128,
    exponent: i32,
    more: bool,
}

impl Exact {
    /// The nearest double, ties to even, None when there is none.
    fn round(&self) -> Option<f64> {
        let bits = (u128::BITS - self.top.leading_zeros()) as i32;
        let last = (self.exponent + bits - 53).max(LOWEST_EXPONENT);
        let (kept, last) = match last - self.exponent {
            ..=0 => (self.top, self.exponent),
            dropped @ 1..=127 => {
                let half = 1u128 << (dropped - 1);
                let rest = self.top & ((half << 1) - 1);
                let kept = self.top >> dropped;
                let up = rest > half || rest == half && (self.more || kept & 1 == 1);
                (kept + u128::from(up), last)
            }
            _ => (0, last),
        };
        // At most 53 bits times a power of two: exact, or infinite.
        let number = kept as f64 * power_of_two(last);
        let number = if self.negative { -number } else { number };
        number.is_finite().then_some(number)
    }
}

fn power_of_two(exponent: i32) -> f64 {
    match exponent {
        ..=-1023 => f64::from_bits(1 << (exponent - LOWEST_EXPONENT).max(0)),
        -1022..=1023 => f64::from_bits(((exponent + 1023) as u64) << 52),
        _ => f64::INFINITY,
    }
}

fn join(low: u64, high: i64) -> i128 {
    i128::from(high) << 64 | i128::from(low)
}

/// The sum of two scaled integers, when 128 bits can hold it.
fn add_narrow(a: (i128, i16), b: (i128, i16)) -> Option<(i128, i16)> {
    if a.0 == 0 {
        return Some(b);
    }
    if b.0 == 0 {
        return Some(a);
    }
    let (fine, coarse) = if a.1 <= b.1 { (a, b) } else { (b, a) };
    let aligned = shift_left(coarse.0, (coarse.1 - fine.1) as u32)?;
    Some((fine.0.checked_add(aligned)?, fine.1))
}

/// `integer` times 2^`by`, when 128 bits can hold it.
fn shift_left(integer: i128, by: u32) -> Option<i128> {
    let room = integer.unsigned_abs().leading_zeros();
    (by < room).then(|| integer << by)
}
