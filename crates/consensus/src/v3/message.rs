//! The messages of dBFT 3.0 and the bytes each of them signs (protocol section 3).

use std::sync::Arc;

use neo_primitives::{
    Encode, Header, Height, Signature, UInt256, ValidatorIndex, sha256, sign_data,
};

use super::certificate::{
    Claim, Decision, PreparedCertificate, ViewChangeCertificate, claim_bytes,
    hash_and_justification, justification_hash,
};
use super::context::{HeightContext, MessageKind};
use crate::index_set::IndexSet;
use crate::validators::View;

pub use crate::engine::Signer;
pub use neo_primitives::{ShortId, short_id};

/// One signed message of one validator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// Height it is about.
    pub height: Height,
    /// View it is about; of a ChangeView the view asked for, of a Commit always 0.
    pub view: View,
    /// The signing validator.
    pub sender: ValidatorIndex,
    /// Signature over [`Message::preimage`].
    pub signature: Signature,
    /// The rest.
    pub payload: Payload,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Payload {
    /// A leader's block.
    Proposal(Arc<Proposal>),
    /// "I checked this proposal and hold its body."
    Prepare {
        /// The block.
        hash: UInt256,
        /// Justification hash of the proposal.
        justification: UInt256,
    },
    /// "I hold PC(v,H)."
    PreCommit {
        /// The block.
        hash: UInt256,
    },
    /// The Neo header signature of the decided block.
    Commit {
        /// The block.
        hash: UInt256,
    },
    /// "I left all views below this one."
    ChangeView(Arc<ChangeView>),
    /// "The leader of this view seems gone."
    Suspect,
    /// What the sender has and lacks.
    RecoveryRequest(RecoveryRequest),
    /// Certificates and votes that the receiver may lack.
    RecoveryMessage(Arc<RecoveryMessage>),
}

/// The unsigned and signed parts of a Proposal. Signed are the header's hash and the justification's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposal {
    /// The proposed header.
    pub header: Header,
    /// Short ids of its transactions, in block order.
    pub transactions: Vec<ShortId>,
    /// TC of its view; none at view 0.
    pub justification: Option<ViewChangeCertificate>,
    /// What decided the block before; lets a lagging validator catch up. None once that is stored
    /// and the proof forgotten.
    pub parent: Option<Decision>,
    /// The leader's own Prepare.
    pub prepare: Signature,
}

/// A ChangeView's claim, the certificate that backs it, and why.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChangeView {
    /// The highest prepared certificate held when it was signed.
    pub claim: Claim,
    /// That certificate; unsigned. May be missing above 32 validators.
    pub prepared: Option<PreparedCertificate>,
    /// Unsigned hint.
    pub reason: ChangeViewReason,
}

/// Why a validator asks for a new view; an unsigned hint for logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ChangeViewReason {
    /// The view's timer ran out.
    Timeout = 0,
    /// f+1 validators asked.
    Joined = 1,
    /// The leader signed two proposals of one view.
    Equivocation = 2,
    /// The leader's header or justification is malformed.
    InvalidProposal = 3,
    /// The leader itself asked for a higher view.
    LeaderResigned = 4,
    /// M validators suspect the leader.
    Suspected = 5,
}

impl ChangeViewReason {
    /// The reason with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        [
            Self::Timeout,
            Self::Joined,
            Self::Equivocation,
            Self::InvalidProposal,
            Self::LeaderResigned,
            Self::Suspected,
        ]
        .into_iter()
        .find(|reason| *reason as u8 == number)
    }
}

/// What the sender of a request has of its height; the answer holds what it lacks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecoveryRequest {
    /// Fresh number; the answer repeats it. 0 asks for no report of stored heights.
    pub nonce: u64,
    /// The asker's previous block, so that a validator that is ahead can sign its answer.
    pub prev_hash: UInt256,
    /// Whether it holds the proposal of its view.
    pub has_proposal: bool,
    /// Prepares it holds of its view.
    pub prepares: IndexSet,
    /// PreCommits it holds of its view.
    pub pre_commits: IndexSet,
    /// Validators whose ChangeView above its view it holds.
    pub change_views: IndexSet,
    /// Header signatures it holds of the decided block.
    pub commits: IndexSet,
    /// View of its highest prepared certificate.
    pub prepared: Option<View>,
    /// Whether it knows the decision.
    pub decided: bool,
}

/// Certificates and votes, each verifiable by itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecoveryMessage {
    /// Nonce of the request, or 0.
    pub nonce: u64,
    /// Greatest height that the sender has stored.
    pub stored: Height,
    /// The TC by which the sender entered its view.
    pub view_change: Option<ViewChangeCertificate>,
    /// Its highest prepared certificate.
    pub prepared: Option<PreparedCertificate>,
    /// What decided the height.
    pub decision: Option<Decision>,
    /// A proposal and votes as their senders signed them, of the same height.
    pub messages: Vec<Message>,
}

impl Message {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.payload.kind()
    }

    /// The bytes its signature covers (protocol section 2); of a Commit those of a Neo header.
    #[must_use]
    pub fn preimage(&self, context: &HeightContext) -> Vec<u8> {
        if let Payload::Commit { hash } = &self.payload {
            return sign_data(context.magic, hash).to_vec();
        }
        context.preimage(self.kind(), self.view, &self.payload.signed_body())
    }

    /// A ChangeView without the certificate that backs it, which is not signed; anything else as it is.
    #[must_use]
    pub fn without_certificate(&self) -> Self {
        let mut message = self.clone();
        if let Payload::ChangeView(change) = &mut message.payload {
            Arc::make_mut(change).prepared = None;
        }
        message
    }

    /// The block that a proposal or vote names.
    #[must_use]
    pub fn block(&self) -> Option<UInt256> {
        match &self.payload {
            Payload::Proposal(proposal) => Some(proposal.header.hash()),
            Payload::Prepare { hash, .. }
            | Payload::PreCommit { hash }
            | Payload::Commit { hash } => Some(*hash),
            _ => None,
        }
    }
}

impl Payload {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        match self {
            Self::Proposal(_) => MessageKind::Proposal,
            Self::Prepare { .. } => MessageKind::Prepare,
            Self::PreCommit { .. } => MessageKind::PreCommit,
            Self::Commit { .. } => MessageKind::Commit,
            Self::ChangeView(_) => MessageKind::ChangeView,
            Self::Suspect => MessageKind::Suspect,
            Self::RecoveryRequest(_) => MessageKind::RecoveryRequest,
            Self::RecoveryMessage(_) => MessageKind::RecoveryMessage,
        }
    }

    fn signed_body(&self) -> Vec<u8> {
        match self {
            Self::Proposal(proposal) => hash_and_justification(
                &proposal.header.hash(),
                &justification_hash(proposal.justification.as_ref()),
            )
            .to_vec(),
            Self::Prepare {
                hash,
                justification,
            } => hash_and_justification(hash, justification).to_vec(),
            Self::PreCommit { hash } | Self::Commit { hash } => hash.as_wire().to_vec(),
            Self::ChangeView(change) => claim_bytes(&change.claim),
            Self::Suspect => Vec::new(),
            Self::RecoveryRequest(_) | Self::RecoveryMessage(_) => {
                sha256(&self.to_bytes()).to_vec()
            }
        }
    }
}

/// A message that the engine wants to send and that is still to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    message: Message,
    context: Arc<HeightContext>,
}

impl Draft {
    pub(super) fn new(
        context: &Arc<HeightContext>,
        sender: ValidatorIndex,
        view: View,
        payload: Payload,
    ) -> Self {
        let message = Message {
            height: context.height,
            view,
            sender,
            signature: Signature([0; 64]),
            payload,
        };
        Self {
            message,
            context: Arc::clone(context),
        }
    }

    /// See [`Message::without_certificate`].
    #[must_use]
    pub(super) fn without_certificate(self) -> Self {
        Self {
            message: self.message.without_certificate(),
            context: self.context,
        }
    }

    /// The message without its signature.
    #[must_use]
    pub fn unsigned(&self) -> &Message {
        &self.message
    }

    /// The height it belongs to.
    #[must_use]
    pub fn context(&self) -> &Arc<HeightContext> {
        &self.context
    }

    /// Of a proposal: what the leader's own Prepare in it signs.
    #[must_use]
    pub fn prepare_preimage(&self) -> Option<Vec<u8>> {
        let Payload::Proposal(proposal) = &self.message.payload else {
            return None;
        };
        let body = hash_and_justification(
            &proposal.header.hash(),
            &justification_hash(proposal.justification.as_ref()),
        );
        let prepare = MessageKind::Prepare;
        Some(self.context.preimage(prepare, self.message.view, &body))
    }

    /// The message with its signature, and in a proposal that of the leader's Prepare.
    #[must_use]
    pub fn sealed(self, signature: Signature, prepare: Option<Signature>) -> Message {
        let mut message = self.message;
        if let (Some(prepare), Payload::Proposal(proposal)) = (prepare, &mut message.payload) {
            Arc::make_mut(proposal).prepare = prepare;
        }
        message.signature = signature;
        message
    }

    /// Signs it; a proposal also carries the leader's Prepare.
    #[must_use]
    pub fn sign(self, signer: &dyn Signer) -> Message {
        let prepare = self.prepare_preimage();
        let prepare = prepare.map(|preimage| signer.sign(&preimage));
        let signature = signer.sign(&self.message.preimage(&self.context));
        self.sealed(signature, prepare)
    }
}
