//! Neo nodes that keep the ledger.

use neo_node::config::NodeConfig;

use crate::rpc::Endpoint;

/// A Neo node that the validator takes its ledger from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LedgerNode {
    /// Where it stands in the configuration or on the command line.
    pub(crate) place: String,
    /// Its JSON-RPC.
    pub(crate) endpoint: Endpoint,
}

/// Who names the nodes that keep the ledger, in the order of preference.
pub(crate) trait LedgerNodes {
    /// The nodes; none for a ledger in this process.
    fn ledger_nodes(&self) -> Vec<LedgerNode>;
}

impl LedgerNodes for NodeConfig {
    /// A node's own ledger is embedded.
    fn ledger_nodes(&self) -> Vec<LedgerNode> {
        Vec::new()
    }
}

/// What `--node` names.
impl LedgerNodes for [Endpoint] {
    fn ledger_nodes(&self) -> Vec<LedgerNode> {
        let named = |endpoint: &Endpoint| LedgerNode {
            place: format!("--node {endpoint}"),
            endpoint: endpoint.clone(),
        };
        self.iter().map(named).collect()
    }
}
