//! Whether a signer allows a native token contract to move tokens.

use neo_primitives::{RuleAction, Signer, Token, UInt160, WitnessCondition, WitnessScope};

/// What a token contract sees when it is called by the entry script of a transaction.
#[derive(Clone, Copy)]
pub(crate) struct CallContext<'a> {
    /// Signers of the transaction.
    pub(crate) signers: &'a [Signer],
    /// Hash of the entry script, which is the caller.
    pub(crate) entry: UInt160,
}

impl CallContext<'_> {
    /// Whether `token` may move what `account` holds: the account is the caller itself, or a signer
    /// whose scopes reach this call.
    ///
    /// Neo N3 `ApplicationEngine.CheckWitness`, for a native contract called from the entry script.
    pub(crate) fn allows(&self, token: Token, account: &UInt160) -> bool {
        if *account == self.entry {
            return true;
        }
        self.signers
            .iter()
            .find(|signer| signer.account == *account)
            .is_some_and(|signer| self.in_scope(token, signer))
    }

    fn in_scope(&self, token: Token, signer: &Signer) -> bool {
        let scopes = signer.scopes;
        if scopes.contains(WitnessScope::GLOBAL) || scopes.contains(WitnessScope::CALLED_BY_ENTRY) {
            return true;
        }
        if scopes.contains(WitnessScope::CUSTOM_CONTRACTS)
            && signer.contracts.contains(&token.hash())
        {
            return true;
        }
        // Custom groups never match: native contracts belong to no group.
        if !scopes.contains(WitnessScope::WITNESS_RULES) {
            return false;
        }
        signer
            .rules
            .iter()
            .find(|rule| self.matches(token, &rule.condition))
            .is_some_and(|rule| rule.action == RuleAction::Allow)
    }

    fn matches(&self, token: Token, condition: &WitnessCondition) -> bool {
        match condition {
            WitnessCondition::Boolean(value) => *value,
            WitnessCondition::Not(inner) => !self.matches(token, inner),
            WitnessCondition::And(all) => all.iter().all(|inner| self.matches(token, inner)),
            WitnessCondition::Or(any) => any.iter().any(|inner| self.matches(token, inner)),
            WitnessCondition::ScriptHash(hash) => *hash == token.hash(),
            WitnessCondition::CalledByEntry => true,
            WitnessCondition::CalledByContract(hash) => *hash == self.entry,
            // Neither a native contract nor an entry script belongs to a group.
            WitnessCondition::Group(_) | WitnessCondition::CalledByGroup(_) => false,
        }
    }
}
