//! The second channel: consensus messages for a validator that cannot be reached directly go through others.
//!
//! ```text
//! relay = priority u8 ‖ validator 33 ‖ message      Relay: whom it is for; Relayed: whose it is
//! ```
//!
//! One hop, never two: what comes as *Relay* leaves as *Relayed* on the connection to its receiver or not at all,
//! and what comes as *Relayed* goes to the node. So nothing can go in circles. Each validator tells the others with
//! whom it is connected (the *Reach* frame of the control lane), and is asked only for those. Several are asked, in
//! turn, because one of them may lie. Nothing is kept: a message that finds no way is lost like any other, and
//! repeated by consensus.
//!
//! A relaying validator gives away as much as [`crate::PeerRates`] allows and the receiver's queue has room for,
//! and forgets the rest. Nobody is charged for what is relayed: the receiver knows it as such
//! ([`crate::NetworkEvent::Consensus`]), and it does not count against the relaying validator's own messages.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use bytes::Bytes;
use neo_primitives::{PublicKey, sha256};

use crate::{
    error::PeerRef,
    frame::FrameError,
    kind::Kind,
    metrics::increment,
    peer::Peer,
    priority::Priority,
    rates::Flow,
    shared::{Directory, Shared},
};

/// Longest message that is relayed: a consensus envelope has at most 2 MiB + 1 KiB.
pub(crate) const MAX_RELAYED: usize = (2 << 20) + (4 << 10);
/// Bytes in front of a relayed message.
const HEAD: usize = 1 + 33;
/// Most validators in a *Reach* frame.
pub(crate) const MAX_REACH: usize = 255;

/// First bytes of SHA-256 of a validator key: names a validator in a *Reach* frame. Two keys with the same print
/// would cost a message that is relayed in vain.
pub(crate) type KeyPrint = [u8; 6];

pub(crate) fn key_print(key: &PublicKey) -> KeyPrint {
    let [a, b, c, d, e, f, ..] = sha256(key.as_bytes());
    [a, b, c, d, e, f]
}

/// A message on its way through a validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relay {
    pub(crate) priority: Priority,
    /// Whom it is for, or whose it is.
    pub(crate) validator: [u8; 33],
    pub(crate) message: Bytes,
}

impl Relay {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(HEAD + self.message.len());
        out.push(self.priority as u8);
        out.extend_from_slice(&self.validator);
        out.extend_from_slice(&self.message);
        Bytes::from(out)
    }

    /// Reads a payload, sharing its memory.
    pub(crate) fn decode(payload: &Bytes) -> Result<Self, FrameError> {
        let length = payload.len();
        let wrong = FrameError::Relay {
            length,
            least: HEAD + 1,
            most: HEAD + MAX_RELAYED,
        };
        let Some(([byte, validator @ ..], message)) = payload.split_first_chunk::<HEAD>() else {
            return Err(wrong);
        };
        if message.is_empty() || message.len() > MAX_RELAYED {
            return Err(wrong);
        }
        let priority = Priority::from_byte(*byte).filter(|priority| priority.is_consensus());
        let priority = priority.ok_or(FrameError::RelayPriority { byte: *byte })?;
        Ok(Self {
            priority,
            validator: *validator,
            message: payload.slice_ref(message),
        })
    }
}

impl Directory {
    /// The validator with this key, if it is one of the current ones.
    fn validator(&self, key: &[u8; 33]) -> Option<&PublicKey> {
        self.validators.iter().find(|one| one.as_bytes() == key)
    }

    /// Those who say that they are connected with a validator, in a fixed order.
    fn ways_to(&self, to: &PublicKey) -> Vec<&Arc<Peer>> {
        let print = key_print(to);
        let mut ways: Vec<_> = self
            .peers()
            .filter(|peer| peer.is_mutual() && peer.reach.lock().contains(&print))
            .collect();
        ways.sort_by_key(|peer| peer.id);
        ways
    }

    /// Validators that are not connected, without `own`.
    pub(crate) fn missing<'a>(
        &'a self,
        own: Option<&'a PublicKey>,
    ) -> impl Iterator<Item = &'a PublicKey> {
        self.validators.iter().filter(move |key| {
            let connected = self
                .find(&PeerRef::Validator((*key).clone()))
                .is_some_and(|peer| peer.is_mutual());
            !connected && own != Some(*key)
        })
    }

    /// What we tell others about our connections.
    pub(crate) fn reach(&self) -> HashSet<KeyPrint> {
        self.peers()
            .filter(|peer| peer.is_mutual())
            .filter_map(|peer| peer.key.as_ref().map(key_print))
            .take(MAX_REACH)
            .collect()
    }

    /// Whether a message to this validator can go through others.
    pub(crate) fn is_relayed(&self, key: &PublicKey) -> bool {
        !self.ways_to(key).is_empty()
    }
}

impl Shared {
    /// Asks others to give a message to a validator; returns how many were asked.
    pub(crate) fn send_around(&self, to: &PublicKey, priority: Priority, message: &Bytes) -> usize {
        let directory = self.directory.read();
        self.around(&directory, to, priority, message)
    }

    /// The same for every validator that is not connected.
    pub(crate) fn broadcast_around(
        &self,
        directory: &Directory,
        priority: Priority,
        message: &Bytes,
    ) {
        let is_voter = |own: &PublicKey| directory.validators.contains(own);
        if !priority.is_consensus() || !self.own_key.as_ref().is_some_and(is_voter) {
            return;
        }
        for to in directory.missing(self.own_key.as_ref()) {
            self.around(directory, to, priority, message);
        }
    }

    fn around(
        &self,
        directory: &Directory,
        to: &PublicKey,
        priority: Priority,
        message: &Bytes,
    ) -> usize {
        if message.is_empty() || message.len() > MAX_RELAYED {
            return 0;
        }
        let ways = directory.ways_to(to);
        if ways.is_empty() {
            return 0;
        }
        let payload = Relay {
            priority,
            validator: *to.as_bytes(),
            message: message.clone(),
        }
        .encode();
        // Each message takes other ways than the one before.
        let copies = self.limits.relay_copies.min(ways.len());
        let turn = self.relay_turn.fetch_add(copies, Relaxed);
        for way in ways.iter().cycle().skip(turn % ways.len()).take(copies) {
            self.counters
                .dropped(&way.queue.push_kind(Kind::Relay, priority, payload.clone()));
        }
        copies
    }

    /// Gives a message of `from` to the validator it is for, or forgets it.
    pub(crate) fn pass_on(&self, from: &Peer, payload: &Bytes) -> Result<(), FrameError> {
        let relay = Relay::decode(payload)?;
        let now_us = self.clock.now_us();
        let length = relay.message.len();
        let admitted = from
            .meters
            .admits(&self.limits.rates, Flow::Relay, length, now_us);
        let passed = admitted && self.give(from, relay);
        match passed {
            true => self.counters.relays_passed.count(length),
            false => increment(&self.counters.relays_dropped),
        }
        Ok(())
    }

    fn give(&self, from: &Peer, relay: Relay) -> bool {
        let Some(origin) = &from.key else {
            return false;
        };
        let directory = self.directory.read();
        let Some(to) = directory.validator(&relay.validator) else {
            return false;
        };
        let Some(to) = directory.find(&PeerRef::Validator(to.clone())) else {
            return false;
        };
        // What is relayed never takes the room of what is our own.
        if to.id == from.id || !to.is_mutual() || to.queue.bytes() > self.limits.queue_bytes / 2 {
            return false;
        }
        let priority = relay.priority;
        let payload = Relay {
            validator: *origin.as_bytes(),
            ..relay
        }
        .encode();
        self.counters
            .dropped(&to.queue.push_kind(Kind::Relayed, priority, payload));
        true
    }

    /// A message that `from` was asked to give to us: whose it is, if it is new and may pass.
    pub(crate) fn relayed(
        &self,
        from: &Peer,
        payload: &Bytes,
    ) -> Result<Option<(PublicKey, Bytes)>, FrameError> {
        let relay = Relay::decode(payload)?;
        let now_us = self.clock.now_us();
        let length = relay.message.len();
        let admitted = from
            .meters
            .admits(&self.limits.rates, Flow::Relayed, length, now_us);
        let origin = self
            .directory
            .read()
            .validator(&relay.validator)
            .filter(|origin| self.own_key.as_ref() != Some(*origin))
            .cloned();
        let Some(origin) = origin.filter(|_| admitted) else {
            increment(&self.counters.relays_dropped);
            return Ok(None);
        };
        // The copies that took other ways.
        let print = sha256(&relay.message);
        if !self.seen_relays.lock().note(print, from.session) {
            return Ok(None);
        }
        self.counters.relays_received.count(length);
        Ok(Some((origin, relay.message)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn relays_come_back(byte in 0u8..6, key in any::<[u8; 32]>(), message in vec(any::<u8>(), 1..500)) {
            let mut validator = [2; 33];
            validator[1..].copy_from_slice(&key);
            let relay = Relay {
                priority: Priority::from_byte(byte).unwrap(),
                validator,
                message: Bytes::from(message),
            };
            prop_assert_eq!(Relay::decode(&relay.encode()).unwrap(), relay);
        }

        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..100)) {
            let _ = Relay::decode(&Bytes::from(bytes));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |length: usize, byte: u8| {
            let mut bytes = vec![0; length];
            bytes.iter_mut().take(1).for_each(|first| *first = byte);
            Relay::decode(&Bytes::from(bytes)).unwrap_err()
        };
        for length in [0, HEAD, HEAD + MAX_RELAYED + 1] {
            assert!(
                matches!(wrong(length, 0), FrameError::Relay { length: found, .. } if found == length)
            );
        }
        assert_eq!(wrong(HEAD + 1, 6), FrameError::RelayPriority { byte: 6 });
    }
}
