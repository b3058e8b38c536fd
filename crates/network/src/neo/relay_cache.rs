//! Extensible payloads that are served to whoever asks for them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use neo_primitives::{Encode, ExtensiblePayload, Height, UInt160, UInt256};

/// Bounds of the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheLimits {
    pub(crate) per_sender: usize,
    pub(crate) payloads: usize,
    pub(crate) bytes: usize,
}

/// Keeps the latest payloads of each sender, as neo-go does, so that none can push out those of others, and within
/// bounds for all together, oldest first.
#[derive(Debug)]
pub(crate) struct RelayCache {
    payloads: HashMap<UInt256, Arc<ExtensiblePayload>>,
    by_sender: HashMap<UInt160, VecDeque<UInt256>>,
    order: VecDeque<UInt256>,
    bytes: usize,
    limits: CacheLimits,
}

impl RelayCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            payloads: HashMap::new(),
            by_sender: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            limits,
        }
    }

    /// Adds a payload. False if it is there already.
    pub(crate) fn insert(&mut self, hash: UInt256, payload: Arc<ExtensiblePayload>) -> bool {
        if self.payloads.contains_key(&hash) {
            return false;
        }
        let own = self.by_sender.entry(payload.sender).or_default();
        own.push_back(hash);
        let surplus = (own.len() > self.limits.per_sender.max(1))
            .then(|| own.front().copied())
            .flatten();
        self.order.push_back(hash);
        self.bytes = self.bytes.saturating_add(payload.encoded_len());
        self.payloads.insert(hash, payload);
        if let Some(oldest) = surplus {
            self.remove(&oldest);
        }
        while self.payloads.len() > self.limits.payloads.max(1) || self.bytes > self.limits.bytes {
            let Some(oldest) = self.order.front().copied() else {
                break;
            };
            self.remove(&oldest);
        }
        true
    }

    pub(crate) fn get(&self, hash: &UInt256) -> Option<Arc<ExtensiblePayload>> {
        self.payloads.get(hash).cloned()
    }

    pub(crate) fn contains(&self, hash: &UInt256) -> bool {
        self.payloads.contains_key(hash)
    }

    /// Forgets what is no longer valid once the block of this height is stored.
    pub(crate) fn advance(&mut self, stored: Height) {
        let gone: Vec<UInt256> = self
            .payloads
            .iter()
            .filter(|(_, payload)| payload.valid_block_end <= stored)
            .map(|(hash, _)| *hash)
            .collect();
        for hash in gone {
            self.remove(&hash);
        }
    }

    /// The hashes of a category, oldest first.
    pub(crate) fn hashes(&self, category: &str) -> Vec<UInt256> {
        self.order
            .iter()
            .filter(|hash| {
                self.payloads
                    .get(hash)
                    .is_some_and(|payload| payload.category == category)
            })
            .copied()
            .collect()
    }

    fn remove(&mut self, hash: &UInt256) {
        self.order.retain(|other| other != hash);
        let Some(payload) = self.payloads.remove(hash) else {
            return;
        };
        self.bytes = self.bytes.saturating_sub(payload.encoded_len());
        if let Some(own) = self.by_sender.get_mut(&payload.sender) {
            own.retain(|other| other != hash);
            if own.is_empty() {
                self.by_sender.remove(&payload.sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use neo_primitives::Witness;

    use super::*;

    const LIMITS: CacheLimits = CacheLimits {
        per_sender: 3,
        payloads: 8,
        bytes: 10_000,
    };

    fn payload(sender: u8, number: u8, end: u32) -> (UInt256, Arc<ExtensiblePayload>) {
        let payload = ExtensiblePayload {
            category: "dBFT".to_owned(),
            valid_block_start: Height(0),
            valid_block_end: Height(end),
            sender: UInt160::from_wire([sender; 20]),
            data: vec![number],
            witness: Witness::default(),
        };
        (payload.hash(), Arc::new(payload))
    }

    fn add(cache: &mut RelayCache, (hash, payload): (UInt256, Arc<ExtensiblePayload>)) -> UInt256 {
        assert!(cache.insert(hash, payload));
        hash
    }

    #[test]
    fn one_sender_cannot_push_out_another() {
        let mut cache = RelayCache::new(LIMITS);
        let quiet = add(&mut cache, payload(1, 0, 9));
        let first = add(&mut cache, payload(2, 0, 9));
        for number in 1..20 {
            add(&mut cache, payload(2, number, 9));
        }
        assert!(cache.contains(&quiet));
        assert!(!cache.contains(&first));
        assert_eq!(cache.hashes("dBFT").len(), 4);
        assert!(cache.hashes("StateService").is_empty());
        let (hash, again) = payload(1, 0, 9);
        assert!(!cache.insert(hash, again), "twice");
    }

    #[test]
    fn payloads_and_bytes_are_bounded() {
        let mut cache = RelayCache::new(LIMITS);
        for sender in 0..50 {
            add(&mut cache, payload(sender, 0, 9));
            assert!(cache.payloads.len() <= 8);
            assert_eq!(cache.order.len(), cache.payloads.len());
            assert_eq!(cache.by_sender.len(), cache.payloads.len());
        }
        let (hash, large) = payload(99, 0, 9);
        let mut large = (*large).clone();
        large.data = vec![0; 20_000];
        cache.insert(hash, Arc::new(large));
        assert!(cache.payloads.is_empty() && cache.bytes == 0);
    }

    #[test]
    fn a_stored_block_ends_the_payloads_of_its_height() {
        let mut cache = RelayCache::new(LIMITS);
        let old = add(&mut cache, payload(1, 0, 9));
        let new = add(&mut cache, payload(1, 1, 10));
        cache.advance(Height(9));
        assert!(!cache.contains(&old) && cache.get(&new).is_some());
    }
}
