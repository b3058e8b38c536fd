//! Both engines with their key elsewhere: one validator makes blocks, and one of four gives up views, all signed by
//! the service over TCP.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::{
    BlockLimits, Engine, Event, HeightInfo, LedgerAction, LedgerEvent, Now, TimerId, Witnessed,
};
use neo_consensus::v3::leader::LeaderState;
use neo_consensus::v3::timing::TimerSettings;
use neo_consensus::v3::{V3Engine, VoteLogState};
use neo_consensus::vote_log::MemoryMedium;
use neo_consensus::{ValidatorSet, v2, v3};
use neo_primitives::{
    BlockBody, Datoshi, Encode as _, Header, Height, Magic, PrivateKey, PublicKey, UInt160,
    UInt256, ValidatorIndex, consensus_address, parse_signatures, sign_data,
};
use neo_signer::{Desk, Entry, Memory, Outcome, Remote, RemoteSigner};
use parking_lot::Mutex;
use tokio::net::TcpListener;

const MAGIC: Magic = Magic(56_753);
const BLOCK_TIME: Duration = Duration::from_secs(1);

fn keys(count: u8) -> Vec<PrivateKey> {
    let mut keys: Vec<_> = (1..=count)
        .map(|byte| PrivateKey::from_bytes(&[byte; 32]).unwrap())
        .collect();
    keys.sort_by_key(|key| key.public_key().clone());
    keys
}

fn public(keys: &[PrivateKey]) -> Vec<PublicKey> {
    keys.iter().map(|key| key.public_key().clone()).collect()
}

/// A ledger without transactions.
struct Ledger {
    validators: Vec<PublicKey>,
    headers: HashMap<UInt256, Header>,
    stored: Vec<Witnessed>,
}

fn genesis() -> Header {
    Header {
        version: 0,
        prev_hash: UInt256::ZERO,
        merkle_root: UInt256::ZERO,
        timestamp: 1,
        nonce: 0,
        index: Height(0),
        primary_index: ValidatorIndex(0),
        next_consensus: UInt160::ZERO,
    }
}

impl Ledger {
    fn new(validators: Vec<PublicKey>) -> Self {
        let genesis = genesis();
        Self {
            validators,
            headers: HashMap::from([(genesis.hash(), genesis)]),
            stored: Vec::new(),
        }
    }

    fn account(&self) -> UInt160 {
        consensus_address(&self.validators)
    }

    fn answer(&mut self, action: LedgerAction) -> Option<LedgerEvent> {
        match action {
            LedgerAction::Open { parent } => {
                let header = *self.headers.get(&parent)?;
                let height = header.index.next();
                let count = self.validators.len();
                Some(LedgerEvent::Opened(HeightInfo {
                    height,
                    parent: header,
                    parent_hash: parent,
                    magic: MAGIC,
                    validators: Arc::new(ValidatorSet::new(self.validators.clone()).unwrap()),
                    next_consensus: self.account(),
                    block_time: BLOCK_TIME,
                    limits: BlockLimits {
                        max_transactions: 9,
                        max_block_size: 1 << 20,
                        max_block_system_fee: Datoshi(1),
                    },
                    pool: 0,
                    leaders: LeaderState::fresh(height, count),
                }))
            }
            LedgerAction::Build {
                parent,
                primary,
                timestamp,
                nonce,
                ..
            } => {
                let index = self.headers.get(&parent)?.index.next();
                let header = Header {
                    index,
                    prev_hash: parent,
                    timestamp,
                    nonce,
                    primary_index: primary,
                    next_consensus: self.account(),
                    ..genesis()
                };
                let body = BlockBody {
                    header,
                    transactions: vec![],
                };
                Some(LedgerEvent::Built(Arc::new(body)))
            }
            LedgerAction::Lookup { hash, ids } => {
                let transactions = vec![None; ids.len()];
                Some(LedgerEvent::Found { hash, transactions })
            }
            LedgerAction::Check { body, .. } => Some(LedgerEvent::Checked {
                hash: body.header.hash(),
                result: Ok(()),
            }),
            LedgerAction::Promote { hash } => Some(LedgerEvent::Promoted { hash }),
            LedgerAction::Store { block } => {
                let (height, hash) = (block.body.header.index, block.body.header.hash());
                self.headers.insert(hash, block.body.header);
                self.stored.push(*block);
                Some(LedgerEvent::Stored { height, hash })
            }
        }
    }
}

/// The service of a key, what it told, and a client of it.
async fn signer(key: &PrivateKey) -> (RemoteSigner, Arc<Mutex<Vec<Entry>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let own = key.public_key().clone();
    let memory = Memory::initialise(MemoryMedium::default(), MAGIC, &own, None).unwrap();
    let entries = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&entries);
    let journal = Arc::new(move |entry: &Entry| told.lock().push(entry.clone()));
    let desk = Arc::new(Desk::new(key.clone(), MAGIC, memory, journal));
    tokio::spawn(neo_signer::serve(listener, desk, std::future::pending()));
    let timeout = Duration::from_secs(20);
    let remote = RemoteSigner::new(&endpoint, timeout, MAGIC, own).unwrap();
    (remote, entries)
}

/// Runs an engine whose drafts `remote` signs, until `done`; gives the own messages in their order.
async fn drive<E: Engine + Remote>(
    engine: &mut E,
    ledger: &mut Ledger,
    remote: &RemoteSigner,
    done: impl Fn(&Ledger, &[E::Message]) -> bool,
) -> Vec<E::Message> {
    let mut now = Duration::ZERO;
    let mut timers: BTreeMap<TimerId, Duration> = BTreeMap::new();
    let mut events = VecDeque::from([Event::Start]);
    let mut sent = Vec::new();
    while !done(ledger, &sent) {
        let event = events.pop_front().unwrap_or_else(|| {
            let next = timers.iter().min_by_key(|(_, at)| **at);
            let (id, at) = next
                .map(|(id, at)| (*id, *at))
                .expect("something to wait for");
            timers.remove(&id);
            now = now.max(at);
            Event::Timer(id)
        });
        let at = Now {
            monotonic: now,
            wall_ms: 1_000 + u64::try_from(now.as_millis()).unwrap(),
            entropy: 7,
        };
        let actions = engine.step(at, event);
        assert!(actions.verify.is_empty() && actions.evidence.is_empty());
        for change in actions.timers {
            match change.at {
                Some(at) => timers.insert(change.id, at),
                None => timers.remove(&change.id),
            };
        }
        let answers = actions
            .ledger
            .into_iter()
            .filter_map(|action| ledger.answer(action));
        events.extend(answers.map(Event::Ledger));
        for (_, draft) in actions.send {
            let body = E::signs(&draft).and_then(|hash| engine.body(&hash));
            let own = E::sign_remotely(draft, remote, body).await.unwrap();
            sent.push(E::message(&own).clone());
            if E::counts(E::message(&own)) {
                events.push_back(Event::Own(own));
            }
        }
    }
    sent
}

fn engine_2(own: &PublicKey) -> v2::V2Engine {
    let settings = v2::EngineSettings {
        own: Some(own.clone()),
        max_block_time: None,
    };
    v2::V2Engine::new(settings, restored())
}

fn restored<R>() -> neo_consensus::engine::Restored<R> {
    neo_consensus::engine::Restored {
        stored: Height(0),
        tip: genesis().hash(),
        records: vec![],
        log: VoteLogState::Intact,
    }
}

fn engine_3(own: &PublicKey) -> V3Engine {
    let settings = v3::EngineSettings::new(Some(own.clone()), true, TimerSettings::default());
    V3Engine::new(settings, restored())
}

/// The blocks of one validator, each with its signature.
fn assert_blocks(ledger: &Ledger, count: usize) {
    assert!(ledger.stored.len() >= count);
    for block in &ledger.stored {
        let signatures = parse_signatures(&block.witness.invocation).unwrap();
        let data = sign_data(MAGIC, &block.body.header.hash());
        assert!(
            ledger.validators[0]
                .verifier()
                .verify(&data, &signatures[0])
        );
    }
}

fn kinds(entries: &[Entry]) -> BTreeSet<&'static str> {
    let signed = |entry: &Entry| matches!(entry.outcome, Outcome::Signed | Outcome::Again);
    assert!(entries.iter().all(signed), "{entries:?}");
    entries.iter().filter_map(|entry| entry.kind).collect()
}

#[tokio::test]
async fn a_validator_of_the_older_protocol_makes_blocks() {
    let keys = keys(1);
    let (remote, entries) = signer(&keys[0]).await;
    let mut ledger = Ledger::new(public(&keys));
    let mut engine = engine_2(remote.public_key());
    let sent = drive(&mut engine, &mut ledger, &remote, |ledger, _| {
        ledger.stored.len() == 3
    })
    .await;
    assert_blocks(&ledger, 3);
    for message in &sent {
        message.payload().verify(MAGIC).unwrap();
    }
    let expected = ["Block", "Commit", "PrepareRequest", "RecoveryRequest"];
    assert_eq!(kinds(&entries.lock()), BTreeSet::from(expected));
}

#[tokio::test]
async fn a_validator_of_the_newer_protocol_makes_blocks() {
    let keys = keys(1);
    let (remote, entries) = signer(&keys[0]).await;
    let mut ledger = Ledger::new(public(&keys));
    let mut engine = engine_3(remote.public_key());
    drive(&mut engine, &mut ledger, &remote, |ledger, _| {
        ledger.stored.len() == 3
    })
    .await;
    assert_blocks(&ledger, 3);
    let kinds = kinds(&entries.lock());
    for kind in ["Block", "PreCommit", "Prepare", "Proposal"] {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
}

#[tokio::test]
async fn a_validator_that_is_alone_gives_up_its_view() {
    let keys = keys(4);
    let own = &keys[0];
    let (remote, entries) = signer(own).await;
    let mut ledger = Ledger::new(public(&keys));
    let asked = |kind| move |message: &v2::Message| message.kind() == kind;
    let sent = drive(
        &mut engine_2(own.public_key()),
        &mut ledger,
        &remote,
        |_, sent: &[v2::Message]| {
            sent.iter().any(asked(v2::Kind::ChangeView))
                || sent
                    .iter()
                    .filter(|it| asked(v2::Kind::RecoveryRequest)(it))
                    .count()
                    > 1
        },
    )
    .await;
    for message in &sent {
        message.payload().verify(MAGIC).unwrap();
    }
    let mut ledger = Ledger::new(public(&keys));
    let sent = drive(
        &mut engine_3(own.public_key()),
        &mut ledger,
        &remote,
        |_, sent: &[v3::Message]| {
            let kind = v3::context::MessageKind::ChangeView;
            sent.iter().any(|message| message.kind() == kind)
        },
    )
    .await;
    let context = v3::context::HeightContext {
        magic: MAGIC,
        height: Height(1),
        prev_hash: genesis().hash(),
        validators: Arc::new(ValidatorSet::new(public(&keys)).unwrap()),
    };
    for message in &sent {
        let preimage = message.preimage(&context);
        let verifier = own.public_key().verifier();
        assert!(
            verifier.verify(&preimage, &message.signature),
            "{:?}",
            message.kind()
        );
        assert!(!message.payload.to_bytes().is_empty() || message.kind() as u8 == 7);
    }
    assert!(kinds(&entries.lock()).contains("ChangeView"));
}

#[tokio::test]
async fn a_header_is_not_signed_without_its_block() {
    let keys = keys(1);
    let (remote, entries) = signer(&keys[0]).await;
    let mut ledger = Ledger::new(public(&keys));
    let mut engine = engine_2(remote.public_key());
    let mut events = VecDeque::from([Event::Start]);
    let mut elapsed = 0_u64;
    let error = loop {
        let event = events.pop_front().unwrap_or(Event::Timer(TimerId {
            height: Height(1),
            kind: neo_consensus::engine::TimerKind::View,
        }));
        elapsed += 1;
        let now = Now {
            monotonic: Duration::from_secs(elapsed),
            wall_ms: elapsed * 1_000,
            entropy: 7,
        };
        let actions = engine.step(now, event);
        let answers = actions
            .ledger
            .into_iter()
            .filter_map(|action| ledger.answer(action));
        events.extend(answers.map(Event::Ledger));
        let mut failed = None;
        for (_, draft) in actions.send {
            let other = BlockBody {
                header: genesis(),
                transactions: vec![],
            };
            match v2::V2Engine::sign_remotely(draft, &remote, Some(Arc::new(other))).await {
                Ok(own) => events.push_back(Event::Own(own)),
                Err(error) => failed = Some(error),
            }
        }
        if let Some(error) = failed {
            break error;
        }
    };
    assert!(error.to_string().ends_with("is not held"), "{error}");
    assert!(!kinds(&entries.lock()).contains("Block"));
}
