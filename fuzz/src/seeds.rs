//! Valid values, for targets that break them and for the corpora.

use std::sync::{Arc, OnceLock};

use neo_consensus::View;
use neo_consensus::v3::certificate::{
    CommitCertificate, Decision, PreparedCertificate, PreparedClaim, Signatures,
    ViewChangeCertificate, ViewChangeEntry, claim_bytes, hash_and_justification,
};
use neo_consensus::v3::context::{HeightContext, MessageKind};
use neo_consensus::v3::evidence::Evidence;
use neo_consensus::v3::evidence::archive::VoteArchive;
use neo_consensus::v3::message::{ChangeView, ChangeViewReason, RecoveryMessage, RecoveryRequest};
use neo_consensus::v3::{Message, Payload, Record};
use neo_consensus::vote_log::Identity;
use neo_invariants::ideal::IdealCheck;
use neo_primitives::{
    BlockBody, Datoshi, Header, Height, Signer, Transaction, UInt160, UInt256, UnsignedTransaction,
    ValidatorIndex, Witness, WitnessScope, sign_data,
};

use crate::network::{MAGIC, Network, block, proposal};

/// An envelope written by hand, so that its fields can be what no sender would write.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Number of the message type.
    pub kind: u8,
    /// Plain payload.
    pub payload: Vec<u8>,
    /// Compressed payload with its length in front.
    pub compressed: Vec<u8>,
}

impl Default for Envelope {
    fn default() -> Self {
        Self {
            kind: 2,
            payload: Vec::new(),
            compressed: Vec::new(),
        }
    }
}

impl Envelope {
    /// Its protobuf bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (field, value) in [(1, 3), (2, 1), (3, 7), (4, u64::from(self.kind)), (11, 2)] {
            out.push(field << 3);
            varint(&mut out, value);
        }
        for (field, bytes) in [
            (5, self.payload.as_slice()),
            (6, &[9; 64]),
            (9, &self.compressed),
        ] {
            out.push(field << 3 | 2);
            varint(&mut out, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        out
    }

    /// A payload as its sender packs it.
    #[must_use]
    pub fn pack(payload: &[u8]) -> Vec<u8> {
        lz4_flex::block::compress_prepend_size(payload)
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The header of block 0.
#[must_use]
pub fn genesis() -> Header {
    Header {
        version: 0,
        prev_hash: UInt256::ZERO,
        merkle_root: UInt256::ZERO,
        timestamp: 1_468_595_301_000,
        nonce: 2_083_236_893,
        index: Height(0),
        primary_index: ValidatorIndex(0),
        next_consensus: UInt160::from_wire([7; 20]),
    }
}

/// A proposal with short ids that repeat after `period`, so that it compresses.
#[must_use]
pub fn long_proposal(transactions: u16, period: u8) -> Message {
    let network = Network::default();
    let parent = genesis();
    let context = network.context(Height(1), parent.hash());
    let mut proposal = proposal(&block(&parent, ValidatorIndex(1), 5));
    let period = u16::from(period.max(1));
    proposal.transactions = (0..transactions)
        .map(|at| [(at % period) as u8; 6])
        .collect();
    let payload = Payload::Proposal(Arc::new(proposal));
    network.message(&context, View(0), ValidatorIndex(1), payload)
}

/// Whose vote log the targets open.
#[must_use]
pub fn identity() -> Identity {
    Identity {
        magic: MAGIC,
        genesis: genesis().hash(),
        validator: Network::default().keys[0].clone(),
    }
}

/// Certificates and votes of one block at height 1.
pub struct Votes {
    /// Their network.
    pub network: Network,
    /// What they sign.
    pub context: HeightContext,
    /// The block.
    pub body: Arc<BlockBody>,
}

impl Default for Votes {
    fn default() -> Self {
        let network = Network::default();
        let parent = genesis();
        let context = network.context(Height(1), parent.hash());
        Self {
            network,
            context,
            body: block(&parent, ValidatorIndex(1), 5),
        }
    }
}

impl Votes {
    fn quorum() -> impl Iterator<Item = ValidatorIndex> {
        (0..3).map(ValidatorIndex)
    }

    /// PC(v,H).
    #[must_use]
    pub fn prepared(&self, view: View, justification: UInt256) -> PreparedCertificate {
        let hash = self.body.hash();
        let body = hash_and_justification(&hash, &justification);
        let kind = MessageKind::Prepare;
        let signatures = self
            .network
            .signatures(&self.context, kind, view, &body, Self::quorum());
        PreparedCertificate {
            view,
            hash,
            justification,
            signatures: Signatures::new(signatures),
        }
    }

    /// CC(v,H).
    #[must_use]
    pub fn commit(&self, view: View, prepared: Option<PreparedCertificate>) -> Decision {
        let hash = self.body.hash();
        let kind = MessageKind::PreCommit;
        let signatures =
            self.network
                .signatures(&self.context, kind, view, hash.as_wire(), Self::quorum());
        let signatures = Signatures::new(signatures);
        Decision::Certificate(CommitCertificate {
            view,
            hash,
            signatures,
            prepared,
        })
    }

    /// f+1 header signatures.
    #[must_use]
    pub fn headers(&self) -> Decision {
        let hash = self.body.hash();
        let preimage = sign_data(MAGIC, &hash);
        let signatures = [0, 3].map(ValidatorIndex).into_iter();
        let signatures = signatures.map(|index| (index, self.network.sign(index, &preimage)));
        Decision::HeaderSignatures {
            hash,
            signatures: Signatures::new(signatures.collect()),
        }
    }

    /// TC(v), where validator 0 claims the prepared certificate.
    #[must_use]
    pub fn view_change(
        &self,
        view: View,
        prepared: Option<PreparedCertificate>,
    ) -> ViewChangeCertificate {
        let entries = Self::quorum().map(|index| {
            let claim = prepared
                .as_ref()
                .filter(|_| index.0 == 0)
                .map(|held| PreparedClaim {
                    view: held.view,
                    hash: held.hash,
                });
            let body = claim_bytes(&claim);
            let preimage = self.context.preimage(MessageKind::ChangeView, view, &body);
            let signature = self.network.sign(index, &preimage);
            (index, ViewChangeEntry { claim, signature })
        });
        ViewChangeCertificate {
            view,
            entries: entries.collect(),
            prepared,
        }
    }

    fn signed(&self, view: u32, sender: u8, payload: Payload) -> Message {
        self.network
            .message(&self.context, View(view), ValidatorIndex(sender), payload)
    }

    /// Messages of every kind.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let hash = self.body.hash();
        let prepared = self.prepared(View(0), UInt256::ZERO);
        let change = self.view_change(View(1), Some(prepared.clone()));
        let mut again = proposal(&self.body);
        again.justification = Some(change.clone());
        again.parent = Some(self.commit(View(0), None));
        let justification = change.justification();
        let backed = ChangeView {
            claim: Some(prepared.claim()),
            prepared: Some(prepared.clone()),
            reason: ChangeViewReason::Timeout,
        };
        let bare = ChangeView {
            claim: None,
            prepared: None,
            reason: ChangeViewReason::Joined,
        };
        let request = RecoveryRequest {
            nonce: 7,
            prev_hash: self.context.prev_hash,
            has_proposal: true,
            prepares: Self::quorum().collect(),
            pre_commits: [0, 3].map(ValidatorIndex).into_iter().collect(),
            change_views: Default::default(),
            commits: [ValidatorIndex(1)].into_iter().collect(),
            prepared: Some(View(0)),
            decided: false,
        };
        let mut messages = vec![
            self.signed(0, 1, Payload::Proposal(Arc::new(proposal(&self.body)))),
            self.signed(1, 2, Payload::Proposal(Arc::new(again))),
            self.signed(
                0,
                0,
                Payload::Prepare {
                    hash,
                    justification: UInt256::ZERO,
                },
            ),
            self.signed(
                1,
                3,
                Payload::Prepare {
                    hash,
                    justification,
                },
            ),
            self.signed(0, 2, Payload::PreCommit { hash }),
            self.signed(0, 3, Payload::Commit { hash }),
            self.signed(1, 0, Payload::ChangeView(Arc::new(backed))),
            self.signed(1, 1, Payload::ChangeView(Arc::new(bare))),
            self.signed(0, 2, Payload::Suspect),
            self.signed(0, 0, Payload::RecoveryRequest(request)),
        ];
        let nested = messages[..9].to_vec();
        for decision in [self.commit(View(0), Some(prepared.clone())), self.headers()] {
            let answer = RecoveryMessage {
                nonce: 7,
                stored: Height(5),
                view_change: Some(change.clone()),
                prepared: Some(prepared.clone()),
                decision: Some(decision),
                messages: nested.clone(),
            };
            messages.push(self.signed(1, 3, Payload::RecoveryMessage(Arc::new(answer))));
        }
        messages
    }

    /// Proofs of guilt that lie in these messages together with others of the same validators.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        let mut archive = VoteArchive::new(Arc::new(self.context.clone()));
        let other = UInt256::from_wire([9; 32]);
        let nothing = ChangeView {
            claim: None,
            prepared: None,
            reason: ChangeViewReason::Timeout,
        };
        let contradictions = [
            self.signed(
                0,
                0,
                Payload::Prepare {
                    hash: other,
                    justification: UInt256::ZERO,
                },
            ),
            self.signed(0, 2, Payload::PreCommit { hash: other }),
            self.signed(1, 0, Payload::ChangeView(Arc::new(nothing.clone()))),
            self.signed(
                0,
                1,
                Payload::PreCommit {
                    hash: self.body.hash(),
                },
            ),
            self.signed(2, 0, Payload::ChangeView(Arc::new(nothing))),
        ];
        archive.add_header(&self.body.header);
        for message in self.messages().iter().chain(&contradictions) {
            archive.add_message(message, &IdealCheck);
        }
        archive.evidence()
    }

    /// Records of every kind.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let height = self.context.height;
        let prepared = self.prepared(View(0), UInt256::ZERO);
        let mut records: Vec<Record> = self
            .messages()
            .into_iter()
            .take(9)
            .map(Record::Own)
            .collect();
        records.push(Record::Body(Arc::clone(&self.body)));
        records.push(Record::ViewChange {
            height,
            certificate: self.view_change(View(1), Some(prepared.clone())),
        });
        records.push(Record::Decision {
            height,
            decision: self.headers(),
        });
        records.push(Record::Decision {
            height,
            decision: self.commit(View(0), Some(prepared.clone())),
        });
        records.push(Record::Prepared {
            height,
            certificate: prepared,
        });
        records.push(Record::Silenced);
        records.push(Record::Resumed { from: Height(9) });
        records
    }
}

/// A batch of records: up to three, beginning with one that the byte picks.
#[must_use]
pub fn records(pick: u8) -> Vec<Record> {
    static ALL: OnceLock<Vec<Record>> = OnceLock::new();
    let all = ALL.get_or_init(|| Votes::default().records());
    let first = usize::from(pick >> 2) % all.len();
    all.iter()
        .cloned()
        .cycle()
        .skip(first)
        .take(usize::from(pick & 3))
        .collect()
}

/// Four transactions that differ.
pub fn transactions() -> &'static [Arc<Transaction>] {
    static ALL: OnceLock<Vec<Arc<Transaction>>> = OnceLock::new();
    ALL.get_or_init(|| {
        let account = identity().validator.script_hash();
        let make = |nonce: u32| {
            let unsigned = UnsignedTransaction {
                nonce,
                system_fee: Datoshi(1),
                network_fee: Datoshi(1),
                valid_until: Height(5_000),
                signers: vec![Signer::new(account, WitnessScope::CALLED_BY_ENTRY)],
                attributes: Vec::new(),
                script: vec![0x40],
            };
            let witness = Witness {
                invocation: vec![1; 66],
                verification: vec![2; 40],
            };
            Arc::new(unsigned.into_signed(vec![witness]).expect("a transaction"))
        };
        (0..4).map(make).collect()
    })
}
