//! Headers and bodies of an open height (protocol section 5, rule 9), and how a missing body comes
//! together.
//!
//! ```text
//! ids known ─▶ Pool ─▶ Positions ─▶ body
//!               ▲         │ the merkle root does not come out: a short id met the wrong transaction,
//!               │         ▼ or the ids, which nobody signs, are wrong
//!               └────── Hashes          full hashes that give the merkle root
//!                         │ nobody has them, or they fail too
//! no header ────────────▶ Whole         header and transactions at once, again and again
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{
    BlockBody, Header, PublicKey, Transaction, UInt256, has_duplicates, merkle_root,
};

use super::message::{ShortId, short_id};
use crate::engine::{Fetch, LedgerAction, TransactionIds};

/// A lookup or fetch that was not answered within this time is repeated.
const PATIENCE: Duration = Duration::from_millis(500);
/// After an answer that did not help the next one is asked this long after the question.
const RETRY: Duration = Duration::from_millis(100);
/// Answers that did not help before the whole body is asked for.
const MAX_FAILURES: usize = 3;
/// Different blocks kept of one height. An honest validator prepares one a view, and views last
/// longer and longer; beyond this the block that was not needed for the longest time goes.
const MAX_BLOCKS: usize = 64;

/// What the ledger thinks of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Check {
    /// It was not asked.
    Unasked,
    /// It is working on it.
    Asked {
        /// With every rule for fresh blocks.
        fresh: bool,
    },
    /// It accepts and executed it.
    Passed,
    /// It refuses it.
    Refused {
        /// Under the rules for fresh blocks only.
        fresh: bool,
    },
}

/// Where the transactions of a block come from next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    Pool,
    Positions,
    Hashes,
    Whole,
}

/// One block of the height.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) body: Option<Arc<BlockBody>>,
    pub(super) check: Check,
    /// Whether the vote log has the body.
    pub(super) durable: bool,
    header: Option<Header>,
    /// Short ids in block order, as proposed; nobody signs them.
    ids: Vec<ShortId>,
    hashes: Option<Vec<UInt256>>,
    found: Vec<Option<Arc<Transaction>>>,
    source: Source,
    /// When the open question was asked.
    asked: Option<Duration>,
    /// The answer to it did not help.
    failed: bool,
    failures: usize,
    /// Who proposed it.
    proposers: Vec<PublicKey>,
    needed: u64,
}

/// All but when it was needed.
impl std::hash::Hash for Block {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let Self {
            body,
            check,
            durable,
            header,
            ids,
            hashes,
            found,
            source,
            asked,
            failed,
            failures,
            proposers,
            needed: _,
        } = self;
        std::hash::Hash::hash(&(body, check, durable, header, ids, hashes, found), state);
        std::hash::Hash::hash(&(source, asked, failed, failures, proposers), state);
    }
}

impl Block {
    fn new() -> Self {
        Self {
            body: None,
            check: Check::Unasked,
            durable: false,
            header: None,
            ids: Vec::new(),
            hashes: None,
            found: Vec::new(),
            source: Source::Whole,
            asked: None,
            failed: false,
            failures: 0,
            proposers: Vec::new(),
            needed: 0,
        }
    }

    fn turn_to(&mut self, source: Source) {
        self.source = source;
        self.asked = None;
        self.failed = false;
        self.failures = 0;
    }

    /// The answer brought nothing; the next question waits.
    fn fail(&mut self) {
        self.failed = true;
        self.failures = self.failures.saturating_add(1);
        if self.failures >= MAX_FAILURES && self.source != Source::Whole {
            self.source = Source::Whole;
            self.failures = 0;
        }
    }

    /// Puts the body together when nothing is missing.
    fn assemble(&mut self) {
        let (Some(header), None) = (self.header, &self.body) else {
            return;
        };
        if self.found.iter().any(Option::is_none) {
            return;
        }
        let transactions = self.found.iter().flatten().cloned().collect();
        let body = BlockBody {
            header,
            transactions,
        };
        self.found = Vec::new();
        if body.fits_merkle_root() {
            self.body = Some(Arc::new(body));
        } else if self.hashes.is_none() {
            self.turn_to(Source::Hashes);
        } else {
            self.turn_to(Source::Whole);
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

    /// The proposers, then `holders`, then `all`; beginning with another one after each failure.
    fn order_of_asking(&self, holders: &[PublicKey], all: &[PublicKey]) -> Vec<PublicKey> {
        let mut order: Vec<PublicKey> = Vec::new();
        let proposers = self.proposers.iter().filter(|key| all.contains(key));
        for key in proposers.chain(holders).chain(all) {
            if !order.contains(key) {
                order.push(key.clone());
            }
        }
        if !order.is_empty() {
            let turn = self.failures % order.len();
            order.rotate_left(turn);
        }
        order
    }
}

/// The blocks of one height by hash.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    by_hash: BTreeMap<UInt256, Block>,
    clock: u64,
}

/// Without the clock, which every question for a block moves and which matters only beyond
/// [`MAX_BLOCKS`] blocks.
impl std::hash::Hash for Blocks {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        std::hash::Hash::hash(&self.by_hash, state);
    }
}

impl Blocks {
    pub(super) fn get(&self, hash: &UInt256) -> Option<&Block> {
        self.by_hash.get(hash)
    }

    pub(super) fn get_mut(&mut self, hash: &UInt256) -> Option<&mut Block> {
        self.by_hash.get_mut(hash)
    }

    /// The header of a block, if it is at hand.
    pub(super) fn header(&self, hash: &UInt256) -> Option<Header> {
        self.by_hash.get(hash).and_then(|block| block.header)
    }

    pub(super) fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        self.by_hash.get(hash).and_then(|block| block.body.clone())
    }

    /// Number of blocks kept.
    pub(super) fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// The block with this hash, which is needed now.
    fn entry(&mut self, hash: UInt256) -> &mut Block {
        self.clock = self.clock.saturating_add(1);
        if !self.by_hash.contains_key(&hash) && self.by_hash.len() >= MAX_BLOCKS {
            // Blocks without a body first, then those that this node did not prepare, then old ones.
            let least = self
                .by_hash
                .iter()
                .min_by_key(|(_, block)| (block.body.is_some(), block.durable, block.needed))
                .map(|(hash, _)| *hash);
            least.and_then(|least| self.by_hash.remove(&least));
        }
        let block = self.by_hash.entry(hash).or_insert_with(Block::new);
        block.needed = self.clock;
        block
    }

    /// Notes a proposed header and its transactions' ids, and whom to ask for what is missing.
    pub(super) fn propose(
        &mut self,
        hash: UInt256,
        header: Header,
        ids: &[ShortId],
        proposer: PublicKey,
    ) {
        let block = self.entry(hash);
        if !block.proposers.contains(&proposer) {
            block.proposers.push(proposer);
        }
        if block.body.is_none() && block.header.is_none() {
            block.header = Some(header);
            block.ids = ids.to_vec();
            block.found = vec![None; ids.len()];
            block.turn_to(Source::Pool);
            block.assemble();
        }
    }

    /// Notes a whole body: an own candidate, a restored one, or a fetched one.
    pub(super) fn insert_body(&mut self, body: Arc<BlockBody>, durable: bool) {
        let block = self.entry(body.hash());
        block.header = Some(body.header);
        block.found = Vec::new();
        block.body.get_or_insert(body);
        block.durable |= durable;
    }

    /// A body that another node sent, when this height waits for it.
    pub(super) fn fetched_body(&mut self, body: Arc<BlockBody>) {
        let Some(block) = self.by_hash.get_mut(&body.hash()) else {
            return;
        };
        if block.body.is_some() {
            return;
        }
        if body.fits_merkle_root() {
            self.insert_body(body, false);
        } else {
            block.fail();
        }
    }

    /// Transactions that the mempool holds.
    pub(super) fn found(&mut self, hash: &UInt256, transactions: Vec<Option<Arc<Transaction>>>) {
        let Some(block) = self.by_hash.get_mut(hash) else {
            return;
        };
        let waits = block.body.is_none() && block.source == Source::Pool;
        if !waits || transactions.len() != block.found.len() {
            return;
        }
        for (slot, transaction) in block.found.iter_mut().zip(transactions) {
            if slot.is_none() {
                *slot = transaction;
            }
        }
        block.turn_to(Source::Positions);
        block.assemble();
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
        if block.body.is_some() || block.source != Source::Positions {
            return;
        }
        let mut helped = false;
        for (position, transaction) in transactions {
            let Ok(at) = usize::try_from(position) else {
                continue;
            };
            let fits = match &block.hashes {
                Some(hashes) => hashes.get(at) == Some(&transaction.hash()),
                None => block.ids.get(at) == Some(&short_id(hash, &transaction.hash())),
            };
            if let (true, Some(slot @ None)) = (fits, block.found.get_mut(at)) {
                *slot = Some(transaction);
                helped = true;
            }
        }
        if helped {
            block.turn_to(Source::Positions);
            block.assemble();
        } else {
            block.fail();
        }
    }

    /// Full hashes that another node sent: taken when they give the merkle root.
    pub(super) fn fetched_hashes(&mut self, hash: &UInt256, hashes: Vec<UInt256>) {
        let Some(block) = self.by_hash.get_mut(hash) else {
            return;
        };
        if block.body.is_some() || block.source != Source::Hashes {
            return;
        }
        let root = block.header.map(|header| header.merkle_root);
        if Some(merkle_root(&hashes)) == root && !has_duplicates(&hashes) {
            block.found = vec![None; hashes.len()];
            block.hashes = Some(hashes);
            block.turn_to(Source::Pool);
        } else {
            block.fail();
        }
    }

    /// Nobody asked had it.
    pub(super) fn fetched_nothing(&mut self, hash: &UInt256) {
        if let Some(block) = self.by_hash.get_mut(hash)
            && block.body.is_none()
        {
            block.fail();
        }
    }

    /// The next step towards the body of a block that is needed now. `holders` are those that
    /// protocol section 5, rule 9, says to ask; `all` are all others, asked after them.
    pub(super) fn pursue(
        &mut self,
        hash: UInt256,
        now: Duration,
        holders: &[PublicKey],
        all: &[PublicKey],
        ledger: &mut Vec<LedgerAction>,
        fetch: &mut Vec<Fetch>,
    ) {
        let block = self.entry(hash);
        let pause = if block.failed { RETRY } else { PATIENCE };
        let waits = block.asked.is_some_and(|at| now < at.saturating_add(pause));
        if block.body.is_some() || waits {
            return;
        }
        if block.asked.is_some() && !block.failed {
            // No answer at all.
            block.fail();
        }
        block.asked = Some(now);
        block.failed = false;
        let from = block.order_of_asking(holders, all);
        match block.source {
            Source::Pool => {
                let ids = match &block.hashes {
                    Some(hashes) => TransactionIds::Full(hashes.clone()),
                    None => TransactionIds::Short(block.ids.clone()),
                };
                ledger.push(LedgerAction::Lookup { hash, ids });
            }
            Source::Positions => {
                fetch.push(Fetch::Transactions {
                    hash,
                    positions: block.missing(),
                    from,
                });
            }
            Source::Hashes => fetch.push(Fetch::Hashes { hash, from }),
            Source::Whole => fetch.push(Fetch::Body { hash, from }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v3::testing;
    use neo_primitives::{Height, UInt160, ValidatorIndex};

    fn header(nonce: u64, merkle_root: UInt256) -> Header {
        Header {
            version: 0,
            prev_hash: UInt256::ZERO,
            merkle_root,
            timestamp: 1,
            nonce,
            index: Height(1),
            primary_index: ValidatorIndex(0),
            next_consensus: UInt160::ZERO,
        }
    }

    struct Asking {
        blocks: Blocks,
        hash: UInt256,
        keys: Vec<PublicKey>,
    }

    impl Asking {
        fn of(merkle_root: UInt256, ids: usize) -> Self {
            let keys: Vec<_> = testing::keys(3)
                .iter()
                .map(|key| key.public_key().clone())
                .collect();
            let header = header(0, merkle_root);
            let mut blocks = Blocks::default();
            blocks.propose(header.hash(), header, &vec![[1; 6]; ids], keys[1].clone());
            Self {
                blocks,
                hash: header.hash(),
                keys,
            }
        }

        fn ask(&mut self, at: u64) -> (Vec<LedgerAction>, Vec<Fetch>) {
            let (mut ledger, mut fetch) = (Vec::new(), Vec::new());
            let now = Duration::from_millis(at);
            let holders = &self.keys[2..];
            self.blocks
                .pursue(self.hash, now, holders, &self.keys, &mut ledger, &mut fetch);
            (ledger, fetch)
        }
    }

    #[test]
    fn an_empty_block_is_complete_with_its_header() {
        let asking = Asking::of(UInt256::ZERO, 0);
        assert!(asking.blocks.body(&asking.hash).is_some());
    }

    #[test]
    fn the_pool_is_asked_before_the_proposer_and_the_holders() {
        let mut asking = Asking::of(testing::hash(1), 2);
        let (ledger, fetch) = asking.ask(0);
        assert!(matches!(ledger[..], [LedgerAction::Lookup { .. }]));
        assert!(fetch.is_empty());
        assert!(asking.ask(10).0.is_empty(), "one question at a time");
        asking.blocks.found(&asking.hash, vec![None, None]);
        let (_, fetch) = asking.ask(10);
        let order = [1, 2, 0].map(|index| asking.keys[index].clone()).to_vec();
        let expected = Fetch::Transactions {
            hash: asking.hash,
            positions: vec![0, 1],
            from: order,
        };
        assert_eq!(fetch, [expected]);
    }

    #[test]
    fn answers_that_do_not_help_lead_to_others_and_then_to_the_whole_body() {
        let mut asking = Asking::of(testing::hash(1), 1);
        asking.ask(0);
        asking.blocks.found(&asking.hash, vec![None]);
        let mut at = 0;
        let mut first_asked = Vec::new();
        let last = loop {
            let (_, mut fetch) = asking.ask(at);
            match fetch.pop() {
                Some(Fetch::Transactions { from, .. }) => {
                    first_asked.push(from[0].clone());
                    assert!(asking.ask(at + 1).1.is_empty());
                    asking.blocks.fetched_nothing(&asking.hash);
                    assert!(asking.ask(at + 99).1.is_empty(), "not without a pause");
                    at += 100;
                }
                other => break other,
            }
        };
        assert_eq!(
            first_asked,
            [1, 2, 0].map(|index| asking.keys[index].clone())
        );
        assert!(matches!(last, Some(Fetch::Body { .. })));
    }

    #[test]
    fn ids_that_do_not_give_the_merkle_root_are_replaced_by_hashes() {
        let hashes = vec![testing::hash(4), testing::hash(5)];
        let mut asking = Asking::of(merkle_root(&hashes), 0);
        assert!(matches!(asking.ask(0).1[..], [Fetch::Hashes { .. }]));
        asking
            .blocks
            .fetched_hashes(&asking.hash, vec![testing::hash(4)]);
        assert!(asking.ask(50).1.is_empty());
        assert!(matches!(asking.ask(100).1[..], [Fetch::Hashes { .. }]));
        asking.blocks.fetched_hashes(&asking.hash, hashes.clone());
        let (ledger, _) = asking.ask(101);
        assert!(
            matches!(&ledger[..], [LedgerAction::Lookup { ids: TransactionIds::Full(ids), .. }]
            if *ids == hashes)
        );
    }

    #[test]
    fn an_unanswered_question_is_asked_again() {
        let mut asking = Asking::of(testing::hash(1), 1);
        asking.ask(0);
        asking.blocks.found(&asking.hash, vec![None]);
        assert_eq!(asking.ask(0).1.len(), 1);
        assert_eq!(asking.ask(499).1.len(), 0);
        assert_eq!(asking.ask(500).1.len(), 1);
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_was_prepared() {
        let mut blocks = Blocks::default();
        let body = |nonce| {
            let header = header(nonce, UInt256::ZERO);
            Arc::new(BlockBody {
                header,
                transactions: vec![],
            })
        };
        let prepared = body(0);
        blocks.insert_body(Arc::clone(&prepared), true);
        for nonce in 1..1000 {
            blocks.insert_body(body(nonce), false);
        }
        assert_eq!(blocks.len(), MAX_BLOCKS);
        assert!(blocks.body(&prepared.hash()).is_some());
    }
}
