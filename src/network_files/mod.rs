//! The files of a network whose validators run on one machine.
//!
//! ```text
//! DIR/genesis.json           the genesis configuration, the same in every node
//! DIR/node0/config.json      configuration of validator 0 (validators are numbered by public key)
//! DIR/node0/wallet.json      its NEP-6 wallet: its own account, and the consensus multisig with its key
//! DIR/node0/password         the wallet's password, readable by its owner only
//! DIR/node0/data/            its chain, vote log and network identity
//! DIR/node3/neo-go.yml       where a neo-go process is the validator: its configuration, for the same wallet
//! DIR/neo0/neo-go.yml        where Neo nodes keep the chain: that of the one beside validator 0, whose consensus is off
//! ```

mod crowd;
mod folder;
mod neo_go;
mod plan;
mod ports;
mod private;
mod write;

pub(crate) use folder::{NeoNodeFolder, NetworkFolder, NodeFolder};
pub(crate) use neo_go::NEO_GO_FILE;
pub(crate) use plan::{LedgerChoice, NEO_VALIDATORS, NetworkPlan, ProtocolVersion};
pub(crate) use ports::{NodePorts, local};
pub(crate) use private::{
    create_folder as create_private_folder, random_password, write_file as write_private_file,
};
pub(crate) use write::{create, write_joining_node};

/// Name of the genesis configuration in a network's folder.
const GENESIS_FILE: &str = "genesis.json";
/// Name of the configuration in a node's folder.
const CONFIG_FILE: &str = "config.json";
/// Name of the wallet in a node's folder.
const WALLET_FILE: &str = "wallet.json";
/// Name of the password file in a node's folder.
pub(crate) const PASSWORD_FILE: &str = "password";
/// Name of the data folder in a node's folder.
const DATA_FOLDER: &str = "data";

/// Name of a node's folder.
fn node_folder(index: usize) -> String {
    format!("node{index}")
}

/// Name of the folder of the Neo node beside a node.
fn neo_node_folder(index: usize) -> String {
    format!("neo{index}")
}
