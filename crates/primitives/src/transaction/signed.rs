//! Transactions with their witnesses.

use super::{Attribute, Signer, TransactionError, UnsignedTransaction};
use crate::codec::{Decode, DecodeError, Encode, Reader, var_int_len, write_var_int};
use crate::hash::{UInt160, UInt256, sha256};
use crate::number::{Datoshi, Height};
use crate::witness::{DEFAULT_WITNESS_LIMIT, Witness};

/// A signed transaction. It cannot change, so its hash and size are computed once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transaction {
    unsigned: UnsignedTransaction,
    witnesses: Vec<Witness>,
    hash: UInt256,
    size: usize,
}

impl Transaction {
    /// Bytes of the smallest transaction: one signer, one byte of script, an empty witness.
    pub(crate) const MIN_SIZE: usize = 53;

    pub(super) fn new(
        unsigned: UnsignedTransaction,
        witnesses: Vec<Witness>,
    ) -> Result<Self, TransactionError> {
        unsigned.check()?;
        if witnesses.len() != unsigned.signers.len() {
            return Err(TransactionError::WitnessCount {
                signers: unsigned.signers.len(),
                witnesses: witnesses.len(),
            });
        }
        let bytes = unsigned.to_bytes();
        let hash = UInt256::from_wire(sha256(&bytes));
        let witness_bytes: usize = witnesses.iter().map(Encode::encoded_len).sum();
        let size = bytes.len() + var_int_len(witnesses.len() as u64) + witness_bytes;
        Ok(Self {
            unsigned,
            witnesses,
            hash,
            size,
        })
    }

    /// Reads a transaction whose witness scripts have at most `limit` bytes each.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_with_limit(r: &mut Reader<'_>, limit: u32) -> Result<Self, DecodeError> {
        let start = r.position();
        let unsigned = UnsignedTransaction::decode(r)?;
        let hash = UInt256::from_wire(sha256(r.since(start)));
        let signers = unsigned.signers.len();
        let count = r.field("witnesses").count(signers as u64, 2)?;
        if count != signers {
            return Err(r.invalid(format!("{count} witnesses for {signers} signers")));
        }
        let witnesses = (0..count)
            .map(|_| Witness::decode_with_limit(r, limit))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            unsigned,
            witnesses,
            hash,
            size: r.position().saturating_sub(start),
        })
    }

    /// Always 0.
    pub fn version(&self) -> u8 {
        0
    }

    /// Random number that tells equal transactions apart.
    pub fn nonce(&self) -> u32 {
        self.unsigned.nonce
    }

    /// What execution may cost.
    pub fn system_fee(&self) -> Datoshi {
        self.unsigned.system_fee
    }

    /// What is paid for size and verification.
    pub fn network_fee(&self) -> Datoshi {
        self.unsigned.network_fee
    }

    /// Last height at which the transaction may be included.
    pub fn valid_until(&self) -> Height {
        self.unsigned.valid_until
    }

    /// Who signs, at least one.
    pub fn signers(&self) -> &[Signer] {
        &self.unsigned.signers
    }

    /// Attributes.
    pub fn attributes(&self) -> &[Attribute] {
        &self.unsigned.attributes
    }

    /// What is executed.
    pub fn script(&self) -> &[u8] {
        &self.unsigned.script
    }

    /// One witness for each signer, in their order.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// The part that is hashed and signed.
    pub fn unsigned(&self) -> &UnsignedTransaction {
        &self.unsigned
    }

    /// SHA-256 of the part before the witnesses.
    pub fn hash(&self) -> UInt256 {
        self.hash
    }

    /// Bytes of the whole transaction.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The first signer, who pays the fees.
    pub fn sender(&self) -> UInt160 {
        self.unsigned
            .signers
            .first()
            .map(|signer| signer.account)
            .unwrap_or_default()
    }
}

impl Encode for Transaction {
    fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(self.size);
        self.unsigned.encode(out);
        write_var_int(out, self.witnesses.len() as u64);
        self.witnesses
            .iter()
            .for_each(|witness| witness.encode(out));
    }

    fn encoded_len(&self) -> usize {
        self.size
    }
}

impl Decode for Transaction {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode_with_limit(r, DEFAULT_WITNESS_LIMIT)
    }
}
