use super::*;
use proptest::prelude::*;

fn hash(byte: u8) -> UInt256 {
    UInt256::from_wire([byte; 32])
}

fn bond(height: u32, phase: Phase, view: u32, byte: u8) -> Bond {
    Bond {
        height: Height(height),
        phase,
        view,
        digest: hash(byte),
    }
}

fn ask(register: &Register, statement: Statement) -> Result<Verdict, Refusal> {
    register.judge(&statement, |block, signature| {
        signature.0[0] == block.as_wire()[0]
    })
}

/// Signs if the rules allow it.
fn sign(register: &mut Register, bond: Bond) -> Result<Verdict, Refusal> {
    let verdict = ask(register, Statement::Binds(bond))?;
    if let Verdict::New(bond) = verdict {
        register.record(&bond);
    }
    Ok(verdict)
}

#[test]
fn one_statement_a_slot_and_the_same_again() {
    for phase in Phase::ALL {
        let mut register = Register::default();
        let first = bond(5, phase, 0, 1);
        assert_eq!(sign(&mut register, first), Ok(Verdict::New(first)));
        assert_eq!(sign(&mut register, first), Ok(Verdict::Again));
        assert_eq!(
            sign(&mut register, bond(5, phase, 0, 2)),
            Err(Refusal::Contradicts {
                height: Height(5),
                view: 0,
                phase,
                signed: hash(1),
                asked: hash(2),
            })
        );
        assert!(sign(&mut register, bond(6, phase, 0, 2)).is_ok());
        assert_eq!(register.len(), 2);
    }
}

#[test]
fn after_a_change_view_nothing_below_it_but_what_was_signed_already() {
    let mut register = Register::default();
    let before = bond(5, Phase::Preparation3, 1, 1);
    sign(&mut register, before).unwrap();
    sign(&mut register, bond(5, Phase::ChangeView, 3, 1)).unwrap();
    for phase in [Phase::Preparation3, Phase::PreCommit] {
        assert_eq!(
            sign(&mut register, bond(5, phase, 2, 1)),
            Err(Refusal::LeftView {
                height: Height(5),
                view: 2,
                phase,
                left_for: 3
            })
        );
        assert!(sign(&mut register, bond(5, phase, 3, 1)).is_ok());
        assert!(sign(&mut register, bond(6, phase, 0, 1)).is_ok());
    }
    assert_eq!(sign(&mut register, before), Ok(Verdict::Again));
    // The target may be resent, and a lower one that was never asked for may follow from joining.
    assert_eq!(
        sign(&mut register, bond(5, Phase::ChangeView, 3, 1)),
        Ok(Verdict::Again)
    );
}

#[test]
fn a_header_signature_ends_the_height_for_the_older_protocol_only() {
    let mut register = Register::default();
    let prepared = bond(5, Phase::Preparation2, 0, 1);
    sign(&mut register, prepared).unwrap();
    let height = Height(5);
    assert_eq!(
        ask(&register, Statement::Leaves { height }),
        Ok(Verdict::Free)
    );
    let own = Signature([9; 64]);
    let confirms = |signature| Statement::Confirms { height, signature };
    assert_eq!(
        ask(&register, confirms(own)),
        Err(Refusal::NoBlock { height })
    );
    sign(&mut register, bond(5, Phase::Block, 0, 9)).unwrap();
    assert_eq!(ask(&register, confirms(own)), Ok(Verdict::Free));
    let block = hash(9);
    assert_eq!(
        ask(&register, confirms(Signature([8; 64]))),
        Err(Refusal::OtherBlock { height, block })
    );
    assert!(matches!(
        ask(&register, Statement::Leaves { height }),
        Err(Refusal::AfterBlock { .. })
    ));
    assert!(matches!(
        sign(&mut register, bond(5, Phase::Preparation2, 1, 1)),
        Err(Refusal::AfterBlock { .. })
    ));
    assert_eq!(sign(&mut register, prepared), Ok(Verdict::Again));
    assert!(sign(&mut register, bond(5, Phase::ChangeView, 1, 1)).is_ok());
}

#[test]
fn old_heights_are_forgotten_and_refused() {
    let mut register = Register::default();
    let heights = u32::try_from(WINDOW).unwrap() + 2;
    for height in 1..=heights {
        sign(&mut register, bond(height, Phase::Block, 0, 1)).unwrap();
    }
    assert_eq!(register.floor(), Some(Height(2)));
    assert_eq!(register.len(), WINDOW);
    assert_eq!(register.highest(), Some(Height(heights)));
    // Even the same again: nobody knows that it is the same.
    let forgotten = Refusal::Forgotten {
        height: Height(2),
        floor: Height(2),
    };
    assert_eq!(
        sign(&mut register, bond(2, Phase::Block, 0, 1)),
        Err(forgotten)
    );
    let (height, signature) = (Height(2), Signature([1; 64]));
    for statement in [
        Statement::Leaves { height },
        Statement::Confirms { height, signature },
    ] {
        assert_eq!(ask(&register, statement), Err(forgotten));
    }
    assert!(sign(&mut register, bond(3, Phase::PreCommit, 0, 1)).is_ok());
}

#[test]
fn a_height_does_not_take_any_number_of_statements() {
    let mut register = Register::default();
    for view in 0..u32::try_from(PER_HEIGHT).unwrap() {
        sign(&mut register, bond(5, Phase::ChangeView, view, 1)).unwrap();
    }
    let height = Height(5);
    assert_eq!(
        sign(&mut register, bond(5, Phase::ChangeView, u32::MAX, 1)),
        Err(Refusal::TooMany { height })
    );
    assert!(sign(&mut register, bond(6, Phase::ChangeView, 1, 1)).is_ok());
}

/// Heights on both sides of what is remembered, and far away.
fn any_bond() -> impl Strategy<Value = Bond> {
    let height = prop_oneof![0_u32..600, any::<u32>()];
    let phase = proptest::sample::select(Phase::ALL.to_vec());
    (height, phase, 0_u32..4, 0_u8..3).prop_map(|(height, phase, view, byte)| {
        let view = if phase == Phase::Block { 0 } else { view };
        bond(height, phase, view, byte)
    })
}

proptest! {
    #[test]
    fn whatever_is_asked_for_no_two_statements_of_a_slot_are_signed(
        asked in proptest::collection::vec(any_bond(), 1..1_500),
    ) {
        let mut register = Register::default();
        let mut signed: BTreeMap<(Height, Phase, u32), UInt256> = BTreeMap::new();
        let mut left: BTreeMap<Height, u32> = BTreeMap::new();
        for bond in asked {
            let Ok(verdict) = sign(&mut register, bond) else { continue };
            let slot = (bond.height, bond.phase, bond.view);
            let first = *signed.entry(slot).or_insert(bond.digest);
            prop_assert_eq!(first, bond.digest);
            let left = left.entry(bond.height).or_default();
            if bond.phase == Phase::ChangeView {
                *left = (*left).max(bond.view);
            }
            if matches!(bond.phase, Phase::Preparation3 | Phase::PreCommit)
                && matches!(verdict, Verdict::New(_))
            {
                prop_assert!(bond.view >= *left);
            }
            prop_assert!(register.heights.len() <= WINDOW);
        }
    }
}
