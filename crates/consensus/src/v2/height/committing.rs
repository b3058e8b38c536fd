//! Commit, the witness, and the block.

use std::sync::Arc;

use neo_primitives::{UInt256, ValidatorIndex, multisig_script, multisig_witness};

use super::preparing::names;
use super::proposal::Check;
use super::{HeightState, Held, V2Actions};
use crate::engine::{LedgerAction, Notice, Now, Recipient, Witnessed};
use crate::v2::content::Body;
use crate::v2::message::{Draft, Message};
use crate::v2::record::Record;
use crate::v2::verify::VerifyJob;
use crate::validators::View;

/// What a Commit adds to the view.
const COMMIT: u32 = 4;

impl HeightState {
    /// A Commit of any view: the first of a validator counts.
    pub(super) fn take_commit(
        &mut self,
        now: Now,
        message: Message,
        signs: Option<UInt256>,
        actions: &mut V2Actions,
    ) {
        let validator = message.validator();
        if self.commits.contains_key(&validator) {
            return;
        }
        let header = self.block().filter(|_| message.view() == self.view);
        if message.view() == self.view {
            self.extend_timer(now, COMMIT, actions);
        }
        let signs = signs.filter(|signs| Some(*signs) == header);
        if let (Some(header), None) = (header, signs) {
            // The header was not known yet when its envelope was checked.
            let commits = vec![message.clone()];
            let anybody = self.anybody.clone();
            let job = VerifyJob::commits(&self.context, anybody, commits, header);
            actions.verify.push(job);
        }
        if self.own() == Some(validator) {
            // Found again in another's RecoveryMessage: the vote log was lost, the Commit was not.
            self.cast.commit = true;
        }
        self.commits.insert(validator, Held { message, signs });
    }

    /// A Commit that came before the header was compared with it.
    pub(super) fn take_check_of_commit(
        &mut self,
        validator: ValidatorIndex,
        header: UInt256,
        valid: bool,
    ) {
        if self.block() != Some(header) {
            return;
        }
        let view = self.view;
        let Some(held) = self.commits.get_mut(&validator) else {
            return;
        };
        if held.message.view() != view || held.signs.is_some() {
            return;
        }
        if valid {
            held.signs = Some(header);
        } else {
            self.commits.remove(&validator);
        }
    }

    pub(super) fn try_commit(&mut self, now: Now, actions: &mut V2Actions) {
        let Some((own, key)) = self.voice.clone() else {
            return;
        };
        if self.commit_sent() || self.not_accepting() {
            return;
        }
        let Some(proposal) = &self.proposal else {
            return;
        };
        let request = proposal.message.hash();
        let prepared = self.preparations.values();
        let prepared = prepared.filter(|held| names(held, &request)).count();
        let fewer = usize::from(mutated!(self, CommitsOnFewer));
        if prepared + fewer < self.quorum() || proposal.check != (Check::Passed { fresh: true }) {
            return;
        }
        let header = proposal.hash;
        self.cast.commit = true;
        if !mutated!(self, ForgetsContext) {
            self.make_durable(actions);
        }
        let draft = Draft::commit(&self.context, &key, own, self.view, header);
        actions.send.push((Recipient::All, draft));
        self.set_timer(now, self.unit, actions);
    }

    /// Puts into the vote log what led to the Commit, and the block.
    fn make_durable(&mut self, actions: &mut V2Actions) {
        let messages = self.justifying.values();
        let messages = messages.chain(self.preparations.values());
        let commits = self.commits.values().map(|held| &held.message);
        let messages = messages.chain(commits).cloned().collect();
        if let Some(proposal) = &mut self.proposal
            && let (false, Some(body)) = (proposal.durable, proposal.body().cloned())
        {
            proposal.durable = true;
            actions.persist.push(Record::Body(body));
        }
        actions.persist.push(Record::Context {
            height: self.height(),
            view: self.view,
            messages,
        });
    }

    /// M signatures of the header make the block, whatever this node thinks of its transactions.
    pub(super) fn try_finish(&mut self, actions: &mut V2Actions) {
        let quorum = self.quorum();
        let height = self.info.height;
        let Some(proposal) = &mut self.proposal else {
            return;
        };
        let hash = proposal.hash;
        let signed = self
            .commits
            .values()
            .filter(|held| held.signs == Some(hash) && held.message.view() == self.view);
        let signatures = signed.filter_map(|held| match held.message.content().body {
            Body::Commit { signature } => Some(signature),
            _ => None,
        });
        // In the order of the keys, and no more than needed: Neo takes exactly M.
        let mut signatures: Vec<_> = signatures.collect();
        if mutated!(self, LastSignatures) {
            let surplus = signatures.len().saturating_sub(quorum);
            signatures.drain(..surplus);
        }
        signatures.truncate(quorum);
        let Some(body) = proposal.body().cloned() else {
            return;
        };
        if signatures.len() < quorum {
            return;
        }
        match proposal.check {
            Check::Passed { .. } => {}
            Check::Asked { .. } | Check::Refused { fresh: false } => return,
            Check::Unasked | Check::Refused { fresh: true } => {
                proposal.check = Check::Asked { fresh: false };
                return actions
                    .ledger
                    .push(LedgerAction::Check { body, fresh: false });
            }
        }
        let Ok(script) = multisig_script(quorum, self.info.validators.keys()) else {
            return;
        };
        let witness = multisig_witness(&signatures, script);
        self.sent = true;
        let view = View(u32::from(self.view));
        actions.notices.push(Notice::Decided { height, view, hash });
        actions.notices.push(Notice::Witnessed { height, hash });
        actions.ledger.push(LedgerAction::Promote { hash });
        let block = Box::new(Witnessed {
            body: Arc::clone(&body),
            witness,
        });
        actions.ledger.push(LedgerAction::Store { block });
        self.stop_timers(actions);
    }
}
