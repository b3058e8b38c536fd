//! What the audit log speaks of.

use std::fmt;

/// What happened. Its name is the `kind` of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A process began: program, version, fingerprint of its configuration.
    Start,
    /// It ended as it should, or because of an error.
    Stop,
    /// A proof that a validator broke the protocol.
    Evidence,
    /// A validator's conduct shows a fault or an attack.
    Finding,
    /// That finding does not hold any more.
    FindingEnded,
    /// A peer is kept out.
    Ban,
    /// Its ban is over.
    Unban,
    /// A peer did what no correct node does.
    Offence,
    /// Fewer validators than a quorum are in reach.
    Partition,
    /// A quorum is in reach again.
    Healed,
    /// A strategy of recovery began.
    Recovery,
    /// A new view was asked for or entered.
    ViewChange,
    /// A parameter was adjusted.
    Adjustment,
    /// A checkpoint was made, or could not be.
    Checkpoint,
    /// The store was put back to a checkpoint.
    Restore,
    /// This validator does not vote: its votes may be incomplete.
    Silence,
    /// It votes again.
    Voting,
    /// The ledger refuses a block that the validators agreed on.
    LedgerDisagreement,
    /// A write failed or was late: disk full or broken.
    Disk,
    /// The last line was cut short by a crash and has been set aside.
    Torn,
    /// The last segment has a line that does not fit; the log goes on behind it.
    Damaged,
    /// Old segments were removed.
    Removed,
    /// Lines that were not written because there were too many.
    Suppressed,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 23] = [
        Self::Start,
        Self::Stop,
        Self::Evidence,
        Self::Finding,
        Self::FindingEnded,
        Self::Ban,
        Self::Unban,
        Self::Offence,
        Self::Partition,
        Self::Healed,
        Self::Recovery,
        Self::ViewChange,
        Self::Adjustment,
        Self::Checkpoint,
        Self::Restore,
        Self::Silence,
        Self::Voting,
        Self::LedgerDisagreement,
        Self::Disk,
        Self::Torn,
        Self::Damaged,
        Self::Removed,
        Self::Suppressed,
    ];

    /// Its name in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Evidence => "evidence",
            Self::Finding => "finding",
            Self::FindingEnded => "finding-ended",
            Self::Ban => "ban",
            Self::Unban => "unban",
            Self::Offence => "offence",
            Self::Partition => "partition",
            Self::Healed => "healed",
            Self::Recovery => "recovery",
            Self::ViewChange => "view-change",
            Self::Adjustment => "adjustment",
            Self::Checkpoint => "checkpoint",
            Self::Restore => "restore",
            Self::Silence => "silence",
            Self::Voting => "voting",
            Self::LedgerDisagreement => "ledger-disagreement",
            Self::Disk => "disk",
            Self::Torn => "torn",
            Self::Damaged => "damaged",
            Self::Removed => "removed",
            Self::Suppressed => "suppressed",
        }
    }

    /// Whether a flood of other kinds must leave room for it.
    pub(crate) fn is_vital(self) -> bool {
        !matches!(
            self,
            Self::Offence | Self::ViewChange | Self::Adjustment | Self::Ban | Self::Unban
        )
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.map(Kind::name).into_iter().collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
