//! Answers to other nodes that ask for blocks, bodies and transactions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use neo_ledger::{Ledger, LedgerError};
use neo_network::{NetworkHandle, PeerId, ReplyChannel, SyncRequest, SyncResponse};
use neo_primitives::{BlockBody, Encode, Height, Transaction, UInt256};
use tokio::sync::Semaphore;

use crate::bodies::Bodies;
use crate::intrusion::Intruder;

/// Bytes of blocks in one answer, unless a single block is larger. A peer that asks and does not read can make this
/// much wait for it as often as it may ask at a time.
const MAX_ANSWER: usize = 1 << 20;
/// An answer of blocks that takes so long leaves with those that are there.
const LONGEST_ANSWER: Duration = Duration::from_secs(2);
/// Answers that are made at a time. Each may take [`MAX_ANSWER`], and each thread of its own would keep that much
/// of freed memory: a flood of requests waits here, in the order in which it came.
pub(crate) const AT_A_TIME: usize = 2;

/// What answers are made of.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) network: NetworkHandle,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) bodies: Arc<Bodies>,
    /// Who may make an answer now, [`AT_A_TIME`].
    pub(crate) turns: Arc<Semaphore>,
    /// Who may make one of blocks: those may have to be fetched, and no proposal waits for them.
    pub(crate) block_turns: Arc<Semaphore>,
    /// A Byzantine validator's will; an honest node has none.
    pub(crate) intruder: Option<Arc<Intruder>>,
}

impl Server {
    /// Answers on a thread that may block.
    pub(crate) fn serve(&self, from: PeerId, request: SyncRequest, reply: ReplyChannel) {
        let server = self.clone();
        tokio::spawn(async move {
            // Nobody closes the semaphore. The network bounds how many of a peer's requests wait.
            let turns = match request {
                SyncRequest::Blocks { .. } => &server.block_turns,
                _ => &server.turns,
            };
            let Ok(turn) = Arc::clone(turns).acquire_owned().await else {
                return;
            };
            if reply.is_open() {
                let made = tokio::task::spawn_blocking(move || server.make(from, request, reply));
                // It fails only when the runtime ends.
                let _ = made.await;
            }
            drop(turn);
        });
    }

    fn make(&self, from: PeerId, request: SyncRequest, reply: ReplyChannel) {
        let what = request.describe();
        match self.answer(from, request) {
            Ok(response) => {
                if let Err(error) = self.network.respond(reply, response) {
                    tracing::debug!(what, %error, "answer not delivered");
                }
            }
            // Dropping the channel refuses the request.
            Err(error) => tracing::error!(what, %error, "a request cannot be answered"),
        }
    }

    fn answer(&self, from: PeerId, request: SyncRequest) -> Result<SyncResponse, LedgerError> {
        Ok(match request {
            SyncRequest::Blocks { start, count } => {
                SyncResponse::Blocks(self.blocks(start, count)?)
            }
            SyncRequest::Body { hash } => SyncResponse::Body(
                self.body(from, &hash)?
                    .map(|body| Bytes::from(body.to_bytes())),
            ),
            SyncRequest::Hashes { block } => SyncResponse::Hashes(
                self.body(from, &block)?
                    .map(|body| body.transaction_hashes()),
            ),
            SyncRequest::Transactions { hashes } => {
                let mut found = Vec::with_capacity(hashes.len());
                for hash in hashes {
                    found.push(
                        self.transaction(&hash)?
                            .map(|tx| Bytes::from(tx.to_bytes())),
                    );
                }
                SyncResponse::Transactions(found)
            }
            SyncRequest::Positions { block, positions } => {
                let body = self.body(from, &block)?;
                let at = |position: &u32| {
                    let position = usize::try_from(*position).ok()?;
                    let transaction = body.as_ref()?.transactions.get(position)?;
                    Some(Bytes::from(transaction.to_bytes()))
                };
                SyncResponse::Transactions(positions.iter().map(at).collect())
            }
        })
    }

    fn blocks(&self, start: Height, count: u16) -> Result<Vec<Bytes>, LedgerError> {
        let mut blocks = Vec::new();
        let mut size = 0_usize;
        let mut height = start;
        let began = Instant::now();
        while blocks.len() < usize::from(count)
            && size < MAX_ANSWER
            && began.elapsed() < LONGEST_ANSWER
        {
            let Some(bytes) = self.ledger.fetch_block_bytes(height)? else {
                break;
            };
            size = size.saturating_add(bytes.len());
            blocks.push(Bytes::from(bytes));
            height = height.next();
        }
        Ok(blocks)
    }

    fn body(&self, from: PeerId, hash: &UInt256) -> Result<Option<Arc<BlockBody>>, LedgerError> {
        let held = self.held_body(hash)?;
        let asker = || self.network.peer(from)?.validator;
        let intrusion = self.intruder.as_ref().and_then(|it| Some((it, asker()?)));
        Ok(match intrusion {
            Some((intruder, asker)) => intruder.body(&asker, hash, held, &self.bodies),
            None => held,
        })
    }

    fn held_body(&self, hash: &UInt256) -> Result<Option<Arc<BlockBody>>, LedgerError> {
        if let Some(body) = self.bodies.get(hash) {
            return Ok(Some(body));
        }
        let block = self.ledger.block_by_hash(hash)?;
        Ok(block.map(|block| {
            let transactions = block.transactions.clone();
            Arc::new(BlockBody {
                header: block.header,
                transactions,
            })
        }))
    }

    fn transaction(&self, hash: &UInt256) -> Result<Option<Arc<Transaction>>, LedgerError> {
        if let Some(transaction) = self.ledger.pooled(hash) {
            return Ok(Some(transaction));
        }
        Ok(self
            .ledger
            .transaction(hash)?
            .map(|stored| stored.transaction))
    }
}
