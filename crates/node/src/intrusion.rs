//! A Byzantine validator on a real network: what a driver that is lent an [`Interference`] does with it.
//!
//! No configuration leads here: only a program that hands a [`Byzantine`] to [`crate::run`] gets one, and
//! `neo-cli run` hands none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use neo_consensus::engine::{LedgerEvent, Now, Recipient};
use neo_consensus::v3::{Message, Signer};
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
        bodies: Held<'_>,
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

/// Looks up a body that the own engine holds.
pub(crate) type Held<'a> = &'a dyn Fn(&UInt256) -> Option<Arc<BlockBody>>;

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

    pub(crate) fn outgoing(&mut self, bodies: Held<'_>, outgoing: Vec<Outgoing>) -> Leaving {
        let bent = self
            .intruder
            .act(bodies, |will, around| will.outgoing(around, outgoing));
        self.put_off(bent)
    }

    /// Whether the engine gets the message, and what leaves because of it.
    pub(crate) fn incoming(
        &mut self,
        bodies: Held<'_>,
        from: &PublicKey,
        message: &Message,
    ) -> (bool, Leaving) {
        let reaction = self
            .intruder
            .act(bodies, |will, around| will.incoming(around, from, message));
        (reaction.keep, self.put_off(reaction.send))
    }

    /// When [`Intrusion::due`] has something to do.
    pub(crate) fn wake(&self) -> Instant {
        let late = self.late.first_key_value().map(|((at, _), _)| *at);
        late.map_or(self.next_tick, |at| at.min(self.next_tick))
    }

    /// What leaves at this moment: what has waited for it, and what a tick brings.
    pub(crate) fn due(&mut self, bodies: Held<'_>, now: Instant) -> Leaving {
        let later = self.late.split_off(&(now, u64::MAX));
        let mut leaving: Leaving = std::mem::replace(&mut self.late, later)
            .into_values()
            .collect();
        if self.next_tick <= now {
            self.next_tick = now + TICK;
            let sent = self.intruder.act(bodies, |will, around| will.tick(around));
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

#[cfg(test)]
mod tests {
    use super::*;
    use neo_consensus::View;
    use neo_consensus::v3::Payload;
    use neo_driver::Reaction;
    use neo_primitives::{Height, ValidatorIndex};

    /// Delays what leaves by as many milliseconds as its first byte says, and drops all that arrives.
    struct Delays;

    impl Interference for Delays {
        fn learn(&mut self, _own: &PublicKey, _event: &LedgerEvent) {}

        fn outgoing(
            &mut self,
            _around: &Surroundings<'_>,
            mut all: Vec<Outgoing>,
        ) -> Vec<Outgoing> {
            for one in &mut all {
                if let Content::Bytes(bytes) = &one.content {
                    one.delay = Duration::from_millis(bytes.first().copied().unwrap_or(0).into());
                }
            }
            all
        }

        fn incoming(
            &mut self,
            _around: &Surroundings<'_>,
            from: &PublicKey,
            _message: &Message,
        ) -> Reaction {
            Reaction {
                keep: false,
                send: vec![Outgoing::bytes(Recipient::One(from.clone()), vec![0])],
            }
        }

        fn body(
            &mut self,
            around: &Surroundings<'_>,
            _asker: &PublicKey,
            hash: &UInt256,
            held: Option<Arc<BlockBody>>,
        ) -> Option<Arc<BlockBody>> {
            held.or_else(|| (around.bodies)(hash))
        }

        fn tick(&mut self, _around: &Surroundings<'_>) -> Vec<Outgoing> {
            vec![Outgoing::bytes(Recipient::All, vec![99])]
        }
    }

    fn intrusion() -> Intrusion {
        let intruder = Intruder::new(Box::new(Delays), PrivateKey::generate());
        Intrusion::new(Arc::new(intruder))
    }

    fn bytes(delay: u8) -> Outgoing {
        Outgoing::bytes(Recipient::All, vec![delay])
    }

    fn first(leaving: &Leaving) -> Vec<u8> {
        let content = leaving.iter().map(|(_, content)| match content {
            Content::Bytes(bytes) => bytes[0],
            Content::Message(_) => 255,
        });
        content.collect()
    }

    #[test]
    fn what_is_late_leaves_at_its_moment_in_its_order() {
        let mut intrusion = intrusion();
        let none: Held<'_> = &|_| None;
        // The first tick is due at once; its message has no delay of its own.
        let start = Instant::now();
        assert_eq!(first(&intrusion.due(none, start)), [99]);
        let at_once = intrusion.outgoing(none, vec![bytes(200), bytes(0), bytes(100), bytes(200)]);
        assert_eq!(first(&at_once), [0]);
        let next_tick = intrusion.next_tick;
        assert_eq!(intrusion.wake(), next_tick);
        assert_eq!(first(&intrusion.due(none, next_tick)), [99]);
        let later = Instant::now() + Duration::from_millis(150);
        assert_eq!(first(&intrusion.due(none, later)), [100, 99]);
        assert!(intrusion.wake() < later + 4 * TICK);
        let all = intrusion.due(none, later + Duration::from_secs(1));
        assert_eq!(first(&all), [200, 200, 99]);
    }

    #[test]
    fn what_waits_is_bounded_and_the_farthest_goes_first() {
        let mut intrusion = intrusion();
        let many = vec![bytes(250); MAX_LATE];
        assert!(intrusion.outgoing(&|_| None, many).is_empty());
        intrusion.outgoing(&|_| None, vec![bytes(1)]);
        assert_eq!(intrusion.late.len(), MAX_LATE);
        let next = intrusion
            .late
            .first_key_value()
            .map(|(_, (_, content))| content.clone());
        assert_eq!(next, Some(Content::Bytes(vec![1])));
    }

    #[test]
    fn what_arrives_can_be_kept_from_the_engine_and_answered() {
        let mut intrusion = intrusion();
        let from = PrivateKey::generate().public_key().clone();
        let message = Message {
            height: Height(1),
            view: View::ZERO,
            sender: ValidatorIndex(0),
            signature: Signature([0; 64]),
            payload: Payload::Suspect,
        };
        let (keep, leaving) = intrusion.incoming(&|_| None, &from, &message);
        assert!(!keep);
        assert_eq!(leaving, [(Recipient::One(from), Content::Bytes(vec![0]))]);
    }
}
