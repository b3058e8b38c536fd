//! The eight priorities of outgoing messages.

use std::fmt;

/// What an outgoing message is worth when not everything can leave at once.
/// Declared highest first; `Commit < ViewChange` in the derived order means "leaves earlier".
///
/// The first six travel between validators only; [`Priority::Transactions`] and [`Priority::Sync`] go to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// Header signatures of a decided block.
    Commit = 0,
    /// `ChangeView` messages and view-change certificates.
    ViewChange = 1,
    /// `PreCommit` votes and commit certificates.
    PreCommit = 2,
    /// `Prepare` votes and prepared certificates.
    Prepare = 3,
    /// Proposals.
    Proposal = 4,
    /// Requests for what is missing, and the answers.
    Recovery = 5,
    /// Batches of transactions.
    Transactions = 6,
    /// Stored blocks pushed to a peer that lacks them.
    Sync = 7,
}

impl Priority {
    /// How many priorities there are.
    pub const COUNT: usize = 8;

    /// All priorities, highest first.
    pub const ALL: [Priority; Priority::COUNT] = [
        Priority::Commit,
        Priority::ViewChange,
        Priority::PreCommit,
        Priority::Prepare,
        Priority::Proposal,
        Priority::Recovery,
        Priority::Transactions,
        Priority::Sync,
    ];

    /// Position in [`Priority::ALL`], also the byte that stands for it on the wire.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }

    /// The priority that `byte` stands for on the wire, if any.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Priority> {
        Priority::ALL.get(usize::from(byte)).copied()
    }

    /// Whether messages of this priority may only pass between validators.
    #[must_use]
    pub fn is_consensus(self) -> bool {
        self <= Priority::Recovery
    }

    /// Name in snake case, as metrics label it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Priority::Commit => "commit",
            Priority::ViewChange => "view_change",
            Priority::PreCommit => "pre_commit",
            Priority::Prepare => "prepare",
            Priority::Proposal => "proposal",
            Priority::Recovery => "recovery",
            Priority::Transactions => "transactions",
            Priority::Sync => "sync",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_positions_agree() {
        for (position, priority) in Priority::ALL.into_iter().enumerate() {
            assert_eq!(priority.index(), position);
            assert_eq!(Priority::from_byte(position as u8), Some(priority));
        }
        assert_eq!(Priority::from_byte(8), None);
    }

    #[test]
    fn only_the_last_two_reach_strangers() {
        let open: Vec<_> = Priority::ALL
            .into_iter()
            .filter(|p| !p.is_consensus())
            .collect();
        assert_eq!(open, [Priority::Transactions, Priority::Sync]);
    }
}
