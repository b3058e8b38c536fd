//! What serves clients: JSON-RPC and metrics.

use std::net::SocketAddr;
use std::sync::Arc;

use neo_network::neo::NeoHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Node;
use super::error::NodeError;
use super::shared::{Hearing, Shared};
use super::start::Ground;
use crate::checks::Checks;
use crate::config::NodeConfig;
use crate::events::NodeEvent;
use crate::metrics::{self, Sources};
use crate::rpc::{self, RpcContext};

impl Node {
    /// JSON-RPC and metrics; the node is up with that.
    pub(super) fn serve(
        &mut self,
        ground: Ground,
        listeners: Listeners,
        checks: Option<Arc<Checks>>,
        hearing: Option<Hearing>,
    ) {
        let (rpc_address, metrics_address) = listeners.addresses();
        let p2p_address = ground.neighbours.p2p.as_ref();
        let p2p_address = p2p_address.and_then(NeoHandle::listening);
        let Ground {
            config,
            ledger,
            worker,
            neighbours,
            metrics,
            status,
            security,
            inside,
            missing,
            stopped,
            attached,
            signer,
            ..
        } = ground;
        let shared = Arc::new(Shared {
            neighbours: neighbours.clone(),
            ledger: ledger.clone(),
            worker,
            inside,
            missing,
            status,
            magic: config.protocol.genesis.magic,
            security,
            checks,
            hearing,
        });
        let sources = Sources {
            ledger: ledger.clone(),
            peers: shared.clone(),
            network: neighbours.mesh,
            p2p: neighbours.p2p,
            attached,
            signer,
        };
        let height = ledger.height();
        if let Some(listener) = listeners.rpc {
            let context = RpcContext {
                ledger,
                peers: shared.clone(),
                consensus: shared.clone(),
                oversight: shared.clone(),
                relay: shared,
                config,
                metrics: Arc::clone(&metrics),
            };
            let stopped = ended(stopped.clone());
            self.tasks.spawn(async move {
                rpc::serve(listener, context, stopped)
                    .await
                    .map_err(|error| NodeError::Serve {
                        what: "JSON-RPC",
                        error,
                    })
            });
        }
        if let Some(listener) = listeners.metrics {
            let stopped = ended(stopped);
            self.tasks.spawn(async move {
                metrics::serve(listener, metrics, sources, stopped)
                    .await
                    .map_err(|error| NodeError::Serve {
                        what: "metrics",
                        error,
                    })
            });
        }
        tracing::info!(%height, rpc = ?rpc_address, metrics = ?metrics_address, p2p = ?p2p_address, "node is up");
        self.events.emit(NodeEvent::Ready {
            rpc: rpc_address,
            metrics: metrics_address,
            p2p: p2p_address.map(|address| address.to_string()),
            height,
        });
    }
}

/// Where clients connect.
pub(super) struct Listeners {
    rpc: Option<TcpListener>,
    metrics: Option<TcpListener>,
}

impl Listeners {
    pub(super) async fn bind(config: &NodeConfig) -> Result<Self, NodeError> {
        Ok(Self {
            rpc: bind("JSON-RPC", config.rpc.as_ref().map(|rpc| rpc.listen)).await?,
            metrics: bind("metrics", config.metrics.as_ref().map(|at| at.listen)).await?,
        })
    }

    fn addresses(&self) -> (Option<String>, Option<String>) {
        (
            address_of(self.rpc.as_ref()),
            address_of(self.metrics.as_ref()),
        )
    }
}

fn address_of(listener: Option<&TcpListener>) -> Option<String> {
    listener
        .and_then(|listener| listener.local_addr().ok())
        .map(|address| address.to_string())
}

async fn ended(mut stopped: watch::Receiver<bool>) {
    // An error means that the node is gone.
    let _ = stopped.changed().await;
}

async fn bind(
    what: &'static str,
    address: Option<SocketAddr>,
) -> Result<Option<TcpListener>, NodeError> {
    match address {
        None => Ok(None),
        Some(address) => {
            TcpListener::bind(address)
                .await
                .map(Some)
                .map_err(|error| NodeError::Listen {
                    what,
                    address,
                    error,
                })
        }
    }
}
