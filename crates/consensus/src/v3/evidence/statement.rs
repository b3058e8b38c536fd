//! What a validator signed, and nothing else.
//!
//! Messages carry parts that nobody signs: short ids, reasons, certificates beside a claim. A proof
//! leaves them out, so that every one of its bytes matters.

use std::fmt;

use neo_primitives::{Encode, Header, Signature, UInt256, ValidatorIndex, sign_data};

use crate::v3::certificate::{Claim, claim_bytes, hash_and_justification, justification_hash};
use crate::v3::context::{HeightContext, MessageKind};
use crate::v3::message::{Message, Payload};
use crate::validators::View;

/// One signed statement of one validator. Its height and the previous block are those of the
/// [`super::Evidence`] around it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Statement {
    /// Who signed.
    pub sender: ValidatorIndex,
    /// The view it is about; of a ChangeView the view asked for, of a header always 0.
    pub view: View,
    /// What it says.
    pub says: Says,
    /// The signature over [`Statement::preimage`].
    pub signature: Signature,
}

/// The signed body of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Says {
    /// A Proposal.
    Proposal {
        /// The block.
        hash: UInt256,
        /// Hash of the justification.
        justification: UInt256,
    },
    /// A Prepare.
    Prepare {
        /// The block.
        hash: UInt256,
        /// Hash of the justification.
        justification: UInt256,
    },
    /// A PreCommit.
    PreCommit {
        /// The block.
        hash: UInt256,
    },
    /// A ChangeView.
    ChangeView {
        /// The prepared certificate it admits to.
        claim: Claim,
    },
    /// A header signature. It covers no height but that of the header, so the header is part of it.
    Commit {
        /// The header.
        header: Header,
    },
}

impl Says {
    /// What is signed besides network, height and view: section 3 for votes, the header itself for a
    /// header signature.
    pub(super) fn body(&self) -> Vec<u8> {
        match self {
            Self::Proposal {
                hash,
                justification,
            }
            | Self::Prepare {
                hash,
                justification,
            } => hash_and_justification(hash, justification).to_vec(),
            Self::PreCommit { hash } => hash.as_wire().to_vec(),
            Self::ChangeView { claim } => claim_bytes(claim),
            Self::Commit { header } => header.to_bytes(),
        }
    }

    fn ballot(&self) -> Option<(UInt256, UInt256)> {
        match self {
            Self::Proposal {
                hash,
                justification,
            }
            | Self::Prepare {
                hash,
                justification,
            } => Some((*hash, *justification)),
            _ => None,
        }
    }
}

impl Statement {
    /// What a message says and signs; `None` for messages that bind nobody, and for a header signature
    /// whose header `header` does not find.
    #[must_use]
    pub fn of(message: &Message, header: impl Fn(&UInt256) -> Option<Header>) -> Option<Self> {
        let says = match &message.payload {
            Payload::Proposal(proposal) => Says::Proposal {
                hash: proposal.header.hash(),
                justification: justification_hash(proposal.justification.as_ref()),
            },
            Payload::Prepare {
                hash,
                justification,
            } => Says::Prepare {
                hash: *hash,
                justification: *justification,
            },
            Payload::PreCommit { hash } => Says::PreCommit { hash: *hash },
            Payload::ChangeView(change) => Says::ChangeView {
                claim: change.claim,
            },
            Payload::Commit { hash } => Says::Commit {
                header: header(hash).filter(|header| header.hash() == *hash)?,
            },
            Payload::Suspect | Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => {
                return None;
            }
        };
        let of_a_header = matches!(says, Says::Commit { .. });
        Some(Self {
            sender: message.sender,
            view: if of_a_header {
                View::ZERO
            } else {
                message.view
            },
            says,
            signature: message.signature,
        })
    }

    /// The kind of the message it was made of.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        match self.says {
            Says::Proposal { .. } => MessageKind::Proposal,
            Says::Prepare { .. } => MessageKind::Prepare,
            Says::PreCommit { .. } => MessageKind::PreCommit,
            Says::ChangeView { .. } => MessageKind::ChangeView,
            Says::Commit { .. } => MessageKind::Commit,
        }
    }

    /// The bytes its signature covers (protocol section 2).
    #[must_use]
    pub fn preimage(&self, context: &HeightContext) -> Vec<u8> {
        match &self.says {
            Says::Commit { header } => sign_data(context.magic, &header.hash()).to_vec(),
            says => context.preimage(self.kind(), self.view, &says.body()),
        }
    }

    /// Block and justification of a Proposal or Prepare.
    #[must_use]
    pub fn ballot(&self) -> Option<(UInt256, UInt256)> {
        self.says.ballot()
    }

    /// Whether the two take one place and say different things (rule 1; for headers rule 6).
    pub(super) fn contradicts(&self, other: &Self) -> bool {
        if self.view != other.view {
            return false;
        }
        match (self.says, other.says) {
            (Says::PreCommit { hash: a }, Says::PreCommit { hash: b }) => a != b,
            (Says::ChangeView { claim: a }, Says::ChangeView { claim: b }) => a != b,
            (Says::Commit { header: a }, Says::Commit { header: b }) => {
                a.index == b.index && a.prev_hash == b.prev_hash && a != b
            }
            _ => match (self.ballot(), other.ballot()) {
                (Some(a), Some(b)) => a != b,
                _ => false,
            },
        }
    }

    /// Whether this is a PreCommit that the other, a ChangeView for a higher view, denies.
    pub(super) fn is_forgotten_by(&self, other: &Self) -> bool {
        let (Says::PreCommit { hash }, Says::ChangeView { claim }) = (self.says, other.says) else {
            return false;
        };
        other.view > self.view && falls_short(&claim, self.view, Some(hash))
    }

    /// Whether both are ChangeViews, this one for a higher target, and it claims less.
    pub(super) fn claims_less_than(&self, earlier: &Self) -> bool {
        let (
            Says::ChangeView { claim },
            Says::ChangeView {
                claim: Some(before),
            },
        ) = (self.says, earlier.says)
        else {
            return false;
        };
        self.view > earlier.view && falls_short(&claim, before.view, Some(before.hash))
    }

    /// Whether no honest validator signs this in any state.
    pub(super) fn is_impossible(&self) -> bool {
        match self.says {
            Says::ChangeView { claim } => {
                self.view == View::ZERO || claim.is_some_and(|claim| claim.view >= self.view)
            }
            _ => self.ballot().is_some_and(|(_, justification)| {
                (self.view == View::ZERO) != justification.is_zero()
            }),
        }
    }
}

/// Whether a claim is less than a certificate of `view`, or names another block of that view.
pub(super) fn falls_short(claim: &Claim, view: View, hash: Option<UInt256>) -> bool {
    match claim {
        None => true,
        Some(claim) if claim.view == view => hash.is_some_and(|hash| hash != claim.hash),
        Some(claim) => claim.view < view,
    }
}

/// The bytes of a statement, by which the two of a contradiction are ordered.
pub(super) fn bytes(statement: &Statement) -> Vec<u8> {
    statement.to_bytes()
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.view;
        match &self.says {
            Says::Proposal {
                hash,
                justification,
            } => write!(f, "Proposal of view {view} on {hash} by {justification}"),
            Says::Prepare {
                hash,
                justification,
            } => write!(f, "Prepare of view {view} on {hash} by {justification}"),
            Says::PreCommit { hash } => write!(f, "PreCommit of view {view} on {hash}"),
            Says::ChangeView { claim: None } => {
                write!(f, "ChangeView for view {view} that claims nothing")
            }
            Says::ChangeView { claim: Some(claim) } => write!(
                f,
                "ChangeView for view {view} that claims {} of view {}",
                claim.hash, claim.view
            ),
            Says::Commit { header } => write!(f, "signature of header {}", header.hash()),
        }
    }
}

/// Whether two messages of one height contradict each other as they are (protocol section 5, rule 1).
/// Of header signatures that needs their headers to be known as ones of this height.
pub(in crate::v3) fn conflict(first: &Message, second: &Message) -> bool {
    let comparable =
        first.sender == second.sender && first.height == second.height && first.view == second.view;
    if !comparable {
        return false;
    }
    match (&first.payload, &second.payload) {
        (Payload::Commit { hash: a }, Payload::Commit { hash: b }) => a != b,
        _ if first.kind() != second.kind() => false,
        _ => {
            let statement = |message| Statement::of(message, |_| None);
            match (statement(first), statement(second)) {
                (Some(first), Some(second)) => first.contradicts(&second),
                _ => false,
            }
        }
    }
}
