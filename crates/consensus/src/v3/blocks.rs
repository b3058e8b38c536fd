//! Headers and bodies of an open height (protocol section 5, rule 9), and how a missing body comes
//! together: from the mempool by short ids, then by position from those who hold it, by full hashes
//! when short ids collide, or as a whole when not even the header is known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{BlockBody, Header, PublicKey, Transaction, UInt256, merkle_root};

use super::message::{ShortId, short_id};
use crate::engine::{Fetch, LedgerAction, TransactionIds};

/// A fetch that was not answered within this time is repeated.
const FETCH_PATIENCE: Duration = Duration::from_millis(500);
/// Different blocks kept of one height. An honest validator prepares one a view, and views last
/// longer and longer, so the bound is reached by nobody who follows the protocol.
const MAX_BLOCKS: usize = 64;

/// What the ledger thinks of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Check {
    /// It was not asked.
    Unasked,
    /// It is working on it.
    Asked {
        /// With every rule for fresh blocks.
        fresh: bool,
    },
    /// It accepts it, under every rule for fresh blocks if `fresh`.
    Passed,
    /// It refuses it.
    Refused {
        /// Under the rules for fresh blocks only.
        fresh: bool,
    },
}

/// One block of the height.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) header: Option<Header>,
    pub(super) body: Option<Arc<BlockBody>>,
    pub(super) check: Check,
    /// Whether the vote log has the body.
    pub(super) durable: bool,
    /// Short ids in block order, as proposed.
    pub(super) ids: Option<Vec<ShortId>>,
    hashes: Option<Vec<UInt256>>,
    found: Vec<Option<Arc<Transaction>>>,
    looked_up: bool,
    fetched_at: Option<Duration>,
    attempts: usize,
    sources: Vec<PublicKey>,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            header: None,
            body: None,
            check: Check::Unasked,
            durable: false,
            ids: None,
            hashes: None,
            found: Vec::new(),
            looked_up: false,
            fetched_at: None,
            attempts: 0,
            sources: Vec::new(),
        }
    }
}

impl Block {
    fn complete(&mut self) {
        let (Some(header), None) = (self.header, &self.body) else {
            return;
        };
        let Some(ids) = &self.ids else { return };
        if self.found.len() != ids.len() || self.found.iter().any(Option::is_none) {
            return;
        }
        let transactions: Vec<_> = self.found.iter().flatten().cloned().collect();
        let body = BlockBody {
            header,
            transactions,
        };
        if body.fits_merkle_root() {
            self.body = Some(Arc::new(body));
            self.found = Vec::new();
        } else {
            // A short id met the wrong transaction: begin again with full hashes.
            self.found = vec![None; ids.len()];
            self.looked_up = self.hashes.is_some();
            if self.hashes.is_none() {
                self.fetched_at = None;
            }
        }
    }

    fn missing(&self) -> Vec<u32> {
        let positions = self
            .found
            .iter()
            .enumerate()
            .filter(|(_, found)| found.is_none());
        positions
            .filter_map(|(position, _)| u32::try_from(position).ok())
            .collect()
    }
}

/// The blocks of one height by hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    by_hash: BTreeMap<UInt256, Block>,
}

impl Blocks {
    pub(super) fn get(&self, hash: &UInt256) -> Option<&Block> {
        self.by_hash.get(hash)
    }

    pub(super) fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        self.by_hash.get(hash).and_then(|block| block.body.clone())
    }

    fn entry(&mut self, hash: UInt256) -> Option<&mut Block> {
        if !self.by_hash.contains_key(&hash) && self.by_hash.len() >= MAX_BLOCKS {
            // Make room at the cost of a block whose body never came.
            let empty = self
                .by_hash
                .iter()
                .find(|(_, block)| block.body.is_none())
                .map(|(hash, _)| *hash)?;
            self.by_hash.remove(&empty);
        }
        Some(self.by_hash.entry(hash).or_default())
    }

    /// Notes a proposed header and its transactions' ids, and whom to ask for what is missing.
    pub(super) fn propose(
        &mut self,
        hash: UInt256,
        header: Header,
        ids: &[ShortId],
        source: PublicKey,
    ) {
        let Some(block) = self.entry(hash) else {
            return;
        };
        block.header = Some(header);
        if block.ids.is_none() {
            block.ids = Some(ids.to_vec());
            block.found = vec![None; ids.len()];
        }
        if !block.sources.contains(&source) {
            block.sources.push(source);
        }
        block.complete();
    }

    /// Notes a whole body: an own candidate, a restored one, or a fetched one.
    pub(super) fn insert_body(&mut self, body: Arc<BlockBody>, durable: bool) {
        let hash = body.hash();
        let Some(block) = self.entry(hash) else {
            return;
        };
        block.header = Some(body.header);
        block.ids.get_or_insert_with(|| {
            body.transactions
                .iter()
                .map(|tx| short_id(&hash, &tx.hash()))
                .collect()
        });
        block.found = Vec::new();
        block.body.get_or_insert(body);
        block.durable |= durable;
    }

    /// A fetched body, when it is that of a block this height waits for.
    pub(super) fn fetched_body(&mut self, body: Arc<BlockBody>) -> bool {
        let hash = body.hash();
        let wanted = self
            .by_hash
            .get(&hash)
            .is_some_and(|block| block.body.is_none());
        if wanted && body.fits_merkle_root() {
            self.insert_body(body, false);
            return true;
        }
        false
    }

    /// Transactions that the mempool holds.
    pub(super) fn found(&mut self, hash: &UInt256, transactions: Vec<Option<Arc<Transaction>>>) {
        let Some(block) = self.by_hash.get_mut(hash) else {
            return;
        };
        if block.body.is_some() || transactions.len() != block.found.len() {
            return;
        }
        for (slot, transaction) in block.found.iter_mut().zip(transactions) {
            if slot.is_none() {
                *slot = transaction;
            }
        }
        block.fetched_at = None;
        block.complete();
    }

    /// Transactions that another node sent: only those whose id fits are taken.
    pub(super) fn fetched_transactions(
        &mut self,
        hash: &UInt256,
        transactions: Vec<(u32, Arc<Transaction>)>,
    ) {
        let Some(block) = self.by_hash.get_mut(hash) else {
            return;
        };
        let (Some(ids), None) = (&block.ids, &block.body) else {
            return;
        };
        for (position, transaction) in transactions {
            let Ok(at) = usize::try_from(position) else {
                continue;
            };
            let fits = match &block.hashes {
                Some(hashes) => hashes.get(at) == Some(&transaction.hash()),
                None => ids.get(at) == Some(&short_id(hash, &transaction.hash())),
            };
            if let (true, Some(slot @ None)) = (fits, block.found.get_mut(at)) {
                *slot = Some(transaction);
            }
        }
        block.fetched_at = None;
        block.complete();
    }

    /// Full hashes that another node sent: taken when they give the merkle root.
    pub(super) fn fetched_hashes(&mut self, hash: &UInt256, hashes: Vec<UInt256>) {
        let Some(block) = self.by_hash.get_mut(hash) else {
            return;
        };
        block.fetched_at = None;
        let (Some(header), Some(ids)) = (block.header, &block.ids) else {
            return;
        };
        if hashes.len() == ids.len() && merkle_root(&hashes) == header.merkle_root {
            block.hashes = Some(hashes);
            block.looked_up = false;
        }
    }

    /// Nobody asked had it.
    pub(super) fn fetched_nothing(&mut self, hash: &UInt256) {
        if let Some(block) = self.by_hash.get_mut(hash) {
            block.fetched_at = None;
        }
    }

    /// Whether a lookup by short ids met a collision that full hashes have not resolved yet.
    fn wants_hashes(block: &Block) -> bool {
        !block.looked_up && block.hashes.is_none() && block.attempts > 0 && !block.found.is_empty()
    }

    /// The next step towards the body of a block that is needed now. `holders` are those that
    /// protocol section 5, rule 9, says to ask; `all` are asked after them.
    pub(super) fn pursue(
        &mut self,
        hash: UInt256,
        now: Duration,
        holders: &[PublicKey],
        all: &[PublicKey],
        ledger: &mut Vec<LedgerAction>,
        fetch: &mut Vec<Fetch>,
    ) {
        let Some(block) = self.entry(hash) else {
            return;
        };
        if block.body.is_some() {
            return;
        }
        block.complete();
        if block.body.is_some() {
            return;
        }
        let collided = Self::wants_hashes(block);
        if !block.looked_up && !collided {
            let ids = match (&block.hashes, &block.ids) {
                (Some(hashes), _) => Some(TransactionIds::Full(hashes.clone())),
                (None, Some(ids)) => Some(TransactionIds::Short(ids.clone())),
                (None, None) => None,
            };
            if let Some(ids) = ids {
                // Its answer decides what is fetched.
                block.looked_up = true;
                block.attempts = block.attempts.max(1);
                block.fetched_at = Some(now);
                ledger.push(LedgerAction::Lookup { hash, ids });
                return;
            }
        }
        let waiting = block
            .fetched_at
            .is_some_and(|at| now < at.saturating_add(FETCH_PATIENCE));
        if waiting {
            return;
        }
        block.fetched_at = Some(now);
        let from = Self::order_of_asking(block, holders, all);
        block.attempts = block.attempts.saturating_add(1);
        fetch.push(
            if block.header.is_none() || block.ids.is_none() || block.attempts > 4 {
                Fetch::Body { hash, from }
            } else if collided {
                Fetch::Hashes { hash, from }
            } else {
                Fetch::Transactions {
                    hash,
                    positions: block.missing(),
                    from,
                }
            },
        );
    }

    fn order_of_asking(block: &Block, holders: &[PublicKey], all: &[PublicKey]) -> Vec<PublicKey> {
        let mut order: Vec<PublicKey> = Vec::new();
        for key in block.sources.iter().chain(holders).chain(all) {
            if !order.contains(key) {
                order.push(key.clone());
            }
        }
        if !order.is_empty() {
            let turn = block.attempts.saturating_sub(1) % order.len();
            order.rotate_left(turn);
        }
        order
    }

    pub(super) fn get_mut(&mut self, hash: &UInt256) -> Option<&mut Block> {
        self.by_hash.get_mut(hash)
    }
}
