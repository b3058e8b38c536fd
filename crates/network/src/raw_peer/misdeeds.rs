//! What no correct node does on the mesh, ready to be done.

use std::time::Duration;

use libp2p::{Multiaddr, PeerId};
use neo_primitives::{Encode, PrivateKey, UInt256};

use super::{RawError, RawLane, RawPeer, framed};
use crate::{NetworkConfig, Priority, SyncRequest, control::Control, hello::KeyProof};

/// How long a victim may take to cut a connection that deserves it.
const PATIENCE: Duration = Duration::from_secs(3);

/// One way to break the rules of the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// Bytes that are no hello.
    GarbageHello,
    /// A hello whose proof belongs to another connection.
    ForeignProof,
    /// A request before the hello.
    EarlyRequest,
    /// A frame that says it is longer than its lane allows.
    OversizedFrame(RawLane),
    /// A frame of bytes without a meaning.
    MeaninglessFrame(RawLane),
    /// A frame that begins and does not end.
    UnfinishedFrame(RawLane),
    /// Transactions on the lane of votes.
    TransactionsAsVotes,
    /// Votes of a peer that is no validator.
    StrangerVotes,
    /// Thousands of control frames at once.
    ControlFlood,
    /// The same lane twice.
    SecondLane,
}

impl Misdeed {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::GarbageHello,
        Self::ForeignProof,
        Self::EarlyRequest,
        Self::OversizedFrame(RawLane::Control),
        Self::OversizedFrame(RawLane::Express),
        Self::OversizedFrame(RawLane::Bulk),
        Self::MeaninglessFrame(RawLane::Control),
        Self::MeaninglessFrame(RawLane::Express),
        Self::MeaninglessFrame(RawLane::Bulk),
        Self::UnfinishedFrame(RawLane::Express),
        Self::UnfinishedFrame(RawLane::Bulk),
        Self::TransactionsAsVotes,
        Self::StrangerVotes,
        Self::ControlFlood,
        Self::SecondLane,
    ];

    /// Does it on a connection of its own to `address`, with the identity of `config`; who has a `key` proves it,
    /// where that makes the misdeed worse. True if the victim then cut the connection.
    ///
    /// # Errors
    /// If it could not be done: the victim does not answer or keeps the attacker out.
    pub async fn commit(
        self,
        config: &NetworkConfig,
        address: Multiaddr,
        key: Option<&PrivateKey>,
    ) -> Result<bool, RawError> {
        let mut peer = RawPeer::dial(config, address).await?;
        // Lanes stay open until the end: closing one would be another kind of news.
        let _open = self.act(&mut peer, key).await?;
        Ok(peer.until_cut_off(PATIENCE).await)
    }

    async fn act(
        self,
        peer: &mut RawPeer,
        key: Option<&PrivateKey>,
    ) -> Result<Vec<super::RawStream>, RawError> {
        Ok(match self {
            Self::GarbageHello => {
                let mut control = peer.open(RawLane::Control).await?;
                peer.write(&mut control, &framed(&[0xa5; 500])).await?;
                vec![control]
            }
            Self::ForeignProof => {
                let mut hello = peer.hello(None);
                hello.proof =
                    key.map(|key| KeyProof::make(key, peer.magic, &PeerId::random(), &peer.victim));
                let mut control = peer.open(RawLane::Control).await?;
                let hello = framed(&hello.to_bytes());
                peer.write(&mut control, &hello).await?;
                vec![control]
            }
            Self::EarlyRequest => {
                for _ in 0..32 {
                    peer.request(SyncRequest::Body {
                        hash: UInt256::ZERO,
                    });
                }
                Vec::new()
            }
            Self::OversizedFrame(lane) => {
                let length = u32::try_from(lane.longest_frame()).unwrap_or(u32::MAX - 1) + 1;
                Self::on(peer, key, lane, &length.to_le_bytes()).await?
            }
            Self::MeaninglessFrame(lane) => {
                Self::on(peer, key, lane, &framed(&[0xa5; 300])).await?
            }
            Self::UnfinishedFrame(lane) => {
                Self::on(peer, key, lane, &[0, 16, 0, 0, 1, 2, 3]).await?
            }
            Self::TransactionsAsVotes => {
                let batch = framed(&[Priority::Transactions as u8, 0, 0, 0, 0]);
                Self::on(peer, key, RawLane::Express, &batch).await?
            }
            Self::StrangerVotes => {
                let vote = framed(&[Priority::Commit as u8, 1, 0, 0, 0, 7]);
                Self::on(peer, None, RawLane::Express, &vote).await?
            }
            Self::ControlFlood => {
                let role = Control::Role { consensus: true };
                let flood = framed(&role.to_bytes()).repeat(4_000);
                Self::on(peer, key, RawLane::Control, &flood).await?
            }
            Self::SecondLane => {
                let first = peer.greet(key).await?;
                let mut second = peer.open(RawLane::Control).await?;
                peer.write(&mut second, &[1]).await?;
                vec![first, second]
            }
        })
    }

    /// Greets, then writes on a lane.
    async fn on(
        peer: &mut RawPeer,
        key: Option<&PrivateKey>,
        lane: RawLane,
        bytes: &[u8],
    ) -> Result<Vec<super::RawStream>, RawError> {
        let mut control = peer.greet(key).await?;
        if lane == RawLane::Control {
            peer.write(&mut control, bytes).await?;
            return Ok(vec![control]);
        }
        let mut stream = peer.open(lane).await?;
        peer.write(&mut stream, bytes).await?;
        Ok(vec![control, stream])
    }
}
