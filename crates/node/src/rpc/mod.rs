//! JSON-RPC 2.0 over HTTP with Neo's method names, parameter forms, result shapes and error codes.
//!
//! `POST /` takes one call or a batch; `GET /health` says that the node lives. Parameters stand by position.
//! The way of a request: `listen` bounds connections and time, `server` bounds the body, `request` reads the
//! calls without building trees, `dispatch` finds the method, `methods` answer from the stored chain, and
//! `admission` hands transactions to the memory pool, all that wait at one moment together.

mod admission;
mod desk;
mod dispatch;
mod elsewhere;
mod error;
mod json;
pub(crate) mod listen;
mod methods;
mod oversight;
mod params;
mod request;
mod response;
mod server;
#[cfg(test)]
pub(crate) mod testing;
mod view;

use std::sync::Arc;

use neo_ledger::Ledger;

#[doc(hidden)]
pub use self::desk::Desk;
pub use self::{
    error::RpcError,
    oversight::{EvidenceEntry, LinkEntry, Oversight, ReputationEntry, TopologyEntry, TuningEntry},
    server::serve,
    view::{BlockRefused, BlockReply, ConsensusView, PeerEntry, PeerView, Relay},
};
use crate::{config::NodeConfig, metrics::Metrics};

/// What the server answers from.
#[derive(Clone)]
pub struct RpcContext {
    /// The chain and the memory pool.
    pub ledger: Arc<dyn Ledger>,
    /// The network.
    pub peers: Arc<dyn PeerView>,
    /// The consensus engine.
    pub consensus: Arc<dyn ConsensusView>,
    /// What the node found out about itself and others.
    pub oversight: Arc<dyn Oversight>,
    /// Where accepted transactions and submitted blocks go.
    pub relay: Arc<dyn Relay>,
    /// Limits of the server; network settings that `getversion` shows.
    pub config: Arc<NodeConfig>,
    /// Where calls are counted.
    pub metrics: Arc<Metrics>,
}
