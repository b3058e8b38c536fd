//! Accounts that can sign.

use neo_ledger::policy;
use neo_primitives::{
    Datoshi, Encode as _, Magic, PrivateKey, Signature, UInt160, UnsignedTransaction, Witness,
    hash160, multisig_witness, signature_script, single_signature_witness,
};

/// An account with as many private keys as its witness needs.
#[derive(Clone, Debug)]
pub(crate) enum SigningAccount {
    /// The account of one key.
    Single(PrivateKey),
    /// An m-of-n account.
    Multi {
        /// Exactly m keys, in the order of the script.
        keys: Vec<PrivateKey>,
        /// Number of keys in the script.
        n: usize,
        /// The verification script.
        script: Vec<u8>,
    },
}

impl SigningAccount {
    /// The account.
    pub(crate) fn address(&self) -> UInt160 {
        match self {
            Self::Single(key) => key.public_key().script_hash(),
            Self::Multi { script, .. } => hash160(script),
        }
    }

    /// The witness of what `magic` and the transaction give to sign.
    pub(crate) fn sign(&self, magic: Magic, transaction: &UnsignedTransaction) -> Witness {
        let message = transaction.sign_data(magic);
        match self {
            Self::Single(key) => single_signature_witness(key.sign(&message), key.public_key()),
            Self::Multi { keys, script, .. } => {
                let signatures: Vec<_> = keys.iter().map(|key| key.sign(&message)).collect();
                multisig_witness(&signatures, script.clone())
            }
        }
    }

    /// The verification script without signatures, as `calculatenetworkfee` wants it.
    pub(crate) fn unsigned_witness(&self) -> Witness {
        let verification = match self {
            Self::Single(key) => signature_script(key.public_key()),
            Self::Multi { script, .. } => script.clone(),
        };
        Witness {
            invocation: Vec::new(),
            verification,
        }
    }

    /// The network fee of a transaction with this one signer under Neo's default policy.
    pub(crate) fn network_fee(&self, transaction: &UnsignedTransaction) -> Datoshi {
        let empty = Signature([0; 64]);
        let (witness, cost) = match self {
            Self::Single(key) => (
                single_signature_witness(empty, key.public_key()),
                policy::single_signature_cost(),
            ),
            Self::Multi { keys, n, script } => (
                multisig_witness(&vec![empty; keys.len()], script.clone()),
                policy::multi_signature_cost(keys.len(), *n),
            ),
        };
        let size = transaction.encoded_len() + 1 + witness.encoded_len();
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        Datoshi(
            size.saturating_mul(policy::FEE_PER_BYTE)
                .saturating_add(cost),
        )
    }
}
