//! Proofs, forks made by hand and at random, and what they are made of.

mod forks;
mod proofs;
mod random_forks;

use std::collections::BTreeMap;
use std::sync::Arc;

use neo_primitives::{Header, Height, Magic, Signature, UInt160, UInt256, ValidatorIndex};

use super::{Says, Statement};
use crate::v3::Signer;
use crate::v3::certificate::{
    Claim, CommitCertificate, Decision, PreparedCertificate, Signatures, ViewChangeCertificate,
    ViewChangeEntry,
};
use crate::v3::cluster::toys::{ToySigner, keys};
use crate::v3::context::HeightContext;
use crate::validators::{ValidatorSet, View};

/// A height whose validators sign whatever is asked of them.
pub(super) struct Court {
    pub(super) context: Arc<HeightContext>,
}

impl Court {
    pub(super) fn of(validators: usize) -> Self {
        let context = HeightContext {
            magic: Magic(42),
            height: Height(9),
            prev_hash: UInt256::from_wire([0xee; 32]),
            validators: Arc::new(ValidatorSet::new(keys(validators)).unwrap()),
        };
        Self {
            context: Arc::new(context),
        }
    }

    /// A header of this height.
    pub(super) fn header(&self, nonce: u64) -> Header {
        Header {
            version: 0,
            prev_hash: self.context.prev_hash,
            merkle_root: UInt256::ZERO,
            timestamp: 1,
            nonce,
            index: self.context.height,
            primary_index: ValidatorIndex(0),
            next_consensus: UInt160::ZERO,
        }
    }

    pub(super) fn block(&self, nonce: u64) -> UInt256 {
        self.header(nonce).hash()
    }

    pub(super) fn say(&self, sender: u8, view: u32, says: Says) -> Statement {
        let mut statement = Statement {
            sender: ValidatorIndex(sender),
            view: View(view),
            says,
            signature: Signature([0; 64]),
        };
        let key = self.context.validators.keys()[usize::from(sender)].clone();
        statement.signature = ToySigner(key).sign(&statement.preimage(&self.context));
        statement
    }

    pub(super) fn change_view(&self, sender: u8, view: u32, claim: Claim) -> Statement {
        self.say(sender, view, Says::ChangeView { claim })
    }

    pub(super) fn pre_commit(&self, sender: u8, view: u32, nonce: u64) -> Statement {
        let hash = self.block(nonce);
        self.say(sender, view, Says::PreCommit { hash })
    }

    fn signed(&self, signers: &[u8], view: u32, says: Says) -> Signatures {
        let sign = |signer: &u8| {
            let statement = self.say(*signer, view, says);
            (statement.sender, statement.signature)
        };
        Signatures::new(signers.iter().map(sign).collect())
    }

    pub(super) fn prepared(
        &self,
        signers: &[u8],
        view: u32,
        nonce: u64,
        justification: UInt256,
    ) -> PreparedCertificate {
        let hash = self.block(nonce);
        let says = Says::Prepare {
            hash,
            justification,
        };
        PreparedCertificate {
            view: View(view),
            hash,
            justification,
            signatures: self.signed(signers, view, says),
        }
    }

    pub(super) fn committed(&self, signers: &[u8], view: u32, nonce: u64) -> Decision {
        let hash = self.block(nonce);
        Decision::Certificate(CommitCertificate {
            view: View(view),
            hash,
            signatures: self.signed(signers, view, Says::PreCommit { hash }),
            prepared: None,
        })
    }

    pub(super) fn header_signed(&self, signers: &[u8], nonce: u64) -> Decision {
        let header = self.header(nonce);
        Decision::HeaderSignatures {
            hash: header.hash(),
            signatures: self.signed(signers, 0, Says::Commit { header }),
        }
    }

    pub(super) fn view_change(
        &self,
        view: u32,
        claims: &[(u8, Claim)],
        prepared: Option<PreparedCertificate>,
    ) -> ViewChangeCertificate {
        let entry = |(sender, claim): &(u8, Claim)| {
            let signature = self.change_view(*sender, view, *claim).signature;
            let entry = ViewChangeEntry {
                claim: *claim,
                signature,
            };
            (ValidatorIndex(*sender), entry)
        };
        ViewChangeCertificate {
            view: View(view),
            entries: claims.iter().map(entry).collect::<BTreeMap<_, _>>(),
            prepared,
        }
    }
}
