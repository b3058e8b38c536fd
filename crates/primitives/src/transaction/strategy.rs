//! Arbitrary transactions for property tests.

use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{
    Attribute, OracleCode, RuleAction, Signer, Transaction, UnsignedTransaction, WitnessCondition,
    WitnessRule, WitnessScope,
};
use crate::hash::{UInt160, UInt256};
use crate::keys::{PrivateKey, PublicKey};
use crate::number::{Datoshi, Height};
use crate::witness::Witness;

fn hash160() -> impl Strategy<Value = UInt160> {
    any::<[u8; 20]>().prop_map(UInt160::from_wire)
}

fn key() -> impl Strategy<Value = PublicKey> {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        (0..8)
            .map(|_| PrivateKey::generate().public_key().clone())
            .collect()
    });
    prop::sample::select(keys.as_slice())
}

fn leaf() -> impl Strategy<Value = WitnessCondition> {
    prop_oneof![
        any::<bool>().prop_map(WitnessCondition::Boolean),
        hash160().prop_map(WitnessCondition::ScriptHash),
        key().prop_map(WitnessCondition::Group),
        Just(WitnessCondition::CalledByEntry),
        hash160().prop_map(WitnessCondition::CalledByContract),
        key().prop_map(WitnessCondition::CalledByGroup),
    ]
}

fn condition() -> impl Strategy<Value = WitnessCondition> {
    leaf().prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|c| WitnessCondition::Not(Box::new(c))),
            vec(inner.clone(), 1..4).prop_map(WitnessCondition::And),
            vec(inner, 1..4).prop_map(WitnessCondition::Or),
        ]
    })
}

fn rule() -> impl Strategy<Value = WitnessRule> {
    (any::<bool>(), condition()).prop_map(|(allow, condition)| WitnessRule {
        action: if allow {
            RuleAction::Allow
        } else {
            RuleAction::Deny
        },
        condition,
    })
}

fn signer() -> impl Strategy<Value = Signer> {
    let lists = (vec(hash160(), 0..4), vec(key(), 0..4), vec(rule(), 0..4));
    (hash160(), 0u8..17, lists).prop_map(|(account, bits, (contracts, groups, rules))| {
        let byte = if bits == 16 {
            0x80
        } else {
            (bits & 1) | ((bits & 0b1110) << 3)
        };
        let scopes = WitnessScope::from_byte(byte).unwrap();
        let mut signer = Signer::new(account, scopes);
        if scopes.contains(WitnessScope::CUSTOM_CONTRACTS) {
            signer.contracts = contracts;
        }
        if scopes.contains(WitnessScope::CUSTOM_GROUPS) {
            signer.groups = groups;
        }
        if scopes.contains(WitnessScope::WITNESS_RULES) {
            signer.rules = rules;
        }
        signer
    })
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    let single = prop::sample::subsequence(
        vec![
            Attribute::HighPriority,
            Attribute::OracleResponse {
                id: 7,
                code: OracleCode::Success,
                result: vec![1, 2],
            },
            Attribute::NotValidBefore(Height(9)),
            Attribute::NotaryAssisted { nkeys: 3 },
        ],
        0..=4,
    );
    let conflicts = vec(any::<[u8; 32]>().prop_map(UInt256::from_wire), 0..4);
    (single, conflicts).prop_map(|(mut attributes, conflicts)| {
        attributes.extend(conflicts.into_iter().map(Attribute::Conflicts));
        attributes
    })
}

/// Any transaction whose signers are distinct.
pub(crate) fn transaction() -> impl Strategy<Value = Transaction> {
    let fees = (0i64..i64::MAX / 2, 0i64..i64::MAX / 2);
    let witness = (vec(any::<u8>(), 0..80), vec(any::<u8>(), 0..80));
    let witness = witness.prop_map(|(invocation, verification)| Witness {
        invocation,
        verification,
    });
    let body = (vec(signer(), 1..5), attributes(), vec(any::<u8>(), 1..300));
    (any::<u32>(), fees, any::<u32>(), body, vec(witness, 5)).prop_map(
        |(nonce, (system, network), until, (signers, attributes, script), mut witnesses)| {
            witnesses.truncate(signers.len());
            let unsigned = UnsignedTransaction {
                nonce,
                system_fee: Datoshi(system),
                network_fee: Datoshi(network),
                valid_until: Height(until),
                signers,
                attributes,
                script,
            };
            unsigned.into_signed(witnesses).unwrap()
        },
    )
}
