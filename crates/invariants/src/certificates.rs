//! A checker of certificates written from protocol section 3.

use neo_consensus::ValidatorSet;
use neo_consensus::v3::certificate::{
    Decision, PreparedCertificate, Signatures, ViewChangeCertificate,
};
use neo_primitives::{Signature, UInt256, ValidatorIndex};

use crate::ideal::IdealCheck;
use crate::layout::{Place, Signed};

/// Checks what was signed at one height.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checker<'a> {
    pub(crate) place: Place,
    pub(crate) validators: &'a ValidatorSet,
}

type Sound = Result<(), String>;

impl Checker<'_> {
    pub(crate) fn signature(
        &self,
        signer: ValidatorIndex,
        signed: &Signed,
        signature: &Signature,
    ) -> bool {
        self.validators
            .key(signer)
            .is_some_and(|key| IdealCheck::valid(key, signed.as_bytes(), signature))
    }

    fn signatures(
        &self,
        what: &str,
        exactly: usize,
        signed: &Signed,
        signatures: &Signatures,
    ) -> Sound {
        if signatures.len() != exactly {
            let got = signatures.len();
            return Err(format!("{what} with {got} signatures, {exactly} make it"));
        }
        match signatures
            .iter()
            .find(|(signer, one)| !self.signature(*signer, signed, one))
        {
            None => Ok(()),
            Some((signer, _)) => Err(format!(
                "{what} with an invalid signature of validator {signer}"
            )),
        }
    }

    /// PC(v,H): exactly M Prepares of one view, block and justification.
    pub(crate) fn prepared(&self, certificate: &PreparedCertificate) -> Sound {
        let signed = self.place.prepare(
            certificate.view,
            &certificate.hash,
            &certificate.justification,
        );
        let what = format!("PC({}, {})", certificate.view, certificate.hash);
        self.signatures(
            &what,
            self.validators.quorum(),
            &signed,
            &certificate.signatures,
        )
    }

    /// CC with the PC of its view and block if any, or exactly f+1 header signatures.
    pub(crate) fn decision(&self, decision: &Decision) -> Sound {
        match decision {
            Decision::Certificate(certificate) => {
                let signed = self.place.pre_commit(certificate.view, &certificate.hash);
                let what = format!("CC({}, {})", certificate.view, certificate.hash);
                self.signatures(
                    &what,
                    self.validators.quorum(),
                    &signed,
                    &certificate.signatures,
                )?;
                let Some(prepared) = &certificate.prepared else {
                    return Ok(());
                };
                if (prepared.view, prepared.hash) != (certificate.view, certificate.hash) {
                    let (view, hash) = (prepared.view, prepared.hash);
                    return Err(format!("{what} with PC({view}, {hash})"));
                }
                self.prepared(prepared)
            }
            Decision::HeaderSignatures { hash, signatures } => {
                let what = format!("header-signature decision on {hash}");
                let exactly = self.validators.faulty() + 1;
                self.signatures(&what, exactly, &self.place.header(hash), signatures)
            }
        }
    }

    /// TC(v'): exactly M ChangeViews, claims below v', those of the greatest view on one block, and
    /// exactly the PC of that claim.
    pub(crate) fn view_change(&self, certificate: &ViewChangeCertificate) -> Sound {
        let view = certificate.view;
        let (got, quorum) = (certificate.entries.len(), self.validators.quorum());
        if got != quorum {
            return Err(format!("TC({view}) with {got} entries, {quorum} make it"));
        }
        for (signer, entry) in &certificate.entries {
            if let Some(claim) = entry.claim.filter(|claim| claim.view >= view) {
                return Err(format!("TC({view}) with a claim of view {}", claim.view));
            }
            let signed = self.place.change_view(view, &entry.claim);
            if !self.signature(*signer, &signed, &entry.signature) {
                return Err(format!(
                    "TC({view}) with an invalid signature of validator {signer}"
                ));
            }
        }
        let claims = || certificate.entries.values().filter_map(|entry| entry.claim);
        let greatest = claims().map(|claim| claim.view).max();
        let mut blocks = claims()
            .filter(|claim| Some(claim.view) == greatest)
            .map(|c| c.hash);
        let block = blocks.next();
        if blocks.any(|other| Some(other) != block) {
            return Err(format!("TC({view}) whose greatest claims name two blocks"));
        }
        match (&certificate.prepared, greatest.zip(block)) {
            (None, None) => Ok(()),
            (Some(prepared), Some(claim)) if (prepared.view, prepared.hash) == claim => {
                self.prepared(prepared)
            }
            (prepared, claim) => {
                let prepared = prepared.as_ref().map(|held| (held.view.0, held.hash));
                Err(format!(
                    "TC({view}) with {prepared:?} where the greatest claim is {claim:?}"
                ))
            }
        }
    }
}

/// The block of the greatest claim of a well-formed TC: what its view must carry.
pub(crate) fn greatest_claim(certificate: &ViewChangeCertificate) -> Option<UInt256> {
    let claims = certificate.entries.values().filter_map(|entry| entry.claim);
    claims
        .max_by_key(|claim| claim.view)
        .map(|claim| claim.hash)
}
