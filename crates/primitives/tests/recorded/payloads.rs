//! Recorded extensible payloads: the messages of dBFT 2.0 in their envelope.

use std::path::Path;

use crate::vectors::{
    CAPTURES, PRIVATE_NETWORK, bytes, captured, field, json, text, there_and_back, validators,
    vector,
};
use neo_primitives::{
    Block, Decode as _, ExtensiblePayload, Magic, Signature, WitnessError, sign_data,
};
use serde_json::Value;

/// Bytes before the body of a dBFT message: type, block index, validator index, view.
const MESSAGE_HEADER: usize = 7;

fn payloads() -> Vec<(String, ExtensiblePayload, Value)> {
    let mut payloads = Vec::new();
    for capture in CAPTURES {
        let index = json(&vector(&format!("neo-go-0.120/{capture}/index.json")));
        let listed = index["files"].as_array().expect("files are listed").len();
        let mut found = 0;
        for path in captured(capture, "") {
            if path.with_extension("json").exists() {
                payloads.push(payload(&path));
                found += 1;
            }
        }
        assert_eq!(found, listed, "{capture}");
    }
    payloads
}

fn payload(path: &Path) -> (String, ExtensiblePayload, Value) {
    let name = path.display().to_string();
    let payload = there_and_back(&name, &bytes(path));
    (name, payload, json(&path.with_extension("json")))
}

#[test]
fn captured_payloads_are_what_was_recorded() {
    let keys = validators();
    let mut kinds = std::collections::BTreeSet::new();
    for (name, payload, recorded) in payloads() {
        assert_eq!(
            payload.hash().to_string(),
            field(&recorded, "hash"),
            "{name}"
        );
        assert_eq!(payload.category, "dBFT", "{name}");
        assert_eq!(
            payload.sender.to_string(),
            field(&recorded, "sender"),
            "{name}"
        );
        assert_eq!(
            u64::from(payload.valid_block_start.0),
            recorded["valid_block_start"],
            "{name}"
        );
        assert_eq!(
            u64::from(payload.valid_block_end.0),
            recorded["valid_block_end"],
            "{name}"
        );
        assert_eq!(
            hex::encode(&payload.data),
            field(&recorded, "data"),
            "{name}"
        );
        assert_eq!(
            hex::encode(&payload.witness.invocation),
            field(&recorded, "invocation")
        );
        assert_eq!(
            hex::encode(&payload.witness.verification),
            field(&recorded, "verification")
        );
        assert_eq!(payload.verify(PRIVATE_NETWORK), Ok(()), "{name}");
        assert_eq!(
            payload.verify(Magic(1)),
            Err(WitnessError::Signature { position: 0 }),
            "{name}"
        );
        let validator = usize::from(payload.data[5]);
        assert_eq!(payload.sender, keys[validator].script_hash(), "{name}");
        kinds.insert(payload.data[0]);
    }
    // ChangeView, PrepareRequest, PrepareResponse, Commit, RecoveryRequest, RecoveryMessage.
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [0x00, 0x20, 0x21, 0x30, 0x40, 0x41]
    );
}

#[test]
fn commits_sign_the_header_of_their_block() {
    let keys = validators();
    let mut commits = 0;
    for capture in CAPTURES {
        for path in captured(capture, "Commit_") {
            let (name, payload, _) = payload(&path);
            let signature =
                Signature::from_slice(&payload.data[MESSAGE_HEADER..]).expect("64 bytes");
            let height = payload.valid_block_end;
            let block = captured(capture, &format!("Block_h{height}.")).remove(0);
            let block = Block::from_bytes(&bytes(&block)).expect("a block");
            let key = keys[usize::from(payload.data[5])].verifier();
            let message = sign_data(PRIVATE_NETWORK, &block.hash());
            assert!(key.verify(&message, &signature), "{name}");
            commits += 1;
        }
    }
    assert_eq!(commits, 6);
}

#[test]
fn recovery_messages_of_the_library_thread() {
    let recorded = text(&vector("extensible_recovery_h34.txt"));
    let lines: Vec<&str> = recorded
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(lines.len(), 6);
    for pair in lines.chunks_exact(2) {
        let hash = pair[0].split_whitespace().last().expect("a hash");
        let raw = hex::decode(pair[1]).expect("hex");
        let payload: ExtensiblePayload = there_and_back(pair[0], &raw);
        assert_eq!(payload.hash().to_string(), format!("0x{hash}"));
        assert_eq!(payload.valid_block_end.0, 34);
        assert_eq!(payload.verify(PRIVATE_NETWORK), Ok(()));
    }
}

/// A preview of Neo N3 made this Commit: its envelope is today's, its way of signing is not.
#[test]
fn preview_commit_decodes_and_its_old_signature_does_not_verify() {
    let raw = "0464424654000000000200000018ca088345a4926bcc9a1daccfba0ac4436082a847300200000003003c57d9\
               52539c5e0c39a83c0de5744a772c0dcb0e8ccd7c5bba27ef498506cd860cdfd01ad215b251ab64dc64cd544a\
               6f453f3b0128ddc98d95ac15915dbe6f6301420c40b39c9136af3b8186409dec2dbd31d0fd4f3e637b3eeb96\
               d8556b41f8512dd25d91134f62a6c293db089b7e82b7a0fd23bf9a15ee26c42a5738b913beef74176d290c21\
               03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee6990b4195440d78";
    let raw = hex::decode(raw).expect("hex");
    let payload: ExtensiblePayload = there_and_back("preview commit", &raw);
    assert_eq!(payload.valid_block_end.0, 2);
    assert_eq!(payload.data[..MESSAGE_HEADER], [0x30, 2, 0, 0, 0, 3, 0]);
    assert_eq!(payload.sender, payload.witness.account());
    assert!(matches!(
        payload.verify(PRIVATE_NETWORK),
        Err(WitnessError::NotStandard(41))
    ));
}
