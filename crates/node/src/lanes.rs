//! Which message goes into which lane of the network.

use neo_consensus::v3::Message;
use neo_consensus::v3::context::MessageKind;
use neo_network::Priority;

/// The lane of a message (protocol section 10 and the router's priorities).
pub(crate) fn priority(message: &Message) -> Priority {
    match message.kind() {
        MessageKind::Commit => Priority::Commit,
        MessageKind::ChangeView | MessageKind::Suspect => Priority::ViewChange,
        MessageKind::PreCommit => Priority::PreCommit,
        MessageKind::Prepare => Priority::Prepare,
        MessageKind::Proposal => Priority::Proposal,
        MessageKind::RecoveryRequest | MessageKind::RecoveryMessage => Priority::Recovery,
    }
}

/// Name of a kind for metrics and logs.
pub(crate) fn name(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Proposal => "proposal",
        MessageKind::Prepare => "prepare",
        MessageKind::PreCommit => "pre_commit",
        MessageKind::ChangeView => "change_view",
        MessageKind::RecoveryRequest => "recovery_request",
        MessageKind::RecoveryMessage => "recovery_message",
        MessageKind::Suspect => "suspect",
        MessageKind::Commit => "commit",
    }
}
