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

#[cfg(test)]
mod tests {
    use neo_primitives::{PrivateKey, WitnessRule};

    use super::*;

    const ENTRY: UInt160 = UInt160::from_wire([7; 20]);
    const ACCOUNT: UInt160 = UInt160::from_wire([1; 20]);

    fn allows(signer: Signer, token: Token) -> bool {
        CallContext {
            signers: &[signer],
            entry: ENTRY,
        }
        .allows(token, &ACCOUNT)
    }

    fn scoped(scopes: WitnessScope) -> Signer {
        Signer::new(ACCOUNT, scopes)
    }

    fn ruled(rules: Vec<(RuleAction, WitnessCondition)>) -> Signer {
        let rules = rules
            .into_iter()
            .map(|(action, condition)| WitnessRule { action, condition })
            .collect();
        Signer {
            rules,
            ..scoped(WitnessScope::WITNESS_RULES)
        }
    }

    #[test]
    fn plain_scopes() {
        assert!(allows(scoped(WitnessScope::GLOBAL), Token::Neo));
        assert!(allows(scoped(WitnessScope::CALLED_BY_ENTRY), Token::Gas));
        assert!(!allows(scoped(WitnessScope::NONE), Token::Gas));
        let gas_only = Signer {
            contracts: vec![Token::Gas.hash()],
            ..scoped(WitnessScope::CUSTOM_CONTRACTS)
        };
        assert!(allows(gas_only.clone(), Token::Gas));
        assert!(!allows(gas_only, Token::Neo));
        let group = PrivateKey::generate().public_key().clone();
        let grouped = Signer {
            groups: vec![group],
            ..scoped(WitnessScope::CUSTOM_GROUPS)
        };
        assert!(!allows(grouped, Token::Neo));
    }

    #[test]
    fn only_signers_and_the_caller_itself() {
        let context = CallContext {
            signers: &[],
            entry: ENTRY,
        };
        assert!(!context.allows(Token::Neo, &ACCOUNT));
        assert!(context.allows(Token::Neo, &ENTRY));
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        use RuleAction::{Allow, Deny};
        use WitnessCondition as C;
        let neo = || C::ScriptHash(Token::Neo.hash());
        let gas_not_neo = ruled(vec![(Deny, neo()), (Allow, C::CalledByEntry)]);
        assert!(allows(gas_not_neo.clone(), Token::Gas));
        assert!(!allows(gas_not_neo, Token::Neo));
        for (condition, holds) in [
            (C::Boolean(true), true),
            (C::Boolean(false), false),
            (C::Not(Box::new(C::Boolean(false))), true),
            (C::And(vec![neo(), C::CalledByEntry]), true),
            (C::And(vec![neo(), C::Boolean(false)]), false),
            (C::Or(vec![C::Boolean(false), neo()]), true),
            (
                C::Or(vec![C::Boolean(false), C::ScriptHash(Token::Gas.hash())]),
                false,
            ),
            (C::CalledByContract(ENTRY), true),
            (C::CalledByContract(Token::Neo.hash()), false),
            (C::Group(PrivateKey::generate().public_key().clone()), false),
            (
                C::CalledByGroup(PrivateKey::generate().public_key().clone()),
                false,
            ),
        ] {
            assert_eq!(
                allows(ruled(vec![(Allow, condition.clone())]), Token::Neo),
                holds
            );
            assert!(!allows(ruled(vec![(Deny, condition)]), Token::Neo));
        }
        assert!(!allows(ruled(vec![]), Token::Neo));
    }
}
