//! Opening the store of a node; one that is gone or damaged is built again from a checkpoint first.

use std::path::{Path, PathBuf};
use std::time::Duration;

use neo_consensus::v3::recovery::{
    RecoveryConditions, RecoveryStrategy, SelectionLimits, select_strategy,
};
use neo_ledger::checkpoint::{self, BEFORE, Checkpoint, CheckpointError, CheckpointFolder};
use neo_ledger::store::StoreError;
use neo_ledger::{ChainReader, EmbeddedLedger, GenesisConfig, LedgerError, STORE_FILE};
use neo_primitives::Height;

/// Why the chain cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be opened, and not for damage.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It cannot be restored either.
    #[error("while the store was restored: {0}")]
    Restore(#[from] CheckpointError),
    /// A damaged store cannot be put aside.
    #[error("{path} cannot be put aside: {error}")]
    Aside {
        /// The store.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// Why the store was built again.
#[derive(Debug)]
pub enum Cause {
    /// It was not there.
    Gone,
    /// It could not be read.
    Damaged(LedgerError),
    /// A checkpoint lies so far above it that the blocks between are not worth being fetched.
    FarBehind {
        /// The store's height.
        stored: Height,
    },
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone => f.write_str("the store is gone"),
            Self::Damaged(error) => write!(f, "the store is damaged: {error}"),
            Self::FarBehind { stored } => write!(f, "the store ends at height {stored}"),
        }
    }
}

/// A `FullRecovery`.
#[derive(Debug)]
pub struct FullRecovery {
    /// Why.
    pub cause: Cause,
    /// Height of the checkpoint that the chain goes on from; `None` means from genesis.
    pub checkpoint: Option<Height>,
}

/// A chain that is open.
pub struct OpenedChain {
    /// It.
    pub ledger: EmbeddedLedger,
    /// What it took to open it, if that was more than opening.
    pub recovery: Option<FullRecovery>,
}

/// Opens the chain in a data folder. Where its store is gone, damaged, or far below the newest valid checkpoint, it is
/// built again from that; without a checkpoint it begins with the genesis block. A store that is merely not there yet
/// is the beginning of a chain and no recovery.
///
/// # Errors
/// When the folder is locked, full, or of another network; damage is mended.
pub fn open_chain(
    data: &Path,
    checkpoints: &CheckpointFolder,
    genesis: &GenesisConfig,
) -> Result<OpenedChain, OpenError> {
    let store = data.join(STORE_FILE);
    let gone = std::fs::metadata(&store).map_or(true, |file| file.len() == 0);
    let found = match gone {
        true => None,
        false => Some(EmbeddedLedger::open(data, genesis.clone())),
    };
    let (ledger, cause) = match found {
        None => (None, Cause::Gone),
        Some(Ok(ledger)) => {
            let stored = ledger.height();
            (Some(ledger), Cause::FarBehind { stored })
        }
        Some(Err(error)) if is_damage(&error) => (None, Cause::Damaged(error)),
        Some(Err(error)) => return Err(error.into()),
    };
    let stored = ledger.as_ref().map_or(Height(0), |ledger| ledger.height());
    let highest = checkpoints.heights()?.first().copied();
    if !asks_for_full_recovery(ledger.is_some(), stored, highest)
        && let Some(ledger) = ledger
    {
        return Ok(OpenedChain {
            ledger,
            recovery: None,
        });
    }
    let checkpoint = newest(checkpoints, genesis)?;
    let useful = checkpoint.filter(|found| {
        asks_for_full_recovery(ledger.is_some(), stored, Some(found.manifest().height))
    });
    let Some(useful) = useful else {
        return without_checkpoint(ledger, cause, &store, data, genesis);
    };
    let height = useful.manifest().height;
    drop(ledger);
    tracing::warn!(%cause, %height, checkpoint = %useful.path().display(), "FullRecovery: the store is built from a checkpoint");
    let keep = !matches!(cause, Cause::Gone);
    checkpoint::restore(&useful, data, genesis, keep, &mut |_| Ok(()))?;
    Ok(OpenedChain {
        ledger: EmbeddedLedger::open(data, genesis.clone())?,
        recovery: Some(FullRecovery {
            cause,
            checkpoint: Some(height),
        }),
    })
}

/// What the table of strategies says at the start of a node, when nothing is known of the others: that there is a
/// checkpoint shows how far the chain is at least.
fn asks_for_full_recovery(intact: bool, stored: Height, checkpoint: Option<Height>) -> bool {
    let conditions = RecoveryConditions {
        store_intact: intact,
        vote_log_intact: true,
        stored,
        best_known: checkpoint.unwrap_or(stored).max(stored),
        checkpoint,
        undecided_for: Duration::ZERO,
        stalled_for: Duration::ZERO,
        misses_something: false,
        connected: 0,
        quorum: 1,
    };
    let chosen = select_strategy(&conditions, &SelectionLimits::default());
    chosen == Some(RecoveryStrategy::FullRecovery)
}

/// Whether building the store again is a cure.
fn is_damage(error: &LedgerError) -> bool {
    matches!(
        error,
        LedgerError::Store(StoreError::Damaged(_))
            | LedgerError::Damaged { .. }
            | LedgerError::Inconsistent(_)
    )
}

fn newest(
    checkpoints: &CheckpointFolder,
    genesis: &GenesisConfig,
) -> Result<Option<Checkpoint>, CheckpointError> {
    let mut refused = |height, error: CheckpointError| {
        tracing::error!(%height, %error, "a checkpoint is not usable");
    };
    match checkpoints.newest_valid(genesis, &mut refused, &mut |_| {}) {
        Ok(checkpoint) => Ok(Some(checkpoint)),
        Err(CheckpointError::NoneValid { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Goes on with what there is: the store, if it can be read, or the genesis block.
fn without_checkpoint(
    ledger: Option<EmbeddedLedger>,
    cause: Cause,
    store: &Path,
    data: &Path,
    genesis: &GenesisConfig,
) -> Result<OpenedChain, OpenError> {
    if let Some(ledger) = ledger {
        return Ok(OpenedChain {
            ledger,
            recovery: None,
        });
    }
    let damaged = matches!(cause, Cause::Damaged(_));
    if damaged {
        tracing::error!(%cause, "FullRecovery: there is no valid checkpoint, the chain begins anew");
        std::fs::rename(store, data.join(BEFORE)).map_err(|error| OpenError::Aside {
            path: store.to_owned(),
            error,
        })?;
    }
    Ok(OpenedChain {
        ledger: EmbeddedLedger::open(data, genesis.clone())?,
        recovery: damaged.then_some(FullRecovery {
            cause,
            checkpoint: None,
        }),
    })
}

#[cfg(test)]
mod tests;
