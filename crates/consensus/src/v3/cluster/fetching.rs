//! What nodes ask of their ledgers and of each other.

use std::sync::Arc;
use std::time::Duration;

use neo_primitives::Height;

use super::links::delay;
use super::run::Item;
use super::toys::transaction;
use super::{Cluster, ms};
use crate::engine::{Event, Fetch, Fetched, LedgerEvent};

/// Peers that one fetch asks before it gives up.
const MAX_ASKED: usize = 3;
/// After this time an unanswered request has failed.
const REQUEST_TIMEOUT: Duration = ms(60);
/// Blocks in one answer of synchronisation.
const MAX_SYNC: usize = 20;

impl Cluster {
    pub(super) fn serve_ledger(&mut self, node: usize) {
        let Some(action) = self.nodes[node].requests.pop_front() else {
            return;
        };
        let Some(answer) = self.nodes[node].ledger.request(action) else {
            return;
        };
        if let LedgerEvent::Stored { height, .. } = &answer {
            self.note_stored(node, *height);
        }
        self.handle(node, Event::Ledger(answer));
    }

    fn note_stored(&mut self, node: usize, height: Height) {
        let block = self.nodes[node].ledger.block_at(height).unwrap().clone();
        self.oracle.stored(&block);
    }

    pub(super) fn fetch(&mut self, node: usize, life: u64, fetch: Fetch, attempt: usize) {
        let from = match &fetch {
            Fetch::Blocks { from, .. } => {
                let peer = self
                    .node_of(from)
                    .filter(|peer| self.links.connects(node, *peer));
                if let Some(peer) = peer {
                    self.import(node, peer);
                }
                return;
            }
            Fetch::Transactions { from, .. }
            | Fetch::Hashes { from, .. }
            | Fetch::Body { from, .. } => from.clone(),
        };
        let peer = from.get(attempt).filter(|_| attempt < MAX_ASKED);
        let Some(peer) = peer.and_then(|key| self.node_of(key)) else {
            let (Fetch::Transactions { hash, .. }
            | Fetch::Hashes { hash, .. }
            | Fetch::Body { hash, .. }) = fetch
            else {
                return;
            };
            return self.handle(node, Event::Fetched(Fetched::Nothing { hash }));
        };
        assert_ne!(peer, node, "nobody asks itself");
        self.fetches += 1;
        let reaches = self.links.connects(node, peer)
            && self.nodes[peer].engine.is_some()
            && !self.mute.contains(&peer);
        let back = delay(&mut self.rng, self.config.latency);
        match self.answer_fetch(peer, &fetch).filter(|_| reaches) {
            Some(fetched) => self.push(
                back,
                Item::Fetched {
                    node,
                    life,
                    fetched,
                },
            ),
            None => {
                let wait = if reaches { back } else { REQUEST_TIMEOUT };
                self.push(
                    wait,
                    Item::Fetch {
                        node,
                        life,
                        fetch,
                        attempt: attempt + 1,
                    },
                );
            }
        }
    }

    fn answer_fetch(&self, peer: usize, fetch: &Fetch) -> Option<Fetched> {
        let lies = self.liars.contains(&peer);
        match fetch {
            Fetch::Blocks { .. } => None,
            Fetch::Body { hash, .. } => self.nodes[peer].body(hash).map(Fetched::Body),
            Fetch::Hashes { hash, .. } => {
                let body = self.nodes[peer].body(hash)?;
                let mut hashes = body.transaction_hashes();
                if lies {
                    hashes.reverse();
                    hashes.push(*hash);
                }
                Some(Fetched::Hashes {
                    hash: *hash,
                    hashes,
                })
            }
            Fetch::Transactions {
                hash, positions, ..
            } => {
                let body = self.nodes[peer].body(hash)?;
                let pick = |position: &u32| {
                    let at = usize::try_from(*position).unwrap();
                    let held = body.transactions.get(at)?;
                    let sent = if lies {
                        transaction(u32::MAX)
                    } else {
                        Arc::clone(held)
                    };
                    Some((*position, sent))
                };
                let transactions: Vec<_> = positions.iter().filter_map(pick).collect();
                let some = !transactions.is_empty();
                some.then_some(Fetched::Transactions {
                    hash: *hash,
                    transactions,
                })
            }
        }
    }

    /// Stored blocks of a peer, verified and stored.
    pub(super) fn import(&mut self, node: usize, peer: usize) {
        if self.nodes[peer].engine.is_none() {
            return;
        }
        let start = self.nodes[node].ledger.height().next();
        let wanted = (start.0..).map(Height).take(MAX_SYNC);
        let blocks: Vec<_> = wanted
            .map_while(|height| self.nodes[peer].ledger.block_at(height).cloned())
            .collect();
        if blocks.is_empty() {
            return;
        }
        for block in &blocks {
            self.oracle.stored(block);
        }
        if let Some((height, hash)) = self.nodes[node].ledger.import(&blocks) {
            self.handle(node, Event::Ledger(LedgerEvent::Stored { height, hash }));
        }
    }
}
