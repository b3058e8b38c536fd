//! What does not change during a run: keys, the height, blocks that may come up, and Byzantine signatures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::{BlockLimits, HeightInfo, Now};
use neo_consensus::v3::certificate::{
    PreparedCertificate, Signatures, ViewChangeCertificate, hash_and_justification,
    justification_hash,
};
use neo_consensus::v3::context::{HeightContext, MessageKind};
use neo_consensus::v3::leader::LeaderState;
use neo_consensus::v3::message::{ChangeView, ChangeViewReason, Proposal, RecoveryMessage};
use neo_consensus::v3::{Message, Payload, Signer};
use neo_consensus::{ValidatorSet, View};
use neo_invariants::ideal::IdealSigner;
use neo_primitives::{
    BlockBody, Datoshi, Header, Height, Magic, PrivateKey, PublicKey, Signature, UInt256,
    ValidatorIndex, consensus_address,
};

use super::ModelError;

/// The height that is voted on. Its leader order is the one that a stretch begins with, so validator v leads view v: any
/// other order is this one with the validators named anew.
pub const HEIGHT: Height = Height(28);
const MAGIC: Magic = Magic(0x6d6f_6465);
/// Timestamp of the block before, in milliseconds since 1970.
const PARENT_TIME: u64 = 1_700_000_000_000;

/// The moment of all events while the model explores: time stands still, timers fire when the adversary
/// wants.
pub(super) const STILL: Now = Now {
    monotonic: Duration::from_secs(100),
    wall_ms: PARENT_TIME + 1_000,
    entropy: 7,
};

/// One height with its validators and the adversary's means.
#[derive(Debug)]
pub struct World {
    keys: Vec<PublicKey>,
    context: HeightContext,
    info: HeightInfo,
    byzantine: ValidatorIndex,
    bodies: BTreeMap<UInt256, Arc<BlockBody>>,
}

impl World {
    /// A height of `count` validators of whom one is Byzantine.
    ///
    /// # Errors
    /// A Byzantine validator beyond the set, or a set that cannot be.
    pub fn new(count: u8, byzantine: ValidatorIndex) -> Result<Self, ModelError> {
        let keys = (1..=count).map(|seed| PrivateKey::from_bytes(&[seed; 32]));
        let keys: Vec<_> = keys
            .filter_map(|key| key.ok().map(|key| key.public_key().clone()))
            .collect();
        let set = Arc::new(ValidatorSet::new(keys)?);
        if !set.contains(byzantine) {
            return Err(ModelError::Byzantine {
                index: byzantine,
                count: set.len(),
            });
        }
        let next_consensus = consensus_address(set.keys());
        let parent = Header {
            version: 0,
            prev_hash: UInt256::ZERO,
            merkle_root: UInt256::ZERO,
            timestamp: PARENT_TIME,
            nonce: 0,
            index: Height(HEIGHT.0 - 1),
            primary_index: ValidatorIndex(0),
            next_consensus,
        };
        let context = HeightContext {
            magic: MAGIC,
            height: HEIGHT,
            prev_hash: parent.hash(),
            validators: Arc::clone(&set),
        };
        let info = HeightInfo {
            height: HEIGHT,
            parent,
            parent_hash: parent.hash(),
            magic: MAGIC,
            validators: Arc::clone(&set),
            next_consensus,
            block_time: Duration::ZERO,
            limits: BlockLimits {
                max_transactions: 100,
                max_block_size: 1 << 20,
                max_block_system_fee: Datoshi(i64::MAX),
            },
            pool: 0,
            leaders: LeaderState::fresh(HEIGHT, set.len()),
        };
        let mut world = Self {
            keys: set.keys().to_vec(),
            context,
            info,
            byzantine,
            bodies: BTreeMap::new(),
        };
        for primary in set.indexes() {
            for variant in 0..4 {
                let body = world.make_block(primary, variant);
                world.bodies.insert(body.hash(), body);
            }
        }
        Ok(world)
    }

    /// The same height, with another validator for the adversary to speak for.
    ///
    /// # Errors
    /// An index beyond the set.
    pub fn speaking_for(&self, byzantine: ValidatorIndex) -> Result<Self, ModelError> {
        let count = u8::try_from(self.keys.len()).unwrap_or(u8::MAX);
        Self::new(count, byzantine)
    }

    /// What the ledger says when the height opens.
    #[must_use]
    pub fn info(&self) -> &HeightInfo {
        &self.info
    }

    /// The context that signatures of the height depend on.
    #[must_use]
    pub fn context(&self) -> &HeightContext {
        &self.context
    }

    /// The Byzantine validator.
    #[must_use]
    pub fn byzantine(&self) -> ValidatorIndex {
        self.byzantine
    }

    /// The others in index order.
    pub fn honest(&self) -> impl Iterator<Item = ValidatorIndex> + '_ {
        let all = self.context.validators.indexes();
        all.filter(|index| *index != self.byzantine)
    }

    /// The key of a validator.
    ///
    /// # Errors
    /// A stranger.
    pub fn key(&self, index: ValidatorIndex) -> Result<&PublicKey, ModelError> {
        let count = self.keys.len();
        let key = self.keys.get(usize::from(index.0));
        key.ok_or(ModelError::Byzantine { index, count })
    }

    /// Whose key this is.
    #[must_use]
    pub fn index_of(&self, key: &PublicKey) -> Option<ValidatorIndex> {
        self.context.validators.index_of(key)
    }

    /// The leader of a view.
    #[must_use]
    pub fn leader(&self, view: View) -> ValidatorIndex {
        self.info.leaders.order().leader(view)
    }

    fn make_block(&self, primary: ValidatorIndex, variant: u8) -> Arc<BlockBody> {
        Arc::new(BlockBody {
            header: Header {
                version: 0,
                prev_hash: self.info.parent_hash,
                merkle_root: UInt256::ZERO,
                timestamp: STILL.wall_ms,
                nonce: STILL.entropy + u64::from(variant),
                index: HEIGHT,
                primary_index: primary,
                next_consensus: self.info.next_consensus,
            },
            transactions: Vec::new(),
        })
    }

    /// A block without transactions. Variant 0 is what an honest ledger builds.
    #[must_use]
    pub fn block(&self, primary: ValidatorIndex, variant: u8) -> Arc<BlockBody> {
        self.make_block(primary, variant)
    }

    /// A block that may come up.
    #[must_use]
    pub fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        self.bodies.get(hash).cloned()
    }

    /// Any validator's signature over a vote: the Byzantine validator's own, or one that an honest
    /// validator has sent.
    ///
    /// # Errors
    /// A stranger.
    pub(super) fn signature(
        &self,
        sender: ValidatorIndex,
        kind: MessageKind,
        view: View,
        body: &[u8],
    ) -> Result<Signature, ModelError> {
        let preimage = self.context.preimage(kind, view, body);
        Ok(IdealSigner::new(self.key(sender)?.clone()).sign(&preimage))
    }

    /// A message of the Byzantine validator.
    ///
    /// # Errors
    /// Never for a validator of the set.
    pub fn say(&self, view: View, payload: Payload) -> Result<Message, ModelError> {
        let signer = IdealSigner::new(self.key(self.byzantine)?.clone());
        let mut message = Message {
            height: HEIGHT,
            view,
            sender: self.byzantine,
            signature: Signature([0; 64]),
            payload,
        };
        message.signature = signer.sign(&message.preimage(&self.context));
        Ok(message)
    }

    /// The Byzantine validator's proposal.
    ///
    /// # Errors
    /// Never for a validator of the set.
    pub fn propose(
        &self,
        view: View,
        body: &BlockBody,
        justification: Option<ViewChangeCertificate>,
    ) -> Result<Message, ModelError> {
        let signed =
            hash_and_justification(&body.hash(), &justification_hash(justification.as_ref()));
        let prepare = self.signature(self.byzantine, MessageKind::Prepare, view, &signed)?;
        let proposal = Proposal {
            header: body.header,
            transactions: Vec::new(),
            justification,
            parent: None,
            prepare,
        };
        self.say(view, Payload::Proposal(Arc::new(proposal)))
    }

    /// The Byzantine validator's ChangeView with any claim, backed or not.
    ///
    /// # Errors
    /// Never for a validator of the set.
    pub fn change_view(
        &self,
        view: View,
        claimed: Option<&PreparedCertificate>,
        backed: bool,
    ) -> Result<Message, ModelError> {
        let change = ChangeView {
            claim: claimed.map(PreparedCertificate::claim),
            prepared: claimed.filter(|_| backed).cloned(),
            reason: ChangeViewReason::Timeout,
        };
        self.say(view, Payload::ChangeView(Arc::new(change)))
    }

    /// Certificates in the Byzantine validator's envelope.
    ///
    /// # Errors
    /// Never for a validator of the set.
    pub fn forward(
        &self,
        view: View,
        view_change: Option<ViewChangeCertificate>,
        prepared: Option<PreparedCertificate>,
    ) -> Result<Message, ModelError> {
        let recovery = RecoveryMessage {
            nonce: 0,
            stored: Height(HEIGHT.0 - 1),
            view_change,
            prepared,
            decision: None,
            messages: Vec::new(),
        };
        self.say(view, Payload::RecoveryMessage(Arc::new(recovery)))
    }

    /// PC(v,H) of these signers, of whom the honest ones have prepared it.
    ///
    /// # Errors
    /// A stranger among them.
    pub(super) fn prepared(
        &self,
        view: View,
        hash: UInt256,
        justification: UInt256,
        signers: &[ValidatorIndex],
    ) -> Result<PreparedCertificate, ModelError> {
        let body = hash_and_justification(&hash, &justification);
        let signed = signers.iter().map(|signer| {
            let signature = self.signature(*signer, MessageKind::Prepare, view, &body)?;
            Ok((*signer, signature))
        });
        Ok(PreparedCertificate {
            view,
            hash,
            justification,
            signatures: Signatures::new(signed.collect::<Result<_, ModelError>>()?),
        })
    }
}
