//! Blocks of Neo N3's P2P on their way into the store.

use std::sync::Arc;
use std::time::Duration;

use neo_ledger::{InvalidBlock, Ledger, VerifiedBlock};
use neo_network::neo::{NeoHandle, NeoPeerId};
use neo_primitives::{Block, Encode as _, Height};
use rayon::prelude::*;
use tokio::sync::{mpsc, oneshot};

use crate::driver::Inside;
use crate::ledger_worker::{Imported, LedgerWorker, unix_ns};
use crate::metrics::Metrics;
use crate::sync::{CatchUpSender, Progress};

/// Blocks that wait for the importer: as many as the network hands on ahead of the last stored one.
pub(crate) const QUEUE: usize = 512;
/// Most blocks that are stored in one commit.
const RUN: usize = 64;
/// Most bytes of them, unless a single one is larger.
const RUN_BYTES: usize = 8 << 20;
/// Pause after the ledger failed to store.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// A block and who sent it.
pub(crate) type Sent = (NeoPeerId, Arc<Block>);

/// Verifies and stores what the network brings in order.
pub(crate) struct Importer {
    pub(crate) p2p: NeoHandle,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) worker: LedgerWorker,
    pub(crate) inside: mpsc::UnboundedSender<Inside>,
    pub(crate) metrics: Arc<Metrics>,
    /// Where people see how far it is.
    pub(crate) shown: Option<CatchUpSender>,
    /// Threads that verify blocks.
    pub(crate) pool: Arc<rayon::ThreadPool>,
}

impl Importer {
    /// Works until nobody sends blocks any more.
    pub(crate) async fn run(self, mut blocks: mpsc::Receiver<Sent>) {
        let began = std::time::Instant::now();
        let mut progress: Option<Progress> = None;
        while let Some(first) = blocks.recv().await {
            let mut length = first.1.encoded_len();
            let mut run = vec![first];
            while run.len() < RUN && length < RUN_BYTES {
                let Ok(next) = blocks.try_recv() else { break };
                length = length.saturating_add(next.1.encoded_len());
                run.push(next);
            }
            let stored = self.ledger.height();
            run.retain(|(_, block)| block.header.index > stored);
            if !run.is_empty() {
                self.store(run).await;
            }
            // Everyday blocks come one by one; more than that is a way to go.
            if self.p2p.is_behind() {
                let progress = progress.get_or_insert_with(|| {
                    Progress::new(
                        self.metrics.clone(),
                        self.shown.clone(),
                        stored,
                        began.elapsed(),
                    )
                });
                let heights = || self.p2p.peers().into_iter().filter_map(|peer| peer.height);
                let at = self.ledger.height();
                let ahead = heights().filter(|height| *height > at).count();
                let target = heights().max().unwrap_or(at);
                progress.at(at, target, ahead, began.elapsed());
            } else if let Some(progress) = progress.take() {
                progress.end(self.ledger.height(), began.elapsed());
            }
        }
    }

    async fn store(&self, run: Vec<Sent>) {
        let (done, verified) = oneshot::channel();
        let ledger = Arc::clone(&self.ledger);
        let blocks: Vec<_> = run.iter().map(|(_, block)| Arc::clone(block)).collect();
        self.pool.spawn(move || {
            let verify = |block: Arc<Block>| ledger.verify(block);
            let _ = done.send(blocks.into_par_iter().map(verify).collect::<Vec<_>>());
        });
        // The threads end with the node.
        let Ok(verified) = verified.await else { return };
        let mut sound = Vec::with_capacity(run.len());
        for ((peer, block), result) in run.iter().zip(verified) {
            match result {
                Ok(block) => sound.push(block),
                Err(problem) => {
                    self.forged(*peer, block, &problem);
                    break;
                }
            }
        }
        if !sound.is_empty() {
            self.import(sound).await;
        }
    }

    /// The network has verified header and witness: what does not verify now was changed by whoever sent it.
    fn forged(&self, peer: NeoPeerId, block: &Block, problem: &InvalidBlock) {
        let height = block.header.index;
        self.metrics.fetch_failed("invalid");
        self.p2p
            .disconnect(peer, format!("block {height}: {problem}"));
        self.p2p.fetch_again();
    }

    async fn import(&self, blocks: Vec<VerifiedBlock>) {
        let summary = |verified: &VerifiedBlock| {
            let block = verified.block();
            (block.header.index, block.hash(), block.transactions.len())
        };
        let before = self.ledger.height();
        let mut summaries: Vec<_> = blocks.iter().map(summary).collect();
        self.metrics.fetched(blocks.len());
        let (done, outcome) = oneshot::channel();
        self.worker.import_verified(blocks, move |outcome| {
            let _ = done.send(outcome);
        });
        let outcome = outcome.await;
        let after = self.ledger.height();
        summaries.retain(|(height, _, _)| is_new(*height, before, after));
        if let Some((height, hash, _)) = summaries.last().copied() {
            let _ = self.inside.send(Inside::Imported {
                height,
                hash,
                blocks: summaries,
                at_ns: unix_ns(),
            });
        }
        match outcome {
            Ok(Imported::Stored { .. }) | Err(_) => {}
            Ok(Imported::Refused {
                height,
                hash,
                error,
            }) => {
                // Its validators signed it: either they are more than f, or this node runs other rules. Who passed it
                // on believed them.
                tracing::error!(%height, %hash, %error, "a block of the network is invalid here");
            }
            Ok(Imported::Failed(error)) => {
                tracing::error!(height = %after, %error, "blocks of the network cannot be stored");
                tokio::time::sleep(AFTER_FAILURE).await;
                self.p2p.fetch_again();
            }
        }
    }
}

/// Whether a block of this height was stored between two looks at the tip.
fn is_new(height: Height, before: Height, after: Height) -> bool {
    before < height && height <= after
}
