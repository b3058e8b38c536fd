//! Which events go into the audit log, and how.

use neo_audit::{Entry, Found, Kind};
use neo_consensus::engine::Notice;
use neo_consensus::v3::recovery::RecoveryStrategy;
use neo_primitives::{PublicKey, sha256};

use crate::config::NodeConfig;
use crate::recovery::opening::FullRecovery;
use crate::security::alerts::{AlertKind, Alerts};

/// The process begins. The fingerprint is SHA-256 of the configuration as the node writes it, in which there are paths
/// and names of secrets, never secrets.
pub(crate) fn start(config: &NodeConfig, validator: Option<&PublicKey>, height: u32) -> Entry {
    let fingerprint = hex::encode(sha256(config.to_json().as_bytes()));
    Entry::new(Kind::Start)
        .text("program", concat!("neo-dbft ", env!("CARGO_PKG_VERSION")))
        .with("process", std::process::id())
        .with("magic", config.protocol.genesis.magic.0)
        .maybe("validator", validator.map(ToString::to_string))
        .with("height", height)
        .text("configuration", fingerprint)
}

/// The process ends.
pub(crate) fn stop(error: Option<String>) -> Entry {
    Entry::new(Kind::Stop).maybe("error", error)
}

/// What opening the log found is worth an alert; the log has it already.
pub(crate) fn opened(found: &Found, alerts: &Alerts) {
    if let Some((bytes, kept)) = &found.torn {
        tracing::warn!(
            bytes,
            kept,
            "the last line of the audit log was cut short; it is set aside"
        );
    }
    if let Some(problem) = &found.damage {
        alerts.raise(
            AlertKind::Audit,
            format_args!("the audit log was changed: {problem}"),
        );
    }
}

/// What the engine notices, as far as it belongs into the log.
pub(crate) fn notice(notice: &Notice) -> Option<Entry> {
    Some(match notice {
        Notice::ViewChangeAsked {
            height,
            view,
            reason,
        } => Entry::new(Kind::ViewChange)
            .text("what", "asked")
            .with("height", height.0)
            .with("view", view.0)
            .text("cause", reason)
            .alike(format_args!("asked {reason}")),
        Notice::ViewEntered { height, view } => Entry::new(Kind::ViewChange)
            .text("what", "entered")
            .with("height", height.0)
            .with("view", view.0)
            .alike("entered"),
        Notice::BlockRefused {
            height,
            hash,
            problem,
        } => Entry::new(Kind::ViewChange)
            .text("what", "block refused")
            .with("height", height.0)
            .text("block", hash)
            .text("cause", problem)
            .alike("refused"),
        Notice::LedgerDisagrees {
            height,
            hash,
            problem,
        } => Entry::new(Kind::LedgerDisagreement)
            .with("height", height.0)
            .text("block", hash)
            .text("problem", problem),
        Notice::Silent { until } => Entry::new(Kind::Silence)
            .maybe("until", until.map(|height| height.0))
            .alike(format_args!("{until:?}")),
        Notice::Voting { from } => Entry::new(Kind::Voting).with("from", from.0),
        Notice::Adjusted {
            parameter,
            from,
            to,
            cause,
        } => Entry::new(Kind::Adjustment)
            .text("parameter", parameter)
            .with("from", *from)
            .with("to", *to)
            .text("cause", cause)
            .alike(parameter),
        Notice::Recovery {
            height,
            strategy,
            cause,
        } => Entry::new(Kind::Recovery)
            .with("height", height.0)
            .text("strategy", strategy.name())
            .text("cause", cause)
            .alike(strategy.name()),
        _ => return None,
    })
}

/// The store was built again when the node started.
pub(crate) fn full_recovery(recovery: &FullRecovery) -> Entry {
    Entry::new(Kind::Recovery)
        .text("strategy", RecoveryStrategy::FullRecovery.name())
        .text("cause", &recovery.cause)
        .maybe("checkpoint", recovery.checkpoint.map(|height| height.0))
}
