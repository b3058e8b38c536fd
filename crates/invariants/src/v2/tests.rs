//! Every oracle with something it must report and a near miss that it must not.

use std::sync::Arc;
use std::time::Duration;

use neo_consensus::ValidatorSet;
use neo_consensus::View;
use neo_consensus::engine::{BlockLimits, HeightInfo, Notice, Recipient, Signer as _};
use neo_consensus::v2::{Body, ChangeView, Content, Message, PrepareRequest, Reason, Record};
use neo_consensus::v3::leader::LeaderState;
use neo_primitives::{
    Block, BlockBody, Datoshi, Encode as _, ExtensiblePayload, Header, Height, Magic, PublicKey,
    Signature, UInt160, UInt256, ValidatorIndex, Witness, multisig_script, multisig_witness,
    sign_data, single_signature_witness,
};

use super::{Observation, Oracles, payload};
use crate::Setup;
use crate::ideal::IdealSigner;

const MAGIC: Magic = Magic(7);

fn keys() -> Vec<PublicKey> {
    let key = |byte: u8| {
        let key = neo_primitives::PrivateKey::from_bytes(&[byte; 32]).unwrap();
        key.public_key().clone()
    };
    let mut keys: Vec<_> = (1..=4).map(key).collect();
    keys.sort();
    keys
}

fn genesis() -> Header {
    Header {
        version: 0,
        prev_hash: UInt256::ZERO,
        merkle_root: UInt256::ZERO,
        timestamp: 1_000,
        nonce: 0,
        index: Height(0),
        primary_index: ValidatorIndex(0),
        next_consensus: UInt160::ZERO,
    }
}

fn setup() -> Setup {
    Setup {
        magic: MAGIC,
        validators: Arc::new(ValidatorSet::new(keys()).unwrap()),
        byzantine: [].into(),
        genesis: genesis(),
        heal_bound: Some(Duration::from_secs(5)),
        footprint_limit: 10,
    }
}

/// The message of a validator, signed.
fn message(validator: u8, view: u8, body: Body) -> Message {
    let key = keys()[usize::from(validator)].clone();
    let content = Content {
        height: Height(1),
        validator: ValidatorIndex(validator),
        view,
        body,
    };
    let mut payload = ExtensiblePayload {
        category: "dBFT".to_owned(),
        valid_block_start: Height(0),
        valid_block_end: Height(1),
        sender: key.script_hash(),
        data: content.to_bytes(),
        witness: Witness::default(),
    };
    let signature = sign(validator, &payload.hash());
    payload.witness = single_signature_witness(signature, &key);
    Message::from_payload(payload).unwrap()
}

fn sign(validator: u8, hash: &UInt256) -> Signature {
    IdealSigner::new(keys()[usize::from(validator)].clone()).sign(&sign_data(MAGIC, hash))
}

fn request(nonce: u64) -> PrepareRequest {
    PrepareRequest {
        version: 0,
        prev_hash: genesis().hash(),
        timestamp: 2_000,
        nonce,
        hashes: vec![],
    }
}

/// The primary of view 0 is validator 1, of view 1 validator 0.
fn proposal(nonce: u64) -> Message {
    message(1, 0, Body::PrepareRequest(request(nonce)))
}

fn response(validator: u8, to: &Message) -> Message {
    let preparation = to.hash();
    message(validator, to.view(), Body::PrepareResponse { preparation })
}

fn header(nonce: u64) -> Header {
    payload::header(&request(nonce), Height(1), ValidatorIndex(1), UInt160::ZERO)
}

fn commit(validator: u8, nonce: u64) -> Message {
    let signature = sign(validator, &header(nonce).hash());
    message(validator, 0, Body::Commit { signature })
}

fn asks(validator: u8, view: u8, timestamp: u64) -> Message {
    let change = ChangeView {
        timestamp,
        reason: Reason::Timeout,
        rejected: None,
    };
    message(validator, view, Body::ChangeView(change))
}

fn block(nonce: u64, signers: &[u8]) -> Block {
    let header = header(nonce);
    let hash = header.hash();
    let signatures: Vec<_> = signers.iter().map(|one| sign(*one, &hash)).collect();
    let script = multisig_script(3, &keys()).unwrap();
    Block {
        header,
        witness: multisig_witness(&signatures, script),
        transactions: vec![],
    }
}

/// Records of a Commit of view 0, with all that leads to it.
fn committed(validator: u8, nonce: u64) -> Vec<Record> {
    let proposal = proposal(nonce);
    let others = [0, 2, 3].map(|one| response(one, &proposal));
    let body = BlockBody {
        header: header(nonce),
        transactions: vec![],
    };
    vec![
        Record::Body(Arc::new(body)),
        Record::Context {
            height: Height(1),
            view: 0,
            messages: [vec![proposal], others.to_vec()].concat(),
        },
        Record::Own(commit(validator, nonce)),
    ]
}

/// Oracles, and what they are told.
struct Stage(Oracles);

impl Stage {
    /// All four run, at height 1.
    fn open() -> Self {
        let mut stage = Self(Oracles::new(setup()));
        for node in 0..4 {
            stage.start(node, true, &[]);
        }
        stage
    }

    fn start(&mut self, node: u8, log_intact: bool, records: &[Record]) {
        self.see(
            node,
            Observation::Started {
                validator: Some(ValidatorIndex(node)),
                life: 0,
                log_intact,
                stored: Height(0),
                records,
            },
        );
        let info = HeightInfo {
            height: Height(1),
            parent: genesis(),
            parent_hash: genesis().hash(),
            magic: MAGIC,
            validators: Arc::clone(&setup().validators),
            next_consensus: UInt160::ZERO,
            block_time: Duration::from_secs(1),
            limits: BlockLimits {
                max_transactions: 9,
                max_block_size: 1 << 20,
                max_block_system_fee: Datoshi(1),
            },
            pool: 0,
            leaders: LeaderState::fresh(Height(1), 4),
        };
        self.see(node, Observation::Opened { info: &info });
    }

    fn see(&mut self, node: u8, observation: Observation<'_>) {
        self.0
            .observe(Duration::from_secs(1), usize::from(node), observation);
    }

    fn write(&mut self, node: u8, records: &[Record]) -> &mut Self {
        self.see(node, Observation::Durable { records });
        self
    }

    fn own(&mut self, node: u8, message: &Message) -> &mut Self {
        self.write(node, &[Record::Own(message.clone())])
    }

    fn send(&mut self, node: u8, message: &Message) -> &mut Self {
        let to = &Recipient::All;
        self.see(
            node,
            Observation::Sent {
                to,
                message,
                again: false,
            },
        );
        self
    }

    fn hear(&mut self, node: u8, message: &Message) -> &mut Self {
        let from = message.validator();
        self.see(node, Observation::Delivered { from, message });
        self.see(node, Observation::Settled);
        self
    }

    fn store(&mut self, node: u8, block: &Block, imported: bool) -> &mut Self {
        let state_hash = UInt256::ZERO;
        self.see(
            node,
            Observation::Stored {
                block,
                state_hash,
                imported,
            },
        );
        self
    }

    fn decide(&mut self, node: u8, hash: UInt256) -> &mut Self {
        let notice = Notice::Decided {
            height: Height(1),
            view: View::ZERO,
            hash,
        };
        self.see(node, Observation::Noticed { notice: &notice });
        self
    }

    fn names(&self) -> Vec<&'static str> {
        let all = self.0.violations().iter();
        all.map(|violation| violation.invariant.name()).collect()
    }

    #[track_caller]
    fn finds(&self, names: &[&str]) {
        assert_eq!(self.names(), names, "{:#?}", self.0.violations());
    }
}

#[test]
fn one_preparation_and_one_commit_a_validator_in_all_its_lives() {
    let mut stage = Stage::open();
    let vote = response(2, &proposal(1));
    stage.own(2, &vote).send(2, &vote).own(2, &vote).finds(&[]);
    stage.see(2, Observation::Crashed);
    stage.start(2, true, &[Record::Own(vote)]);
    stage
        .own(2, &response(2, &proposal(2)))
        .finds(&["one-of-each"]);

    let mut stage = Stage::open();
    stage.own(1, &proposal(1)).own(1, &proposal(2));
    stage.finds(&["one-of-each"]);

    let mut stage = Stage::open();
    stage.write(2, &committed(2, 1)).finds(&[]);
    stage.write(2, &committed(2, 1)).finds(&[]);
    stage.write(2, &committed(2, 2)).finds(&["one-of-each"]);
}

#[test]
fn nothing_that_binds_leaves_before_it_is_durable() {
    let mut stage = Stage::open();
    stage
        .send(2, &response(2, &proposal(1)))
        .finds(&["durability"]);
    let mut stage = Stage::open();
    let asked = message(2, 0, Body::RecoveryRequest { timestamp: 1 });
    stage.send(2, &asked).finds(&[]);
}

#[test]
fn a_commit_needs_its_block_and_m_preparations_on_record() {
    let without = |what: fn(&Record) -> bool| {
        let mut stage = Stage::open();
        let mut records = committed(2, 1);
        records.retain(|record| !what(record));
        stage.write(2, &records);
        stage
    };
    without(|record| matches!(record, Record::Body(_))).finds(&["durability"]);
    without(|record| matches!(record, Record::Context { .. })).finds(&["durability"]);
    let mut stage = Stage::open();
    let mut records = committed(2, 1);
    if let Record::Context { messages, .. } = &mut records[1] {
        messages.truncate(2);
    }
    stage.write(2, &records).finds(&["durability"]);
    // Preparations of another block.
    let mut stage = Stage::open();
    let mut records = committed(2, 1);
    records[2] = Record::Own(commit(2, 2));
    stage.write(2, &records).finds(&["durability"]);
}

#[test]
fn what_is_on_record_has_the_signature_of_who_said_it() {
    let mut stage = Stage::open();
    let mut records = committed(2, 1);
    let mut forged = response(3, &proposal(1)).payload().clone();
    forged.witness = response(0, &proposal(1)).payload().witness.clone();
    if let Record::Context { messages, .. } = &mut records[1] {
        messages[3] = Message::from_payload(forged).unwrap();
    }
    stage.write(2, &records);
    stage.finds(&["certificate-invalid", "durability"]);
}

#[test]
fn after_a_commit_nothing_else_is_signed_at_the_height() {
    let mut stage = Stage::open();
    stage.write(2, &committed(2, 1));
    stage.own(2, &asks(2, 0, 5)).finds(&["here-and-now"]);
}

#[test]
fn after_a_view_change_only_enough_commits_bring_a_validator_back() {
    let mut stage = Stage::open();
    stage.own(2, &asks(2, 0, 5)).write(2, &committed(2, 1));
    stage.finds(&["here-and-now"]);
    // One Commit of four is f, two are more.
    let mut stage = Stage::open();
    stage.own(2, &asks(2, 0, 5)).hear(2, &commit(0, 1));
    stage.hear(2, &commit(3, 1)).write(2, &committed(2, 1));
    stage.finds(&[]);
    let mut stage = Stage::open();
    stage.own(2, &asks(2, 0, 5)).hear(2, &commit(0, 1));
    stage.own(2, &response(2, &proposal(1)));
    stage.finds(&["here-and-now"]);
}

#[test]
fn a_view_is_entered_with_m_change_views() {
    let enter = |from: &[u8]| {
        let mut stage = Stage::open();
        let messages = from.iter().map(|one| asks(*one, 0, 5)).collect();
        let entered = Record::Context {
            height: Height(1),
            view: 1,
            messages,
        };
        stage.write(2, &[entered]);
        stage
    };
    enter(&[0, 1]).finds(&["view-change"]);
    let mut stage = enter(&[0, 1, 3]);
    let speaks = |view| message(2, view, Body::RecoveryRequest { timestamp: 1 });
    stage.send(2, &speaks(1)).finds(&[]);
    stage.send(2, &speaks(2)).finds(&["view-change"]);
    // The view before is over.
    let mut stage = enter(&[0, 1, 3]);
    stage
        .own(2, &response(2, &proposal(1)))
        .finds(&["here-and-now"]);
}

#[test]
fn a_proposal_is_the_primarys_and_stands_on_the_parent() {
    let mut stage = Stage::open();
    let stranger = message(2, 0, Body::PrepareRequest(request(1)));
    stage.own(2, &stranger).finds(&["fresh-header"]);
    let mut stage = Stage::open();
    let early = PrepareRequest {
        timestamp: 1_000,
        ..request(1)
    };
    stage.own(1, &message(1, 0, Body::PrepareRequest(early)));
    stage.finds(&["fresh-header"]);
    let mut stage = Stage::open();
    stage.own(1, &proposal(1)).send(1, &proposal(1)).finds(&[]);
}

#[test]
fn a_lost_log_silences_until_it_is_resumed() {
    let mut stage = Stage::open();
    stage.see(2, Observation::Crashed);
    stage.start(2, false, &[]);
    stage.own(2, &response(2, &proposal(1))).finds(&["silence"]);
    stage.see(2, Observation::Crashed);
    stage.start(2, true, &[Record::Silenced]);
    stage.write(2, &[Record::Resumed { from: Height(1) }]);
    stage.own(2, &response(2, &proposal(1))).finds(&["silence"]);
}

#[test]
fn one_block_a_height_with_the_first_m_signatures() {
    let good = block(1, &[0, 1, 2]);
    let mut stage = Stage::open();
    for one in [0, 1, 2] {
        stage.hear(3, &commit(one, 1));
    }
    stage
        .decide(3, good.hash())
        .store(3, &good, false)
        .finds(&[]);
    stage
        .store(0, &block(2, &[0, 1, 2]), true)
        .finds(&["agreement"]);

    // Validator 0 was known, and is passed over.
    let mut stage = Stage::open();
    let other = block(1, &[1, 2, 3]);
    for one in [0, 1, 2] {
        stage.hear(3, &commit(one, 1));
    }
    stage.decide(3, other.hash()).store(3, &other, false);
    stage.finds(&["certificate-invalid"]);
    // From others any M will do.
    let mut stage = Stage::open();
    stage
        .hear(3, &commit(0, 1))
        .store(3, &other, true)
        .finds(&[]);
    // A block without a decision, and one with two signatures.
    let mut stage = Stage::open();
    stage.store(3, &good, false).finds(&["decides"]);
    let mut stage = Stage::open();
    stage
        .store(3, &block(1, &[0, 1]), true)
        .finds(&["certificate-invalid"]);
}

#[test]
fn progress_is_due_unless_the_height_is_locked() {
    let stand_still = |locked: bool| {
        let mut stage = Stage::open();
        if locked {
            stage.write(0, &committed(0, 1));
            stage.own(2, &asks(2, 0, 5)).own(3, &asks(3, 0, 5));
            stage.see(1, Observation::Crashed);
        }
        let up = [0, 2, 3].into();
        stage.0.healed(Duration::from_secs(2), &up);
        stage.0.finish(Duration::from_secs(9));
        stage
    };
    let stage = stand_still(true);
    stage.finds(&[]);
    assert_eq!(stage.0.locks(), [Height(1)]);
    let stage = stand_still(false);
    stage.finds(&["progress"; 3]);
    assert!(stage.0.locks().is_empty());
}

#[test]
fn an_engine_that_holds_too_much_is_noticed() {
    let status = neo_consensus::engine::Status::default();
    let mut stage = Stage::open();
    for footprint in [10, 11] {
        let status = &status;
        stage.see(0, Observation::Sampled { status, footprint });
    }
    stage.finds(&["memory"]);
}
