use super::*;
use crate::register::WINDOW;
use crate::statement::{Bond, Phase};
use crate::testing::{MAGIC, key};
use neo_consensus::vote_log::MemoryMedium;
use neo_primitives::PrivateKey;
use proptest::prelude::*;

fn bond(height: u32, byte: u8) -> Bond {
    Bond {
        height: Height(height),
        phase: Phase::PreCommit,
        view: 0,
        digest: UInt256::from_wire([byte; 32]),
    }
}

fn admit(memory: &mut Memory<MemoryMedium>, bond: Bond) -> Result<Verdict, Declined> {
    memory.admit(&Statement::Binds(bond), |_, _| false)
}

fn open(medium: MemoryMedium) -> Result<Memory<MemoryMedium>, MemoryError> {
    Memory::open(medium, MAGIC, key().public_key())
}

fn initialise(
    medium: MemoryMedium,
    above: Option<Height>,
) -> Result<Memory<MemoryMedium>, MemoryError> {
    Memory::initialise(medium, MAGIC, key().public_key(), above)
}

/// A medium with the memory of a key that never signed.
fn fresh() -> MemoryMedium {
    let memory = initialise(MemoryMedium::default(), None);
    memory.unwrap().into_medium()
}

#[test]
fn what_is_signed_survives_a_crash_at_once() {
    let mut memory = open(fresh()).unwrap();
    admit(&mut memory, bond(5, 1)).unwrap();
    let mut medium = memory.into_medium();
    medium.crash(0);
    let mut memory = open(medium).unwrap();
    assert!(matches!(admit(&mut memory, bond(5, 1)), Ok(Verdict::Again)));
    assert!(matches!(
        admit(&mut memory, bond(5, 2)),
        Err(Declined::Refused(Refusal::Contradicts { .. }))
    ));
}

#[test]
fn a_lost_a_damaged_and_a_copied_memory_sign_nothing_before_a_new_one_begins() {
    assert!(matches!(
        open(MemoryMedium::default()),
        Err(MemoryError::Missing)
    ));
    let mut memory = open(fresh()).unwrap();
    for height in 5..9 {
        admit(&mut memory, bond(height, 1)).unwrap();
    }
    let whole = memory.into_medium();
    let mut damaged = whole.clone();
    damaged.corrupt(0, 200);
    for medium in [damaged, whole.copy(), MemoryMedium::default()] {
        assert!(open(medium.clone()).is_err());
        let begun = initialise(medium, Some(Height(20))).unwrap();
        let mut memory = open(begun.into_medium()).unwrap();
        assert!(matches!(
            admit(&mut memory, bond(20, 1)),
            Err(Declined::Refused(Refusal::Forgotten { .. }))
        ));
        assert!(admit(&mut memory, bond(21, 1)).is_ok());
    }
}

#[test]
fn an_operator_cannot_go_below_what_still_reads() {
    let mut memory = open(fresh()).unwrap();
    admit(&mut memory, bond(500, 1)).unwrap();
    let begun = initialise(memory.into_medium().copy(), Some(Height(3))).unwrap();
    assert_eq!(begun.register().floor(), Some(Height(500)));
    let memory = open(begun.into_medium()).unwrap();
    assert_eq!(memory.register().floor(), Some(Height(500)));
}

#[test]
fn a_whole_memory_is_never_made_anew() {
    assert!(matches!(
        initialise(fresh(), None),
        Err(MemoryError::InTheWay)
    ));
    let mut memory = open(fresh()).unwrap();
    admit(&mut memory, bond(6, 1)).unwrap();
    let error = initialise(memory.into_medium(), Some(Height(9))).unwrap_err();
    assert!(error.to_string().contains("in it is 6"), "{error}");
}

#[test]
fn the_memory_of_another_key_or_network_is_refused() {
    let other = PrivateKey::generate();
    for (magic, key) in [(MAGIC, other.public_key()), (Magic(1), key().public_key())] {
        let error = Memory::open(fresh(), magic, key).unwrap_err();
        assert!(
            matches!(error, MemoryError::Log(LogError::Foreign { .. })),
            "{error}"
        );
    }
}

#[test]
fn forgotten_heights_leave_the_disk_and_stay_refused() {
    let mut memory = open(fresh()).unwrap();
    memory.log = memory.log.with_segments_of(2_000);
    for height in 1..=1_000 {
        admit(&mut memory, bond(height, 1)).unwrap();
    }
    let floor = memory.register().floor();
    assert_eq!(floor, Some(Height(1_000 - u32::try_from(WINDOW).unwrap())));
    let medium = memory.into_medium();
    let first = medium.segments().unwrap()[0];
    assert!(first > 0);
    let mut memory = open(medium).unwrap();
    assert_eq!(memory.register().floor(), floor);
    assert!(matches!(
        admit(&mut memory, bond(7, 2)),
        Err(Declined::Refused(Refusal::Forgotten { .. }))
    ));
}

proptest! {
    #[test]
    fn wherever_it_is_killed_it_contradicts_nothing_that_left(
        asked in proptest::collection::vec((1_u32..6, 0_u8..3, 0_usize..80, any::<bool>()), 1..60),
    ) {
        let mut memory = open(fresh()).unwrap();
        let mut left = std::collections::BTreeMap::new();
        for (height, byte, torn, killed) in asked {
            if admit(&mut memory, bond(height, byte)).is_ok() {
                let first = *left.entry(height).or_insert(byte);
                prop_assert_eq!(first, byte);
            }
            if killed {
                let mut medium = memory.into_medium();
                medium.crash(torn);
                memory = open(medium).unwrap();
            }
        }
    }
}
