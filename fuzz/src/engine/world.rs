//! The world around one engine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arbitrary::Unstructured;
use neo_consensus::Engine;
use neo_consensus::engine::{
    Actions, BlockLimits, Connectivity, Event, Fetch, Fetched, HeightInfo, LedgerAction,
    LedgerEvent, Now, TimerId, TimerKind, Witnessed,
};
use neo_consensus::v3::leader::LeaderState;
use neo_consensus::v3::timing::TimerSettings;
use neo_consensus::v3::{
    EngineSettings, Message, OwnMessage, Record, Restored, Signer, V3Engine, VerifyJob,
    VoteLogState,
};
use neo_driver::Ballot;
use neo_invariants::ideal::{IdealCheck, IdealSigner};
use neo_invariants::{Invariant, Observation, Oracles, Setup};
use neo_primitives::{
    Block, BlockBody, Datoshi, Header, Height, PublicKey, Signature, Transaction, UInt160, UInt256,
    ValidatorIndex, Witness, merkle_root, multisig_script, multisig_witness, sign_data,
};

use crate::network::{MAGIC, Network, VALIDATORS};
use crate::seeds::{genesis, transactions};

/// Greatest footprint of an engine of four validators: votes of ten views and four targets at two open
/// heights, 64 blocks of each, the buffer of later heights, and the records of a restart.
pub const FOOTPRINT: usize = 2_500;
/// Steps of one input at most.
const STEPS: usize = 400;
/// What cannot be asked of a network in which three of four validators belong to the input. Bodies are
/// among it because PC(v,H) loses its use to a decision of another block of v, which f liars cannot make.
const NOT_JUDGED: [Invariant; 6] = [
    Invariant::Agreement,
    Invariant::StateHash,
    Invariant::Accountability,
    Invariant::StoredEverywhere,
    Invariant::Progress,
    Invariant::Bodies,
];

/// Signs for the node and remembers what.
struct Pen {
    signer: IdealSigner,
    signed: std::cell::RefCell<BTreeSet<Vec<u8>>>,
}

impl Signer for Pen {
    fn sign(&self, preimage: &[u8]) -> Signature {
        self.signed.borrow_mut().insert(preimage.to_vec());
        self.signer.sign(preimage)
    }
}

/// An engine and all around it.
pub struct World<'a> {
    pub(super) input: Unstructured<'a>,
    pub(super) network: Network,
    /// The engine's validator; none for an observer.
    pub(super) own: Option<ValidatorIndex>,
    pen: Pen,
    engine: Option<V3Engine>,
    /// Whether the ledger tells the truth, so that the oracles can judge.
    pub(super) honest_ledger: bool,
    executes_ahead: bool,
    oracles: Oracles,
    steps: usize,
    life: u64,
    now: Duration,
    /// Stored blocks by height.
    stored: Vec<Arc<BlockBody>>,
    /// Blocks of open heights that somebody made.
    pub(super) blocks: Vec<Arc<BlockBody>>,
    /// Messages that were on the network.
    pub(super) seen: Vec<Message>,
    promoted: Option<Arc<BlockBody>>,
    jobs: Vec<VerifyJob>,
    own_messages: VecDeque<OwnMessage>,
    asked: VecDeque<LedgerAction>,
    fetches: VecDeque<Fetch>,
    timers: BTreeMap<TimerId, Duration>,
    log: Vec<Record>,
    log_lost: bool,
    dies: Dies,
    /// Whether what happens is printed: the environment has `NEO_FUZZ_TRACE`.
    traces: bool,
}

/// Where the next write of the vote log ends in a crash.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dies {
    Never,
    BeforeTheWrite,
    AfterTheWrite,
    AfterSending,
}

impl<'a> World<'a> {
    /// A world that the first bytes of the input describe.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut input = Unstructured::new(bytes);
        let setting: u8 = input.arbitrary().unwrap_or_default();
        let network = Network::default();
        let index = ValidatorIndex(setting & 3);
        let own = (setting & 0x1c != 0x1c).then_some(index);
        let genesis = Arc::new(BlockBody {
            header: genesis(),
            transactions: Vec::new(),
        });
        let byzantine = (0..VALIDATORS)
            .map(ValidatorIndex)
            .filter(|other| Some(*other) != own);
        let oracles = Oracles::new(Setup {
            magic: MAGIC,
            validators: Arc::clone(&network.validators),
            byzantine: byzantine.collect(),
            genesis: genesis.header,
            heal_bound: None,
            footprint_limit: FOOTPRINT,
        });
        let signer = IdealSigner::new(network.keys[usize::from(index.0)].clone());
        let mut world = Self {
            input,
            network,
            own,
            pen: Pen {
                signer,
                signed: Default::default(),
            },
            engine: None,
            honest_ledger: setting & 0x20 != 0,
            executes_ahead: setting & 0x40 != 0,
            oracles,
            steps: 0,
            life: 0,
            now: Duration::from_secs(1),
            stored: vec![genesis],
            blocks: Vec::new(),
            seen: Vec::new(),
            promoted: None,
            jobs: Vec::new(),
            own_messages: VecDeque::new(),
            asked: VecDeque::new(),
            fetches: VecDeque::new(),
            timers: BTreeMap::new(),
            log: Vec::new(),
            log_lost: setting & 0x80 != 0,
            dies: Dies::Never,
            traces: std::env::var_os("NEO_FUZZ_TRACE").is_some(),
        };
        world.boot();
        world
    }

    /// Whether the input has more to say.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.steps < STEPS && !self.input.is_empty()
    }

    /// The next byte, or 0 behind the end.
    pub(super) fn byte(&mut self) -> u8 {
        self.input.arbitrary().unwrap_or_default()
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte())
            .checked_rem(limit)
            .unwrap_or_default()
    }

    pub(super) fn tip(&self) -> &Arc<BlockBody> {
        self.stored.last().expect("genesis")
    }

    /// The header that a height builds on: stored, or the block that the engine decided.
    pub(super) fn parent(&self, height: Height) -> Option<Header> {
        let below = usize::try_from(height.0.checked_sub(1)?).ok()?;
        if let Some(body) = self.stored.get(below) {
            return Some(body.header.clone());
        }
        let promoted = self.promoted.as_ref()?;
        (promoted.header.index.next() == height).then(|| promoted.header.clone())
    }

    /// Whether the own key has signed these bytes: only then may the input use that signature.
    pub(super) fn has_signed(&self, preimage: &[u8]) -> bool {
        self.pen.signed.borrow().contains(preimage)
    }

    pub(super) fn engine_height(&self) -> (Height, neo_consensus::View) {
        let status = self.engine.as_ref().map(Engine::status).unwrap_or_default();
        status
            .heights
            .last()
            .map_or((status.stored.next(), neo_consensus::View(0)), |open| {
                (open.height, open.view)
            })
    }

    fn observe(&mut self, observation: Observation<'_>) {
        if self.traces {
            eprintln!("{:?} {observation:?}", self.now);
        }
        if self.honest_ledger {
            self.oracles.observe(self.now, 0, observation);
        }
    }

    fn boot(&mut self) {
        self.life += 1;
        let own = self
            .own
            .map(|index| self.network.keys[usize::from(index.0)].clone());
        let settings = EngineSettings::new(own, self.executes_ahead, TimerSettings::default());
        let records = if self.log_lost {
            Vec::new()
        } else {
            self.log.clone()
        };
        if self.log_lost {
            self.log.clear();
        }
        let log_intact = !self.log_lost;
        let stored = self.tip().header.index;
        let (validator, life) = (self.own, self.life);
        self.observe(Observation::Started {
            validator,
            life,
            log_intact,
            stored,
            records: &records,
        });
        let tip = self.tip().hash();
        let log = if log_intact {
            VoteLogState::Intact
        } else {
            VoteLogState::Lost
        };
        self.engine = Some(V3Engine::new(
            settings,
            Restored {
                stored,
                tip,
                records,
                log,
            },
        ));
        self.step(Event::Start);
    }

    fn crash(&mut self) {
        self.engine = None;
        self.jobs.clear();
        self.own_messages.clear();
        self.asked.clear();
        self.fetches.clear();
        self.timers.clear();
        self.promoted = None;
        self.observe(Observation::Crashed);
    }

    fn moment(&mut self) -> Now {
        let entropy = u64::from(self.byte()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let wall = genesis()
            .timestamp
            .saturating_add(self.now.as_millis() as u64);
        Now {
            monotonic: self.now,
            wall_ms: wall,
            entropy,
        }
    }

    /// Lets the engine take one event and carries out what it wants.
    fn step(&mut self, event: Event<V3Engine>) {
        let now = self.moment();
        let Some(engine) = &mut self.engine else {
            return;
        };
        if self.traces {
            eprintln!("{:?} STEP {event:?}", self.now);
        }
        let actions = engine.step(now, event);
        let footprint = engine.footprint();
        assert!(
            footprint <= FOOTPRINT,
            "the engine holds {footprint} things"
        );
        self.carry_out(actions);
        if self.engine.is_some()
            && self.jobs.is_empty()
            && self.own_messages.is_empty()
            && self.asked.is_empty()
        {
            self.observe(Observation::Settled);
        }
    }

    fn carry_out(&mut self, actions: Actions<V3Engine>) {
        let Actions {
            ledger,
            fetch,
            persist,
            send,
            resend,
            verify,
            timers,
            watch: _,
            redial: _,
            evidence,
            notices,
        } = actions;
        for change in timers {
            match change.at {
                Some(at) => self.timers.insert(change.id, at),
                None => self.timers.remove(&change.id),
            };
        }
        for fetch in &fetch {
            self.observe(Observation::FetchAsked { fetch });
        }
        for notice in &notices {
            self.observe(Observation::Noticed { notice });
        }
        for evidence in &evidence {
            self.observe(Observation::Evidence { evidence });
        }
        self.asked.extend(ledger);
        self.fetches.extend(fetch);
        // More than the engine has in flight is dropped; it asks again.
        self.fetches.truncate(64);
        self.jobs.extend(verify);
        assert!(
            self.own.is_some() || send.is_empty(),
            "an observer drafts {send:?}"
        );
        let ballot = Ballot::<V3Engine>::sign(persist, send, &self.pen);
        let dies = std::mem::replace(&mut self.dies, Dies::Never);
        let writes = !ballot.records().is_empty();
        if dies == Dies::BeforeTheWrite && writes {
            return self.crash();
        }
        if writes {
            self.log.extend_from_slice(ballot.records());
            // Only now: a vote log begins anew together with the first records that say what the loss led to.
            self.log_lost = false;
            self.observe(Observation::Durable {
                records: ballot.records(),
            });
            if dies == Dies::AfterTheWrite {
                return self.crash();
            }
        } else if dies != Dies::Never {
            self.dies = dies;
        }
        for (to, message) in ballot.outgoing() {
            self.observe(Observation::Sent {
                to,
                message,
                again: false,
            });
            self.seen.push(message.clone());
        }
        for (to, message) in &resend {
            self.observe(Observation::Sent {
                to,
                message,
                again: true,
            });
        }
        if dies == Dies::AfterSending && writes {
            return self.crash();
        }
        self.own_messages.extend(ballot.into_own());
    }

    /// Does what the next bytes of the input say.
    pub fn act(&mut self) {
        self.steps += 1;
        if self.engine.is_none() {
            return self.boot();
        }
        match self.byte() {
            0..=95 => self.deliver(),
            96..=127 => self.verify(),
            128..=143 => self.take_own(),
            144..=191 => self.answer(),
            192..=207 => self.let_time_pass(),
            208..=223 => self.answer_fetch(),
            224..=229 => self.change_connection(),
            230..=239 => self.quiesce(),
            240..=245 => self.end_this_life(),
            246..=250 => self.store_by_others(),
            251..=255 => self.disturb(),
        }
    }

    fn deliver(&mut self) {
        let message = self.message();
        let from = match self.below(16) {
            0 => ValidatorIndex(self.byte() % VALIDATORS),
            _ => ValidatorIndex(message.sender.0 % VALIDATORS),
        };
        if Some(from) == self.own {
            return;
        }
        if self.seen.len() < 256 {
            self.seen.push(message.clone());
        }
        self.observe(Observation::Delivered {
            from,
            message: &message,
        });
        let from = self.network.keys[usize::from(from.0)].clone();
        self.step(Event::Received { from, message });
    }

    fn verify(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        let pick = self.below(self.jobs.len());
        let outcome = self.jobs.swap_remove(pick).run(&IdealCheck);
        self.step(Event::Verified(outcome));
    }

    fn take_own(&mut self) {
        if let Some(own) = self.own_messages.pop_front() {
            self.step(Event::Own(own));
        }
    }

    fn answer(&mut self) {
        let Some(action) = self.asked.pop_front() else {
            return;
        };
        if let Some(event) = self.ledger(action) {
            self.inform(event);
        }
    }

    fn inform(&mut self, event: LedgerEvent) {
        if let LedgerEvent::Opened(info) = &event {
            let info = info.clone();
            self.observe(Observation::Opened { info: &info });
        }
        if let LedgerEvent::Checked { hash, result } = &event {
            let passed = result.is_ok();
            self.observe(Observation::Checked { hash, passed });
        }
        self.step(Event::Ledger(event));
    }

    fn known(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        self.blocks
            .iter()
            .chain(&self.stored)
            .find(|body| body.hash() == *hash)
            .cloned()
    }

    fn ledger(&mut self, action: LedgerAction) -> Option<LedgerEvent> {
        Some(match action {
            LedgerAction::Open { parent } => {
                let body = self.known(&parent)?;
                // A block is built on when it is stored, or executed and promoted.
                let promoted = self
                    .promoted
                    .as_ref()
                    .is_some_and(|held| held.hash() == parent);
                (self.tip().hash() == parent || promoted)
                    .then(|| LedgerEvent::Opened(self.info(&body.header)))?
            }
            LedgerAction::Build {
                parent,
                primary,
                timestamp,
                nonce,
                ..
            } => {
                let parent = self.known(&parent)?.header.clone();
                let transactions = self.some_transactions();
                let body = assemble(&parent, primary, timestamp, nonce, transactions);
                self.learn(&body);
                LedgerEvent::Built(body)
            }
            LedgerAction::Lookup { hash, ids } => {
                let body = self.known(&hash);
                let holes = self.byte();
                let transactions = (0..ids.len()).map(|at| {
                    let held = body.as_ref()?.transactions.get(at)?;
                    (holes >> (at & 7) & 1 == 0).then(|| Arc::clone(held))
                });
                LedgerEvent::Found {
                    hash,
                    transactions: transactions.collect(),
                }
            }
            LedgerAction::Check { body, .. } => {
                let hashes: Vec<_> = body.transactions.iter().map(|one| one.hash()).collect();
                let fits = merkle_root(&hashes) == body.header.merkle_root;
                let result = if fits {
                    Ok(())
                } else {
                    Err("another merkle root".to_owned())
                };
                self.learn(&body);
                LedgerEvent::Checked {
                    hash: body.hash(),
                    result,
                }
            }
            LedgerAction::Promote { hash } => {
                self.promoted = self.known(&hash);
                LedgerEvent::Promoted { hash }
            }
            LedgerAction::Store { block } => {
                let Witnessed { body, witness } = *block;
                if body.header.index != self.tip().header.index.next()
                    || body.header.prev_hash != self.tip().hash()
                {
                    return None;
                }
                let whole = Block::from_body(&body, witness);
                let (height, hash) = (body.header.index, body.hash());
                self.keep(body);
                self.observe(Observation::Stored {
                    block: &whole,
                    state_hash: hash,
                    imported: false,
                });
                LedgerEvent::Stored { height, hash }
            }
        })
    }

    fn info(&self, parent: &Header) -> HeightInfo {
        HeightInfo {
            height: parent.index.next(),
            parent: parent.clone(),
            parent_hash: parent.hash(),
            magic: MAGIC,
            validators: Arc::clone(&self.network.validators),
            next_consensus: UInt160::from_wire([7; 20]),
            block_time: Duration::from_secs(1),
            limits: BlockLimits {
                max_transactions: 512,
                max_block_size: 2 << 20,
                max_block_system_fee: Datoshi(900_000_000_000),
            },
            pool: 1,
            leaders: self.leaders(parent),
        }
    }

    /// Who leads after this block: the fold from genesis on.
    pub(super) fn leaders(&self, parent: &Header) -> LeaderState {
        let count = self.network.validators.len();
        let below = self.stored.iter().map(|body| body.header);
        let below = below.take_while(|header| header.index < parent.index);
        let first = LeaderState::fresh(Height(0), count);
        below
            .chain([*parent])
            .fold(first, |state, header| state.after(&header, count, false))
    }

    fn keep(&mut self, body: Arc<BlockBody>) {
        let height = body.header.index;
        self.stored.push(body);
        self.blocks.retain(|block| block.header.index > height);
        if self
            .promoted
            .as_ref()
            .is_some_and(|held| held.header.index <= height)
        {
            self.promoted = None;
        }
        let stored = self.tip().header.index;
        self.log
            .retain(|record| record.height().is_none_or(|height| height > stored));
    }

    pub(super) fn learn(&mut self, body: &Arc<BlockBody>) {
        if self.known(&body.hash()).is_none() && self.blocks.len() < 200 {
            self.blocks.push(Arc::clone(body));
        }
    }

    pub(super) fn some_transactions(&mut self) -> Vec<Arc<Transaction>> {
        let some = self.byte();
        let all = transactions().iter().enumerate();
        all.filter(|(at, _)| some >> at & 0x11 == 0x11)
            .map(|(_, one)| Arc::clone(one))
            .collect()
    }

    fn let_time_pass(&mut self) {
        let length = [0, 1, 20, 60, 100, 150, 500, 1_000, 2_500, 40_000];
        let until = self.now + Duration::from_millis(length[self.below(length.len())]);
        self.fire_until(until);
    }

    fn fire_until(&mut self, until: Duration) {
        for _ in 0..40 {
            let due = self
                .timers
                .iter()
                .min_by_key(|(id, at)| (**at, **id))
                .map(|(id, at)| (*id, *at));
            let Some((id, at)) = due.filter(|(_, at)| *at <= until) else {
                break;
            };
            self.timers.remove(&id);
            self.now = self.now.max(at);
            self.step(Event::Timer(id));
            if self.engine.is_none() {
                return;
            }
        }
        self.now = self.now.max(until);
    }

    fn answer_fetch(&mut self) {
        let Some(fetch) = self.fetches.pop_front() else {
            return;
        };
        let kind = self.below(4);
        let hash = match &fetch {
            Fetch::Transactions { hash, .. }
            | Fetch::Hashes { hash, .. }
            | Fetch::Body { hash, .. } => *hash,
            Fetch::Blocks { .. } => return self.store_by_others(),
        };
        let asked = self.known(&hash).filter(|_| kind > 0);
        // One in four answers is about another block.
        let other = (kind == 1).then(|| self.blocks.first().cloned()).flatten();
        let Some(body) = other.or(asked) else {
            return self.step(Event::Fetched(Fetched::Nothing { hash }));
        };
        let fetched = match fetch {
            Fetch::Transactions { positions, .. } => {
                let shift = u32::from(kind == 2);
                let transactions = positions.iter().filter_map(|at| {
                    let held = body.transactions.get(usize::try_from(*at).ok()?)?;
                    Some((at.wrapping_add(shift), Arc::clone(held)))
                });
                Fetched::Transactions {
                    hash,
                    transactions: transactions.collect(),
                }
            }
            Fetch::Hashes { .. } => {
                let hashes = body.transactions.iter().map(|one| one.hash()).collect();
                Fetched::Hashes { hash, hashes }
            }
            _ => Fetched::Body(body),
        };
        self.step(Event::Fetched(fetched));
    }

    fn change_connection(&mut self) {
        let peer = self.somebody();
        let state = match self.byte() {
            0..=95 => Connectivity::Down,
            96..=127 => Connectivity::Quiet,
            more => Connectivity::Up {
                round_trip: Duration::from_millis(u64::from(more - 128)),
            },
        };
        self.step(Event::Connectivity { peer, state });
    }

    fn somebody(&mut self) -> PublicKey {
        let index = self.below(usize::from(VALIDATORS));
        self.network.keys[index].clone()
    }

    /// Lets everything that is under way arrive.
    fn quiesce(&mut self) {
        for _ in 0..200 {
            if self.engine.is_none() {
                return;
            }
            if !self.own_messages.is_empty() {
                self.take_own();
            } else if !self.jobs.is_empty() {
                let outcome = self.jobs.remove(0).run(&IdealCheck);
                self.step(Event::Verified(outcome));
            } else if !self.asked.is_empty() {
                self.answer();
            } else {
                break;
            }
        }
    }

    fn end_this_life(&mut self) {
        match self.below(6) {
            0 => self.dies = Dies::BeforeTheWrite,
            1 => self.dies = Dies::AfterTheWrite,
            2 => self.dies = Dies::AfterSending,
            3 => {
                self.log_lost = true;
                self.crash();
            }
            _ => self.crash(),
        }
    }

    /// A block of the next height comes by synchronisation.
    fn store_by_others(&mut self) {
        let tip = self.tip().header.clone();
        // It is what the network decided: the engine's own decision where there is one.
        let decided = self
            .promoted
            .clone()
            .or_else(|| self.decided(tip.index.next()));
        let fitting = |body: &&Arc<BlockBody>| body.header.prev_hash == tip.hash();
        let known = self.blocks.iter().rfind(fitting).cloned();
        let Some(body) = decided.or(known) else {
            return;
        };
        if body.header.prev_hash != tip.hash() {
            return;
        }
        let (height, hash) = (body.header.index, body.hash());
        let whole = Block::from_body(&body, self.witness(&hash));
        self.keep(body);
        self.observe(Observation::Stored {
            block: &whole,
            state_hash: hash,
            imported: false,
        });
        self.inform(LedgerEvent::Stored { height, hash });
    }

    /// The witness that the three others make of a header.
    fn witness(&self, hash: &UInt256) -> Witness {
        let preimage = sign_data(MAGIC, hash);
        let others = (0..VALIDATORS).map(ValidatorIndex);
        let others = others.filter(|other| self.own.map_or(other.0 > 0, |own| own != *other));
        let signatures: Vec<_> = others
            .map(|other| self.network.sign(other, &preimage))
            .collect();
        let script = multisig_script(3, &self.network.keys).expect("four keys");
        multisig_witness(&signatures, script)
    }

    /// The block that the engine decided at a height, as its log has it.
    fn decided(&self, height: Height) -> Option<Arc<BlockBody>> {
        let hash = self.log.iter().find_map(|record| match record {
            Record::Decision {
                height: of,
                decision,
            } if *of == height => Some(decision.hash()),
            _ => None,
        })?;
        self.known(&hash)
    }

    /// What no ledger and no clock does; only where nobody judges.
    fn disturb(&mut self) {
        if self.honest_ledger {
            return;
        }
        let hash = self.some_hash();
        let body = match self.blocks.is_empty() {
            true => Arc::clone(self.tip()),
            false => {
                let at = self.below(self.blocks.len());
                Arc::clone(&self.blocks[at])
            }
        };
        let height = Height(match self.below(4) {
            0 => u32::MAX,
            near => self.tip().header.index.0 + near as u32,
        });
        match self.below(8) {
            0 => self.inform(LedgerEvent::Opened(self.info(&body.header))),
            1 => self.inform(LedgerEvent::Built(body)),
            2 => {
                let transactions = vec![None, transactions().first().cloned()];
                self.inform(LedgerEvent::Found { hash, transactions });
            }
            3 => self.inform(LedgerEvent::Checked {
                hash,
                result: Err("no".to_owned()),
            }),
            4 => self.inform(LedgerEvent::Promoted { hash }),
            5 => self.inform(LedgerEvent::Stored { height, hash }),
            6 => {
                let kinds = [TimerKind::Propose, TimerKind::View, TimerKind::Resend];
                let kind = kinds[self.below(3)];
                self.step(Event::Timer(TimerId { height, kind }));
            }
            _ => self.step(Event::Fetched(Fetched::Body(body))),
        }
    }

    fn some_hash(&mut self) -> UInt256 {
        if self.blocks.is_empty() {
            return UInt256::from_wire([3; 32]);
        }
        let at = self.below(self.blocks.len());
        self.blocks[at].hash()
    }

    /// Says what the oracles found.
    ///
    /// # Panics
    /// When they found something that holds whatever the other validators do.
    pub fn judge(&mut self) {
        if self.engine.is_some() {
            self.quiesce();
        }
        let found = self.oracles.violations().iter();
        let broken: Vec<_> = found
            .filter(|one| !NOT_JUDGED.contains(&one.invariant))
            .collect();
        assert!(broken.is_empty(), "{broken:#?}");
    }
}

/// A block with these transactions.
pub(super) fn assemble(
    parent: &Header,
    primary: ValidatorIndex,
    timestamp: u64,
    nonce: u64,
    transactions: Vec<Arc<Transaction>>,
) -> Arc<BlockBody> {
    let hashes: Vec<_> = transactions.iter().map(|one| one.hash()).collect();
    let header = Header {
        version: 0,
        prev_hash: parent.hash(),
        merkle_root: merkle_root(&hashes),
        timestamp,
        nonce,
        index: parent.index.next(),
        primary_index: primary,
        next_consensus: UInt160::from_wire([7; 20]),
    };
    Arc::new(BlockBody {
        header,
        transactions,
    })
}
