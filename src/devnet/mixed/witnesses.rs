//! Whose Commits are in the blocks: the witness that a validator has stored holds the first M that it got, in key order.
//!
//! A Commit that comes when the block is made already is served by nobody, and the observer may miss one that is; a
//! signature in a stored witness proves that its validator sent it all the same.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use neo_ledger::GenesisConfig;
use neo_primitives::{Height, Magic, PublicKey, UInt256, parse_signatures, sign_data};
use serde::Deserialize;
use serde_json::{Value, json};

use super::batch::{BATCH, ask};
use crate::rpc::{Connection, Endpoint};

/// What of a header is needed here.
#[derive(Deserialize)]
struct Header {
    hash: UInt256,
    witnesses: Vec<Witness>,
}

#[derive(Deserialize)]
struct Witness {
    invocation: String,
}

/// The validators whose signatures are in the witnesses that these nodes have stored of these heights.
pub(crate) async fn signers(
    endpoints: &[Endpoint],
    heights: &[Height],
    genesis: &GenesisConfig,
) -> BTreeSet<(Height, usize)> {
    let validators = genesis.validators();
    let calls: Vec<_> = heights
        .iter()
        .map(|height| ("getblockheader", json!([height, true])))
        .collect();
    let mut found = BTreeSet::new();
    for endpoint in endpoints {
        let Ok(mut connection) = Connection::new(endpoint.clone()) else {
            continue;
        };
        for (heights, calls) in heights.chunks(BATCH).zip(calls.chunks(BATCH)) {
            // Who does not answer proves nothing; the comparison of hashes tells of it.
            let answers = ask(&mut connection, calls).await.unwrap_or_default();
            for (height, answer) in heights.iter().zip(answers) {
                let signed = signed_by(answer, &validators, genesis.magic);
                found.extend(signed.into_iter().map(|validator| (*height, validator)));
            }
        }
    }
    found
}

/// The validators that have signed a header.
fn signed_by(answer: Value, validators: &[PublicKey], magic: Magic) -> Vec<usize> {
    let Ok(header) = serde_json::from_value::<Header>(answer) else {
        return Vec::new();
    };
    let invocations = header.witnesses.iter().map(|one| &one.invocation);
    let signatures = invocations
        .filter_map(|text| STANDARD.decode(text).ok())
        .filter_map(|bytes| parse_signatures(&bytes))
        .flatten();
    let message = sign_data(magic, &header.hash);
    let signer = |signature| {
        let mut keys = validators.iter();
        keys.position(|key| key.verifier().verify(&message, &signature))
    };
    signatures.filter_map(signer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::{PrivateKey, multisig_script, multisig_witness};

    #[test]
    fn signatures_name_their_validators() {
        let mut keys: Vec<_> = (0..4).map(|_| PrivateKey::generate()).collect();
        keys.sort_by(|one, other| one.public_key().cmp(other.public_key()));
        let validators: Vec<_> = keys.iter().map(|key| key.public_key().clone()).collect();
        let (magic, hash) = (Magic(7), UInt256::from_wire([9; 32]));
        let sign = |index: usize| keys[index].sign(&sign_data(magic, &hash));
        let script = multisig_script(3, &validators).unwrap();
        let witness = multisig_witness(&[sign(0), sign(2), sign(3)], script);
        let answer = |magic_hash: UInt256| json!({"hash": magic_hash, "witnesses": [{"invocation": STANDARD.encode(&witness.invocation)}]});
        assert_eq!(signed_by(answer(hash), &validators, magic), [0, 2, 3]);
        let another = UInt256::from_wire([8; 32]);
        assert!(signed_by(answer(another), &validators, magic).is_empty());
        assert!(signed_by(json!({"error": 1}), &validators, magic).is_empty());
    }
}
