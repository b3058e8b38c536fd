//! A node without a voice.

use std::sync::Arc;

use neo_network::NetworkHandle;
use tokio::sync::{mpsc, watch};

use super::error::NodeError;
use crate::driver::{Inside, StatusBoard};
use crate::events::{EventSink, NodeEvent};
use crate::metrics::Metrics;

/// Follows the chain without a voice.
pub(super) struct Observer {
    pub(super) network: NetworkHandle,
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: EventSink,
    pub(super) status: Arc<StatusBoard>,
}

impl Observer {
    pub(super) async fn run(
        self,
        mut inside: mpsc::UnboundedReceiver<Inside>,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<(), NodeError> {
        loop {
            let event = tokio::select! {
                event = inside.recv() => event,
                _ = stopped.changed() => return Ok(()),
            };
            let Some(event) = event else { return Ok(()) };
            if let Inside::Imported {
                height,
                hash,
                blocks,
                at_ns,
            } = event
            {
                for (height, hash, transactions) in blocks {
                    self.metrics.block_stored(height, transactions, None);
                    self.events.emit(NodeEvent::Block {
                        height,
                        hash,
                        t_ns: at_ns,
                        transactions,
                        view: None,
                        decision_us: None,
                        witness_us: None,
                    });
                }
                self.network.set_status(height, hash);
                self.status.set_stored(height);
            }
        }
    }
}
