//! Not a target: writes the seed corpora of all others into `fuzz/corpus` and ends. Run it from anywhere in the
//! tree: `cargo fuzz run corpus -- -runs=0`.
#![no_main]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use libfuzzer_sys::fuzz_target;
use neo_consensus::View;
use neo_consensus::v3::leader::LeaderState;
use neo_consensus::v3::wire::encode;
use neo_fuzz::rpc;
use neo_fuzz::seeds::{Envelope, Votes, long_proposal, transactions};
use neo_network::neo::wire::{Message, frame};
use neo_network::{SyncRequest, SyncResponse};
use neo_primitives::wallet::{Nep6Account, Nep6Wallet, ScryptParams, nep2};
use neo_primitives::{
    Block, BlockBody, Decode, Encode, ExtensiblePayload, Height, PrivateKey, SignedHeader,
    Transaction, UInt256, sha256,
};

/// Writes seeds; each is named by its content.
struct Corpus(PathBuf);

/// Number of the record of an own message of dBFT 2.0.
const OWN_MESSAGE: u8 = 33;

impl Corpus {
    fn add(&self, target: &str, seed: &[u8]) {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder).expect("a folder for seeds");
        let name = hex::encode(&sha256(seed)[..10]);
        fs::write(folder.join(name), seed).expect("a seed");
    }

    /// Bytes from a real network, for whatever they are.
    fn recorded(&self, bytes: &[u8]) {
        if let Ok(block) = Block::from_bytes(bytes) {
            self.add("block", bytes);
            let (header, witness) = (block.header.clone(), block.witness.clone());
            self.add(
                "block",
                &SignedHeader {
                    header: header.clone(),
                    witness,
                }
                .to_bytes(),
            );
            let transactions = block.transactions.clone();
            self.add(
                "block",
                &BlockBody {
                    header,
                    transactions,
                }
                .to_bytes(),
            );
            self.add("script", &block.witness.invocation);
            self.add("script", &block.witness.verification);
            let answer = SyncResponse::Blocks(vec![bytes.to_vec().into()]);
            self.add("sync", &answer.to_bytes());
            for transaction in &block.transactions {
                self.transaction(transaction);
            }
        }
        if let Ok(payload) = ExtensiblePayload::from_bytes(bytes) {
            self.add("extensible", bytes);
            if payload.category == "dBFT" {
                self.add("v2_content", &payload.data);
                self.add("v2_message", bytes);
                self.add("v2_record", &[&[OWN_MESSAGE], bytes].concat());
            }
            let message = Message::Extensible(Box::new(payload.clone()));
            self.add("neo_frame", &frame(&message, true));
            self.add("script", &payload.witness.invocation);
            self.add("script", &payload.witness.verification);
        }
    }

    fn transaction(&self, transaction: &Transaction) {
        self.add("transaction", &transaction.to_bytes());
        self.add("transaction", &transaction.unsigned().to_bytes());
        self.add("script", transaction.script());
        for signer in transaction.signers() {
            self.add("transaction", &signer.to_bytes());
        }
        for witness in transaction.witnesses() {
            self.add("transaction", &witness.to_bytes());
            self.add("script", &witness.verification);
        }
    }

    /// Every file of hexadecimal digits below a folder.
    fn recordings(&self, folder: &Path) {
        for entry in fs::read_dir(folder).expect("the recorded vectors") {
            let path = entry.expect("a vector").path();
            if path.is_dir() {
                self.recordings(&path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            for word in text.split_whitespace() {
                // Some stand between the quotes of JSON.
                let digits = word.trim_matches(|letter: char| !letter.is_ascii_hexdigit());
                if let Ok(bytes) = hex::decode(digits) {
                    self.recorded(&bytes);
                }
            }
        }
    }

    fn votes(&self) {
        let votes = Votes::default();
        let mut messages = votes.messages();
        messages.push(long_proposal(400, 1));
        for message in &messages {
            let payload = message.payload.to_bytes();
            let kind = message.kind() as u8;
            self.add("message", &[&[kind], payload.as_slice()].concat());
            self.add("envelope", &encode(message, Default::default()));
            let packed = Envelope {
                kind,
                compressed: Envelope::pack(&payload),
                ..Envelope::default()
            };
            self.add("envelope", &packed.to_bytes());
            self.add("compressed", &[&[1, kind], payload.as_slice()].concat());
        }
        for proof in votes.evidence() {
            self.add("evidence", &proof.to_bytes());
        }
        for record in votes.records() {
            self.add("record", &record.to_bytes());
        }
    }

    /// Frames of the network, states of leaders.
    fn frames(&self) {
        let [lanes, control, hellos] = neo_network::fuzzing::seeds();
        for frame in &lanes {
            self.add("frames", frame);
        }
        for frame in control.iter().chain(&hellos) {
            self.add("control", &[&[0; 16], frame.as_slice()].concat());
        }
        for validators in [1, 4, 7, 21, 255] {
            let mut state = LeaderState::fresh(Height(9_990), validators);
            for view in [0, 1, 0, 2, 0] {
                let bytes = [&[0, 1, 2, 3, 4, 5, 6, 7].repeat(4), &state.encode()[..]].concat();
                self.add("leaders", &bytes);
                state = state.next(state.order().leader(View(view)));
            }
        }
    }

    fn texts(&self, tree: &Path) {
        self.add("config", rpc::config().as_bytes());
        for entry in fs::read_dir(tree.join("config")).expect("the example configurations") {
            let text = fs::read(entry.expect("a configuration").path()).expect("a configuration");
            self.add("config", &text);
        }
        let key = PrivateKey::from_bytes(&[1; 32]).expect("a private key");
        for parameters in [ScryptParams { n: 2, r: 1, p: 1 }, ScryptParams::default()] {
            let mut wallet = Nep6Wallet::new(Some("node"), parameters);
            self.add("nep6", &serde_json::to_vec(&wallet).expect("JSON"));
            let nep2 =
                nep2::encrypt(&key, "password", ScryptParams { n: 2, r: 1, p: 1 }).expect("a key");
            wallet.add(Nep6Account::single_signature(
                key.public_key(),
                nep2.clone(),
            ));
            let keys = [key.public_key().clone()];
            wallet.add(Nep6Account::multisig(1, &keys, nep2).expect("an account"));
            self.add("nep6", &serde_json::to_vec(&wallet).expect("JSON"));
        }
        for call in CALLS {
            self.add("rpc", call.as_bytes());
        }
        self.add("rpc", format!("[{}]", CALLS.join(",")).as_bytes());
    }

    fn requests(&self) {
        let hash = UInt256::from_wire([7; 32]);
        let requests = [
            SyncRequest::Blocks {
                start: Height(1),
                count: 500,
            },
            SyncRequest::Body { hash },
            SyncRequest::Hashes { block: hash },
            SyncRequest::Transactions {
                hashes: vec![hash; 3],
            },
            SyncRequest::Positions {
                block: hash,
                positions: vec![0, 1, 5],
            },
        ];
        for request in requests {
            self.add("sync", &request.to_bytes());
        }
        for transaction in transactions() {
            self.transaction(transaction);
            let answer = vec![None, Some(transaction.to_bytes().into())];
            self.add("sync", &SyncResponse::Transactions(answer).to_bytes());
        }
        self.add(
            "sync",
            &SyncResponse::Hashes(Some(vec![hash; 4])).to_bytes(),
        );
    }

    /// What once was a finding: `findings/TARGET/WHAT.base64`, as `.ci/fuzz` prints it.
    fn findings(&self, folder: &Path) {
        for target in fs::read_dir(folder).expect("the findings") {
            let target = target.expect("a target with findings").path();
            let name = target.file_name().and_then(OsStr::to_str);
            let name = name.expect("the name of a target");
            for finding in fs::read_dir(&target).expect("the findings of a target") {
                let path = finding.expect("a finding").path();
                let text = fs::read_to_string(&path).expect("a finding in Base64");
                let digits: String = text.split_whitespace().collect();
                let input = BASE64_STANDARD.decode(digits).expect("a finding in Base64");
                self.add(name, &input);
            }
        }
    }

    /// Bytes without meaning, for targets that read them as instructions.
    fn noise(&self) {
        for seed in 0..96_u32 {
            let mut bytes = Vec::new();
            for at in 0..=seed {
                bytes.extend(sha256(&[seed.to_le_bytes(), at.to_le_bytes()].concat()));
            }
            self.add("engine", &bytes);
            if seed < 32 {
                self.add("vote_log", &bytes);
                self.add("audit", &bytes);
                self.add("checkpoint", &bytes);
                self.add("compressed", &bytes);
            }
        }
    }
}

/// A call of every method.
const CALLS: [&str; 27] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"getversion","params":[]}"#,
    r#"{"jsonrpc":"2.0","id":"a","method":"getblockcount"}"#,
    r#"{"id":null,"method":"getconsensusstate","params":[]}"#,
    r#"{"id":1,"method":"getevidence","params":[0,10]}"#,
    r#"{"id":1,"method":"getbestblockhash"}"#,
    r#"{"id":1,"method":"getblockheadercount"}"#,
    r#"{"id":1,"method":"getblock","params":[0]}"#,
    r#"{"id":1,"method":"getblock","params":[0,true]}"#,
    r#"{"id":1,"method":"getblockhash","params":[0]}"#,
    r#"{"id":1,"method":"getblockheader","params":["0x0000000000000000000000000000000000000000000000000000000000000000",1]}"#,
    r#"{"id":1,"method":"getapplicationlog","params":["0x0000000000000000000000000000000000000000000000000000000000000000"]}"#,
    r#"{"id":1,"method":"getrawmempool","params":[true]}"#,
    r#"{"id":1,"method":"getrawtransaction","params":["0x0000000000000000000000000000000000000000000000000000000000000000",true]}"#,
    r#"{"id":1,"method":"gettransactionheight","params":["0x0000000000000000000000000000000000000000000000000000000000000000"]}"#,
    r#"{"id":1,"method":"getnep17balances","params":["NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq"]}"#,
    r#"{"id":1,"method":"getcommittee"}"#,
    r#"{"id":1,"method":"getnextblockvalidators"}"#,
    r#"{"id":1,"method":"getconnectioncount"}"#,
    r#"{"id":1,"method":"getpeers"}"#,
    r#"{"id":1,"method":"validateaddress","params":["NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq"]}"#,
    r#"{"id":1,"method":"submitblock","params":["AAAA"]}"#,
    r#"{"id":1,"method":"sendrawtransaction","params":["AAAA"]}"#,
    r#"{"id":1,"method":"calculatenetworkfee","params":["AAAA"]}"#,
    r#"{"id":1,"method":"invokescript","params":["EMAMCGRlY2ltYWxz",[{"account":"0xd2a4cff31913016155e38e474a2c06d08be276cf","scopes":"CalledByEntry"}]]}"#,
    r#"{"id":1,"method":"invokefunction","params":["0xd2a4cff31913016155e38e474a2c06d08be276cf","balanceOf",[{"type":"Hash160","value":"0xd2a4cff31913016155e38e474a2c06d08be276cf"}]]}"#,
    r#"{"id":1,"method":"invokefunction","params":["0xd2a4cff31913016155e38e474a2c06d08be276cf","decimals"]}"#,
    r#"{"method":"getblockcount"}"#,
];

fn write() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tree = fuzz.parent().expect("the tree of the project");
    let corpus = Corpus(fuzz.join("corpus"));
    corpus.recordings(&tree.join("crates/primitives/tests/vectors"));
    corpus.votes();
    corpus.frames();
    corpus.texts(tree);
    corpus.requests();
    corpus.noise();
    corpus.findings(&fuzz.join("findings"));
}

fuzz_target!(init: write(), |_bytes: &[u8]| {});
