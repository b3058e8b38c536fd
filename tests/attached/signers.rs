//! A validator whose key is in a signer of its own, from a wallet that neo-go made, beside real neo-go nodes.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use neo_consensus::View;
use neo_consensus::v3::context::{MessageKind, preimage};
use neo_primitives::wallet::Nep6Wallet;
use neo_primitives::{
    BlockBody, Header, Height, PrivateKey, PublicKey, UInt160, UInt256, ValidatorIndex,
};
use neo_signer::proto::votes::SignVoteRequest;
use neo_signer::{RemoteSigner, SignerError};
use serde_json::{Value, json};

use crate::common::{BINARY, eventually};
use crate::neo_go::NeoGo;
use crate::network::{MAGIC, Network, Plan, Software};

const PASSWORD: &str = "from neo-go";

/// neo-go asks at a terminal: the name of the account, and the password twice.
const AT_A_TERMINAL: &str = r#"
import os, pty, sys
answers = [b"validator\r"] + 2 * [sys.argv[1].encode() + b"\r"]
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
said = b""
while True:
    try:
        part = os.read(terminal, 1024)
    except OSError:
        break
    if not part:
        break
    said += part
    if answers and said.rstrip().endswith(b">"):
        os.write(terminal, answers.pop(0))
        said = b""
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

/// Lets neo-go make a wallet in a folder; gives the key that is in it.
fn wallet_of_neo_go(folder: &Path) -> PrivateKey {
    use std::os::unix::fs::PermissionsExt as _;
    let wallet = folder.join("wallet.json");
    let made = Command::new("python3")
        .args(["-c", AT_A_TERMINAL, PASSWORD])
        .arg(NeoGo::program())
        .args(["wallet", "init", "--account", "--wallet"])
        .arg(&wallet)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    let accounts = Nep6Wallet::load(&wallet).unwrap().open(PASSWORD).unwrap();
    accounts[0].key.clone()
}

/// `neo-cli signer serve` with that wallet.
struct Signer {
    folder: PathBuf,
    listen: String,
    child: Child,
    lines: BufReader<ChildStdout>,
}

fn command(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["signer", name, "--json", "--magic", &MAGIC.0.to_string()]);
    command.arg("--wallet").arg(folder.join("wallet.json"));
    command.arg("--password-file").arg(folder.join("password"));
    command.arg("--data").arg(folder.join("signed"));
    command
}

fn serve(folder: &Path, listen: &str) -> (Child, BufReader<ChildStdout>, String) {
    let mut command = command("serve", folder);
    command.args(["--listen", listen]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut ready = String::new();
    lines.read_line(&mut ready).unwrap();
    let ready: Value = serde_json::from_str(&ready).unwrap();
    (child, lines, ready["listen"].as_str().unwrap().to_owned())
}

impl Signer {
    fn start(folder: &Path) -> Self {
        let made = command("init", folder).output().unwrap();
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let (child, lines, listen) = serve(folder, "127.0.0.1:0");
        Self {
            folder: folder.to_owned(),
            listen,
            child,
            lines,
        }
    }

    fn endpoint(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// `kill -9`, and again on the same record.
    fn kill_and_start(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.lines, _) = serve(&self.folder, &self.listen);
    }

    /// The next statement of this kind above a height that it has signed: its height and view.
    fn signed(&mut self, kind: &str, above: u32) -> (u32, u32) {
        let number = |line: &Value, name: &str| u32::try_from(line[name].as_u64()?).ok();
        eventually(&format!("a signed {kind}"), || {
            let mut line = String::new();
            self.lines.read_line(&mut line).unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_ne!(line["outcome"], "refused", "{line}");
            let (height, view) = (number(&line, "height")?, number(&line, "view")?);
            let found = line["kind"] == kind && line["outcome"] == "signed" && height > above;
            found.then_some((height, view))
        })
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks for the signature of something else than what was signed at this height and view.
async fn contradiction(
    signer: &Signer,
    key: &PublicKey,
    protocol: u32,
    (height, view): (u32, u32),
) -> SignerError {
    let timeout = Duration::from_secs(30);
    let client = RemoteSigner::new(&signer.endpoint(), timeout, MAGIC, key.clone()).unwrap();
    let refused = if protocol == 2 {
        let header = Header {
            version: 0,
            prev_hash: UInt256::from_wire([1; 32]),
            merkle_root: UInt256::ZERO,
            timestamp: 3,
            nonce: 4,
            index: Height(height),
            primary_index: ValidatorIndex(0),
            next_consensus: UInt160::from_wire([2; 20]),
        };
        let transactions = Vec::new();
        client
            .block(&BlockBody {
                header,
                transactions,
            })
            .await
    } else {
        let (prev, hash) = (UInt256::from_wire([9; 32]), UInt256::from_wire([7; 32]));
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
        client.vote(request, &bytes).await
    };
    refused.unwrap_err()
}

fn votes_by_a_signer(protocol: u32, software: [Software; 4], vote: &str) {
    let place = tempfile::tempdir().unwrap();
    let own = wallet_of_neo_go(place.path());
    let others = software[1..]
        .iter()
        .map(|one| (PrivateKey::generate(), *one));
    let members: Vec<_> = std::iter::once((own.clone(), software[0]))
        .chain(others)
        .collect();
    let committee = members.iter().map(|(key, _)| key.public_key().clone());
    let mut network = Network::start(&Plan {
        protocol,
        committee: committee.collect(),
        validators: 4,
        members: &members,
    });
    // Its key goes to the signer before it has voted.
    let mut signer = Signer::start(place.path());
    let node = network.members[0].ours.as_mut().unwrap();
    node.stop();
    node.configure(|config| {
        config.as_object_mut().unwrap().remove("wallet");
        config["signer"] = json!({"endpoint": signer.endpoint(), "public_key": own.public_key()});
    });
    node.start();
    node.wait_until_up();
    let height = network.height().unwrap();
    let place = signer.signed(vote, height);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for killed in [false, true] {
        if killed {
            signer.kill_and_start();
        }
        let asked = contradiction(&signer, own.public_key(), protocol, place);
        let refused = runtime.block_on(asked);
        let text = refused.to_string();
        assert!(
            matches!(
                refused,
                SignerError::Declined {
                    code: tonic::Code::PermissionDenied,
                    ..
                }
            ) && text.contains("this key signed"),
            "{text}"
        );
    }
    // Meanwhile nothing else was refused, and it goes on to vote.
    let mut line = String::new();
    while !line.contains("refused") {
        line.clear();
        signer.lines.read_line(&mut line).unwrap();
    }
    let later = signer.signed(vote, place.0);
    eventually("the block of its later vote is everywhere", || {
        (network.height()? >= later.0).then_some(())
    });
    let hash = |node: &crate::common::rpc::Client| node.call("getblockhash", &json!([later.0]));
    let hashes: Vec<_> = network
        .all()
        .iter()
        .map(|node| hash(node).unwrap())
        .collect();
    assert!(
        hashes.windows(2).all(|pair| pair[0] == pair[1]),
        "{hashes:?}"
    );
}

#[test]
fn a_signer_with_neo_gos_wallet_votes_among_validators_of_neo_go() {
    use Software::{NeoGo, Ours};
    votes_by_a_signer(2, [Ours, NeoGo, NeoGo, NeoGo], "Commit");
}

#[test]
fn a_signer_with_neo_gos_wallet_votes_for_dbft_3_beside_neo_go() {
    votes_by_a_signer(3, [Software::Ours; 4], "PreCommit");
}
