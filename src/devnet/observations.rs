//! What is known about the validators while they run.

use neo_primitives::Height;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::accusations::Accusations;
use super::cast::{Cast, Part};
use super::events::{AlertEvent, BlockEvent, NodeEvent, NodeSummary};

/// Alerts that are kept of each validator.
const ALERTS: usize = 10_000;

/// What one validator has reported.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeSeen {
    /// Whether it is to follow the protocol to the end.
    pub(crate) lasting: bool,
    /// Whether its process is ended on purpose.
    pub(crate) given_up: bool,
    /// Whether it listens.
    pub(crate) ready: bool,
    /// When its silence ended since its process started, in nanoseconds since 1970.
    pub(crate) voting_ns: Option<u64>,
    /// When its first vote since its process started left, in nanoseconds since 1970.
    pub(crate) first_vote_ns: Option<u64>,
    /// Its blocks since it started, by ascending height.
    pub(crate) blocks: Vec<BlockEvent>,
    /// Transactions in those blocks.
    pub(crate) transactions: u64,
    /// Totals, once it stopped.
    pub(crate) summary: Option<NodeSummary>,
    /// How its process ended, once it did.
    pub(crate) ended: Option<String>,
    /// Alerts that began or ended, the first ones.
    pub(crate) alerts: Vec<AlertEvent>,
    /// What it found out about others.
    pub(crate) accusations: Accusations,
}

impl NodeSeen {
    /// Height of its newest block; genesis before the first.
    pub(crate) fn height(&self) -> Height {
        self.blocks.last().map_or(Height(0), |block| block.height)
    }

    /// Its block of a height.
    pub(crate) fn block(&self, height: Height) -> Option<&BlockEvent> {
        let at = self
            .blocks
            .binary_search_by_key(&height, |block| block.height);
        self.blocks.get(at.ok()?)
    }

    fn record(&mut self, event: NodeEvent) {
        match event {
            NodeEvent::Ready {} => self.ready = true,
            NodeEvent::Block(block) => {
                let newer = self
                    .blocks
                    .last()
                    .is_none_or(|last| last.height < block.height);
                if newer {
                    self.transactions = self.transactions.saturating_add(block.transactions.into());
                    self.blocks.push(block);
                }
            }
            NodeEvent::Voting { t_ns } => self.voting_ns = Some(t_ns),
            NodeEvent::FirstVote { t_ns } => self.first_vote_ns = Some(t_ns),
            NodeEvent::Alert(alert) => {
                if self.alerts.len() < ALERTS {
                    self.alerts.push(alert);
                }
            }
            NodeEvent::Evidence(proof) => self.accusations.proof(proof),
            NodeEvent::Finding(finding) => self.accusations.finding(finding),
            NodeEvent::Ban(ban) => self.accusations.ban(ban),
            NodeEvent::Summary(summary) => self.summary = Some(summary),
            NodeEvent::Other => {}
        }
    }
}

/// What all validators have reported, and a signal for changes.
#[derive(Debug)]
pub(crate) struct Observations {
    nodes: Mutex<Vec<NodeSeen>>,
    changed: watch::Sender<()>,
}

impl Observations {
    /// Nothing yet about validators with these parts.
    pub(crate) fn new(cast: &Cast) -> Self {
        let node = |index| NodeSeen {
            lasting: cast.part(index) == Part::Lasting,
            ..NodeSeen::default()
        };
        Self {
            nodes: Mutex::new((0..cast.validators()).map(node).collect()),
            changed: watch::Sender::new(()),
        }
    }

    /// Takes a line of a validator.
    pub(crate) fn record(&self, node: usize, event: NodeEvent) {
        self.change(node, |seen| seen.record(event));
    }

    /// Notes that a validator's process ended.
    pub(crate) fn ended(&self, node: usize, how: String) {
        self.change(node, |seen| seen.ended = Some(how));
    }

    /// A validator's process is about to be ended on purpose.
    pub(crate) fn expect_end(&self, node: usize) {
        self.change(node, |seen| seen.given_up = true);
    }

    /// A validator's process is started again.
    pub(crate) fn begins_again(&self, node: usize) {
        self.change(node, |seen| {
            seen.given_up = false;
            seen.ready = false;
            seen.voting_ns = None;
            seen.first_vote_ns = None;
            seen.ended = None;
        });
    }

    fn change(&self, node: usize, change: impl FnOnce(&mut NodeSeen)) {
        if let Some(seen) = self.nodes.lock().get_mut(node) {
            change(seen);
        }
        self.changed.send_replace(());
    }

    /// Looks at everything.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&[NodeSeen]) -> T) -> T {
        look(&self.nodes.lock())
    }

    /// Waits until `look` finds what it looks for.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&[NodeSeen]) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if let Some(found) = self.read(&mut look) {
                return found;
            }
            // The sender lives as long as `self`, so this ends with a change.
            let _ = changed.changed().await;
        }
    }

    /// Waits until every lasting validator has a block of this height.
    pub(crate) async fn until_height(&self, height: Height) {
        self.until(|nodes| {
            nodes
                .iter()
                .all(|node| !node.lasting || node.height() >= height)
                .then_some(())
        })
        .await;
    }

    /// Waits until a validator's process ended that nobody ended on purpose, and says which and how.
    pub(crate) async fn until_one_ended(&self) -> (usize, String) {
        self.until(|nodes| {
            let mut nodes = nodes.iter().enumerate().filter(|(_, node)| !node.given_up);
            nodes.find_map(|(index, node)| Some((index, node.ended.clone()?)))
        })
        .await
    }

    /// Greatest height that any lasting validator has.
    pub(crate) fn greatest_height(&self) -> Height {
        self.read(|nodes| {
            let lasting = nodes.iter().filter(|node| node.lasting);
            lasting.map(NodeSeen::height).max().unwrap_or(Height(0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::cast::Disturbances;
    use neo_primitives::UInt256;
    use std::sync::Arc;

    pub(crate) fn block(height: u32, transactions: u32) -> NodeEvent {
        NodeEvent::Block(BlockEvent {
            height: Height(height),
            hash: UInt256::ZERO,
            t_ns: u64::from(height),
            transactions,
            view: Some(0),
            decision_us: None,
            witness_us: None,
        })
    }

    #[tokio::test]
    async fn who_is_killed_on_purpose_is_not_waited_for() {
        let asked = Disturbances {
            kills: vec!["1".parse().unwrap()],
            ..Disturbances::default()
        };
        let seen = Observations::new(&Cast::of(&asked, 4).unwrap());
        seen.expect_end(1);
        seen.ended(1, "signal: 9".to_owned());
        for node in [0, 2, 3] {
            seen.record(node, block(1, 0));
        }
        seen.until_height(Height(1)).await;
        seen.ended(2, "exit status: 1".to_owned());
        assert_eq!(
            seen.until_one_ended().await,
            (2, "exit status: 1".to_owned())
        );
        seen.begins_again(1);
        assert!(seen.read(|nodes| nodes[1].ended.is_none() && !nodes[1].ready));
    }

    #[tokio::test]
    async fn waiting_ends_with_the_change_that_fulfils_it() {
        let seen = Arc::new(Observations::new(&Cast::lasting_only(2)));
        let waiting = tokio::spawn({
            let seen = seen.clone();
            async move { seen.until_height(Height(2)).await }
        });
        for height in 1..=2 {
            for node in 0..2 {
                tokio::task::yield_now().await;
                assert!(!waiting.is_finished());
                seen.record(node, block(height, 3));
            }
        }
        waiting.await.unwrap();
        assert_eq!(seen.read(|nodes| nodes[1].transactions), 6);
        assert_eq!(seen.greatest_height(), Height(2));
        seen.ended(1, "killed".to_owned());
        assert_eq!(seen.until_one_ended().await, (1, "killed".to_owned()));
    }

    #[test]
    fn blocks_stay_in_order_and_are_found() {
        let seen = Observations::new(&Cast::lasting_only(1));
        for height in [3, 4, 4, 2, 6] {
            seen.record(0, block(height, 1));
        }
        seen.record(7, block(1, 1));
        seen.read(|nodes| {
            let heights: Vec<_> = nodes[0].blocks.iter().map(|block| block.height.0).collect();
            assert_eq!(heights, [3, 4, 6]);
            assert_eq!(nodes[0].block(Height(4)).map(|block| block.t_ns), Some(4));
            assert_eq!(nodes[0].block(Height(5)), None);
            assert_eq!(nodes[0].transactions, 3);
        });
    }
}
