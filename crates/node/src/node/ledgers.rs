//! Which ledger a node stands on.

use std::sync::Arc;

use neo_ledger::checkpoint::CheckpointFolder;
use neo_ledger::{EmbeddedLedger, Ledger};

use super::error::NodeError;
use crate::config::NodeConfig;
use crate::recovery::opening::{FullRecovery, OpenedChain, open_chain};

/// The ledger of a node.
pub(super) struct OpenedLedger {
    pub(super) ledger: Arc<dyn Ledger>,
    /// What only the embedded ledger can do.
    pub(super) embedded: Option<Embedded>,
    /// What it took to open it, if that was more than opening.
    pub(super) recovery: Option<FullRecovery>,
}

/// The embedded ledger, and where its checkpoints are.
pub(super) struct Embedded {
    pub(super) ledger: Arc<EmbeddedLedger>,
    pub(super) checkpoints: CheckpointFolder,
}

impl OpenedLedger {
    /// Opens the ledger that the configuration names.
    pub(super) async fn open(config: &NodeConfig) -> Result<Self, NodeError> {
        embedded(config)
    }
}

fn embedded(config: &NodeConfig) -> Result<OpenedLedger, NodeError> {
    let path = &config.data_dir;
    let checkpoints = CheckpointFolder::at(config.checkpoint_folder());
    let genesis = &config.protocol.genesis;
    let OpenedChain { ledger, recovery } =
        open_chain(path, &checkpoints, genesis).map_err(|error| NodeError::Chain {
            path: path.clone(),
            error: Box::new(error),
        })?;
    let ledger = Arc::new(ledger);
    Ok(OpenedLedger {
        ledger: ledger.clone(),
        embedded: Some(Embedded {
            ledger,
            checkpoints,
        }),
        recovery,
    })
}
