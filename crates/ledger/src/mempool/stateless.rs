//! Checks of a transaction that need no state: size, script, signatures.

use neo_primitives::{
    Magic, Transaction, UInt160, UInt256, Witness, WitnessError, verify_witness_with,
};

use crate::{execution::transfers_of, policy, rejected::Rejected, signatures::SignatureScheme};

/// Verifies what a transaction says of itself. Shared by threads.
pub(crate) struct StatelessVerifier {
    magic: Magic,
    scheme: Box<dyn SignatureScheme>,
}

impl StatelessVerifier {
    /// A verifier of signatures for the network `magic`.
    pub(crate) fn new(magic: Magic, scheme: Box<dyn SignatureScheme>) -> Self {
        Self { magic, scheme }
    }

    /// Size, what the ledger can execute, then every witness, in Neo's order.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub(crate) fn verify(&self, transaction: &Transaction) -> Result<(), Rejected> {
        let size = transaction.size();
        if size > policy::MAX_TRANSACTION_SIZE as usize {
            return Err(Rejected::OverSize {
                size,
                limit: policy::MAX_TRANSACTION_SIZE,
            });
        }
        transfers_of(transaction)?;
        let pairs = transaction.signers().iter().zip(transaction.witnesses());
        for (index, (signer, witness)) in pairs.enumerate() {
            self.verify_witness(&signer.account, witness, &transaction.hash())
                .map_err(|error| rejected(index, signer.account, &error))?;
        }
        Ok(())
    }

    /// Verifies the witness of an account over the hash of a transaction or header.
    ///
    /// # Errors
    /// Why the witness does not show the account's consent.
    pub(crate) fn verify_witness(
        &self,
        account: &UInt160,
        witness: &Witness,
        hash: &UInt256,
    ) -> Result<(), WitnessError> {
        verify_witness_with(
            account,
            witness,
            self.magic,
            hash,
            |key, message, signature| self.scheme.verify(key, message, signature),
        )
    }
}

fn rejected(index: usize, account: UInt160, error: &WitnessError) -> Rejected {
    match error {
        WitnessError::OtherAccount { .. } => Rejected::WitnessOfAnother { index, account },
        WitnessError::NotStandard(_) => Rejected::UnsupportedWitness { index },
        WitnessError::NotSignatures(_)
        | WitnessError::SignatureCount { .. }
        | WitnessError::Key { .. } => Rejected::MalformedWitness { index },
        WitnessError::Signature { .. } => Rejected::InvalidSignature { index },
    }
}
