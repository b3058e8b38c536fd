//! Two signed messages that no honest validator sends both (protocol section 6).

use neo_primitives::ValidatorIndex;

use super::context::MessageKind;
use super::message::{Message, Payload};
use super::safety::justification_of;

/// A validator contradicted itself: both messages carry its valid signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The one seen first.
    pub first: Message,
    /// The one that contradicts it.
    pub second: Message,
}

impl Evidence {
    /// The two messages as evidence, when they are of one validator, kind, height and view and sign
    /// different things.
    #[must_use]
    pub fn of_two(first: &Message, second: &Message) -> Option<Self> {
        let comparable = first.sender == second.sender
            && first.kind() == second.kind()
            && first.height == second.height
            && first.view == second.view;
        let differ = match (&first.payload, &second.payload) {
            (Payload::Proposal(a), Payload::Proposal(b)) => {
                a.header != b.header || justification_of(a) != justification_of(b)
            }
            (Payload::ChangeView(a), Payload::ChangeView(b)) => a.claim != b.claim,
            (Payload::Prepare { .. }, _)
            | (Payload::PreCommit { .. }, _)
            | (Payload::Commit { .. }, _) => first.payload != second.payload,
            _ => false,
        };
        (comparable && differ).then(|| Self {
            first: first.clone(),
            second: second.clone(),
        })
    }

    /// Whom it convicts.
    #[must_use]
    pub fn culprit(&self) -> ValidatorIndex {
        self.first.sender
    }

    /// The kind of both messages.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.first.kind()
    }
}
