//! What a run looks like from outside.

use std::collections::BTreeSet;
use std::sync::Arc;

use neo_adversary::Content;
use neo_consensus::View;
use neo_consensus::engine::Notice;
use neo_consensus::v3::Message;
use neo_consensus::v3::context::HeightContext;
use neo_consensus::v3::evidence::archive::VoteArchive;
use neo_invariants::ideal::IdealCheck;
use neo_primitives::{Height, ValidatorIndex};

use super::{MAGIC, Network, Sent};

impl Network {
    /// What the signatures of a height cover; the block before must be stored by an honest node.
    pub(crate) fn context(&self, height: u32) -> Arc<HeightContext> {
        let node = self.honest_nodes()[0];
        let before = &self.nodes[node].ledger.stored[height as usize - 1];
        Arc::new(HeightContext {
            magic: MAGIC,
            height: Height(height),
            prev_hash: before.hash(),
            validators: Arc::clone(&self.set),
        })
    }

    /// Everything that was sent and recorded at a height.
    pub(crate) fn archive(&self, height: u32) -> VoteArchive {
        let mut archive = VoteArchive::new(self.context(height));
        for (_, message) in &self.honest {
            archive.add_message(message, &IdealCheck);
        }
        for sent in &self.bent {
            if let Content::Message(message) = &sent.outgoing.content {
                archive.add_message(message, &IdealCheck);
            }
        }
        for node in &self.nodes {
            for record in &node.records {
                archive.add_record(record, &IdealCheck);
            }
        }
        archive
    }

    /// No two honest nodes decided or stored different blocks.
    pub(crate) fn assert_agreement(&self) {
        for (height, blocks) in &self.decided {
            assert_eq!(blocks.len(), 1, "a fork at {height}");
        }
        let honest = self.honest_nodes();
        for height in 0..=self.lowest() as usize {
            let blocks: BTreeSet<_> = honest
                .iter()
                .map(|node| self.nodes[*node].ledger.stored[height].hash())
                .collect();
            assert_eq!(blocks.len(), 1, "a fork at {height}");
        }
    }

    /// Nobody honest is accused, by any engine or by the archive, and every proof of an engine is one.
    pub(crate) fn assert_only_liars_are_accused(&self) {
        let honest = self.honest_nodes();
        let is_honest = |culprit: ValidatorIndex| honest.contains(&usize::from(culprit.0));
        for (_, evidence) in &self.evidence {
            let culprit = evidence
                .verify(MAGIC, &self.set, &IdealCheck)
                .unwrap_or_else(|error| panic!("{evidence}: {error}"));
            assert!(!is_honest(culprit), "{evidence}");
        }
        for height in 1..=self.lowest() + 1 {
            for culprit in self.archive(height).culprits() {
                assert!(!is_honest(culprit), "{culprit} accused at {height}");
            }
        }
    }

    /// Messages of a kind that adversaries let out.
    pub(crate) fn let_out<'a>(
        &'a self,
        fits: impl Fn(&Message) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a Sent, &'a Message)> + 'a {
        self.bent
            .iter()
            .filter_map(move |sent| match &sent.outgoing.content {
                Content::Message(message) if fits(message) => Some((sent, message)),
                _ => None,
            })
    }

    pub(crate) fn highest_view(&self) -> View {
        let entered = self.notices.iter().filter_map(|(_, notice)| match notice {
            Notice::ViewEntered { view, .. } => Some(*view),
            _ => None,
        });
        entered.max().unwrap_or_default()
    }
}
