//! What happens next: events in order of time, and among equal times in the order they were planned.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use neo_consensus::engine::Recipient;
use neo_primitives::Transaction;

use super::mail::{Parcel, Wire};

/// Virtual time since the start, in nanoseconds.
pub(super) type Ns = u64;

/// What the queue holds. Lives tell whether the node it is for has crashed meanwhile.
pub(super) enum Item {
    /// A message reaches its receiver.
    Arrive { life: u64, parcel: Parcel },
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
        wire: Wire,
    },
    /// A stream repeats what was not acknowledged.
    Repeat { parcel: Parcel },
    /// A node may notice that it hears another one, or does not any more.
    Perceive { node: usize, peer: usize },
    /// A node may have heard nothing of a watched one for too long, or hears it again.
    Listen { node: usize, life: u64, peer: usize },
    /// A message reaches a node that is to pass it on.
    Relay {
        node: usize,
        life: u64,
        parcel: Parcel,
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

impl Item {
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

struct Entry {
    at: Ns,
    number: u64,
    item: Item,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest, for the heap.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// The queue.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Entry>,
    planned: u64,
}

impl Queue {
    /// Plans an item.
    pub(super) fn push(&mut self, at: Ns, item: Item) {
        self.planned += 1;
        let number = self.planned;
        self.heap.push(Entry { at, number, item });
    }

    /// Takes the next item if it is due by `end`.
    pub(super) fn pop(&mut self, end: Ns) -> Option<(Ns, Item)> {
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
        let mut queue = Queue::default();
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
