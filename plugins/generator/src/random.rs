//! Numbers that look random and are a function of seed, field and row: a row is the same whatever was made before it.

/// The numbers of one value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random {
    state: u64,
}

/// The step and the mixing of SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators".
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// The numbers for one row, from those of [`Random::of_field`].
    #[inline]
    pub(crate) fn of_row(field: u64, row: u64) -> Random {
        Random { state: mix(field ^ row.wrapping_mul(STEP)) }
    }

    /// What tells the fields apart.
    pub(crate) fn of_field(seed: u64, field: usize) -> u64 {
        mix(mix(seed).wrapping_add((field as u64 + 1).wrapping_mul(STEP)))
    }

    #[inline]
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// From 0 to below 1.
    #[inline]
    pub(crate) fn fraction(&mut self) -> f64 {
        // The 53 bits that a double has room for.
        (self.bits() >> 11) as f64 / 9_007_199_254_740_992.0
    }

    /// From 0 to below `end`.
    #[inline]
    pub(crate) fn below(&mut self, end: u128) -> u64 {
        ((u128::from(self.bits()) * end) >> 64) as u64
    }

    /// Around 0, with the standard deviation 1: the method of Box and Muller.
    #[inline]
    pub(crate) fn normal(&mut self) -> f64 {
        // From above 0: there is no logarithm of 0.
        let radius = (-2.0 * (1.0 - self.fraction()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.fraction()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_range_and_reach_its_ends() {
        let mut random = Random::of_row(1, 2);
        let numbers: Vec<u64> = (0..1_000).map(|_| random.below(3)).collect();
        assert!((0..3).all(|n| numbers.contains(&n)) && numbers.iter().all(|&n| n < 3));
        assert!((0..1_000).all(|_| (0.0..1.0).contains(&random.fraction())));
    }

    #[test]
    fn the_normal_distribution_has_mean_0_and_deviation_1() {
        let numbers: Vec<f64> = (0..100_000).map(|row| Random::of_row(7, row).normal()).collect();
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|n| n * n).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }

    #[test]
    fn seeds_fields_and_rows_differ() {
        let first = |seed, field, row| Random::of_row(Random::of_field(seed, field), row).bits();
        let all = [first(0, 0, 0), first(1, 0, 0), first(0, 1, 0), first(0, 0, 1)];
        assert!((0..4).all(|i| (0..i).all(|j| all[i] != all[j])));
    }
}
