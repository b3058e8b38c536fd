//! Finds out that the validator's key signs somewhere else, too: a block came that carries its signature, and this
//! process did not make it. After a migration that is neo-go beside it, whose own consensus was not switched off.

use std::collections::BTreeSet;
use std::sync::Arc;

use neo_consensus::engine::{Restored, VoteLogState};
use neo_consensus::vote_log::Mark;
use neo_ledger::Ledger;
use neo_primitives::{Block, Height, Magic, PublicKey, VerifyingKey, verify_witness_with};

use crate::handover::Signing;
use crate::security::Security;
use crate::security::alerts::AlertKind;

/// Heights whose own signatures are remembered.
const REMEMBERED: usize = 256;

/// What this process signed, and where it looks.
pub(crate) struct Elsewhere {
    own: OwnHeaders,
    key: PublicKey,
    magic: Magic,
    ledger: Arc<dyn Ledger>,
    security: Arc<Security>,
}

impl Elsewhere {
    /// With what the vote log brings back.
    pub(crate) fn new<R: Signing>(
        key: &PublicKey,
        magic: Magic,
        ledger: Arc<dyn Ledger>,
        security: Arc<Security>,
        restored: &Restored<R>,
    ) -> Self {
        Self {
            own: OwnHeaders::of(restored),
            key: key.clone(),
            magic,
            ledger,
            security,
        }
    }

    /// Of this run nothing is claimed: what was signed before it is not known.
    pub(crate) fn know_nothing(&mut self) {
        self.own.above = None;
    }

    /// Records that are durable.
    pub(crate) fn learn<R: Signing>(&mut self, records: &[R]) {
        self.own.learn(records);
    }

    /// A block of this height came from others.
    pub(crate) fn look(&self, height: Height) {
        if !self.own.rules_out(height) {
            return;
        }
        // What cannot be read is told of by whoever needs it.
        let Ok(Some(block)) = self.ledger.block(height) else {
            return;
        };
        if carries(&block, &self.key, self.magic) {
            self.security.alerts().raise(
                AlertKind::Key,
                format_args!(
                    "block {height} carries a signature of this validator's key that was not made here: another program \
                     has the key, such as a Neo node whose own consensus is on. Stop one of the two at once"
                ),
            );
        }
    }
}

/// The heights of which this process has signed a header, as far as it knows.
#[derive(Debug, Default)]
struct OwnHeaders {
    /// Above this height all are known; `None` while the vote log does not hold all votes.
    above: Option<Height>,
    heights: BTreeSet<Height>,
}

impl OwnHeaders {
    fn of<R: Signing>(restored: &Restored<R>) -> Self {
        let mut own = Self {
            above: Some(restored.stored),
            heights: BTreeSet::new(),
        };
        own.learn(&restored.records);
        if restored.log == VoteLogState::Lost {
            own.above = None;
        }
        own
    }

    fn learn<R: Signing>(&mut self, records: &[R]) {
        for record in records {
            match record.mark() {
                Some(Mark::Silenced) => self.above = None,
                Some(Mark::Resumed) => self.above = self.above.max(record.reach()),
                Some(Mark::Forgotten { through }) => {
                    self.above = self.above.map(|above| above.max(through));
                }
                None => self.heights.extend(record.signs()),
            }
        }
        while self.heights.len() > REMEMBERED {
            let oldest = self.heights.pop_first();
            self.above = self
                .above
                .map(|above| above.max(oldest.unwrap_or_default()));
        }
    }

    /// Whether certainly no header of this height was signed here.
    fn rules_out(&self, height: Height) -> bool {
        self.above.is_some_and(|above| height > above) && !self.heights.contains(&height)
    }
}

/// Whether a key has signed a block.
fn carries(block: &Block, key: &PublicKey, magic: Magic) -> bool {
    let mut found = false;
    let verified = verify_witness_with(
        &block.witness.account(),
        &block.witness,
        magic,
        &block.hash(),
        |signer, message, signature| {
            let holds = VerifyingKey::from_compressed(signer)?.verify(message, signature);
            found |= holds && signer == key.as_bytes();
            Ok(holds)
        },
    );
    verified.is_ok() && found
}

#[cfg(test)]
mod tests {
    use neo_consensus::v3::{Message, Payload, Record};
    use neo_primitives::{
        Header, PrivateKey, Signature, UInt160, UInt256, ValidatorIndex, multisig_script,
        multisig_witness, sign_data,
    };

    use super::*;

    fn commit(height: u32) -> Record {
        Record::Own(Message {
            height: Height(height),
            view: neo_consensus::View(0),
            sender: ValidatorIndex(0),
            signature: Signature([1; 64]),
            payload: Payload::Commit {
                hash: UInt256::ZERO,
            },
        })
    }

    fn own(stored: u32, records: Vec<Record>, log: VoteLogState) -> OwnHeaders {
        OwnHeaders::of(&Restored {
            stored: Height(stored),
            tip: UInt256::ZERO,
            records,
            log,
        })
    }

    #[test]
    fn what_was_not_signed_here_is_certain_only_where_the_log_knows() {
        let rules_out = |own: &OwnHeaders, heights: &[u32]| -> Vec<bool> {
            let heights = heights.iter();
            heights
                .map(|height| own.rules_out(Height(*height)))
                .collect()
        };
        let restarted = own(7, vec![commit(7), commit(8)], VoteLogState::Intact);
        assert_eq!(rules_out(&restarted, &[7, 8, 9]), [false, false, true]);
        // After a migration: what neo-go signed lies below.
        let from = Record::Resumed { from: Height(21) };
        let mut over = own(0, vec![from.clone()], VoteLogState::Intact);
        assert_eq!(rules_out(&over, &[3, 20, 21]), [false, false, true]);
        over.learn(&[commit(21)]);
        assert_eq!(rules_out(&over, &[21, 22]), [false, true]);
        // While votes may be missing nothing is certain.
        over.learn(&[Record::Silenced]);
        assert_eq!(rules_out(&over, &[22]), [false]);
        over.learn(&[from]);
        assert_eq!(rules_out(&over, &[22]), [true]);
        let lost = own(0, vec![], VoteLogState::Lost);
        assert_eq!(rules_out(&lost, &[5]), [false]);
        let through = Height(30);
        let forgot = own(0, vec![Record::Forgotten { through }], VoteLogState::Intact);
        assert_eq!(rules_out(&forgot, &[30, 31]), [false, true]);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_nothing_is_claimed_of_the_rest() {
        let mut own = own(0, vec![], VoteLogState::Intact);
        let last = u32::try_from(REMEMBERED).unwrap() + 10;
        let all: Vec<_> = (1..=last).map(commit).collect();
        own.learn(&all);
        assert_eq!(own.heights.len(), REMEMBERED);
        assert!((1..=last).all(|height| !own.rules_out(Height(height))));
        assert!(own.rules_out(Height(last + 1)));
    }

    #[test]
    fn a_block_tells_whose_signatures_it_carries() {
        let magic = Magic(9);
        let mut keys: Vec<_> = (0..4).map(|_| PrivateKey::generate()).collect();
        keys.sort_by(|a, b| a.public_key().cmp(b.public_key()));
        let public: Vec<_> = keys.iter().map(|key| key.public_key().clone()).collect();
        let header = Header {
            version: 0,
            prev_hash: UInt256::ZERO,
            merkle_root: UInt256::ZERO,
            timestamp: 1,
            nonce: 2,
            index: Height(3),
            primary_index: ValidatorIndex(0),
            next_consensus: UInt160::ZERO,
        };
        let message = sign_data(magic, &header.hash());
        let signatures: Vec<_> = [0, 2, 3].map(|at: usize| keys[at].sign(&message)).to_vec();
        let block = Block {
            header,
            witness: multisig_witness(&signatures, multisig_script(3, &public).unwrap()),
            transactions: Vec::new(),
        };
        let carried: Vec<_> = public
            .iter()
            .map(|key| carries(&block, key, magic))
            .collect();
        assert_eq!(carried, [true, false, true, true]);
        assert!(!carries(&block, &public[0], Magic(8)), "of another network");
    }
}
