//! That the nodes have one chain, and the one that the operator vouches for.

use std::time::Duration;

use futures::future::join_all;
use neo_node::config::NodeConfig;
use neo_primitives::UInt256;
use serde_json::json;

use super::asking::{Seen, client};
use super::finding::Finding;
use crate::exit::Exit;
use crate::rpc::RpcError;

const ONE: &str = "one-chain";
const TRUSTED: &str = "trusted-block";

/// Whether all nodes have the same block at the greatest height that each of them has.
pub(super) async fn one(all: &[Seen], timeout: Duration) -> Vec<Finding> {
    let lowest = all.iter().map(|seen| seen.height).min();
    let (Some(height), [first, rest @ ..]) = (lowest, all) else {
        return Vec::new();
    };
    if rest.is_empty() {
        return Vec::new();
    }
    let hashes = join_all(all.iter().map(|seen| hash(seen, height, timeout))).await;
    let mut known: Option<(&Seen, UInt256)> = None;
    let mut found = Vec::new();
    for (seen, hash) in all.iter().zip(hashes) {
        match (hash, known) {
            (Err(error), _) => found.push(Finding::not_checked(ONE, &seen.endpoint, error)),
            (Ok(hash), None) => known = Some((seen, hash)),
            (Ok(hash), Some((other, known))) if hash != known => {
                let value = format!("block {height}: {hash}");
                let limit = format!("{known} at {}", other.endpoint);
                let mend = "the validators signed one of the two: the node with the other one lies or is damaged; \
                            delete its chain and let it synchronise again";
                let finding = Finding::fail(ONE, Exit::Unreachable, &seen.endpoint, value, mend);
                found.push(finding.limit(limit));
            }
            (Ok(_), Some(_)) => {}
        }
    }
    if found.is_empty() {
        let value = format!("{} nodes have the same block {height}", all.len());
        found.push(Finding::ok(ONE, &first.endpoint, value));
    }
    found
}

/// Whether the ledger nodes have the block that the configuration trusts.
pub(super) async fn trusted(
    config: &NodeConfig,
    nodes: &[&Seen],
    timeout: Duration,
) -> Vec<Finding> {
    const PLACE: &str = "ledger.trusted";
    let Some(trusted) = config.ledger.trusted else {
        return Vec::new();
    };
    let height = trusted.height.0;
    let mut all = Vec::new();
    for seen in nodes {
        let endpoint = &seen.endpoint;
        let finding = if seen.height < height {
            let value = format!("{endpoint} is at height {}", seen.height);
            let mend = "wait until that node has the block, or trust a lower one";
            Finding::warn(TRUSTED, PLACE, value, mend)
        } else {
            match hash(seen, height, timeout).await {
                Ok(hash) if hash == trusted.hash => {
                    Finding::ok(TRUSTED, PLACE, format!("{endpoint} has block {height}"))
                }
                Ok(hash) => {
                    let value = format!("{endpoint} has {hash} at height {height}");
                    let mend = "take the hash from another source than this node, an explorer say; if the configured \
                                one is right, the node has a false chain";
                    Finding::fail(TRUSTED, Exit::Refused, PLACE, value, mend)
                }
                Err(error) => Finding::not_checked(TRUSTED, PLACE, error),
            }
        };
        all.push(finding.limit(trusted.hash));
    }
    all
}

async fn hash(seen: &Seen, height: u32, timeout: Duration) -> Result<UInt256, RpcError> {
    let mut client = client(&seen.endpoint, timeout)?;
    client.call("getblockhash", json!([height])).await
}
