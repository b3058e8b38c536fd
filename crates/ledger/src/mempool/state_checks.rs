//! Checks of a transaction that need the state of the chain.

use neo_primitives::{
    Attribute, Datoshi, Height, Transaction, UInt160, parse_multisig_script, parse_signature_script,
};

use crate::{
    config::GenesisConfig,
    error::LedgerError,
    policy,
    rejected::Rejected,
    state::{StateRead, StateView},
};

/// The place in the chain that transactions are checked at.
#[derive(Clone, Copy)]
pub(crate) struct ChainPoint<'a> {
    /// Rules of the network.
    pub(crate) config: &'a GenesisConfig,
    /// Height of the last block below.
    pub(crate) height: Height,
    /// Majority account of the committee.
    pub(crate) committee_address: Option<UInt160>,
}

/// The expiry lies above the height, and not too far above.
///
/// # Errors
/// [`Rejected::Expired`].
pub(crate) fn check_expiry(
    transaction: &Transaction,
    point: &ChainPoint<'_>,
) -> Result<(), Rejected> {
    let valid_until = transaction.valid_until();
    let least = point.height.next();
    let increment = point.config.max_valid_until_block_increment;
    let most = Height(point.height.0.saturating_add(increment));
    if (least..=most).contains(&valid_until) {
        return Ok(());
    }
    Err(Rejected::Expired {
        valid_until,
        least,
        most,
    })
}

/// No traceable transaction on the chain excludes this one on behalf of one of its signers.
///
/// # Errors
/// [`Rejected::ConflictsOnChain`].
pub(crate) fn check_conflicts_on_chain(
    transaction: &Transaction,
    point: &ChainPoint<'_>,
    view: &StateView,
) -> Result<(), Rejected> {
    let hash = transaction.hash();
    for signer in transaction.signers() {
        let excluded = view.conflict(&hash, &signer.account)?;
        if excluded.is_some_and(|at| is_traceable(at, point)) {
            return Err(Rejected::ConflictsOnChain(hash));
        }
    }
    Ok(())
}

/// Neo N3 `LedgerContract.IsTraceableBlock`.
fn is_traceable(at: u32, point: &ChainPoint<'_>) -> bool {
    at <= point.height.0
        && u64::from(at) + u64::from(point.config.max_traceable_blocks) > u64::from(point.height.0)
}

/// Attributes hold, and the network fee covers size, attributes and witnesses.
///
/// # Errors
/// [`Rejected::InvalidAttribute`] or [`Rejected::InsufficientNetworkFee`].
pub(crate) fn check_fees_and_attributes(
    transaction: &Transaction,
    point: &ChainPoint<'_>,
    view: &StateView,
) -> Result<(), Rejected> {
    for (position, attribute) in transaction.attributes().iter().enumerate() {
        check_attribute(attribute, transaction, point, view)?;
        // neo-go refuses this, neo-project/neo does not; no wallet does it.
        if transaction
            .attributes()
            .iter()
            .take(position)
            .any(|earlier| earlier == attribute)
        {
            let reason = "the same transaction is named twice".to_owned();
            return Err(Rejected::InvalidAttribute {
                attribute: "Conflicts",
                reason,
            });
        }
    }
    let fee = transaction.network_fee();
    let size_fee = size_fee(transaction);
    let witness_fee = transaction
        .witnesses()
        .iter()
        .enumerate()
        .map(|(index, witness)| {
            witness_cost(&witness.verification).ok_or(Rejected::UnsupportedWitness { index })
        })
        .try_fold(0i64, |sum, cost| cost.map(|cost| sum.saturating_add(cost)))?;
    let needed = Datoshi(size_fee.saturating_add(witness_fee));
    if fee < needed || witness_fee > policy::MAX_VERIFICATION_GAS {
        return Err(Rejected::InsufficientNetworkFee { fee, needed });
    }
    Ok(())
}

/// What the bytes of a transaction cost, in datoshi. Attribute fees are zero by default in Neo.
pub(crate) fn size_fee(transaction: &Transaction) -> i64 {
    i64::try_from(transaction.size())
        .unwrap_or(i64::MAX)
        .saturating_mul(policy::FEE_PER_BYTE)
}

/// What checking a witness of standard form costs, in datoshi.
pub(crate) fn witness_cost(verification: &[u8]) -> Option<i64> {
    if parse_signature_script(verification).is_some() {
        return Some(policy::single_signature_cost());
    }
    let (m, keys) = parse_multisig_script(verification)?;
    Some(policy::multi_signature_cost(m, keys.len()))
}

fn check_attribute(
    attribute: &Attribute,
    transaction: &Transaction,
    point: &ChainPoint<'_>,
    view: &StateView,
) -> Result<(), Rejected> {
    let refuse = |attribute, reason: String| Err(Rejected::InvalidAttribute { attribute, reason });
    match attribute {
        Attribute::HighPriority => {
            let signed = transaction
                .signers()
                .iter()
                .any(|signer| Some(signer.account) == point.committee_address);
            if signed {
                Ok(())
            } else {
                refuse("HighPriority", "the committee did not sign".into())
            }
        }
        Attribute::NotValidBefore(height) if point.height < *height => refuse(
            "NotValidBefore",
            format!("valid from height {height}, this is {}", point.height),
        ),
        Attribute::NotValidBefore(_) => Ok(()),
        Attribute::Conflicts(hash) if view.contains_transaction(hash)? => {
            refuse("Conflicts", format!("transaction {hash} is on the chain"))
        }
        Attribute::Conflicts(_) => Ok(()),
        // Refused before, as beyond this ledger.
        Attribute::OracleResponse { .. } | Attribute::NotaryAssisted { .. } => Ok(()),
    }
}

impl From<LedgerError> for Rejected {
    fn from(error: LedgerError) -> Self {
        Self::Unavailable {
            reason: error.to_string(),
        }
    }
}
