//! The engine's events and actions, in the order that a driver keeps, and what they cost.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use neo_adversary::{Outgoing, Surroundings};
use neo_consensus::engine::{Actions, Engine, Event, LedgerEvent, Now, Recipient, TimerChange};
use neo_consensus::v3::certificate::Obligation;
use neo_consensus::v3::context::HeightContext;
use neo_consensus::v3::{Message, Record, SignatureCheck, V3Engine};
use neo_driver::{Answered, Ballot, Question, to_request};
use neo_invariants::Observation;
use neo_invariants::ideal::IdealCheck;
use neo_ledger::{ChainReader, Ledger, LedgerAnswer, LedgerRequest};
use neo_primitives::Block;

use super::World;
use super::mail::{Content, Parcel};
use super::node::{Armed, Inside, LedgerJob, Running};
use super::queue::{Item, Ns};
use crate::trace::CrashCause;

/// Checks signatures and counts them.
struct Counting {
    checked: Cell<u64>,
}

impl SignatureCheck for Counting {
    fn all_valid(&self, context: &HeightContext, obligations: &[Obligation]) -> bool {
        let count = self.checked.get();
        self.checked
            .set(count.saturating_add(obligations.len() as u64));
        IdealCheck.all_valid(context, obligations)
    }
}

impl World<'_> {
    /// An event from within a node waits for its processor.
    pub(super) fn within(&mut self, node: usize, event: Event<V3Engine>, verification: bool) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        running.inside.push_back(Inside::Event {
            event: Box::new(event),
            verification,
        });
        self.plan_work(node);
    }

    /// Plans the next thing that a node does, if there is one and none is planned.
    pub(super) fn plan_work(&mut self, node: usize) {
        let life = self.nodes[node].life;
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let idle = running.inside.is_empty() && running.inbox.is_empty();
        if running.working || idle {
            return;
        }
        running.working = true;
        let at = running.busy_until.max(self.now);
        self.queue.push(at, Item::Work { node, life });
    }

    /// The processor of a node takes the next thing.
    pub(super) fn work(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        running.working = false;
        match running.inside.pop_front() {
            Some(Inside::Event {
                event,
                verification,
            }) => {
                if verification {
                    running.verifying = running.verifying.saturating_sub(1);
                }
                self.handle(node, *event);
            }
            Some(Inside::Timers) => self.fire(node),
            None => {
                if let Some(parcel) = running.inbox.pop_front() {
                    self.open_parcel(node, &parcel);
                }
            }
        }
        self.settle(node);
        self.plan_work(node);
    }

    /// Makes a node busy for some time of the usual processor.
    pub(super) fn spend(&mut self, node: usize, ns: Ns) {
        let one = &mut self.nodes[node];
        let cost = ns.saturating_mul(u64::from(one.slow_percent)) / 100;
        if let Some(running) = one.running.as_mut() {
            running.busy_until = running.busy_until.max(self.now).saturating_add(cost);
        }
    }

    fn cost_of_bytes(&self, bytes: usize) -> Ns {
        (bytes as u64).saturating_mul(self.plan.compute.kibibyte_ns) / 1024
    }

    fn open_parcel(&mut self, node: usize, parcel: &Parcel) {
        let cost = self.plan.compute.message_ns + self.cost_of_bytes(parcel.wire.bytes);
        self.spend(node, cost);
        match &parcel.wire.content {
            Content::Message(message) => self.deliver(node, parcel.from, message),
            Content::Garbage => {}
            Content::Question { number, question } => {
                self.answer(node, parcel.from, *number, question);
            }
            Content::Answer { number, answer } => self.answered(node, *number, answer),
        }
    }

    fn deliver(&mut self, node: usize, from: usize, message: &Message) {
        let sender = self.nodes[from].key.clone();
        let now = self.moment(node);
        let mut keep = true;
        if self.nodes[node].adversary.is_some() {
            let reaction = self.plot(node, now, |adversary, around| {
                adversary.incoming(around, &sender, message)
            });
            if let Some(reaction) = reaction {
                keep = reaction.keep;
                self.leave(node, reaction.send);
            }
        }
        if !keep {
            return;
        }
        let validator = self.nodes[from].validator;
        self.observe(
            node,
            Observation::Delivered {
                from: validator,
                message,
            },
        );
        if let Some(running) = self.nodes[node].running.as_mut() {
            running.unsettled = true;
        }
        let message = message.clone();
        self.handle(
            node,
            Event::Received {
                from: sender,
                message,
            },
        );
    }

    /// Lets the attacker around an engine do something, with what its node lends it.
    pub(super) fn plot<T>(
        &mut self,
        node: usize,
        now: Now,
        act: impl FnOnce(&mut neo_adversary::Adversary, &Surroundings<'_>) -> T,
    ) -> Option<T> {
        let one = &mut self.nodes[node];
        let running = one.running.as_ref()?;
        let bodies = |hash: &neo_primitives::UInt256| running.engine.body(hash);
        let around = Surroundings {
            now,
            own: &one.key,
            signer: &one.signer,
            bodies: &bodies,
        };
        Some(act(one.adversary.as_mut()?, &around))
    }

    /// The moment of the next step of a node: when its processor is done with what came before.
    pub(super) fn moment(&mut self, node: usize) -> Now {
        let one = &mut self.nodes[node];
        let busy = one.running.as_ref().map_or(0, |running| running.busy_until);
        let now = busy.max(self.now);
        Now {
            monotonic: one.clock.monotonic(now),
            wall_ms: one.clock.wall_ms(now),
            entropy: one.random.bits(),
        }
    }

    fn fire(&mut self, node: usize) {
        let now = self.nodes[node].clock.monotonic(self.now);
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let due: Vec<_> = running
            .timers
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some(running) = self.nodes[node].running.as_mut() else {
                return;
            };
            // An earlier one may have stopped or moved it.
            if running.timers.get(&id).is_some_and(|at| *at <= now) {
                running.timers.remove(&id);
                self.handle(node, Event::Timer(id));
            }
        }
        self.plan_wake(node);
    }

    /// A timer of a node may be due.
    pub(super) fn wake(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        if running.wake_at != Some(self.now) {
            return;
        }
        running.wake_at = None;
        let now = self.nodes[node].clock.monotonic(self.now);
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        if running.timers.values().any(|at| *at <= now) {
            running.inside.push_back(Inside::Timers);
            self.plan_work(node);
        } else {
            self.plan_wake(node);
        }
    }

    /// Plans to wake a node when its next timer is due, unless that is planned for earlier.
    pub(super) fn plan_wake(&mut self, node: usize) {
        let one = &mut self.nodes[node];
        let life = one.life;
        let Some(running) = one.running.as_mut() else {
            return;
        };
        let Some(next) = running.timers.values().min() else {
            return;
        };
        let at = one.clock.when(*next).max(self.now);
        if running.wake_at.is_none_or(|planned| at < planned) {
            running.wake_at = Some(at);
            self.queue.push(at, Item::Wake { node, life });
        }
    }

    /// Lets an engine take an event, and then its own messages that follow from it.
    pub(super) fn handle(&mut self, node: usize, event: Event<V3Engine>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.moment(node);
            if let Event::Ledger(event) = &event {
                self.learn(node, event);
            }
            let Some(running) = self.nodes[node].running.as_mut() else {
                return;
            };
            let actions = running.engine.step(now, event);
            self.carry_out(node, now, actions, &mut events);
        }
    }

    fn learn(&mut self, node: usize, event: &LedgerEvent) {
        let one = &mut self.nodes[node];
        if let Some(adversary) = one.adversary.as_mut() {
            adversary.learn(&one.key, event);
        }
        match event {
            LedgerEvent::Opened(info) => self.observe(node, Observation::Opened { info }),
            LedgerEvent::Checked { hash, result } => {
                let passed = result.is_ok();
                self.observe(node, Observation::Checked { hash, passed });
            }
            _ => {}
        }
    }

    fn carry_out(
        &mut self,
        node: usize,
        now: Now,
        actions: Actions<V3Engine>,
        events: &mut VecDeque<Event<V3Engine>>,
    ) {
        for notice in actions.notices {
            self.observe(node, Observation::Noticed { notice: &notice });
            self.note(node, notice);
        }
        for action in actions.ledger {
            self.ask_ledger(node, LedgerJob::Consensus(action));
        }
        for fetch in actions.fetch {
            self.observe(node, Observation::FetchAsked { fetch: &fetch });
            self.fetch(node, fetch);
        }
        for evidence in actions.evidence {
            self.observe(
                node,
                Observation::Evidence {
                    evidence: &evidence,
                },
            );
            self.convict(node, &evidence);
        }
        self.change_timers(node, &actions.timers);
        let drafts = actions.send.len() as u64;
        let one = &self.nodes[node];
        let ballot = Ballot::sign(actions.persist, actions.send, &one.signer);
        self.spend(node, drafts.saturating_mul(self.plan.compute.sign_ns));
        let resend = actions.resend;
        if self.sends_first(node) {
            self.send_all(node, now, &ballot, resend);
            if !ballot.records().is_empty() && self.nodes[node].armed.is_some() {
                return self.crash(node, CrashCause::BeforeSend);
            }
            if !self.record(node, &ballot) {
                return;
            }
        } else {
            if !self.record(node, &ballot) {
                return;
            }
            self.send_all(node, now, &ballot, resend);
        }
        for job in actions.verify {
            let check = Counting {
                checked: Cell::new(0),
            };
            let outcome = job.run(&check);
            let cost = check
                .checked
                .get()
                .saturating_mul(self.plan.compute.verify_ns);
            self.spend(node, cost);
            if let Some(running) = self.nodes[node].running.as_mut() {
                running.verifying += 1;
            }
            self.within(node, Event::Verified(outcome), true);
        }
        events.extend(ballot.into_own().map(Event::Own));
    }

    /// Whether the driver of an honest node breaks rule 8, because the run is told so.
    #[cfg(feature = "mutation")]
    fn sends_first(&self, node: usize) -> bool {
        use neo_consensus::v3::mutation::Mutation;
        self.options.mutation == Some(Mutation::SendsBeforeDurable) && self.nodes[node].honest
    }

    #[cfg(not(feature = "mutation"))]
    #[expect(clippy::unused_self, reason = "with the feature it depends on the run")]
    fn sends_first(&self, _node: usize) -> bool {
        false
    }

    fn change_timers(&mut self, node: usize, changes: &[TimerChange]) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        for change in changes {
            match change.at {
                Some(at) => running.timers.insert(change.id, at),
                None => running.timers.remove(&change.id),
            };
        }
        if !changes.is_empty() {
            self.plan_wake(node);
        }
    }

    /// Makes the records of a ballot durable. False when the node crashed in the act.
    fn record(&mut self, node: usize, ballot: &Ballot) -> bool {
        let records = ballot.records();
        if records.is_empty() {
            return true;
        }
        let votes = records
            .iter()
            .any(|record| matches!(record, Record::Own(_)));
        let armed = self.nodes[node].armed;
        let Some(running) = self.nodes[node].running.as_mut() else {
            return false;
        };
        if armed == Some(Armed::Torn) {
            self.tear(node, records);
            return false;
        }
        if let Err(error) = running.log.append(records) {
            self.trouble(node, 0, error.to_string());
            self.crash(node, CrashCause::TornWrite);
            return false;
        }
        self.spend(node, self.plan.compute.sync_ns);
        self.observe(node, Observation::Durable { records });
        self.durable(node, records);
        if armed == Some(Armed::BeforeSend) && votes {
            self.book.crashed_before_send();
            self.crash(node, CrashCause::BeforeSend);
            return false;
        }
        true
    }

    /// A part of a write reaches the disk, and the node stops.
    fn tear(&mut self, node: usize, records: &[Record]) {
        use neo_consensus::vote_log::LogMedium;
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let last = |medium: &neo_consensus::vote_log::MemoryMedium| {
            let segment = medium.segments().ok()?.last().copied()?;
            Some((segment, medium.length(segment) as u64))
        };
        let before = last(running.log.medium());
        let written = running.log.append(records).is_ok();
        let after = last(running.log.medium()).filter(|_| written);
        self.crash(node, CrashCause::TornWrite);
        if let Some((segment, length)) = after {
            let kept = before
                .filter(|(same, _)| *same == segment)
                .map_or(0, |(_, length)| length);
            let torn = self.troubles.random.below(length.saturating_sub(kept));
            // A medium in memory does not fail.
            let _ = self.nodes[node].medium.reopen(segment, kept + torn);
        }
    }

    fn send_all(
        &mut self,
        node: usize,
        now: Now,
        ballot: &Ballot,
        resend: Vec<(Recipient, Message)>,
    ) {
        if self.nodes[node].adversary.is_some() {
            let fresh = ballot
                .outgoing()
                .map(|(to, message)| Outgoing::message(to.clone(), message.clone()));
            let again = resend
                .into_iter()
                .map(|(to, message)| Outgoing::message(to, message));
            let outgoing: Vec<_> = fresh.chain(again).collect();
            let bent = self.plot(node, now, |adversary, around| {
                adversary.outgoing(around, outgoing)
            });
            return self.leave(node, bent.unwrap_or_default());
        }
        for (to, message) in ballot.outgoing() {
            self.send(node, to, message, false);
        }
        for (to, message) in &resend {
            self.send(node, to, message, true);
        }
    }

    /// When everything delivered to a node has been handled, the oracles are told.
    fn settle(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        if running.unsettled && running.verifying == 0 {
            running.unsettled = false;
            self.observe(node, Observation::Settled);
        }
    }

    /// Hands a request to the ledger of a node.
    pub(super) fn ask_ledger(&mut self, node: usize, job: LedgerJob) {
        let compute = &self.plan.compute;
        let syncs = match &job {
            LedgerJob::Import { .. } => true,
            LedgerJob::Consensus(action) => {
                matches!(action, neo_consensus::engine::LedgerAction::Store { .. })
            }
        };
        let cost = compute.message_ns + if syncs { compute.sync_ns } else { 0 };
        let one = &mut self.nodes[node];
        let cost = cost.saturating_mul(u64::from(one.slow_percent)) / 100;
        let life = one.life;
        let Some(running) = one.running.as_mut() else {
            return;
        };
        running.requests.push_back(job);
        let begins = running.ledger_free_at.max(running.busy_until).max(self.now);
        running.ledger_free_at = begins.saturating_add(cost);
        self.queue
            .push(running.ledger_free_at, Item::Ledger { node, life });
    }

    /// The ledger of a node is done with its oldest request.
    pub(super) fn serve_ledger(&mut self, node: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        match running.requests.pop_front() {
            Some(LedgerJob::Consensus(action)) => {
                let question = Question::of(&action);
                let request = to_request(action);
                let stored = match &request {
                    LedgerRequest::Store { block } => vec![Arc::clone(block)],
                    _ => Vec::new(),
                };
                let before = running.ledger.height();
                let Some(answer) = ask(running, request) else {
                    return;
                };
                let new = running.ledger.height() > before;
                let magic = running.ledger.magic();
                match question.answered(answer, magic) {
                    Answered::Event(event) => {
                        // A block that synchronisation brought before is not stored again.
                        if new {
                            self.stored(node, &stored, false);
                        }
                        self.within(node, Event::Ledger(event), false);
                    }
                    Answered::Refused { request, error } => {
                        self.trouble(node, 0, format!("ledger refuses {request}: {error}"));
                    }
                    Answered::Fatal { .. } => self.crash(node, CrashCause::StoreFailure),
                }
            }
            Some(LedgerJob::Import { blocks, from }) => self.import(node, blocks, from),
            None => {}
        }
    }

    fn import(&mut self, node: usize, blocks: Vec<Arc<Block>>, from: usize) {
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        let before = running.ledger.height();
        let request = LedgerRequest::ImportMany {
            blocks: blocks.clone(),
        };
        let Some(answer) = ask(running, request) else {
            return;
        };
        let reached = running.ledger.height();
        let more = match answer {
            LedgerAnswer::Stored { .. } => reached > before,
            LedgerAnswer::ImportRefused { .. } => false,
            LedgerAnswer::Failed { error, .. } if error.is_fatal() => {
                return self.crash(node, CrashCause::StoreFailure);
            }
            _ => false,
        };
        let new: Vec<_> = blocks
            .into_iter()
            .filter(|block| {
                let height = block.header.index;
                before < height && height <= reached
            })
            .collect();
        if !new.is_empty() {
            let Some(running) = self.nodes[node].running.as_ref() else {
                return;
            };
            let event = LedgerEvent::Stored {
                height: reached,
                hash: running.ledger.tip_hash(),
            };
            self.stored(node, &new, true);
            self.within(node, Event::Ledger(event), false);
        }
        self.synced(node, more.then_some(from));
    }

    /// Blocks became durable at a node.
    fn stored(&mut self, node: usize, blocks: &[Arc<Block>], imported: bool) {
        for block in blocks {
            let height = block.header.index;
            let Some(running) = self.nodes[node].running.as_ref() else {
                return;
            };
            let hash = running.ledger.state_hash(height).ok().flatten();
            if let Some(state_hash) = hash {
                self.observe(node, Observation::Stored { block, state_hash });
            }
            self.note_stored(node, block, imported);
        }
    }

    /// Tells the oracles.
    pub(super) fn observe(&mut self, node: usize, observation: Observation<'_>) {
        self.book
            .oracles
            .observe(Duration::from_nanos(self.now), node, observation);
    }
}

/// Asks a ledger that answers before it returns.
fn ask(running: &Running, request: LedgerRequest) -> Option<LedgerAnswer> {
    let slot = Arc::new(Mutex::new(None));
    let reply = Arc::clone(&slot);
    running.ledger.request(
        request,
        Box::new(move |answer| {
            if let Ok(mut slot) = reply.lock() {
                *slot = Some(answer);
            }
        }),
    );
    slot.lock().ok()?.take()
}
