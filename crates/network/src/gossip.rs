//! Transactions on their way to others.
//!
//! Own ones go to every peer. One that came from a validator goes to strangers only, because its validator has
//! sent it to all others itself. One that came from a stranger goes to all. Nobody gets back what it sent.
//! Only what the node has found valid arrives here.

use std::{collections::HashMap, sync::Arc, sync::atomic::Ordering::Relaxed};

use bytes::Bytes;
use neo_primitives::sha256;
use parking_lot::Mutex;
use tokio::{sync::Notify, time::timeout};

use crate::{
    frame::{MAX_BATCH, MAX_TRANSACTION, encode_batch},
    peer::Peer,
    priority::Priority,
    seen::Fingerprint,
    shared::Shared,
};

/// Bytes that may wait for the next batch.
const INBOX_BYTES: usize = 32 << 20;

#[derive(Debug)]
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

    /// Queues what waits for each peer. Peers that get the same share the same memory.
    fn flush(&self) {
        let batch = std::mem::take(&mut *self.gossip.waiting.lock()).transactions;
        if batch.is_empty() {
            return;
        }
        let holders: Vec<_> = {
            let seen = self.seen.lock();
            batch
                .iter()
                .map(|transaction| seen.holders(&transaction.fingerprint))
                .collect()
        };
        let mut encoded: HashMap<Vec<bool>, Vec<Bytes>> = HashMap::new();
        let directory = self.directory.read();
        for peer in directory.peers() {
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
                .or_insert_with_key(|choice| encode(&batch, choice));
            for message in messages.iter() {
                self.counters
                    .dropped(&peer.queue.push(Priority::Transactions, message.clone()));
            }
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
    loop {
        shared.gossip.first.notified().await;
        // Ends early by a batch that is long enough; otherwise the elapsed time is the sign to go on.
        let _ = timeout(shared.timing.gossip_flush, shared.gossip.full.notified()).await;
        shared.flush();
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
