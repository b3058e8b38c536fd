//! The configured peers: that they answer, belong to this network, and are who the configuration says.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use neo_network::{ProbeError, probe, probe_neo};
use neo_node::config::{NodeConfig, PeerConfig};
use neo_primitives::{PublicKey, bft_quorum};

use super::finding::Finding;
use super::nodes;
use crate::exit::Exit;

const PEER: &str = "peer";
const QUORUM: &str = "peers-quorum";

/// Greets every configured peer and counts those of `validators` among them that answer. `runs` if this configuration's own
/// node does: then the own key may answer.
pub(super) async fn check(
    config: &NodeConfig,
    validators: &[PublicKey],
    key: Option<&PublicKey>,
    runs: bool,
    within: Duration,
) -> Vec<Finding> {
    let mesh = config.network.peers.iter().enumerate();
    let mesh = join_all(mesh.map(|(at, peer)| greet(config, at, peer, within))).await;
    let mut reached: BTreeSet<&PublicKey> = key.into_iter().collect();
    let mut all = Vec::new();
    for (finding, validator) in &mesh {
        all.push(finding.clone());
        if key.is_some() && key == validator.as_ref() && !runs {
            let value = "a peer proves the own key: it runs twice";
            all.push(Finding::fail(
                nodes::TWICE,
                Exit::Refused,
                &finding.place,
                value,
                nodes::STOP_ONE,
            ));
        }
        reached.extend(validator);
    }
    let p2p = config.p2p.iter().flat_map(|p2p| &p2p.peers).enumerate();
    all.extend(join_all(p2p.map(|(at, peer)| greet_neo(config, at, peer, within))).await);
    if all.is_empty() {
        let why = "no peers are configured: this node waits for others to dial it";
        return vec![Finding::not_checked(PEER, "network.peers, p2p.peers", why)];
    }
    if !config.network.peers.is_empty() {
        all.push(quorum(validators, &reached));
    }
    all
}

async fn greet(
    config: &NodeConfig,
    at: usize,
    peer: &PeerConfig,
    within: Duration,
) -> (Finding, Option<PublicKey>) {
    let genesis = &config.protocol.genesis;
    let hash = genesis.genesis_block().hash();
    let place = format!("network.peers[{at}]");
    let mut reasons = Vec::new();
    for endpoint in &peer.addresses {
        match probe(genesis.magic, hash, endpoint, within).await {
            Ok(greeted) => {
                let who = match &greeted.key {
                    Some(key) => format!("validator {key}"),
                    None => "a node without a validator's key".to_owned(),
                };
                let value = format!(
                    "{who} answers at {}, height {}",
                    greeted.address, greeted.height
                );
                let wanted = peer.public_key.as_ref();
                if wanted.is_none() || wanted == greeted.key.as_ref() {
                    if !greeted.silent.is_empty() {
                        let value = format!("{value}; not at {}", greeted.silent.join("; "));
                        let mend = format!(
                            "it works and is slower: open the UDP port of {place} beside the TCP port"
                        );
                        return (Finding::warn(PEER, &place, value, mend), greeted.key);
                    }
                    return (Finding::ok(PEER, &place, value), greeted.key);
                }
                let mend =
                    format!("mend {place}.public_key or its addresses: another node listens there");
                let finding = Finding::fail(PEER, Exit::Refused, &place, value, mend);
                let wanted = wanted.map(PublicKey::to_string).unwrap_or_default();
                return (finding.limit(wanted), greeted.key);
            }
            Err(error @ ProbeError::Other { .. }) => return (foreign(&place, &error), None),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    (silent(&place, "TCP and UDP", &reasons.join("; ")), None)
}

async fn greet_neo(config: &NodeConfig, at: usize, peer: &str, within: Duration) -> Finding {
    let place = format!("p2p.peers[{at}]");
    match probe_neo(config.protocol.genesis.magic, peer, within).await {
        Ok(version) => {
            let height = version.start_height();
            let height = height.map_or_else(String::new, |height| format!(", height {height}"));
            let value = format!("{} answers at {peer}{height}", version.user_agent);
            Finding::ok(PEER, place, value)
        }
        Err(error @ ProbeError::Other { .. }) => foreign(&place, &error),
        Err(error) => silent(&place, "TCP", &error.to_string()),
    }
}

fn foreign(place: &str, error: &ProbeError) -> Finding {
    let mend =
        format!("mend the address of {place}, or protocol.genesis if the other one is right");
    Finding::fail(PEER, Exit::Busy, place, error, mend)
}

/// A peer that is down is its operator's matter, until too many are.
fn silent(place: &str, ports: &str, reasons: &str) -> Finding {
    let mend =
        format!("let {place} be started, its port be open for {ports}, or mend its addresses");
    Finding::warn(PEER, place, reasons, mend)
}

fn quorum(validators: &[PublicKey], reached: &BTreeSet<&PublicKey>) -> Finding {
    let there = validators
        .iter()
        .filter(|key| reached.contains(key))
        .count();
    let needed = bft_quorum(validators.len());
    let value = format!(
        "{there} of {} validators, this one included",
        validators.len()
    );
    let finding = if there >= needed {
        Finding::ok(QUORUM, "network.peers", value)
    } else {
        let mend = "until so many are reached there are no blocks: start the others, open their ports, or name \
                    missing ones in network.peers";
        Finding::warn(QUORUM, "network.peers", value, mend)
    };
    finding.limit(needed)
}
