//! Where messages are for everybody: every node passes each message on, once, as Neo's nodes do.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use neo_primitives::UInt256;

use super::World;
use super::mail::Parcel;
use super::protocol::Simulated;
use crate::trace::Happening;

/// Messages that a node knows again.
const REMEMBERED: usize = 4_096;

/// The messages that a node has had.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    hashes: BTreeSet<UInt256>,
    order: VecDeque<UInt256>,
}

impl Known {
    /// Notes a message; false if it was noted before.
    pub(super) fn note(&mut self, hash: UInt256) -> bool {
        if !self.hashes.insert(hash) {
            return false;
        }
        self.order.push_back(hash);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
        true
    }

    pub(super) fn contains(&self, hash: &UInt256) -> bool {
        self.hashes.contains(hash)
    }
}

impl<P: Simulated> World<'_, P> {
    /// Whether a message is the first one of its kind here.
    pub(super) fn is_new(&mut self, node: usize, message: &P::Message) -> bool {
        let running = self.nodes[node].running.as_mut();
        running.is_some_and(|running| running.known.note(P::hash(message)))
    }

    /// Whether a node has had a message that was passed on to it.
    pub(super) fn has_had(&self, node: usize, message: &P::Message) -> bool {
        let running = self.nodes[node].running.as_ref();
        running.is_some_and(|running| running.known.contains(&P::hash(message)))
    }

    /// A node passes a message on to everybody but those it comes from. Attackers pass on nothing.
    pub(super) fn flood(&mut self, node: usize, parcel: &Parcel<P>) {
        if self.nodes[node].adversary.is_some() {
            return;
        }
        let at = self.departure(node);
        let ends = [
            self.nodes[node].validator,
            self.nodes[parcel.from].validator,
        ];
        let bearer = parcel.bearer();
        for to in 0..self.nodes.len() {
            if to == bearer || ends.contains(&self.nodes[to].validator) || !self.can_hear(to, node)
            {
                continue;
            }
            self.messages += 1;
            let copy = Parcel {
                id: self.messages,
                from: parcel.from,
                to,
                via: Some(node),
                again: parcel.again,
                wire: Rc::clone(&parcel.wire),
            };
            self.book.sent(&copy);
            self.emit(Some(node), Happening::Relayed(copy.transmission()));
            self.forward(copy, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_bounded_and_the_oldest_is_forgotten_first() {
        let mut known = Known::default();
        let hash = |number: u32| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&number.to_le_bytes());
            UInt256::from_wire(bytes)
        };
        assert!(known.note(hash(0)) && !known.note(hash(0)));
        for number in 1..=4_096 {
            assert!(known.note(hash(number)));
        }
        assert!(!known.contains(&hash(0)) && known.contains(&hash(1)));
        assert_eq!(known.hashes.len(), REMEMBERED);
    }
}
