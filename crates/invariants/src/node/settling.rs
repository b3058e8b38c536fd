//! What must have happened once a node has settled.

use std::time::Duration;

use neo_consensus::View;
use neo_consensus::v3::context::MessageKind;
use neo_primitives::{Height, UInt256};

use super::dues::{Due, Lagging};
use super::{Node, Open};
use crate::findings::Findings;
use crate::violation::Invariant;

/// Longer than a Prepare needs to become durable.
const TO_PREPARE: Duration = Duration::from_millis(500);

impl Node {
    pub(crate) fn settled(&mut self, findings: &mut Findings) {
        self.asking.clear();
        if !self.dues.is_empty() {
            for (height, due) in self.dues.take() {
                if !self.is_paid(height, &due) {
                    findings.report(due.invariant(), Some(height), due.text());
                }
            }
        }
        let heights: Vec<_> = self
            .open
            .keys()
            .copied()
            .filter(|h| *h > self.engine_stored)
            .collect();
        for height in heights {
            self.height_settled(height, findings);
        }
    }

    fn is_paid(&self, height: Height, due: &Due) -> bool {
        let known = self.knowledge(height).filter(|_| height > self.stored);
        match (due, known) {
            // A request that was still to be verified when the height was over is not looked at any more.
            (Due::Answer { why, .. }, known) => match why {
                Lagging::Asks(asked) => known.is_none() || !self.has_to_tell(height, asked),
                _ => false,
            },
            (Due::Forward { .. }, _) => false,
            (_, None) => true,
            (Due::Decide { .. }, Some(known)) => known.decided.is_some(),
            (Due::Hold { view }, Some(known)) => {
                let held = self.log.at(height).and_then(|log| log.highest());
                known.decided.is_some() || held.is_some_and(|held| held.0 >= *view)
            }
            (Due::Fetch { hash }, Some(_)) => {
                let here = self
                    .log
                    .at(height)
                    .is_some_and(|log| log.bodies.contains(hash));
                here || self.fetched.contains(hash) || self.headers.contains(hash)
            }
        }
    }

    fn height_settled(&mut self, height: Height, findings: &mut Findings) {
        let view = self.view(height);
        let silent = self.validator.is_none() || self.silence.forbids(height).is_some();
        let asked = self.signed(height).asked;
        let committed = self
            .signed(height)
            .find(MessageKind::Commit, View::ZERO)
            .is_some();
        let acceptable = self.acceptable(height, view);
        let held = self
            .log
            .at(height)
            .and_then(|log| log.highest())
            .map(|held| held.0);
        let stored = height <= self.stored;
        let voter = self.validator.is_some();
        let Some(Open {
            known,
            change_view,
            commit,
            acceptable: since,
        }) = self.open.get_mut(&height)
        else {
            return;
        };
        let at = findings.at;
        if known.decided.is_none() && !stored {
            if let Some(hash) = known.must_decide(view) {
                let what = format!("was shown what decides {hash} and has not decided");
                findings.report(Invariant::Decides, Some(height), what);
                known.decided = Some(hash);
            }
            if voter && known.must_hold() > held {
                let formed = known.must_hold().map(|view| view.0);
                let what = format!("was shown a PC of view {formed:?} and does not hold it");
                findings.report(Invariant::ViewChange, Some(height), what);
            }
        }
        let undecided = known.decided.is_none();
        if silent || !undecided || asked <= view {
            change_view.done(at);
        } else if change_view.is_missing(at) {
            let what = format!("does not repeat its ChangeView for {asked}");
            findings.report(Invariant::ViewChange, Some(height), what);
        }
        if silent || undecided || !committed || stored {
            commit.done(at);
        } else if commit.is_missing(at) {
            let what = "does not repeat its header signature".to_owned();
            findings.report(Invariant::AfterDecision, Some(height), what);
        }
        match acceptable.filter(|_| undecided && !silent && asked <= view) {
            None => *since = None,
            Some(hash) if at >= since.get_or_insert(at).saturating_add(TO_PREPARE) => {
                let what = format!("does not prepare {hash}, which view {view} admits");
                findings.report(Invariant::CarriedBlock, Some(height), what);
                *since = None;
            }
            Some(_) => {}
        }
    }

    /// The only proposal of the current view, if its justification admits it, the ledger accepts it, and
    /// nothing was voted on it yet: whatever certificates of its own the node has, it must prepare it
    /// (rule 3).
    fn acceptable(&mut self, height: Height, view: View) -> Option<UInt256> {
        let known = self.knowledge(height)?;
        let mut proposals = known.proposals.iter().filter(|seen| seen.view == view);
        let seen = proposals.next()?;
        let only = proposals.all(|other| other.hash == seen.hash);
        let admissible = seen.by_leader && known.refusal(seen).is_ok();
        let hash = seen.hash;
        if !only || !admissible || !self.passed.contains(&hash) || self.is_flawed(height) {
            return None;
        }
        let log = self.log.at(height);
        let certified = log.is_some_and(|log| log.prepared.iter().any(|held| held.0 == view));
        let prepared = self
            .signed(height)
            .find(MessageKind::Prepare, view)
            .is_some();
        (!certified && !prepared).then_some(hash)
    }
}
