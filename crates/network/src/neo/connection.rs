//! The life of one connection.

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
    sync::mpsc,
    time::timeout,
};

use super::{
    event::NeoEvent,
    feeding,
    handshake::{Joined, handshake},
    incoming::{Inboxes, incoming},
    metrics::count,
    peer::Peer,
    reader::{MessageReader, Patience, lost},
    refusal::NeoRefusal,
    send_queue::Class,
    serving,
    shared::Shared,
    wire::Message,
};

/// Questions of a peer that may wait to be answered; more are dropped.
const QUESTIONS: usize = 16;
/// Headers, blocks and transactions of a peer that may wait to be looked at; more are read later. Each may be long.
const ANSWERS: usize = 2;

/// Serves a connection to its end and says why it ended. The caller has reserved it and releases it.
pub(crate) async fn run(
    shared: Arc<Shared>,
    stream: TcpStream,
    address: SocketAddr,
    outbound: bool,
) -> NeoRefusal {
    let joined = tokio::select! {
        joined = handshake(&shared, stream, address, outbound) => joined,
        () = shared.ended() => Err(NeoRefusal::ShutDown),
    };
    let reason = match joined {
        Ok(joined) => {
            let peer = joined.peer.clone();
            let reason = live(&shared, joined).await;
            leave(&shared, &peer, &reason);
            reason
        }
        Err(reason) => reason,
    };
    shared.counters.refused(&reason);
    let name = reason.name();
    match &reason {
        reason if reason.is_offence() => {
            tracing::warn!(peer = %address, outbound, reason = name, "Neo N3 peer refused: {reason}");
        }
        NeoRefusal::Closed | NeoRefusal::ShutDown | NeoRefusal::SameNonce { .. } => {
            tracing::debug!(peer = %address, outbound, reason = name, "Neo N3 connection ended: {reason}");
        }
        _ => {
            tracing::info!(peer = %address, outbound, reason = name, "Neo N3 connection ended: {reason}");
        }
    }
    reason
}

/// Everything after the handshake; returns when any part of it ends.
async fn live(shared: &Arc<Shared>, joined: Joined) -> NeoRefusal {
    let Joined {
        peer,
        reader,
        writer,
    } = joined;
    arrive(shared, &peer);
    let (questions_in, questions) = mpsc::channel(QUESTIONS);
    let (answers_in, answers) = mpsc::channel(ANSWERS);
    let inboxes = Inboxes {
        questions: questions_in,
        answers: answers_in,
    };
    tokio::select! {
        reason = peer.closed() => reason,
        () = shared.ended() => NeoRefusal::ShutDown,
        reason = read(shared, &peer, reader, inboxes) => reason,
        reason = write(shared, &peer, writer) => reason,
        reason = serving::run(shared.clone(), peer.clone(), questions) => reason,
        reason = feeding::run(shared.clone(), peer.clone(), answers) => reason,
    }
}

/// The peer is up: the node and the others hear of it, and it hears of consensus so far unless it is ahead of us, as
/// neo-go does it.
fn arrive(shared: &Shared, peer: &Peer) {
    let version = &peer.version;
    // Fails only when the node has stopped listening.
    let _ = shared.events.connectivity.send(NeoEvent::PeerUp {
        peer: peer.id,
        address: peer.address,
        nonce: version.nonce,
        user_agent: version.user_agent.clone(),
        height: version.start_height(),
    });
    if let Some(height) = version.start_height() {
        shared.sync.lock().peer_height(peer.id, height);
    }
    if let Some(address) = peer.listening() {
        let mut book = shared.book.lock();
        book.add(address, version.timestamp);
        book.connected(&address, version.timestamp);
    }
    peer.asked_addresses.store(true, Relaxed);
    peer.send(Class::Control, &Message::GetAddr, &shared.counters);
    if peer.height() <= shared.height() {
        shared.announce_consensus(peer);
    }
}

/// The peer is gone: what it was asked for is asked of others.
fn leave(shared: &Shared, peer: &Peer, reason: &NeoRefusal) {
    shared.peers.write().remove(&peer.id);
    shared.sync.lock().peer_gone(peer.id);
    let next = shared.wanted.lock().gone(peer.id, shared.now());
    for (other, (kind, hash)) in next {
        if let Some(other) = shared.peer(other) {
            shared.ask(&other, kind, &[hash]);
        }
    }
    if reason.is_offence()
        && let Some(address) = peer.listening()
    {
        shared.book.lock().shun(&address, shared.now());
    }
    let _ = shared.events.connectivity.send(NeoEvent::PeerDown {
        peer: peer.id,
        address: peer.address,
        reason: reason.clone(),
    });
}

async fn read(
    shared: &Arc<Shared>,
    peer: &Arc<Peer>,
    mut reader: MessageReader<OwnedReadHalf>,
    inboxes: Inboxes,
) -> NeoRefusal {
    let timing = &shared.config.timing;
    let patience = Patience {
        idle: timing.idle_timeout,
        frame: timing.frame_timeout,
    };
    loop {
        let (message, length) = match reader.next(patience, None).await {
            Ok(read) => read,
            Err(reason) => return reason,
        };
        shared.counters.read(message.command(), length);
        if let Err(reason) = incoming(shared, peer, message, &inboxes).await {
            return reason;
        }
        let wait = wait_for(shared, peer, length);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

/// How long the peer's next message is left unread, because it sent too much.
fn wait_for(shared: &Shared, peer: &Peer, length: usize) -> Duration {
    let limits = &shared.config.limits;
    let now_us = shared.now_us();
    let mut meters = peer.meters.lock();
    let messages = meters.messages.take(limits.messages, 1, now_us);
    let bytes = meters.bytes.take(limits.bytes, length as u64, now_us);
    Duration::from_micros(messages.max(bytes))
}

async fn write(shared: &Shared, peer: &Peer, mut writer: OwnedWriteHalf) -> NeoRefusal {
    let patience = shared.config.timing.write_timeout;
    loop {
        let frame = peer.queue.next().await;
        match timeout(patience, writer.write_all(&frame)).await {
            Err(_) => return NeoRefusal::SlowReader(patience),
            Ok(Err(error)) => return lost(&error),
            Ok(Ok(())) => {
                count(&shared.counters.frames_out, 1);
                count(&shared.counters.bytes_out, frame.len());
            }
        }
    }
}
