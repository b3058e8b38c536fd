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
        let witnesses = r.list(count, |r| Witness::decode_with_limit(r, limit))?;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::transaction::strategy::transaction;
    use crate::transaction::{MAX_SCRIPT, WitnessScope};

    fn unsigned() -> UnsignedTransaction {
        UnsignedTransaction {
            nonce: 1,
            system_fee: Datoshi(2),
            network_fee: Datoshi(3),
            valid_until: Height(4),
            signers: vec![Signer::new(
                UInt160::from_wire([5; 20]),
                WitnessScope::CALLED_BY_ENTRY,
            )],
            attributes: vec![],
            script: vec![0x11],
        }
    }

    #[test]
    fn the_smallest_transaction() {
        let tx = unsigned().into_signed(vec![Witness::default()]).unwrap();
        assert_eq!(tx.size(), Transaction::MIN_SIZE);
        assert_eq!(tx.to_bytes().len(), Transaction::MIN_SIZE);
        assert_eq!(tx.hash(), unsigned().hash());
        assert_eq!(tx.sender(), UInt160::from_wire([5; 20]));
    }

    #[test]
    fn every_rule_refuses_in_both_directions() {
        let mut cases: Vec<(UnsignedTransaction, TransactionError)> = Vec::new();
        let mut case = |change: fn(&mut UnsignedTransaction), error| {
            let mut transaction = unsigned();
            change(&mut transaction);
            cases.push((transaction, error));
        };
        case(
            |t| t.system_fee = Datoshi(-1),
            TransactionError::NegativeFee {
                name: "system",
                amount: Datoshi(-1),
            },
        );
        case(
            |t| t.network_fee = Datoshi(i64::MIN),
            TransactionError::NegativeFee {
                name: "network",
                amount: Datoshi(i64::MIN),
            },
        );
        case(
            |t| t.system_fee = Datoshi(i64::MAX),
            TransactionError::FeeOverflow {
                system: Datoshi(i64::MAX),
                network: Datoshi(3),
            },
        );
        case(|t| t.signers.clear(), TransactionError::NoSigner);
        case(
            |t| t.signers.push(t.signers[0].clone()),
            TransactionError::DuplicateSigner(UInt160::from_wire([5; 20])),
        );
        case(
            |t| t.attributes = vec![Attribute::HighPriority; 2],
            TransactionError::DuplicateAttribute(1),
        );
        case(
            |t| t.attributes = vec![Attribute::Conflicts(UInt256::ZERO); 16],
            TransactionError::TooMany {
                signers: 1,
                attributes: 16,
            },
        );
        case(|t| t.script.clear(), TransactionError::ScriptLength(0));
        case(
            |t| t.script = vec![0; MAX_SCRIPT + 1],
            TransactionError::ScriptLength(MAX_SCRIPT + 1),
        );
        for (transaction, error) in cases {
            let mut bytes = transaction.to_bytes();
            bytes.push(u8::try_from(transaction.signers.len()).unwrap());
            bytes.extend(transaction.signers.iter().flat_map(|_| [0, 0]));
            assert!(Transaction::from_bytes(&bytes).is_err(), "{error}");
            let witnesses = vec![Witness::default(); transaction.signers.len()];
            assert_eq!(transaction.into_signed(witnesses), Err(error));
        }
    }

    #[test]
    fn conflicts_may_repeat_and_others_mix() {
        let mut t = unsigned();
        t.attributes = vec![Attribute::Conflicts(UInt256::ZERO); 15];
        assert!(t.into_signed(vec![Witness::default()]).is_ok());
    }

    #[test]
    fn one_witness_a_signer() {
        let mut bytes = unsigned().to_bytes();
        bytes.extend([2, 0, 0, 0, 0]);
        assert!(matches!(
            Transaction::from_bytes(&bytes),
            Err(DecodeError::TooLarge {
                field: "witnesses",
                value: 2,
                limit: 1,
                ..
            })
        ));
        assert_eq!(
            unsigned().into_signed(vec![]),
            Err(TransactionError::WitnessCount {
                signers: 1,
                witnesses: 0
            })
        );
    }

    #[test]
    fn other_versions_are_refused() {
        let mut bytes = unsigned()
            .into_signed(vec![Witness::default()])
            .unwrap()
            .to_bytes();
        bytes[0] = 1;
        assert_eq!(
            Transaction::from_bytes(&bytes),
            Err(DecodeError::UnknownTag {
                field: "transaction version",
                offset: 0,
                value: 1
            })
        );
    }

    proptest! {
        #[test]
        fn transactions_come_back(tx in transaction()) {
            let bytes = tx.to_bytes();
            prop_assert_eq!(bytes.len(), tx.size());
            prop_assert_eq!(tx.hash(), tx.unsigned().hash());
            let read = Transaction::from_bytes(&bytes).unwrap();
            prop_assert_eq!(read.size(), tx.size());
            prop_assert_eq!(read, tx);
        }

        #[test]
        fn a_changed_byte_is_read_or_refused(tx in transaction(), at: prop::sample::Index, byte: u8) {
            let mut bytes = tx.to_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = Transaction::from_bytes(&bytes) {
                prop_assert_eq!(read.to_bytes(), bytes);
            }
        }

        #[test]
        fn a_cut_transaction_is_refused(tx in transaction(), at: prop::sample::Index) {
            let bytes = tx.to_bytes();
            prop_assert!(Transaction::from_bytes(&bytes[..at.index(bytes.len())]).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Ok(read) = Transaction::from_bytes(&bytes) {
                prop_assert_eq!(read.to_bytes(), bytes);
            }
        }
    }
}
