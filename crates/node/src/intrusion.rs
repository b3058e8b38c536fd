//! A Byzantine validator on a real network: what a driver that is lent an [`Interference`] does with it.
//!
//! No configuration leads here: only a program that hands a [`Byzantine`] to [`crate::run`] gets one, and
//! `neo-cli run` hands none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use neo_consensus::engine::{LedgerEvent, Now, Recipient};
use neo_consensus::v3::{Message, Signer, V3Engine};
use neo_driver::interference::Content;
use neo_driver::{Interference, Outgoing, Surroundings};
use neo_network::NetworkHandle;
use neo_primitives::{BlockBody, PrivateKey, PublicKey, Signature, UInt256};
use parking_lot::Mutex;

use crate::bodies::Bodies;
use crate::ledger_worker::unix_ns;

/// Between two calls of [`Interference::tick`].
const TICK: Duration = Duration::from_millis(25);
/// Things that wait for their moment; the ones that have waited least are dropped.
const MAX_LATE: usize = 8_192;

/// What makes a validator Byzantine, for tests of the others.
pub struct Byzantine {
    /// What stands between its engine and its network.
    pub will: Box<dyn Interference>,
    /// Called once the node takes part, within its runtime: for attacks below consensus.
    pub beside: Option<Beside>,
}

/// What a Byzantine validator starts beside its consensus, with the node's own network and key.
pub type Beside = Box<dyn FnOnce(NetworkHandle, PrivateKey) + Send>;

/// Signs with a validator's key.
pub(crate) struct KeySigner<'a>(pub(crate) &'a PrivateKey);

impl Signer for KeySigner<'_> {
    fn sign(&self, preimage: &[u8]) -> Signature {
        self.0.sign(preimage)
    }
}

/// An interference as the threads of a node share it.
pub(crate) struct Intruder {
    will: Mutex<Box<dyn Interference>>,
    key: PrivateKey,
    began: Instant,
}

impl Intruder {
    pub(crate) fn new(will: Box<dyn Interference>, key: PrivateKey) -> Self {
        Self {
            will: Mutex::new(will),
            key,
            began: Instant::now(),
        }
    }

    fn act<T>(
        &self,
        bodies: &dyn Fn(&UInt256) -> Option<Arc<BlockBody>>,
        act: impl FnOnce(&mut dyn Interference, &Surroundings<'_>) -> T,
    ) -> T {
        let around = Surroundings {
            now: Now {
                monotonic: self.began.elapsed(),
                wall_ms: unix_ns() / 1_000_000,
                entropy: rand::random(),
            },
            own: self.key.public_key(),
            signer: &KeySigner(&self.key),
            bodies,
        };
        act(self.will.lock().as_mut(), &around)
    }

    /// The body out of which a validator's question is answered.
    pub(crate) fn body(
        &self,
        asker: &PublicKey,
        hash: &UInt256,
        held: Option<Arc<BlockBody>>,
        bodies: &Bodies,
    ) -> Option<Arc<BlockBody>> {
        self.act(&|hash| bodies.get(hash), |will, around| {
            will.body(around, asker, hash, held)
        })
    }
}

/// The driver's part: what waits for its moment, and the next tick.
pub(crate) struct Intrusion {
    intruder: Arc<Intruder>,
    late: BTreeMap<(Instant, u64), (Recipient, Content)>,
    number: u64,
    next_tick: Instant,
}

/// What leaves now.
pub(crate) type Leaving = Vec<(Recipient, Content)>;

impl Intrusion {
    pub(crate) fn new(intruder: Arc<Intruder>) -> Self {
        Self {
            intruder,
            late: BTreeMap::new(),
            number: 0,
            next_tick: Instant::now(),
        }
    }

    pub(crate) fn learn(&self, event: &LedgerEvent) {
        let own = self.intruder.key.public_key();
        self.intruder.will.lock().learn(own, event);
    }

    pub(crate) fn outgoing(&mut self, engine: &V3Engine, outgoing: Vec<Outgoing>) -> Leaving {
        let bent = self
            .intruder
            .act(&|hash| body(engine, hash), |will, around| {
                will.outgoing(around, outgoing)
            });
        self.put_off(bent)
    }

    /// Whether the engine gets the message, and what leaves because of it.
    pub(crate) fn incoming(
        &mut self,
        engine: &V3Engine,
        from: &PublicKey,
        message: &Message,
    ) -> (bool, Leaving) {
        let reaction = self
            .intruder
            .act(&|hash| body(engine, hash), |will, around| {
                will.incoming(around, from, message)
            });
        (reaction.keep, self.put_off(reaction.send))
    }

    /// When [`Intrusion::due`] has something to do.
    pub(crate) fn wake(&self) -> Instant {
        let late = self.late.first_key_value().map(|((at, _), _)| *at);
        late.map_or(self.next_tick, |at| at.min(self.next_tick))
    }

    /// What leaves at this moment: what has waited for it, and what a tick brings.
    pub(crate) fn due(&mut self, engine: &V3Engine, now: Instant) -> Leaving {
        let later = self.late.split_off(&(now, u64::MAX));
        let mut leaving: Leaving = std::mem::replace(&mut self.late, later)
            .into_values()
            .collect();
        if self.next_tick <= now {
            self.next_tick = now + TICK;
            let sent = self
                .intruder
                .act(&|hash| body(engine, hash), |will, around| will.tick(around));
            leaving.extend(self.put_off(sent));
        }
        leaving
    }

    /// Keeps what has a delay for its moment; gives back what has none.
    fn put_off(&mut self, outgoing: Vec<Outgoing>) -> Leaving {
        let now = Instant::now();
        let mut leaving = Vec::with_capacity(outgoing.len());
        for Outgoing { to, content, delay } in outgoing {
            if delay.is_zero() {
                leaving.push((to, content));
                continue;
            }
            self.number = self.number.wrapping_add(1);
            self.late.insert((now + delay, self.number), (to, content));
            if self.late.len() > MAX_LATE {
                self.late.pop_last();
            }
        }
        leaving
    }
}

fn body(engine: &V3Engine, hash: &UInt256) -> Option<Arc<BlockBody>> {
    neo_consensus::engine::Engine::body(engine, hash)
}
