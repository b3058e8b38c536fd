//! Schedules aimed at the corners of the protocol.

use super::Mix;
use crate::plan::{Condition, Fate, Fault, FaultKind, Filter, Nodes, Part, Seen, Span};
use crate::trace::Kind;

impl Mix {
    /// Schedules aimed at the corners of the protocol, at a few heights.
    pub(super) fn aimed(&mut self) {
        let count = self.random.below(4);
        for _ in 0..count {
            let height = u32::try_from(self.random.between(2, 60)).unwrap_or(2);
            match self.random.below(6) {
                0 => self.prepared_and_left(height),
                1 => self.leader_gone_after_decision(height),
                2 => self.silent_leader(height),
                3 => self.lost_commits(height),
                4 => self.certificate_to_few(height),
                _ => self.body_of_the_dead(height),
            }
        }
    }

    /// The view that ends the trouble of a height.
    fn in_later_view(&mut self, height: u32, view: u32) -> Condition {
        Condition::Seen(Seen::Entered {
            height,
            view,
            nodes: Nodes::All,
            least: 1,
        })
    }

    /// PreCommits of early views reach few: the next view has to carry the block.
    fn prepared_and_left(&mut self, height: u32) {
        let last = u32::try_from(self.random.below(2)).unwrap_or(0);
        let until = self.in_later_view(height, last + 1);
        let to = if self.random.percent(50) {
            Nodes::All
        } else {
            Nodes::Except(vec![self.node()])
        };
        self.plan.filters.push(Filter {
            heights: Span::only(height),
            views: Span { from: 0, to: last },
            to,
            until: Some(until),
            ..Filter::drop(&[Kind::PreCommit])
        });
    }

    /// One validator decides; the leader is gone at once, with what it knew.
    fn leader_gone_after_decision(&mut self, height: u32) {
        let decided = Condition::Seen(Seen::Decided {
            height,
            nodes: Nodes::All,
            least: 1,
        });
        let nodes = Nodes::Leader { height, view: 0 };
        self.plan.faults.push(Fault {
            when: decided.clone(),
            kind: FaultKind::Crash {
                nodes: nodes.clone(),
                seen: self.random.percent(50),
            },
        });
        let ms = self.random.between(100, 3_000).min(self.plan.duration_ms);
        self.plan.faults.push(Fault {
            when: Condition::After {
                condition: Box::new(decided),
                ms,
            },
            kind: FaultKind::Restart { nodes },
        });
    }

    /// The proposals of the first views do not arrive.
    fn silent_leader(&mut self, height: u32) {
        let last = u32::try_from(self.random.below(3)).unwrap_or(0);
        let until = self.in_later_view(height, last + 1);
        self.plan.filters.push(Filter {
            heights: Span::only(height),
            views: Span { from: 0, to: last },
            until: Some(until),
            ..Filter::drop(&[Kind::Proposal])
        });
    }

    /// Header signatures and certificates are lost for a while.
    fn lost_commits(&mut self, height: u32) {
        let first = u32::try_from(self.random.between(3, 40)).unwrap_or(3);
        self.plan.filters.push(Filter {
            heights: Span::only(height),
            first: Some(first),
            ..Filter::drop(&[Kind::Commit, Kind::RecoveryMessage])
        });
    }

    /// View-change certificates reach one node only, for a while.
    fn certificate_to_few(&mut self, height: u32) {
        self.silent_leader(height);
        let to = Nodes::Except(vec![self.node()]);
        let first = u32::try_from(self.random.between(2, 30)).unwrap_or(2);
        let mut filter = Filter {
            heights: Span::only(height),
            to,
            carrying: vec![Part::ViewChangeCertificate],
            first: Some(first),
            ..Filter::drop(&[Kind::RecoveryMessage, Kind::Proposal])
        };
        if self.random.percent(50) {
            filter.fate = Fate::Delay {
                us: self.random.between(1_000, 800_000),
            };
        }
        self.plan.filters.push(filter);
    }

    /// Those who prepared a block crash, and come back.
    fn body_of_the_dead(&mut self, height: u32) {
        let until = self.in_later_view(height, 1);
        self.plan.filters.push(Filter {
            heights: Span::only(height),
            views: Span::only(0),
            until: Some(until.clone()),
            ..Filter::drop(&[Kind::PreCommit])
        });
        let prepared = Condition::Seen(Seen::Prepared {
            height,
            view: 0,
            nodes: Nodes::All,
            least: 1,
        });
        let nodes = Nodes::Only(vec![self.node(), self.node()]);
        self.plan.faults.push(Fault {
            when: prepared,
            kind: FaultKind::Crash {
                nodes: nodes.clone(),
                seen: false,
            },
        });
        let ms = self.random.between(10, 1_500).min(self.plan.duration_ms);
        self.plan.faults.push(Fault {
            when: Condition::After {
                condition: Box::new(until),
                ms,
            },
            kind: FaultKind::Restart { nodes },
        });
    }
}
