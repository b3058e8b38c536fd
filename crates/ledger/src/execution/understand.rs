//! What this ledger can execute, and what is beyond it.

use neo_primitives::{Attribute, Transaction, Transfer, recognise_transfers};

use crate::{natives, rejected::Rejected};

/// The transfers that a transaction makes.
///
/// # Errors
/// What of it runs contract code or needs another service: a Neo node can execute it, this ledger cannot.
pub(crate) fn transfers_of(transaction: &Transaction) -> Result<Vec<Transfer>, Rejected> {
    let transfers =
        recognise_transfers(transaction.script()).map_err(|error| Rejected::UnsupportedScript {
            reason: error.to_string(),
        })?;
    for transfer in &transfers {
        if let Some(name) = natives::native_at(&transfer.to) {
            return Err(Rejected::TransferToContract {
                name,
                contract: transfer.to,
            });
        }
    }
    for attribute in transaction.attributes() {
        let (attribute, missing) = match attribute {
            Attribute::OracleResponse { .. } => ("OracleResponse", "oracle"),
            Attribute::NotaryAssisted { .. } => ("NotaryAssisted", "notary"),
            Attribute::HighPriority | Attribute::NotValidBefore(_) | Attribute::Conflicts(_) => {
                continue;
            }
        };
        return Err(Rejected::UnsupportedAttribute { attribute, missing });
    }
    Ok(transfers)
}
