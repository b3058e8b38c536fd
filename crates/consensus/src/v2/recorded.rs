//! The payloads of live neo-go 0.120 in crates/primitives/tests/vectors: read, verified with the keys of
//! their validators, and written again to the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use neo_primitives::{Block, Decode, Encode, Height, Magic, PublicKey, UInt256};
use serde_json::Value;

use super::content::{Body, Content, Kind};
use super::message::Message;
use super::recovery::Preparation;
use super::verify::{Input, Known, Outcome, VerifyJob, primary};
use crate::v3::SignatureCheck;
use crate::v3::certificate::Obligation;
use crate::v3::context::HeightContext;
use crate::validators::ValidatorSet;

struct RealCheck;

impl SignatureCheck for RealCheck {
    fn all_valid(&self, context: &HeightContext, obligations: &[Obligation]) -> bool {
        obligations.iter().all(|obligation| {
            let key = context.validators.key(obligation.validator).unwrap();
            key.verifier()
                .verify(&obligation.preimage, &obligation.signature)
        })
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../primitives/tests/vectors/neo-go-0.120")
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn validators() -> Arc<ValidatorSet> {
    let index = json(&folder().join("faults/index.json"));
    let keys = index["validators_by_index"].as_array().unwrap();
    let key = |value: &Value| value["public_key"].as_str().unwrap().parse::<PublicKey>();
    let keys: Vec<_> = keys.iter().map(|value| key(value).unwrap()).collect();
    let set = ValidatorSet::new(keys.clone()).unwrap();
    assert_eq!(set.keys(), keys, "the order of the index is Neo's");
    Arc::new(set)
}

fn context(height: Height) -> Arc<HeightContext> {
    Arc::new(HeightContext {
        magic: Magic(56753),
        height,
        prev_hash: UInt256::ZERO,
        validators: validators(),
    })
}

/// A captured payload with its file's name and what the capture says of it.
struct Captured {
    name: String,
    bytes: Vec<u8>,
    message: Message,
    said: Value,
}

fn all() -> Vec<Captured> {
    let mut all = Vec::new();
    for capture in ["faults", "quorum-loss", "view-change"] {
        for entry in fs::read_dir(folder().join(capture)).unwrap() {
            let path = entry.unwrap().path();
            let said = path.with_extension("json");
            if path.extension().is_some_and(|it| it == "hex") && said.exists() {
                let bytes = hex::decode(fs::read_to_string(&path).unwrap().trim()).unwrap();
                all.push(Captured {
                    name: path.display().to_string(),
                    message: Message::from_bytes(&bytes).unwrap(),
                    bytes,
                    said: json(&said),
                });
            }
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

fn verified(message: &Message, known: Known) -> Outcome {
    let context = context(message.height());
    let from = context.validators.keys()[0].clone();
    VerifyJob::message(&context, from, message.clone(), known).run(&RealCheck)
}

#[test]
fn every_captured_payload_reads_verifies_and_writes_to_the_same_bytes() {
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for Captured {
        name,
        bytes,
        message,
        said,
    } in all()
    {
        *kinds.entry(message.kind()).or_default() += 1;
        assert_eq!(message.to_bytes(), bytes, "{name}");
        assert_eq!(
            message.content().to_bytes(),
            message.payload().data,
            "{name}"
        );
        assert_eq!(message.hash().to_string(), said["hash"].as_str().unwrap());
        let header = &said["message"];
        assert_eq!(message.kind().name(), header["type"].as_str().unwrap());
        assert_eq!(u64::from(message.height().0), header["block_index"]);
        assert_eq!(u64::from(message.validator().0), header["validator_index"]);
        assert_eq!(u64::from(message.view()), header["view"], "{name}");
        let key = context(message.height())
            .validators
            .key(message.validator())
            .cloned();
        assert_eq!(message.claimed_key(), key);
        let outcome = verified(&message, Known::default());
        assert!(outcome.refused.is_empty(), "{name}: {:?}", outcome.refused);
        assert!(matches!(
            outcome.accepted[0].get(),
            Input::Message { message: own, recovered: false, .. } if *own == message
        ));
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}

#[test]
fn a_changed_byte_is_refused() {
    for Captured { name, bytes, .. } in all() {
        // In the data, and in the signature.
        let witness = bytes.len() - 43;
        for at in [45, witness] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            if let Ok(message) = Message::from_bytes(&changed) {
                let outcome = verified(&message, Known::default());
                assert!(outcome.accepted.is_empty(), "{name} changed at {at}");
                assert_eq!(outcome.refused.len(), 1, "{name}");
            }
        }
    }
}

#[test]
fn what_a_recovery_message_of_neo_go_brings_verifies_part_by_part() {
    let mut brought: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut requests = 0;
    for Captured { name, message, .. } in all() {
        let Body::RecoveryMessage(recovery) = &message.content().body else {
            continue;
        };
        let outcome = verified(&message, Known::default());
        assert!(outcome.refused.is_empty(), "{name}: {:?}", outcome.refused);
        let count =
            recovery.change_views.len() + recovery.preparations.len() + recovery.commits.len();
        let named = !matches!(recovery.preparation, Preparation::Unknown);
        if named || recovery.preparations.is_empty() {
            assert_eq!(outcome.accepted.len(), 1 + count, "{name}");
        }
        for input in outcome.accepted.iter().skip(1) {
            let Input::Message {
                message: part,
                recovered: true,
                ..
            } = input.get()
            else {
                panic!("{input:?}");
            };
            *brought.entry(part.kind()).or_default() += 1;
        }
        if let Preparation::Request(inner) = &recovery.preparation {
            // The habit of neo-go: nothing but the view.
            assert_eq!((inner.height.0, inner.validator.0), (0, 0), "{name}");
            assert_eq!(inner.view, message.view());
            requests += 1;
        }
    }
    assert!(requests > 0);
    for kind in [
        Kind::ChangeView,
        Kind::PrepareRequest,
        Kind::PrepareResponse,
        Kind::Commit,
    ] {
        assert!(brought.contains_key(&kind), "{brought:?}");
    }
}

#[test]
fn captured_commits_sign_the_header_of_their_block() {
    let mut checked = 0;
    for Captured { name, message, .. } in all() {
        if message.kind() != Kind::Commit {
            continue;
        }
        let block = format!("Block_h{}.hex", message.height());
        let block = Path::new(&name).parent().unwrap().join(block);
        let block = hex::decode(fs::read_to_string(block).unwrap().trim()).unwrap();
        let header = Block::from_bytes(&block).unwrap().header;
        let known = |header| Known {
            view: message.view(),
            preparation: None,
            header: Some(header),
            #[cfg(feature = "mutation")]
            mutation: None,
        };
        let outcome = verified(&message, known(header.hash()));
        assert!(matches!(
            outcome.accepted[0].get(),
            Input::Message { signs: Some(signs), .. } if *signs == header.hash()
        ));
        let outcome = verified(&message, known(UInt256::ZERO));
        assert!(outcome.accepted.is_empty(), "{name}");
        assert_eq!(
            header.primary_index,
            primary(header.index, message.view(), 4)
        );
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn a_captured_request_and_its_block_agree() {
    let mut compared = 0;
    for Captured { name, message, .. } in all() {
        let Content {
            body: Body::PrepareRequest(request),
            ..
        } = message.content()
        else {
            continue;
        };
        let block = format!("Block_h{}.hex", message.height());
        let block = Path::new(&name).parent().unwrap().join(block);
        let Ok(text) = fs::read_to_string(block) else {
            continue;
        };
        let block = Block::from_bytes(&hex::decode(text.trim()).unwrap()).unwrap();
        if block.header.primary_index != message.validator() {
            continue;
        }
        assert_eq!(request.prev_hash, block.header.prev_hash, "{name}");
        assert_eq!(request.timestamp, block.header.timestamp);
        assert_eq!(request.nonce, block.header.nonce);
        let hashes: Vec<_> = block.transactions.iter().map(|tx| tx.hash()).collect();
        assert_eq!(request.hashes, hashes);
        compared += 1;
    }
    assert!(compared > 0);
}
