//! Long-lived substreams, bound to their connection.
//!
//! Each side of a connection opens its own lanes and only writes on them; what the remote opened is only read.
//! The behaviour opens lanes on request and hands out both kinds of substream together with the connection that
//! they belong to, so that a connection which replaces another one is never mistaken for it.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll, Waker},
};

use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol,
    core::{
        Endpoint,
        transport::PortUse,
        upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo},
    },
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, NotifyHandler, StreamUpgradeError, SubstreamProtocol, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm,
        handler::{
            ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
        },
    },
};

/// The substreams of a connection, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Hello, then heartbeats, statuses and roles.
    Control,
    /// Consensus messages up to 32 KiB.
    Express,
    /// Transactions, blocks and large consensus messages.
    Bulk,
}

impl Lane {
    const ALL: [Lane; 3] = [Lane::Control, Lane::Express, Lane::Bulk];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Lane::Control => "control",
            Lane::Express => "consensus",
            Lane::Bulk => "bulk",
        }
    }

    pub(crate) fn protocol(self) -> StreamProtocol {
        StreamProtocol::new(match self {
            Lane::Control => "/neo-dbft/3/hello",
            Lane::Express => "/neo-dbft/3/consensus",
            Lane::Bulk => "/neo-dbft/3/bulk",
        })
    }
}

/// What happened to the lanes of one connection.
#[derive(Debug)]
pub(crate) enum LaneEvent {
    /// The remote opened a lane; it is to be read.
    Incoming(Lane, Stream),
    /// The lane that we asked for is open; it is to be written.
    Opened(Lane, Stream),
    /// The lane that we asked for could not be opened.
    Failed(Lane, String),
}

/// Negotiates one of some lanes; no bytes are exchanged beyond libp2p's own.
pub(crate) struct Negotiation(Vec<Lane>);

#[derive(Clone)]
pub(crate) struct LaneName(Lane, StreamProtocol);

impl AsRef<str> for LaneName {
    fn as_ref(&self) -> &str {
        self.1.as_ref()
    }
}

impl UpgradeInfo for Negotiation {
    type Info = LaneName;
    type InfoIter = std::vec::IntoIter<LaneName>;

    fn protocol_info(&self) -> Self::InfoIter {
        let names: Vec<_> = self
            .0
            .iter()
            .map(|lane| LaneName(*lane, lane.protocol()))
            .collect();
        names.into_iter()
    }
}

impl InboundUpgrade<Stream> for Negotiation {
    type Output = (Lane, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, name: LaneName) -> Self::Future {
        ready(Ok((name.0, stream)))
    }
}

impl OutboundUpgrade<Stream> for Negotiation {
    type Output = (Lane, Stream);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, name: LaneName) -> Self::Future {
        ready(Ok((name.0, stream)))
    }
}

/// The lanes of one connection.
#[derive(Default)]
pub(crate) struct LaneHandler {
    wanted: VecDeque<Lane>,
    news: VecDeque<LaneEvent>,
    waker: Option<Waker>,
}

impl ConnectionHandler for LaneHandler {
    type FromBehaviour = Lane;
    type ToBehaviour = LaneEvent;
    type InboundProtocol = Negotiation;
    type OutboundProtocol = Negotiation;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Lane;

    fn listen_protocol(&self) -> SubstreamProtocol<Negotiation> {
        SubstreamProtocol::new(Negotiation(Lane::ALL.to_vec()), ())
    }

    /// Connections are closed by the mesh alone.
    fn connection_keep_alive(&self) -> bool {
        true
    }

    fn on_behaviour_event(&mut self, lane: Lane) {
        self.wanted.push_back(lane);
        self.wake();
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<'_, Negotiation, Negotiation, (), Lane>,
    ) {
        let news = match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (lane, stream),
                ..
            }) => LaneEvent::Incoming(lane, stream),
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: (lane, stream),
                ..
            }) => LaneEvent::Opened(lane, stream),
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info: lane, error }) => {
                LaneEvent::Failed(
                    lane,
                    match error {
                        StreamUpgradeError::Timeout => "negotiation timed out".to_owned(),
                        StreamUpgradeError::NegotiationFailed => {
                            "the peer does not speak the protocol".to_owned()
                        }
                        StreamUpgradeError::Io(error) => error.to_string(),
                        StreamUpgradeError::Apply(never) => match never {},
                    },
                )
            }
            _ => return,
        };
        self.news.push_back(news);
        self.wake();
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Negotiation, Lane, LaneEvent>> {
        if let Some(news) = self.news.pop_front() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(news));
        }
        if let Some(lane) = self.wanted.pop_front() {
            let protocol = SubstreamProtocol::new(Negotiation(vec![lane]), lane);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl LaneHandler {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The lanes of all connections.
#[derive(Default)]
pub(crate) struct Lanes {
    pending: VecDeque<ToSwarm<(ConnectionId, LaneEvent), Lane>>,
    waker: Option<Waker>,
}

impl Lanes {
    /// Asks for a lane on one connection; [`LaneEvent::Opened`] or [`LaneEvent::Failed`] follows unless it closes.
    pub(crate) fn open(&mut self, peer: PeerId, connection: ConnectionId, lane: Lane) {
        self.push(ToSwarm::NotifyHandler {
            peer_id: peer,
            handler: NotifyHandler::One(connection),
            event: lane,
        });
    }

    fn push(&mut self, event: ToSwarm<(ConnectionId, LaneEvent), Lane>) {
        self.pending.push_back(event);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl NetworkBehaviour for Lanes {
    type ConnectionHandler = LaneHandler;
    type ToSwarm = (ConnectionId, LaneEvent);

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(LaneHandler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(LaneHandler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.push(ToSwarm::GenerateEvent((connection, event)));
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.pending.pop_front() {
            Some(event) => Poll::Ready(event),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
