//! From the network to the parts of the node.

use std::sync::Arc;
use std::time::Duration;

use neo_consensus::engine::Connectivity;
use neo_network::{NetworkEvent, NetworkEvents, NetworkHandle};
use neo_primitives::Height;
use tokio::sync::{mpsc, watch};

use super::error::NodeError;
use crate::driver::{Delivered, Inside};
use crate::gossip;
use crate::security::Security;
use crate::serving::Server;
use crate::sync::SyncTrigger;

/// How often a validator compares its height with its peers' although consensus is at work.
const SYNC_CHECK: Duration = Duration::from_millis(500);

/// The ends of channels that lead into the node.
pub(super) struct Inlets {
    pub(super) inside: mpsc::UnboundedSender<Inside>,
    pub(super) messages: mpsc::Sender<Delivered>,
    pub(super) security: Arc<Security>,
    pub(super) sync: mpsc::Sender<SyncTrigger>,
    pub(super) gossip: mpsc::Sender<gossip::Batch>,
}

/// Takes events off the network and gives each to the part it belongs to.
pub(super) async fn pump(
    mut events: NetworkEvents,
    inlets: Inlets,
    server: Server,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), NodeError> {
    let mut check = tokio::time::interval(SYNC_CHECK);
    check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut behind: Option<Height> = None;
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            _ = check.tick() => {
                behind = check_height(&inlets, &server, behind);
                report_round_trips(&inlets, &server.network);
                inlets.security.tick();
                continue;
            }
            _ = stopped.changed() => return Ok(()),
        };
        let Some(event) = event else { return Ok(()) };
        inlets.security.network(&event);
        match event {
            NetworkEvent::Consensus {
                from,
                relayed_for,
                bytes,
            } => {
                let delivered = Delivered {
                    from,
                    bytes,
                    relayed: relayed_for.is_some(),
                };
                // Waiting here holds the network back, so a flood cannot pile up.
                let _ = inlets.messages.send(delivered).await;
            }
            NetworkEvent::Transactions { from, txs } => {
                // What is dropped here is found again with the block that has it.
                let _ = inlets.gossip.try_send(gossip::Batch::Mesh(from, txs));
            }
            NetworkEvent::Request {
                from,
                request,
                reply,
            } => server.serve(from, request, reply),
            NetworkEvent::PeerUp {
                peer,
                validator,
                height,
                ..
            } => {
                tracing::info!(%peer, ?validator, %height, "peer is up");
                if let Some(key) = validator {
                    let up = Connectivity::Up {
                        round_trip: Duration::ZERO,
                    };
                    let _ = inlets.inside.send(Inside::Connectivity(key, up));
                }
                follow(&inlets, &server, peer, height);
            }
            NetworkEvent::PeerDown {
                peer,
                validator,
                reason,
            } => {
                tracing::info!(%peer, ?validator, reason, "peer is gone");
                if let Some(key) = validator {
                    let down = Inside::Connectivity(key, Connectivity::Down);
                    let _ = inlets.inside.send(down);
                }
            }
            NetworkEvent::Quiet { validator, silent } => {
                tracing::debug!(%validator, ?silent, "a watched validator is quiet");
                let _ = inlets
                    .inside
                    .send(Inside::Connectivity(validator, Connectivity::Quiet));
            }
            NetworkEvent::Heard { validator } => {
                let round_trip = server.network.peer(&validator).and_then(|peer| peer.rtt);
                let up = Connectivity::Up {
                    round_trip: round_trip.unwrap_or_default(),
                };
                let _ = inlets.inside.send(Inside::Connectivity(validator, up));
            }
            NetworkEvent::Evidence { peer, bytes } => {
                let security = Arc::clone(&inlets.security);
                // Signatures take time; the network bounds how many proofs come.
                tokio::task::spawn_blocking(move || security.examine(peer, bytes));
            }
            NetworkEvent::Status { peer, height, .. } => follow(&inlets, &server, peer, height),
            _ => {}
        }
    }
}

/// A peer two blocks ahead has what consensus here will not bring; one block is a race that consensus
/// usually wins.
fn follow(inlets: &Inlets, server: &Server, peer: neo_network::PeerId, height: Height) {
    let own = server.ledger.height();
    let lead = if inlets.messages.is_closed() { 1 } else { 2 };
    if height.0 >= own.0.saturating_add(lead) {
        let _ = inlets.sync.try_send(SyncTrigger::Peer(peer));
    }
}

/// A node that stays one block behind for a whole interval fetches it.
fn check_height(inlets: &Inlets, server: &Server, before: Option<Height>) -> Option<Height> {
    let own = server.ledger.height();
    let ahead = server
        .network
        .peers()
        .into_iter()
        .find(|peer| peer.height > own)?;
    if before == Some(own) {
        let _ = inlets.sync.try_send(SyncTrigger::Peer(ahead.peer_id));
    }
    Some(own)
}

/// Of validators that are not quiet: an `Up` says that they were heard.
fn report_round_trips(inlets: &Inlets, network: &NetworkHandle) {
    for peer in network.peers().into_iter().filter(|peer| !peer.quiet) {
        if let (Some(key), Some(round_trip)) = (peer.validator, peer.rtt) {
            let up = Connectivity::Up { round_trip };
            let _ = inlets.inside.send(Inside::Connectivity(key, up));
        }
    }
}
