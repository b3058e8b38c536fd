//! Pseudo-random numbers: xoshiro256** with seeds spread by SplitMix64, as their authors (Blackman and
//! Vigna) define them. Written here so that a seed means the same for ever, whatever libraries do.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Random([u64; 4]);

/// What a stream is for. Streams of one seed do not influence each other, so that a change in the use of
/// one leaves the others as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Delays, loss, duplication.
    Network,
    /// When and whom faults of the plan strike, where they leave a choice.
    Faults,
    /// Entropy of the engines.
    Nodes,
    /// Transactions.
    Load,
    /// Attacks.
    Adversary,
    /// Making a plan.
    Plan,
}

impl Random {
    /// The stream of a seed for one purpose.
    #[must_use]
    pub fn new(seed: u64, stream: Stream) -> Self {
        Self::from_seed(seed ^ (stream as u64 + 1).wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// A stream of its own for each number.
    #[must_use]
    pub fn numbered(seed: u64, stream: Stream, number: u64) -> Self {
        let mut state = seed;
        let mixed = split_mix(&mut state) ^ number;
        Self::new(mixed, stream)
    }

    fn from_seed(seed: u64) -> Self {
        let mut state = seed;
        Self(std::array::from_fn(|_| split_mix(&mut state)))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number below `bound`, evenly distributed up to one part in 2^64/bound; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.bits()) * u128::from(bound);
        // The upper half of 128 bits fits.
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// A number between two limits, both included.
    pub fn between(&mut self, least: u64, greatest: u64) -> u64 {
        least.saturating_add(self.below(greatest.saturating_sub(least).saturating_add(1)))
    }

    /// True so many times in a million.
    pub fn ppm(&mut self, count: u32) -> bool {
        count > 0 && self.below(1_000_000) < u64::from(count)
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, count: u32) -> bool {
        count > 0 && self.below(100) < u64::from(count)
    }

    /// One of several; none of none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = usize::try_from(self.below(from.len() as u64)).ok()?;
        from.get(at)
    }

    /// Brings a list into a random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = usize::try_from(self.below(last as u64 + 1)).unwrap_or(0);
            list.swap(last, other);
        }
    }
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_mix_gives_the_published_sequence() {
        let mut state = 1_234_567;
        let first: Vec<u64> = (0..3).map(|_| split_mix(&mut state)).collect();
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn a_seed_gives_the_same_stream_and_another_one_does_not() {
        let numbers = |seed, stream| -> Vec<u64> {
            let mut random = Random::new(seed, stream);
            (0..8).map(|_| random.bits()).collect()
        };
        assert_eq!(numbers(7, Stream::Network), numbers(7, Stream::Network));
        assert_ne!(numbers(7, Stream::Network), numbers(8, Stream::Network));
        assert_ne!(numbers(7, Stream::Network), numbers(7, Stream::Faults));
    }

    #[test]
    fn numbers_stay_in_their_limits_and_reach_both() {
        let mut random = Random::new(3, Stream::Plan);
        let drawn: Vec<u64> = (0..1000).map(|_| random.between(5, 8)).collect();
        for number in 5..=8 {
            assert!(drawn.iter().filter(|one| **one == number).count() > 150);
        }
        assert!(drawn.iter().all(|one| (5..=8).contains(one)));
        assert_eq!(random.below(0), 0);
        assert_eq!(random.between(4, 4), 4);
        assert_eq!(random.pick::<u8>(&[]), None);
    }

    #[test]
    fn shuffling_keeps_everybody() {
        let mut list: Vec<u32> = (0..50).collect();
        Random::new(1, Stream::Plan).shuffle(&mut list);
        assert_ne!(list, (0..50).collect::<Vec<_>>());
        list.sort_unstable();
        assert_eq!(list, (0..50).collect::<Vec<_>>());
    }
}
