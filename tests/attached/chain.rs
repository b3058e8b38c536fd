//! What a Neo node tells of the chain: its blocks with those who signed them, and whom it elects at each tip.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use neo_primitives::{
    Magic, PublicKey, Signature, UInt160, UInt256, parse_multisig_script, parse_signatures,
    sign_data,
};
use serde_json::{Value, json};

use crate::common::rpc::{Client, Failure};

/// A block as a Neo node gives it.
#[derive(Debug)]
pub struct Seen {
    pub height: u32,
    pub hash: UInt256,
    /// Milliseconds since 1970.
    pub time: u64,
    pub primary: usize,
    pub next_consensus: UInt160,
    pub transactions: Vec<String>,
    /// Whose account signed it.
    pub validators: Vec<PublicKey>,
    /// Who of them signed.
    pub signers: Vec<PublicKey>,
}

/// The block at a height of a node that has it.
pub fn block(node: Client, magic: Magic, height: u32) -> Seen {
    let block = node.call("getblock", &json!([height, true])).unwrap();
    let bytes = |name: &str| {
        let text = block["witnesses"][0][name].as_str().unwrap();
        BASE64_STANDARD.decode(text).unwrap()
    };
    let hash: UInt256 = block["hash"].as_str().unwrap().parse().unwrap();
    let (_, keys) = parse_multisig_script(&bytes("verification")).unwrap();
    let validators: Vec<_> = keys.iter().map(|key| key_of(key)).collect();
    let signatures = parse_signatures(&bytes("invocation")).unwrap();
    let transactions = block["tx"].as_array().unwrap().iter();
    let next_consensus = block["nextconsensus"].as_str().unwrap();
    Seen {
        height,
        hash,
        time: block["time"].as_u64().unwrap(),
        primary: usize::try_from(block["primary"].as_u64().unwrap()).unwrap(),
        next_consensus: UInt160::from_address(next_consensus).unwrap(),
        transactions: transactions
            .map(|one| one["hash"].as_str().unwrap().to_owned())
            .collect(),
        signers: signers(magic, &hash, &validators, &signatures),
        validators,
    }
}

fn key_of(bytes: &[u8]) -> PublicKey {
    hex::encode(bytes).parse().unwrap()
}

/// Each signature must be somebody's.
fn signers(
    magic: Magic,
    hash: &UInt256,
    validators: &[PublicKey],
    signatures: &[Signature],
) -> Vec<PublicKey> {
    let data = sign_data(magic, hash);
    let of = |signature: &Signature| {
        let mut made = validators
            .iter()
            .filter(|key| key.verifier().verify(&data, signature));
        made.next().unwrap().clone()
    };
    signatures.iter().map(of).collect()
}

/// Whom a Neo node names at a tip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elected {
    /// Of the block above.
    pub validators: Vec<PublicKey>,
    pub committee: Vec<PublicKey>,
}

/// Asks a node at each of its tips whom it elects.
pub struct Poll {
    seen: Arc<Mutex<BTreeMap<u32, Elected>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Poll {
    pub fn start(node: Client) -> Self {
        let seen = Arc::<Mutex<BTreeMap<u32, Elected>>>::default();
        let over = Arc::<AtomicBool>::default();
        let (into, ended) = (Arc::clone(&seen), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            while !ended.load(Relaxed) {
                // It may stop in the middle of a question.
                if let Ok(Some((height, elected))) = elected(node) {
                    into.lock().unwrap().insert(height, elected);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self {
            seen,
            over,
            thread: Some(thread),
        }
    }

    /// What was answered so far, by the height of the tip.
    pub fn seen(&self) -> BTreeMap<u32, Elected> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Nothing if the tip moved meanwhile.
fn elected(node: Client) -> Result<Option<(u32, Elected)>, Failure> {
    let count = || node.call("getblockcount", &json!([]));
    let before = count()?;
    let validators = node.call("getnextblockvalidators", &json!([]))?;
    let committee = node.call("getcommittee", &json!([]))?;
    if count()? != before {
        return Ok(None);
    }
    let text = |value: &Value| -> PublicKey { value.as_str().unwrap().parse().unwrap() };
    let all = |list: &Value, key: fn(&Value) -> &Value| -> Vec<PublicKey> {
        let mut keys: Vec<_> = list.as_array().unwrap().iter().map(key).map(text).collect();
        keys.sort();
        keys
    };
    let height = u32::try_from(before.as_u64().unwrap()).unwrap() - 1;
    let elected = Elected {
        validators: all(&validators, |one| &one["publickey"]),
        committee: all(&committee, |one| one),
    };
    Ok(Some((height, elected)))
}
