//! Signers of a transaction.

use super::{MAX_CONDITION_DEPTH, MAX_SUBITEMS, TransactionError, WitnessRule, WitnessScope};
use crate::codec::{Decode, DecodeError, Encode, Reader, write_var_int};
use crate::hash::UInt160;
use crate::keys::PublicKey;

/// An account that signs, and what its signature may be used for. The lists are on the wire only if their scope
/// is set, and must be empty otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signer {
    /// The account.
    pub account: UInt160,
    /// The scopes.
    pub scopes: WitnessScope,
    /// Contracts of [`WitnessScope::CUSTOM_CONTRACTS`], at most 16.
    pub contracts: Vec<UInt160>,
    /// Groups of [`WitnessScope::CUSTOM_GROUPS`], at most 16.
    pub groups: Vec<PublicKey>,
    /// Rules of [`WitnessScope::WITNESS_RULES`], at most 16.
    pub rules: Vec<WitnessRule>,
}

impl Signer {
    /// A signer without lists.
    pub fn new(account: UInt160, scopes: WitnessScope) -> Self {
        Self {
            account,
            scopes,
            contracts: Vec::new(),
            groups: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Checks what the decoder would refuse.
    ///
    /// # Errors
    /// [`TransactionError`] for a list too long or without its scope, and for bad conditions.
    pub fn check(&self) -> Result<(), TransactionError> {
        for (list, scope, length) in [
            (
                "contracts",
                WitnessScope::CUSTOM_CONTRACTS,
                self.contracts.len(),
            ),
            ("groups", WitnessScope::CUSTOM_GROUPS, self.groups.len()),
            ("rules", WitnessScope::WITNESS_RULES, self.rules.len()),
        ] {
            let limit = if self.scopes.contains(scope) {
                MAX_SUBITEMS
            } else {
                0
            };
            if length > limit {
                return Err(TransactionError::SignerList {
                    list,
                    length,
                    limit,
                });
            }
        }
        self.rules
            .iter()
            .try_for_each(|rule| rule.condition.check(MAX_CONDITION_DEPTH))
    }
}

fn encode_list<T: Encode>(out: &mut Vec<u8>, items: &[T]) {
    write_var_int(out, items.len() as u64);
    items.iter().for_each(|item| item.encode(out));
}

fn decode_list<T: Decode>(
    r: &mut Reader<'_>,
    name: &'static str,
    size: usize,
) -> Result<Vec<T>, DecodeError> {
    let count = r.field(name).count(MAX_SUBITEMS as u64, size)?;
    r.list(count, |r| T::decode(r.field(name)))
}

impl Encode for Signer {
    fn encode(&self, out: &mut Vec<u8>) {
        self.account.encode(out);
        out.push(self.scopes.as_byte());
        if self.scopes.contains(WitnessScope::CUSTOM_CONTRACTS) {
            encode_list(out, &self.contracts);
        }
        if self.scopes.contains(WitnessScope::CUSTOM_GROUPS) {
            encode_list(out, &self.groups);
        }
        if self.scopes.contains(WitnessScope::WITNESS_RULES) {
            encode_list(out, &self.rules);
        }
    }
}

impl Decode for Signer {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let account = UInt160::decode(r.field("signer account"))?;
        let byte = r.field("signer scopes").u8()?;
        let scopes = WitnessScope::from_byte(byte).map_err(|e| r.invalid(e.to_string()))?;
        let mut signer = Self::new(account, scopes);
        if scopes.contains(WitnessScope::CUSTOM_CONTRACTS) {
            signer.contracts = decode_list(r, "signer contracts", 20)?;
        }
        if scopes.contains(WitnessScope::CUSTOM_GROUPS) {
            signer.groups = decode_list(r, "signer groups", 33)?;
        }
        if scopes.contains(WitnessScope::WITNESS_RULES) {
            signer.rules = decode_list(r, "signer rules", 2)?;
        }
        Ok(signer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_need_their_scope() {
        let mut signer = Signer::new(UInt160::ZERO, WitnessScope::CALLED_BY_ENTRY);
        assert_eq!(signer.check(), Ok(()));
        signer.contracts.push(UInt160::ZERO);
        assert_eq!(
            signer.check(),
            Err(TransactionError::SignerList {
                list: "contracts",
                length: 1,
                limit: 0
            })
        );
        signer.scopes = WitnessScope::CUSTOM_CONTRACTS;
        assert_eq!(signer.check(), Ok(()));
        signer.contracts = vec![UInt160::ZERO; 17];
        assert!(signer.check().is_err());
        assert!(matches!(
            Signer::from_bytes(&signer.to_bytes()),
            Err(DecodeError::TooLarge {
                value: 17,
                limit: 16,
                ..
            })
        ));
    }

    #[test]
    fn bad_scopes_are_refused() {
        let mut bytes = Signer::new(UInt160::ZERO, WitnessScope::GLOBAL).to_bytes();
        assert_eq!(bytes.len(), 21);
        assert!(Signer::from_bytes(&bytes).is_ok());
        bytes[20] = 0x81;
        assert!(matches!(
            Signer::from_bytes(&bytes),
            Err(DecodeError::Invalid { .. })
        ));
    }
}
