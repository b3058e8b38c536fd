//! The security layer of a node from its start to its end.

use std::sync::Arc;

use neo_audit::{AuditLog, AuditThread};
use neo_ledger::{Ledger, LedgerError};

use super::error::NodeError;
use crate::config::NodeConfig;
use crate::events::EventSink;
use crate::metrics::Metrics;
use crate::security::alerts::Alerts;
use crate::security::court::Court;
use crate::security::proofs::Proofs;
use crate::security::watching::Watching;
use crate::security::{Security, journal};
use crate::voting_key::VotingKey;

/// Ends the audit log, also where the node does not get as far as running.
pub(super) struct LastWord(Option<AuditThread>);

impl LastWord {
    /// The last line: why the node ended, if not because it was told to.
    pub(super) fn say(mut self, error: Option<String>) {
        if let Some(thread) = self.0.take() {
            thread.end(journal::stop(error));
        }
    }
}

impl Drop for LastWord {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            thread.end(journal::stop(Some("the node did not start".to_owned())));
        }
    }
}

/// Opens the audit log and takes the start down.
pub(super) fn open_security(
    config: &NodeConfig,
    ledger: &Arc<dyn Ledger>,
    key: Option<&VotingKey>,
    metrics: &Arc<Metrics>,
    events: &EventSink,
) -> Result<(Arc<Security>, LastWord), NodeError> {
    let alerts = Alerts::new(Arc::clone(metrics), events.clone());
    let court = match config.ledger.is_attached() {
        true => Ok(Court::of_chain(ledger.clone())),
        false => Court::of(&config.protocol.genesis),
    };
    let court = court.map_err(|error| NodeError::Ledger {
        path: config.data_dir.clone(),
        error: LedgerError::Inconsistent(error.to_string()),
    })?;
    let watching = Watching::new(
        court,
        key.map(VotingKey::public_key),
        Proofs::open(&config.data_dir, config.security.clone()),
        events.clone(),
        Arc::clone(metrics),
    );
    let judges = !config.protocol.is_dbft_2();
    if !config.security.audit {
        let security = Security::new(AuditLog::none(), alerts, watching, judges);
        return Ok((security, LastWord(None)));
    }
    let limits = config.security.audit_limits();
    let (log, thread, found) = neo_audit::start(&config.audit_dir(), limits)?;
    journal::opened(&found, &alerts);
    let validator = key.map(VotingKey::public_key);
    log.record(journal::start(config, validator, ledger.height().0));
    Ok((
        Security::new(log, alerts, watching, judges),
        LastWord(Some(thread)),
    ))
}
