//! An accumulator that holds the sum of any doubles exactly.
#[cfg(test)]
mod tests;

use super::{Exact, LOWEST_EXPONENT};
use crate::alerts::bytes::{Reader, put_i64, put_u64};

/// Bits from the smallest double's to beyond 2^64 times the largest's, in chunks of 32.
const CHUNKS: usize = 72;

/// An addition changes a chunk by less than 2^33, so that this many leave it within 63 bits.
const ADDITIONS: u32 = 1 << 29;

/// A fixed point number of 2,304 bits. A chunk weighs 2^32 times the one before; between two carries it may hold more than
/// 32 bits, and either sign (as in Neal's small superaccumulator).
#[derive(Debug, Clone)]
pub(super) struct Wide {
    chunks: [i64; CHUNKS],
    /// Additions since the last carry.
    additions: u32,
}

impl Default for Wide {
    fn default() -> Wide {
        Wide { chunks: [0; CHUNKS], additions: 0 }
    }
}

impl Wide {
    /// Adds `integer` times 2^`exponent`.
    pub(super) fn add(&mut self, integer: i128, exponent: i16) {
        if self.additions >= ADDITIONS {
            self.carry();
        }
        self.additions += 1;
        let shift = (i32::from(exponent) - LOWEST_EXPONENT) as u32;
        let magnitude = integer.unsigned_abs();
        let sign = if integer < 0 { -1 } else { 1 };
        let first = (shift / 32) as usize;
        // In halves: shifted by up to 31 bits, a half still fits.
        for (half, first) in [(magnitude as u64, first), ((magnitude >> 64) as u64, first + 2)] {
            let mut rest = u128::from(half) << (shift % 32);
            for chunk in self.chunks.iter_mut().skip(first).take(3) {
                *chunk += sign * i64::from(rest as u32);
                rest >>= 32;
            }
        }
    }

    /// Adds all that another holds.
    pub(super) fn merge(&mut self, other: &Wide) {
        let mut other = other.clone();
        other.carry();
        self.carry();
        for (chunk, other) in self.chunks.iter_mut().zip(other.chunks) {
            *chunk += other;
        }
        self.additions += 1;
    }

    pub(super) fn exact(&self) -> Exact {
        let mut number = self.clone();
        number.carry();
        // After a carry the last chunk alone has a sign.
        let negative = number.chunks[CHUNKS - 1] < 0;
        if negative {
            number.chunks.iter_mut().for_each(|chunk| *chunk = -*chunk);
            number.carry();
        }
        let highest = number.chunks.iter().rposition(|&chunk| chunk != 0).unwrap_or(0).max(3);
        let (below, top) = number.chunks[..=highest].split_at(highest - 3);
        Exact {
            negative,
            top: top.iter().rev().fold(0, |top, &chunk| top << 32 | chunk as u128),
            exponent: below.len() as i32 * 32 + LOWEST_EXPONENT,
            more: below.iter().any(|&chunk| chunk != 0),
        }
    }

    /// Appends the number: where its first chunk that is not zero stands, how many follow, and these.
    pub(super) fn save(&self, into: &mut Vec<u8>) {
        let mut number = self.clone();
        number.carry();
        let begin = number.chunks.iter().position(|&chunk| chunk != 0).unwrap_or(CHUNKS);
        let end = number.chunks.iter().rposition(|&chunk| chunk != 0).map_or(begin, |last| last + 1);
        put_u64(into, begin as u64);
        put_u64(into, (end - begin) as u64);
        for &chunk in &number.chunks[begin..end] {
            put_i64(into, chunk);
        }
    }

    /// Reads what [`save`](Wide::save) appended; None when it is damaged.
    pub(super) fn restore(from: &mut Reader<'_>) -> Option<Wide> {
        /// The last chunk has a sign, and little in it: it lies beyond the sums of 2^64 doubles.
        const LAST: i64 = 1 << 40;
        let mut number = Wide::default();
        let begin = usize::try_from(from.u64()?).ok()?;
        let count = usize::try_from(from.u64()?).ok()?;
        for chunk in number.chunks.get_mut(begin..begin.checked_add(count)?)? {
            *chunk = from.i64()?;
        }
        let (last, chunks) = number.chunks.split_last()?;
        let sound = (-LAST..LAST).contains(last) && chunks.iter().all(|chunk| (0..1 << 32).contains(chunk));
        sound.then_some(number)
    }

    /// Leaves 32 bits in each chunk and the sign in the last.
    fn carry(&mut self) {
        let mut carried = 0;
        let (last, chunks) = match self.chunks.split_last_mut() {
            Some(split) => split,
            None => return,
        };
        for chunk in chunks {
            let total = *chunk + carried;
            carried = total >> 32;
            *chunk = total & 0xffff_ffff;
        }
        *last += carried;
        self.additions = 0;
    }
}
