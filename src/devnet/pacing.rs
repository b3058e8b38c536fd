//! When how many transactions are due.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Greatest rate that can be asked for, in transactions per second.
const MAX_RATE: u32 = 1_000_000;

/// How many transactions are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TxRate {
    /// So many per second, evenly; 0 for none.
    PerSecond(u32),
    /// As many as the network takes.
    Max,
}

impl FromStr for TxRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse() {
            Ok(rate) if rate <= MAX_RATE => Ok(Self::PerSecond(rate)),
            Ok(rate) => Err(format!(
                "{rate} transactions per second are more than {MAX_RATE}"
            )),
            Err(_) => Err(format!(
                "`{text}` is neither a whole number of transactions per second nor `max`"
            )),
        }
    }
}

impl fmt::Display for TxRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => write!(f, "{rate} tx/s"),
            Self::Max => f.write_str("as many transactions as the network takes"),
        }
    }
}

/// Transactions at `rate` per second that are due `elapsed` after the first instant; none is due at that instant.
pub(crate) fn due(rate: u32, elapsed: Duration) -> u64 {
    let due = elapsed.as_micros().saturating_mul(rate.into()) / 1_000_000;
    u64::try_from(due).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_are_numbers_or_max() {
        assert_eq!("500".parse(), Ok(TxRate::PerSecond(500)));
        assert_eq!("0".parse(), Ok(TxRate::PerSecond(0)));
        assert_eq!("max".parse(), Ok(TxRate::Max));
        for text in ["", "-1", "1.5", "Max", "5000000000"] {
            assert!(text.parse::<TxRate>().unwrap_err().contains(text), "{text}");
        }
        assert!(
            "1000001"
                .parse::<TxRate>()
                .unwrap_err()
                .contains("more than 1000000")
        );
    }

    #[test]
    fn the_whole_amount_is_due_at_the_end() {
        assert_eq!(due(500, Duration::ZERO), 0);
        assert_eq!(due(500, Duration::from_secs(30)), 15_000);
        assert_eq!(due(3, Duration::from_millis(999)), 2);
        assert_eq!(due(0, Duration::from_secs(30)), 0);
        assert_eq!(due(MAX_RATE, Duration::MAX), u64::MAX);
    }

    proptest! {
        #[test]
        fn slices_never_differ_by_more_than_one(rate in 0u32..10_000, slice in 0u64..10_000) {
            let at = |slice: u64| due(rate, Duration::from_millis(10 * slice));
            let step = at(slice + 1) - at(slice);
            let even = u64::from(rate) / 100;
            prop_assert!(step == even || step == even + 1);
        }
    }
}
