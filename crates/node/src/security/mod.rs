//! The security layer: what is written down, kept and shown of faults and attacks.
//!
//! | part         | what it does                                                                 |
//! |--------------|------------------------------------------------------------------------------|
//! | `journal`    | which events of engine and network go into the audit log, and how            |
//! | [`alerts`]   | what an operator must look at                                                |
//! | [`conduct`]  | how each validator behaves, and what is found about it                       |
//! | [`court`]    | whether a proof convicts                                                     |
//! | [`terms`]    | who validated which height                                                   |
//! | [`proofs`]   | proofs against validators, kept in the data folder                           |
//! | `watching`   | brings these together with the events of engine and network                  |
//!
//! The log itself is `neo_audit`.

pub mod alerts;
pub mod conduct;
pub mod court;
pub(crate) mod journal;
pub mod proofs;
pub mod terms;
pub(crate) mod watching;

use std::sync::Arc;

use neo_audit::{AuditLog, Entry};
use neo_consensus::engine::Notice;

use self::alerts::Alerts;
use self::watching::Watching;

/// The security layer of a node, shared by its parts.
#[derive(Debug)]
pub struct Security {
    audit: AuditLog,
    alerts: Alerts,
    watching: Watching,
    /// Whether validators are judged by what they do: what dBFT 2.0 sends proves nothing against anybody.
    judges: bool,
}

impl Security {
    /// A layer that writes into this log.
    pub(crate) fn new(
        audit: AuditLog,
        alerts: Alerts,
        watching: Watching,
        judges: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            audit,
            alerts,
            watching,
            judges,
        })
    }

    /// Takes something down in the audit log. Never waits.
    pub fn record(&self, entry: Entry) {
        self.audit.record(entry);
    }

    /// The alerts.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// The audit log.
    #[must_use]
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }

    /// Takes what the engine notices.
    pub(crate) fn notice(&self, notice: &Notice) {
        if let Some(entry) = journal::notice(notice) {
            self.record(entry);
        }
        self.alerts.notice(notice);
        if self.judges {
            self.watch(notice);
        }
    }
}
