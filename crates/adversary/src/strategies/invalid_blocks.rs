//! Blocks that break a rule of protocol section 5, and proposals whose parts do not fit.

use std::sync::Arc;

use neo_consensus::v3::message::Proposal;
use neo_consensus::v3::{Message, Payload};
use neo_primitives::{
    BlockBody, Datoshi, Height, Signer, Transaction, UInt160, UInt256, UnsignedTransaction,
    ValidatorIndex, Witness, WitnessScope, merkle_root,
};

use crate::attack::Attack;
use crate::forge::{Fate, bend};
use crate::knowledge::Seen;
use crate::strategy::{Outgoing, Scene, Strategy};

/// What is wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Version,
    Parent,
    MerkleRoot,
    FarTimestamp,
    OldTimestamp,
    Height,
    Primary,
    NextConsensus,
    InvalidTransaction,
    RepeatedTransaction,
    ShortIds,
    NoIds,
    TooManyIds,
}

impl Flaw {
    pub(crate) const ALL: [Self; 13] = [
        Self::Version,
        Self::Parent,
        Self::MerkleRoot,
        Self::FarTimestamp,
        Self::OldTimestamp,
        Self::Height,
        Self::Primary,
        Self::NextConsensus,
        Self::InvalidTransaction,
        Self::RepeatedTransaction,
        Self::ShortIds,
        Self::NoIds,
        Self::TooManyIds,
    ];
}

/// As leader, proposes with one flaw after the other; about one in four proposals is left alone, so
/// that the rest of the network gets somewhere. The same one is told to everybody.
#[derive(Debug, Default)]
pub(crate) struct InvalidBlocks {
    told: Option<(Message, Option<Message>)>,
}

/// A transaction that nobody signed.
fn unsigned_transaction(seen: &Seen, nonce: u32) -> Option<Arc<Transaction>> {
    let unsigned = UnsignedTransaction {
        nonce,
        system_fee: Datoshi(0),
        network_fee: Datoshi(10_000_000),
        valid_until: Height(seen.info.height.0.saturating_add(5)),
        signers: vec![Signer::new(UInt160::ZERO, WitnessScope::NONE)],
        attributes: Vec::new(),
        script: vec![0x40],
    };
    let witness = Witness {
        invocation: Vec::new(),
        verification: Vec::new(),
    };
    unsigned.into_signed(vec![witness]).ok().map(Arc::new)
}

/// A proposal with a flaw; `None` where it takes transactions that are not there.
pub(crate) fn flawed(
    scene: &mut Scene<'_>,
    seen: &Seen,
    message: &Message,
    flaw: Flaw,
) -> Option<Message> {
    let Payload::Proposal(proposal) = &message.payload else {
        return None;
    };
    let hash = proposal.header.hash();
    let held = (scene.around.bodies)(&hash).or_else(|| {
        let own = seen.candidate.clone();
        own.filter(|body| body.hash() == hash)
    });
    let mut body = held.map_or_else(
        || BlockBody {
            header: proposal.header,
            transactions: Vec::new(),
        },
        |body| body.as_ref().clone(),
    );
    let header = &mut body.header;
    match flaw {
        Flaw::Version => header.version = 1,
        Flaw::Parent => header.prev_hash = UInt256::from_wire([0xaa; 32]),
        Flaw::MerkleRoot => header.merkle_root = UInt256::from_wire([0xbb; 32]),
        Flaw::FarTimestamp => header.timestamp = header.timestamp.saturating_add(86_400_000),
        Flaw::OldTimestamp => header.timestamp = seen.info.parent.timestamp,
        Flaw::Height => header.index = header.index.next(),
        Flaw::Primary => {
            header.primary_index = ValidatorIndex(header.primary_index.0.wrapping_add(1));
        }
        Flaw::NextConsensus => header.next_consensus = UInt160::from_wire([0xcc; 20]),
        Flaw::InvalidTransaction => {
            let nonce = u32::try_from(scene.random.below(1 << 30)).unwrap_or(0);
            body.transactions.push(unsigned_transaction(seen, nonce)?);
        }
        Flaw::RepeatedTransaction => {
            let again = match body.transactions.first() {
                Some(first) => Arc::clone(first),
                None => {
                    let one = unsigned_transaction(seen, 1)?;
                    body.transactions.push(Arc::clone(&one));
                    one
                }
            };
            body.transactions.push(again);
        }
        Flaw::ShortIds | Flaw::NoIds | Flaw::TooManyIds => {
            let limit = usize::try_from(seen.info.limits.max_transactions).unwrap_or(65_535);
            let ids = match flaw {
                Flaw::ShortIds => vec![[0x55; 6]; proposal.transactions.len().max(1)],
                Flaw::TooManyIds => vec![[0x66; 6]; limit.saturating_add(1).min(65_535)],
                _ => Vec::new(),
            };
            let bent = Proposal {
                transactions: ids,
                ..proposal.as_ref().clone()
            };
            return scene.say(seen, message.view, Payload::Proposal(Arc::new(bent)));
        }
    }
    if matches!(flaw, Flaw::InvalidTransaction | Flaw::RepeatedTransaction) {
        body.header.merkle_root = merkle_root(&body.transaction_hashes());
    }
    let body = Arc::new(body);
    scene.collusion.share_body(&body);
    scene.propose(seen, message, &body)
}

impl Strategy for InvalidBlocks {
    fn name(&self) -> &'static str {
        Attack::InvalidBlocks.name()
    }

    fn outgoing(&mut self, scene: &mut Scene<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        bend(scene, outgoing, |scene, seen, _, message| {
            let proposes = matches!(message.payload, Payload::Proposal(_));
            if !proposes || !scene.is_own(seen, message) {
                return Fate::Pass;
            }
            let told = self.told.as_ref().filter(|(honest, _)| honest == message);
            let bent = match told {
                Some((_, bent)) => bent.clone(),
                None => {
                    let flaw = scene.random.pick(&Flaw::ALL).copied();
                    let spare = scene.random.once_in(4);
                    let bent = flaw
                        .filter(|_| !spare)
                        .and_then(|flaw| flawed(scene, seen, message, flaw));
                    self.told = Some((message.clone(), bent.clone()));
                    bent
                }
            };
            bent.map_or(Fate::Pass, Fate::Become)
        })
    }
}
