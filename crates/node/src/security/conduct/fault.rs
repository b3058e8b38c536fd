//! What a validator can be found to do, and from when on.

use std::time::Duration;

use serde::Serialize;

/// A fault or an attack that shows in a validator's conduct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Not connected while others decide: crashed, stopped or cut off.
    Unresponsive,
    /// Connected, and blocks behind the others.
    FallsBehind,
    /// Connected and up to date, and no vote of it arrives.
    WithholdsVotes,
    /// It votes, and its header signatures do not arrive.
    WithholdsCommits,
    /// Its votes arrive long after the decision.
    VotesLate,
    /// The views that it leads fail although it is connected.
    FailsToLead,
    /// It proposes blocks that are refused.
    ProposesInvalidBlocks,
    /// It sends what is no message at all.
    SendsGarbage,
    /// It sends votes and certificates whose signatures do not hold: forged, or genuine ones of other heights and
    /// views.
    SendsInvalidSignatures,
    /// It sends messages of heights that do not exist.
    FloodsFuture,
    /// It repeats messages of heights that it has long stored.
    Replays,
    /// It sends many times what the others send.
    Floods,
    /// There is a proof that it broke the protocol.
    Equivocates,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 13] = [
        Self::Unresponsive,
        Self::FallsBehind,
        Self::WithholdsVotes,
        Self::WithholdsCommits,
        Self::VotesLate,
        Self::FailsToLead,
        Self::ProposesInvalidBlocks,
        Self::SendsGarbage,
        Self::SendsInvalidSignatures,
        Self::FloodsFuture,
        Self::Replays,
        Self::Floods,
        Self::Equivocates,
    ];

    /// Its name in metrics, events, the audit log and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unresponsive => "unresponsive",
            Self::FallsBehind => "falls-behind",
            Self::WithholdsVotes => "withholds-votes",
            Self::WithholdsCommits => "withholds-commits",
            Self::VotesLate => "votes-late",
            Self::FailsToLead => "fails-to-lead",
            Self::ProposesInvalidBlocks => "proposes-invalid-blocks",
            Self::SendsGarbage => "sends-garbage",
            Self::SendsInvalidSignatures => "sends-invalid-signatures",
            Self::FloodsFuture => "floods-future",
            Self::Replays => "replays",
            Self::Floods => "floods",
            Self::Equivocates => "equivocates",
        }
    }

    /// Whether an honest validator can show it without anybody's attack: crashed, slow, badly connected.
    #[must_use]
    pub fn may_be_honest(self) -> bool {
        matches!(
            self,
            Self::Unresponsive | Self::FallsBehind | Self::VotesLate | Self::FailsToLead
        )
    }
}

/// Heights over which votes are judged.
pub(super) const WINDOW: usize = 16;
/// So many bad heights of the window make a finding.
pub(super) const BEGIN: usize = 8;
/// So few end it.
pub(super) const END: usize = 2;
/// Views led over which leading is judged.
pub(super) const LEADS: usize = 8;
/// So many failed ones of them, and half of all, make a finding.
pub(super) const FAILED_LEADS: usize = 3;
/// A finding holds at least so long, so that it does not flicker.
pub(super) const HOLDS: Duration = Duration::from_secs(30);

/// What is counted as it happens, and forgotten with time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Garbage,
    Signatures,
    Future,
    Stale,
    Excess,
    Proposals,
    Proofs,
}

impl Counted {
    pub(super) const ALL: [Self; 7] = [
        Self::Garbage,
        Self::Signatures,
        Self::Future,
        Self::Stale,
        Self::Excess,
        Self::Proposals,
        Self::Proofs,
    ];

    pub(super) fn fault(self) -> Fault {
        match self {
            Self::Garbage => Fault::SendsGarbage,
            Self::Signatures => Fault::SendsInvalidSignatures,
            Self::Future => Fault::FloodsFuture,
            Self::Stale => Fault::Replays,
            Self::Excess => Fault::Floods,
            Self::Proposals => Fault::ProposesInvalidBlocks,
            Self::Proofs => Fault::Equivocates,
        }
    }

    /// The count that makes a finding.
    pub(super) fn begin(self) -> u64 {
        match self {
            Self::Proofs => 1,
            Self::Proposals | Self::Excess => 3,
            Self::Garbage => 5,
            Self::Signatures => 10,
            Self::Stale => 20,
            Self::Future => 50,
        }
    }

    /// How long it takes to forget one.
    pub(super) fn forgets(self) -> Duration {
        match self {
            Self::Proofs => Duration::from_secs(3_600),
            Self::Proposals => Duration::from_secs(120),
            Self::Excess => Duration::from_secs(20),
            Self::Garbage => Duration::from_secs(5),
            Self::Signatures => Duration::from_secs(3),
            Self::Stale => Duration::from_secs(1),
            Self::Future => Duration::from_millis(500),
        }
    }
}

/// A count that leaks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leaky {
    count: u64,
    /// When the last one was forgotten.
    at: Duration,
}

impl Leaky {
    /// At most `most` are counted, so that a flood is forgotten in bounded time.
    pub(super) fn add(&mut self, now: Duration, forgets: Duration, most: u64) {
        self.now(now, forgets);
        self.count = self.count.saturating_add(1).min(most);
    }

    /// The count of this moment.
    pub(super) fn now(&mut self, now: Duration, forgets: Duration) -> u64 {
        let passed = now.saturating_sub(self.at).as_millis();
        let step = forgets.as_millis().max(1);
        let gone = u64::try_from(passed / step).unwrap_or(u64::MAX);
        self.count = self.count.saturating_sub(gone);
        if self.count == 0 {
            self.at = now;
        } else {
            let whole = u32::try_from(gone).unwrap_or(u32::MAX);
            self.at = self.at.saturating_add(forgets.saturating_mul(whole));
        }
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> =
            Fault::ALL.map(Fault::name).into_iter().collect();
        assert_eq!(names.len(), Fault::ALL.len());
    }

    #[test]
    fn counts_are_forgotten_one_by_one() {
        let second = Duration::from_secs(1);
        let mut count = Leaky::default();
        for _ in 0..5 {
            count.add(10 * second, second, 100);
        }
        assert_eq!(count.now(10 * second, second), 5);
        assert_eq!(count.now(12 * second, second), 3);
        count.add(12 * second, second, 100);
        assert_eq!(count.now(15 * second + second / 2, second), 1);
        assert_eq!(count.now(16 * second, second), 0);
        for _ in 0..5_000 {
            count.add(20 * second, second, 100);
        }
        assert_eq!(count.now(20 * second, second), 100);
    }
}
