//! A checkpoint of a chain of one block, as files.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use neo_consensus::v3::leader::LeaderState;
use neo_ledger::checkpoint::{CheckpointFolder, Manifest};
use neo_ledger::store::MemoryStore;
use neo_ledger::{ChainReader, EmbeddedLedger, GenesisConfig, Ledger, LedgerAnswer, LedgerRequest};
use neo_primitives::{
    Block, PrivateKey, PublicKey, ValidatorIndex, bft_quorum, multisig_script, multisig_witness,
    sha256, sign_data,
};

use crate::folder::Folder;
use crate::network::{MAGIC, VALIDATORS};

/// Name of the manifest among the files.
pub const MANIFEST: &str = "manifest.json";

/// The network whose checkpoint it is.
#[must_use]
pub fn config() -> GenesisConfig {
    GenesisConfig::new(
        MAGIC,
        keys().iter().map(|key| key.public_key().clone()).collect(),
    )
}

fn keys() -> Vec<PrivateKey> {
    let key = |seed| PrivateKey::from_bytes(&[seed; 32]).expect("a private key");
    let mut keys: Vec<_> = (1..=VALIDATORS).map(key).collect();
    keys.sort_by(|a, b| a.public_key().cmp(b.public_key()));
    keys
}

fn ask(ledger: &EmbeddedLedger, request: LedgerRequest) -> LedgerAnswer {
    let slot = Arc::new(Mutex::new(None));
    let answer = Arc::clone(&slot);
    ledger.request(
        request,
        Box::new(move |it| *answer.lock().expect("one thread") = Some(it)),
    );
    let answer = slot.lock().expect("one thread").take();
    answer.expect("a ledger in memory answers at once")
}

/// Its files by name. Made once; the chain takes longer than an input may.
///
/// # Panics
/// When the ledger does not do what it is for.
pub fn files() -> &'static BTreeMap<String, Vec<u8>> {
    static FILES: OnceLock<BTreeMap<String, Vec<u8>>> = OnceLock::new();
    FILES.get_or_init(|| {
        let store = Box::new(MemoryStore::new());
        let ledger = EmbeddedLedger::with_store(store, config()).expect("a ledger in memory");
        let build = LedgerRequest::Build {
            parent: ledger.tip_hash(),
            primary: ValidatorIndex(1),
            timestamp: 1_700_000_000_000,
            nonce: 7,
            max_transactions: 1,
        };
        let LedgerAnswer::Built(body) = ask(&ledger, build) else {
            panic!("the ledger builds no block");
        };
        let (body, fresh) = (Arc::clone(&body), true);
        let hash = body.hash();
        ask(
            &ledger,
            LedgerRequest::Check {
                body: Arc::clone(&body),
                fresh,
            },
        );
        ask(&ledger, LedgerRequest::Promote { hash });
        let keys = keys();
        let public: Vec<PublicKey> = keys.iter().map(|key| key.public_key().clone()).collect();
        let quorum = bft_quorum(keys.len());
        let script = multisig_script(quorum, &public).expect("four keys");
        let signed = sign_data(MAGIC, &hash);
        let signatures: Vec<_> = keys
            .iter()
            .take(quorum)
            .map(|key| key.sign_deterministic(&signed))
            .collect();
        let block = Arc::new(Block::from_body(
            &body,
            multisig_witness(&signatures, script),
        ));
        ask(&ledger, LedgerRequest::Store { block });
        let folder = Folder::new("seed");
        let leaders = |header: &neo_primitives::Header| {
            Ok(LeaderState::undisturbed(header.index.next(), keys.len()).encode())
        };
        let written = ledger
            .write_checkpoint(
                &CheckpointFolder::at(folder.path()),
                1,
                &leaders,
                &mut |_| {},
            )
            .expect("a checkpoint");
        let entries = fs::read_dir(written.path).expect("its folder").flatten();
        entries
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, fs::read(entry.path()).expect("its file"))
            })
            .collect()
    })
}

/// Writes files into an empty folder.
///
/// # Panics
/// When there is no room.
pub fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).expect("room for a small file");
    }
}

/// Gives the manifest the sizes and hashes of the files beside it, and its seal: whoever can write to the folder can
/// do so, too. Leaves a manifest that is none as it is.
pub fn seal(files: &mut BTreeMap<String, Vec<u8>>) {
    let Some(mut manifest) = files
        .get(MANIFEST)
        .and_then(|bytes| serde_json::from_slice::<Manifest>(bytes).ok())
    else {
        return;
    };
    for file in &mut manifest.files {
        if let Some(bytes) = files.get(&file.name) {
            file.size = bytes.len() as u64;
            file.sha256 = hex::encode(sha256(bytes));
        }
    }
    let text = |manifest: &Manifest| {
        let mut bytes = serde_json::to_vec_pretty(manifest).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    };
    manifest.seal = String::new();
    manifest.seal = hex::encode(sha256(&text(&manifest)));
    files.insert(MANIFEST.to_owned(), text(&manifest));
}
