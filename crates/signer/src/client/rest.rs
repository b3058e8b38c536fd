//! How long a signer that failed is left alone.

use std::time::Duration;

use tokio::time::Instant;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(100);
/// After many.
const LONGEST: Duration = Duration::from_secs(5);

/// Doubles with each failure in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rest {
    until: Option<Instant>,
    last: Duration,
}

impl Rest {
    /// How long it still lasts; `None` if the signer may be asked.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.last = self.last.saturating_mul(2).clamp(FIRST, LONGEST);
        self.until = Some(now + self.last);
    }

    pub(super) fn answered(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_a_bound_and_ends_with_an_answer() {
        let mut rest = Rest::default();
        let start = Instant::now();
        assert_eq!(rest.left(start), None);
        let mut lengths = Vec::new();
        for _ in 0..8 {
            rest.failed(start);
            lengths.push(rest.left(start).unwrap().as_millis());
        }
        assert_eq!(lengths, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(rest.left(start + LONGEST), None);
        rest.answered();
        assert_eq!(rest.left(start), None);
        rest.failed(start);
        assert_eq!(rest.left(start), Some(FIRST));
    }
}
