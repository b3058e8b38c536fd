//! Tells the operator when no Neo node serves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use neo_attached::{AttachedLedger, NodeReport};
use tokio::sync::watch;

use crate::security::Security;
use crate::security::alerts::AlertKind;

/// How often the nodes' standing is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// No node serves for so long before it is an alert: each block takes the nodes a moment.
const GRACE: Duration = Duration::from_secs(2);

/// Looks after the Neo nodes of an attached ledger.
pub(crate) struct Health {
    pub(crate) ledger: Arc<AttachedLedger>,
    pub(crate) security: Arc<Security>,
}

impl Health {
    /// Works until the node stops.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut absence = Absence::default();
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                _ = stopped.changed() => return,
            }
            let alerts = self.security.alerts();
            match absence.look(&self.ledger.nodes(), Instant::now()) {
                Some(Change::Away(problems)) => alerts.raise(
                    AlertKind::NeoNode,
                    format_args!("no Neo node serves, this validator does not vote: {problems}"),
                ),
                Some(Change::Back) => alerts.clear(AlertKind::NeoNode),
                None => {}
            }
        }
    }
}

/// Since when no node serves.
#[derive(Debug, Default)]
struct Absence {
    since: Option<Instant>,
    told: bool,
}

/// What there is to tell.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    /// No node serves, and why.
    Away(String),
    /// One serves again.
    Back,
}

impl Absence {
    fn look(&mut self, nodes: &[NodeReport], now: Instant) -> Option<Change> {
        if nodes.iter().any(|node| node.serves) {
            self.since = None;
            return std::mem::take(&mut self.told).then_some(Change::Back);
        }
        let since = *self.since.get_or_insert(now);
        if self.told || now.duration_since(since) < GRACE {
            return None;
        }
        self.told = true;
        let problems: Vec<String> = nodes.iter().map(ToString::to_string).collect();
        Some(Change::Away(problems.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use neo_attached::NodeState;
    use neo_primitives::Height;

    use super::*;

    fn report(serves: bool) -> NodeReport {
        NodeReport {
            endpoint: "127.0.0.1:10332".parse().unwrap(),
            state: NodeState::Behind {
                height: Height(3),
                tip: Height(9),
            },
            serves,
        }
    }

    #[test]
    fn a_moment_is_no_absence_and_an_absence_is_told_once_and_ends() {
        let mut absence = Absence::default();
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let (away, back) = ([report(false)], [report(false), report(true)]);
        assert_eq!(absence.look(&away, at(0)), None);
        assert_eq!(absence.look(&back, at(1_900)), None, "it was never told of");
        assert_eq!(absence.look(&away, at(2_100)), None, "it begins anew");
        let told = absence.look(&away, at(4_100));
        let problems = "http://127.0.0.1:10332 is at height 3, the chain is at 9";
        assert_eq!(told, Some(Change::Away(problems.to_owned())));
        assert_eq!(absence.look(&away, at(9_000)), None);
        assert_eq!(absence.look(&back, at(9_100)), Some(Change::Back));
        assert_eq!(absence.look(&back, at(9_200)), None);
    }
}
