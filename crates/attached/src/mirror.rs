//! What the serving node's memory pool holds, with the bytes of its transactions.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use neo_primitives::{Height, Transaction, TransactionIds, UInt256, short_id};
use tokio::time::Instant;

use crate::{
    error::NodeError,
    given::Given,
    node::Listing,
    shared::{Member, Shared},
};

/// A pool that is not empty is read this often, besides when a block is built or checked.
const REFRESH: Duration = Duration::from_secs(1);

/// Bytes of transactions that are held, at most.
const MAX_BYTES: usize = 128 << 20;

/// A copy of a memory pool: all hashes, the transactions that come first, and those that the node was just given.
#[derive(Default)]
pub(crate) struct Mirror {
    height: Height,
    order: Vec<UInt256>,
    listed: HashSet<UInt256>,
    held: HashMap<UInt256, Arc<Transaction>>,
    bytes: usize,
    read: Option<Instant>,
    given: Given,
}

impl Mirror {
    /// Number of transactions in the pool.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The height that the pool was verified at.
    pub(crate) fn height(&self) -> Height {
        self.height
    }

    /// Hashes in order of priority.
    pub(crate) fn order(&self) -> &[UInt256] {
        &self.order
    }

    /// A transaction of the pool, if its bytes are held.
    pub(crate) fn get(&self, hash: &UInt256) -> Option<&Arc<Transaction>> {
        self.held.get(hash).or_else(|| self.given.get(hash))
    }

    /// Whether a transaction is in the pool, as far as is known.
    pub(crate) fn contains(&self, hash: &UInt256) -> bool {
        self.listed.contains(hash) || self.given.get(hash).is_some()
    }

    /// The node has taken transactions: they are in its pool.
    pub(crate) fn give(&mut self, transactions: impl IntoIterator<Item = Arc<Transaction>>) {
        for transaction in transactions {
            let hash = transaction.hash();
            if !self.held.contains_key(&hash) {
                self.given.add(transaction);
            }
        }
    }

    /// Takes a listing over. What is not listed any more is let go.
    fn list(&mut self, listing: Listing, most: usize) {
        self.height = listing.height;
        self.read = Some(Instant::now());
        self.order = listing.verified;
        self.order.truncate(most);
        self.listed = self.order.iter().copied().collect();
        let listed = &self.listed;
        self.held.retain(|hash, _| listed.contains(hash));
        self.bytes = self.held.values().map(|held| held.size()).sum();
        let arrived = self.given.listed(|hash| listed.contains(hash));
        self.hold(arrived);
    }

    /// The first `count` listed transactions that are not held, none when the bytes are used up.
    fn lacking(&self, count: usize) -> Vec<UInt256> {
        if self.bytes >= MAX_BYTES {
            return Vec::new();
        }
        let first = self.order.iter().take(count);
        first
            .filter(|hash| !self.held.contains_key(hash))
            .copied()
            .collect()
    }

    /// Holds transactions that are listed.
    fn hold(&mut self, transactions: impl IntoIterator<Item = Arc<Transaction>>) {
        for transaction in transactions {
            let (hash, size) = (transaction.hash(), transaction.size());
            let room = self.bytes.saturating_add(size) <= MAX_BYTES;
            if room && self.listed.contains(&hash) {
                match self.held.insert(hash, transaction) {
                    Some(_) => {}
                    None => self.bytes = self.bytes.saturating_add(size),
                }
            }
        }
    }

    /// The hashes that these names stand for in the block `block`; `None` for what is not listed and for short names
    /// that several have.
    fn named(&self, block: &UInt256, ids: &TransactionIds) -> Vec<Option<UInt256>> {
        match ids {
            TransactionIds::Full(hashes) => hashes
                .iter()
                .map(|hash| self.contains(hash).then_some(*hash))
                .collect(),
            TransactionIds::Short(ids) => {
                // The number of times that a name is asked for and that it is found, and what it stands for.
                let mut names: HashMap<[u8; 6], (usize, Option<UInt256>)> = HashMap::new();
                for id in ids {
                    let (asked, _) = names.entry(*id).or_default();
                    *asked += 1;
                }
                let given = self.given.hashes();
                let given = given.filter(|hash| !self.listed.contains(*hash));
                for hash in self.order.iter().chain(given) {
                    if let Some((asked, found)) = names.get_mut(&short_id(block, hash)) {
                        *asked += usize::from(found.is_some());
                        *found = Some(*hash);
                    }
                }
                ids.iter()
                    .map(|id| match names.get(id) {
                        Some((1, found)) => *found,
                        _ => None,
                    })
                    .collect()
            }
        }
    }
}

impl Shared {
    /// Whether the pool is to be read without being asked: it is empty and somebody waits for its first transaction, or
    /// it was read a while ago or at another height.
    pub(crate) fn pool_is_due(&self, height: Height) -> bool {
        let mirror = self.mirror.lock();
        let old = mirror.read.is_none_or(|read| read.elapsed() >= REFRESH);
        old || mirror.order.is_empty() || mirror.height != height
    }

    /// Reads the memory pool of a node, and tells who watches for its first transaction.
    pub(crate) async fn refresh_pool(&self, member: &Member) -> Result<Height, NodeError> {
        let listing = member.node.listing().await?;
        let most = self.config.genesis.memory_pool_max as usize;
        let ahead = self.ahead();
        let (was_empty, lacking) = {
            let mut mirror = self.mirror.lock();
            let was_empty = mirror.len() == 0;
            mirror.list(listing, most);
            (was_empty, mirror.lacking(ahead))
        };
        let fetched = member.node.transactions(&lacking).await?;
        let (height, waiting) = {
            let mut mirror = self.mirror.lock();
            mirror.hold(fetched.into_iter().flatten());
            (mirror.height(), mirror.len())
        };
        if was_empty
            && waiting > 0
            && let Some(watcher) = self.pool_watcher.read().as_ref()
        {
            watcher(u32::try_from(waiting).unwrap_or(u32::MAX));
        }
        Ok(height)
    }

    /// How many transactions are held for the next block: twice as many as it has room for.
    fn ahead(&self) -> usize {
        let limit = self.config.genesis.max_transactions_per_block;
        let office = self.office.read();
        let limit = office
            .as_ref()
            .map_or(limit, |office| office.limits.max_transactions);
        (limit as usize).saturating_mul(2)
    }

    /// The transactions with these names in the block `block`, as far as the serving node's pool has them.
    pub(crate) async fn lookup(
        &self,
        block: &UInt256,
        ids: &TransactionIds,
    ) -> Vec<Option<Arc<Transaction>>> {
        let found = self.held(block, ids);
        if found.iter().all(Option::is_some) {
            return found;
        }
        // What is missing may have come to the node since.
        let Some(member) = self.serving() else {
            return found;
        };
        if let Err(error) = self.fetch(&member, block, ids).await {
            self.failed(&member, &error);
        }
        self.held(block, ids)
    }

    fn held(&self, block: &UInt256, ids: &TransactionIds) -> Vec<Option<Arc<Transaction>>> {
        let mirror = self.mirror.lock();
        mirror
            .named(block, ids)
            .into_iter()
            .map(|hash| mirror.get(&hash?).cloned())
            .collect()
    }

    /// Of transactions that were sent to the node, those that it has taken are in its pool.
    pub(crate) fn taken<E>(&self, sent: &[Arc<Transaction>], verdicts: &[Result<UInt256, E>]) {
        // One that was there already may have other witnesses there.
        let verdicts = sent.iter().zip(verdicts);
        let taken = verdicts.filter(|(_, verdict)| verdict.is_ok());
        let taken = taken.map(|(transaction, _)| Arc::clone(transaction));
        self.mirror.lock().give(taken);
    }

    async fn fetch(
        &self,
        member: &Member,
        block: &UInt256,
        ids: &TransactionIds,
    ) -> Result<(), NodeError> {
        self.refresh_pool(member).await?;
        let lacking: Vec<UInt256> = {
            let mirror = self.mirror.lock();
            let named = mirror.named(block, ids).into_iter().flatten();
            named.filter(|hash| mirror.get(hash).is_none()).collect()
        };
        let fetched = member.node.transactions(&lacking).await?;
        self.mirror.lock().hold(fetched.into_iter().flatten());
        Ok(())
    }
}
