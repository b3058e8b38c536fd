use super::*;
use neo_consensus::v3::leader::LeaderState;

/// A source of the same numbers each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(below.max(1))).unwrap()
    }
}

fn block(height: u32, primary: ValidatorIndex, set: u8) -> Header {
    Header {
        version: 0,
        prev_hash: UInt256::ZERO,
        merkle_root: UInt256::ZERO,
        timestamp: u64::from(height),
        nonce: 0,
        index: Height(height),
        primary_index: primary,
        next_consensus: UInt160::from_wire([set; 20]),
    }
}

/// A random chain of `blocks` blocks from `first` on, of sets of `validators`, in which views fail and
/// sets change; the first height at which the two counts differ.
fn first_difference(
    numbers: &Numbers,
    validators: usize,
    first: u32,
    blocks: u32,
    changes: bool,
    seed: u64,
) -> Option<u32> {
    let mut dice = Dice(seed | 1);
    let mut set = 0;
    let beginning = Height(first);
    let mut own = Turns::anew(beginning, UInt160::ZERO, validators, numbers);
    let mut theirs = LeaderState::fresh(beginning, validators);
    for height in first..first + blocks {
        if !theirs.order().iter().eq(own.order.iter().copied()) || theirs.height() != own.height {
            return Some(height);
        }
        // Mostly view 0, sometimes any other, and now and then a validator that is dead for a while.
        let view = match dice.roll(4) {
            0 => dice.roll(u32::try_from(validators).unwrap() * 2),
            1 => 1,
            _ => 0,
        };
        let dead = ValidatorIndex(u8::try_from(height / 200 % 3).unwrap());
        let mut primary = leader(&own.order, View(view));
        if primary == dead && dice.roll(10) != 0 {
            primary = leader(&own.order, View(view + 1));
        }
        let change = changes && dice.roll(150) == 0;
        set += u8::from(change);
        let header = block(height, primary, set);
        own = own.after(&header, validators, numbers);
        theirs = theirs.after(&header, validators, change);
    }
    let same = theirs.order().iter().eq(own.order.iter().copied());
    (!same).then_some(first + blocks)
}

#[test]
fn the_two_counts_agree_on_random_chains() {
    for (validators, chains) in [(1, 4), (4, 20), (7, 20), (21, 6)] {
        for seed in 1..=chains {
            for changes in [false, true] {
                let found = first_difference(&NUMBERS, validators, 0, 1_500, changes, seed);
                assert_eq!(found, None, "{validators} validators, seed {seed}");
                // Over the height at which everything begins anew.
                let found = first_difference(&NUMBERS, validators, 9_400, 1_000, changes, seed);
                assert_eq!(found, None, "{validators} validators, seed {seed}");
            }
        }
    }
    let found = first_difference(&NUMBERS, 255, 9_900, 300, true, 9);
    assert_eq!(found, None, "255 validators");
    let found = first_difference(&NUMBERS, 4, u32::MAX - 300, 300, false, 3);
    assert_eq!(found, None, "the last heights there are");
}

#[test]
fn a_count_by_other_numbers_is_noticed() {
    let n = NUMBERS;
    for numbers in [
        Numbers { best: 99, ..n },
        Numbers { worst: 5, ..n },
        Numbers { reward: 49, ..n },
        Numbers { loss: 3, ..n },
        Numbers {
            stretch: 9_999,
            ..n
        },
        Numbers {
            stretch: 20_000,
            ..n
        },
    ] {
        let found = first_difference(&numbers, 4, 9_000, 1_500, false, 5);
        assert!(found.is_some(), "{numbers:?}");
    }
}

#[cfg(feature = "mutation")]
#[test]
fn an_engine_that_counts_wrong_is_noticed() {
    use neo_consensus::v3::mutation::Mutation;

    for mutation in Mutation::ALL.iter().filter(|one| one.bends_leaders()) {
        let mut own = Turns::anew(Height(9_950), UInt160::ZERO, 4, &NUMBERS);
        let mut theirs = LeaderState::fresh(Height(9_950), 4).breaking(Some(*mutation));
        let differs = (9_950..10_100).any(|height| {
            // Every third view fails.
            let primary = leader(&own.order, View(u32::from(height % 3 == 0)));
            let header = block(height, primary, u8::from(height > 9_980));
            own = own.after(&header, 4, &NUMBERS);
            theirs = theirs.after(&header, 4, height == 9_981);
            !theirs.order().iter().eq(own.order.iter().copied())
        });
        assert!(differs, "{mutation}");
    }
}

#[test]
fn a_rota_follows_each_branch_and_nothing_else() {
    let genesis = block(0, ValidatorIndex(0), 0);
    let mut rota = Rota::new(&genesis, 4);
    let on = |below: &Header, primary| Header {
        prev_hash: below.hash(),
        ..block(below.index.0 + 1, ValidatorIndex(primary), 0)
    };
    // Genesis counts: the first height is led by validator 1.
    let first = on(&genesis, 1);
    let other = on(&genesis, 3);
    let above = |rota: &mut Rota, block: &Header| {
        let turns = rota.above(block.hash(), block)?;
        Some((turns.height().0, leader(turns.order(), View::ZERO).0))
    };
    assert_eq!(above(&mut rota, &genesis), Some((1, 1)));
    assert_eq!(above(&mut rota, &first), Some((2, 2)));
    assert_eq!(above(&mut rota, &on(&first, 2)), Some((3, 3)));
    // Where validators 1 and 2 have failed, 3 has saved most all the same.
    assert_eq!(above(&mut rota, &other), Some((2, 3)));
    let unknown = on(&on(&other, 2), 0);
    assert_eq!(above(&mut rota, &unknown), None, "its parent is not known");
    let elsewhere = Header {
        index: Height(7),
        ..on(&first, 2)
    };
    assert_eq!(
        above(&mut rota, &elsewhere),
        None,
        "the parent is at height 1"
    );
}
