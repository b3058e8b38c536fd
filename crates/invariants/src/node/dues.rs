//! What an honest node owes for what it was shown; due when it has settled (rules 5, 6, 7 and 9).

use std::time::Duration;

use neo_consensus::View;
use neo_primitives::{Height, UInt256, ValidatorIndex};

use crate::violation::Invariant;

/// One debt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Rule 5: it was shown what decides.
    Decide { hash: UInt256 },
    /// Rules 6 and 7: an answer to somebody who lags behind.
    Answer { to: ValidatorIndex, why: Lagging },
    /// Rule 7: a TC goes to all, once.
    Forward { view: View },
    /// Rule 7: it was shown a PC of this view and holds one of it or of a higher view.
    Hold { view: View },
    /// Rule 9: the body of a certified block is fetched.
    Fetch { hash: UInt256 },
}

/// How somebody lags behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lagging {
    /// It asks for a view of a height that is decided here.
    Undecided,
    /// It is in a view below the highest TC or PC held here.
    LowerView,
    /// It asks about a height that is stored here.
    NotStored,
    /// It asks, and there is something to tell.
    Asks(Asked),
}

/// What a request says its signer has, and what it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) view: View,
    /// View of its highest PC.
    pub(crate) prepared: Option<View>,
    pub(crate) decided: bool,
    /// It has a nonce: whoever may report a stored height does.
    pub(crate) report: bool,
}

impl Due {
    pub(crate) fn invariant(&self) -> Invariant {
        match self {
            Self::Decide { .. } => Invariant::Decides,
            Self::Answer {
                why: Lagging::LowerView,
                ..
            } => Invariant::ViewChange,
            Self::Answer { .. } => Invariant::AfterDecision,
            Self::Forward { .. } | Self::Hold { .. } => Invariant::ViewChange,
            Self::Fetch { .. } => Invariant::Bodies,
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Decide { hash } => format!("was shown what decides {hash} and has not decided"),
            Self::Answer { to, why } => {
                let what = match why {
                    Lagging::Undecided => "votes at a decided height",
                    Lagging::LowerView => "is in a view that was left with a certificate",
                    Lagging::NotStored => "asks about a stored height",
                    Lagging::Asks(_) => "asks for what is known here",
                };
                format!("does not answer validator {to}, which {what}")
            }
            Self::Forward { view } => format!("does not send TC({view}) to all"),
            Self::Hold { view } => format!("was shown a PC of view {view} and does not hold it"),
            Self::Fetch { hash } => {
                format!("does not fetch the body of the certified block {hash}")
            }
        }
    }
}

/// The debts of one node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dues(Vec<(Height, Due)>);

impl Dues {
    pub(crate) fn add(&mut self, height: Height, due: Due) {
        if !self.0.contains(&(height, due)) {
            self.0.push((height, due));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Strikes out what is paid.
    pub(crate) fn pay(&mut self, paid: impl Fn(Height, &Due) -> bool) {
        if !self.0.is_empty() {
            self.0.retain(|(height, due)| !paid(*height, due));
        }
    }

    pub(crate) fn take(&mut self) -> Vec<(Height, Due)> {
        std::mem::take(&mut self.0)
    }
}

/// Something that must be repeated until it is no longer needed. A node that did not run for a while
/// has some time to catch up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Repetition {
    last: Duration,
    late_since: Option<Duration>,
}

/// Longer than any interval of repetition that a node is configured with.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time to catch up.
const GRACE: Duration = Duration::from_secs(3);

impl Repetition {
    pub(crate) fn done(&mut self, at: Duration) {
        *self = Self {
            last: at,
            late_since: None,
        };
    }

    /// Whether it is missing for too long at `at`.
    pub(crate) fn is_missing(&mut self, at: Duration) -> bool {
        if at < self.last.saturating_add(PATIENCE) {
            return false;
        }
        let since = *self.late_since.get_or_insert(at);
        let missing = at >= since.saturating_add(GRACE);
        if missing {
            self.done(at);
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetition_is_missed_only_by_a_node_that_runs() {
        let at = Duration::from_secs;
        let mut repetition = Repetition::default();
        repetition.done(at(10));
        assert!(!repetition.is_missing(at(14)));
        assert!(!repetition.is_missing(at(100)), "it may have stood still");
        assert!(!repetition.is_missing(at(102)));
        assert!(repetition.is_missing(at(103)));
        repetition.done(at(104));
        assert!(!repetition.is_missing(at(108)));
    }

    #[test]
    fn a_debt_counts_once() {
        let (mut dues, due) = (Dues::default(), Due::Forward { view: View(1) });
        dues.add(Height(3), due);
        dues.add(Height(3), due);
        dues.add(Height(4), due);
        dues.pay(|height, _| height == Height(4));
        assert_eq!(dues.take(), [(Height(3), due)]);
        assert!(dues.is_empty());
    }
}
