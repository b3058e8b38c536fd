//! Executing whole blocks.

use std::sync::Arc;

use neo_primitives::{Attribute, BlockBody, Header, Token, Transaction, UInt160, UInt256, sha256};

use super::{record::TransactionOutcome, script::execute_transaction, token::Tokens};
use crate::{
    config::GenesisConfig,
    error::{InvalidBlock, LedgerError},
    policy,
    state::{Account, Layer, Overlay, StateKey, StateRead, StateValue, Writes},
};

/// A block with what it does.
#[derive(Debug)]
pub(crate) struct Executed {
    /// Header and transactions.
    pub(crate) body: Arc<BlockBody>,
    /// Hash of the header.
    pub(crate) hash: UInt256,
    /// Its writes and transaction hashes, for the blocks above.
    pub(crate) layer: Arc<Layer>,
    /// Outcome of each transaction.
    pub(crate) outcomes: Vec<TransactionOutcome>,
    /// Its writes as bytes, sorted by key.
    pub(crate) sorted_writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// State hash after it.
    pub(crate) state_hash: UInt256,
}

/// Executes a block on the state after its parent.
///
/// As Neo N3 does: burn every transaction's fees in order, pay the network fees to the primary, run the
/// scripts in order, pay the committee member whose turn it is.
///
/// # Errors
/// [`InvalidBlock::UnpaidFees`] when a sender cannot pay, [`InvalidBlock::Ledger`] when the state cannot
/// be read.
pub(crate) fn execute_block(
    config: &GenesisConfig,
    body: Arc<BlockBody>,
    parent: &dyn StateRead,
    parent_state_hash: &UInt256,
) -> Result<Executed, InvalidBlock> {
    let mut state = Overlay::new(parent);
    burn_fees(config, &body, &mut state)?;
    let index = body.header.index.0;
    let outcomes = body
        .transactions
        .iter()
        .map(|transaction| execute_transaction(&mut state, transaction, index))
        .collect::<Result<Vec<_>, _>>()?;
    for transaction in &body.transactions {
        record_conflicts(&mut state, transaction, index);
    }
    let mut events = Vec::new();
    let mut tokens = Tokens {
        state: &mut state,
        events: &mut events,
        index,
    };
    tokens.mint_gas(committee_member(config, index), policy::committee_reward())?;
    Ok(Executed::new(
        body,
        state.into_writes(),
        outcomes,
        parent_state_hash,
    ))
}

/// The genesis block with the state that it creates: all NEO and the initial GAS on the account of the
/// validators, and the first reward of the committee.
///
/// # Errors
/// When the state cannot be built.
pub(crate) fn genesis(config: &GenesisConfig) -> Result<Executed, LedgerError> {
    let body = Arc::new(config.genesis_block().body());
    let mut state = Overlay::new(&Empty);
    let holder = config.next_consensus();
    let all_neo = Account {
        balance: policy::NEO_TOTAL,
        ..Account::default()
    };
    state.put_account(Token::Neo, holder, all_neo);
    let mut events = Vec::new();
    let mut tokens = Tokens {
        state: &mut state,
        events: &mut events,
        index: 0,
    };
    tokens.mint_gas(holder, u64::try_from(config.initial_gas.0).unwrap_or(0))?;
    tokens.mint_gas(committee_member(config, 0), policy::committee_reward())?;
    Ok(Executed::new(
        body,
        state.into_writes(),
        Vec::new(),
        &UInt256::ZERO,
    ))
}

/// The state before genesis.
struct Empty;

impl StateRead for Empty {
    fn get(&self, _: StateKey) -> Result<Option<StateValue>, LedgerError> {
        Ok(None)
    }
}

impl Executed {
    fn new(
        body: Arc<BlockBody>,
        writes: Writes,
        outcomes: Vec<TransactionOutcome>,
        parent_state_hash: &UInt256,
    ) -> Self {
        let mut sorted_writes: Vec<_> = writes
            .iter()
            .map(|(key, value)| (key.to_bytes(), value.map(StateValue::to_bytes)))
            .collect();
        sorted_writes.sort_unstable();
        let state_hash = state_hash(parent_state_hash, &body.header, &sorted_writes);
        let transactions = body.transaction_hashes().into_iter().collect();
        Self {
            hash: body.hash(),
            layer: Arc::new(Layer {
                writes,
                transactions,
            }),
            body,
            outcomes,
            sorted_writes,
            state_hash,
        }
    }
}

/// SHA-256 of the parent's state hash, the height and, for each write in order of the keys, key and value
/// with their lengths; a removed key has the length `ff ff ff ff` and no value.
fn state_hash(
    parent: &UInt256,
    header: &Header,
    sorted_writes: &[(Vec<u8>, Option<Vec<u8>>)],
) -> UInt256 {
    let mut bytes = Vec::with_capacity(36 + sorted_writes.len().saturating_mul(48));
    bytes.extend_from_slice(parent.as_wire());
    bytes.extend_from_slice(&header.index.0.to_le_bytes());
    let length = |part: &[u8]| {
        u32::try_from(part.len())
            .unwrap_or(u32::MAX - 1)
            .to_le_bytes()
    };
    for (key, value) in sorted_writes {
        bytes.extend_from_slice(&length(key));
        bytes.extend_from_slice(key);
        match value {
            Some(value) => {
                bytes.extend_from_slice(&length(value));
                bytes.extend_from_slice(value);
            }
            None => bytes.extend_from_slice(&u32::MAX.to_le_bytes()),
        }
    }
    UInt256::from_wire(sha256(&bytes))
}

fn burn_fees(
    config: &GenesisConfig,
    body: &BlockBody,
    state: &mut Overlay<'_>,
) -> Result<(), InvalidBlock> {
    let mut events = Vec::new();
    let mut tokens = Tokens {
        state,
        events: &mut events,
        index: body.header.index.0,
    };
    for transaction in &body.transactions {
        let fees = fees(transaction);
        let sender = transaction.sender();
        if let Err(balance) = tokens.burn_gas(sender, fees)? {
            return Err(InvalidBlock::UnpaidFees {
                hash: transaction.hash(),
                sender,
                balance,
                fees,
            });
        }
    }
    tokens.mint_gas(
        primary_account(config, &body.header),
        network_fees(&body.transactions),
    )?;
    Ok(())
}

pub(super) fn fees(transaction: &Transaction) -> u64 {
    let sum = transaction
        .system_fee()
        .0
        .saturating_add(transaction.network_fee().0);
    u64::try_from(sum).unwrap_or(0)
}

pub(super) fn network_fees(transactions: &[Arc<Transaction>]) -> u64 {
    let fee = |transaction: &Arc<Transaction>| transaction.network_fee().0.unsigned_abs();
    transactions.iter().map(fee).fold(0, u64::saturating_add)
}

/// The transaction's `Conflicts` count for each of its signers from now on.
fn record_conflicts(state: &mut Overlay<'_>, transaction: &Transaction, index: u32) {
    for attribute in transaction.attributes() {
        if let Attribute::Conflicts(hash) = attribute {
            for signer in transaction.signers() {
                let key = StateKey::Conflict(*hash, signer.account);
                state.put(key, Some(StateValue::Height(index)));
            }
        }
    }
}

/// The account of the validator that proposed a block.
pub(super) fn primary_account(config: &GenesisConfig, header: &Header) -> UInt160 {
    let validators = config.validators();
    validators
        .get(header.primary_index.position())
        .map(neo_primitives::PublicKey::script_hash)
        .unwrap_or_default()
}

/// The account of the committee member that block `index` rewards.
pub(super) fn committee_member(config: &GenesisConfig, index: u32) -> UInt160 {
    let committee = config.committee();
    let turn = usize::try_from(index)
        .unwrap_or(0)
        .checked_rem(committee.len())
        .unwrap_or(0);
    committee
        .get(turn)
        .map(neo_primitives::PublicKey::script_hash)
        .unwrap_or_default()
}
