//! Kinds of messages, those of consensus and the others that travel between nodes.

use std::fmt;

use neo_consensus::v3::context::MessageKind;
use serde::{Deserialize, Serialize};

/// Kind of a message between nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A leader's block for a view.
    Proposal,
    /// "I checked this proposal and hold its body."
    Prepare,
    /// "I hold a prepared certificate of this view."
    PreCommit,
    /// "I left all views below this one."
    ChangeView,
    /// "This is what I have and what I lack."
    RecoveryRequest,
    /// The answer to it, and the carrier of forwarded certificates.
    RecoveryMessage,
    /// "The leader of this view seems gone."
    Suspect,
    /// The header signature of the decided block.
    Commit,
    /// Bytes that are no message.
    Garbage,
    /// A question for a body, for transactions or for hashes of a block.
    Fetch,
    /// The answer to it.
    FetchAnswer,
    /// A question for stored blocks.
    Sync,
    /// The answer to it.
    SyncAnswer,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 13] = [
        Self::Proposal,
        Self::Prepare,
        Self::PreCommit,
        Self::ChangeView,
        Self::RecoveryRequest,
        Self::RecoveryMessage,
        Self::Suspect,
        Self::Commit,
        Self::Garbage,
        Self::Fetch,
        Self::FetchAnswer,
        Self::Sync,
        Self::SyncAnswer,
    ];

    /// Whether it is a message of consensus, well formed or not.
    #[must_use]
    pub fn is_consensus(self) -> bool {
        !matches!(
            self,
            Self::Fetch | Self::FetchAnswer | Self::Sync | Self::SyncAnswer
        )
    }

    /// Its name as in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Proposal => "proposal",
            Self::Prepare => "prepare",
            Self::PreCommit => "pre_commit",
            Self::ChangeView => "change_view",
            Self::RecoveryRequest => "recovery_request",
            Self::RecoveryMessage => "recovery_message",
            Self::Suspect => "suspect",
            Self::Commit => "commit",
            Self::Garbage => "garbage",
            Self::Fetch => "fetch",
            Self::FetchAnswer => "fetch_answer",
            Self::Sync => "sync",
            Self::SyncAnswer => "sync_answer",
        }
    }
}

impl From<MessageKind> for Kind {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Proposal => Self::Proposal,
            MessageKind::Prepare => Self::Prepare,
            MessageKind::PreCommit => Self::PreCommit,
            MessageKind::ChangeView => Self::ChangeView,
            MessageKind::RecoveryRequest => Self::RecoveryRequest,
            MessageKind::RecoveryMessage => Self::RecoveryMessage,
            MessageKind::Suspect => Self::Suspect,
            MessageKind::Commit => Self::Commit,
        }
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
    fn names_are_those_of_json() {
        for kind in Kind::ALL {
            assert_eq!(
                serde_json::to_string(&kind).unwrap(),
                format!("\"{}\"", kind.name())
            );
        }
    }
}
