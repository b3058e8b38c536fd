//! The hashed part of a transaction.

use super::{
    Attribute, MAX_ATTRIBUTES_AND_SIGNERS, MAX_SCRIPT, Signer, Transaction, TransactionError, rules,
};
use crate::codec::{Decode, DecodeError, Encode, Reader, write_var_bytes, write_var_int};
use crate::hash::{UInt256, sha256};
use crate::number::{Datoshi, Height, Magic};
use crate::witness::{Witness, sign_data};

/// A transaction before it is signed. Its version is always 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnsignedTransaction {
    /// Random number that tells equal transactions apart.
    pub nonce: u32,
    /// Pays for execution.
    pub system_fee: Datoshi,
    /// Pays for size and verification.
    pub network_fee: Datoshi,
    /// Last height at which the transaction may be included.
    pub valid_until: Height,
    /// Who signs; the first pays.
    pub signers: Vec<Signer>,
    /// Attributes.
    pub attributes: Vec<Attribute>,
    /// What is executed, 1 to 65,535 bytes.
    pub script: Vec<u8>,
}

impl UnsignedTransaction {
    /// SHA-256 of the bytes.
    pub fn hash(&self) -> UInt256 {
        UInt256::from_wire(sha256(&self.to_bytes()))
    }

    /// What the signers sign.
    pub fn sign_data(&self, magic: Magic) -> [u8; 36] {
        sign_data(magic, &self.hash())
    }

    /// Checks the rules that need no chain.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn check(&self) -> Result<(), TransactionError> {
        rules::check(self)
    }

    /// The transaction with its witnesses, one for each signer in their order. Signatures are not verified.
    ///
    /// # Errors
    /// [`TransactionError`].
    pub fn into_signed(self, witnesses: Vec<Witness>) -> Result<Transaction, TransactionError> {
        Transaction::new(self, witnesses)
    }
}

impl Encode for UnsignedTransaction {
    fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(64 + self.script.len());
        out.push(0);
        out.extend_from_slice(&self.nonce.to_le_bytes());
        out.extend_from_slice(&self.system_fee.0.to_le_bytes());
        out.extend_from_slice(&self.network_fee.0.to_le_bytes());
        out.extend_from_slice(&self.valid_until.0.to_le_bytes());
        write_var_int(out, self.signers.len() as u64);
        self.signers.iter().for_each(|signer| signer.encode(out));
        write_var_int(out, self.attributes.len() as u64);
        self.attributes
            .iter()
            .for_each(|attribute| attribute.encode(out));
        write_var_bytes(out, &self.script);
    }
}

impl Decode for UnsignedTransaction {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.field("transaction version").u8()? {
            0 => {}
            version => return Err(r.unknown_tag(version)),
        }
        let nonce = r.field("nonce").u32()?;
        let system_fee = Datoshi(r.field("system fee").i64()?);
        let network_fee = Datoshi(r.field("network fee").i64()?);
        let valid_until = Height(r.field("valid until block").u32()?);
        let most = MAX_ATTRIBUTES_AND_SIGNERS;
        let count = r.field("signers").count(most as u64, 21)?;
        let signers = r.list(count, Signer::decode)?;
        let most = most.saturating_sub(count);
        let count = r.field("attributes").count(most as u64, 1)?;
        let attributes = r.list(count, Attribute::decode)?;
        let script = r.field("script").var_bytes(MAX_SCRIPT as u64)?.to_vec();
        let transaction = Self {
            nonce,
            system_fee,
            network_fee,
            valid_until,
            signers,
            attributes,
            script,
        };
        let checked = transaction.check();
        checked.map_err(|error| r.field("transaction").invalid(error.to_string()))?;
        Ok(transaction)
    }
}
