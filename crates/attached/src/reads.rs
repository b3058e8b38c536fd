//! Reading the verified chain and the serving node's pool. What only the node can tell it must be asked itself.

use std::sync::Arc;

use neo_ledger::{
    BlockLog, ChainReader, GenesisConfig, Invocation, LedgerError, PolicyValues, PoolListing,
    StoredTransaction, TokenBalance, TransactionLog, policy,
};
use neo_primitives::{
    Block, Datoshi, Height, PublicKey, SignedHeader, Signer, Token, Transaction, UInt160, UInt256,
};

use crate::{election::validators, ledger::AttachedLedger};

/// Blocks that are not kept whole, and everything that was executed, are answered with `None`.
impl ChainReader for AttachedLedger {
    fn config(&self) -> &GenesisConfig {
        &self.shared().config.genesis
    }

    fn executes(&self) -> bool {
        false
    }

    fn tip(&self) -> SignedHeader {
        self.shared().tip().signed
    }

    fn tip_hash(&self) -> UInt256 {
        self.shared().tip().hash
    }

    fn lowest(&self) -> Height {
        self.shared().headers.lowest().header.index
    }

    fn block(&self, height: Height) -> Result<Option<Arc<Block>>, LedgerError> {
        Ok(self.shared().headers.block(height)?.map(Arc::new))
    }

    fn block_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, LedgerError> {
        self.shared().headers.block_bytes(height)
    }

    /// What is not kept whole any more comes from the serving node, at a bounded rate.
    fn fetch_block_bytes(&self, height: Height) -> Result<Option<Vec<u8>>, LedgerError> {
        let headers = &self.shared().headers;
        if let Some(bytes) = headers.block_bytes(height)? {
            return Ok(Some(bytes));
        }
        let signed = headers.header(height)?;
        Ok(signed.and_then(|signed| self.old_block(signed)))
    }

    fn header(&self, height: Height) -> Result<Option<SignedHeader>, LedgerError> {
        self.shared().headers.header(height)
    }

    fn height_of(&self, hash: &UInt256) -> Result<Option<Height>, LedgerError> {
        self.shared().headers.height_of(hash)
    }

    fn transaction(&self, _: &UInt256) -> Result<Option<StoredTransaction>, LedgerError> {
        Ok(None)
    }

    fn transaction_log(&self, _: &UInt256) -> Result<Option<TransactionLog>, LedgerError> {
        Ok(None)
    }

    fn block_log(&self, _: &UInt256) -> Result<Option<BlockLog>, LedgerError> {
        Ok(None)
    }

    fn state_hash(&self, _: Height) -> Result<Option<UInt256>, LedgerError> {
        Ok(None)
    }

    fn balances(&self, _: &UInt160) -> Result<Vec<TokenBalance>, LedgerError> {
        Err(LedgerError::AskTheNode("balances"))
    }

    fn total_supply(&self, _: Token) -> Result<u64, LedgerError> {
        Err(LedgerError::AskTheNode("total supply"))
    }

    /// As it was when the last height opened; the standby committee before that.
    fn committee(&self) -> Result<Vec<PublicKey>, LedgerError> {
        let office = self.shared().office.read();
        let committee = office.as_ref().map(|office| office.committee.clone());
        Ok(committee.unwrap_or_else(|| self.config().committee().to_vec()))
    }

    /// As they were when the last height opened; the standby validators before that.
    fn validators(&self) -> Result<Vec<PublicKey>, LedgerError> {
        let office = self.shared().office.read();
        let known = office.as_ref().map(|office| office.validators.clone());
        let standby = &self.config().standby_validators;
        Ok(known.unwrap_or_else(|| validators(standby, standby.len())))
    }

    /// Neo's defaults: the node checks fees, nothing here depends on them.
    fn policy(&self) -> PolicyValues {
        PolicyValues {
            fee_per_byte: Datoshi(policy::FEE_PER_BYTE),
            exec_fee_factor: policy::EXEC_FEE_FACTOR,
            storage_price: Datoshi(policy::STORAGE_PRICE),
            max_verification_gas: Datoshi(policy::MAX_VERIFICATION_GAS),
        }
    }

    fn pool(&self) -> PoolListing {
        let mirror = self.shared().mirror.lock();
        PoolListing {
            height: mirror.height(),
            verified: mirror.order().to_vec(),
        }
    }

    fn pool_len(&self) -> usize {
        self.shared().mirror.lock().len()
    }

    fn pooled(&self, hash: &UInt256) -> Option<Arc<Transaction>> {
        self.shared().mirror.lock().get(hash).cloned()
    }

    fn is_pooled(&self, hash: &UInt256) -> bool {
        self.shared().mirror.lock().contains(hash)
    }

    fn network_fee(&self, _: &Transaction) -> Result<Datoshi, LedgerError> {
        Err(LedgerError::AskTheNode("network fee"))
    }

    fn invoke(&self, _: &[u8], _: &[Signer]) -> Result<Invocation, LedgerError> {
        Err(LedgerError::AskTheNode("invocation"))
    }
}
