//! Addresses are looked up and dialled.

use std::time::Instant;

use libp2p::{
    Multiaddr,
    multiaddr::Protocol,
    swarm::{ConnectionId, DialError, dial_opts::DialOpts},
};

use super::Mesh;
use crate::{
    address::{self, Transport, transport_of},
    dialer::Step,
    error::PeerRef,
    metrics::increment,
};

impl Mesh {
    /// Dials and looks up what is due.
    pub(super) fn dial_due(&mut self) {
        let now = Instant::now();
        let sessions = &self.sessions;
        let directory = self.shared.directory.read();
        let steps = self.dialer.steps(now, |peer, key| {
            peer.is_some_and(|peer| sessions.contains_key(peer))
                || key.is_some_and(|key| directory.find(&PeerRef::Validator(key.clone())).is_some())
        });
        drop(directory);
        for step in steps {
            match step {
                Step::Dial(target, address) => {
                    increment(&self.shared.counters.dials);
                    let options = dial_options(&address);
                    self.dials
                        .insert(options.connection_id(), (target, address));
                    let connection = options.connection_id();
                    if let Err(error) = self.swarm.dial(options) {
                        self.on_dial_error(connection, &error);
                    }
                }
                Step::Resolve(target, endpoints) => {
                    let found = self.finder.clone();
                    tokio::spawn(async move {
                        let mut addresses = Vec::new();
                        for endpoint in &endpoints {
                            match address::resolve(endpoint).await {
                                Ok(more) => addresses.extend(more),
                                Err(error) => tracing::debug!(%endpoint, %error, "look-up failed"),
                            }
                        }
                        // Closed only when the mesh has ended.
                        let _ = found.send((target, addresses)).await;
                    });
                }
            }
        }
    }

    pub(super) fn on_dial_error(&mut self, connection: ConnectionId, error: &DialError) {
        let Some((target, address)) = self.dials.remove(&connection) else {
            return;
        };
        if let DialError::LocalPeerId { .. } = error {
            tracing::debug!(%address, "a configured peer is ourselves");
            self.dialer.is_self(target);
            return;
        }
        increment(&self.shared.counters.dial_failures);
        tracing::debug!(%address, %error, "dial failed");
        self.dialer.failed(target, Instant::now(), rand::random());
    }

    /// The addresses of a hello as we can dial them: where the peer listens everywhere, at the address that we see.
    pub(super) fn dialable(listen: &[Vec<u8>], seen: &Multiaddr) -> Vec<Multiaddr> {
        let seen = address::ip_of(seen);
        let addresses = listen
            .iter()
            .filter_map(|bytes| Multiaddr::try_from(bytes.clone()).ok());
        let addresses = addresses.filter(|address| address::transport_of(address).is_some());
        let mut dialable: Vec<_> = addresses
            .filter_map(|address| match address.iter().next()? {
                Protocol::Ip4(ip) if ip.is_unspecified() => Some(address::with_ip(&address, seen?)),
                Protocol::Ip6(ip) if ip.is_unspecified() => Some(address::with_ip(&address, seen?)),
                Protocol::Ip4(_) | Protocol::Ip6(_) => Some(address),
                _ => None,
            })
            .collect();
        dialable.sort_by_key(address::quic_first);
        dialable
    }
}

/// Options for a dial of one address. TCP dials come from a fresh port: two peers that dial each other at the
/// same moment from their listening ports would meet in one half-made connection.
fn dial_options(address: &Multiaddr) -> DialOpts {
    let options = DialOpts::unknown_peer_id().address(address.clone());
    match transport_of(address) {
        Some(Transport::Quic) => options.build(),
        _ => options.allocate_new_port().build(),
    }
}
