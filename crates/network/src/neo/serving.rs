//! Answers to a peer's questions about the chain and the pool.

use std::sync::Arc;

use bytes::Bytes;
use neo_primitives::{Encode, Height, SignedHeader, UInt256, codec::write_var_int};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    chain::NeoChain,
    peer::Peer,
    refusal::NeoRefusal,
    send_queue::Class,
    shared::{Shared, unix_seconds},
    wire::{
        Capability, Command, HashRange, IndexRange, Inventory, InventoryKind, MAX_ADDRESSES,
        MAX_BLOCKS, MAX_HEADERS, MAX_PAYLOAD, Message, NodeAddress,
    },
};

/// Hashes of the pool that are told at once.
const POOL_HASHES: usize = 50_000;

/// Answers one question after the other, waiting for the peer to take the answers. Ends with the connection.
pub(crate) async fn run(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    mut questions: mpsc::Receiver<Message>,
) -> NeoRefusal {
    while let Some(question) = questions.recv().await {
        match question {
            Message::GetAddr => addresses(&shared, &peer),
            Message::Mempool => pool(&shared, &peer).await,
            Message::GetHeaders(range) => headers(&shared, &peer, range).await,
            Message::GetBlocks(range) => hashes(&shared, &peer, range).await,
            Message::GetBlockByIndex(range) => blocks(&shared, &peer, range).await,
            Message::GetData(inventory) => data(&shared, &peer, inventory).await,
            _ => {}
        }
    }
    NeoRefusal::Closed
}

/// Reads the chain on a thread that may block.
async fn read<T: Send + 'static>(
    shared: &Shared,
    read: impl FnOnce(&dyn NeoChain) -> T + Send + 'static,
) -> Option<T> {
    let chain = shared.chain.clone();
    // Fails only when the reader panicked or the runtime ends: there is no answer then.
    spawn_blocking(move || read(chain.as_ref())).await.ok()
}

fn addresses(shared: &Shared, peer: &Peer) {
    let mut list = shared.book.lock().share(rand::random::<u32>() as usize);
    let connected = shared.up().into_iter().filter_map(|other| {
        let socket = other.listening()?;
        (other.id != peer.id).then(|| NodeAddress {
            timestamp: unix_seconds(),
            ip: socket.ip(),
            capabilities: vec![Capability::TcpServer(socket.port())],
        })
    });
    for address in connected {
        if !list.iter().any(|known| known.socket() == address.socket()) {
            list.insert(0, address);
        }
    }
    list.retain(|address| address.socket() != peer.listening());
    list.truncate(MAX_ADDRESSES);
    if !list.is_empty() {
        peer.send(Class::Control, &Message::Addr(list), &shared.counters);
    }
}

async fn pool(shared: &Shared, peer: &Peer) {
    let hashes = read(shared, |chain| chain.pool(POOL_HASHES)).await;
    let kind = InventoryKind::Transaction;
    for group in Inventory::groups(kind, &hashes.unwrap_or_default()) {
        peer.send_bulk(Command::Inv, &group.to_bytes()).await;
    }
}

async fn headers(shared: &Shared, peer: &Peer, range: IndexRange) {
    let found = read(shared, move |chain| headers_of(chain, range)).await;
    let found = found.unwrap_or_default();
    if found.is_empty() {
        return;
    }
    let mut payload = Vec::new();
    write_var_int(&mut payload, found.len() as u64);
    for header in &found {
        header.encode(&mut payload);
    }
    peer.send_bulk(Command::Headers, &payload).await;
}

fn headers_of(chain: &dyn NeoChain, range: IndexRange) -> Vec<SignedHeader> {
    let mut bytes = 0;
    (0..range.at_most(MAX_HEADERS))
        .map_while(|step| chain.header(range.start.checked_add(u32::try_from(step).ok()?)?))
        .take_while(|header| {
            bytes += header.encoded_len();
            bytes <= MAX_PAYLOAD - 9
        })
        .collect()
}

async fn hashes(shared: &Shared, peer: &Peer, range: HashRange) {
    let found = read(shared, move |chain| hashes_after(chain, range)).await;
    for group in Inventory::groups(InventoryKind::Block, &found.unwrap_or_default()) {
        peer.send_bulk(Command::Inv, &group.to_bytes()).await;
    }
}

fn hashes_after(chain: &dyn NeoChain, range: HashRange) -> Vec<UInt256> {
    let Some(before) = chain.height_of(&range.after) else {
        return Vec::new();
    };
    let count = range.count.map_or(MAX_BLOCKS, usize::from).min(MAX_BLOCKS);
    (1..=count)
        .map_while(|step| chain.header(before.checked_add(u32::try_from(step).ok()?)?))
        .map(|header| header.hash())
        .collect()
}

async fn blocks(shared: &Shared, peer: &Peer, range: IndexRange) {
    for step in 0..range.at_most(MAX_BLOCKS) {
        let Some(height) = u32::try_from(step)
            .ok()
            .and_then(|step| range.start.checked_add(step))
        else {
            return;
        };
        if !block(shared, peer, height).await {
            return;
        }
    }
}

/// Sends a block. False if there is none.
async fn block(shared: &Shared, peer: &Peer, height: Height) -> bool {
    let found: Option<Bytes> = read(shared, move |chain| chain.block(height))
        .await
        .flatten();
    let Some(bytes) = found else {
        return false;
    };
    peer.send_bulk(Command::Block, &bytes).await;
    true
}

async fn data(shared: &Shared, peer: &Peer, inventory: Inventory) {
    // Nothing is sent twice for one question.
    let Inventory { kind, hashes } = inventory.without_repeats();
    let mut missing = Vec::new();
    for hash in hashes {
        let found = match kind {
            InventoryKind::Transaction => transaction(shared, peer, hash).await,
            InventoryKind::Block => {
                let height = read(shared, move |chain| chain.height_of(&hash)).await;
                match height.flatten() {
                    Some(height) => block(shared, peer, height).await,
                    None => false,
                }
            }
            InventoryKind::Extensible => false,
        };
        if found {
            peer.known.lock().insert(hash);
        } else {
            missing.push(hash);
        }
    }
    for group in Inventory::groups(kind, &missing) {
        peer.send(Class::Control, &Message::NotFound(group), &shared.counters);
    }
}

/// Sends a transaction. A proposal may wait for it, so that it does not stand behind blocks.
async fn transaction(shared: &Shared, peer: &Peer, hash: UInt256) -> bool {
    let found = read(shared, move |chain| chain.transaction(&hash)).await;
    let Some(bytes) = found.flatten() else {
        return false;
    };
    peer.send_payload(Class::Relay, Command::Transaction, &bytes, &shared.counters);
    true
}
