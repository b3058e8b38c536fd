//! How many connections one address may make: refused before the transport handshake costs anything.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::IpAddr,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

use crate::{
    address,
    peer::Clock,
    rates::{Bucket, Rate},
};

/// Addresses whose rate is remembered; more at a time are let in by the global limits only.
const CAPACITY: usize = 4096;

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Crowded {
    #[error("{ip} has {count} connections already")]
    Connections { ip: IpAddr, count: u32 },
    #[error("{ip} makes more than {} connections a second", .rate.per_second)]
    Rate { ip: IpAddr, rate: Rate },
}

/// Counts incoming connections by address. Loopback addresses are not counted: all nodes of a machine share them.
pub(crate) struct Gates {
    most: u32,
    rate: Rate,
    clock: Clock,
    places: HashMap<ConnectionId, IpAddr>,
    counts: HashMap<IpAddr, u32>,
    begun: HashMap<IpAddr, Bucket>,
}

impl Gates {
    pub(crate) fn new(most: u32, rate: Rate) -> Self {
        Self {
            most,
            rate,
            clock: Clock::start(),
            places: HashMap::new(),
            counts: HashMap::new(),
            begun: HashMap::new(),
        }
    }

    fn enter(&mut self, connection: ConnectionId, ip: IpAddr, now_us: u64) -> Result<(), Crowded> {
        let ip = ip.to_canonical();
        if ip.is_loopback() {
            return Ok(());
        }
        let count = self.counts.get(&ip).copied().unwrap_or(0);
        if count >= self.most {
            return Err(Crowded::Connections { ip, count });
        }
        let rate = self.rate;
        if self.begun.len() >= CAPACITY && !self.begun.contains_key(&ip) {
            self.begun.retain(|_, bucket| !bucket.is_full(rate, now_us));
        }
        if self.begun.len() < CAPACITY || self.begun.contains_key(&ip) {
            let bucket = self.begun.entry(ip).or_default();
            if !bucket.try_take(rate, 1, now_us) {
                return Err(Crowded::Rate { ip, rate });
            }
        }
        self.places.insert(connection, ip);
        self.counts.insert(ip, count.saturating_add(1));
        Ok(())
    }

    fn leave(&mut self, connection: ConnectionId) {
        let Some(ip) = self.places.remove(&connection) else {
            return;
        };
        if let Some(count) = self.counts.get_mut(&ip) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.counts.remove(&ip);
            }
        }
    }
}

impl NetworkBehaviour for Gates {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        match address::ip_of(remote) {
            Some(ip) => self
                .enter(connection, ip, self.clock.now_us())
                .map_err(ConnectionDenied::new),
            None => Ok(()),
        }
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.leave(closed.connection_id),
            FromSwarm::ListenFailure(failed) => self.leave(failed.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gates(most: u32, per_second: u64) -> Gates {
        Gates::new(most, Rate::new(per_second, 5))
    }

    fn id(number: usize) -> ConnectionId {
        ConnectionId::new_unchecked(number)
    }

    #[test]
    fn an_address_has_so_many_connections_and_another_its_own() {
        let mut gates = gates(2, 100);
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
        assert_eq!(gates.enter(id(1), one, 1), Ok(()));
        assert_eq!(gates.enter(id(2), one, 1), Ok(()));
        let full = Crowded::Connections { ip: one, count: 2 };
        assert_eq!(gates.enter(id(3), one, 1), Err(full));
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(gates.enter(id(3), mapped, 1), Err(full));
        assert_eq!(gates.enter(id(4), other, 1), Ok(()));
        gates.leave(id(3));
        gates.leave(id(1));
        assert_eq!(gates.enter(id(5), one, 1), Ok(()));
        for number in 1..6 {
            gates.leave(id(number));
        }
        assert!(gates.places.is_empty() && gates.counts.is_empty());
    }

    #[test]
    fn who_comes_and_goes_all_the_time_has_to_wait() {
        let mut gates = gates(10, 1);
        let ip = "10.0.0.1".parse().unwrap();
        for number in 0..5 {
            assert_eq!(gates.enter(id(number), ip, 1), Ok(()));
            gates.leave(id(number));
        }
        assert!(matches!(
            gates.enter(id(5), ip, 1),
            Err(Crowded::Rate { .. })
        ));
        assert_eq!(gates.enter(id(6), ip, 1_000_001), Ok(()));
    }

    #[test]
    fn a_hundred_nodes_of_one_machine_are_let_in() {
        let mut gates = gates(2, 1);
        for number in 0..400 {
            for ip in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(gates.enter(id(number), ip.parse().unwrap(), 1), Ok(()));
            }
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut gates = gates(10, 1);
        for number in 0..2 * CAPACITY {
            let ip = IpAddr::from([11, 0, (number >> 8) as u8, number as u8]);
            assert_eq!(gates.enter(id(number), ip, 1), Ok(()));
        }
        assert_eq!(gates.begun.len(), CAPACITY);
    }
}
