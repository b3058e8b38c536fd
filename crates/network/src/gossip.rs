//! Transactions on their way to others.
//!
//! Own ones go to every peer. One that came from a validator goes to strangers only, because its validator has
//! sent it to all others itself. One that came from a stranger goes to all. Nobody gets back what it sent.
//! Only what the node has found valid arrives here.
//!
//! With a fan-out below the number of peers a batch goes to so many first, those who lead next before all others,
//! and a little later to the rest, unless these have sent it themselves meanwhile. So a node under load spreads its
//! work, whoever needs the transactions for the next block has them in time, and everybody gets everything.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering::Relaxed},
};

use bytes::Bytes;
use neo_primitives::sha256;
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    frame::{MAX_BATCH, MAX_TRANSACTION, encode_batch},
    metrics::increment,
    peer::Peer,
    priority::Priority,
    seen::Fingerprint,
    shared::{Directory, Shared},
};

/// Bytes that may wait for the next batch, and for the peers that get theirs later.
const INBOX_BYTES: usize = 32 << 20;

#[derive(Clone, Debug)]
struct Outgoing {
    bytes: Bytes,
    fingerprint: Fingerprint,
    strangers_only: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    transactions: Vec<Outgoing>,
    bytes: usize,
}

/// What waits for the next batch.
#[derive(Debug, Default)]
pub(crate) struct GossipInbox {
    waiting: Mutex<Waiting>,
    first: Notify,
    full: Notify,
}

impl Shared {
    /// Takes valid transactions to pass on. `from` is the peer that sent them, if one did.
    pub(crate) fn spread(&self, transactions: Vec<Bytes>, from: Option<&Peer>) {
        let strangers_only = from.is_some_and(|peer| self.directory.read().is_validator(peer));
        if strangers_only {
            let directory = self.directory.read();
            if !directory.peers().any(|peer| !directory.is_validator(peer)) {
                return;
            }
        }
        let session = from.map_or(0, |peer| peer.session);
        let outgoing: Vec<Outgoing> = transactions
            .into_iter()
            .filter(|bytes| !bytes.is_empty() && bytes.len() <= MAX_TRANSACTION)
            .map(|bytes| Outgoing {
                fingerprint: sha256(&bytes),
                bytes,
                strangers_only,
            })
            .collect();
        let mut seen = self.seen.lock();
        for transaction in &outgoing {
            seen.note(transaction.fingerprint, session);
        }
        drop(seen);
        self.enqueue(outgoing);
    }

    fn enqueue(&self, outgoing: Vec<Outgoing>) {
        let mut waiting = self.gossip.waiting.lock();
        let was_empty = waiting.transactions.is_empty();
        for transaction in outgoing {
            let bytes = waiting.bytes.saturating_add(transaction.bytes.len());
            if bytes > INBOX_BYTES {
                self.counters.gossip_dropped.fetch_add(1, Relaxed);
                continue;
            }
            waiting.bytes = bytes;
            waiting.transactions.push(transaction);
        }
        if was_empty && !waiting.transactions.is_empty() {
            self.gossip.first.notify_one();
        }
        if waiting.bytes >= self.limits.gossip_batch_bytes {
            self.gossip.full.notify_one();
        }
    }

    /// Queues what waits for the peers that get it first; returns what is left to do for the others.
    fn flush(&self) -> Option<Late> {
        let batch = std::mem::take(&mut *self.gossip.waiting.lock());
        if batch.transactions.is_empty() {
            return None;
        }
        let fan_out = self.fan_out.load(Relaxed);
        let directory = self.directory.read();
        let mut peers: Vec<_> = directory.peers().collect();
        let late = if peers.len() > fan_out {
            let watched = self.watched.borrow().clone();
            // Whoever leads next, then other validators, then strangers; within these by id, so that two
            // batches in a row take the same way.
            peers.sort_by_key(|peer| {
                let leads = peer.key.as_ref().is_some_and(|key| watched.contains(key));
                (!leads, !directory.is_validator(peer), peer.id)
            });
            let later = peers.split_off(fan_out.max(1));
            (!later.is_empty()).then(|| peers.iter().map(|peer| peer.session).collect())
        } else {
            None
        };
        self.push_to(peers.into_iter(), &directory, &batch.transactions);
        late.map(|served: HashSet<u32>| {
            increment(&self.counters.late_batches);
            Late {
                due: Instant::now() + self.timing.gossip_late,
                bytes: batch.bytes,
                transactions: batch.transactions,
                served,
            }
        })
    }

    /// Queues a batch for everybody who did not get it at first.
    fn flush_late(&self, late: &Late) {
        let directory = self.directory.read();
        let rest = directory
            .peers()
            .filter(|peer| !late.served.contains(&peer.session));
        self.push_to(rest, &directory, &late.transactions);
    }

    /// Queues of a batch for each of these peers what it lacks. Peers that get the same share the same memory.
    fn push_to<'a>(
        &self,
        peers: impl Iterator<Item = &'a Arc<Peer>>,
        directory: &Directory,
        batch: &[Outgoing],
    ) {
        let holders: Vec<_> = {
            let seen = self.seen.lock();
            batch
                .iter()
                .map(|transaction| seen.holders(&transaction.fingerprint))
                .collect()
        };
        let mut encoded: HashMap<Vec<bool>, Vec<Bytes>> = HashMap::new();
        for peer in peers {
            let is_validator = directory.is_validator(peer);
            let choice: Vec<bool> = batch
                .iter()
                .zip(&holders)
                .map(|(transaction, holders)| {
                    let withheld = transaction.strangers_only && is_validator;
                    !withheld && !holders.contains(peer.session)
                })
                .collect();
            let messages = encoded
                .entry(choice)
                .or_insert_with_key(|choice| encode(batch, choice));
            for message in messages.iter() {
                self.counters
                    .dropped(&peer.queue.push(Priority::Transactions, message.clone()));
            }
        }
    }
}

/// A batch that some peers get later.
#[derive(Debug)]
struct Late {
    due: Instant,
    bytes: usize,
    transactions: Vec<Outgoing>,
    /// Sessions of those who have it.
    served: HashSet<u32>,
}

/// Batches that some peers get later, in the order of their time.
#[derive(Debug, Default)]
struct LateBatches {
    waiting: VecDeque<Late>,
    bytes: usize,
}

impl LateBatches {
    fn push(&mut self, late: Late) {
        self.bytes = self.bytes.saturating_add(late.bytes);
        self.waiting.push_back(late);
    }

    /// The next one whose time has come. One comes before its time if too much waits: nothing is ever left out.
    fn pop(&mut self, now: Instant) -> Option<Late> {
        let first = self.waiting.front()?;
        if first.due > now && self.bytes <= INBOX_BYTES {
            return None;
        }
        let late = self.waiting.pop_front()?;
        self.bytes = self.bytes.saturating_sub(late.bytes);
        Some(late)
    }

    /// Returns when the next one is due; never if none waits.
    async fn wait(&self) {
        match self.waiting.front() {
            Some(late) => sleep_until(late.due).await,
            None => std::future::pending().await,
        }
    }
}

/// The chosen transactions as batches within the limit.
fn encode(batch: &[Outgoing], choice: &[bool]) -> Vec<Bytes> {
    let mut messages = Vec::new();
    let mut part: Vec<&Bytes> = Vec::new();
    let mut length = 0;
    for transaction in batch
        .iter()
        .zip(choice)
        .filter(|(_, chosen)| **chosen)
        .map(|(transaction, _)| transaction)
    {
        let entry = 4 + transaction.bytes.len();
        if length + entry > MAX_BATCH / 4 && !part.is_empty() {
            messages.push(encode_batch(part.drain(..)));
            length = 0;
        }
        length += entry;
        part.push(&transaction.bytes);
    }
    if !part.is_empty() {
        messages.push(encode_batch(part));
    }
    messages
}

/// Sends batches until the network ends: a batch leaves [`crate::NetworkTiming::gossip_flush`] after its first
/// transaction, or when it is long enough.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut late = LateBatches::default();
    loop {
        tokio::select! {
            () = shared.gossip.first.notified() => {
                // Ends early by a batch that is long enough; otherwise the elapsed time is the sign to go on.
                let full = shared.gossip.full.notified();
                let _ = timeout(shared.timing.gossip_flush, full).await;
                if let Some(rest) = shared.flush() {
                    late.push(rest);
                }
            }
            () = late.wait() => {}
        }
        while let Some(rest) = late.pop(Instant::now()) {
            shared.flush_late(&rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::decode_batch;

    fn outgoing(length: usize) -> Outgoing {
        Outgoing {
            bytes: Bytes::from(vec![1; length]),
            fingerprint: [0; 32],
            strangers_only: false,
        }
    }

    #[test]
    fn long_batches_are_split_and_none_exceeds_the_limit() {
        let batch: Vec<_> = (0..40).map(|_| outgoing(MAX_TRANSACTION)).collect();
        let choice = vec![true; batch.len()];
        let messages = encode(&batch, &choice);
        assert!(messages.len() > 1);
        let mut count = 0;
        for message in &messages {
            count += decode_batch(message).unwrap().len();
        }
        assert_eq!(count, 40);
    }

    #[test]
    fn only_what_is_chosen_is_sent() {
        let batch = [outgoing(5), outgoing(6), outgoing(7)];
        let messages = encode(&batch, &[true, false, true]);
        let lengths: Vec<_> = decode_batch(&messages[0])
            .unwrap()
            .iter()
            .map(Bytes::len)
            .collect();
        assert_eq!((messages.len(), lengths), (1, vec![5, 7]));
        assert!(encode(&batch, &[false; 3]).is_empty());
    }
}
