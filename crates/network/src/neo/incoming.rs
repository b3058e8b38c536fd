//! What a message from a peer does.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use neo_primitives::{Encode, ExtensiblePayload, UInt256, sha256};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    event::NeoEvent,
    metrics::count,
    peer::Peer,
    refusal::NeoRefusal,
    send_queue::Class,
    shared::Shared,
    wire::{Command, Inventory, InventoryKind, Message, NodeAddress, Ping},
};

/// Where messages go that take some time.
pub(crate) struct Inboxes {
    /// Questions: more than fit are dropped.
    pub(crate) questions: mpsc::Sender<Message>,
    /// Headers, blocks and transactions: the peer is not read until there is room.
    pub(crate) answers: mpsc::Sender<Message>,
}

/// Acts on a message.
///
/// # Errors
/// Why the connection has to end.
pub(crate) async fn incoming(
    shared: &Arc<Shared>,
    peer: &Arc<Peer>,
    message: Message,
    inboxes: &Inboxes,
) -> Result<(), NeoRefusal> {
    match message {
        Message::Version(_) | Message::Verack => Err(NeoRefusal::Unexpected {
            command: message.command(),
            when: "after the handshake",
        }),
        Message::Ping(ping) => {
            height_said(shared, peer, &ping);
            let pong = Ping {
                nonce: ping.nonce,
                ..shared.ping()
            };
            peer.send(Class::Control, &Message::Pong(pong), &shared.counters);
            Ok(())
        }
        Message::Pong(pong) => pong_came(shared, peer, &pong),
        Message::Addr(addresses) => {
            addresses_came(shared, peer, &addresses);
            Ok(())
        }
        Message::Inv(inventory) => {
            announced(shared, peer, inventory).await;
            Ok(())
        }
        Message::NotFound(inventory) => {
            not_found(shared, peer, &inventory);
            Ok(())
        }
        Message::Extensible(payload) => {
            extensible_came(shared, peer, payload).await;
            Ok(())
        }
        Message::GetData(inventory) if inventory.kind == InventoryKind::Extensible => {
            serve_extensibles(shared, peer, inventory);
            Ok(())
        }
        question @ (Message::GetAddr
        | Message::GetHeaders(_)
        | Message::GetBlocks(_)
        | Message::GetBlockByIndex(_)
        | Message::GetData(_)
        | Message::Mempool) => {
            let now_us = shared.now_us();
            let rate = shared.config.limits.requests;
            let fits = peer.meters.lock().requests.try_take(rate, 1, now_us);
            if !fits || inboxes.questions.try_send(question).is_err() {
                count(&shared.counters.over_rate, 1);
            }
            Ok(())
        }
        answer @ (Message::Headers(_) | Message::Block(_) | Message::Transaction(_)) => {
            // Fails only when the connection ends.
            let _ = inboxes.answers.send(answer).await;
            Ok(())
        }
        // Bloom filters change nothing here, and the rest means nothing.
        Message::Reject(_)
        | Message::Alert(_)
        | Message::FilterLoad(_)
        | Message::FilterAdd(_)
        | Message::FilterClear
        | Message::MerkleBlock(_)
        | Message::Other { .. } => Ok(()),
    }
}

fn height_said(shared: &Shared, peer: &Peer, ping: &Ping) {
    if peer.is_full() && peer.set_height(ping.last_block) {
        shared.sync.lock().peer_height(peer.id, ping.last_block);
        // A node that is too busy misses it; the peer's height is there to be read.
        let _ = shared.events.bulk.try_send(NeoEvent::Height {
            peer: peer.id,
            height: ping.last_block,
        });
    }
}

fn pong_came(shared: &Shared, peer: &Peer, pong: &Ping) -> Result<(), NeoRefusal> {
    {
        let mut pings = peer.pings.lock();
        let sent = pings.open.take().ok_or(NeoRefusal::UnexpectedPong)?;
        pings.round_trip = Some(shared.now().saturating_sub(sent));
    }
    height_said(shared, peer, pong);
    Ok(())
}

/// Takes the addresses that were asked for; others are ignored, as C# does.
fn addresses_came(shared: &Shared, peer: &Peer, addresses: &[NodeAddress]) {
    if peer.asked_addresses.swap(false, Relaxed) {
        shared.book.lock().heard(addresses);
    }
}

async fn announced(shared: &Arc<Shared>, peer: &Peer, inventory: Inventory) {
    let kind = inventory.kind;
    {
        let mut known = peer.known.lock();
        for hash in &inventory.hashes {
            known.insert(*hash);
        }
    }
    // Neither transactions nor many blocks are of use to a node that still fetches the chain by height. It asks for
    // the pool when it has caught up.
    let spared = match kind {
        InventoryKind::Transaction => shared.sync.lock().is_far_behind(),
        InventoryKind::Block => inventory.hashes.len() > 1 && shared.sync.lock().is_behind(),
        InventoryKind::Extensible => false,
    };
    if spared {
        if kind == InventoryKind::Transaction {
            peer.asked_pool.store(false, Relaxed);
        }
        return;
    }
    let missing = missing_of(shared, inventory).await;
    let now = shared.now();
    let ask: Vec<UInt256> = {
        let mut wanted = shared.wanted.lock();
        missing
            .into_iter()
            .filter(|hash| wanted.announced(peer.id, (kind, *hash), now))
            .collect()
    };
    shared.ask(peer, kind, &ask);
}

/// What we do not have. Transactions and blocks are looked up on a thread that may block.
async fn missing_of(shared: &Arc<Shared>, inventory: Inventory) -> Vec<UInt256> {
    let Inventory { kind, mut hashes } = inventory;
    if kind == InventoryKind::Extensible {
        hashes.retain(|hash| !has(shared, kind, hash));
        return hashes;
    }
    let shared = shared.clone();
    let look = move || {
        hashes.retain(|hash| !has(&shared, kind, hash));
        hashes
    };
    // Fails only when the chain's reader panicked or the runtime ends: nothing is asked for then.
    spawn_blocking(look).await.unwrap_or_default()
}

fn has(shared: &Shared, kind: InventoryKind, hash: &UInt256) -> bool {
    match kind {
        InventoryKind::Transaction => {
            shared.settled.lock().contains(hash) || shared.chain.has_transaction(hash)
        }
        InventoryKind::Block => {
            shared.chain.height_of(hash).is_some() || shared.sync.lock().knows_block(hash)
        }
        InventoryKind::Extensible => {
            shared.cache.lock().contains(hash) || shared.settled.lock().contains(hash)
        }
    }
}

fn not_found(shared: &Shared, peer: &Peer, inventory: &Inventory) {
    for hash in &inventory.hashes {
        let item = (inventory.kind, *hash);
        let next = shared.wanted.lock().not_found(peer.id, &item, shared.now());
        if let Some(next) = next.and_then(|id| shared.peer(id)) {
            shared.ask(&next, inventory.kind, &[*hash]);
        }
    }
}

async fn extensible_came(shared: &Shared, peer: &Peer, payload: Box<ExtensiblePayload>) {
    let rate = shared.config.limits.extensibles;
    let now_us = shared.now_us();
    if !peer.meters.lock().extensibles.try_take(rate, 1, now_us) {
        count(&shared.counters.over_rate, 1);
        return;
    }
    let hash = payload.hash();
    peer.known.lock().insert(hash);
    shared
        .wanted
        .lock()
        .arrived(&(InventoryKind::Extensible, hash));
    let fingerprint = sha256(&payload.to_bytes());
    if shared.cache.lock().contains(&hash) || !shared.seen.lock().insert(fingerprint) {
        count(&shared.counters.repeated, 1);
        return;
    }
    let event = NeoEvent::Extensible {
        peer: peer.id,
        hash,
        payload,
    };
    // Fails only when the node has stopped listening. A busy node slows its peers down.
    let _ = shared.events.consensus.send(event).await;
}

fn serve_extensibles(shared: &Shared, peer: &Peer, inventory: Inventory) {
    let hashes = inventory.without_repeats().hashes;
    let rate = shared.config.limits.extensibles;
    let (cost, now_us) = (hashes.len() as u64, shared.now_us());
    if !peer.meters.lock().served.try_take(rate, cost, now_us) {
        count(&shared.counters.over_rate, 1);
        return;
    }
    let mut missing = Vec::new();
    for hash in hashes {
        let found = shared.cache.lock().get(&hash);
        let Some(payload) = found else {
            missing.push(hash);
            continue;
        };
        peer.known.lock().insert(hash);
        let bytes = payload.to_bytes();
        peer.send_payload(Class::Urgent, Command::Extensible, &bytes, &shared.counters);
    }
    for group in Inventory::groups(InventoryKind::Extensible, &missing) {
        peer.send(Class::Control, &Message::NotFound(group), &shared.counters);
    }
}
