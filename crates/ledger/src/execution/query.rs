//! What test runs may ask of the chain, its policy and its committee.

use neo_primitives::{Height, PublicKey, Question, Token, UInt160, UInt256};
use num_bigint::BigInt;

use super::outcome::StackItem;
use crate::{config::GenesisConfig, error::LedgerError, policy, state::StateRead};

/// Where a test run takes place.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// Rules of the network.
    pub(crate) config: &'a GenesisConfig,
    /// Height of the stored tip.
    pub(crate) tip: Height,
    /// Its hash.
    pub(crate) tip_hash: UInt256,
    /// Validators of the next block, sorted.
    pub(crate) validators: &'a [PublicKey],
    /// Majority account of the committee.
    pub(crate) committee_address: Option<UInt160>,
}

/// Types of attributes that have a fee: HighPriority, OracleResponse, NotValidBefore, Conflicts, NotaryAssisted.
const ATTRIBUTE_TYPES: [u8; 5] = [0x01, 0x11, 0x20, 0x21, 0x22];
const NOTARY_ASSISTED: u8 = 0x22;
/// `getExecPicoFeeFactor` counts in these parts of a datoshi.
const PICO_PER_DATOSHI: u32 = 10_000;

/// The answer to a question; the inner error is the exception with which a Neo node's script ends.
///
/// # Errors
/// When the state cannot be read.
pub(super) fn answer(
    question: &Question,
    scene: &Scene<'_>,
    state: &impl StateRead,
) -> Result<Result<StackItem, String>, LedgerError> {
    use Question as Q;
    let config = scene.config;
    let bytes = |bytes: &[u8]| StackItem::ByteString(bytes.to_vec());
    Ok(Ok(match question {
        Q::CurrentHash => bytes(scene.tip_hash.as_wire()),
        Q::CurrentIndex => integer(scene.tip.0),
        Q::FeePerByte => integer(policy::FEE_PER_BYTE),
        Q::ExecFeeFactor => integer(policy::EXEC_FEE_FACTOR),
        Q::ExecPicoFeeFactor => integer(policy::EXEC_FEE_FACTOR.saturating_mul(PICO_PER_DATOSHI)),
        Q::StoragePrice => integer(policy::STORAGE_PRICE),
        Q::MillisecondsPerBlock => integer(config.block_time_ms),
        Q::MaxValidUntilBlockIncrement => integer(config.max_valid_until_block_increment),
        Q::MaxTraceableBlocks => integer(config.max_traceable_blocks),
        Q::AttributeFee(kind) => return Ok(attribute_fee(kind)),
        // Nobody can block an account or register on this ledger.
        Q::IsBlocked(_) => StackItem::Boolean(false),
        Q::Candidates => StackItem::Array(Vec::new()),
        Q::CandidateVote(_) => integer(-1),
        Q::GasPerBlock => integer(policy::GAS_PER_BLOCK),
        Q::RegisterPrice => integer(policy::REGISTER_PRICE),
        Q::Committee => {
            let mut committee = config.committee().to_vec();
            committee.sort();
            keys(&committee)
        }
        Q::NextBlockValidators => keys(scene.validators),
        Q::CommitteeAddress => match scene.committee_address {
            Some(account) => bytes(account.as_wire()),
            None => return Ok(Err("the committee has no account".to_owned())),
        },
        Q::AccountState(account) => match state.account(Token::Neo, account)? {
            None => StackItem::Null,
            // Balance, height from which on it earns, whom it votes for, and the reward per vote at its last change.
            Some(holding) => StackItem::Struct(vec![
                integer(holding.balance),
                integer(holding.balance_height),
                StackItem::Null,
                integer(0),
            ]),
        },
        Q::UnclaimedGas(account, end) => match state.account(Token::Neo, account)? {
            None => integer(0),
            Some(holding) => {
                let next = scene.tip.next().0;
                if *end != BigInt::from(next) {
                    let reason = format!("unclaimed GAS is known at height {next}, not at {end}");
                    return Ok(Err(reason));
                }
                let reward = policy::holder_reward(holding.balance, holding.balance_height, next);
                integer(reward)
            }
        },
    }))
}

fn attribute_fee(kind: &BigInt) -> Result<StackItem, String> {
    match u8::try_from(kind) {
        Ok(NOTARY_ASSISTED) => Ok(integer(policy::NOTARY_ATTRIBUTE_FEE)),
        Ok(known) if ATTRIBUTE_TYPES.contains(&known) => Ok(integer(0)),
        _ => Err(format!("invalid attribute type: {kind}")),
    }
}

fn integer(value: impl Into<BigInt>) -> StackItem {
    StackItem::Integer(value.into())
}

fn keys(keys: &[PublicKey]) -> StackItem {
    let item = |key: &PublicKey| StackItem::ByteString(key.as_bytes().to_vec());
    StackItem::Array(keys.iter().map(item).collect())
}
