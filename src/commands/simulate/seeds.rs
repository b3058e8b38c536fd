//! Which seeds are run.

use std::str::FromStr;

/// Most seeds of one campaign; each leaves a hash of 32 bytes.
const MOST: u64 = 10_000_000;

/// Seeds from one number to another, the second excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeedRange {
    from: u64,
    count: u64,
}

impl SeedRange {
    /// One seed.
    pub(crate) fn one(seed: u64) -> Self {
        Self {
            from: seed,
            count: 1,
        }
    }

    /// How many.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The lowest one.
    pub(crate) fn first(&self) -> u64 {
        self.from
    }

    /// The seed at a position, if there are so many.
    pub(crate) fn get(&self, position: u64) -> Option<u64> {
        (position < self.count).then(|| self.from.saturating_add(position))
    }
}

impl FromStr for SeedRange {
    type Err = String;

    /// `A..B` without B, or `A..=B` with it.
    fn from_str(text: &str) -> Result<Self, String> {
        let Some((from, to)) = text.split_once("..") else {
            return Err(format!(
                "`{text}` is no range: write A..B, such as 0..2000 for the seeds 0 to 1999"
            ));
        };
        let (to, last_too) = to.strip_prefix('=').map_or((to, false), |to| (to, true));
        let number = |text: &str| {
            let number = text.parse::<u64>();
            number.map_err(|_| format!("`{text}` is no seed: seeds are 0 to {}", u64::MAX))
        };
        let (from, to) = (number(from)?, number(to)?);
        let count = to
            .checked_sub(from)
            .and_then(|count| count.checked_add(u64::from(last_too)))
            .unwrap_or(0);
        match count {
            0 => Err(format!("`{text}` contains no seed")),
            _ if count > MOST => Err(format!(
                "`{text}` contains {count} seeds, the limit is {MOST}"
            )),
            _ => Ok(Self { from, count }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_end_is_excluded_unless_it_says_otherwise() {
        let range: SeedRange = "5..8".parse().unwrap();
        let seeds: Vec<_> = (0..4).map_while(|at| range.get(at)).collect();
        assert_eq!(seeds, [5, 6, 7]);
        let range: SeedRange = "5..=8".parse().unwrap();
        assert_eq!(range.count(), 4);
        let range: SeedRange = format!("{0}..={0}", u64::MAX).parse().unwrap();
        assert_eq!((range.count(), range.get(0)), (1, Some(u64::MAX)));
    }

    #[test]
    fn empty_and_endless_ranges_are_refused() {
        for (text, problem) in [
            ("5..5", "no seed"),
            ("8..5", "no seed"),
            ("9..=8", "no seed"),
            ("5", "no range"),
            ("a..5", "`a` is no seed"),
            ("5..", "`` is no seed"),
            ("-1..5", "`-1` is no seed"),
            ("0..10000001", "the limit is"),
            ("0..=18446744073709551615", "no seed"),
        ] {
            let error = text.parse::<SeedRange>().unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
