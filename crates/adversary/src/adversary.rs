//! Several strategies as one, with what they share.

use std::fmt;
use std::sync::Arc;

use neo_consensus::engine::LedgerEvent;
use neo_consensus::v3::Message;
use neo_consensus::v3::timing::TimerSettings;
use neo_driver::Interference;
use neo_primitives::{BlockBody, PublicKey, UInt256};

use crate::attack::Attack;
use crate::collusion::Collusion;
use crate::knowledge::Knowledge;
use crate::random::Random;
use crate::strategies;
use crate::strategy::{Content, Outgoing, Reaction, Scene, Strategy, Surroundings};

/// Greatest number of messages that one call adds to what the honest engine sends, for each validator of
/// the height. The strategies stay far below: a flood is 16 messages a tick to everybody.
pub const MAX_EXTRA: usize = 64;

/// A Byzantine validator's will: strategies in a row, each bending what the ones before it leave.
pub struct Adversary {
    attacks: Vec<Attack>,
    strategies: Vec<Box<dyn Strategy>>,
    knowledge: Knowledge,
    collusion: Collusion,
    random: Random,
    timers: TimerSettings,
}

impl fmt::Debug for Adversary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Adversary")
            .field("attacks", &self.attacks)
            .finish_non_exhaustive()
    }
}

impl Adversary {
    /// All these attacks at once, in this order; each once.
    #[must_use]
    pub fn new(attacks: &[Attack], seed: u64) -> Self {
        let mut once = Vec::new();
        for attack in attacks {
            if !once.contains(attack) {
                once.push(*attack);
            }
        }
        Self {
            strategies: once.iter().map(|attack| strategies::of(*attack)).collect(),
            attacks: once,
            knowledge: Knowledge::default(),
            collusion: Collusion::new(),
            random: Random::new(seed),
            timers: TimerSettings::default(),
        }
    }

    /// One to three attacks that the seed picks.
    #[must_use]
    pub fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let count = 1 + random.below(3);
        let picked: Vec<_> = (0..count)
            .filter_map(|_| random.pick(&Attack::ALL).copied())
            .collect();
        Self::new(&picked, random.next())
    }

    /// Shares an agreement with other Byzantine validators.
    #[must_use]
    pub fn colluding(mut self, with: Collusion) -> Self {
        self.collusion = with;
        self
    }

    /// The timers of the others, which delays are measured by; without this those of
    /// [`TimerSettings::default`].
    #[must_use]
    pub fn aiming_at(mut self, timers: TimerSettings) -> Self {
        self.timers = timers;
        self
    }

    /// What it does.
    #[must_use]
    pub fn attacks(&self) -> &[Attack] {
        &self.attacks
    }

    /// Keeps the bound, and remembers what was made up: it can be repeated, and makes certificates.
    fn finish(&mut self, mut sent: Vec<Outgoing>, honest: usize) -> Vec<Outgoing> {
        let receivers = self.knowledge.latest();
        let receivers = receivers.map_or(1, |seen| seen.info.validators.len());
        let most = honest.saturating_add(MAX_EXTRA).saturating_mul(receivers);
        sent.truncate(most);
        for one in &sent {
            if let Content::Message(message) = &one.content {
                self.knowledge.note_own(message);
            }
        }
        sent
    }

    fn through<T>(
        &mut self,
        around: &Surroundings<'_>,
        first: T,
        mut pass: impl FnMut(&mut dyn Strategy, &mut Scene<'_>, T) -> T,
    ) -> T {
        let mut scene = Scene {
            around: *around,
            knowledge: &self.knowledge,
            collusion: &self.collusion,
            random: &mut self.random,
            timers: self.timers,
        };
        self.strategies.iter_mut().fold(first, |value, strategy| {
            pass(strategy.as_mut(), &mut scene, value)
        })
    }
}

impl Interference for Adversary {
    fn learn(&mut self, own: &PublicKey, event: &LedgerEvent) {
        self.collusion.join(own);
        match event {
            LedgerEvent::Opened(info) => self.knowledge.open(info, own),
            LedgerEvent::Built(body) => self.knowledge.built(body),
            _ => {}
        }
    }

    fn outgoing(&mut self, around: &Surroundings<'_>, outgoing: Vec<Outgoing>) -> Vec<Outgoing> {
        for one in &outgoing {
            if let Content::Message(message) = &one.content {
                self.knowledge.note(message);
            }
        }
        let honest = outgoing.len();
        let bent = self.through(around, outgoing, |strategy, scene, outgoing| {
            strategy.outgoing(scene, outgoing)
        });
        self.finish(bent, honest)
    }

    fn incoming(
        &mut self,
        around: &Surroundings<'_>,
        from: &PublicKey,
        message: &Message,
    ) -> Reaction {
        self.knowledge.note(message);
        let mut keep = true;
        let send = self.through(around, Vec::new(), |strategy, scene, mut send| {
            let reaction = strategy.incoming(scene, from, message);
            keep &= reaction.keep;
            send.extend(reaction.send);
            send
        });
        let send = self.finish(send, 0);
        Reaction { keep, send }
    }

    fn body(
        &mut self,
        around: &Surroundings<'_>,
        asker: &PublicKey,
        hash: &UInt256,
        held: Option<Arc<BlockBody>>,
    ) -> Option<Arc<BlockBody>> {
        let held = held.or_else(|| self.collusion.body(hash));
        self.through(around, held, |strategy, scene, held| {
            strategy.body(scene, asker, hash, held)
        })
    }

    fn tick(&mut self, around: &Surroundings<'_>) -> Vec<Outgoing> {
        let sent = self.through(around, Vec::new(), |strategy, scene, mut sent| {
            sent.extend(strategy.tick(scene));
            sent
        });
        self.finish(sent, 0)
    }
}
