//! Transactions: `version ‖ nonce ‖ fees ‖ valid until ‖ signers ‖ attributes ‖ script` (hashed), then witnesses.

mod attribute;
mod condition;
mod rules;
mod scope;
mod signed;
mod signer;
mod unsigned;

pub use attribute::{Attribute, OracleCode};
pub use condition::{RuleAction, WitnessCondition, WitnessRule};
pub use rules::TransactionError;
pub use scope::WitnessScope;
pub use signed::Transaction;
pub use signer::Signer;
pub use unsigned::UnsignedTransaction;

/// Most bytes of a transaction. Checked at admission, not by the decoder.
pub const MAX_TRANSACTION_SIZE: usize = 102_400;

/// Most signers and attributes together.
pub const MAX_ATTRIBUTES_AND_SIGNERS: usize = 16;

/// Most bytes of a transaction's script.
pub const MAX_SCRIPT: usize = 65_535;

/// Most contracts, groups or rules of a signer, and most operands of a condition.
pub(crate) const MAX_SUBITEMS: usize = 16;

/// Levels of conditions in a rule.
pub(crate) const MAX_CONDITION_DEPTH: usize = 3;

#[cfg(test)]
pub(crate) mod strategy;
