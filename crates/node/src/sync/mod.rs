//! `FastSync` (docs/protocol.md section 9): fetching stored blocks from several peers at once when this node is behind.
//!
//! | part        | what it does                                                                                  |
//! |-------------|-----------------------------------------------------------------------------------------------|
//! | [`sources`] | who has what, how each peer answered, whom to ask next                                        |
//! | [`plan`]    | the window above the tip: which ranges are wanted, asked for, here; what is stored next         |
//! | [`asking`]  | an answer read and verified: links, witnesses, merkle roots, signatures, on threads of its own |
//! | [`session`] | brings these together until nobody has more                                                   |
//! | [`progress`]| how far it is, for logs, metrics and people                                                   |
//!
//! Blocks are verified in parallel while those below are stored, and stored in order, a run in one commit. Nothing here
//! waits for consensus, and consensus waits for nothing here but the storing itself.

mod asking;
mod plan;
mod progress;
mod session;
mod sources;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use neo_ledger::Ledger;
use neo_network::{NetworkHandle, Offence, PeerId, SyncRequest, SyncResponse};
use neo_primitives::{Height, PublicKey};
use tokio::sync::mpsc;

pub(crate) use self::progress::Progress;
pub use self::progress::{CatchUp, CatchUpSender};
use self::sources::Sources;
use crate::driver::Inside;
use crate::ledger_worker::LedgerWorker;
use crate::metrics::Metrics;

/// A peer turned out to have more blocks than this node.
#[derive(Clone, Debug)]
pub(crate) enum SyncTrigger {
    /// A validator, by its messages.
    Validator(PublicKey),
    /// Any peer, by its status.
    Peer(PeerId),
}

/// The peers that are asked.
pub(crate) trait Peers: Clone + Send + Sync + 'static {
    /// Those that are connected, with the heights that they claim.
    fn connected(&self) -> Vec<(PeerId, Height)>;

    /// The peer that a validator is.
    fn of_validator(&self, key: &PublicKey) -> Option<PeerId>;

    /// Asks for encoded blocks.
    fn ask(
        &self,
        peer: PeerId,
        start: Height,
        count: u16,
    ) -> impl Future<Output = Result<Vec<Bytes>, String>> + Send;

    /// It sent what no honest node sends.
    fn report(&self, peer: PeerId, offence: Offence);
}

impl Peers for NetworkHandle {
    fn connected(&self) -> Vec<(PeerId, Height)> {
        let peers = self.peers().into_iter();
        peers.map(|peer| (peer.peer_id, peer.height)).collect()
    }

    fn of_validator(&self, key: &PublicKey) -> Option<PeerId> {
        self.peer(key.clone()).map(|peer| peer.peer_id)
    }

    async fn ask(&self, peer: PeerId, start: Height, count: u16) -> Result<Vec<Bytes>, String> {
        match self
            .request(peer, SyncRequest::Blocks { start, count })
            .await
        {
            Ok(SyncResponse::Blocks(blocks)) => Ok(blocks),
            Ok(other) => Err(format!("{} came", other.describe())),
            Err(error) => Err(error.to_string()),
        }
    }

    fn report(&self, peer: PeerId, offence: Offence) {
        NetworkHandle::report(self, peer, offence);
    }
}

/// Fetches and imports what others have more.
pub(crate) struct Syncer<P> {
    pub(crate) peers: P,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) worker: LedgerWorker,
    pub(crate) inside: mpsc::UnboundedSender<Inside>,
    pub(crate) metrics: Arc<Metrics>,
    /// Where people see how far it is.
    pub(crate) shown: Option<CatchUpSender>,
    /// Threads that verify blocks.
    pub(crate) pool: Arc<rayon::ThreadPool>,
    pub(crate) witness_limit: u32,
    /// Whether consensus runs here, which usually brings the next block by itself.
    pub(crate) votes: bool,
}

/// The threads that verify fetched blocks: as many as the machine runs at a time, apart from those of consensus.
///
/// # Errors
/// The operating system gives no thread.
pub(crate) fn verification_pool() -> std::io::Result<Arc<rayon::ThreadPool>> {
    rayon::ThreadPoolBuilder::new()
        .thread_name(|number| format!("sync-{number}"))
        .build()
        .map(Arc::new)
        .map_err(std::io::Error::other)
}

impl<P: Peers> Syncer<P> {
    /// Works until all triggers are gone.
    pub(crate) async fn run(self, mut triggers: mpsc::Receiver<SyncTrigger>) {
        let began = std::time::Instant::now();
        let clock = move || -> Duration { began.elapsed() };
        let mut sources = Sources::default();
        while let Some(trigger) = triggers.recv().await {
            self.session(trigger, &mut triggers, &mut sources, &clock)
                .await;
        }
    }
}

#[cfg(test)]
mod tests;
