//! Reading the stored chain and the pool.

use std::{ops::RangeInclusive, sync::Arc};

use neo_primitives::{
    Block, Datoshi, DecodeError, Height, PublicKey, Reader, SignedHeader, Signer, Token,
    Transaction, UInt160, UInt256, codec::var_bytes_len, parse_multisig_script,
};

use super::{
    EmbeddedLedger,
    record::{Place, height_key},
};
use crate::{
    config::GenesisConfig,
    error::LedgerError,
    execution::{self, Invocation, Scene, block_log, decode_outcome, total_supply},
    mempool::witness_cost,
    policy,
    reader::{
        BlockLog, ChainReader, PolicyValues, PoolListing, StoredTransaction, StoredTransfer,
        TokenBalance, TransactionLog,
    },
    state::{StateRead, StateView},
    store::Table,
};

fn damaged(what: &'static str) -> impl FnOnce(DecodeError) -> LedgerError {
    move |source| LedgerError::Damaged { what, source }
}

impl EmbeddedLedger {
    /// Hash of the stored block of a height.
    pub(super) fn stored_hash(&self, height: Height) -> Result<Option<UInt256>, LedgerError> {
        self.block_hash(height)
    }

    /// The state after the stored tip.
    fn stored_view(&self) -> Result<StateView, LedgerError> {
        StateView::new(Vec::new(), self.store.as_ref())
    }

    /// Where a transaction stands, if its block is held: of those below a checkpoint only the hash is known.
    fn place(&self, hash: &UInt256) -> Result<Option<Place>, LedgerError> {
        let bytes = self
            .store
            .reader()?
            .get(Table::Transactions, hash.as_wire())?;
        let place = bytes
            .map(|bytes| Place::from_bytes(&bytes))
            .transpose()
            .map_err(damaged("place of a transaction"))?;
        Ok(place.filter(|place| place.height >= self.lowest()))
    }

    fn outcome(&self, place: Place) -> Result<execution::TransactionOutcome, LedgerError> {
        let mut outcome = None;
        let key = height_key(place.height);
        self.store
            .reader()?
            .read(Table::Outcomes, &key, &mut |bytes| {
                outcome = Some(decode_outcome(bytes, place.position));
            })?;
        outcome
            .ok_or_else(|| {
                LedgerError::Inconsistent(format!("block {} has no outcomes", place.height))
            })?
            .map_err(damaged("outcome of a transaction"))
    }
}

impl ChainReader for EmbeddedLedger {
    fn config(&self) -> &GenesisConfig {
        &self.config
    }

    fn tip(&self) -> SignedHeader {
        self.tip.read().signed.clone()
    }

    fn tip_hash(&self) -> UInt256 {
        self.tip.read().hash
    }

    fn height(&self) -> Height {
        self.tip.read().signed.header.index
    }

    fn lowest(&self) -> Height {
        self.base.as_ref().map_or(Height(0), |base| base.height)
    }

    fn leader_base(&self) -> Option<(Height, Vec<u8>)> {
        let base = self.base.as_ref()?;
        Some((base.height.next(), base.leaders.clone()))
    }

    fn block(&self, height: Height) -> Result<Option<Arc<Block>>, LedgerError> {
        let Some(bytes) = self.block_bytes(height)? else {
            return Ok(None);
        };
        let mut r = Reader::new(&bytes);
        Block::decode_with_limit(&mut r, self.config.witness_limit)
            .and_then(|block| r.finish().map(|()| Some(Arc::new(block))))
            .map_err(damaged("block"))
    }

    fn block_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok(self
            .store
            .reader()?
            .get(Table::Blocks, &height_key(height))?)
    }

    fn header(&self, height: Height) -> Result<Option<SignedHeader>, LedgerError> {
        let mut header = None;
        self.store
            .reader()?
            .read(Table::Blocks, &height_key(height), &mut |bytes| {
                let limit = self.config.witness_limit;
                header = Some(SignedHeader::decode_with_limit(
                    &mut Reader::new(bytes),
                    limit,
                ));
            })?;
        header.transpose().map_err(damaged("header"))
    }

    fn height_of(&self, hash: &UInt256) -> Result<Option<Height>, LedgerError> {
        let key = self
            .store
            .reader()?
            .get(Table::BlockHeights, hash.as_wire())?;
        key.map(|key| match <[u8; 4]>::try_from(key) {
            Ok(bytes) => Ok(Height(u32::from_be_bytes(bytes))),
            Err(_) => Err(LedgerError::Inconsistent(format!("height of block {hash}"))),
        })
        .transpose()
    }

    fn transaction(&self, hash: &UInt256) -> Result<Option<StoredTransaction>, LedgerError> {
        let Some(place) = self.place(hash)? else {
            return Ok(None);
        };
        let mut transaction = None;
        self.store
            .reader()?
            .read(Table::Blocks, &height_key(place.height), &mut |bytes| {
                let start = usize::try_from(place.offset).unwrap_or(usize::MAX);
                let end = start.saturating_add(usize::try_from(place.length).unwrap_or(usize::MAX));
                transaction = bytes.get(start..end).map(|bytes| {
                    let limit = self.config.witness_limit;
                    Transaction::decode_with_limit(&mut Reader::new(bytes), limit)
                });
            })?;
        let transaction = transaction
            .ok_or_else(|| LedgerError::Inconsistent(format!("transaction {hash} is missing")))?
            .map_err(damaged("transaction"))?;
        let vm_state = self.outcome(place)?.vm_state();
        Ok(Some(StoredTransaction {
            transaction: Arc::new(transaction),
            height: place.height,
            position: place.position,
            vm_state,
        }))
    }

    fn transaction_log(&self, hash: &UInt256) -> Result<Option<TransactionLog>, LedgerError> {
        let Some(place) = self.place(hash)? else {
            return Ok(None);
        };
        let execution = self.outcome(place)?.into_execution();
        Ok(Some(TransactionLog {
            hash: *hash,
            execution,
        }))
    }

    fn block_log(&self, hash: &UInt256) -> Result<Option<BlockLog>, LedgerError> {
        let Some(block) = self.block_by_hash(hash)? else {
            return Ok(None);
        };
        let executions = block_log(&self.config, &block.header, &block.transactions);
        Ok(Some(BlockLog {
            hash: *hash,
            executions,
        }))
    }

    fn state_hash(&self, height: Height) -> Result<Option<UInt256>, LedgerError> {
        let bytes = self
            .store
            .reader()?
            .get(Table::StateHashes, &height_key(height))?;
        bytes
            .map(|bytes| {
                bytes.try_into().map(UInt256::from_wire).map_err(|_| {
                    LedgerError::Inconsistent(format!("state hash of height {height}"))
                })
            })
            .transpose()
    }

    fn balances(&self, account: &UInt160) -> Result<Vec<TokenBalance>, LedgerError> {
        let view = self.stored_view()?;
        let mut balances = Vec::new();
        for token in Token::ALL {
            if let Some(holding) = view.account(token, account)? {
                balances.push(TokenBalance {
                    token,
                    amount: holding.balance,
                    last_updated: Height(holding.last_updated),
                });
            }
        }
        Ok(balances)
    }

    fn transfers(
        &self,
        account: &UInt160,
        times: RangeInclusive<u64>,
        skip: usize,
        most: usize,
    ) -> Result<Vec<StoredTransfer>, LedgerError> {
        self.transfers_of(account, &times, skip, most)
    }

    fn total_supply(&self, token: Token) -> Result<u64, LedgerError> {
        total_supply(&self.stored_view()?, token)
    }

    fn committee(&self) -> Result<Vec<PublicKey>, LedgerError> {
        Ok(self.config.committee().to_vec())
    }

    fn validators(&self) -> Result<Vec<PublicKey>, LedgerError> {
        Ok(self.rules.validators.clone())
    }

    fn policy(&self) -> PolicyValues {
        PolicyValues {
            fee_per_byte: Datoshi(policy::FEE_PER_BYTE),
            exec_fee_factor: policy::EXEC_FEE_FACTOR,
            storage_price: Datoshi(policy::STORAGE_PRICE),
            max_verification_gas: Datoshi(policy::MAX_VERIFICATION_GAS),
        }
    }

    fn pool(&self) -> PoolListing {
        let pool = self.pool.lock();
        let verified = pool.transactions.hashes();
        PoolListing {
            height: pool.height,
            verified,
        }
    }

    fn pool_len(&self) -> usize {
        self.pool.lock().transactions.len()
    }

    fn pooled(&self, hash: &UInt256) -> Option<Arc<Transaction>> {
        self.pool.lock().transactions.get(hash).cloned()
    }

    fn network_fee(&self, transaction: &Transaction) -> Result<Datoshi, LedgerError> {
        // The size with every invocation script as long as its signatures will make it.
        let mut size = transaction.size();
        let mut fee: i64 = 0;
        for witness in transaction.witnesses() {
            let cost = witness_cost(&witness.verification).ok_or_else(|| {
                LedgerError::Unsupported("price a witness that is not of standard form".into())
            })?;
            fee = fee.saturating_add(cost);
            let signatures = parse_multisig_script(&witness.verification).map_or(1, |(m, _)| m);
            let signed = vec![0; signatures.saturating_mul(66)];
            let with_signatures = var_bytes_len(&signed);
            size = size
                .saturating_sub(var_bytes_len(&witness.invocation))
                .saturating_add(with_signatures);
        }
        let bytes = i64::try_from(size).unwrap_or(i64::MAX);
        Ok(Datoshi(
            bytes
                .saturating_mul(policy::FEE_PER_BYTE)
                .saturating_add(fee),
        ))
    }

    fn invoke(&self, script: &[u8], signers: &[Signer]) -> Result<Invocation, LedgerError> {
        let view = self.stored_view()?;
        let tip = self.tip.read().clone();
        let scene = Scene {
            config: &self.config,
            tip: tip.signed.header.index,
            tip_hash: tip.hash,
            validators: &self.rules.validators,
            committee_address: self.rules.committee_address,
        };
        execution::invoke(&view, script, signers, &scene)
    }
}
