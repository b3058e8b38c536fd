//! Everything that is compared with what other nodes answer.

use futures::future::join_all;
use neo_node::config::NodeConfig;
use neo_primitives::PublicKey;

use super::asking::{Seen, ask};
use super::clock::{self, Reading};
use super::finding::Finding;
use super::ledger::{LedgerNode, LedgerNodes};
use super::nodes::{self, Role};
use super::{Other, Request, chain, methods, other_file, votes};
use crate::rpc::RpcError;

/// Asks the nodes that keep the ledger and other validators. Also gives the validators of the next height as the
/// network has them, those of the genesis if nobody tells. `own` is the nonce of this configuration's node if it runs;
/// `idle` says that it certainly does not.
pub(super) async fn check(
    config: &NodeConfig,
    request: &Request,
    key: Option<&PublicKey>,
    own: Option<u32>,
    idle: bool,
) -> (Vec<Finding>, Vec<PublicKey>) {
    let mut all = Vec::new();
    let asked = whom(config, request, &mut all);
    let calls = asked
        .iter()
        .map(|(_, node)| ask(&node.endpoint, request.timeout));
    let answers: Vec<Result<Seen, RpcError>> = join_all(calls).await;
    let mut seen: Vec<(Role, Seen)> = Vec::new();
    for ((role, node), answer) in asked.into_iter().zip(answers) {
        all.push(nodes::reachable(role, &answer, &node.place));
        seen.extend(answer.ok().map(|answer| (role, answer)));
    }
    if request.others.is_empty() {
        let why = "no other validator was named: give --other FILE or --other URL";
        all.push(Finding::not_checked("limits", "--other", why));
    }
    for (role, seen) in &seen {
        all.extend(nodes::compare(config, *role, seen, key));
        match role {
            Role::Validator => all.extend(nodes::runs_elsewhere(config, seen, key, own)),
            Role::Ledger => all.push(methods::check(seen, request.timeout).await),
        }
    }
    // Heights and clocks of another network say nothing about this one.
    let genesis = &config.protocol.genesis;
    seen.retain(|(_, seen)| seen.is_of(genesis));
    let keep = seen.iter().filter(|(role, _)| *role == Role::Ledger);
    let keep: Vec<&Seen> = keep.map(|(_, seen)| seen).collect();
    all.extend(chain::trusted(config, &keep, request.timeout).await);
    let same: Vec<Seen> = seen.into_iter().map(|(_, seen)| seen).collect();
    let now = Reading::now().wall;
    all.extend(nodes::level(&same, now));
    all.extend(chain::one(&same, request.timeout).await);
    all.extend(clock::compare(config, &same, now));
    let highest = same.iter().max_by_key(|seen| seen.height);
    if let (Some(key), Some(highest), true) = (key, highest, idle) {
        let found = votes::check(key, genesis.magic, highest, request.timeout, now);
        all.push(found.await);
    }
    let validators = highest.map_or_else(|| genesis.validators(), |seen| seen.validators(genesis));
    (all, validators)
}

/// Who is asked over JSON-RPC. Files of other validators are compared at once.
fn whom(config: &NodeConfig, request: &Request, all: &mut Vec<Finding>) -> Vec<(Role, LedgerNode)> {
    let nodes = config.ledger_nodes().into_iter();
    let nodes = nodes.chain(request.nodes.ledger_nodes());
    let mut asked: Vec<_> = nodes.map(|node| (Role::Ledger, node)).collect();
    if asked.is_empty() {
        let why = "the ledger is in this process: there is no node that keeps it";
        all.push(Finding::not_checked("ledger", "ledger", why));
    }
    for other in &request.others {
        match other {
            Other::File(file) => all.extend(other_file::compare_file(config, file)),
            Other::Rpc(endpoint) => {
                let place = format!("--other {endpoint}");
                let endpoint = endpoint.clone();
                asked.push((Role::Validator, LedgerNode { place, endpoint }));
            }
        }
    }
    asked
}
