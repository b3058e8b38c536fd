//! Version and verack in both directions.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

use super::{
    config::NeoLimits,
    peer::Peer,
    reader::{MessageReader, Patience, lost},
    refusal::NeoRefusal,
    shared::Shared,
    wire::{Command, Message, Version, frame},
};

/// A connection after the handshake.
pub(crate) struct Joined {
    pub(crate) peer: Arc<Peer>,
    pub(crate) reader: MessageReader<OwnedReadHalf>,
    pub(crate) writer: OwnedWriteHalf,
}

/// Exchanges version and verack, each the only message that may come at its time, and all of it in time. The peer
/// is in the list of peers when this succeeds, and not when it fails.
///
/// # Errors
/// Why the peer is not let in.
pub(crate) async fn handshake(
    shared: &Shared,
    stream: TcpStream,
    address: SocketAddr,
    outbound: bool,
) -> Result<Joined, NeoRefusal> {
    let limit = shared.config.timing.handshake_timeout;
    let mut entered = Entered { shared, peer: None };
    let joined = timeout(limit, exchange(&mut entered, stream, address, outbound))
        .await
        .unwrap_or(Err(NeoRefusal::HandshakeTimeout(limit)))?;
    entered.peer = None;
    joined.peer.is_up.store(true, Relaxed);
    Ok(joined)
}

/// Takes the peer from the list again unless the handshake is completed.
struct Entered<'a> {
    shared: &'a Shared,
    peer: Option<Arc<Peer>>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(peer) = &self.peer {
            self.shared.peers.write().remove(&peer.id);
        }
    }
}

async fn exchange(
    entered: &mut Entered<'_>,
    stream: TcpStream,
    address: SocketAddr,
    outbound: bool,
) -> Result<Joined, NeoRefusal> {
    let shared = entered.shared;
    stream.set_nodelay(true).map_err(|error| lost(&error))?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = MessageReader::new(reader, shared.config.limits.clone());
    // The whole handshake has a limit; no part of it has a shorter one.
    let ample = shared.config.timing.handshake_timeout * 2;
    let patience = Patience {
        idle: ample,
        frame: ample,
    };
    write(&mut writer, &Message::Version(shared.version())).await?;
    let only = (Command::Version, "where version must be the first message");
    let (message, _) = reader.next(patience, Some(only)).await?;
    let Message::Version(version) = message else {
        return Err(NeoRefusal::Unexpected {
            command: message.command(),
            when: only.1,
        });
    };
    let peer = admit(shared, version, address, outbound)?;
    entered.peer = Some(peer.clone());
    write(&mut writer, &Message::Verack).await?;
    let only = (Command::Verack, "where verack must be the second message");
    reader.next(patience, Some(only)).await?;
    Ok(Joined {
        peer,
        reader,
        writer,
    })
}

/// What a peer says first; nothing is said to it.
///
/// # Errors
/// Why there is no version.
pub(crate) async fn first_version(
    stream: TcpStream,
    limits: NeoLimits,
    within: Duration,
) -> Result<Version, NeoRefusal> {
    let mut reader = MessageReader::new(stream, limits);
    let patience = Patience {
        idle: within,
        frame: within,
    };
    let only = (Command::Version, "where version must be the first message");
    match reader.next(patience, Some(only)).await?.0 {
        Message::Version(version) => Ok(version),
        message => Err(NeoRefusal::Unexpected {
            command: message.command(),
            when: only.1,
        }),
    }
}

async fn write(writer: &mut OwnedWriteHalf, message: &Message) -> Result<(), NeoRefusal> {
    let bytes = frame(message, false);
    writer.write_all(&bytes).await.map_err(|error| lost(&error))
}

/// Judges a version and enters its sender into the list of peers.
fn admit(
    shared: &Shared,
    version: Version,
    address: SocketAddr,
    outbound: bool,
) -> Result<Arc<Peer>, NeoRefusal> {
    let ours = shared.config.magic;
    if version.magic != ours {
        return Err(NeoRefusal::Magic {
            theirs: version.magic,
            ours,
        });
    }
    let nonce = version.nonce;
    if nonce == shared.nonce {
        return Err(NeoRefusal::OwnNonce(nonce));
    }
    let limits = &shared.config.limits;
    let peer = Arc::new(Peer::new(
        shared.next_id(),
        address,
        outbound,
        version,
        shared.config.compression,
        limits.known_hashes,
        limits.queue_bytes,
    ));
    let mut peers = shared.peers.write();
    if let Some(other) = peers.values().find(|other| other.version.nonce == nonce) {
        return Err(NeoRefusal::SameNonce {
            nonce,
            address: other.address,
        });
    }
    peers.insert(peer.id, peer.clone());
    Ok(peer)
}
