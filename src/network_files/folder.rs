//! A network that was written.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use neo_ledger::GenesisConfig;
use neo_node::config::NodeConfig;

use super::neo_go::with_consensus;
use super::{
    CONFIG_FILE, GENESIS_FILE, NEO_GO_FILE, ProtocolVersion, neo_node_folder, node_folder,
};
use crate::exit::{Exit, OrExit as _};
use crate::rpc::Endpoint;

/// The folder of a network.
#[derive(Debug)]
pub(crate) struct NetworkFolder {
    root: PathBuf,
    genesis: GenesisConfig,
    nodes: Vec<NodeFolder>,
    neo_nodes: Vec<NeoNodeFolder>,
}

/// The folder of a Neo node that keeps the chain of the validator beside it.
#[derive(Clone, Debug)]
pub(crate) struct NeoNodeFolder {
    path: PathBuf,
    rpc: Endpoint,
}

/// The folder of one of its nodes.
#[derive(Debug)]
pub(crate) struct NodeFolder {
    path: PathBuf,
    config: NodeConfig,
}

impl NetworkFolder {
    /// Whether there is a network in this folder.
    pub(crate) fn exists(root: &Path) -> bool {
        root.join(GENESIS_FILE).is_file()
    }

    /// Reads the genesis configuration and every node's configuration.
    ///
    /// # Errors
    /// With [`Exit::Refused`] if one is missing or refused, or if they are not of one network.
    pub(crate) fn open(root: &Path) -> anyhow::Result<Self> {
        let path = root.join(GENESIS_FILE);
        let file = || format!("{}", path.display());
        let text = std::fs::read_to_string(&path)
            .or_exit(Exit::Refused)
            .with_context(file)?;
        let genesis: GenesisConfig = serde_json::from_str(&text)
            .or_exit(Exit::Refused)
            .with_context(file)?;
        genesis
            .validate()
            .or_exit(Exit::Refused)
            .with_context(file)?;
        let nodes = (0..genesis.standby_validators.len())
            .map(|index| {
                let path = root.join(node_folder(index));
                let NodeFolder { path, config } = NodeFolder::at(&path)?;
                let place = || format!("{}", NodeFolder::config_in(&path).display());
                if config.protocol.genesis != genesis {
                    let error =
                        Exit::Refused.error(format!("protocol.genesis differs from {}", file()));
                    return Err(error).with_context(place);
                }
                Ok(NodeFolder { path, config })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let neo_nodes = nodes.iter().enumerate();
        let neo_nodes = neo_nodes
            .filter_map(|(index, node)| NeoNodeFolder::of(root, index, node).transpose())
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            root: root.to_owned(),
            genesis,
            nodes,
            neo_nodes,
        })
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The genesis configuration.
    pub(crate) fn genesis(&self) -> &GenesisConfig {
        &self.genesis
    }

    /// How its validators agree; that of the first one's configuration, if there is one that is known.
    pub(crate) fn protocol(&self) -> Option<ProtocolVersion> {
        let first = self.nodes.first()?;
        ProtocolVersion::from_number(first.config.protocol.version)
    }

    /// The nodes, by validator index.
    pub(crate) fn nodes(&self) -> &[NodeFolder] {
        &self.nodes
    }

    /// The Neo nodes that keep the chain, by the index of the validator beside each; none if each validator keeps it
    /// itself.
    pub(crate) fn neo_nodes(&self) -> &[NeoNodeFolder] {
        &self.neo_nodes
    }
}

impl NeoNodeFolder {
    /// That of the Neo node beside a validator, if there is one in this network.
    fn of(root: &Path, index: usize, node: &NodeFolder) -> anyhow::Result<Option<Self>> {
        let path = root.join(neo_node_folder(index));
        if !path.join(NEO_GO_FILE).is_file() {
            return Ok(None);
        }
        let place = || format!("{}: ledger.nodes", node.config_file().display());
        let first = node.config.ledger.nodes.first();
        let first = first.ok_or_else(|| {
            let problem = format!("names none, {} is there", path.display());
            Exit::Refused.error(problem)
        });
        let rpc = first.with_context(place)?.rpc.parse();
        let rpc = rpc.map_err(|problem: String| Exit::Refused.error(problem));
        Ok(Some(Self {
            rpc: rpc.with_context(place)?,
            path,
        }))
    }

    /// One with its configuration in this folder.
    pub(super) fn at(path: &Path, rpc: Endpoint) -> Self {
        let path = path.to_owned();
        Self { path, rpc }
    }

    /// Its folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where its JSON-RPC listens.
    pub(crate) fn rpc(&self) -> &Endpoint {
        &self.rpc
    }
}

impl NodeFolder {
    /// One whose configuration is in this folder.
    ///
    /// # Errors
    /// With [`Exit::Refused`] if it is missing or refused.
    pub(crate) fn at(path: &Path) -> anyhow::Result<Self> {
        let file = Self::config_in(path);
        let place = || format!("{}", file.display());
        let config = NodeConfig::load(&file);
        let config = config.or_exit(Exit::Refused).with_context(place)?;
        let path = path.to_owned();
        Ok(Self { path, config })
    }

    /// Where the configuration of a node with this folder is.
    pub(crate) fn config_in(path: &Path) -> PathBuf {
        path.join(CONFIG_FILE)
    }

    /// Writes into the configuration of the neo-go process beside it whether its consensus is on.
    ///
    /// # Errors
    /// If the file does not say it in the form in which it was written.
    pub(crate) fn set_neo_go_consensus(&self, on: bool) -> anyhow::Result<()> {
        let path = self.path.join(NEO_GO_FILE);
        let place = || format!("{}", path.display());
        let text = std::fs::read_to_string(&path).with_context(place)?;
        let text = with_consensus(&text, on);
        let text = text.ok_or_else(|| Exit::Refused.error("does not say whether consensus is on"));
        let text = text.with_context(place)?;
        std::fs::write(&path, text).with_context(place)
    }

    /// The node's folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file to start it with.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.path.join(CONFIG_FILE)
    }

    /// Whether a neo-go process can be this validator.
    pub(crate) fn has_neo_go(&self) -> bool {
        self.path.join(NEO_GO_FILE).is_file()
    }

    /// Its configuration, with paths that lead there from the working directory.
    pub(crate) fn config(&self) -> &NodeConfig {
        &self.config
    }

    /// Where its RPC server listens.
    ///
    /// # Errors
    /// With [`Exit::Refused`] if it has none.
    pub(crate) fn rpc(&self) -> anyhow::Result<Endpoint> {
        let rpc = self.config.rpc.as_ref().ok_or_else(|| {
            Exit::Refused.error(format!(
                "{}: there is no `rpc` section",
                self.config_file().display()
            ))
        })?;
        Ok(rpc.listen.into())
    }

    /// Where its metrics are.
    pub(crate) fn metrics(&self) -> Option<String> {
        let metrics = self.config.metrics.as_ref()?;
        Some(format!("http://{}/metrics", metrics.listen))
    }
}
