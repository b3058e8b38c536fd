//! Opens an attached ledger.

use std::path::Path;

use neo_attached::{AttachedConfig, AttachedLedger, NodeReport, NodeState};
use neo_ledger::LedgerError;
use neo_ledger::store::{RedbStore, StoreError};

use super::HEADERS_FILE;

/// Why an attached ledger does not open.
#[derive(Debug)]
pub(crate) enum OpenFailed {
    /// The store of headers, or the trusted block.
    Ledger(LedgerError),
    /// A node is of another network. The text names endpoint and field.
    Foreign(String),
}

impl From<LedgerError> for OpenFailed {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

/// Opens the headers in a data directory and looks at each node once. One that is down may come later; one of another
/// network is a mistake in the configuration.
pub(crate) async fn open(
    data_dir: &Path,
    config: AttachedConfig,
) -> Result<AttachedLedger, OpenFailed> {
    std::fs::create_dir_all(data_dir).map_err(|source| LedgerError::Directory {
        path: data_dir.to_owned(),
        source,
    })?;
    let path = data_dir.join(HEADERS_FILE);
    let store = RedbStore::open(&path).map_err(|error| match error {
        StoreError::Locked => LedgerError::Locked { path },
        other => other.into(),
    })?;
    // A node that says nothing for so long was asked in vain.
    let longest = config.timing.timeout.saturating_mul(2);
    let ledger = AttachedLedger::open(config, Box::new(store)).await?;
    let reports = ledger.first_look(longest).await;
    match foreign(&reports) {
        Some(problem) => Err(OpenFailed::Foreign(problem)),
        None => Ok(ledger),
    }
}

/// What is wrong with the nodes that waiting does not mend.
fn foreign(reports: &[NodeReport]) -> Option<String> {
    let strange = reports
        .iter()
        .filter(|report| matches!(report.state, NodeState::Foreign { .. }));
    let problems: Vec<String> = strange.map(ToString::to_string).collect();
    (!problems.is_empty()).then(|| problems.join("; "))
}
