//! A node without a voice.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::error::NodeError;
use crate::driver::{DriverError, Inside, StatusBoard};
use crate::events::{EventSink, NodeEvent};
use crate::ledger_worker::Report;
use crate::metrics::Metrics;
use crate::neighbours::Neighbours;

/// Follows the chain without a voice.
pub(super) struct Observer {
    pub(super) neighbours: Neighbours,
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
            if let Inside::Ledger(Report::Fatal { request, error }) = event {
                return Err(DriverError::Ledger { request, error }.into());
            }
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
                self.neighbours.stored(height, hash);
                self.status.set_stored(height);
            }
        }
    }
}
