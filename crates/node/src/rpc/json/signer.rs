//! Signers and their witness rules, in both directions.

use neo_primitives::{
    PublicKey, RuleAction, Signer, UInt160, WitnessCondition, WitnessRule, WitnessScope,
};
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use crate::rpc::params::account;

/// A signer of a transaction.
pub(in crate::rpc) struct SignerJson<'a>(pub(in crate::rpc) &'a Signer);

impl Serialize for SignerJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let signer = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("account", &signer.account)?;
        map.serialize_entry("scopes", &signer.scopes.to_string())?;
        if signer.scopes.contains(WitnessScope::CUSTOM_CONTRACTS) {
            map.serialize_entry("allowedcontracts", &signer.contracts)?;
        }
        if signer.scopes.contains(WitnessScope::CUSTOM_GROUPS) {
            map.serialize_entry("allowedgroups", &signer.groups)?;
        }
        if signer.scopes.contains(WitnessScope::WITNESS_RULES) {
            let rules: Vec<RuleJson> = signer.rules.iter().map(RuleJson::from).collect();
            map.serialize_entry("rules", &rules)?;
        }
        map.end()
    }
}

/// A signer as a parameter.
#[derive(Deserialize)]
pub(in crate::rpc) struct SignerParam {
    account: String,
    scopes: String,
    #[serde(default)]
    allowedcontracts: Vec<UInt160>,
    #[serde(default)]
    allowedgroups: Vec<PublicKey>,
    #[serde(default)]
    rules: Vec<RuleJson>,
}

impl SignerParam {
    /// The signer.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(in crate::rpc) fn into_signer(self) -> Result<Signer, String> {
        let scopes: WitnessScope = self.scopes.parse().map_err(text)?;
        let signer = Signer {
            account: account(&self.account)?,
            scopes,
            contracts: self.allowedcontracts,
            groups: self.allowedgroups,
            rules: self.rules.into_iter().map(WitnessRule::from).collect(),
        };
        signer.check().map_err(text)?;
        Ok(signer)
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

/// `{action, condition}`.
#[derive(Serialize, Deserialize)]
struct RuleJson {
    action: ActionJson,
    condition: ConditionJson,
}

#[derive(Serialize, Deserialize)]
enum ActionJson {
    Deny,
    Allow,
}

/// `{type, …}`.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type")]
enum ConditionJson {
    Boolean { expression: bool },
    Not { expression: Box<ConditionJson> },
    And { expressions: Vec<ConditionJson> },
    Or { expressions: Vec<ConditionJson> },
    ScriptHash { hash: UInt160 },
    Group { group: PublicKey },
    CalledByEntry,
    CalledByContract { hash: UInt160 },
    CalledByGroup { group: PublicKey },
}

impl From<&WitnessRule> for RuleJson {
    fn from(rule: &WitnessRule) -> Self {
        Self {
            action: match rule.action {
                RuleAction::Deny => ActionJson::Deny,
                RuleAction::Allow => ActionJson::Allow,
            },
            condition: (&rule.condition).into(),
        }
    }
}

impl From<RuleJson> for WitnessRule {
    fn from(rule: RuleJson) -> Self {
        Self {
            action: match rule.action {
                ActionJson::Deny => RuleAction::Deny,
                ActionJson::Allow => RuleAction::Allow,
            },
            condition: rule.condition.into(),
        }
    }
}

impl From<&WitnessCondition> for ConditionJson {
    fn from(condition: &WitnessCondition) -> Self {
        use WitnessCondition as C;
        let all = |operands: &[C]| operands.iter().map(Self::from).collect();
        match condition {
            C::Boolean(expression) => Self::Boolean {
                expression: *expression,
            },
            C::Not(operand) => Self::Not {
                expression: Box::new(operand.as_ref().into()),
            },
            C::And(operands) => Self::And {
                expressions: all(operands),
            },
            C::Or(operands) => Self::Or {
                expressions: all(operands),
            },
            C::ScriptHash(hash) => Self::ScriptHash { hash: *hash },
            C::Group(group) => Self::Group {
                group: group.clone(),
            },
            C::CalledByEntry => Self::CalledByEntry,
            C::CalledByContract(hash) => Self::CalledByContract { hash: *hash },
            C::CalledByGroup(group) => Self::CalledByGroup {
                group: group.clone(),
            },
        }
    }
}

impl From<ConditionJson> for WitnessCondition {
    fn from(condition: ConditionJson) -> Self {
        use ConditionJson as J;
        let all = |operands: Vec<J>| operands.into_iter().map(Self::from).collect();
        match condition {
            J::Boolean { expression } => Self::Boolean(expression),
            J::Not { expression } => Self::Not(Box::new((*expression).into())),
            J::And { expressions } => Self::And(all(expressions)),
            J::Or { expressions } => Self::Or(all(expressions)),
            J::ScriptHash { hash } => Self::ScriptHash(hash),
            J::Group { group } => Self::Group(group),
            J::CalledByEntry => Self::CalledByEntry,
            J::CalledByContract { hash } => Self::CalledByContract(hash),
            J::CalledByGroup { group } => Self::CalledByGroup(group),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_condition_comes_back() {
        let key = "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2";
        let hash = "0xef4073a0f2b305a38ec4050e4d3d28bc40ea63f5";
        let rule = |condition| json!({"action": "Deny", "condition": condition});
        let document = json!({
            "account": "0x3f223f6da778e805d1b9b479906c0e8c1ee8b968",
            "scopes": "CalledByEntry, CustomContracts, CustomGroups, WitnessRules",
            "allowedcontracts": [hash],
            "allowedgroups": [key],
            "rules": [
                {"action": "Allow", "condition": {"type": "Boolean", "expression": true}},
                rule(json!({"type": "Not", "expression": {"type": "CalledByEntry"}})),
                rule(json!({"type": "And", "expressions": [{"type": "ScriptHash", "hash": hash}]})),
                rule(json!({"type": "Or", "expressions": [{"type": "Group", "group": key}]})),
                rule(json!({"type": "CalledByContract", "hash": hash})),
                rule(json!({"type": "CalledByGroup", "group": key})),
            ]
        });
        let param: SignerParam = serde_json::from_value(document.clone()).unwrap();
        let signer = param.into_signer().unwrap();
        assert_eq!(serde_json::to_value(SignerJson(&signer)).unwrap(), document);
    }

    #[test]
    fn bad_signers_say_why() {
        let of = |scopes: &str, account: &str, rules: serde_json::Value| {
            let document = json!({"account": account, "scopes": scopes, "rules": rules});
            let param: SignerParam = serde_json::from_value(document).unwrap();
            param.into_signer()
        };
        let good = "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq";
        assert!(of("CalledByEntry", good, json!([])).is_ok());
        assert!(
            of("Everything", good, json!([]))
                .unwrap_err()
                .contains("Everything")
        );
        assert!(of("Global, CalledByEntry", good, json!([])).is_err());
        assert!(of("None", "nobody", json!([])).is_err());
        let rule = json!([{"action": "Allow", "condition": {"type": "CalledByEntry"}}]);
        assert!(
            of("CalledByEntry", good, rule)
                .unwrap_err()
                .contains("rules")
        );
        let mut deep = json!({"type": "CalledByEntry"});
        for _ in 0..20 {
            deep = json!({"type": "Not", "expression": deep});
        }
        let rules = json!([{"action": "Allow", "condition": deep}]);
        assert!(
            of("WitnessRules", good, rules)
                .unwrap_err()
                .contains("nest")
        );
    }
}
