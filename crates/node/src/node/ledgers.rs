//! Which ledger a node stands on.

use std::sync::Arc;

use neo_attached::AttachedLedger;
use neo_ledger::checkpoint::CheckpointFolder;
use neo_ledger::{EmbeddedLedger, Ledger};

use super::error::NodeError;
use crate::attached::{self, OpenFailed};
use crate::config::NodeConfig;
use crate::recovery::opening::{FullRecovery, OpenedChain, open_chain};

/// The ledger of a node.
pub(super) struct OpenedLedger {
    pub(super) ledger: Arc<dyn Ledger>,
    /// What only the embedded ledger can do.
    pub(super) embedded: Option<Embedded>,
    /// The attached ledger, to be looked after.
    pub(super) attached: Option<Arc<AttachedLedger>>,
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
        match config.ledger.is_attached() {
            true => attached(config).await,
            false => embedded(config),
        }
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
        attached: None,
        recovery,
    })
}

async fn attached(config: &NodeConfig) -> Result<OpenedLedger, NodeError> {
    let path = &config.data_dir;
    let opened = config.ledger.attached(&config.protocol.genesis)?;
    if config.checkpoints.interval > 0 {
        tracing::info!("checkpoints are off: the Neo nodes keep the state");
    }
    let ledger = attached::open(path, opened)
        .await
        .map_err(|error| match error {
            OpenFailed::Ledger(error) => NodeError::Ledger {
                path: path.clone(),
                error,
            },
            OpenFailed::Foreign(problem) => NodeError::ForeignNode(problem),
        })?;
    let ledger = Arc::new(ledger);
    Ok(OpenedLedger {
        ledger: ledger.clone(),
        embedded: None,
        attached: Some(ledger),
        recovery: None,
    })
}
