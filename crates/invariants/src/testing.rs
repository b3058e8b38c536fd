//! A hand-made network for the tests of the oracles: who is shown, logs and sends what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::{BlockLimits, Fetch, HeightInfo, Notice, Recipient};
use neo_consensus::index_set::IndexSet;
use neo_consensus::v3::certificate::{
    Claim, CommitCertificate, Decision, PreparedCertificate, PreparedClaim, Signatures,
    ViewChangeCertificate, ViewChangeEntry,
};
use neo_consensus::v3::leader::LeaderState;
use neo_consensus::v3::message::{
    ChangeView, ChangeViewReason, Proposal, RecoveryMessage, RecoveryRequest,
};
use neo_consensus::v3::{Message, Payload, Record, Signer};
use neo_consensus::{ValidatorSet, View};
use neo_primitives::{
    BlockBody, Datoshi, Encode, Header, Height, Magic, PrivateKey, PublicKey, Signature, UInt160,
    UInt256, ValidatorIndex, sha256,
};

use crate::ideal::IdealSigner;
use crate::layout::{Place, Signed, justification_hash};
use crate::{Invariant, Observation, Oracles, Setup};

pub(crate) const H: Height = Height(9);
const PARENT: UInt256 = UInt256::from_wire([0xee; 32]);

pub(crate) fn validators(count: u8) -> Arc<ValidatorSet> {
    let keys = (1..=count).map(|i| {
        PrivateKey::from_bytes(&[i; 32])
            .unwrap()
            .public_key()
            .clone()
    });
    Arc::new(ValidatorSet::new(keys.collect()).unwrap())
}

pub(crate) fn set() -> Arc<ValidatorSet> {
    validators(4)
}

pub(crate) fn key(index: u8) -> PublicKey {
    set().key(ValidatorIndex(index)).unwrap().clone()
}

pub(crate) fn place() -> Place {
    Place {
        magic: Magic(42),
        prev_hash: PARENT,
        height: H,
    }
}

pub(crate) fn sign(index: u8, signed: &Signed) -> Signature {
    IdealSigner::new(key(index)).sign(signed.as_bytes())
}

pub(crate) fn info(height: Height, parent_hash: UInt256) -> HeightInfo {
    let parent = block_below(height.0 - 1);
    HeightInfo {
        height,
        parent,
        parent_hash,
        magic: Magic(42),
        validators: set(),
        next_consensus: UInt160::ZERO,
        block_time: Duration::from_secs(1),
        limits: BlockLimits {
            max_transactions: 10,
            max_block_size: 1000,
            max_block_system_fee: Datoshi(0),
        },
        pool: 0,
        leaders: LeaderState::undisturbed(height, 4),
    }
}

/// The header of a block below the height, on the one below that.
fn block_below(height: u32) -> Header {
    let below = height.checked_sub(1).map(block_below);
    Header {
        prev_hash: below.map_or(UInt256::ZERO, |below| below.hash()),
        timestamp: 1000,
        index: Height(height),
        primary_index: ValidatorIndex(u8::try_from(height % 4).unwrap()),
        ..header(0, 0)
    }
}

/// A header of the height that a leader may propose afresh in `view`; the nonce makes it one of many.
pub(crate) fn header(view: u32, nonce: u64) -> Header {
    let leader = (H.0 + view) % 4;
    Header {
        version: 0,
        prev_hash: PARENT,
        merkle_root: UInt256::ZERO,
        timestamp: 2000,
        nonce,
        index: H,
        primary_index: ValidatorIndex(u8::try_from(leader).unwrap()),
        next_consensus: UInt160::ZERO,
    }
}

/// The leader of a view.
pub(crate) fn leader(view: u32) -> u8 {
    header(view, 0).primary_index.0
}

pub(crate) fn body(header: Header) -> Record {
    Record::Body(Arc::new(BlockBody {
        header,
        transactions: vec![],
    }))
}

pub(crate) fn message(sender: u8, view: u32, signed: &Signed, payload: Payload) -> Message {
    let (sender, signature) = (ValidatorIndex(sender), sign(sender, signed));
    Message {
        height: H,
        view: View(view),
        sender,
        signature,
        payload,
    }
}

pub(crate) fn proposal_of(
    sender: u8,
    view: u32,
    header: Header,
    justification: Option<ViewChangeCertificate>,
    parent: Option<Decision>,
) -> Message {
    let (hash, j) = (header.hash(), justification_hash(justification.as_ref()));
    let prepare = sign(sender, &place().prepare(View(view), &hash, &j));
    let proposal = Proposal {
        header,
        transactions: vec![],
        justification,
        parent,
        prepare,
    };
    let signed = place().proposal(View(view), &hash, &j);
    message(sender, view, &signed, Payload::Proposal(Arc::new(proposal)))
}

pub(crate) fn proposal(view: u32, header: Header, tc: Option<ViewChangeCertificate>) -> Message {
    proposal_of(leader(view), view, header, tc, None)
}

pub(crate) fn prepare(sender: u8, view: u32, hash: UInt256, justification: UInt256) -> Message {
    let signed = place().prepare(View(view), &hash, &justification);
    message(
        sender,
        view,
        &signed,
        Payload::Prepare {
            hash,
            justification,
        },
    )
}

pub(crate) fn pre_commit(sender: u8, view: u32, hash: UInt256) -> Message {
    let signed = place().pre_commit(View(view), &hash);
    message(sender, view, &signed, Payload::PreCommit { hash })
}

pub(crate) fn commit(sender: u8, hash: UInt256) -> Message {
    message(sender, 0, &place().header(&hash), Payload::Commit { hash })
}

pub(crate) fn pc(view: u32, hash: UInt256, justification: UInt256) -> PreparedCertificate {
    let signed = place().prepare(View(view), &hash, &justification);
    let signatures = signatures(0..3, &signed);
    PreparedCertificate {
        view: View(view),
        hash,
        justification,
        signatures,
    }
}

pub(crate) fn signatures(signers: impl Iterator<Item = u8>, signed: &Signed) -> Signatures {
    Signatures::new(
        signers
            .map(|i| (ValidatorIndex(i), sign(i, signed)))
            .collect(),
    )
}

pub(crate) fn cc(view: u32, hash: UInt256) -> Decision {
    let signed = place().pre_commit(View(view), &hash);
    Decision::Certificate(CommitCertificate {
        view: View(view),
        hash,
        signatures: signatures(0..3, &signed),
        prepared: None,
    })
}

pub(crate) fn claim_of(prepared: Option<&PreparedCertificate>) -> Claim {
    prepared.map(|held| PreparedClaim {
        view: held.view,
        hash: held.hash,
    })
}

pub(crate) fn change_view(
    sender: u8,
    to: u32,
    prepared: Option<PreparedCertificate>,
    reason: ChangeViewReason,
) -> Message {
    let claim = claim_of(prepared.as_ref());
    let change = ChangeView {
        claim,
        prepared,
        reason,
    };
    let signed = place().change_view(View(to), &claim);
    message(sender, to, &signed, Payload::ChangeView(Arc::new(change)))
}

pub(crate) fn asks(sender: u8, to: u32) -> Message {
    change_view(sender, to, None, ChangeViewReason::Timeout)
}

/// A TC of validators 0 to 2, the first of which claims `prepared`.
pub(crate) fn tc(view: u32, prepared: Option<PreparedCertificate>) -> ViewChangeCertificate {
    tc_of(0..3, view, prepared)
}

pub(crate) fn tc_of(
    members: impl Iterator<Item = u8>,
    view: u32,
    prepared: Option<PreparedCertificate>,
) -> ViewChangeCertificate {
    let mut claim = claim_of(prepared.as_ref());
    let entries: BTreeMap<_, _> = members
        .map(|i| {
            let claim = claim.take();
            let signature = sign(i, &place().change_view(View(view), &claim));
            (ValidatorIndex(i), ViewChangeEntry { claim, signature })
        })
        .collect();
    ViewChangeCertificate {
        view: View(view),
        entries,
        prepared,
    }
}

pub(crate) fn recovery() -> RecoveryMessage {
    RecoveryMessage {
        nonce: 0,
        stored: Height(8),
        view_change: None,
        prepared: None,
        decision: None,
        messages: vec![],
    }
}

pub(crate) fn forwarded(sender: u8, recovery: RecoveryMessage) -> Message {
    let payload = Payload::RecoveryMessage(Arc::new(recovery));
    let signed = place().recovery(View(0), &sha256(&payload.to_bytes()));
    message(sender, 0, &signed, payload)
}

/// A signed request of a validator about a height, which has nothing of it but for what `change` says.
pub(crate) fn request_of(
    sender: u8,
    height: Height,
    change: impl FnOnce(&mut RecoveryRequest),
) -> Message {
    let none = IndexSet::default;
    let mut request = RecoveryRequest {
        nonce: 0,
        prev_hash: PARENT,
        has_proposal: false,
        prepares: none(),
        pre_commits: none(),
        change_views: none(),
        commits: none(),
        prepared: None,
        decided: false,
    };
    change(&mut request);
    let place = Place {
        height,
        prev_hash: request.prev_hash,
        ..place()
    };
    let payload = Payload::RecoveryRequest(request);
    let signed = place.request(View(0), &sha256(&payload.to_bytes()));
    Message {
        height,
        ..message(sender, 0, &signed, payload)
    }
}

pub(crate) fn prepared_record(certificate: PreparedCertificate) -> Record {
    Record::Prepared {
        height: H,
        certificate,
    }
}

pub(crate) fn view_record(certificate: ViewChangeCertificate) -> Record {
    Record::ViewChange {
        height: H,
        certificate,
    }
}

pub(crate) fn decision_record(decision: Decision) -> Record {
    Record::Decision {
        height: H,
        decision,
    }
}

/// Oracles that watch one honest node, number 0, which is validator 0 of four, at height 9.
pub(crate) struct Stage {
    pub(crate) oracles: Oracles,
    pub(crate) at: Duration,
}

impl Stage {
    pub(crate) fn with(setup: Setup) -> Self {
        let mut oracles = Oracles::new(setup);
        // The blocks 1 to 8, each by the leader of its view 0.
        for height in 1..H.0 {
            let block = block_below(height);
            let hash = if height + 1 == H.0 {
                PARENT
            } else {
                block.hash()
            };
            assert!(oracles.rota.above(hash, &block).is_some());
        }
        Self {
            oracles,
            at: Duration::from_secs(1),
        }
    }

    pub(crate) fn setup() -> Setup {
        Setup {
            magic: Magic(42),
            validators: set(),
            byzantine: BTreeSet::from([ValidatorIndex(3)]),
            genesis: block_below(0),
            heal_bound: Some(Duration::from_secs(10)),
            footprint_limit: 100,
        }
    }

    /// Node 0 runs, and the height is open.
    pub(crate) fn open() -> Self {
        let mut stage = Self::with(Self::setup());
        stage.start(true, &[]);
        stage
    }

    pub(crate) fn see(&mut self, observation: Observation<'_>) -> &mut Self {
        self.oracles.observe(self.at, 0, observation);
        self
    }

    pub(crate) fn start(&mut self, log_intact: bool, records: &[Record]) -> &mut Self {
        let validator = Some(ValidatorIndex(0));
        let (life, stored) = (0, Height(8));
        self.see(Observation::Started {
            validator,
            life,
            log_intact,
            stored,
            records,
        });
        self.see(Observation::Opened {
            info: &info(H, PARENT),
        });
        self.notice(Notice::Opened { height: H })
    }

    pub(crate) fn restart(&mut self, log_intact: bool, records: &[Record]) -> &mut Self {
        self.see(Observation::Crashed);
        self.start(log_intact, records)
    }

    pub(crate) fn notice(&mut self, notice: Notice) -> &mut Self {
        self.see(Observation::Noticed { notice: &notice })
    }

    pub(crate) fn decides(&mut self, hash: UInt256) -> &mut Self {
        self.notice(Notice::Decided {
            height: H,
            view: View(0),
            hash,
        })
    }

    pub(crate) fn shown(&mut self, messages: impl IntoIterator<Item = Message>) -> &mut Self {
        for message in messages {
            let from = message.sender;
            self.see(Observation::Delivered {
                from,
                message: &message,
            });
        }
        self
    }

    /// One validator brings messages that others signed.
    pub(crate) fn brings(
        &mut self,
        bearer: u8,
        messages: impl IntoIterator<Item = Message>,
    ) -> &mut Self {
        for message in messages {
            self.see(Observation::Delivered {
                from: ValidatorIndex(bearer),
                message: &message,
            });
        }
        self
    }

    pub(crate) fn logs(&mut self, records: impl IntoIterator<Item = Record>) -> &mut Self {
        let records: Vec<_> = records.into_iter().collect();
        self.see(Observation::Durable { records: &records })
    }

    pub(crate) fn sends(&mut self, message: &Message) -> &mut Self {
        self.see(Observation::Sent {
            to: &Recipient::All,
            message,
            again: false,
        })
    }

    pub(crate) fn tells(&mut self, to: u8, message: &Message) -> &mut Self {
        self.see(Observation::Sent {
            to: &Recipient::One(key(to)),
            message,
            again: false,
        })
    }

    pub(crate) fn repeats(&mut self, message: &Message) -> &mut Self {
        self.see(Observation::Sent {
            to: &Recipient::All,
            message,
            again: true,
        })
    }

    /// Logs and sends an own vote as it should.
    pub(crate) fn votes(&mut self, message: Message) -> &mut Self {
        self.logs([Record::Own(message.clone())]).sends(&message)
    }

    pub(crate) fn fetches(&mut self, hash: UInt256, from: &[u8]) -> &mut Self {
        let from = from.iter().map(|index| key(*index)).collect();
        self.see(Observation::FetchAsked {
            fetch: &Fetch::Body { hash, from },
        })
    }

    pub(crate) fn settles(&mut self) -> &mut Self {
        self.see(Observation::Settled)
    }

    pub(crate) fn wait(&mut self, ms: u64) -> &mut Self {
        self.at += Duration::from_millis(ms);
        self
    }

    /// Enters a view by a TC, and forwards it.
    pub(crate) fn enters(&mut self, certificate: ViewChangeCertificate) -> &mut Self {
        let shown = RecoveryMessage {
            view_change: Some(certificate.clone()),
            ..recovery()
        };
        self.shown([forwarded(1, shown.clone())]);
        self.logs([view_record(certificate)])
            .sends(&forwarded(0, shown))
    }

    pub(crate) fn found(&self) -> Vec<Invariant> {
        self.oracles
            .violations()
            .iter()
            .map(|one| one.invariant)
            .collect()
    }

    #[track_caller]
    pub(crate) fn finds(&self, invariant: Invariant) {
        let found = self.oracles.violations();
        assert!(
            self.found().contains(&invariant),
            "{invariant} is not among {found:#?}"
        );
    }

    #[track_caller]
    pub(crate) fn is_clean(&self) {
        assert!(
            self.oracles.violations().is_empty(),
            "{:#?}",
            self.oracles.violations()
        );
    }
}
