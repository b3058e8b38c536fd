//! Transactions in the own blocks: as many as the validators can handle within half of the interval.

use std::time::Duration;

use super::{Adjustment, Bounds};

/// What a block took because of its transactions, a mean of recent ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockCost {
    /// Transactions in it.
    pub transactions: u64,
    /// Building (where it was measured), dissemination, validation and execution.
    pub took: Duration,
}

/// What blocks may take because of their transactions when there is no block time to be kept.
const WITHOUT_PACE: Duration = Duration::from_millis(500);

/// The time that the transactions of a block may take: half of the block time, so that votes, storage
/// and a slow validator find room in the other half.
#[must_use]
pub fn budget(block_time: Duration) -> Duration {
    if block_time.is_zero() {
        WITHOUT_PACE
    } else {
        block_time / 2
    }
}

/// The opinion on the transaction limit `current`.
///
/// Above the budget it falls in proportion, at most by half. Below half of the budget it rises by an
/// eighth, but only when blocks are full: what was never tried says nothing. In between it stays, and
/// since an eighth more of less than half a budget is far below a whole one, a rise does not cause the
/// next fall.
#[must_use]
pub fn tune(
    cost: &BlockCost,
    budget: Duration,
    current: u64,
    bounds: Bounds,
) -> Option<Adjustment> {
    let took = u64::try_from(cost.took.as_micros())
        .unwrap_or(u64::MAX)
        .max(1);
    let budget_us = u64::try_from(budget.as_micros()).unwrap_or(u64::MAX);
    let full = cost.transactions.saturating_mul(10) >= current.saturating_mul(9);
    let to = if took > budget_us {
        // In proportion to what blocks have, which may be far below the limit. Where they have next to
        // nothing it was not the transactions that took so long, so a fall has an end.
        let reached = current.min(cost.transactions.max(1));
        let fitting = reached.saturating_mul(budget_us) / took;
        fitting.max(current / 2).max(1)
    } else if took < budget_us / 2 && full {
        current.saturating_add((current / 8).max(1))
    } else {
        return None;
    };
    Adjustment::within("max_transactions", current, to, bounds, || {
        format!(
            "blocks of {} transactions took {:?} of {:?}",
            cost.transactions, cost.took, budget
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::Tuned;
    use super::*;

    const BOUNDS: Bounds = Bounds {
        least: 16,
        most: 5_000,
    };

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn opinion(transactions: u64, took: u64, current: u64) -> Option<u64> {
        let cost = BlockCost {
            transactions,
            took: ms(took),
        };
        tune(&cost, ms(500), current, BOUNDS).map(|adjustment| adjustment.to)
    }

    #[test]
    fn the_limit_follows_what_blocks_took() {
        let table = [
            // transactions, took, limit, opinion
            (1000, 600, 1000, Some(833)),
            (1000, 5_000, 1000, Some(500)),
            (1000, 400, 1000, None),
            (1000, 250, 1000, None),
            (1000, 249, 1000, Some(1125)),
            (100, 10, 1000, None),
            (900, 600, 1000, Some(750)),
            (100, 600, 1000, Some(500)),
            (16, 5_000, 16, None),
            (5_000, 1, 5_000, None),
            (4_900, 1, 4_900, Some(5_000)),
            (0, 9_000, 1000, Some(500)),
        ];
        for (transactions, took, limit, expected) in table {
            assert_eq!(
                opinion(transactions, took, limit),
                expected,
                "{transactions} in {took} ms of {limit}"
            );
        }
        assert_eq!((budget(ms(1000)), budget(ms(0))), (ms(500), ms(500)));
    }

    /// Full blocks on machines of which each takes `us` microseconds for a transaction, give or take
    /// half: the limit arrives where it belongs and stays there.
    #[test]
    fn the_limit_settles_on_a_noisy_network() {
        for (us, first) in [(1_000, 5_000), (1_000, 16), (150, 512), (20, 5_000)] {
            let mut tuned = Tuned::new(first, BOUNDS);
            let mut noise = 0x9e37_79b9_u64;
            let mut moves = 0;
            let mut late = 0;
            let mut recent = std::collections::VecDeque::new();
            for block in 0..20_000 {
                noise = noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let factor = 50 + (noise >> 33) % 101;
                let transactions = tuned.value();
                let took = Duration::from_micros(transactions * us * factor / 100);
                recent.push_back(took);
                if recent.len() > 8 {
                    recent.pop_front();
                }
                let sum: Duration = recent.iter().sum();
                let cost = BlockCost {
                    transactions,
                    took: sum / u32::try_from(recent.len()).unwrap(),
                };
                let moved = tuned.observe(tune(&cost, ms(500), tuned.value(), BOUNDS));
                if moved.is_some() {
                    recent.clear();
                    moves += 1;
                    late += u32::from(block > 2_000);
                }
            }
            let took = ms(tuned.value() * us / 1000);
            assert!(took <= ms(500), "{us} µs: {} transactions", tuned.value());
            let least = (ms(200).as_micros() as u64 / us).min(5_000);
            assert!(tuned.value() >= least, "{us} µs: {}", tuned.value());
            assert!(
                moves < 60 && late <= 2,
                "{us} µs: {moves} moves, {late} late"
            );
        }
    }
}
