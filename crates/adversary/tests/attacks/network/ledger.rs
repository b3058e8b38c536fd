//! A ledger that executes nothing: it knows which transactions are valid, and which blocks follow which.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use neo_consensus::ValidatorSet;
use neo_consensus::engine::{BlockLimits, HeightInfo, LedgerAction, LedgerEvent};
use neo_consensus::v3::leader::LeaderState;
use neo_primitives::{
    BlockBody, Datoshi, Header, Height, Magic, Signer, Transaction, TransactionIds, UInt160,
    UInt256, UnsignedTransaction, ValidatorIndex, Witness, WitnessScope, merkle_root, short_id,
};

pub(crate) const MAGIC: Magic = Magic(77);

/// A transaction that every ledger here knows.
pub(crate) fn transaction(nonce: u32) -> Arc<Transaction> {
    let unsigned = UnsignedTransaction {
        nonce,
        system_fee: Datoshi(0),
        network_fee: Datoshi(0),
        valid_until: Height(u32::MAX),
        signers: vec![Signer::new(UInt160::from_wire([1; 20]), WitnessScope::NONE)],
        attributes: vec![],
        script: vec![0x40],
    };
    let witness = Witness {
        invocation: vec![],
        verification: vec![],
    };
    Arc::new(unsigned.into_signed(vec![witness]).unwrap())
}

pub(crate) fn genesis() -> Header {
    Header {
        version: 0,
        prev_hash: UInt256::ZERO,
        merkle_root: UInt256::ZERO,
        timestamp: 1_700_000_000_000,
        nonce: 0,
        index: Height(0),
        primary_index: ValidatorIndex(0),
        next_consensus: UInt160::from_wire([5; 20]),
    }
}

#[derive(Debug)]
pub(crate) struct Ledger {
    set: Arc<ValidatorSet>,
    block_time: Duration,
    pool: Vec<Arc<Transaction>>,
    executed: BTreeMap<UInt256, Arc<BlockBody>>,
    pub(crate) stored: Vec<Arc<BlockBody>>,
}

impl Ledger {
    pub(crate) fn new(set: &Arc<ValidatorSet>, block_time: Duration) -> Self {
        let first = BlockBody {
            header: genesis(),
            transactions: Vec::new(),
        };
        Self {
            set: Arc::clone(set),
            block_time,
            pool: (0..4).map(transaction).collect(),
            executed: BTreeMap::new(),
            stored: vec![Arc::new(first)],
        }
    }

    pub(crate) fn height(&self) -> u32 {
        u32::try_from(self.stored.len()).unwrap() - 1
    }

    pub(crate) fn body(&self, hash: &UInt256) -> Option<Arc<BlockBody>> {
        let stored = self.stored.iter().find(|body| body.hash() == *hash);
        stored.or_else(|| self.executed.get(hash)).cloned()
    }

    fn info(&self, parent: &BlockBody) -> HeightInfo {
        HeightInfo {
            height: parent.header.index.next(),
            parent: parent.header,
            parent_hash: parent.hash(),
            magic: MAGIC,
            validators: Arc::clone(&self.set),
            next_consensus: UInt160::from_wire([5; 20]),
            block_time: self.block_time,
            limits: BlockLimits {
                max_transactions: 16,
                max_block_size: 100_000,
                max_block_system_fee: Datoshi(1_000_000),
            },
            pool: 0,
            leaders: self.leaders(&parent.header),
        }
    }

    /// Who leads after this block: the fold from genesis on.
    fn leaders(&self, parent: &Header) -> LeaderState {
        let below = self.stored.iter().map(|body| body.header);
        let below = below.take_while(|header| header.index < parent.index);
        let first = LeaderState::fresh(Height(0), self.set.len());
        below.chain([*parent]).fold(first, |state, header| {
            state.after(&header, self.set.len(), false)
        })
    }

    /// Takes blocks of others over; returns what is new.
    pub(crate) fn import(&mut self, blocks: &[Arc<BlockBody>]) -> Vec<LedgerEvent> {
        let mut news = Vec::new();
        for body in blocks {
            let next = self.height() + 1;
            if body.header.index == Height(next) {
                self.stored.push(Arc::clone(body));
                news.push(LedgerEvent::Stored {
                    height: Height(next),
                    hash: body.hash(),
                });
            }
        }
        news
    }

    pub(crate) fn request(&mut self, action: LedgerAction) -> Option<LedgerEvent> {
        Some(match action {
            LedgerAction::Open { parent } => {
                let parent = self.body(&parent)?;
                LedgerEvent::Opened(self.info(&parent))
            }
            LedgerAction::Build {
                parent,
                primary,
                timestamp,
                nonce,
                max_transactions: _,
            } => {
                let parent = self.body(&parent)?;
                let mut transactions = self.pool.clone();
                transactions.rotate_left(parent.header.index.0 as usize % self.pool.len());
                transactions.truncate(2);
                let hashes: Vec<_> = transactions.iter().map(|one| one.hash()).collect();
                let header = Header {
                    version: 0,
                    prev_hash: parent.hash(),
                    merkle_root: merkle_root(&hashes),
                    timestamp,
                    nonce,
                    index: parent.header.index.next(),
                    primary_index: primary,
                    next_consensus: UInt160::from_wire([5; 20]),
                };
                LedgerEvent::Built(Arc::new(BlockBody {
                    header,
                    transactions,
                }))
            }
            LedgerAction::Lookup { hash, ids } => {
                let find = |fits: &dyn Fn(&Arc<Transaction>) -> bool| {
                    self.pool.iter().find(|one| fits(one)).cloned()
                };
                let transactions = match ids {
                    TransactionIds::Short(ids) => ids
                        .iter()
                        .map(|id| find(&|one| short_id(&hash, &one.hash()) == *id))
                        .collect(),
                    TransactionIds::Full(all) => all
                        .iter()
                        .map(|id| find(&|one| one.hash() == *id))
                        .collect(),
                };
                LedgerEvent::Found { hash, transactions }
            }
            LedgerAction::Check { body, fresh } => {
                let result = self.check(&body, fresh);
                let hash = body.hash();
                if result.is_ok() {
                    self.executed.insert(hash, body);
                }
                LedgerEvent::Checked { hash, result }
            }
            LedgerAction::Promote { hash } => LedgerEvent::Promoted { hash },
            LedgerAction::Store { block } => {
                let height = block.body.header.index;
                if height != Height(self.height() + 1) {
                    return None;
                }
                let hash = block.body.hash();
                self.stored.push(block.body);
                LedgerEvent::Stored { height, hash }
            }
        })
    }

    fn check(&self, body: &BlockBody, fresh: bool) -> Result<(), String> {
        if !body.fits_merkle_root() {
            return Err("merkle root".to_owned());
        }
        if self.body(&body.header.prev_hash).is_none() {
            return Err("unknown parent".to_owned());
        }
        for (at, one) in body.transactions.iter().enumerate() {
            let twice = body.transactions[..at].contains(one);
            if fresh && (twice || !self.pool.contains(one)) {
                return Err(format!("transaction {at}"));
            }
        }
        Ok(())
    }
}
