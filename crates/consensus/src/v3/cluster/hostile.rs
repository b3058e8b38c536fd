//! Any event in any state: no panic, and memory that stays bounded. All keys lie here, so nothing is
//! said about agreement.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{
    BlockBody, Datoshi, Header, Height, PublicKey, UInt160, UInt256, ValidatorIndex, merkle_root,
};

use super::ledger::MAGIC;
use super::toys::{Rng, ToyCheck, ToySigner, keys, transaction};
use crate::engine::{
    BlockLimits, Connectivity, Engine, Event, Fetched, HeightInfo, LedgerEvent, Now, TimerId,
    TimerKind,
};
use crate::index_set::IndexSet;
use crate::v3::certificate::{
    Claim, CommitCertificate, Decision, PreparedCertificate, PreparedClaim, Signatures,
    ViewChangeCertificate, ViewChangeEntry, claim_bytes, hash_and_justification,
};
use crate::v3::context::{HeightContext, MessageKind};
use crate::v3::leader::LeaderState;
use crate::v3::message::{
    ChangeView, ChangeViewReason, Draft, Message, Payload, Proposal, RecoveryMessage,
    RecoveryRequest, short_id,
};
use crate::v3::timing::TimerSettings;
use crate::v3::{EngineSettings, OwnMessage, Restored, Signer, V3Engine, VoteLogState};
use crate::validators::{ValidatorSet, View};

struct World {
    rng: Rng,
    keys: Vec<PublicKey>,
    set: Arc<ValidatorSet>,
    /// Six blocks of each height.
    bodies: Vec<Arc<BlockBody>>,
    tip: Arc<BlockBody>,
    engine: V3Engine,
    now: Duration,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let keys = keys(7);
        let set = Arc::new(ValidatorSet::new(keys[..4].to_vec()).unwrap());
        let mut bodies: Vec<Arc<BlockBody>> = Vec::new();
        for index in 0..600_u32 {
            let transactions: Vec<_> = (0..index % 3)
                .map(|at| transaction(index * 10 + at))
                .collect();
            let hashes: Vec<_> = transactions.iter().map(|tx| tx.hash()).collect();
            let parent = bodies
                .iter()
                .rev()
                .find(|body| body.header.index.0 < index / 6);
            let header = Header {
                version: 0,
                prev_hash: parent.map_or(UInt256::ZERO, |body| body.hash()),
                merkle_root: merkle_root(&hashes),
                timestamp: 1_000 + u64::from(index),
                nonce: u64::from(index),
                index: Height(index / 6),
                primary_index: ValidatorIndex(u8::try_from(rng.below(4)).unwrap()),
                next_consensus: UInt160::ZERO,
            };
            bodies.push(Arc::new(BlockBody {
                header,
                transactions,
            }));
        }
        let lost = if rng.below(4) == 0 {
            VoteLogState::Lost
        } else {
            VoteLogState::Intact
        };
        let settings = EngineSettings::new(
            (rng.below(8) > 0).then(|| keys[0].clone()),
            rng.below(2) == 0,
            TimerSettings::default(),
        );
        let restored = Restored {
            stored: Height(0),
            tip: bodies[0].hash(),
            records: vec![],
            log: lost,
        };
        let engine = V3Engine::new(settings, restored);
        let tip = Arc::clone(&bodies[0]);
        Self {
            rng,
            keys,
            set,
            bodies,
            tip,
            engine,
            now: Duration::ZERO,
        }
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.rng.below(of.len() as u64) as usize].clone()
    }

    fn body(&mut self) -> Arc<BlockBody> {
        // Around the stored height, so that things fit now and then.
        let first = 6 * u64::from(self.tip.header.index.0);
        let at = (first + self.rng.below(24)).min(599);
        Arc::clone(&self.bodies[usize::try_from(at).unwrap()])
    }

    fn hash(&mut self) -> UInt256 {
        self.body().hash()
    }

    fn view(&mut self) -> View {
        View(self.pick(&[0, 0, 0, 1, 1, 2, 3, 9, 40, u32::MAX]))
    }

    fn height(&mut self) -> Height {
        let stored = self.engine.status().stored.0;
        let around = u32::try_from(self.rng.below(4)).unwrap();
        Height(
            self.pick(&[0, u32::MAX, stored, stored, stored])
                .saturating_add(around),
        )
    }

    fn context(&mut self, height: Height) -> HeightContext {
        let below = self
            .bodies
            .iter()
            .find(|body| body.header.index.next() == height);
        let prev_hash = below.map_or(UInt256::ZERO, |body| body.hash());
        HeightContext {
            magic: MAGIC,
            height,
            prev_hash,
            validators: Arc::clone(&self.set),
        }
    }

    fn signatures(&mut self, preimage: &[u8], count: u64) -> Signatures {
        let mut signatures = BTreeMap::new();
        for _ in 0..count {
            let signer = self.rng.below(4) as usize;
            let signature = ToySigner(self.keys[signer].clone()).sign(preimage);
            signatures.insert(ValidatorIndex(signer as u8), signature);
        }
        Signatures::new(signatures)
    }

    fn prepared(&mut self, context: &HeightContext, view: View) -> PreparedCertificate {
        let (hash, justification) = (self.hash(), UInt256::ZERO);
        let body = hash_and_justification(&hash, &justification);
        let preimage = context.preimage(MessageKind::Prepare, view, &body);
        let signatures = self.signatures(&preimage, 6);
        PreparedCertificate {
            view,
            hash,
            justification,
            signatures,
        }
    }

    fn decision(&mut self, context: &HeightContext) -> Decision {
        let (hash, view) = (self.hash(), self.view());
        if self.rng.below(2) == 0 {
            let preimage = neo_primitives::sign_data(MAGIC, &hash);
            let signatures = self.signatures(&preimage, 3);
            return Decision::HeaderSignatures { hash, signatures };
        }
        let preimage = context.preimage(MessageKind::PreCommit, view, hash.as_wire());
        let signatures = self.signatures(&preimage, 6);
        Decision::Certificate(CommitCertificate {
            view,
            hash,
            signatures,
            prepared: None,
        })
    }

    fn claim(&mut self, below: View) -> (Claim, Option<PreparedClaim>) {
        let view = View(self.rng.below(u64::from(below.0.min(4)) + 1) as u32);
        let claim = (self.rng.below(3) == 0).then(|| PreparedClaim {
            view,
            hash: self.hash(),
        });
        (claim, claim)
    }

    fn view_change(&mut self, context: &HeightContext, view: View) -> ViewChangeCertificate {
        let mut entries = BTreeMap::new();
        let prepared = (self.rng.below(2) == 0).then(|| self.prepared(context, View(0)));
        for signer in 0..3_u8 {
            let claim = prepared.as_ref().map(PreparedCertificate::claim);
            let preimage = context.preimage(MessageKind::ChangeView, view, &claim_bytes(&claim));
            let signature = ToySigner(self.keys[usize::from(signer)].clone()).sign(&preimage);
            entries.insert(ValidatorIndex(signer), ViewChangeEntry { claim, signature });
        }
        ViewChangeCertificate {
            view,
            entries,
            prepared,
        }
    }

    fn proposal(&mut self, context: &HeightContext, view: View) -> Payload {
        let body = self.body();
        let hash = body.hash();
        let mut ids: Vec<_> = body
            .transactions
            .iter()
            .map(|tx| short_id(&hash, &tx.hash()))
            .collect();
        if self.rng.below(4) == 0 {
            ids.push([9; 6]);
        }
        let justified = view > View::ZERO || self.rng.below(9) == 0;
        Payload::Proposal(Arc::new(Proposal {
            header: body.header,
            transactions: ids,
            justification: justified.then(|| self.view_change(context, view)),
            parent: (self.rng.below(2) == 0).then(|| self.decision(context)),
            prepare: neo_primitives::Signature([0; 64]),
        }))
    }

    fn sign(&mut self, context: &HeightContext, view: View, payload: Payload) -> Message {
        let sender = self.rng.below(5) as u8;
        let key = self.keys[usize::from(sender)].clone();
        Draft::new(
            &Arc::new(context.clone()),
            ValidatorIndex(sender),
            view,
            payload,
        )
        .sign(&ToySigner(key))
    }

    fn vote(&mut self, context: &HeightContext) -> Message {
        let view = self.view();
        let hash = self.hash();
        let payload = match self.rng.below(6) {
            0 => self.proposal(context, view),
            1 => Payload::Prepare {
                hash,
                justification: UInt256::ZERO,
            },
            2 => Payload::PreCommit { hash },
            3 => Payload::Commit { hash },
            4 => {
                let (claim, held) = self.claim(view);
                let prepared = held.map(|held| self.prepared(context, held.view));
                let reason = ChangeViewReason::Joined;
                Payload::ChangeView(Arc::new(ChangeView {
                    claim,
                    prepared,
                    reason,
                }))
            }
            _ => Payload::Suspect,
        };
        let view = if matches!(payload, Payload::Commit { .. }) {
            View::ZERO
        } else {
            view
        };
        self.sign(context, view, payload)
    }

    fn message(&mut self) -> Message {
        let height = self.height();
        let context = self.context(height);
        let view = self.view();
        match self.rng.below(10) {
            0 => {
                let set = |rng: &mut Rng| {
                    (0..rng.below(5) as u8)
                        .map(ValidatorIndex)
                        .collect::<IndexSet>()
                };
                let request = RecoveryRequest {
                    nonce: self.rng.below(2),
                    prev_hash: context.prev_hash,
                    has_proposal: self.rng.below(2) == 0,
                    prepares: set(&mut self.rng),
                    pre_commits: set(&mut self.rng),
                    change_views: set(&mut self.rng),
                    commits: set(&mut self.rng),
                    prepared: Some(view).filter(|_| self.rng.below(2) == 0),
                    decided: self.rng.below(4) == 0,
                };
                self.sign(&context, view, Payload::RecoveryRequest(request))
            }
            1 => {
                let messages = (0..self.rng.below(4))
                    .map(|_| self.vote(&context))
                    .collect();
                let recovery = RecoveryMessage {
                    nonce: self.rng.below(2),
                    stored: self.height(),
                    view_change: Some(self.view_change(&context, view)),
                    prepared: Some(self.prepared(&context, view)),
                    decision: (self.rng.below(4) == 0).then(|| self.decision(&context)),
                    messages,
                };
                self.sign(&context, view, Payload::RecoveryMessage(Arc::new(recovery)))
            }
            _ => self.vote(&context),
        }
    }

    fn ledger_event(&mut self) -> LedgerEvent {
        let body = self.body();
        let hash = body.hash();
        match self.rng.below(9) {
            0..=3 => {
                let open = self.engine.status().heights;
                let block = open.last().and_then(|open| open.block);
                let decided = self
                    .bodies
                    .iter()
                    .find(|body| Some(body.hash()) == block)
                    .cloned();
                let above = decided.unwrap_or_else(|| Arc::clone(&self.tip));
                let parent = if self.rng.below(8) > 0 { above } else { body };
                LedgerEvent::Opened(HeightInfo {
                    height: parent.header.index.next(),
                    parent: parent.header,
                    parent_hash: parent.hash(),
                    magic: MAGIC,
                    validators: Arc::clone(&self.set),
                    next_consensus: UInt160::ZERO,
                    block_time: Duration::ZERO,
                    limits: BlockLimits {
                        max_transactions: 2,
                        max_block_size: 1 << 20,
                        max_block_system_fee: Datoshi(0),
                    },
                    pool: 0,
                    leaders: LeaderState::undisturbed(parent.header.index.next(), self.set.len()),
                })
            }
            4 => LedgerEvent::Built(body),
            5 => {
                let transactions = body.transactions.iter().cloned().map(Some).collect();
                LedgerEvent::Found { hash, transactions }
            }
            6 => {
                let fits = self.rng.below(4) > 0;
                let result = if fits {
                    Ok(())
                } else {
                    Err("refused".to_owned())
                };
                LedgerEvent::Checked { hash, result }
            }
            7 => LedgerEvent::Promoted { hash },
            _ => {
                if body.header.index > self.tip.header.index {
                    self.tip = Arc::clone(&body);
                }
                LedgerEvent::Stored {
                    height: body.header.index,
                    hash,
                }
            }
        }
    }

    fn event(&mut self) -> Event<V3Engine> {
        let keys = self.keys.clone();
        let peer = self.pick(&keys);
        match self.rng.below(20) {
            0..=11 => Event::Received {
                from: peer,
                message: self.message(),
            },
            12 | 13 => {
                let height = self.height();
                let kind = self.pick(&[TimerKind::Propose, TimerKind::View, TimerKind::Resend]);
                Event::Timer(TimerId { height, kind })
            }
            14 | 15 => Event::Ledger(self.ledger_event()),
            16 => {
                let body = self.body();
                let hash = body.hash();
                Event::Fetched(match self.rng.below(4) {
                    0 => Fetched::Nothing { hash },
                    1 => Fetched::Hashes {
                        hash,
                        hashes: body.transaction_hashes(),
                    },
                    2 => {
                        let at = self.pick(&[0, 1, u32::MAX]);
                        let transactions = vec![(at, transaction(at))];
                        Fetched::Transactions { hash, transactions }
                    }
                    _ => Fetched::Body(body),
                })
            }
            17 => Event::Connectivity {
                peer,
                state: Connectivity::Down,
            },
            18 => {
                let round_trip = self.pick(&[Duration::ZERO, Duration::MAX]);
                Event::Connectivity {
                    peer,
                    state: Connectivity::Up { round_trip },
                }
            }
            _ => {
                let message = self.message();
                Event::Own(OwnMessage::resigned(message, &ToySigner(peer)))
            }
        }
    }

    fn step(&mut self, event: Event<V3Engine>, depth: usize) {
        let now = Now {
            monotonic: self.now,
            wall_ms: self.rng.below(10_000),
            entropy: self.rng.next(),
        };
        let actions = self.engine.step(now, event);
        for job in actions.verify {
            if self.rng.below(8) > 0 {
                let outcome = job.run(&ToyCheck);
                self.step(Event::Verified(outcome), depth + 1);
            }
        }
        for (_, draft) in actions.send {
            if depth < 8 && self.rng.below(4) > 0 {
                let own = OwnMessage::sign(draft, &ToySigner(self.keys[0].clone()));
                self.step(Event::Own(own), depth + 1);
            }
        }
        assert!(actions.fetch.len() < 100 && actions.ledger.len() < 100);
    }
}

#[test]
fn no_event_in_any_state_panics_or_fills_the_memory() {
    for seed in 0..40 {
        let mut world = World::new(seed);
        let mut opened = 0;
        let mut most = 0;
        world.step(Event::Start, 0);
        for _ in 0..2500 {
            world.now += Duration::from_millis(world.rng.below(60));
            let event = world.event();
            world.step(event, 0);
            opened += world.engine.status().heights.len();
            most = most.max(world.engine.footprint());
        }
        assert!(opened > 0, "seed {seed} never opened a height");
        assert!(
            most < 1_500,
            "seed {seed}: {most} messages, blocks and peers are kept"
        );
    }
}

#[test]
fn many_strangers_and_far_heights_fill_no_memory() {
    let mut world = World::new(1);
    world.step(Event::Start, 0);
    let context = world.context(Height(2));
    for at in 0..20_000_u32 {
        let mut message = world.vote(&context);
        message.height = Height(1 + at % 4);
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&(at % 700 + 1).to_le_bytes());
        let stranger = world.keys[(at % 7) as usize].clone();
        world.step(
            Event::Received {
                from: stranger,
                message,
            },
            0,
        );
    }
    assert!(world.engine.footprint() < 4_500);
}
