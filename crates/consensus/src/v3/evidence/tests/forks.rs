//! Forks made by hand, and what their traces name. Validators are numbered so that the Byzantine ones
//! come first.

use std::collections::BTreeSet;
use std::sync::Arc;

use neo_primitives::{UInt256, ValidatorIndex};

use super::Court;
use crate::v3::certificate::{Claim, Decision, PreparedClaim};
use crate::v3::cluster::toys::ToyCheck;
use crate::v3::evidence::Evidence;
use crate::v3::evidence::archive::VoteArchive;
use crate::v3::evidence::trace::{Untraced, trace};
use crate::validators::View;

const A: u64 = 1;
const B: u64 = 2;

/// n, and how many of them are Byzantine: f+1 to M−1.
const SETS: [(u8, u8); 5] = [(4, 2), (7, 3), (7, 4), (10, 4), (10, 6)];

struct Sides {
    court: Court,
    byzantine: u8,
    /// M validators, the Byzantine ones and the first honest ones.
    lower: Vec<u8>,
    /// M validators, the Byzantine ones and the last honest ones.
    upper: Vec<u8>,
}

fn sides(validators: u8, byzantine: u8) -> Sides {
    let court = Court::of(usize::from(validators));
    let quorum = u8::try_from(court.context.validators.quorum()).unwrap();
    let honest = quorum - byzantine;
    Sides {
        byzantine,
        lower: (0..quorum).collect(),
        upper: (0..byzantine)
            .chain(validators - honest..validators)
            .collect(),
        court,
    }
}

fn archive(court: &Court) -> VoteArchive {
    VoteArchive::new(Arc::clone(&court.context))
}

/// At least f+1 culprits, all of them Byzantine, each proof good by itself.
fn assert_named(sides: &Sides, proofs: &[Evidence]) {
    let context = &sides.court.context;
    let named: BTreeSet<_> = proofs
        .iter()
        .map(|proof| {
            proof
                .verify(context.magic, &context.validators, &ToyCheck)
                .expect("a proof")
        })
        .collect();
    let most = ValidatorIndex(sides.byzantine);
    assert!(named.iter().all(|culprit| *culprit < most), "{named:?}");
    assert!(
        named.len() > context.validators.faulty(),
        "only {named:?} of {}",
        sides.byzantine
    );
}

fn claim(court: &Court, view: u32, nonce: u64) -> Claim {
    Some(PreparedClaim {
        view: View(view),
        hash: court.block(nonce),
    })
}

#[test]
fn two_certificates_of_one_view() {
    for (validators, byzantine) in SETS {
        let sides = sides(validators, byzantine);
        let first = sides.court.committed(&sides.lower, 3, A);
        let second = sides.court.committed(&sides.upper, 3, B);
        let proofs = trace(&first, &second, &archive(&sides.court), &ToyCheck).unwrap();
        assert_named(&sides, &proofs);
    }
}

/// CC(0,A); then M validators, the Byzantine ones among them, claim nothing, and B is decided in view 1.
fn amnesia(sides: &Sides, view: u32) -> (Decision, Decision, VoteArchive) {
    let court = &sides.court;
    let mut archive = archive(court);
    let lower = court.committed(&sides.lower, 0, A);
    let claims: Vec<_> = sides.upper.iter().map(|sender| (*sender, None)).collect();
    let justification = court.view_change(view, &claims, None);
    let hash = justification.justification();
    archive.add_view_change(&justification, &ToyCheck);
    archive.add_prepared(&court.prepared(&sides.upper, view, B, hash), &ToyCheck);
    (lower, court.committed(&sides.upper, view, B), archive)
}

#[test]
fn certificates_of_two_views_after_claims_were_hidden() {
    for (validators, byzantine) in SETS {
        let sides = sides(validators, byzantine);
        // Only validators that did not pre-commit can claim nothing and be honest.
        let fits = sides
            .upper
            .iter()
            .skip(usize::from(byzantine))
            .all(|honest| !sides.lower.contains(honest));
        if !fits {
            continue;
        }
        for view in [1, 4] {
            let (lower, higher, archive) = amnesia(&sides, view);
            for (first, second) in [(&lower, &higher), (&higher, &lower)] {
                let proofs = trace(first, second, &archive, &ToyCheck).unwrap();
                assert_named(&sides, &proofs);
            }
        }
    }
}

#[test]
fn a_fork_that_grows_over_several_views_is_followed_down() {
    // CC(1,A). B was prepared in view 0 as well, and views 2 and 3 carry it on; the prepared
    // certificate of view 2 is only seen inside the TC of view 3.
    for (validators, byzantine) in [(4, 2), (7, 3), (7, 4)] {
        let sides = sides(validators, byzantine);
        let court = &sides.court;
        let mut archive = archive(court);
        let lower = court.committed(&sides.lower, 1, A);
        let zero = court.prepared(&sides.upper, 0, B, UInt256::ZERO);
        let claim_all = |claim: Claim| {
            let senders = sides.upper.iter();
            senders.map(|sender| (*sender, claim)).collect::<Vec<_>>()
        };
        let two = court.view_change(2, &claim_all(claim(court, 0, B)), Some(zero));
        archive.add_view_change(&two, &ToyCheck);
        let in_two = court.prepared(&sides.upper, 2, B, two.justification());
        let three = court.view_change(3, &claim_all(claim(court, 2, B)), Some(in_two));
        archive.add_view_change(&three, &ToyCheck);
        let in_three = court.prepared(&sides.upper, 3, B, three.justification());
        archive.add_prepared(&in_three, &ToyCheck);
        let higher = court.committed(&sides.upper, 3, B);
        let proofs = trace(&lower, &higher, &archive, &ToyCheck).unwrap();
        assert_named(&sides, &proofs);
        assert!(proofs.iter().all(|proof| proof.view() == View(2)));
    }
}

/// CC(0,A), all of `claiming` claim `claimed` of view 0 in TC(1), and the upper side decides B in view 1.
fn decided_after(sides: &Sides, claiming: &[u8], claimed: u64) -> Vec<Evidence> {
    let court = &sides.court;
    let mut archive = archive(court);
    let lower = court.committed(&sides.lower, 0, A);
    let prepared = court.prepared(claiming, 0, claimed, UInt256::ZERO);
    let claims: Vec<_> = claiming
        .iter()
        .map(|sender| (*sender, claim(court, 0, claimed)))
        .collect();
    let justification = court.view_change(1, &claims, Some(prepared));
    let hash = justification.justification();
    archive.add_view_change(&justification, &ToyCheck);
    archive.add_prepared(&court.prepared(&sides.upper, 1, B, hash), &ToyCheck);
    let higher = court.committed(&sides.upper, 1, B);
    trace(&lower, &higher, &archive, &ToyCheck).unwrap()
}

#[test]
fn a_claim_of_another_block_of_the_same_view_is_amnesia() {
    for (validators, byzantine) in [(4, 2), (7, 3), (7, 4)] {
        let sides = sides(validators, byzantine);
        let proofs = decided_after(&sides, &sides.upper, B);
        assert_named(&sides, &proofs);
    }
}

#[test]
fn votes_against_their_own_justification_convict_all_who_gave_them() {
    // Nobody hid anything: TC(1) admits A only, and M validators prepared B all the same.
    let sides = sides(4, 2);
    let proofs = decided_after(&sides, &sides.lower, A);
    assert_eq!(proofs.len(), 3, "all that signed the certificate of view 1");
    let mut forms = proofs.iter().map(|proof| proof.guilt.name());
    assert!(forms.all(|form| form == "unjustified"));
}

#[test]
fn two_witnesses_convict_whoever_signed_both_headers() {
    for (validators, byzantine) in SETS {
        let sides = sides(validators, byzantine);
        let court = &sides.court;
        let mut archive = archive(court);
        archive.add_header(&court.header(A));
        archive.add_header(&court.header(B));
        let few = court.context.validators.faulty() + 1;
        // The signatures come in decisions of f+1; together they are the witnesses.
        for (side, nonce) in [(&sides.lower, A), (&sides.upper, B)] {
            for part in side.windows(few) {
                archive.add_decision(&court.header_signed(part, nonce), &ToyCheck);
            }
        }
        let first = court.header_signed(&sides.lower[..few], A);
        let second = court.header_signed(&sides.upper[..few], B);
        let proofs = trace(&first, &second, &archive, &ToyCheck).unwrap();
        assert_named(&sides, &proofs);
    }
}

#[test]
fn header_signatures_lead_to_the_certificate_of_their_block() {
    let sides = sides(7, 3);
    let (lower, higher, mut archive) = amnesia(&sides, 1);
    archive.add_decision(&lower, &ToyCheck);
    let first = sides.court.header_signed(&sides.lower[2..5], A);
    let proofs = trace(&first, &higher, &archive, &ToyCheck).unwrap();
    assert_named(&sides, &proofs);
}

#[test]
fn what_is_missing_is_named() {
    let sides = sides(4, 2);
    let court = &sides.court;
    let lower = court.committed(&sides.lower, 0, A);
    let higher = court.committed(&sides.upper, 1, B);
    assert!(matches!(
        trace(&lower, &lower, &archive(court), &ToyCheck),
        Err(Untraced::NoConflict(_))
    ));
    assert!(matches!(
        trace(&lower, &higher, &archive(court), &ToyCheck),
        Err(Untraced::NoPrepared { .. })
    ));
    let mut with_prepared = archive(court);
    let hash = UInt256::from_wire([5; 32]);
    with_prepared.add_prepared(&court.prepared(&sides.upper, 1, B, hash), &ToyCheck);
    assert!(matches!(
        trace(&lower, &higher, &with_prepared, &ToyCheck),
        Err(Untraced::NoJustification { view: View(1), .. })
    ));
    // f+1 header signatures that nobody can explain accuse nobody.
    let bare = court.header_signed(&[0, 1], B);
    let Err(Untraced::Unfounded { signers, .. }) = trace(&lower, &bare, &archive(court), &ToyCheck)
    else {
        panic!("nothing proves who decided B");
    };
    assert_eq!(
        signers,
        [ValidatorIndex(0), ValidatorIndex(1)].into_iter().collect()
    );
}

#[test]
fn an_archive_believes_nothing_that_is_not_signed() {
    let sides = sides(4, 2);
    let court = &sides.court;
    let mut archive = archive(court);
    let mut forged = court.prepared(&sides.lower, 0, A, UInt256::ZERO);
    forged.hash = court.block(B);
    archive.add_prepared(&forged, &ToyCheck);
    assert_eq!(archive.prepared().count(), 0);
    let Decision::Certificate(mut certificate) = court.committed(&sides.lower, 0, A) else {
        panic!("a certificate");
    };
    certificate.view = View(1);
    archive.add_decision(&Decision::Certificate(certificate), &ToyCheck);
    assert!(archive.decisions().is_empty());
    let other = court.view_change(1, &[(0, None), (1, None), (2, None)], None);
    let mut moved = other.clone();
    moved.view = View(2);
    archive.add_view_change(&moved, &ToyCheck);
    assert!(archive.culprits().is_empty());
}
