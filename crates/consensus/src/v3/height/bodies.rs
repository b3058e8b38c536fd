//! From a header to a stored block: body, check, decision, witness.

use std::sync::Arc;

use neo_primitives::{UInt256, ValidatorIndex, multisig_script, multisig_witness};

use super::{HeightState, V3Actions};
use crate::engine::{Fetched, LedgerAction, Notice, Now, Recipient, Witnessed};
use crate::v3::blocks::Check;
use crate::v3::certificate::Decision;
use crate::v3::message::{Message, Payload};
use crate::v3::phase::{Phase, Trigger};

impl HeightState {
    /// The verdict of the own ledger.
    pub(in crate::v3) fn take_check(
        &mut self,
        hash: &UInt256,
        result: Result<(), String>,
        actions: &mut V3Actions,
    ) {
        let height = self.info.height;
        let Some(block) = self.blocks.get_mut(hash) else {
            return;
        };
        let Check::Asked { fresh } = block.check else {
            return;
        };
        match result {
            Ok(()) => block.check = Check::Passed,
            Err(problem) => {
                block.check = Check::Refused { fresh };
                let notice = if !fresh {
                    Notice::LedgerDisagrees {
                        height,
                        hash: *hash,
                        problem,
                    }
                } else {
                    Notice::BlockRefused {
                        height,
                        hash: *hash,
                        problem,
                    }
                };
                actions.notices.push(notice);
                self.refuse_block(actions);
            }
        }
    }

    /// What a fetch brought.
    pub(in crate::v3) fn take_fetched(&mut self, fetched: Fetched) {
        match fetched {
            Fetched::Transactions { hash, transactions } => {
                self.blocks.fetched_transactions(&hash, transactions);
            }
            Fetched::Hashes { hash, hashes } => self.blocks.fetched_hashes(&hash, hashes),
            Fetched::Body(body) => self.blocks.fetched_body(body),
            Fetched::Nothing { hash } => self.blocks.fetched_nothing(&hash),
        }
    }

    /// Blocks whose body is needed now: of the current proposal, of the highest prepared
    /// certificate, of the one to be proposed again, of the decision.
    pub(super) fn wanted(&self) -> Vec<(UInt256, Vec<ValidatorIndex>)> {
        let mut wanted = Vec::new();
        if let Some(decision) = &self.decision {
            wanted.push((decision.hash(), decision.signers()));
            return wanted;
        }
        if let Some(hash) = self.proposal().and_then(Message::block) {
            wanted.push((hash, Vec::new()));
        }
        let prescribed = self
            .view_change
            .as_ref()
            .and_then(|held| held.prepared.as_ref());
        for certificate in self
            .safety
            .highest()
            .map(AsRef::as_ref)
            .into_iter()
            .chain(prescribed)
        {
            wanted.push((certificate.hash, certificate.signatures.signers().collect()));
        }
        wanted
    }

    pub(super) fn pursue_bodies(&mut self, now: Now, actions: &mut V3Actions) {
        let set = Arc::clone(&self.info.validators);
        let others =
            |index: ValidatorIndex| set.key(index).filter(|_| Some(index) != self.own).cloned();
        let all: Vec<_> = set.indexes().filter_map(others).collect();
        for (hash, signers) in self.wanted() {
            let holders: Vec<_> = signers.into_iter().filter_map(others).collect();
            self.blocks.pursue(
                hash,
                now.monotonic,
                &holders,
                &all,
                &mut actions.ledger,
                &mut actions.fetch,
            );
        }
    }

    /// Lets the ledger check and execute the bodies that matter.
    pub(super) fn try_check(&mut self, actions: &mut V3Actions) {
        let fresh_proposal = self.proposal().and_then(|message| match &message.payload {
            Payload::Proposal(proposal) if self.is_fresh(proposal) => message.block(),
            _ => None,
        });
        for (hash, signers) in self.wanted() {
            // f+1 honest validators checked what a certificate names.
            let vouched = !signers.is_empty();
            let fresh = fresh_proposal == Some(hash) && !vouched;
            let Some(block) = self.blocks.get_mut(&hash) else {
                continue;
            };
            let Some(body) = &block.body else { continue };
            let ask = match block.check {
                Check::Unasked => true,
                Check::Refused { fresh: as_fresh } => as_fresh && !fresh,
                Check::Asked { .. } | Check::Passed => false,
            };
            if ask {
                block.check = Check::Asked { fresh };
                actions.ledger.push(LedgerAction::Check {
                    body: Arc::clone(body),
                    fresh,
                });
            }
        }
    }

    pub(super) fn try_commit(&mut self, actions: &mut V3Actions) {
        if let Ok(draft) = self.safety.commit() {
            actions.send.push((Recipient::All, draft));
        }
    }

    pub(super) fn try_promote(&mut self, actions: &mut V3Actions) {
        let Some(hash) = self.decision.as_ref().map(Decision::hash) else {
            return;
        };
        let executed = self
            .blocks
            .get(&hash)
            .is_some_and(|block| block.check == Check::Passed);
        if executed && !self.promoted {
            self.promoted = true;
            actions.ledger.push(LedgerAction::Promote { hash });
        }
    }

    /// Whether the decided block is executed, so that the next height may open.
    pub(in crate::v3) fn is_promoted(&self) -> bool {
        self.promoted
    }

    /// Stores the block when its witness is complete; the caller keeps the order of heights.
    pub(in crate::v3) fn try_store(&mut self, now: Now, actions: &mut V3Actions) {
        if self.phase != Phase::Commit || !self.promoted {
            return;
        }
        let Some(hash) = self.decision.as_ref().map(Decision::hash) else {
            return;
        };
        let quorum = self.quorum();
        let Some((signed, signatures)) = self.votes.header_signatures(quorum) else {
            return;
        };
        let Some(body) = self.blocks.body(&hash).filter(|_| signed == hash) else {
            return;
        };
        let Ok(script) = multisig_script(quorum, self.info.validators.keys()) else {
            return;
        };
        let signatures: Vec<_> = signatures.iter().map(|(_, signature)| *signature).collect();
        let witness = multisig_witness(&signatures, script);
        if self.change_phase(Trigger::WitnessComplete, now, actions) {
            actions.notices.push(Notice::Witnessed {
                height: self.info.height,
                hash,
            });
            let block = Box::new(Witnessed { body, witness });
            actions.ledger.push(LedgerAction::Store { block });
        }
    }
}
