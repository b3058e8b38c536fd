//! The drafts of both engines, signed elsewhere.

use std::future::Future;
use std::sync::Arc;

use neo_consensus::engine::Ballots;
use neo_consensus::v2::{self, V2Engine};
use neo_consensus::v3::certificate::{Claim, justification_hash};
use neo_consensus::v3::context::MessageKind;
use neo_consensus::v3::{self, Payload, V3Engine};
use neo_primitives::{BlockBody, Encode as _, UInt256, sha256};

use super::{RemoteSigner, SignerError};
use crate::proto::votes::{PreparedClaim, SignVoteRequest};

/// A protocol whose drafts a remote signer can sign.
pub trait Remote: Ballots {
    /// The block whose header a draft signs: its body has to be given to [`Remote::sign_remotely`].
    fn signs(draft: &Self::Draft) -> Option<UInt256>;

    /// Whether the engine relies on it that this draft leaves, and makes no other in its place: all but questions and
    /// answers of recovery.
    fn is_owed(draft: &Self::Draft) -> bool;

    /// Has a draft signed. What comes back verifies under the validator's key.
    fn sign_remotely(
        draft: Self::Draft,
        signer: &RemoteSigner,
        body: Option<Arc<BlockBody>>,
    ) -> impl Future<Output = Result<Self::Own, SignerError>> + Send;
}

/// The body, if it is that of the block.
fn held(hash: UInt256, body: Option<Arc<BlockBody>>) -> Result<Arc<BlockBody>, SignerError> {
    let body = body.filter(|body| body.header.hash() == hash);
    body.ok_or(SignerError::NoBody(hash))
}

impl Remote for V2Engine {
    fn signs(draft: &v2::Draft) -> Option<UInt256> {
        draft.header()
    }

    fn is_owed(draft: &v2::Draft) -> bool {
        !matches!(
            draft.content().kind(),
            v2::Kind::RecoveryRequest | v2::Kind::RecoveryMessage
        )
    }

    async fn sign_remotely(
        draft: v2::Draft,
        signer: &RemoteSigner,
        body: Option<Arc<BlockBody>>,
    ) -> Result<v2::OwnMessage, SignerError> {
        let header = match draft.header() {
            Some(hash) => Some(signer.block(held(hash, body)?.as_ref()).await?),
            None => None,
        };
        let enveloped = draft.enveloped(header);
        let signature = signer.payload(enveloped.payload()).await?;
        Ok(v2::OwnMessage::sealed(enveloped, signature))
    }
}

impl Remote for V3Engine {
    fn signs(draft: &v3::Draft) -> Option<UInt256> {
        match draft.unsigned().payload {
            Payload::Commit { hash } => Some(hash),
            _ => None,
        }
    }

    fn is_owed(draft: &v3::Draft) -> bool {
        !matches!(
            draft.unsigned().kind(),
            MessageKind::RecoveryRequest | MessageKind::RecoveryMessage | MessageKind::Suspect
        )
    }

    async fn sign_remotely(
        draft: v3::Draft,
        signer: &RemoteSigner,
        body: Option<Arc<BlockBody>>,
    ) -> Result<v3::OwnMessage, SignerError> {
        let message = draft.unsigned();
        if let Payload::Commit { hash } = message.payload {
            let signature = signer.block(held(hash, body)?.as_ref()).await?;
            return Ok(v3::OwnMessage::sealed(draft, signature, None));
        }
        let mut request = SignVoteRequest {
            network: draft.context().magic.0,
            public_key: vec![],
            kind: i32::from(message.kind() as u8),
            height: message.height.0,
            view: message.view.0,
            prev_hash: draft.context().prev_hash.as_wire().to_vec(),
            ..SignVoteRequest::default()
        };
        say(&mut request, &message.payload);
        // The leader's Prepare goes first: it says the same, and without it the proposal is none.
        let prepare = match draft.prepare_preimage() {
            Some(preimage) => {
                let prepare = i32::from(MessageKind::Prepare as u8);
                let prepare = SignVoteRequest {
                    kind: prepare,
                    ..request.clone()
                };
                Some(signer.vote(prepare, &preimage).await?)
            }
            None => None,
        };
        let preimage = message.preimage(draft.context());
        let signature = signer.vote(request, &preimage).await?;
        Ok(v3::OwnMessage::sealed(draft, signature, prepare))
    }
}

/// Fills in what a payload says.
fn say(request: &mut SignVoteRequest, payload: &Payload) {
    let wire = |hash: &UInt256| hash.as_wire().to_vec();
    match payload {
        Payload::Proposal(proposal) => {
            request.hash = wire(&proposal.header.hash());
            request.justification = wire(&justification_hash(proposal.justification.as_ref()));
        }
        Payload::Prepare {
            hash,
            justification,
        } => {
            request.hash = wire(hash);
            request.justification = wire(justification);
        }
        Payload::PreCommit { hash } | Payload::Commit { hash } => request.hash = wire(hash),
        Payload::ChangeView(change) => request.claim = claim(&change.claim),
        Payload::Suspect => {}
        Payload::RecoveryRequest(_) | Payload::RecoveryMessage(_) => {
            request.hash = sha256(&payload.to_bytes()).to_vec();
        }
    }
}

fn claim(claim: &Claim) -> Option<PreparedClaim> {
    claim.as_ref().map(|claim| PreparedClaim {
        view: claim.view.0,
        hash: claim.hash.as_wire().to_vec(),
    })
}
