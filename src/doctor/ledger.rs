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
    /// What the section `ledger` names, whose addresses were read when the configuration was.
    fn ledger_nodes(&self) -> Vec<LedgerNode> {
        let nodes = self.ledger.nodes.iter().enumerate();
        let named = nodes.filter_map(|(at, node)| {
            let endpoint = node.rpc.parse().ok()?;
            let place = format!("ledger.nodes[{at}].rpc {endpoint}");
            Some(LedgerNode { place, endpoint })
        });
        named.collect()
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
