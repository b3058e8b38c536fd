//! What the Neo nodes of a configuration have.

use neo_node::config::NodeConfig;
use neo_primitives::Height;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::rpc::{Endpoint, RpcClient};

/// The highest block that the configured Neo nodes have.
///
/// # Errors
/// With [`Exit::Unreachable`] if none answers, [`Exit::Busy`] if one is of another network.
pub(super) async fn tip(config: &NodeConfig) -> anyhow::Result<Height> {
    let mut highest = None;
    let mut problems = Vec::new();
    for (position, node) in config.ledger.nodes.iter().enumerate() {
        let place = format!("ledger.nodes[{position}]");
        match ask(&node.rpc).await {
            Ok((magic, tip)) => {
                let own = config.protocol.genesis.magic.0;
                if magic != u64::from(own) {
                    let problem =
                        format!("{place}: {} is of network {magic}, this is {own}", node.rpc);
                    return Err(Exit::Busy.error(problem));
                }
                highest = highest.max(Some(tip));
            }
            Err(problem) => problems.push(format!("{place}: {problem}")),
        }
    }
    highest.ok_or_else(|| Exit::Unreachable.error(problems.join("; ")))
}

async fn ask(address: &str) -> Result<(u64, Height), String> {
    let endpoint: Endpoint = address.parse()?;
    let mut client = RpcClient::new(endpoint).map_err(|error| error.to_string())?;
    let version: Value = client
        .call("getversion", json!([]))
        .await
        .map_err(|error| error.to_string())?;
    let magic = version["protocol"]["network"].as_u64();
    let magic = magic.ok_or_else(|| format!("{address}: getversion has no protocol.network"))?;
    let count: u32 = client
        .call("getblockcount", json!([]))
        .await
        .map_err(|error| error.to_string())?;
    let tip = count.checked_sub(1).map(Height);
    let tip = tip.ok_or_else(|| format!("{address}: getblockcount is 0"))?;
    Ok((magic, tip))
}
