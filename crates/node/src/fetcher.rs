//! Carries out the engine's fetches: bodies, hashes and transactions of proposed blocks.

use std::sync::Arc;

use bytes::Bytes;
use neo_consensus::engine::{Fetch, Fetched};
use neo_network::{MAX_SYNC_TRANSACTIONS, NetworkHandle, SyncRequest, SyncResponse};
use neo_primitives::{BlockBody, PublicKey, Reader, Transaction, UInt256};
use tokio::sync::mpsc;

use crate::driver::Inside;
use crate::sync::SyncTrigger;

/// Peers asked for one thing before the engine is told that nobody had it.
const MAX_ASKED: usize = 3;

/// Fetches for the driver.
#[derive(Clone)]
pub(crate) struct Fetcher {
    pub(crate) network: NetworkHandle,
    pub(crate) inside: mpsc::UnboundedSender<Inside>,
    pub(crate) sync: mpsc::Sender<SyncTrigger>,
    pub(crate) witness_limit: u32,
}

impl Fetcher {
    /// Takes fetches until the driver ends. The engine repeats none that is still under way.
    pub(crate) async fn run(self, mut fetches: mpsc::UnboundedReceiver<Fetch>) {
        while let Some(fetch) = fetches.recv().await {
            if let Fetch::Blocks { from, .. } = fetch {
                // A full channel means that a synchronisation is on its way already.
                let _ = self.sync.try_send(SyncTrigger::Validator(from));
                continue;
            }
            let fetcher = self.clone();
            tokio::spawn(async move { fetcher.fetch(fetch).await });
        }
    }

    async fn fetch(&self, fetch: Fetch) {
        let fetched = match fetch {
            Fetch::Transactions {
                hash,
                positions,
                from,
            } => self.transactions(hash, positions, &from).await,
            Fetch::Hashes { hash, from } => self.hashes(hash, &from).await,
            Fetch::Body { hash, from } => self.body(hash, &from).await,
            Fetch::Blocks { .. } => return,
        };
        let _ = self.inside.send(Inside::Fetched(fetched));
    }

    async fn ask(&self, peer: &PublicKey, request: SyncRequest) -> Option<SyncResponse> {
        let what = request.describe();
        match self.network.request(peer.clone(), request).await {
            Ok(response) => Some(response),
            Err(error) => {
                tracing::debug!(%peer, what, %error, "request failed");
                None
            }
        }
    }

    async fn transactions(
        &self,
        hash: UInt256,
        mut positions: Vec<u32>,
        from: &[PublicKey],
    ) -> Fetched {
        positions.truncate(MAX_SYNC_TRANSACTIONS);
        for peer in from.iter().take(MAX_ASKED) {
            let request = SyncRequest::Positions {
                block: hash,
                positions: positions.clone(),
            };
            let Some(SyncResponse::Transactions(found)) = self.ask(peer, request).await else {
                continue;
            };
            let transactions: Vec<_> = positions
                .iter()
                .zip(found)
                .filter_map(|(position, bytes)| {
                    Some((*position, Arc::new(self.decode_transaction(&bytes?)?)))
                })
                .collect();
            if !transactions.is_empty() {
                return Fetched::Transactions { hash, transactions };
            }
        }
        Fetched::Nothing { hash }
    }

    fn decode_transaction(&self, bytes: &Bytes) -> Option<Transaction> {
        decode_transaction(bytes, self.witness_limit).ok()
    }

    async fn hashes(&self, hash: UInt256, from: &[PublicKey]) -> Fetched {
        for peer in from.iter().take(MAX_ASKED) {
            let request = SyncRequest::Hashes { block: hash };
            if let Some(SyncResponse::Hashes(Some(hashes))) = self.ask(peer, request).await {
                return Fetched::Hashes { hash, hashes };
            }
        }
        Fetched::Nothing { hash }
    }

    async fn body(&self, hash: UInt256, from: &[PublicKey]) -> Fetched {
        for peer in from.iter().take(MAX_ASKED) {
            let request = SyncRequest::Body { hash };
            let Some(SyncResponse::Body(Some(bytes))) = self.ask(peer, request).await else {
                continue;
            };
            let mut reader = Reader::new(&bytes);
            let body = BlockBody::decode_with_limit(&mut reader, self.witness_limit);
            match body.and_then(|body| reader.finish().map(|()| body)) {
                Ok(body) if body.hash() == hash => return Fetched::Body(Arc::new(body)),
                Ok(body) => {
                    tracing::warn!(%peer, asked = %hash, got = %body.hash(), "another block came");
                }
                Err(error) => tracing::warn!(%peer, %hash, %error, "undecodable block body"),
            }
        }
        Fetched::Nothing { hash }
    }
}

/// Reads one transaction and nothing behind it.
pub(crate) fn decode_transaction(
    bytes: &[u8],
    witness_limit: u32,
) -> Result<Transaction, neo_primitives::DecodeError> {
    let mut reader = Reader::new(bytes);
    let transaction = Transaction::decode_with_limit(&mut reader, witness_limit)?;
    reader.finish()?;
    Ok(transaction)
}
