//! Neo's fee policy and protocol limits, with their default values.
//!
//! Source: Neo N3 `PolicyContract` and `ApplicationEngine` prices. Prices that scale with the
//! execution fee factor are given before multiplication by it.

/// Network fee per transaction byte, in datoshi.
pub const FEE_PER_BYTE: i64 = 1_000;
/// Datoshi per unit of opcode and syscall price.
pub const EXEC_FEE_FACTOR: u32 = 30;
/// Datoshi per stored byte.
pub const STORAGE_PRICE: i64 = 100_000;
/// Most that the witnesses of one transaction may cost, in datoshi: 1.5 GAS.
pub const MAX_VERIFICATION_GAS: i64 = 150_000_000;
/// Greatest size of a transaction in bytes.
pub const MAX_TRANSACTION_SIZE: u32 = 102_400;
/// Greatest length of each witness script that Neo N3 nodes read, in bytes.
pub const NEO_WITNESS_LIMIT: u32 = 1_024;
/// GAS created per block, in datoshi: 5 GAS. 10 % goes to the committee, 10 % to NEO holders.
pub const GAS_PER_BLOCK: i64 = 500_000_000;
/// Share of the committee in the GAS of a block, in percent.
pub const COMMITTEE_REWARD_PERCENT: i64 = 10;
/// Share of NEO holders in the GAS of a block, in percent.
pub const HOLDER_REWARD_PERCENT: i64 = 10;
/// All NEO there is.
pub const NEO_TOTAL: u64 = 100_000_000;

/// What registering a candidate costs, in datoshi: 1000 GAS.
pub const REGISTER_PRICE: i64 = 100_000_000_000;
/// Fee of a transaction for each notary key in its attribute, in datoshi.
pub const NOTARY_ATTRIBUTE_FEE: i64 = 10_000_000;

/// Price of checking one signature.
const CHECK_SIG: i64 = 32_768;
/// Price of a PUSHDATA1.
const PUSH_DATA: i64 = 8;

/// Cost of a single-signature witness in datoshi.
///
/// Two PUSHDATA1 (signature and key) and one signature check; 983,520 by default.
#[must_use]
pub fn single_signature_cost() -> i64 {
    i64::from(EXEC_FEE_FACTOR) * (2 * PUSH_DATA + CHECK_SIG)
}

/// Cost of an `m`-of-`n` witness in datoshi.
///
/// One PUSHDATA1 for each signature and key, two small pushes, `n` signature checks; 3,933,900 for 3 of 4.
#[must_use]
pub fn multi_signature_cost(m: usize, n: usize) -> i64 {
    let m = i64::try_from(m).unwrap_or(i64::MAX);
    let n = i64::try_from(n).unwrap_or(i64::MAX);
    PUSH_DATA
        .saturating_mul(m.saturating_add(n))
        .saturating_add(2)
        .saturating_add(CHECK_SIG.saturating_mul(n))
        .saturating_mul(EXEC_FEE_FACTOR.into())
}

/// GAS that `balance` NEO earned from block `from` to before block `to`, in datoshi, rounded down.
///
/// Neo N3 `NeoToken.CalculateNeoHolderReward` with a constant GAS per block.
#[must_use]
pub fn holder_reward(balance: u64, from: u32, to: u32) -> u64 {
    let blocks = u128::from(to.saturating_sub(from));
    let created = blocks.saturating_mul(u128::from(GAS_PER_BLOCK.unsigned_abs()));
    let reward = u128::from(balance)
        .saturating_mul(created)
        .saturating_mul(u128::from(HOLDER_REWARD_PERCENT.unsigned_abs()))
        / 100
        / u128::from(NEO_TOTAL);
    u64::try_from(reward).unwrap_or(u64::MAX)
}

/// What the committee member of a block gets, in datoshi: 0.5 GAS.
#[must_use]
pub fn committee_reward() -> u64 {
    (GAS_PER_BLOCK * COMMITTEE_REWARD_PERCENT / 100).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn witness_costs_are_neos() {
        assert_eq!(single_signature_cost(), 983_520);
        assert_eq!(multi_signature_cost(3, 4), 3_933_900);
        assert_eq!(multi_signature_cost(5, 7), 6_884_220);
    }

    #[test]
    fn holder_reward_of_all_neo_is_a_tenth_of_the_gas() {
        assert_eq!(holder_reward(NEO_TOTAL, 0, 77), 3_850_000_000);
        assert_eq!(holder_reward(1, 0, 1), 0);
        assert_eq!(holder_reward(2, 0, 1), 1);
        assert_eq!(holder_reward(NEO_TOTAL, 5, 5), 0);
        assert_eq!(holder_reward(NEO_TOTAL, 7, 5), 0);
    }
}
