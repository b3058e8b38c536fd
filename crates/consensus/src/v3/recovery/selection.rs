//! Which recovery strategy applies: one pure function over what a node knows of itself and of the
//! others (protocol section 9).

use std::time::Duration;

use neo_primitives::Height;

/// What brings a validator on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecoveryStrategy {
    /// Asks the others for what it lacks of the current height.
    PartialView,
    /// Fetches stored blocks, verifies and executes them.
    FastSync,
    /// Begins from the newest valid checkpoint, then fetches blocks; silent until rule 8 lets it vote.
    FullRecovery,
    /// Repeats everything, dials everybody, goes around broken connections, begins its timers anew.
    Emergency,
}

impl RecoveryStrategy {
    /// Its name in logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PartialView => "PartialView",
            Self::FastSync => "FastSync",
            Self::FullRecovery => "FullRecovery",
            Self::Emergency => "Emergency",
        }
    }
}

/// What a node knows when it asks whether it has to recover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecoveryConditions {
    /// The store can be read and its state belongs to its tip.
    pub store_intact: bool,
    /// The vote log is whole and its own (rule 8). An observer has none to lose: `true`.
    pub vote_log_intact: bool,
    /// Greatest stored height.
    pub stored: Height,
    /// Greatest height that peers say they have stored.
    pub best_known: Height,
    /// Height of the newest valid checkpoint here.
    pub checkpoint: Option<Height>,
    /// Since the last decision, or since the start.
    pub undecided_for: Duration,
    /// Since the last progress within the height: a vote that counted, a new view.
    pub stalled_for: Duration,
    /// Whether something is missing here that another may have.
    pub misses_something: bool,
    /// Validators with a working connection, this one included.
    pub connected: usize,
    /// M, validators that make a quorum.
    pub quorum: usize,
}

/// From when on a strategy applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectionLimits {
    /// Without progress for this long, `PartialView`: two resend intervals.
    pub stall_after: Duration,
    /// Without a decision for this long, `Emergency`.
    pub emergency_after: Duration,
    /// This many blocks behind, `FastSync`; one is what consensus usually brings.
    pub fast_sync_blocks: u32,
    /// This many blocks behind a checkpoint is worth more than the own store, `FullRecovery`.
    pub full_recovery_blocks: u32,
}

impl Default for SelectionLimits {
    fn default() -> Self {
        Self {
            stall_after: Duration::from_millis(200),
            emergency_after: Duration::from_secs(10),
            fast_sync_blocks: 2,
            full_recovery_blocks: 100_000,
        }
    }
}

/// The strategy that the conditions ask for; the first row that fits, `None` when nothing has to be
/// done.
///
/// | condition                                                        | strategy       |
/// |------------------------------------------------------------------|----------------|
/// | the store cannot be read                                         | `FullRecovery` |
/// | `full_recovery_blocks` behind, and a checkpoint above the store   | `FullRecovery` |
/// | `fast_sync_blocks` behind                                        | `FastSync`     |
/// | the vote log is lost                                             | `FullRecovery` |
/// | undecided for `emergency_after`, M validators connected          | `Emergency`    |
/// | no progress for `stall_after`, and something is missing          | `PartialView`  |
#[must_use]
pub fn select_strategy(
    conditions: &RecoveryConditions,
    limits: &SelectionLimits,
) -> Option<RecoveryStrategy> {
    let RecoveryConditions {
        store_intact,
        vote_log_intact,
        stored,
        best_known,
        checkpoint,
        undecided_for,
        stalled_for,
        misses_something,
        connected,
        quorum,
    } = *conditions;
    let behind = best_known.0.saturating_sub(stored.0);
    let useful = checkpoint.is_some_and(|height| height > stored);
    if !store_intact || (behind >= limits.full_recovery_blocks && useful) {
        Some(RecoveryStrategy::FullRecovery)
    } else if behind >= limits.fast_sync_blocks {
        Some(RecoveryStrategy::FastSync)
    } else if !vote_log_intact {
        Some(RecoveryStrategy::FullRecovery)
    } else if undecided_for >= limits.emergency_after && connected >= quorum {
        Some(RecoveryStrategy::Emergency)
    } else if stalled_for >= limits.stall_after && misses_something {
        Some(RecoveryStrategy::PartialView)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A validator of four that is well.
    fn well() -> RecoveryConditions {
        RecoveryConditions {
            store_intact: true,
            vote_log_intact: true,
            stored: Height(500),
            best_known: Height(501),
            checkpoint: Some(Height(100)),
            undecided_for: ms(900),
            stalled_for: ms(50),
            misses_something: true,
            connected: 4,
            quorum: 3,
        }
    }

    #[test]
    fn every_row_of_the_table() {
        use RecoveryStrategy::{Emergency, FastSync, FullRecovery, PartialView};
        type Change = fn(&mut RecoveryConditions);
        let rows: [(&str, Change, Option<RecoveryStrategy>); 20] = [
            ("well", |_| {}, None),
            ("stalled", |c| c.stalled_for = ms(200), Some(PartialView)),
            ("not stalled yet", |c| c.stalled_for = ms(199), None),
            (
                "stalled, nothing missing",
                |c| (c.stalled_for, c.misses_something) = (ms(900), false),
                None,
            ),
            (
                "one block behind is for consensus",
                |c| (c.best_known, c.stalled_for) = (Height(501), ms(300)),
                Some(PartialView),
            ),
            (
                "two blocks behind",
                |c| c.best_known = Height(502),
                Some(FastSync),
            ),
            (
                "behind goes before stalled",
                |c| (c.best_known, c.stalled_for) = (Height(510), ms(300)),
                Some(FastSync),
            ),
            (
                "behind goes before an emergency",
                |c| (c.best_known, c.undecided_for) = (Height(510), ms(30_000)),
                Some(FastSync),
            ),
            (
                "undecided for long",
                |c| c.undecided_for = ms(10_000),
                Some(Emergency),
            ),
            (
                "an emergency goes before stalled",
                |c| (c.undecided_for, c.stalled_for) = (ms(10_000), ms(300)),
                Some(Emergency),
            ),
            ("not long enough", |c| c.undecided_for = ms(9_999), None),
            (
                "without a quorum there is no emergency",
                |c| (c.undecided_for, c.connected) = (ms(60_000), 2),
                None,
            ),
            (
                "without a quorum it asks whom it has",
                |c| (c.undecided_for, c.connected, c.stalled_for) = (ms(60_000), 2, ms(300)),
                Some(PartialView),
            ),
            (
                "a lost vote log",
                |c| c.vote_log_intact = false,
                Some(FullRecovery),
            ),
            (
                "a lost vote log and blocks behind: the blocks first, silent as it is",
                |c| (c.vote_log_intact, c.best_known) = (false, Height(510)),
                Some(FastSync),
            ),
            (
                "a broken store",
                |c| c.store_intact = false,
                Some(FullRecovery),
            ),
            (
                "a broken store, without a checkpoint",
                |c| (c.store_intact, c.checkpoint) = (false, None),
                Some(FullRecovery),
            ),
            (
                "far behind, a checkpoint helps",
                |c| (c.best_known, c.checkpoint) = (Height(100_500), Some(Height(90_000))),
                Some(FullRecovery),
            ),
            (
                "far behind, the checkpoint is older than the store",
                |c| c.best_known = Height(100_500),
                Some(FastSync),
            ),
            (
                "not far enough behind",
                |c| (c.best_known, c.checkpoint) = (Height(100_499), Some(Height(90_000))),
                Some(FastSync),
            ),
        ];
        for (name, change, expected) in rows {
            let mut conditions = well();
            change(&mut conditions);
            let chosen = select_strategy(&conditions, &SelectionLimits::default());
            assert_eq!(chosen, expected, "{name}");
        }
    }

    #[test]
    fn strategies_have_the_names_of_the_protocol() {
        let all = [
            (RecoveryStrategy::PartialView, "PartialView"),
            (RecoveryStrategy::FastSync, "FastSync"),
            (RecoveryStrategy::FullRecovery, "FullRecovery"),
            (RecoveryStrategy::Emergency, "Emergency"),
        ];
        for (strategy, name) in all {
            assert_eq!(strategy.name(), name);
        }
    }
}
