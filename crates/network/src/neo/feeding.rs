//! Headers, blocks and transactions on their way to the node.

use std::sync::Arc;

use neo_primitives::{Block, SignedHeader, Transaction};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    event::NeoEvent,
    peer::Peer,
    refusal::NeoRefusal,
    shared::Shared,
    sync::follow_all,
    ticker::carry_out,
    wire::{InventoryKind, Message},
};

/// Looks at one message after the other, waiting for the node to take what comes of it. Ends with the connection.
pub(crate) async fn run(
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    mut answers: mpsc::Receiver<Message>,
) -> NeoRefusal {
    while let Some(answer) = answers.recv().await {
        let result = match answer {
            Message::Headers(headers) => headers_came(&shared, &peer, headers).await,
            Message::Block(block) => block_came(&shared, &peer, block).await,
            Message::Transaction(transaction) => {
                transaction_came(&shared, &peer, *transaction).await;
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(reason) = result {
            return reason;
        }
    }
    NeoRefusal::Closed
}

async fn headers_came(
    shared: &Shared,
    peer: &Peer,
    headers: Vec<SignedHeader>,
) -> Result<(), NeoRefusal> {
    let came = shared.sync.lock().headers_came(peer.id, headers);
    if let Some((link, new)) = came {
        let magic = shared.config.magic;
        let verified = spawn_blocking(move || follow_all(link, new, magic))
            .await
            .map_err(|error| NeoRefusal::Lost(error.to_string()))??;
        let mut sync = shared.sync.lock();
        sync.headers_verified(peer.id, link, verified);
    }
    let planned = shared.sync.lock().plan(shared.now());
    carry_out(shared, planned);
    Ok(())
}

async fn block_came(shared: &Shared, peer: &Peer, block: Box<Block>) -> Result<(), NeoRefusal> {
    let hash = block.hash();
    peer.known.lock().insert(hash);
    shared.wanted.lock().arrived(&(InventoryKind::Block, hash));
    let now = shared.now();
    let useful = shared.sync.lock().block_came(peer.id, block, now)?;
    if !useful {
        return Ok(());
    }
    // The permit comes first, so that blocks leave in the order in which the session hands them on.
    while shared.sync.lock().has_next() {
        let Ok(permit) = shared.events.bulk.reserve().await else {
            return Err(NeoRefusal::ShutDown);
        };
        let mut sync = shared.sync.lock();
        if let Some((peer, block)) = sync.deliver(shared.now()) {
            permit.send(NeoEvent::Block { peer, block });
        }
    }
    let planned = shared.sync.lock().plan(shared.now());
    carry_out(shared, planned);
    Ok(())
}

async fn transaction_came(shared: &Shared, peer: &Peer, transaction: Transaction) {
    let hash = transaction.hash();
    peer.known.lock().insert(hash);
    let asked = shared
        .wanted
        .lock()
        .arrived(&(InventoryKind::Transaction, hash));
    if !asked && shared.chain.has_transaction(&hash) {
        return;
    }
    let event = NeoEvent::Transaction {
        peer: peer.id,
        hash,
        transaction: Arc::new(transaction),
    };
    // Fails only when the node has stopped listening.
    let _ = shared.events.bulk.send(event).await;
}
