//! Validators and those who want to be, each beside a Neo node of its own, or a Neo node itself.

use std::path::Path;
use std::sync::MutexGuard;

use neo_ledger::GenesisConfig;
use neo_node::config::NodeConfig;
use neo_primitives::wallet::{Nep6Wallet, ScryptParams};
use neo_primitives::{Datoshi, Magic, PrivateKey, PublicKey};
use serde_json::{Value, json};

use crate::common::rpc::Client;
use crate::common::{Node, free_ports, turn};
use crate::neo_go::{NeoGo, Setup};

pub const MAGIC: Magic = Magic(606_303);
const PASSWORD: &str = "one";

/// Who votes with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Software {
    /// A node of ours; a neo-go whose consensus is off keeps its chain.
    Ours,
    /// A neo-go, with its own consensus on.
    NeoGo,
}

/// What a network is made of.
pub struct Plan<'a> {
    /// dBFT 2 or 3.
    pub protocol: u32,
    /// The first ones validate at first.
    pub committee: Vec<PublicKey>,
    pub validators: usize,
    /// Who runs a node, whether in office or not.
    pub members: &'a [(PrivateKey, Software)],
}

/// One who votes, or may vote one day.
pub struct Member {
    /// The node of ours.
    pub ours: Option<Node>,
    pub neo_go: NeoGo,
    /// JSON-RPC of its neo-go.
    pub neo_rpc: Client,
}

/// A network that runs.
pub struct Network {
    pub members: Vec<Member>,
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// Ports of a member: of our node its network, 1 its JSON-RPC, of its neo-go 5 and 6.
const EACH: u16 = 10;

impl Network {
    /// Writes its files and starts everybody.
    pub fn start(plan: &Plan<'_>) -> Self {
        let turn = turn();
        let folder = tempfile::tempdir().unwrap();
        let base = free_ports(EACH * u16::try_from(plan.members.len()).unwrap());
        let genesis = genesis(plan);
        let ports = (base..).step_by(EACH.into());
        let members: Vec<_> = plan.members.iter().zip(ports).collect();
        let start = |(index, ((key, software), port)): (usize, &(&(PrivateKey, Software), u16))| {
            let folder = folder.path().join(format!("member{index}"));
            std::fs::create_dir(&folder).unwrap();
            wallet(&folder, key);
            let setup = Setup {
                rpc: port + 6,
                listen: address(port + 5),
                seeds: neighbours(plan, &members, index),
                wallet: (*software == Software::NeoGo)
                    .then(|| (folder.join("wallet.json"), PASSWORD.to_owned())),
            };
            let neo_go = setup.start(&genesis);
            let ours = (*software == Software::Ours).then(|| {
                let config = config(plan, &genesis, &members, index);
                let path = folder.join("config.json");
                std::fs::write(&path, config.to_string()).unwrap();
                // Without a vote log it would think that it has lost one, and be silent for a while.
                let config = NodeConfig::load(&path).unwrap();
                let identity = neo_node::log_identity(&config, key.public_key().clone());
                neo_node::vote_log_file::initialise(&config.data_dir, identity).unwrap();
                let mut node = Node::new(index, folder, Client::new(port + 1));
                node.start();
                node
            });
            Member {
                ours,
                neo_go,
                neo_rpc: Client::new(port + 6),
            }
        };
        let members: Vec<Member> = members.iter().enumerate().map(start).collect();
        let ours = members.iter().filter_map(|member| member.ours.as_ref());
        ours.for_each(Node::wait_until_up);
        Self {
            members,
            folder,
            _turn: turn,
        }
    }

    /// JSON-RPC of all nodes, ours and neo-go's.
    pub fn all(&self) -> Vec<Client> {
        let ours = self
            .members
            .iter()
            .filter_map(|member| member.ours.as_ref());
        let ours = ours.map(|node| node.rpc);
        ours.chain(self.members.iter().map(|member| member.neo_rpc))
            .collect()
    }

    /// Height of the lowest tip.
    pub fn height(&self) -> Option<u32> {
        let of = |node: Client| {
            let count = node.call("getblockcount", &json!([])).ok()?.as_u64()?;
            u32::try_from(count.checked_sub(1)?).ok()
        };
        let heights: Option<Vec<u32>> = self.all().into_iter().map(of).collect();
        heights?.into_iter().min()
    }
}

impl Drop for Network {
    /// Whoever looks into what failed needs the logs.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("logs are kept in {}", self.folder.path().display());
        }
    }
}

fn genesis(plan: &Plan<'_>) -> GenesisConfig {
    let validators = plan.committee[..plan.validators].to_vec();
    let mut genesis = GenesisConfig::new(MAGIC, validators);
    genesis.committee = plan.committee.clone();
    // All candidates fit into one block.
    genesis.max_block_system_fee = Datoshi(9_000 * 100_000_000);
    genesis
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// The neo-go nodes of all others, and with dBFT 2.0 the nodes of ours: all in one network.
fn neighbours(
    plan: &Plan<'_>,
    members: &[(&(PrivateKey, Software), u16)],
    index: usize,
) -> Vec<String> {
    let mut all = Vec::new();
    for (other, ((_, software), port)) in members.iter().enumerate() {
        if other != index {
            all.push(address(port + 5));
        }
        if plan.protocol == 2 && *software == Software::Ours {
            all.push(address(*port));
        }
    }
    all
}

/// The configuration of a node of ours.
fn config(
    plan: &Plan<'_>,
    genesis: &GenesisConfig,
    members: &[(&(PrivateKey, Software), u16)],
    index: usize,
) -> Value {
    let (_, port) = members[index];
    let mut config = json!({
        "protocol": {"version": plan.protocol, "genesis": genesis},
        "ledger": {"kind": "attached", "nodes": [{"rpc": format!("http://{}", address(port + 6))}]},
        "data_dir": "data",
        "wallet": {"path": "wallet.json", "password_file": "password"},
        "rpc": {"listen": address(port + 1)},
        "log": {"level": "debug"},
    });
    if plan.protocol == 2 {
        let mut peers = neighbours(plan, members, index);
        peers.retain(|peer| *peer != address(port));
        peers.push(address(port + 5));
        config["p2p"] = json!({"listen": [address(port)], "peers": peers});
    } else {
        // Those in office at first know nobody else. Who comes later knows those who were there before it.
        let known = index.max(plan.validators);
        let others = members.iter().enumerate().take(known);
        let others = others.filter(|(other, _)| *other != index);
        let peers = others.map(|(_, ((key, _), port))| {
            json!({"public_key": key.public_key(), "addresses": [address(*port)]})
        });
        let peers: Vec<Value> = peers.collect();
        config["network"] = json!({"listen": [address(port)], "peers": peers});
    }
    config
}

/// A wallet with this key, and its password beside it.
fn wallet(folder: &Path, key: &PrivateKey) {
    let scrypt = ScryptParams { n: 2, r: 1, p: 1 };
    let mut wallet = Nep6Wallet::new(None, scrypt);
    wallet.import(key, PASSWORD, None).unwrap();
    wallet.save_new(&folder.join("wallet.json")).unwrap();
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}
