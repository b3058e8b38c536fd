//! Requests for the tests.

use neo_consensus::v2::{Body, ChangeView, Content, PrepareRequest, Reason};
use neo_consensus::v3::context::MessageKind;
use neo_primitives::{Encode as _, Height, Magic, PrivateKey, Signature, UInt256, ValidatorIndex};

use crate::proto::signpb::{BlockHeader, ExtensiblePayload, TrimmedBlock};
use crate::proto::votes::SignVoteRequest;

pub(crate) const MAGIC: Magic = Magic(56_753);

/// The key of all tests.
pub(crate) fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[7; 32]).unwrap()
}

/// An empty block of a height; another nonce makes another block.
pub(crate) fn block(height: u32, nonce: u64) -> TrimmedBlock {
    TrimmedBlock {
        header: Some(BlockHeader {
            version: 0,
            prev_hash: vec![1; 32],
            merkle_root: vec![0; 32],
            timestamp: 1_700_000_000_000,
            nonce,
            index: height,
            primary_index: 0,
            next_consensus: vec![2; 20],
        }),
        tx_hashes: vec![],
    }
}

/// The envelope of a content by [`key`].
pub(crate) fn payload(content: &Content) -> ExtensiblePayload {
    ExtensiblePayload {
        category: "dBFT".to_owned(),
        valid_block_start: 0,
        valid_block_end: content.height.0,
        sender: key().public_key().script_hash().as_wire().to_vec(),
        data: content.to_bytes(),
    }
}

fn content(height: u32, view: u8, body: Body) -> Content {
    Content {
        height: Height(height),
        validator: ValidatorIndex(1),
        view,
        body,
    }
}

/// A PrepareRequest; another nonce makes another one.
pub(crate) fn request(height: u32, view: u8, nonce: u64) -> Content {
    let request = PrepareRequest {
        version: 0,
        prev_hash: UInt256::ZERO,
        timestamp: 1,
        nonce,
        hashes: vec![],
    };
    content(height, view, Body::PrepareRequest(request))
}

/// A PrepareResponse.
pub(crate) fn response(height: u32, view: u8, preparation: UInt256) -> Content {
    content(height, view, Body::PrepareResponse { preparation })
}

/// A Commit.
pub(crate) fn commit(height: u32, view: u8, signature: Signature) -> Content {
    content(height, view, Body::Commit { signature })
}

/// A ChangeView.
pub(crate) fn change_view(height: u32, view: u8, timestamp: u64) -> Content {
    let change = ChangeView {
        timestamp,
        reason: Reason::Timeout,
        rejected: None,
    };
    content(height, view, Body::ChangeView(change))
}

/// A vote with the fields that its kind has; `block` fills the hash that it names.
pub(crate) fn vote(kind: MessageKind, height: u32, view: u32, block: u8) -> SignVoteRequest {
    let named = !matches!(kind, MessageKind::ChangeView | MessageKind::Suspect);
    let justified = matches!(kind, MessageKind::Proposal | MessageKind::Prepare);
    SignVoteRequest {
        network: MAGIC.0,
        public_key: key().public_key().as_bytes().to_vec(),
        kind: i32::from(kind as u8),
        height,
        view,
        prev_hash: vec![7; 32],
        hash: if named { vec![block; 32] } else { vec![] },
        justification: if justified { vec![0; 32] } else { vec![] },
        claim: None,
    }
}
