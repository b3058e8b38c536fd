//! Why a transaction is not admitted, with Neo's JSON-RPC error codes.

use neo_primitives::{Datoshi, Height, UInt160, UInt256};

/// Why a transaction is refused. [`Rejected::code`] gives the JSON-RPC error number (NEP-23).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The pool holds it already.
    #[error("transaction {0} is already in the memory pool")]
    AlreadyInPool(UInt256),
    /// A block contains it already.
    #[error("transaction {0} is already on the chain")]
    AlreadyExists(UInt256),
    /// A transaction on the chain, signed by one of the signers, names it in `Conflicts`.
    #[error("a transaction on the chain conflicts with {0}")]
    ConflictsOnChain(UInt256),
    /// It conflicts with pooled transactions and does not pay more than they do together, or shares no signer.
    #[error(
        "conflicts with pooled transactions: network fee {fee} must exceed {needed} and a signer must be shared"
    )]
    ConflictsInPool {
        /// Network fee of the newcomer.
        fee: Datoshi,
        /// Sum of the network fees of the transactions that it would replace.
        needed: Datoshi,
    },
    /// Larger than a transaction may be.
    #[error("transaction has {size} bytes, {limit} are allowed")]
    OverSize {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: u32,
    },
    /// The script is not a run of native NEO and GAS transfers.
    #[error(
        "this ledger executes only transfers of native NEO and GAS: {reason}; attach a Neo node to run other scripts"
    )]
    UnsupportedScript {
        /// What is not a transfer, and where.
        reason: String,
    },
    /// A transfer goes to a native contract, which would call its payment method.
    #[error(
        "a transfer to the native contract {name} ({contract}) would run contract code; attach a Neo node for that"
    )]
    TransferToContract {
        /// The contract's name.
        name: &'static str,
        /// The receiving native contract.
        contract: UInt160,
    },
    /// A witness does not belong to the signer at its place.
    #[error("witness {index} does not belong to signer {account}")]
    WitnessOfAnother {
        /// Position of the witness.
        index: usize,
        /// Account of the signer at that position.
        account: UInt160,
    },
    /// The account of a witness belongs neither to one key nor to m of n keys.
    #[error(
        "witness {index} is not a standard single-signature or multi-signature witness; attach a Neo node to run other verification scripts"
    )]
    UnsupportedWitness {
        /// Position of the witness.
        index: usize,
    },
    /// A witness is of keys, and does not hold their signatures as wallets write them.
    #[error("witness {index} does not hold as many signatures as its keys need")]
    MalformedWitness {
        /// Position of the witness.
        index: usize,
    },
    /// A signature does not verify.
    #[error("a signature of witness {index} does not verify")]
    InvalidSignature {
        /// Position of the witness.
        index: usize,
    },
    /// The expiry is not above the height, or too far above it.
    #[error("valid until block {valid_until}, allowed is {least} to {most}")]
    Expired {
        /// The transaction's expiry.
        valid_until: Height,
        /// Least height allowed now.
        least: Height,
        /// Greatest height allowed now.
        most: Height,
    },
    /// The sender's GAS does not cover the fees of this and the sender's other pooled transactions.
    #[error("sender {sender} has {balance} datoshi, fees of pending transactions need {needed}")]
    InsufficientFunds {
        /// The sender.
        sender: UInt160,
        /// The sender's GAS in datoshi.
        balance: Datoshi,
        /// What it needs, in datoshi.
        needed: u128,
    },
    /// The network fee does not cover size, attributes and witnesses.
    #[error("network fee is {fee}, size, attributes and witnesses cost {needed}")]
    InsufficientNetworkFee {
        /// The network fee offered.
        fee: Datoshi,
        /// The network fee needed.
        needed: Datoshi,
    },
    /// An attribute needs a service that this ledger does not have.
    #[error("attribute {attribute}: there is no {missing} here; attach a Neo node")]
    UnsupportedAttribute {
        /// The attribute's name.
        attribute: &'static str,
        /// The service.
        missing: &'static str,
    },
    /// An attribute does not hold.
    #[error("attribute {attribute}: {reason}")]
    InvalidAttribute {
        /// The attribute's name.
        attribute: &'static str,
        /// Why it is refused.
        reason: String,
    },
    /// Its system fee alone exceeds that of a whole block.
    #[error("system fee {fee} exceeds {limit}, the limit of a block")]
    SystemFeeAboveBlock {
        /// The transaction's system fee.
        fee: Datoshi,
        /// The limit.
        limit: Datoshi,
    },
    /// The pool is full and everything in it has a higher priority.
    #[error(
        "the memory pool is full ({capacity} transactions) of transactions with higher priority"
    )]
    PoolFull {
        /// The pool's capacity.
        capacity: u32,
    },
    /// The attached Neo node refuses it.
    #[error("the Neo node refuses it: {message} ({code})")]
    ByNode {
        /// The node's JSON-RPC error number.
        code: i64,
        /// The node's words.
        message: String,
    },
    /// The ledger itself failed.
    #[error("the ledger cannot check transactions: {reason}")]
    Unavailable {
        /// What failed.
        reason: String,
    },
}

impl Rejected {
    /// Whether a Neo node might accept and execute what is refused here: it runs contract code or needs a service that
    /// this ledger does not have. Nobody but its signers can make a transaction look so.
    #[must_use]
    pub fn is_beyond(&self) -> bool {
        matches!(
            self,
            Self::UnsupportedScript { .. }
                | Self::TransferToContract { .. }
                | Self::UnsupportedWitness { .. }
                | Self::UnsupportedAttribute { .. }
        )
    }

    /// The JSON-RPC error number and message of this refusal (NEP-23, as neo-project/neo-node maps them).
    #[must_use]
    pub fn code(&self) -> (i32, &'static str) {
        match self {
            Self::ConflictsOnChain(_)
            | Self::ConflictsInPool { .. }
            | Self::WitnessOfAnother { .. }
            | Self::UnsupportedWitness { .. }
            | Self::MalformedWitness { .. }
            | Self::Unavailable { .. } => (-500, "Inventory verification failed"),
            Self::AlreadyExists(_) => (-501, "Inventory already exists"),
            Self::PoolFull { .. } => (-502, "Memory pool capacity reached"),
            Self::AlreadyInPool(_) => (-503, "Already in pool"),
            Self::SystemFeeAboveBlock { .. } | Self::TransferToContract { .. } => {
                (-505, "Policy check failed")
            }
            Self::UnsupportedScript { .. } => (-506, "Invalid transaction script"),
            Self::InvalidAttribute { .. } | Self::UnsupportedAttribute { .. } => {
                (-507, "Invalid transaction attribute")
            }
            Self::InvalidSignature { .. } => (-508, "Invalid signature"),
            Self::OverSize { .. } => (-509, "Invalid inventory size"),
            Self::Expired { .. } => (-510, "Expired transaction"),
            Self::InsufficientFunds { .. } | Self::InsufficientNetworkFee { .. } => {
                (-511, "Insufficient funds for fee")
            }
            Self::ByNode { code, .. } => match i32::try_from(*code) {
                Ok(code @ -599..=-501) => (code, "Refused by the Neo node"),
                _ => (-500, "Inventory verification failed"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_contract_work_point_to_a_neo_node() {
        let script = Rejected::UnsupportedScript {
            reason: "instruction NOP at offset 0".into(),
        };
        assert!(script.to_string().contains("attach a Neo node"));
        assert_eq!(script.code().0, -506);
        let target = Rejected::TransferToContract {
            name: "Notary",
            contract: UInt160::ZERO,
        };
        assert!(target.to_string().contains("attach a Neo node"));
        assert_eq!(target.code().0, -505);
    }

    #[test]
    fn an_attached_nodes_number_is_passed_on_when_it_is_one_of_a_refusal() {
        for (theirs, ours) in [(-511, -511), (-500, -500), (-32602, -500), (i64::MIN, -500)] {
            let refusal = Rejected::ByNode {
                code: theirs,
                message: "no".into(),
            };
            assert_eq!(refusal.code().0, ours);
        }
    }
}
