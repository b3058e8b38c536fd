use std::sync::Arc;

use neo_primitives::{Decode, Encode, Height, Magic, UInt256, ValidatorIndex};
use proptest::prelude::*;

use super::Court;
use crate::v3::certificate::{Claim, PreparedClaim, ViewChangeCertificate};
use crate::v3::cluster::toys::ToyCheck;
use crate::v3::evidence::{Evidence, Guilt, NotGuilty, Says, Statement};
use crate::validators::{ValidatorSet, View};

fn claim(court: &Court, view: u32, nonce: u64) -> Claim {
    Some(PreparedClaim {
        view: View(view),
        hash: court.block(nonce),
    })
}

fn prepare(court: &Court, sender: u8, view: u32, nonce: u64, justification: UInt256) -> Statement {
    let hash = court.block(nonce);
    court.say(
        sender,
        view,
        Says::Prepare {
            hash,
            justification,
        },
    )
}

fn pair(one: &Statement, other: &Statement) -> Option<Guilt> {
    Guilt::of_pair(one, other)
}

fn judge(court: &Court, guilt: Guilt) -> Result<ValidatorIndex, NotGuilty> {
    let evidence = Evidence::new(&court.context, guilt);
    evidence.verify(court.context.magic, &court.context.validators, &ToyCheck)
}

/// One proof of every form and every kind of statement.
fn proofs(court: &Court) -> Vec<Evidence> {
    let header = |nonce| Says::Commit {
        header: court.header(nonce),
    };
    let proposal = |nonce| Says::Proposal {
        hash: court.block(nonce),
        justification: UInt256::ZERO,
    };
    let justified = justification(court);
    let bound = Box::new(justified.clone());
    let guilt = vec![
        pair(&court.say(2, 0, proposal(1)), &court.say(2, 0, proposal(2))),
        pair(
            &court.say(2, 0, proposal(1)),
            &prepare(court, 2, 0, 2, UInt256::ZERO),
        ),
        pair(
            &prepare(court, 2, 3, 1, UInt256::from_wire([1; 32])),
            &prepare(court, 2, 3, 1, UInt256::from_wire([2; 32])),
        ),
        pair(&court.pre_commit(2, 5, 1), &court.pre_commit(2, 5, 2)),
        pair(
            &court.change_view(2, 5, None),
            &court.change_view(2, 5, claim(court, 1, 1)),
        ),
        pair(&court.say(2, 0, header(1)), &court.say(2, 0, header(2))),
        pair(&court.pre_commit(2, 3, 1), &court.change_view(2, 4, None)),
        pair(
            &court.pre_commit(2, 3, 1),
            &court.change_view(2, 9, claim(court, 2, 1)),
        ),
        pair(
            &court.pre_commit(2, 3, 1),
            &court.change_view(2, 9, claim(court, 3, 2)),
        ),
        pair(
            &court.change_view(2, 4, claim(court, 2, 1)),
            &court.change_view(2, 7, claim(court, 1, 1)),
        ),
        Guilt::of_one(&court.change_view(2, 4, claim(court, 4, 1))),
        Guilt::of_one(&prepare(court, 2, 0, 1, UInt256::from_wire([1; 32]))),
        Some(Guilt::Unjustified {
            vote: prepare(court, 2, 2, 8, justified.justification()),
            justification: bound.clone(),
        }),
        Some(Guilt::ForgottenJustification {
            vote: prepare(court, 2, 2, 7, justified.justification()),
            justification: bound,
            change_view: court.change_view(2, 3, claim(court, 0, 7)),
        }),
    ];
    guilt
        .into_iter()
        .map(|guilt| Evidence::new(&court.context, guilt.expect("guilt")))
        .collect()
}

/// TC(2), whose greatest claim is block 7 of view 1.
fn justification(court: &Court) -> ViewChangeCertificate {
    let prepared = court.prepared(&[0, 1, 3], 1, 7, UInt256::ZERO);
    let claims = [(0, claim(court, 1, 7)), (1, None), (3, claim(court, 0, 6))];
    court.view_change(2, &claims, Some(prepared))
}

#[test]
fn every_form_convicts_its_culprit_and_survives_its_bytes() {
    let court = Court::of(4);
    for evidence in proofs(&court) {
        let back = Evidence::from_bytes(&evidence.to_bytes()).unwrap();
        assert_eq!(back, evidence);
        let verdict = back.verify(Magic(42), &court.context.validators, &ToyCheck);
        assert_eq!(verdict, Ok(ValidatorIndex(2)), "{evidence}");
        assert_eq!(evidence.culprit(), ValidatorIndex(2));
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let court = Court::of(4);
    for evidence in proofs(&court) {
        let bytes = evidence.to_bytes();
        for at in 0..bytes.len() {
            for bit in [0x01, 0x10, 0x80] {
                let mut changed = bytes.clone();
                changed[at] ^= bit;
                let Ok(other) = Evidence::from_bytes(&changed) else {
                    continue;
                };
                let verdict = other.verify(Magic(42), &court.context.validators, &ToyCheck);
                assert!(verdict.is_err(), "byte {at} of {evidence}");
            }
        }
    }
}

#[test]
fn evidence_cut_short_or_drawn_out_does_not_decode() {
    let court = Court::of(4);
    for evidence in proofs(&court) {
        let mut bytes = evidence.to_bytes();
        bytes.push(0);
        assert!(Evidence::from_bytes(&bytes).is_err());
        bytes.truncate(bytes.len() - 2);
        assert!(Evidence::from_bytes(&bytes).is_err());
    }
}

#[test]
fn what_an_honest_validator_signs_is_no_guilt() {
    let court = Court::of(4);
    let j = UInt256::from_wire([1; 32]);
    for (one, other) in [
        // Prepared one block, and saw M others prepare another one.
        (prepare(&court, 2, 1, 1, j), court.pre_commit(2, 1, 2)),
        // Claims more than it pre-committed, or just that.
        (
            court.pre_commit(2, 1, 1),
            court.change_view(2, 2, claim(&court, 1, 1)),
        ),
        (
            court.pre_commit(2, 1, 1),
            court.change_view(2, 4, claim(&court, 3, 2)),
        ),
        // The ChangeView came first.
        (court.change_view(2, 1, None), court.pre_commit(2, 1, 1)),
        (court.change_view(2, 1, None), court.pre_commit(2, 5, 1)),
        // Claims grow.
        (
            court.change_view(2, 1, None),
            court.change_view(2, 2, claim(&court, 1, 1)),
        ),
        (
            court.change_view(2, 2, claim(&court, 1, 1)),
            court.change_view(2, 3, claim(&court, 1, 1)),
        ),
        // Different views, different blocks.
        (prepare(&court, 2, 1, 1, j), prepare(&court, 2, 2, 2, j)),
        (court.pre_commit(2, 1, 1), court.pre_commit(2, 2, 2)),
        // A header signed after others pre-committed another block in an earlier view.
        (
            court.pre_commit(2, 1, 1),
            court.say(
                2,
                0,
                Says::Commit {
                    header: court.header(2),
                },
            ),
        ),
        // Two validators.
        (court.pre_commit(1, 1, 1), court.pre_commit(2, 1, 2)),
        // The same twice.
        (court.pre_commit(2, 1, 1), court.pre_commit(2, 1, 1)),
    ] {
        assert_eq!(pair(&one, &other), None, "{one} and {other}");
        assert_eq!(pair(&other, &one), None, "{other} and {one}");
        assert_eq!(Guilt::of_one(&one), None);
        let (first, second) = (one.clone(), other.clone());
        let guilt = Guilt::Contradiction { first, second };
        assert!(judge(&court, guilt).is_err(), "{one} and {other}");
    }
}

#[test]
fn the_reason_of_a_refusal_is_told() {
    let court = Court::of(4);
    let evidence = proofs(&court).swap_remove(3);
    let set = &court.context.validators;
    assert!(matches!(
        evidence.verify(Magic(43), set, &ToyCheck),
        Err(NotGuilty::OtherNetwork { .. })
    ));
    // A set of which the accused is no member, and one in which it has another place.
    let two = Arc::new(ValidatorSet::new(set.keys()[..2].to_vec()).unwrap());
    assert!(matches!(
        evidence.verify(Magic(42), &two, &ToyCheck),
        Err(NotGuilty::UnknownValidator { count: 2, .. })
    ));
    let other = Arc::new(ValidatorSet::new(set.keys()[1..].to_vec()).unwrap());
    assert!(matches!(
        evidence.verify(Magic(42), &other, &ToyCheck),
        Err(NotGuilty::Signature { .. })
    ));
    for moved in [
        Evidence {
            height: Height(10),
            ..evidence.clone()
        },
        Evidence {
            prev_hash: UInt256::ZERO,
            ..evidence.clone()
        },
    ] {
        assert!(matches!(
            moved.verify(Magic(42), set, &ToyCheck),
            Err(NotGuilty::Signature { .. })
        ));
    }
    // The other way round there are other bytes for the same guilt.
    let Guilt::Contradiction { first, second } = evidence.guilt else {
        panic!("a contradiction");
    };
    let swapped = Guilt::Contradiction {
        first: second,
        second: first,
    };
    assert!(matches!(
        judge(&court, swapped),
        Err(NotGuilty::WrongRoles(_))
    ));
    let mixed = Guilt::Amnesia {
        pre_commit: court.pre_commit(1, 1, 1),
        change_view: court.change_view(2, 2, None),
    };
    assert!(matches!(
        judge(&court, mixed),
        Err(NotGuilty::TwoValidators(..))
    ));
    let before = Guilt::Amnesia {
        pre_commit: court.pre_commit(2, 3, 1),
        change_view: court.change_view(2, 3, None),
    };
    assert!(matches!(
        judge(&court, before),
        Err(NotGuilty::Compatible(_))
    ));
}

#[test]
fn headers_of_two_heights_or_parents_prove_nothing() {
    let court = Court::of(4);
    let mut higher = court.header(2);
    higher.index = Height(10);
    let mut elsewhere = court.header(2);
    elsewhere.prev_hash = UInt256::ZERO;
    for header in [higher, elsewhere] {
        let first = court.say(
            2,
            0,
            Says::Commit {
                header: court.header(1),
            },
        );
        let second = court.say(2, 0, Says::Commit { header });
        assert_eq!(pair(&first, &second), None);
        assert!(matches!(
            judge(&court, Guilt::Contradiction { first, second }),
            Err(NotGuilty::OtherHeight { .. })
        ));
    }
}

#[test]
fn a_justification_convicts_only_those_who_voted_against_it() {
    let court = Court::of(4);
    let sound = justification(&court);
    let vote = |nonce, by: &ViewChangeCertificate| prepare(&court, 2, 2, nonce, by.justification());
    let unjustified = |vote: Statement, by: &ViewChangeCertificate| {
        let justification = Box::new(by.clone());
        judge(
            &court,
            Guilt::Unjustified {
                vote,
                justification,
            },
        )
    };
    assert!(matches!(
        unjustified(vote(7, &sound), &sound),
        Err(NotGuilty::Compatible(_))
    ));
    assert!(unjustified(vote(8, &sound), &sound).is_ok());
    // Another certificate than the signed one.
    let other = court.view_change(2, &[(0, None), (1, None), (3, None)], None);
    assert!(matches!(
        unjustified(vote(7, &sound), &other),
        Err(NotGuilty::OtherJustification { .. })
    ));
    // What its hash does not cover must not frame anybody: the view, and the justification inside.
    let mut moved = sound.clone();
    moved.view = View(3);
    assert!(unjustified(vote(7, &sound), &moved).is_err());
    let mut inside = sound.clone();
    inside.prepared.as_mut().unwrap().justification = UInt256::from_wire([9; 32]);
    assert_eq!(inside.justification(), sound.justification());
    assert!(unjustified(vote(7, &sound), &inside).is_err());
    // Too few entries: the bytes could be read in another way.
    let mut short = sound.clone();
    short.entries.pop_first();
    assert!(matches!(
        unjustified(vote(7, &short), &short),
        Err(NotGuilty::Unbound { .. })
    ));
    // A certificate whose claims do not hang together, or with a ChangeView that nobody signed.
    let claims = [
        (0, claim(&court, 1, 7)),
        (1, claim(&court, 1, 8)),
        (3, None),
    ];
    let torn = court.view_change(2, &claims, sound.prepared.clone());
    assert!(unjustified(vote(7, &torn), &torn).is_ok());
    let mut forged = sound.clone();
    let entry = forged.entries.get_mut(&ValidatorIndex(1)).unwrap();
    entry.signature.0[3] ^= 1;
    assert!(unjustified(vote(7, &forged), &forged).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(evidence) = Evidence::from_bytes(&bytes) {
            prop_assert_eq!(evidence.to_bytes(), bytes);
        }
    }

    /// Bytes that decode have no other spelling, also when they are nearly a proof.
    #[test]
    fn one_proof_has_one_encoding(
        which in 0usize..14,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let court = Court::of(4);
        let mut bytes = proofs(&court).swap_remove(which).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(evidence) = Evidence::from_bytes(&bytes) {
            prop_assert_eq!(evidence.to_bytes(), bytes);
        }
    }
}
