//! What an operator must look at: one place for all of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use neo_consensus::engine::Notice;
use neo_consensus::v3::recovery::RecoveryStrategy;
use parking_lot::Mutex;
use serde::Serialize;

use crate::events::{EventSink, NodeEvent};
use crate::ledger_worker::unix_ns;
use crate::metrics::Metrics;

/// How long an alert about something that has no end of its own stays up.
const LASTS: Duration = Duration::from_secs(3_600);
/// Longest text of an alert, in characters.
const MAX_TEXT: usize = 500;

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// Fewer validators than a quorum are in reach. Ends when they are.
    Partition,
    /// No decision for long although a quorum is connected. Ends with the next decision.
    Emergency,
    /// A validator provably broke the protocol.
    Evidence,
    /// A validator's conduct shows a fault or an attack. Ends when no finding holds any more.
    Conduct,
    /// A peer is kept out.
    Ban,
    /// A write failed: disk full or broken. Ends with the next write that works.
    Disk,
    /// The ledger refuses a block that the validators agreed on.
    Ledger,
    /// The audit log was cut short, changed, or cannot be written.
    Audit,
    /// No attached Neo node serves: this validator does not vote. Ends when one does.
    NeoNode,
    /// A block carries a signature of this validator's key that was not made here.
    Key,
    /// This validator is silent: its votes may be incomplete. Ends when it votes.
    Silence,
}

impl AlertKind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Partition,
        Self::Emergency,
        Self::Evidence,
        Self::Conduct,
        Self::Ban,
        Self::Disk,
        Self::Ledger,
        Self::Audit,
        Self::NeoNode,
        Self::Key,
        Self::Silence,
    ];

    /// Its name in metrics, events and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Emergency => "emergency",
            Self::Evidence => "evidence",
            Self::Conduct => "conduct",
            Self::Ban => "ban",
            Self::Disk => "disk",
            Self::Ledger => "ledger",
            Self::Audit => "audit",
            Self::NeoNode => "neo-node",
            Self::Key => "key",
            Self::Silence => "silence",
        }
    }

    /// Whether its end is seen; the others stay up for an hour after the last time.
    fn ends(self) -> bool {
        !matches!(self, Self::Evidence | Self::Ban | Self::Ledger | Self::Key)
    }
}

/// An alert of this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// What it is about.
    pub kind: AlertKind,
    /// Whether it is up.
    pub active: bool,
    /// How often it was raised.
    pub count: u64,
    /// When it was raised last, nanoseconds since 1970.
    pub last_ns: u64,
    /// What it said then.
    pub text: String,
}

#[derive(Debug)]
struct State {
    alert: Alert,
    /// When it goes down by itself.
    until: Option<Instant>,
}

/// All alerts of a node.
#[derive(Debug)]
pub struct Alerts {
    states: Mutex<Vec<State>>,
    metrics: Arc<Metrics>,
    events: EventSink,
}

impl Alerts {
    /// None is up.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, events: EventSink) -> Self {
        for kind in AlertKind::ALL {
            metrics.security().alert(kind.name(), false, false);
        }
        Self {
            states: Mutex::new(Vec::new()),
            metrics,
            events,
        }
    }

    /// Raises an alert: an error in the log, an event, a count and a gauge. One that is up already is only counted
    /// and takes the new text.
    pub fn raise(&self, kind: AlertKind, text: impl std::fmt::Display) {
        self.raise_at(kind, text.to_string(), Instant::now());
    }

    fn raise_at(&self, kind: AlertKind, text: String, now: Instant) {
        let text: String = text.chars().take(MAX_TEXT).collect();
        let until = (!kind.ends()).then(|| now + LASTS);
        let mut states = self.states.lock();
        let before = states.iter_mut().find(|state| state.alert.kind == kind);
        let (news, alert) = match before {
            Some(state) => {
                let news = !state.alert.active;
                state.until = until;
                state.alert.active = true;
                state.alert.count = state.alert.count.saturating_add(1);
                state.alert.last_ns = unix_ns();
                state.alert.text = text;
                (news, state.alert.clone())
            }
            None => {
                let alert = Alert {
                    kind,
                    active: true,
                    count: 1,
                    last_ns: unix_ns(),
                    text,
                };
                states.push(State {
                    alert: alert.clone(),
                    until,
                });
                (true, alert)
            }
        };
        drop(states);
        self.metrics.security().alert(kind.name(), true, true);
        if news {
            tracing::error!(alert = kind.name(), "{}", alert.text);
            self.tell(&alert);
        }
    }

    /// Takes an alert down, if it is up.
    pub fn clear(&self, kind: AlertKind) {
        let ended = {
            let mut states = self.states.lock();
            let state = states
                .iter_mut()
                .find(|state| state.alert.kind == kind && state.alert.active);
            state.map(|state| {
                state.alert.active = false;
                state.until = None;
                state.alert.clone()
            })
        };
        if let Some(alert) = ended {
            self.metrics.security().alert(kind.name(), false, false);
            tracing::info!(alert = kind.name(), "over");
            self.tell(&alert);
        }
    }

    /// Takes down what has been up for long enough.
    pub fn expire(&self, now: Instant) {
        let over: Vec<_> = {
            let states = self.states.lock();
            let over = |state: &&State| state.until.is_some_and(|until| until <= now);
            let over = states.iter().filter(over);
            over.map(|state| state.alert.kind).collect()
        };
        over.into_iter().for_each(|kind| self.clear(kind));
    }

    /// All that were ever raised.
    #[must_use]
    pub fn list(&self) -> Vec<Alert> {
        let states = self.states.lock();
        states.iter().map(|state| state.alert.clone()).collect()
    }

    fn tell(&self, alert: &Alert) {
        self.events.emit(NodeEvent::Alert {
            kind: alert.kind.name(),
            active: alert.active,
            text: alert.text.clone(),
            t_ns: unix_ns(),
        });
    }

    /// What notices of the engine mean for alerts.
    pub(crate) fn notice(&self, notice: &Notice) {
        match notice {
            Notice::Decided { .. } => self.clear(AlertKind::Emergency),
            Notice::Recovery {
                height,
                strategy: RecoveryStrategy::Emergency,
                cause,
            } => self.raise(
                AlertKind::Emergency,
                format_args!("height {height} is not decided: {cause}"),
            ),
            Notice::LedgerDisagrees {
                height,
                hash,
                problem,
            } => self.raise(
                AlertKind::Ledger,
                format_args!(
                    "the validators agreed on block {hash} of height {height}, which this ledger refuses: {problem}"
                ),
            ),
            Notice::Silent { .. } => self.raise(
                AlertKind::Silence,
                "the vote log is missing, damaged or a copy: this validator does not vote",
            ),
            Notice::Voting { .. } => self.clear(AlertKind::Silence),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use neo_consensus::View;
    use neo_primitives::{Height, UInt256};

    use super::*;

    fn alerts() -> Alerts {
        Alerts::new(Arc::new(Metrics::new()), EventSink::none())
    }

    fn active(alerts: &Alerts) -> Vec<AlertKind> {
        let all = alerts.list().into_iter();
        all.filter(|alert| alert.active)
            .map(|alert| alert.kind)
            .collect()
    }

    #[test]
    fn an_emergency_is_an_alert_until_a_block_is_decided() {
        let alerts = alerts();
        let recovery = |strategy| Notice::Recovery {
            height: Height(7),
            strategy,
            cause: "nothing is decided",
        };
        alerts.notice(&recovery(RecoveryStrategy::PartialView));
        assert_eq!(active(&alerts), []);
        alerts.notice(&recovery(RecoveryStrategy::Emergency));
        assert_eq!(active(&alerts), [AlertKind::Emergency]);
        alerts.notice(&Notice::Decided {
            height: Height(7),
            view: View(1),
            hash: UInt256::ZERO,
        });
        assert_eq!(active(&alerts), []);
    }

    #[test]
    fn an_alert_is_up_until_it_is_over_and_counted_each_time() {
        let alerts = alerts();
        alerts.raise(AlertKind::Partition, "2 of 4 in reach");
        alerts.raise(AlertKind::Partition, "1 of 4 in reach");
        assert_eq!(active(&alerts), [AlertKind::Partition]);
        let alert = alerts.list().remove(0);
        assert_eq!((alert.count, alert.text.as_str()), (2, "1 of 4 in reach"));
        alerts.clear(AlertKind::Partition);
        alerts.clear(AlertKind::Disk);
        assert_eq!(active(&alerts), []);
        let text = alerts.metrics.encode(None);
        assert!(
            text.contains("neo_dbft_alert_active{kind=\"partition\"} 0"),
            "{text}"
        );
        assert!(
            text.contains("neo_dbft_alerts_total{kind=\"partition\"} 2"),
            "{text}"
        );
        assert!(
            text.contains("neo_dbft_alert_active{kind=\"disk\"} 0"),
            "{text}"
        );
    }

    #[test]
    fn what_has_no_end_of_its_own_goes_down_after_an_hour() {
        let alerts = alerts();
        let now = Instant::now();
        alerts.raise_at(AlertKind::Evidence, "x".repeat(9_999), now);
        alerts.raise_at(AlertKind::Disk, "full".to_owned(), now);
        alerts.expire(now + LASTS / 2);
        assert_eq!(active(&alerts).len(), 2);
        assert_eq!(alerts.list()[0].text.len(), MAX_TEXT);
        alerts.expire(now + LASTS);
        assert_eq!(active(&alerts), [AlertKind::Disk]);
    }
}
