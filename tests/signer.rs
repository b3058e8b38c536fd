//! The signer as a process of its own: killed, started again, and asked to contradict itself.

#![allow(clippy::unwrap_used)]

mod ended;

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use ended::Ended;
use neo_consensus::v3::context::{MessageKind, preimage};
use neo_consensus::{View, v2};
use neo_primitives::wallet::{Nep6Account, Nep6Wallet, ScryptParams, nep2};
use neo_primitives::{
    BlockBody, Encode as _, ExtensiblePayload, Header, Height, Magic, PrivateKey, PublicKey,
    Signature, UInt160, UInt256, ValidatorIndex, Witness, sign_data,
};
use neo_signer::proto::votes::SignVoteRequest;
use neo_signer::{RemoteSigner, SignerError};
use serde_json::Value;

const MAGIC: Magic = Magic(56_753);
const PASSWORD: &str = "a secret of tests";

/// A folder with a wallet that neo-go could have made: the single account and a multi-signature one of the same key.
struct Place {
    folder: tempfile::TempDir,
    key: PrivateKey,
}

impl Place {
    fn new() -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let key = PrivateKey::generate();
        let scrypt = ScryptParams { n: 2, r: 1, p: 1 };
        let mut wallet = Nep6Wallet::new(None, scrypt);
        let sealed = nep2::encrypt(&key, PASSWORD, scrypt).unwrap();
        let all = [
            key.public_key().clone(),
            PrivateKey::generate().public_key().clone(),
        ];
        let multisig = Nep6Account::multisig(2, &all, sealed.clone()).unwrap();
        wallet.add(Nep6Account::single_signature(key.public_key(), sealed));
        wallet.add(multisig);
        wallet.save_new(&folder.path().join("wallet.json")).unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self { folder, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The command with wallet, password, network and the folder of the record.
    fn command(&self, name: &str, data: &str, more: &[&str]) -> Command {
        self.command_on("56753", name, data, more)
    }

    fn command_on(&self, magic: &str, name: &str, data: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_neo-cli"));
        command
            .args(["signer", name, "--magic", magic, "--wallet"])
            .arg(self.path("wallet.json"))
            .arg("--password-file")
            .arg(self.path("password"))
            .arg("--data")
            .arg(self.path(data))
            .args(more)
            .env_remove("RUST_LOG");
        command
    }

    fn ended(&self, name: &str, data: &str, more: &[&str]) -> Ended {
        Ended(self.command(name, data, more).output().unwrap())
    }

    fn init(&self) {
        let made = self.ended("init", "signed", &["--json"]).json();
        assert_eq!(made["public_key"], self.key.public_key().to_string());
        assert_eq!(made["floor"], Value::Null);
    }

    fn serve(&self) -> Served {
        let more = ["--listen", "127.0.0.1:0", "--json"];
        let mut child = self
            .command("serve", "signed", &more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let ready = line(&mut lines);
        assert_eq!(ready["event"], "ready", "{ready}");
        assert_eq!(ready["public_key"], self.key.public_key().to_string());
        let listen = ready["listen"].as_str().unwrap().parse().unwrap();
        Served {
            child,
            lines,
            listen,
            ready,
        }
    }
}

fn line(lines: &mut BufReader<ChildStdout>) -> Value {
    let mut text = String::new();
    lines.read_line(&mut text).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

/// A signer that runs; it is killed at the end of its test.
struct Served {
    child: Child,
    lines: BufReader<ChildStdout>,
    listen: SocketAddr,
    ready: Value,
}

impl Served {
    fn client(&self, key: &PublicKey) -> RemoteSigner {
        let endpoint = format!("http://{}", self.listen);
        let timeout = Duration::from_secs(30);
        RemoteSigner::new(&endpoint, timeout, MAGIC, key.clone()).unwrap()
    }

    /// What it told of its next request.
    fn told(&mut self) -> Value {
        line(&mut self.lines)
    }

    /// SIGKILL; gives what else it had said.
    fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut rest)
            .unwrap();
        rest
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn block(height: u32, nonce: u64) -> BlockBody {
    BlockBody {
        header: Header {
            version: 0,
            prev_hash: UInt256::from_wire([1; 32]),
            merkle_root: UInt256::ZERO,
            timestamp: 3,
            nonce,
            index: Height(height),
            primary_index: ValidatorIndex(0),
            next_consensus: UInt160::from_wire([2; 20]),
        },
        transactions: vec![],
    }
}

fn payload(key: &PublicKey, height: u32, view: u8, body: v2::Body) -> ExtensiblePayload {
    let content = v2::Content {
        height: Height(height),
        validator: ValidatorIndex(0),
        view,
        body,
    };
    ExtensiblePayload {
        category: "dBFT".to_owned(),
        valid_block_start: Height(0),
        valid_block_end: Height(height),
        sender: key.script_hash(),
        data: content.to_bytes(),
        witness: Witness::default(),
    }
}

fn response(byte: u8) -> v2::Body {
    v2::Body::PrepareResponse {
        preparation: UInt256::from_wire([byte; 32]),
    }
}

/// A PreCommit and the bytes that it signs.
fn vote(height: u32, view: u32, byte: u8) -> (SignVoteRequest, Vec<u8>) {
    let (prev, hash) = (UInt256::from_wire([9; 32]), UInt256::from_wire([byte; 32]));
    let kind = MessageKind::PreCommit;
    let request = SignVoteRequest {
        kind: i32::from(kind as u8),
        height,
        view,
        prev_hash: prev.as_wire().to_vec(),
        hash: hash.as_wire().to_vec(),
        ..SignVoteRequest::default()
    };
    let bytes = preimage(
        MAGIC,
        kind,
        &prev,
        Height(height),
        View(view),
        hash.as_wire(),
    );
    (request, bytes)
}

fn is_refused<T: std::fmt::Debug>(result: Result<T, SignerError>, words: &str) {
    let error = result.unwrap_err();
    let text = error.to_string();
    let declined = matches!(
        error,
        SignerError::Declined {
            code: tonic::Code::PermissionDenied,
            ..
        }
    );
    assert!(declined && text.contains(words), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_sign_is_refused_also_after_a_kill() {
    let place = Place::new();
    place.init();
    let key = place.key.public_key().clone();
    let mut served = place.serve();
    let signer = served.client(&key);
    signer.check().await.unwrap();
    assert_eq!(served.told()["outcome"], "answered");
    // dBFT 2.0: preparation, header, Commit.
    let prepared = payload(&key, 7, 0, response(1));
    signer.payload(&prepared).await.unwrap();
    let told = served.told();
    assert_eq!(told["outcome"], "signed");
    assert_eq!(told["kind"], "PrepareResponse");
    assert_eq!((&told["height"], &told["view"]), (&7.into(), &0.into()));
    let signed = signer.block(&block(7, 1)).await.unwrap();
    let commit = |signature| payload(&key, 7, 0, v2::Body::Commit { signature });
    signer.payload(&commit(signed)).await.unwrap();
    // dBFT 3.0.
    let (request, bytes) = vote(8, 2, 5);
    signer.vote(request, &bytes).await.unwrap();
    let said = served.kill();
    assert!(
        !said.contains(PASSWORD) && !said.contains(&*place.key.to_wif()),
        "{said}"
    );

    for _ in 0..2 {
        let mut served = place.serve();
        assert_eq!(served.ready["highest"], 8);
        let signer = served.client(&key);
        is_refused(
            signer.block(&block(7, 2)).await,
            "height 7 view 0: this key signed block 0x",
        );
        let told = served.told();
        assert_eq!(told["outcome"], "refused");
        assert_eq!(told["call"], "SignBlock");
        assert!(
            told["reason"].as_str().unwrap().contains("never signs"),
            "{told}"
        );
        let other = payload(&key, 7, 0, response(2));
        is_refused(signer.payload(&other).await, "this key signed preparation");
        let later = payload(&key, 7, 1, response(2));
        is_refused(
            signer.payload(&later).await,
            "after which dBFT 2.0 allows no",
        );
        is_refused(
            signer.payload(&commit(Signature([1; 64]))).await,
            "does not carry this key's signature",
        );
        let (request, bytes) = vote(8, 2, 6);
        is_refused(
            signer.vote(request, &bytes).await,
            "view 2: this key signed PreCommit",
        );
        // The same again is no contradiction.
        signer.payload(&prepared).await.unwrap();
        let again = signer.block(&block(7, 1)).await.unwrap();
        let data = sign_data(MAGIC, &block(7, 1).header.hash());
        assert!(key.verifier().verify(&data, &again));
        signer.payload(&commit(again)).await.unwrap();
        served.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whenever_it_is_killed_nothing_that_left_is_contradicted() {
    let place = Place::new();
    place.init();
    let key = place.key.public_key().clone();
    for round in 1..=6_u32 {
        let served = place.serve();
        let signer = std::sync::Arc::new(served.client(&key));
        // Two requests for every slot, all at once; the kill falls among them.
        let mut asked = tokio::task::JoinSet::new();
        for view in 0..40 {
            for byte in [1, 2] {
                let signer = std::sync::Arc::clone(&signer);
                asked.spawn(async move {
                    let (request, bytes) = vote(round, view, byte);
                    (view, byte, signer.vote(request, &bytes).await.is_ok())
                });
            }
        }
        let mut left = std::collections::BTreeMap::new();
        for _ in 0..round * 10 {
            if let Some(Ok((view, byte, true))) = asked.join_next().await {
                assert_eq!(
                    left.insert(view, byte),
                    None,
                    "two statements of view {view}"
                );
            }
        }
        served.kill();
        while let Some(answer) = asked.join_next().await {
            if let Ok((view, byte, true)) = answer {
                assert_eq!(
                    left.insert(view, byte),
                    None,
                    "two statements of view {view}"
                );
            }
        }
        let served = place.serve();
        let signer = served.client(&key);
        for (view, byte) in left {
            let (request, bytes) = vote(round, view, 3 - byte);
            is_refused(
                signer.vote(request, &bytes).await,
                "this key signed PreCommit",
            );
        }
        served.kill();
    }
}

#[test]
fn without_a_whole_record_of_this_key_nothing_is_served() {
    let place = Place::new();
    let serve = |more: &[&str]| place.ended("serve", "signed", more);
    serve(&[]).fails(3, &["signed", "neo-cli signer init", "--above HEIGHT"]);
    assert!(!place.path("signed").exists());
    place.init();
    place
        .ended("init", "signed", &[])
        .fails(4, &["never overwritten"]);
    place
        .ended("init", "signed", &["--above", "9"])
        .fails(4, &["is whole", "nothing to begin anew"]);
    // Another network, another key.
    let mut foreign = place.command_on("1", "serve", "signed", &[]);
    Ended(foreign.output().unwrap()).fails(4, &["is of network 56753", "of 1"]);
    let other = Place::new();
    let data = place.path("signed");
    other
        .ended("serve", data.to_str().unwrap(), &[])
        .fails(4, &["is of validator"]);
    // A copy, as a restored backup is.
    let copy = place.path("copy");
    copy_folder(&data, &copy);
    place
        .ended("serve", "copy", &[])
        .fails(3, &["a copy that may be old", "--above"]);
    let begun = place
        .ended("init", "copy", &["--above", "100", "--json"])
        .json();
    assert_eq!(begun["floor"], 100);
    // A listener that others reach, and a port in use.
    serve(&["--listen", "0.0.0.0:0"]).fails(2, &["0.0.0.0:0", "--allow-remote"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    serve(&["--listen", &address]).fails(4, &[&address]);
    let served = place.serve();
    serve(&["--listen", "127.0.0.1:0"]).fails(4, &["another signer uses this folder"]);
    served.kill();
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
