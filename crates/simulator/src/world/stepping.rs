//! The engine's events and actions, in the order that a driver keeps.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use neo_adversary::{Interference as _, Surroundings};
use neo_consensus::engine::{Actions, Event, LedgerEvent, Now, Recipient};
use neo_consensus::v3::SignatureCheck;
use neo_consensus::v3::certificate::Obligation;
use neo_consensus::v3::context::HeightContext;
use neo_driver::Ballot;
use neo_driver::interference::leaving;
use neo_invariants::Observation;
use neo_invariants::ideal::IdealCheck;

use super::World;
use super::node::LedgerJob;
use super::protocol::Simulated;
use super::protocol::{Judge as _, Seen};
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

impl<P: Simulated> World<'_, P> {
    pub(super) fn deliver(&mut self, node: usize, from: usize, message: &P::Message) {
        let sender = P::sender(message, &self.nodes[from].key);
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
        act: impl FnOnce(&mut P::Villain, &Surroundings<'_>) -> T,
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

    /// Lets an engine take an event, and then its own messages that follow from it.
    pub(super) fn handle(&mut self, node: usize, event: Event<P>) {
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
            LedgerEvent::Opened(info) => {
                if self.nodes[node].honest {
                    self.turns.learn(&info.leaders);
                }
                self.observe(node, Observation::Opened { info });
            }
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
        actions: Actions<P>,
        events: &mut VecDeque<Event<P>>,
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
        if let Some(keys) = actions.watch {
            self.watch_validators(node, &keys);
        }
        if actions.redial {
            self.redial(node);
        }
        let drafts = actions.send.len() as u64;
        let one = &self.nodes[node];
        let ballot = Ballot::<P>::sign(actions.persist, actions.send, &one.signer);
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
            let outcome = P::check(job, &check);
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

    fn send_all(
        &mut self,
        node: usize,
        now: Now,
        ballot: &Ballot<P>,
        resend: Vec<(Recipient, P::Message)>,
    ) {
        if self.nodes[node].adversary.is_some() {
            let outgoing = leaving(ballot, resend);
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

    /// Tells the oracles.
    pub(super) fn observe(&mut self, node: usize, observation: Seen<'_, P>) {
        self.book
            .oracles
            .observe(Duration::from_nanos(self.now), node, observation);
    }
}
