//! Scripts of one or many transfers, and what they cost.

use neo_ledger::policy;
use neo_primitives::{
    Datoshi, Height, Signer, Token, UInt160, UnsignedTransaction, WitnessScope,
    recognise_transfers, transfer_script,
};

/// Transfers from one account in one script, in order; the transaction faults if one of them is refused.
#[derive(Clone, Debug)]
pub(crate) struct TransferRun {
    from: UInt160,
    script: Vec<u8>,
}

impl TransferRun {
    /// No transfers yet.
    pub(crate) fn new(from: UInt160) -> Self {
        Self {
            from,
            script: Vec::new(),
        }
    }

    /// Adds a transfer of `amount` of the token's smallest unit.
    pub(crate) fn add(&mut self, token: Token, to: &UInt160, amount: i64) -> &mut Self {
        self.script
            .extend(transfer_script(token, &self.from, to, amount, true));
        self
    }

    /// The script so far.
    pub(crate) fn script(&self) -> &[u8] {
        &self.script
    }

    /// The transaction, with its system fee and without a network fee.
    pub(crate) fn into_transaction(self, valid_until: Height) -> UnsignedTransaction {
        UnsignedTransaction {
            nonce: rand::random(),
            system_fee: system_fee(&self.script),
            network_fee: Datoshi::ZERO,
            valid_until,
            signers: vec![Signer::new(self.from, WitnessScope::CALLED_BY_ENTRY)],
            attributes: Vec::new(),
            script: self.script,
        }
    }
}

/// The system fee of a script of transfers under Neo's default policy; 0 for another script.
pub(crate) fn system_fee(script: &[u8]) -> Datoshi {
    let price = u32::try_from(policy::STORAGE_PRICE).unwrap_or(u32::MAX);
    let transfers = recognise_transfers(script).unwrap_or_default();
    let costs = transfers
        .iter()
        .map(|transfer| transfer.cost(policy::EXEC_FEE_FACTOR, price));
    Datoshi(costs.fold(0, i64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payment::SigningAccount;
    use neo_primitives::{Magic, PrivateKey, multisig_script, verify_witness};

    #[test]
    fn fees_are_neos() {
        let account = SigningAccount::Single(PrivateKey::generate());
        let to = UInt160::from_wire([7; 20]);
        let mut run = TransferRun::new(account.address());
        run.add(Token::Gas, &to, 100_000);
        let one = run.clone().into_transaction(Height(10));
        assert_eq!(one.system_fee, Datoshi(9_977_780));
        // A GAS transfer of 247 bytes, as observed on a Neo node.
        let fee = account.network_fee(&one);
        let witness = account.sign(Magic(1), &one);
        let signed = one.into_signed(vec![witness]).unwrap();
        let size = i64::try_from(signed.size()).unwrap();
        assert_eq!(fee, Datoshi(size * 1_000 + 983_520));
        run.add(Token::Neo, &to, 1);
        assert_eq!(
            run.into_transaction(Height(10)).system_fee,
            Datoshi(19_955_560)
        );
        assert_eq!(system_fee(b"\x11"), Datoshi::ZERO);
    }

    #[test]
    fn a_multisig_signs_in_the_order_of_its_script() {
        let mut keys: Vec<_> = (0..4).map(|_| PrivateKey::generate()).collect();
        keys.sort_by(|a, b| a.public_key().cmp(b.public_key()));
        let public: Vec<_> = keys.iter().map(|key| key.public_key().clone()).collect();
        let account = SigningAccount::Multi {
            script: multisig_script(3, &public).unwrap(),
            keys: keys.into_iter().skip(1).collect(),
            n: 4,
        };
        let mut run = TransferRun::new(account.address());
        run.add(Token::Gas, &UInt160::ZERO, 1);
        let mut transaction = run.into_transaction(Height(10));
        transaction.network_fee = account.network_fee(&transaction);
        let witness = account.sign(Magic(1), &transaction);
        let hash = transaction.hash();
        assert_eq!(
            verify_witness(&account.address(), &witness, Magic(1), &hash),
            Ok(())
        );
        let fee = transaction.network_fee;
        let size = transaction.into_signed(vec![witness]).unwrap().size();
        assert_eq!(
            fee,
            Datoshi(i64::try_from(size).unwrap() * 1_000 + 3_933_900)
        );
    }
}
