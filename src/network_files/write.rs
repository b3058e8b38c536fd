//! Writing a new network: whole or not at all.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use neo_ledger::GenesisConfig;
use neo_node::config::{
    AttachedNode, CheckpointConfig, ConsensusConfig, LedgerKind, LedgerSection, LogConfig,
    MetricsConfig, NetworkSection, NodeConfig, P2pSection, PeerConfig, ProtocolConfig, RpcConfig,
    SecurityConfig, WalletConfig,
};
use neo_node::vote_log_file;
use neo_primitives::wallet::{Nep6Account, Nep6Wallet, nep2};
use neo_primitives::{PrivateKey, PublicKey, bft_quorum};
use rayon::prelude::*;

use super::crowd::Crowd;
use super::neo_go::{NEO_GO_FILE, NeoGoConsensus, NeoGoNode};
use super::ports::local;
use super::private::{create_folder, random_password, write_file};
use super::{
    CONFIG_FILE, DATA_FOLDER, GENESIS_FILE, NeoNodeFolder, NetworkFolder, NetworkPlan, NodePorts,
    PASSWORD_FILE, ProtocolVersion, WALLET_FILE, neo_node_folder, node_folder,
};
use crate::exit::{Exit, OrExit as _};

/// Makes keys, wallets, genesis and configurations of a network in `folder`, which must not exist or be empty.
/// Everything is written beside it first and appears at once.
///
/// # Errors
/// With [`Exit::Usage`] for a plan that gives no network, [`Exit::Busy`] for a folder that is in use.
pub(crate) fn create(folder: &Path, plan: &NetworkPlan) -> anyhow::Result<NetworkFolder> {
    refuse_used(folder)?;
    let mut keys: Vec<PrivateKey> = (0..plan.validators)
        .map(|_| PrivateKey::generate())
        .collect();
    keys.sort_by(|one, other| one.public_key().cmp(other.public_key()));
    let validators: Vec<PublicKey> = keys.iter().map(|key| key.public_key().clone()).collect();
    let genesis = plan.genesis(validators.clone()).or_exit(Exit::Usage)?;

    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let place = || format!("writing a network into {}", folder.display());
    std::fs::create_dir_all(parent).with_context(place)?;
    let draft = tempfile::Builder::new()
        .prefix(".neo-network-")
        .tempdir_in(parent)
        .with_context(place)?;
    let root = draft.path();
    let genesis_text = serde_json::to_string_pretty(&genesis).with_context(place)? + "\n";
    write_file(&root.join(GENESIS_FILE), genesis_text.as_bytes()).with_context(place)?;
    keys.par_iter()
        .enumerate()
        .try_for_each(|(index, key)| {
            write_node(&root.join(node_folder(index)), index, key, plan, &genesis)
        })
        .with_context(place)?;
    for index in 0..plan.neo_nodes.len() {
        write_neo_node(&root.join(neo_node_folder(index)), index, plan, &genesis)
            .with_context(place)?;
    }
    sync(root).with_context(place)?;
    std::fs::rename(root, folder).with_context(place)?;
    // Its content has moved; there is nothing left to remove.
    let _ = draft.keep();
    sync(parent).with_context(place)?;
    NetworkFolder::open(folder)
}

fn refuse_used(folder: &Path) -> anyhow::Result<()> {
    let used = |what: &str| {
        Exit::Busy.error(format!(
            "{} {what}: a network is only written into a new or empty folder",
            folder.display()
        ))
    };
    match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(used("is not empty")),
            None => Ok(()),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(used("is no folder")),
        Err(error) => Err(error).with_context(|| format!("reading {}", folder.display())),
    }
}

fn write_node(
    folder: &Path,
    index: usize,
    key: &PrivateKey,
    plan: &NetworkPlan,
    genesis: &GenesisConfig,
) -> anyhow::Result<()> {
    create_folder(folder)?;
    let password = random_password();
    write_file(
        &folder.join(PASSWORD_FILE),
        format!("{}\n", *password).as_bytes(),
    )?;
    wallet(index, key, &password, plan, genesis)?.save_new(&folder.join(WALLET_FILE))?;
    let config = node_config(index, plan, genesis)?;
    write_file(&folder.join(CONFIG_FILE), config.to_json().as_bytes())?;
    let data = folder.join(DATA_FOLDER);
    create_folder(&data)?;
    if index >= plan.validators.saturating_sub(plan.neo_go) {
        let node = NeoGoNode {
            genesis,
            ports: &plan.ports,
            index,
            consensus: Some(NeoGoConsensus {
                password: &password,
                min_peers: plan.neo_go_min_peers,
            }),
        };
        let yaml = node.yaml().map_err(|problem| Exit::Usage.error(problem))?;
        write_file(&folder.join(NEO_GO_FILE), yaml.as_bytes())?;
        // No vote log: one of ours that follows neo-go with this key cannot know what that has signed, and begins
        // with the silence of one that has lost its log.
        sync(folder)?;
        return Ok(());
    }
    // A validator that finds no vote log votes nothing, because it may have lost one: a new one gets an empty log.
    let identity = neo_node::log_identity(&config, key.public_key().clone());
    vote_log_file::initialise(&data, identity)?;
    sync(folder)?;
    Ok(())
}

/// A Neo node that keeps the chain of the validator beside it.
fn write_neo_node(
    folder: &Path,
    index: usize,
    plan: &NetworkPlan,
    genesis: &GenesisConfig,
) -> anyhow::Result<()> {
    create_folder(folder)?;
    let node = NeoGoNode {
        genesis,
        ports: &plan.neo_nodes,
        index,
        consensus: None,
    };
    let yaml = node.yaml().map_err(|problem| Exit::Usage.error(problem))?;
    write_file(&folder.join(NEO_GO_FILE), yaml.as_bytes())?;
    sync(folder)?;
    Ok(())
}

/// Writes the configuration of a further Neo node into a folder: it has free ports, and knows of the network where the
/// P2P of these nodes listens on this machine.
///
/// # Errors
/// With [`Exit::Busy`] if there are no free ports.
pub(crate) fn write_joining_node(
    folder: &Path,
    genesis: &GenesisConfig,
    seeds: &[u16],
) -> anyhow::Result<NeoNodeFolder> {
    let own = NodePorts::free(1).or_exit(Exit::Busy)?;
    let seeds = seeds.iter().zip(own.iter().cycle());
    let seeds = seeds.map(|(network, own)| NodePorts {
        network: *network,
        ..*own
    });
    let node = NeoGoNode {
        genesis,
        ports: &own.iter().copied().chain(seeds).collect::<Vec<_>>(),
        index: 0,
        consensus: None,
    };
    let yaml = node.yaml().map_err(|problem| Exit::Usage.error(problem))?;
    write_file(&folder.join(NEO_GO_FILE), yaml.as_bytes())?;
    let rpc = own.first().map(|own| local(own.rpc).into());
    let rpc = rpc.context("no port for a joining node")?;
    Ok(NeoNodeFolder::at(folder, rpc))
}

/// The validator's own account and the consensus account of all, as wallets of Neo validators have them.
fn wallet(
    index: usize,
    key: &PrivateKey,
    password: &str,
    plan: &NetworkPlan,
    genesis: &GenesisConfig,
) -> anyhow::Result<Nep6Wallet> {
    let keys = &genesis.standby_validators;
    let nep2 = nep2::encrypt(key, password, plan.scrypt)?;
    let mut own = Nep6Account::single_signature(key.public_key(), nep2.clone());
    own.label = Some(format!("validator {index}"));
    let mut consensus = Nep6Account::multisig(bft_quorum(keys.len()), keys, nep2)?;
    consensus.label = Some("consensus".to_owned());
    let mut wallet = Nep6Wallet::new(Some(&format!("validator {index}")), plan.scrypt);
    wallet.add(own);
    wallet.add(consensus);
    Ok(wallet)
}

fn node_config(
    index: usize,
    plan: &NetworkPlan,
    genesis: &GenesisConfig,
) -> anyhow::Result<NodeConfig> {
    let Some(NodePorts {
        network,
        rpc,
        metrics,
    }) = plan.ports.get(index).copied()
    else {
        bail!("no ports for node {index}");
    };
    // Each begins with the one behind it: all begin with somebody else, and who comes last has dialled itself by then.
    let all = genesis.standby_validators.iter().zip(&plan.ports);
    let others = all.clone().skip(index + 1).chain(all.take(index));
    let peers = others
        .clone()
        .map(|(key, ports)| {
            Ok(PeerConfig {
                public_key: Some(key.clone()),
                addresses: vec![local(ports.network).to_string().parse()?],
            })
        })
        .collect::<anyhow::Result<_>>()?;
    let (mesh, p2p) = match plan.protocol {
        ProtocolVersion::V3 => ((vec![local(network)], peers), None),
        ProtocolVersion::V2 => {
            let others = others.map(|(_, ports)| local(ports.network).to_string());
            let p2p = P2pSection {
                listen: vec![local(network)],
                peers: others.collect(),
                ..P2pSection::default()
            };
            ((Vec::new(), Vec::new()), Some(p2p))
        }
    };
    let crowd = Crowd::of(plan.validators);
    let ledger = match plan.neo_nodes.is_empty() {
        true => LedgerSection::default(),
        false => {
            let from_own = plan.neo_nodes.iter().cycle().skip(index);
            let nodes = from_own.take(1 + usize::from(plan.spare_neo_nodes));
            LedgerSection {
                kind: LedgerKind::Attached,
                nodes: nodes
                    .map(|node| AttachedNode {
                        rpc: format!("http://{}", local(node.rpc)),
                    })
                    .collect(),
                ..LedgerSection::default()
            }
        }
    };
    let config = NodeConfig {
        schema: None,
        description: Some(format!("validator {index} of {}", plan.validators)),
        protocol: ProtocolConfig {
            version: plan.protocol.number(),
            genesis: genesis.clone(),
        },
        data_dir: PathBuf::from(DATA_FOLDER),
        signer: None,
        ledger,
        wallet: Some(WalletConfig {
            path: PathBuf::from(WALLET_FILE),
            password_file: Some(PathBuf::from(PASSWORD_FILE)),
            password_env: None,
        }),
        consensus: ConsensusConfig {
            base_timeout_ms: crowd.base_timeout_ms,
            emergency_after_ms: crowd.emergency_after_ms,
            ..ConsensusConfig::default()
        },
        network: NetworkSection {
            listen: mesh.0,
            peers: mesh.1,
            heartbeat_ms: crowd.heartbeat_ms,
            max_dials: crowd.max_dials,
            ..NetworkSection::default()
        },
        p2p,
        rpc: Some(RpcConfig::at(local(rpc))),
        metrics: Some(MetricsConfig {
            listen: local(metrics),
        }),
        checkpoints: CheckpointConfig::default(),
        log: LogConfig::default(),
        security: SecurityConfig::default(),
    };
    // What is written must be readable: the checks of the reader decide.
    NodeConfig::parse(&config.to_json()).or_exit(Exit::Usage)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use neo_primitives::Magic;
    use neo_primitives::wallet::ScryptParams;

    fn plan(validators: usize) -> NetworkPlan {
        NetworkPlan {
            validators,
            protocol: ProtocolVersion::V3,
            neo_go: 0,
            neo_nodes: Vec::new(),
            spare_neo_nodes: false,
            neo_go_min_peers: None,
            block_time: Duration::from_secs(1),
            magic: Magic(7),
            witness_limit: None,
            ports: NodePorts::from_base(20_000, validators).unwrap(),
            scrypt: ScryptParams { n: 2, r: 1, p: 1 },
        }
    }

    #[test]
    fn a_network_is_written_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("deep/net");
        let network = create(&root, &plan(4)).unwrap();
        assert_eq!(network.nodes().len(), 4);
        assert_eq!(
            network.genesis().standby_validators,
            network.genesis().validators()
        );
        for (index, node) in network.nodes().iter().enumerate() {
            let config = node.config();
            assert_eq!(config.network.peers.len(), 3);
            let first = config
                .network
                .peers
                .first()
                .and_then(|peer| peer.public_key.clone());
            let next = (index + 1) % 4;
            let next = network.genesis().standby_validators.get(next);
            assert_eq!(first.as_ref(), next);
            let password =
                neo_node::config::read_password(config.wallet.as_ref().unwrap()).unwrap();
            let wallet = Nep6Wallet::load(&config.wallet.as_ref().unwrap().path).unwrap();
            let accounts = wallet.open(&password).unwrap();
            let key = accounts[0].key.public_key();
            assert_eq!(Some(key), network.genesis().standby_validators.get(index));
            assert_eq!(accounts[1].address, network.genesis().next_consensus());
        }
        // Nothing else is left beside it.
        assert_eq!(root.parent().unwrap().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_network_of_dbft_2_has_neo_go_beside_ours() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("net");
        let plan = NetworkPlan {
            protocol: ProtocolVersion::V2,
            neo_go: 1,
            ..plan(4)
        };
        let network = create(&root, &plan).unwrap();
        assert_eq!(network.protocol(), Some(ProtocolVersion::V2));
        for (index, node) in network.nodes().iter().enumerate() {
            let p2p = node.config().p2p.as_ref().unwrap();
            assert_eq!(p2p.listen, [local(plan.ports[index].network)]);
            assert_eq!(p2p.peers.len(), 3);
            assert!(!p2p.peers.contains(&p2p.listen[0].to_string()));
            assert!(node.config().network.listen.is_empty());
            let data = root.join(node_folder(index)).join(DATA_FOLDER);
            let files = data.read_dir().unwrap().count();
            assert_eq!((node.has_neo_go(), files == 0), (index == 3, index == 3));
        }
        let yaml = std::fs::read_to_string(root.join("node3").join(NEO_GO_FILE)).unwrap();
        let password = std::fs::read_to_string(root.join("node3").join(PASSWORD_FILE)).unwrap();
        assert!(yaml.contains(&format!("Password: \"{}\"", password.trim())));
    }

    #[test]
    fn validators_on_an_attached_ledger_have_a_neo_node_each() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("net");
        let own = NodePorts::from_base(20_000, 4).unwrap();
        let plan = NetworkPlan {
            neo_nodes: NodePorts::all_beside(&own).unwrap(),
            ..plan(4)
        };
        let network = create(&root, &plan).unwrap();
        assert_eq!(network.neo_nodes().len(), 4);
        for (index, (node, neo)) in network.nodes().iter().zip(network.neo_nodes()).enumerate() {
            let ledger = &node.config().ledger;
            assert!(ledger.is_attached() && !node.has_neo_go());
            assert_eq!(
                ledger.nodes[0].rpc,
                format!("http://127.0.0.1:{}", 20_006 + 10 * index)
            );
            assert_eq!(
                neo.rpc().authority(),
                format!("127.0.0.1:{}", 20_006 + 10 * index)
            );
            // It votes with a log of its own, and the Neo node has no key.
            assert!(
                root.join(node_folder(index))
                    .join(DATA_FOLDER)
                    .read_dir()
                    .unwrap()
                    .count()
                    > 0
            );
            let files: Vec<_> = neo.path().read_dir().unwrap().collect();
            assert_eq!(files.len(), 1, "{files:?}");
        }
        let text = std::fs::read_to_string(root.join("neo1").join(NEO_GO_FILE)).unwrap();
        let named = |port: u16| text.matches(&format!("127.0.0.1:{port}\"")).count();
        assert_eq!(
            [20_005, 20_015, 20_016, 20_025, 20_010].map(named),
            [1, 1, 1, 1, 0]
        );
    }

    #[test]
    fn a_spare_neo_node_is_that_of_the_next_validator() {
        let folder = tempfile::tempdir().unwrap();
        let own = NodePorts::from_base(20_000, 4).unwrap();
        let plan = NetworkPlan {
            neo_nodes: NodePorts::all_beside(&own).unwrap(),
            spare_neo_nodes: true,
            ..plan(4)
        };
        let network = create(&folder.path().join("net"), &plan).unwrap();
        let nodes = |index: usize| {
            let nodes = network.nodes()[index].config().ledger.nodes.iter();
            nodes.map(|node| node.rpc.clone()).collect::<Vec<_>>()
        };
        assert_eq!(
            nodes(0),
            ["http://127.0.0.1:20006", "http://127.0.0.1:20016"]
        );
        assert_eq!(
            nodes(3),
            ["http://127.0.0.1:20036", "http://127.0.0.1:20006"]
        );
    }

    #[test]
    fn a_used_folder_is_refused_and_an_empty_one_taken() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("net");
        std::fs::create_dir(&root).unwrap();
        create(&root, &plan(1)).unwrap();
        let before = std::fs::read(root.join("node0/config.json")).unwrap();
        let error = create(&root, &plan(1)).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Busy);
        assert_eq!(
            std::fs::read(root.join("node0/config.json")).unwrap(),
            before
        );
        let error = create(&root.join("genesis.json"), &plan(1)).unwrap_err();
        assert!(error.to_string().contains("is no folder"), "{error:#}");
    }

    #[test]
    fn a_refused_plan_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let error = create(&folder.path().join("net"), &plan(23)).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Usage);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}
