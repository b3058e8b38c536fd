//! `neo-cli evidence verify` where validators are elected: the Neo node tells who validated a height.

use std::process::Command;
use std::sync::Arc;

use neo_consensus::v3::context::HeightContext;
use neo_consensus::v3::evidence::{Evidence, Guilt, Says, Statement};
use neo_consensus::{ValidatorSet, View};
use neo_primitives::{Encode as _, Height, PrivateKey, Signature, UInt256, ValidatorIndex};
use serde_json::Value;

use crate::common::{BINARY, eventually};
use crate::network::{MAGIC, Network, Plan, Software};

/// A signed ChangeView for view 0, which nobody honest signs.
fn proof(key: &PrivateKey, height: u32) -> Vec<u8> {
    let validators = ValidatorSet::new(vec![key.public_key().clone()]).unwrap();
    let context = HeightContext {
        magic: MAGIC,
        height: Height(height),
        prev_hash: UInt256::ZERO,
        validators: Arc::new(validators),
    };
    let mut statement = Statement {
        sender: ValidatorIndex(0),
        view: View::ZERO,
        says: Says::ChangeView { claim: None },
        signature: Signature([0; 64]),
    };
    statement.signature = key.sign(&statement.preimage(&context));
    Evidence::new(&context, Guilt::Impossible { statement }).to_bytes()
}

#[test]
fn a_proof_is_verified_with_what_neo_go_tells_of_its_height() {
    let (key, stranger) = (PrivateKey::generate(), PrivateKey::generate());
    let network = Network::start(&Plan {
        protocol: 3,
        committee: vec![key.public_key().clone()],
        validators: 1,
        members: &[(key.clone(), Software::Ours)],
    });
    eventually("blocks", || (network.height()? >= 2).then_some(()));
    let node = network.members[0].ours.as_ref().unwrap();
    let verify = |by: &PrivateKey, height: u32, more: &[String]| {
        let file = node.folder.join("a.proof");
        std::fs::write(&file, proof(by, height)).unwrap();
        let verified = Command::new(BINARY)
            .args(["--json", "evidence", "verify", "--config"])
            .arg(node.folder.join("config.json"))
            .args(more)
            .arg(&file)
            .output()
            .unwrap();
        let shown: Value = serde_json::from_slice(&verified.stdout).unwrap();
        (verified.status.code(), shown[0].clone())
    };
    let (exit, shown) = verify(&key, 1, &[]);
    assert_eq!(exit, Some(0), "{shown}");
    assert_eq!(shown["public_key"], key.public_key().to_string());
    // Our own node tells the same.
    let ours = node.config()["rpc"]["listen"].clone();
    let rpc = [
        "--rpc".to_owned(),
        format!("http://{}", ours.as_str().unwrap()),
    ];
    assert_eq!(verify(&key, 2, &rpc).0, Some(0));
    let (exit, shown) = verify(&stranger, 1, &[]);
    assert_eq!(exit, Some(1));
    assert!(
        shown["problem"]
            .as_str()
            .unwrap()
            .contains("proves nothing"),
        "{shown}"
    );
    let (exit, shown) = verify(&key, 1_000_000, &[]);
    assert_eq!(exit, Some(1));
    let problem = shown["problem"].as_str().unwrap();
    assert!(
        problem.contains("the validators of height 1000000 are not known"),
        "{problem}"
    );
}
