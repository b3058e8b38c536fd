//! A ledger whose transactions do nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{
    BlockBody, Datoshi, Header, Height, Magic, PublicKey, Transaction, UInt160, UInt256,
    ValidatorIndex, Witness, consensus_address, merkle_root,
};

use crate::engine::{
    BlockLimits, HeightInfo, LedgerAction, LedgerEvent, TransactionIds, Witnessed,
};
use crate::v3::leader::LeaderState;
use crate::v3::message::short_id;
use crate::validators::ValidatorSet;

pub(crate) const MAGIC: Magic = Magic(42);
const GENESIS_TIME: u64 = 1_700_000_000_000;

/// Who votes from which height on.
#[derive(Clone, Debug)]
pub(crate) struct Schedule(pub(crate) BTreeMap<u32, Arc<ValidatorSet>>);

impl Schedule {
    pub(crate) fn at(&self, height: Height) -> Arc<ValidatorSet> {
        let (_, set) = self
            .0
            .range(..=height.0)
            .next_back()
            .expect("a set from height 0 on");
        Arc::clone(set)
    }

    pub(crate) fn address(&self, height: Height) -> UInt160 {
        consensus_address(self.at(height).keys())
    }

    pub(crate) fn keys(&self) -> BTreeSet<PublicKey> {
        self.0
            .values()
            .flat_map(|set| set.keys())
            .cloned()
            .collect()
    }
}

/// The ledger of one node. `stored` survives a crash.
#[derive(Clone, Debug)]
pub(crate) struct ToyLedger {
    schedule: Arc<Schedule>,
    block_time: Duration,
    executes_ahead: bool,
    stored: Vec<Witnessed>,
    executed: BTreeMap<UInt256, Arc<BlockBody>>,
    promoted: BTreeSet<UInt256>,
    pub(crate) pool: Vec<Arc<Transaction>>,
    /// Refuses every fresh block of others, as a local policy may.
    pub(crate) refuses_fresh: bool,
    /// Takes another transaction for the first of a block when asked by short id.
    pub(crate) confuses: bool,
    /// Requests that could not be served.
    pub(crate) failures: usize,
    /// What was built, in order: parent and time of building is up to the caller.
    pub(crate) built: Vec<UInt256>,
    /// Most transactions that it puts into one block.
    pub(crate) block_size: usize,
    /// The parent of the height that was opened last.
    opened_on: Option<UInt256>,
}

impl ToyLedger {
    pub(crate) fn new(schedule: Arc<Schedule>, block_time: Duration, executes_ahead: bool) -> Self {
        let header = Header {
            version: 0,
            prev_hash: UInt256::ZERO,
            merkle_root: UInt256::ZERO,
            timestamp: GENESIS_TIME,
            nonce: 0,
            index: Height(0),
            primary_index: ValidatorIndex(0),
            next_consensus: schedule.address(Height(1)),
        };
        let body = Arc::new(BlockBody {
            header,
            transactions: vec![],
        });
        let witness = Witness {
            invocation: vec![],
            verification: vec![],
        };
        Self {
            schedule,
            block_time,
            executes_ahead,
            stored: vec![Witnessed { body, witness }],
            executed: BTreeMap::new(),
            promoted: BTreeSet::new(),
            pool: Vec::new(),
            refuses_fresh: false,
            confuses: false,
            failures: 0,
            built: Vec::new(),
            block_size: 5,
            opened_on: None,
        }
    }

    pub(crate) fn height(&self) -> Height {
        self.tip().header.index
    }

    pub(crate) fn tip(&self) -> &BlockBody {
        &self.stored[self.stored.len() - 1].body
    }

    pub(crate) fn hash_at(&self, height: Height) -> Option<UInt256> {
        Some(self.stored.get(height.0 as usize)?.body.hash())
    }

    pub(crate) fn block_at(&self, height: Height) -> Option<&Witnessed> {
        self.stored.get(height.0 as usize)
    }

    /// A body for others that ask.
    pub(crate) fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        let stored = || self.stored.iter().rev().map(|block| &block.body);
        let held = self.executed.get(hash).cloned();
        held.or_else(|| stored().find(|body| body.hash() == *hash).cloned())
    }

    /// Only what is stored survives.
    pub(crate) fn crash(&mut self) {
        self.executed.clear();
        self.promoted.clear();
        self.pool.clear();
    }

    /// Forgets all blocks, as a new disk does.
    pub(crate) fn wipe(&mut self) {
        self.crash();
        self.stored.truncate(1);
    }

    fn known(&self, parent: &UInt256) -> Option<Header> {
        if self.tip().hash() == *parent {
            return Some(self.tip().header);
        }
        self.executed.get(parent).map(|body| body.header)
    }

    fn contains(&self, parent: &UInt256, transaction: &UInt256) -> bool {
        let mut at = *parent;
        while let Some(body) = self.executed.get(&at) {
            if body.transaction_hashes().contains(transaction) {
                return true;
            }
            at = body.header.prev_hash;
        }
        self.stored
            .iter()
            .any(|block| block.body.transaction_hashes().contains(transaction))
    }

    pub(crate) fn request(&mut self, action: LedgerAction) -> Option<LedgerEvent> {
        let answer = self.answer(action);
        self.failures += usize::from(answer.is_none());
        answer
    }

    fn answer(&mut self, action: LedgerAction) -> Option<LedgerEvent> {
        match action {
            LedgerAction::Open { parent } => self.open(&parent),
            LedgerAction::Build {
                parent,
                primary,
                timestamp,
                nonce,
                max_transactions,
            } => {
                let limit = usize::try_from(max_transactions).unwrap();
                self.build(parent, primary, (timestamp, nonce), limit)
            }
            LedgerAction::Lookup { hash, ids } => {
                let transactions = self.lookup(&hash, ids);
                Some(LedgerEvent::Found { hash, transactions })
            }
            LedgerAction::Check { body, fresh } => {
                let hash = body.hash();
                let result = self.check(&body, fresh);
                if result.is_ok() && self.height() < body.header.index {
                    self.executed.insert(hash, body);
                }
                Some(LedgerEvent::Checked { hash, result })
            }
            LedgerAction::Promote { hash } => {
                self.executed.get(&hash)?;
                self.promoted.insert(hash);
                Some(LedgerEvent::Promoted { hash })
            }
            LedgerAction::Store { block } => self.store(*block),
        }
    }

    fn open(&mut self, parent: &UInt256) -> Option<LedgerEvent> {
        self.opened_on = Some(*parent);
        let on_tip = self.tip().hash() == *parent;
        assert!(on_tip || self.executes_ahead || !self.executed.contains_key(parent));
        if !on_tip {
            assert!(!self.executed.contains_key(parent) || self.promoted.contains(parent));
        }
        let header = self.known(parent)?;
        let height = header.index.next();
        Some(LedgerEvent::Opened(HeightInfo {
            height,
            parent: header,
            parent_hash: *parent,
            magic: MAGIC,
            validators: self.schedule.at(height),
            next_consensus: self.schedule.address(height.next()),
            block_time: self.block_time,
            limits: BlockLimits {
                max_transactions: 100,
                max_block_size: 1 << 20,
                max_block_system_fee: Datoshi(i64::MAX),
            },
            pool: u32::from(self.has_waiting(parent)),
            leaders: self.leaders(&header),
        }))
    }

    /// Whether nothing waits for the height that was opened last.
    pub(crate) fn is_idle(&self) -> bool {
        self.opened_on
            .is_some_and(|parent| !self.has_waiting(&parent))
    }

    /// Whether the pool has a transaction that a block on this parent may have.
    fn has_waiting(&self, parent: &UInt256) -> bool {
        let mut pool = self.pool.iter();
        pool.any(|tx| !self.contains(parent, &tx.hash()))
    }

    /// Who leads after this block: the fold from genesis on.
    fn leaders(&self, parent: &Header) -> LeaderState {
        let below = self.stored.iter().map(|block| block.body.header);
        let below = below.take_while(|header| header.index < parent.index);
        let first = LeaderState::fresh(Height(0), self.schedule.at(Height(0)).len());
        below.chain([*parent]).fold(first, |state, header| {
            let (own, next) = (header.index, header.index.next());
            let (own, next) = (self.schedule.at(own), self.schedule.at(next));
            state.after(&header, next.len(), own != next)
        })
    }

    fn build(
        &mut self,
        parent: UInt256,
        primary: ValidatorIndex,
        (timestamp, nonce): (u64, u64),
        limit: usize,
    ) -> Option<LedgerEvent> {
        let header = self.known(&parent)?;
        let height = header.index.next();
        let fresh = self
            .pool
            .iter()
            .filter(|tx| !self.contains(&parent, &tx.hash()));
        let transactions: Vec<_> = fresh.take(self.block_size.min(limit)).cloned().collect();
        let hashes: Vec<_> = transactions.iter().map(|tx| tx.hash()).collect();
        let header = Header {
            version: 0,
            prev_hash: parent,
            merkle_root: merkle_root(&hashes),
            timestamp,
            nonce,
            index: height,
            primary_index: primary,
            next_consensus: self.schedule.address(height.next()),
        };
        self.built.push(header.hash());
        Some(LedgerEvent::Built(Arc::new(BlockBody {
            header,
            transactions,
        })))
    }

    fn lookup(&self, block: &UInt256, ids: TransactionIds) -> Vec<Option<Arc<Transaction>>> {
        let find = |fits: &dyn Fn(&Transaction) -> bool| {
            let mut all = self.pool.iter().filter(|tx| fits(tx));
            all.next().filter(|_| all.next().is_none()).cloned()
        };
        match ids {
            TransactionIds::Full(hashes) => hashes
                .iter()
                .map(|hash| find(&|tx| tx.hash() == *hash))
                .collect(),
            TransactionIds::Short(ids) => {
                let mut found: Vec<_> = ids
                    .iter()
                    .map(|id| find(&|tx| short_id(block, &tx.hash()) == *id))
                    .collect();
                if self.confuses
                    && let Some(first) = found.first_mut()
                {
                    *first = Some(super::toys::transaction(u32::MAX));
                }
                found
            }
        }
    }

    fn check(&self, body: &BlockBody, fresh: bool) -> Result<(), String> {
        let require = |fits: bool, problem: &str| {
            if fits {
                Ok(())
            } else {
                Err(problem.to_owned())
            }
        };
        require(body.fits_merkle_root(), "merkle root")?;
        if self.height() >= body.header.index {
            return require(self.body(&body.hash()).is_some(), "the height is stored");
        }
        let parent = self.known(&body.header.prev_hash).ok_or("unknown parent")?;
        require(body.header.index == parent.index.next(), "index")?;
        if !fresh {
            return Ok(());
        }
        require(!self.refuses_fresh, "a local policy")?;
        require(
            body.header.next_consensus == self.schedule.address(body.header.index.next()),
            "next consensus",
        )?;
        require(
            !body
                .transactions
                .iter()
                .any(|tx| self.contains(&body.header.prev_hash, &tx.hash())),
            "a transaction of an earlier block",
        )
    }

    fn store(&mut self, block: Witnessed) -> Option<LedgerEvent> {
        let height = block.body.header.index;
        let hash = block.body.hash();
        if height <= self.height() {
            assert_eq!(
                self.hash_at(height),
                Some(hash),
                "another block of a stored height"
            );
            return Some(LedgerEvent::Stored { height, hash });
        }
        assert_eq!(
            block.body.header.prev_hash,
            self.tip().hash(),
            "blocks are stored in order"
        );
        self.append(block);
        Some(LedgerEvent::Stored { height, hash })
    }

    /// Blocks of another node; those that are stored already are skipped.
    pub(crate) fn import(&mut self, blocks: &[Witnessed]) -> Option<(Height, UInt256)> {
        for block in blocks {
            let next = block.body.header.index == self.height().next();
            if next && block.body.header.prev_hash == self.tip().hash() {
                self.append(block.clone());
            }
        }
        Some((self.height(), self.tip().hash()))
    }

    fn append(&mut self, block: Witnessed) {
        let height = block.body.header.index;
        let known = block.body.transaction_hashes();
        self.pool.retain(|tx| !known.contains(&tx.hash()));
        self.executed.retain(|_, body| body.header.index > height);
        self.stored.push(block);
    }
}
