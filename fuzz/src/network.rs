//! A network of four validators with ideal signatures, for targets that need valid votes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use neo_consensus::ValidatorSet;
use neo_consensus::View;
use neo_consensus::v3::certificate::{hash_and_justification, justification_hash};
use neo_consensus::v3::context::{HeightContext, MessageKind};
use neo_consensus::v3::message::{Proposal, short_id};
use neo_consensus::v3::{Message, Payload, Signer};
use neo_invariants::ideal::IdealSigner;
use neo_primitives::{
    BlockBody, Header, Height, Magic, PrivateKey, PublicKey, Signature, UInt160, UInt256,
    ValidatorIndex,
};

/// Number of validators.
pub const VALIDATORS: u8 = 4;
/// Network magic.
pub const MAGIC: Magic = Magic(0x0033_3546);

/// The validators of every height.
pub struct Network {
    /// Their keys by index.
    pub keys: Vec<PublicKey>,
    /// The same as a set.
    pub validators: Arc<ValidatorSet>,
}

/// Keys of the validators by index; making one takes longer than most inputs.
fn keys() -> &'static [PublicKey] {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let key = |seed| PrivateKey::from_bytes(&[seed; 32]).expect("a private key");
        let mut keys: Vec<_> = (1..=VALIDATORS)
            .map(|seed| key(seed).public_key().clone())
            .collect();
        keys.sort();
        keys
    })
}

impl Default for Network {
    fn default() -> Self {
        let keys = keys().to_vec();
        let validators = Arc::new(ValidatorSet::new(keys.clone()).expect("four validators"));
        Self { keys, validators }
    }
}

impl Network {
    /// What signatures of a height depend on.
    #[must_use]
    pub fn context(&self, height: Height, prev_hash: UInt256) -> HeightContext {
        HeightContext {
            magic: MAGIC,
            height,
            prev_hash,
            validators: Arc::clone(&self.validators),
        }
    }

    /// A validator's ideal signature.
    #[must_use]
    pub fn sign(&self, sender: ValidatorIndex, preimage: &[u8]) -> Signature {
        let key = &self.keys[usize::from(sender.0 % VALIDATORS)];
        IdealSigner::new(key.clone()).sign(preimage)
    }

    /// A signed message; of a proposal the leader's Prepare is signed, too.
    #[must_use]
    pub fn message(
        &self,
        context: &HeightContext,
        view: View,
        sender: ValidatorIndex,
        mut payload: Payload,
    ) -> Message {
        if let Payload::Proposal(proposal) = &mut payload {
            let proposal = Arc::make_mut(proposal);
            let j = justification_hash(proposal.justification.as_ref());
            let body = hash_and_justification(&proposal.header.hash(), &j);
            let preimage = context.preimage(MessageKind::Prepare, view, &body);
            proposal.prepare = self.sign(sender, &preimage);
        }
        let mut message = Message {
            height: context.height,
            view,
            sender,
            signature: Signature([0; 64]),
            payload,
        };
        message.signature = self.sign(sender, &message.preimage(context));
        message
    }

    /// Signatures of validators over one vote.
    #[must_use]
    pub fn signatures(
        &self,
        context: &HeightContext,
        kind: MessageKind,
        view: View,
        body: &[u8],
        signers: impl IntoIterator<Item = ValidatorIndex>,
    ) -> BTreeMap<ValidatorIndex, Signature> {
        let preimage = context.preimage(kind, view, body);
        signers
            .into_iter()
            .map(|signer| (signer, self.sign(signer, &preimage)))
            .collect()
    }
}

/// An empty block.
#[must_use]
pub fn block(parent: &Header, primary: ValidatorIndex, nonce: u64) -> Arc<BlockBody> {
    let header = Header {
        version: 0,
        prev_hash: parent.hash(),
        merkle_root: UInt256::ZERO,
        timestamp: parent.timestamp.saturating_add(1000),
        nonce,
        index: parent.index.next(),
        primary_index: primary,
        next_consensus: UInt160::from_wire([7; 20]),
    };
    Arc::new(BlockBody {
        header,
        transactions: Vec::new(),
    })
}

/// The proposal of a block, not yet signed.
#[must_use]
pub fn proposal(body: &BlockBody) -> Proposal {
    let hash = body.header.hash();
    Proposal {
        header: body.header.clone(),
        transactions: body
            .transactions
            .iter()
            .map(|transaction| short_id(&hash, &transaction.hash()))
            .collect(),
        justification: None,
        parent: None,
        prepare: Signature([0; 64]),
    }
}
