//! Where a devnet keeps its files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use neo_primitives::wallet::ScryptParams;
use tempfile::TempDir;

use super::Devnet;
use crate::exit::{Exit, OrExit as _};
use crate::network_files::{self, LedgerChoice, NetworkFolder, NetworkPlan, NodeFolder, NodePorts};

/// Number of validators if nothing else is said.
const VALIDATORS: usize = 4;
/// Target block time if nothing else is said.
const BLOCK_TIME: Duration = Duration::from_secs(1);

/// Passwords of a devnet are 160 random bits: stretching them would only slow the start down.
pub(crate) const SCRYPT: ScryptParams = ScryptParams { n: 2, r: 8, p: 1 };

/// The folder of a devnet, removed at the end if it is a temporary one.
#[derive(Debug)]
pub(crate) struct DevnetFolder {
    network: NetworkFolder,
    temporary: Option<TempDir>,
}

impl DevnetFolder {
    /// Makes a network, or opens the one that is to be continued.
    ///
    /// # Errors
    /// With [`Exit::Usage`] for options that contradict the network that is there, [`Exit::Busy`] for a folder or a
    /// port in use.
    pub(crate) fn prepare(devnet: &Devnet) -> anyhow::Result<Self> {
        if let Some(root) = devnet
            .data_dir
            .as_ref()
            .filter(|root| NetworkFolder::exists(root))
        {
            let network = NetworkFolder::open(root)?;
            check_options(devnet, &network)?;
            check_ports(&network)?;
            return Ok(Self {
                network,
                temporary: None,
            });
        }
        let validators = devnet.validators.unwrap_or(VALIDATORS);
        let mut ports = NodePorts::free(validators * 2).or_exit(Exit::Busy)?;
        let mut neo_nodes = ports.split_off(validators);
        if devnet.ledger.unwrap_or_default() == LedgerChoice::Embedded {
            neo_nodes.clear();
        }
        let plan = NetworkPlan {
            validators,
            protocol: devnet.protocol.unwrap_or_default(),
            neo_go: devnet.mixed.neo_go,
            neo_nodes,
            spare_neo_nodes: devnet.attached.spare,
            // The observer is enough, so that one that was killed can come back alone at first.
            neo_go_min_peers: Some(1),
            block_time: devnet.block_time.unwrap_or(BLOCK_TIME),
            magic: NetworkPlan::random_magic(),
            witness_limit: devnet.witness_limit,
            ports,
            scrypt: SCRYPT,
        };
        let temporary = match devnet.data_dir {
            Some(_) => None,
            None => {
                let folder = tempfile::Builder::new().prefix("neo-devnet-").tempdir();
                Some(folder.context("making a temporary folder")?)
            }
        };
        let root = match (&devnet.data_dir, &temporary) {
            (Some(root), _) => root.clone(),
            (None, Some(temporary)) => temporary.path().join("network"),
            (None, None) => PathBuf::new(),
        };
        let network = network_files::create(&root, &plan)?;
        Ok(Self { network, temporary })
    }

    /// The network.
    pub(crate) fn network(&self) -> &NetworkFolder {
        &self.network
    }

    /// Keeps the folder, and says where it is.
    pub(crate) fn keep(self) -> PathBuf {
        match self.temporary {
            Some(temporary) => temporary.keep(),
            None => self.network.root().to_owned(),
        }
    }
}

fn check_options(devnet: &Devnet, network: &NetworkFolder) -> anyhow::Result<()> {
    let root = network.root().display();
    let differs = |option: &str, asked: String, there: String| {
        Exit::Usage.error(format!(
            "{option} {asked}: the network in {root} has {there}"
        ))
    };
    let there = network.nodes().len();
    if let Some(asked) = devnet.validators.filter(|asked| *asked != there) {
        return Err(differs(
            "--validators",
            asked.to_string(),
            there.to_string(),
        ));
    }
    let there = network.protocol();
    if let Some(asked) = devnet.protocol.filter(|asked| Some(*asked) != there) {
        let there = there.map_or_else(|| "another".to_owned(), |there| there.number().to_string());
        return Err(differs("--protocol", asked.number().to_string(), there));
    }
    let there = match network.neo_nodes().len() {
        0 => LedgerChoice::Embedded,
        _ => LedgerChoice::Attached,
    };
    if let Some(asked) = devnet.ledger.filter(|asked| *asked != there) {
        let name = LedgerChoice::name;
        return Err(differs(
            "--ledger",
            name(asked).to_owned(),
            name(there).to_owned(),
        ));
    }
    let has_spare = |node: &NodeFolder| node.config().ledger.nodes.len() > 1;
    if devnet.attached.spare && !network.nodes().iter().all(has_spare) {
        let problem = format!("--spare-neo-nodes: the network in {root} has one for each");
        return Err(Exit::Usage.error(problem));
    }
    let with_neo_go = network.nodes().iter().rev();
    let there = with_neo_go.take_while(|node| node.has_neo_go()).count();
    if devnet.mixed.neo_go > there {
        return Err(differs(
            "--neo-go",
            devnet.mixed.neo_go.to_string(),
            format!("files for {there}"),
        ));
    }
    let there = network.genesis().block_time();
    if let Some(asked) = devnet.block_time.filter(|asked| *asked != there) {
        return Err(differs(
            "--block-time",
            format!("{asked:?}"),
            format!("{there:?}"),
        ));
    }
    let there = network.genesis().witness_limit;
    if let Some(asked) = devnet.witness_limit.filter(|asked| *asked != there) {
        return Err(differs(
            "--witness-limit",
            asked.to_string(),
            there.to_string(),
        ));
    }
    Ok(())
}

fn check_ports(network: &NetworkFolder) -> anyhow::Result<()> {
    for (index, node) in network.nodes().iter().enumerate() {
        let config = node.config();
        let port = |path: Option<std::net::SocketAddr>| path.map_or(0, |address| address.port());
        let mesh = config.network.listen.first();
        let p2p = config.p2p.as_ref().and_then(|p2p| p2p.listen.first());
        let ports = NodePorts {
            network: port(mesh.or(p2p).copied()),
            rpc: port(config.rpc.as_ref().map(|rpc| rpc.listen)),
            metrics: port(config.metrics.as_ref().map(|metrics| metrics.listen)),
        };
        if let Some(port) = ports.taken() {
            let file = node.config_file();
            return Err(Exit::Busy.error(format!(
                "port {port} of validator {index} ({}) is in use: is the network running already?",
                Path::new(&file).display()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::{AttachedPlan, Disturbances, Extent, MixedPlan, TxRate, TxToken};

    fn devnet(data_dir: Option<PathBuf>) -> Devnet {
        Devnet {
            validators: None,
            protocol: None,
            ledger: None,
            mixed: MixedPlan::default(),
            attached: AttachedPlan::default(),
            tx_token: TxToken::Both,
            block_time: None,
            extent: Extent::UntilInterrupted,
            tx_rate: TxRate::PerSecond(0),
            data_dir,
            witness_limit: None,
            disturbances: Disturbances::default(),
            trials: None,
            drill: None,
            json: true,
        }
    }

    #[test]
    fn a_temporary_folder_goes_and_a_kept_one_stays() {
        let folder = DevnetFolder::prepare(&devnet(None)).unwrap();
        let root = folder.network().root().to_owned();
        assert!(root.is_dir());
        drop(folder);
        assert!(!root.exists());
        let kept = DevnetFolder::prepare(&devnet(None)).unwrap().keep();
        assert!(kept.join("network/genesis.json").is_file());
        std::fs::remove_dir_all(kept).unwrap();
    }

    #[test]
    fn a_network_is_continued_with_its_own_options() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("net");
        let mut options = devnet(Some(root.clone()));
        options.validators = Some(3);
        let first = DevnetFolder::prepare(&options).unwrap();
        let keys = first.network().genesis().standby_validators.clone();
        options.validators = None;
        let second = DevnetFolder::prepare(&options).unwrap();
        assert_eq!(second.network().genesis().standby_validators, keys);
        options.validators = Some(4);
        let error = DevnetFolder::prepare(&options).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Usage);
        assert!(error.to_string().contains("--validators 4"), "{error}");
        options.validators = None;
        options.ledger = Some(LedgerChoice::Attached);
        let error = DevnetFolder::prepare(&options).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("--ledger attached") && text.contains("has embedded"),
            "{text}"
        );
        options.ledger = None;
        options.block_time = Some(Duration::ZERO);
        assert!(
            DevnetFolder::prepare(&options)
                .unwrap_err()
                .to_string()
                .contains("--block-time 0ns")
        );
        let port = second.network().nodes()[1]
            .config()
            .rpc
            .as_ref()
            .unwrap()
            .listen;
        let held = std::net::TcpListener::bind(port).unwrap();
        options.block_time = None;
        let error = DevnetFolder::prepare(&options).unwrap_err();
        assert_eq!(Exit::of(&error), Exit::Busy);
        assert!(
            error.to_string().contains(&format!("port {}", port.port())),
            "{error}"
        );
        drop(held);
    }
}
