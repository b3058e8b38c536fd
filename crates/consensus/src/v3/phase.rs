//! The phases of a height and the only ways between them (protocol section 4).
//!
//! | phase              | trigger               | next phase         |
//! |--------------------|-----------------------|--------------------|
//! | Initialization     | LedgerReady           | PrePrepare         |
//! | Initialization     | RecoveryBegun         | Recovery           |
//! | PrePrepare         | Prepared              | Prepare            |
//! | PrePrepare         | PreparedCertificate   | PreCommit          |
//! | Prepare            | PreparedCertificate   | PreCommit          |
//! | PrePrepare, Prepare, PreCommit | ViewEntered | PrePrepare      |
//! | PrePrepare, Prepare, PreCommit | Decided     | Commit          |
//! | Recovery           | Recovered(phase)      | that phase         |
//! | Recovery           | ViewEntered           | Recovery           |
//! | Recovery           | Decided               | Commit             |
//! | Commit             | WitnessComplete       | BlockPersistence   |
//! | any but Initialization | Stored            | (the height is retired) |
//!
//! Everything else is refused and reported.

use std::fmt;

/// Phase of a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Waits for the ledger to be ready for the height.
    Initialization,
    /// Waits for a valid proposal of the view, and its body.
    PrePrepare,
    /// Waits for M Prepares.
    Prepare,
    /// Waits for M PreCommits.
    PreCommit,
    /// Decided; waits for M header signatures.
    Commit,
    /// Waits for the ledger to store the block durably.
    BlockPersistence,
    /// Restored from the vote log, or silent because that was lost.
    Recovery,
}

impl Phase {
    /// All phases.
    pub const ALL: [Self; 7] = [
        Self::Initialization,
        Self::PrePrepare,
        Self::Prepare,
        Self::PreCommit,
        Self::Commit,
        Self::BlockPersistence,
        Self::Recovery,
    ];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What moves a height from phase to phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// The ledger is ready and the leader order known.
    LedgerReady,
    /// A restored or silent height begins.
    RecoveryBegun,
    /// The restored state implies this phase.
    Recovered(Phase),
    /// The own Prepare of the view is durable.
    Prepared,
    /// PC(v,H) of the current view.
    PreparedCertificate,
    /// A higher view.
    ViewEntered,
    /// CC(v,H) of any view, or f+1 header signatures.
    Decided,
    /// M header signatures and the body.
    WitnessComplete,
    /// The block is stored durably.
    Stored,
}

/// Where a trigger leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// To a phase.
    Phase(Phase),
    /// The height is done.
    Retired,
}

/// The table above; `None` is a refused transition.
#[must_use]
pub fn next(phase: Phase, trigger: Trigger) -> Option<Next> {
    use Phase::{
        BlockPersistence, Commit, Initialization, PreCommit, PrePrepare, Prepare, Recovery,
    };
    let to = match (phase, trigger) {
        (Initialization, Trigger::LedgerReady) => PrePrepare,
        (Initialization, Trigger::RecoveryBegun) => Recovery,
        (PrePrepare, Trigger::Prepared) => Prepare,
        (PrePrepare | Prepare, Trigger::PreparedCertificate) => PreCommit,
        (PrePrepare | Prepare | PreCommit, Trigger::ViewEntered) => PrePrepare,
        (Recovery, Trigger::ViewEntered) => Recovery,
        (Recovery, Trigger::Recovered(implied @ (PrePrepare | Prepare | PreCommit))) => implied,
        (PrePrepare | Prepare | PreCommit | Recovery, Trigger::Decided) => Commit,
        (Commit, Trigger::WitnessComplete) => BlockPersistence,
        (
            PrePrepare | Prepare | PreCommit | Commit | BlockPersistence | Recovery,
            Trigger::Stored,
        ) => {
            return Some(Next::Retired);
        }
        _ => return None,
    };
    Some(Next::Phase(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Phase::*;

    /// Row by row what is allowed, written independently of the match above.
    const ROWS: &[(Phase, Trigger, Option<Phase>)] = &[
        (Initialization, Trigger::LedgerReady, Some(PrePrepare)),
        (Initialization, Trigger::RecoveryBegun, Some(Recovery)),
        (PrePrepare, Trigger::Prepared, Some(Prepare)),
        (PrePrepare, Trigger::PreparedCertificate, Some(PreCommit)),
        (PrePrepare, Trigger::ViewEntered, Some(PrePrepare)),
        (PrePrepare, Trigger::Decided, Some(Commit)),
        (PrePrepare, Trigger::Stored, None),
        (Prepare, Trigger::PreparedCertificate, Some(PreCommit)),
        (Prepare, Trigger::ViewEntered, Some(PrePrepare)),
        (Prepare, Trigger::Decided, Some(Commit)),
        (Prepare, Trigger::Stored, None),
        (PreCommit, Trigger::ViewEntered, Some(PrePrepare)),
        (PreCommit, Trigger::Decided, Some(Commit)),
        (PreCommit, Trigger::Stored, None),
        (Commit, Trigger::WitnessComplete, Some(BlockPersistence)),
        (Commit, Trigger::Stored, None),
        (BlockPersistence, Trigger::Stored, None),
        (Recovery, Trigger::Recovered(PrePrepare), Some(PrePrepare)),
        (Recovery, Trigger::Recovered(Prepare), Some(Prepare)),
        (Recovery, Trigger::Recovered(PreCommit), Some(PreCommit)),
        (Recovery, Trigger::ViewEntered, Some(Recovery)),
        (Recovery, Trigger::Decided, Some(Commit)),
        (Recovery, Trigger::Stored, None),
    ];

    fn triggers() -> Vec<Trigger> {
        let mut all = vec![
            Trigger::LedgerReady,
            Trigger::RecoveryBegun,
            Trigger::Prepared,
            Trigger::PreparedCertificate,
            Trigger::ViewEntered,
            Trigger::Decided,
            Trigger::WitnessComplete,
            Trigger::Stored,
        ];
        all.extend(Phase::ALL.map(Trigger::Recovered));
        all
    }

    #[test]
    fn every_pair_is_a_row_or_refused() {
        for phase in Phase::ALL {
            for trigger in triggers() {
                let row = ROWS.iter().find(|(p, t, _)| *p == phase && *t == trigger);
                let expected = row.map(|(_, _, to)| to.map_or(Next::Retired, Next::Phase));
                assert_eq!(next(phase, trigger), expected, "{phase} on {trigger:?}");
            }
        }
    }
}
