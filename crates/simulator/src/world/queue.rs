//! What happens next: events in order of time, and among equal times in the order they were planned.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use neo_consensus::engine::Recipient;
use neo_primitives::Transaction;

use super::mail::{Parcel, Wire};
use super::protocol::Simulated;

/// Virtual time since the start, in nanoseconds.
pub(super) type Ns = u64;

/// What the queue holds. Lives tell whether the node it is for has crashed meanwhile.
pub(super) enum Item<P: Simulated> {
    /// A message reaches its receiver.
    Arrive { life: u64, parcel: Parcel<P> },
    /// A node has time for the next thing.
    Work { node: usize, life: u64 },
    /// A node's ledger is done with its oldest request.
    Ledger { node: usize, life: u64 },
    /// A timer of a node may be due.
    Wake { node: usize, life: u64 },
    /// A node compares its height with its peers', and its state is sampled.
    Tick { node: usize, life: u64 },
    /// An attacker may act of its own accord.
    Scheme { node: usize, life: u64 },
    /// What an attacker held back leaves.
    Leave {
        node: usize,
        life: u64,
        to: Recipient,
        wire: Wire<P>,
    },
    /// A stream repeats what was not acknowledged.
    Repeat { parcel: Parcel<P> },
    /// A node may notice that it hears another one, or does not any more.
    Perceive { node: usize, peer: usize },
    /// A node may have heard nothing of a watched one for too long, or hears it again.
    Listen { node: usize, life: u64, peer: usize },
    /// A message reaches a node that is to pass it on.
    Relay {
        node: usize,
        life: u64,
        parcel: Parcel<P>,
    },
    /// A question of a node has waited long enough.
    GiveUp { node: usize, life: u64, number: u64 },
    /// A transaction is made.
    Load,
    /// A transaction reaches a node's pool.
    Submit {
        node: usize,
        transaction: Box<Transaction>,
    },
    /// A condition may have become true by time.
    Check,
    /// All faults are over.
    Heal,
}

impl<P: Simulated> Item<P> {
    /// The node whose process has to run for this to happen.
    pub(super) fn process(&self) -> Option<usize> {
        match self {
            Self::Work { node, .. }
            | Self::Ledger { node, .. }
            | Self::Wake { node, .. }
            | Self::Tick { node, .. }
            | Self::Scheme { node, .. }
            | Self::Leave { node, .. }
            | Self::Perceive { node, .. }
            | Self::Listen { node, .. }
            | Self::Relay { node, .. }
            | Self::GiveUp { node, .. }
            | Self::Submit { node, .. } => Some(*node),
            Self::Arrive { .. } | Self::Repeat { .. } | Self::Load | Self::Check | Self::Heal => {
                None
            }
        }
    }
}

struct Entry<P: Simulated> {
    at: Ns,
    number: u64,
    item: Item<P>,
}

impl<P: Simulated> PartialEq for Entry<P> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<P: Simulated> Eq for Entry<P> {}

impl<P: Simulated> PartialOrd for Entry<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P: Simulated> Ord for Entry<P> {
    /// The earliest is the greatest, for the heap.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// The queue.
pub(super) struct Queue<P: Simulated> {
    heap: BinaryHeap<Entry<P>>,
    planned: u64,
}

impl<P: Simulated> Default for Queue<P> {
    fn default() -> Self {
        Self {
            heap: BinaryHeap::new(),
            planned: 0,
        }
    }
}

impl<P: Simulated> Queue<P> {
    /// Plans an item.
    pub(super) fn push(&mut self, at: Ns, item: Item<P>) {
        self.planned += 1;
        let number = self.planned;
        self.heap.push(Entry { at, number, item });
    }

    /// Takes the next item if it is due by `end`.
    pub(super) fn pop(&mut self, end: Ns) -> Option<(Ns, Item<P>)> {
        if self.heap.peek()?.at > end {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_keep_their_order() {
        let mut queue = Queue::<neo_consensus::v3::V3Engine>::default();
        for (at, node) in [(5, 0), (3, 1), (5, 2), (3, 3), (9, 4)] {
            queue.push(at, Item::Work { node, life: 0 });
        }
        let mut order = Vec::new();
        while let Some((at, Item::Work { node, .. })) = queue.pop(8) {
            order.push((at, node));
        }
        assert_eq!(order, [(3, 1), (3, 3), (5, 0), (5, 2)]);
    }
}
