//! Carries out the engine's fetches: bodies, hashes and transactions of proposed blocks.

use std::sync::Arc;

use neo_consensus::engine::{Fetch, Fetched};
use neo_network::{MAX_SYNC_TRANSACTIONS, NetworkHandle, SyncRequest, SyncResponse};
use neo_primitives::{PublicKey, UInt256};
use tokio::sync::mpsc;

use crate::answers::{BadAnswer, body_of, transactions_of};
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
            // What is sound of an answer is used, whatever else is in it.
            let (transactions, bad) = transactions_of(&positions, found, self.witness_limit);
            bad.into_iter().for_each(|bad| self.charge(peer, &bad));
            if !transactions.is_empty() {
                return Fetched::Transactions { hash, transactions };
            }
        }
        Fetched::Nothing { hash }
    }

    /// An honest peer says that it has nothing, and never anything else than what was asked for.
    fn charge(&self, peer: &PublicKey, bad: &BadAnswer) {
        tracing::warn!(%peer, %bad, "a bad answer");
        self.network.report(peer.clone(), bad.offence());
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
            match body_of(&hash, &bytes, self.witness_limit) {
                Ok(body) => return Fetched::Body(Arc::new(body)),
                Err(bad) => self.charge(peer, &bad),
            }
        }
        Fetched::Nothing { hash }
    }
}

#[cfg(test)]
mod tests;
