//! What makes a transaction invalid without looking at any chain.

use std::collections::HashSet;

use thiserror::Error;

use super::{MAX_ATTRIBUTES_AND_SIGNERS, MAX_SCRIPT, UnsignedTransaction};
use crate::hash::UInt160;
use crate::number::Datoshi;

/// Why a transaction can exist on no chain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TransactionError {
    /// A fee below zero.
    #[error("the {name} fee is {amount} datoshi")]
    NegativeFee {
        /// `system` or `network`.
        name: &'static str,
        /// The fee.
        amount: Datoshi,
    },
    /// Both fees together leave 64 bits.
    #[error("system fee {system} and network fee {network} overflow together")]
    FeeOverflow {
        /// The system fee.
        system: Datoshi,
        /// The network fee.
        network: Datoshi,
    },
    /// Nobody signs.
    #[error("there is no signer")]
    NoSigner,
    /// Too many signers and attributes.
    #[error("{signers} signers and {attributes} attributes are more than 16 together")]
    TooMany {
        /// Signers.
        signers: usize,
        /// Attributes.
        attributes: usize,
    },
    /// An account signs twice.
    #[error("account {0} signs twice")]
    DuplicateSigner(UInt160),
    /// An attribute that may be there once is there twice.
    #[error("attribute type {0:#04x} is there twice")]
    DuplicateAttribute(u8),
    /// A failed oracle response with a result, or a result too long.
    #[error("an oracle response has a result only if it succeeded, of at most 65,535 bytes")]
    OracleResult,
    /// Script of no or too many bytes.
    #[error("the script has {0} bytes, 1 to 65,535 are allowed")]
    ScriptLength(usize),
    /// Not one witness for each signer.
    #[error("{witnesses} witnesses for {signers} signers")]
    WitnessCount {
        /// Signers.
        signers: usize,
        /// Witnesses.
        witnesses: usize,
    },
    /// Unknown scopes, or Global beside others.
    #[error("{0:#04x} is no set of witness scopes")]
    Scopes(u8),
    /// Not the name of a scope.
    #[error("`{0}` is no witness scope")]
    ScopeName(String),
    /// A list of a signer is too long, or there without its scope.
    #[error("a signer has {length} {list}, its scopes allow {limit}")]
    SignerList {
        /// `contracts`, `groups` or `rules`.
        list: &'static str,
        /// Items.
        length: usize,
        /// Items allowed.
        limit: usize,
    },
    /// Conditions nest too deeply.
    #[error("witness conditions nest deeper than {limit} levels")]
    ConditionDepth {
        /// Levels allowed.
        limit: usize,
    },
    /// And or Or with no or too many operands.
    #[error("a witness condition has {0} operands, 1 to 16 are allowed")]
    ConditionOperands(usize),
}

pub(super) fn check(transaction: &UnsignedTransaction) -> Result<(), TransactionError> {
    check_fees(transaction.system_fee, transaction.network_fee)?;
    let (signers, attributes) = (&transaction.signers, &transaction.attributes);
    if signers.is_empty() {
        return Err(TransactionError::NoSigner);
    }
    if signers.len().saturating_add(attributes.len()) > MAX_ATTRIBUTES_AND_SIGNERS {
        return Err(TransactionError::TooMany {
            signers: signers.len(),
            attributes: attributes.len(),
        });
    }
    for (position, signer) in signers.iter().enumerate() {
        signer.check()?;
        if signers
            .iter()
            .take(position)
            .any(|earlier| earlier.account == signer.account)
        {
            return Err(TransactionError::DuplicateSigner(signer.account));
        }
    }
    let mut kinds = HashSet::new();
    for attribute in attributes {
        if !attribute.has_valid_result() {
            return Err(TransactionError::OracleResult);
        }
        if !attribute.allows_multiple() && !kinds.insert(attribute.kind()) {
            return Err(TransactionError::DuplicateAttribute(attribute.kind()));
        }
    }
    if transaction.script.is_empty() || transaction.script.len() > MAX_SCRIPT {
        return Err(TransactionError::ScriptLength(transaction.script.len()));
    }
    Ok(())
}

fn check_fees(system: Datoshi, network: Datoshi) -> Result<(), TransactionError> {
    for (name, amount) in [("system", system), ("network", network)] {
        if amount < Datoshi::ZERO {
            return Err(TransactionError::NegativeFee { name, amount });
        }
    }
    match system.checked_add(network) {
        Some(_) => Ok(()),
        None => Err(TransactionError::FeeOverflow { system, network }),
    }
}
