//! Fetching stored blocks from others when this node is behind.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use neo_ledger::Ledger;
use neo_network::{MAX_SYNC_BLOCKS, NetworkHandle, PeerId, SyncRequest, SyncResponse};
use neo_primitives::{Block, Height, PublicKey, Reader};
use tokio::sync::{mpsc, oneshot};

use crate::driver::Inside;
use crate::ledger_worker::{Imported, LedgerWorker, unix_ns};

/// A peer turned out to have more blocks than this node.
#[derive(Clone, Debug)]
pub(crate) enum SyncTrigger {
    /// A validator, by its messages.
    Validator(PublicKey),
    /// Any peer, by its status.
    Peer(PeerId),
}

/// Fetches and imports, one run of blocks after the other.
pub(crate) struct Syncer {
    pub(crate) network: NetworkHandle,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) worker: LedgerWorker,
    pub(crate) inside: mpsc::UnboundedSender<Inside>,
    pub(crate) witness_limit: u32,
}

impl Syncer {
    /// Works until all triggers are gone.
    pub(crate) async fn run(self, mut triggers: mpsc::Receiver<SyncTrigger>) {
        while let Some(trigger) = triggers.recv().await {
            while self.one_run(&trigger).await {}
        }
    }

    /// Fetches and imports one run; true when there may be more.
    async fn one_run(&self, trigger: &SyncTrigger) -> bool {
        let start = self.ledger.height().next();
        let request = SyncRequest::Blocks {
            start,
            count: MAX_SYNC_BLOCKS,
        };
        let answer = match trigger {
            SyncTrigger::Validator(key) => self.network.request(key.clone(), request).await,
            SyncTrigger::Peer(peer) => self.network.request(*peer, request).await,
        };
        let blocks = match answer {
            Ok(SyncResponse::Blocks(blocks)) => blocks,
            Ok(_) => return false,
            Err(error) => {
                tracing::debug!(%start, %error, "blocks not available");
                return false;
            }
        };
        let blocks = self.decode(start, &blocks);
        if blocks.is_empty() {
            return false;
        }
        let summaries: Vec<_> = blocks
            .iter()
            .map(|block| (block.header.index, block.hash(), block.transactions.len()))
            .collect();
        let (done, imported) = oneshot::channel();
        self.worker.import(blocks, move |outcome| {
            let _ = done.send(outcome);
        });
        match imported.await {
            Ok(Imported::Stored { height, hash }) => {
                let before = start.previous().unwrap_or(Height(0));
                let mut blocks = summaries;
                blocks.retain(|(at, _, _)| *at > before && *at <= height);
                tracing::info!(from = %start, to = %height, "blocks fetched from another node");
                let at_ns = unix_ns();
                let imported = Inside::Imported {
                    height,
                    hash,
                    blocks,
                    at_ns,
                };
                let _ = self.inside.send(imported);
                height >= start
            }
            Ok(Imported::Refused {
                height,
                hash,
                error,
            }) => {
                tracing::warn!(%height, %hash, %error, "a fetched block is invalid");
                false
            }
            Ok(Imported::Failed(error)) => {
                tracing::error!(%start, %error, "fetched blocks cannot be stored");
                tokio::time::sleep(Duration::from_secs(1)).await;
                false
            }
            Err(_) => false,
        }
    }

    /// The consecutive blocks of an answer, from `start` upwards.
    fn decode(&self, start: Height, blocks: &[Bytes]) -> Vec<Arc<Block>> {
        let mut decoded = Vec::with_capacity(blocks.len());
        let mut expected = start;
        for bytes in blocks {
            let mut reader = Reader::new(bytes);
            let block = Block::decode_with_limit(&mut reader, self.witness_limit);
            match block.and_then(|block| reader.finish().map(|()| block)) {
                Ok(block) if block.header.index == expected => {
                    expected = expected.next();
                    decoded.push(Arc::new(block));
                }
                Ok(block) => {
                    tracing::warn!(asked = %expected, got = %block.header.index, "another block came");
                    break;
                }
                Err(error) => {
                    tracing::warn!(height = %expected, %error, "undecodable block");
                    break;
                }
            }
        }
        decoded
    }
}
