//! Properties of the order, and the figures of section 7.

use neo_primitives::{Header, Height, UInt160, UInt256, ValidatorIndex};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::validators::View;

fn header(height: Height, primary: ValidatorIndex) -> Header {
    Header {
        version: 0,
        prev_hash: UInt256::ZERO,
        merkle_root: UInt256::ZERO,
        timestamp: 0,
        nonce: 0,
        index: height,
        primary_index: primary,
        next_consensus: UInt160::ZERO,
    }
}

/// The state after these blocks, each given by the view whose leader's block was decided.
fn after(first: LeaderState, views: &[u32]) -> LeaderState {
    views.iter().fold(first, |state, view| {
        state.next(state.order().leader(View(*view)))
    })
}

/// The order as numbers.
fn order(state: &LeaderState) -> Vec<u8> {
    state.order().iter().map(|one| one.0).collect()
}

/// Which validator's block a height decides when those in `dead` propose nothing.
fn decided(state: &LeaderState, dead: &[u8]) -> ValidatorIndex {
    let mut alive = state.order().iter().filter(|one| !dead.contains(&one.0));
    alive.next().unwrap()
}

/// Heights of `heights` whose first leader is among the dead.
fn slow(mut state: LeaderState, heights: u32, dead: &[u8]) -> u32 {
    let mut slow = 0;
    for _ in 0..heights {
        let primary = decided(&state, dead);
        slow += u32::from(primary != state.order().leader(View::ZERO));
        state = state.next(primary);
    }
    slow
}

#[test]
fn an_undisturbed_network_takes_turns() {
    for count in [1u32, 4, 7, 21, 100] {
        for height in 0..3 * count {
            let state = LeaderState::undisturbed(Height(height), count as usize);
            let turns: Vec<_> = (0..count).map(|view| (height + view) % count).collect();
            let order: Vec<_> = order(&state).into_iter().map(u32::from).collect();
            assert_eq!(order, turns, "{count} validators, height {height}");
        }
    }
}

#[test]
fn genesis_counts_as_a_block_of_its_primary() {
    let genesis = header(Height(0), ValidatorIndex(0));
    let first = LeaderState::fresh(Height(0), 4).after(&genesis, 4, false);
    assert_eq!(first, LeaderState::undisturbed(Height(1), 4));
    assert_eq!(first.height(), Height(1));
}

/// One step by hand: validators 0 and 1 failed, 2 succeeded.
#[test]
fn the_failed_lose_half_and_the_successful_gain_fifty() {
    let second = after(LeaderState::fresh(Height(0), 4), &[2, 1]);
    // After height 0: scores 50, 50, 100, 100; 0 has paid 400.
    // Credits −300+50, 100+50, 100+100, 100+100: order 2, 3, 1, 0. 2 failed at height 1 and pays 300,
    // 3 succeeded: scores 50, 50, 50, 100, credits −250+50, 150+50, −100+50, 200+100.
    let standing = |score, credit| Standing { score, credit };
    let expected = [
        standing(50, -200),
        standing(50, 200),
        standing(50, -50),
        standing(100, 300),
    ];
    assert_eq!(second.standings(), expected);
    assert_eq!(order(&second), [3, 1, 2, 0]);
}

/// The figures of section 7, over one stretch between two fresh beginnings.
#[test]
fn a_dead_validator_costs_few_of_ten_thousand_blocks() {
    for (count, expected) in [(4, 135), (7, 70), (21, 23)] {
        for dead in 0..count {
            let first = LeaderState::fresh(Height(0), usize::from(count));
            let slow = slow(first, RESET_INTERVAL, &[dead]);
            assert!(
                slow.abs_diff(expected) <= 2,
                "{count} validators, {dead} dead: {slow}"
            );
        }
    }
}

#[test]
fn dead_validators_within_the_bound_cost_few_blocks_together() {
    for (count, dead, limit) in [(7, &[2, 3][..], 180), (21, &[0, 1, 2, 3, 4, 5], 200)] {
        let slow = slow(LeaderState::fresh(Height(0), count), RESET_INTERVAL, dead);
        assert!(slow <= limit, "{count} validators, {dead:?} dead: {slow}");
    }
}

/// Blocks until a validator that was dead for so long leads again as often as the others: its score is
/// back, and it has had a turn.
fn return_takes(count: usize, absent: u32) -> u32 {
    let back = ValidatorIndex(1);
    let mut state = LeaderState::fresh(Height(0), count);
    for _ in 0..absent {
        state = state.next(decided(&state, &[back.0]));
    }
    let mut blocks = 0;
    while state.standings()[usize::from(back.0)].score < MAX_SCORE {
        state = state.next(decided(&state, &[]));
        blocks += 1;
    }
    blocks
}

#[test]
fn a_validator_that_returns_has_its_share_after_46_blocks_on_average() {
    let returns: Vec<_> = (400..1400).map(|absent| return_takes(4, absent)).collect();
    let average = returns.iter().sum::<u32>() / 1000;
    assert!((40..=52).contains(&average), "{average}");
    assert!(
        returns.iter().all(|one| *one <= 100),
        "{:?}",
        returns.iter().max()
    );
}

#[test]
fn a_validator_that_always_fails_keeps_getting_turns() {
    let mut state = LeaderState::fresh(Height(0), 4);
    let mut since = 0;
    for _ in 0..RESET_INTERVAL - 1 {
        let primary = decided(&state, &[2]);
        since = if state.order().leader(View::ZERO).0 == 2 {
            0
        } else {
            since + 1
        };
        assert!(since <= 100, "no turn for {since} blocks");
        state = state.next(primary);
        assert!(state.standings()[2].score >= MIN_SCORE);
    }
}

#[test]
fn the_state_begins_anew_at_multiples_of_ten_thousand_and_with_another_set() {
    let before = after(
        LeaderState::fresh(Height(19_990), 4),
        &[1, 2, 1, 3, 0, 1, 2, 1, 1],
    );
    assert_eq!(before.height(), Height(19_999));
    assert_ne!(
        before.standings(),
        LeaderState::fresh(Height(0), 4).standings()
    );
    let decided = header(Height(19_999), ValidatorIndex(3));
    let fresh = LeaderState::fresh(Height(20_000), 4);
    assert_eq!(before.after(&decided, 4, false), fresh);
    assert_eq!(order(&fresh), [0, 1, 2, 3]);

    let some = after(LeaderState::fresh(Height(30), 4), &[1, 2]);
    let decided = header(Height(32), ValidatorIndex(0));
    assert_eq!(
        some.after(&decided, 4, true),
        LeaderState::fresh(Height(33), 4)
    );
    assert_eq!(
        some.after(&decided, 7, true),
        LeaderState::fresh(Height(33), 7)
    );
    assert_eq!(
        some.after(&decided, 7, false),
        LeaderState::fresh(Height(33), 7)
    );
    assert_ne!(
        some.after(&decided, 4, false),
        LeaderState::fresh(Height(33), 4)
    );
    assert_eq!(last_reset(Height(9_999)), Height(0));
    assert_eq!(last_reset(Height(u32::MAX)), Height(4_294_960_000));
}

#[test]
fn heights_end_without_overflow() {
    let last = LeaderState::fresh(Height(u32::MAX), 4);
    assert_eq!(last.next(ValidatorIndex(0)).height(), Height(u32::MAX));
    assert_eq!(LeaderState::fresh(Height(0), 0).standings().len(), 1);
    assert_eq!(LeaderState::fresh(Height(0), 1000).standings().len(), 255);
}

#[test]
fn bytes_that_no_state_has_are_refused() {
    let bytes = after(LeaderState::fresh(Height(5), 4), &[1]).encode();
    let with = |at: usize, value: u8| {
        let mut changed = bytes.clone();
        changed[at] = value;
        LeaderState::decode(&changed).unwrap_err()
    };
    assert_eq!(with(0, 2), LeaderStateError::Version(2));
    assert_eq!(with(5, 0), LeaderStateError::Empty);
    let short = LeaderStateError::Length {
        validators: 5,
        expected: 31,
        actual: 26,
    };
    assert_eq!(with(5, 5), short);
    assert_eq!(
        with(6, 3),
        LeaderStateError::Score {
            validator: 0,
            score: 3
        }
    );
    assert_eq!(
        with(6, 101),
        LeaderStateError::Score {
            validator: 0,
            score: 101
        }
    );
    let sum = LeaderStateError::Sum {
        credits: 350,
        scores: 351,
    };
    assert_eq!(with(6, 51), sum);
    assert!(matches!(
        with(24, 0x20),
        LeaderStateError::Credit { validator: 3, .. }
    ));
    for length in 0..bytes.len() {
        assert!(LeaderState::decode(&bytes[..length]).is_err(), "{length}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(
        LeaderState::decode(&longer),
        Err(LeaderStateError::Length {
            validators: 4,
            expected: 26,
            actual: 27
        })
    ));
}

/// A number of validators, and a view for each block: mostly the first, sometimes far up.
fn history() -> impl Strategy<Value = (usize, Vec<u32>)> {
    let view = prop_oneof![4 => Just(0u32), 3 => 1u32..5, 1 => any::<u32>()];
    (1usize..=40, vec(view, 0..200))
}

proptest! {
    #[test]
    fn every_validator_leads_once_in_n_consecutive_views((count, views) in history(), first: u32) {
        let state = after(LeaderState::fresh(Height(0), count), &views);
        // The numbering of views ends with u32; nobody gets there.
        let first = first.min(u32::MAX - 40);
        let mut leaders: Vec<_> = (first..)
            .take(count)
            .map(|view| usize::from(state.order().leader(View(view)).0))
            .collect();
        leaders.sort_unstable();
        prop_assert_eq!(leaders, (0..count).collect::<Vec<_>>());
        for (view, one) in (0u32..).zip(state.order().iter()) {
            prop_assert_eq!(state.order().leader(View(view)), one);
            prop_assert_eq!(state.order().position(one), Some(view as usize));
        }
    }

    #[test]
    fn scores_and_credits_stay_within_their_bounds((count, views) in history()) {
        let mut state = LeaderState::fresh(Height(0), count);
        let limit = 100 * i32::try_from(count * count).unwrap();
        for view in views {
            state = state.next(state.order().leader(View(view)));
            let (mut credits, mut scores) = (0, 0);
            for one in state.standings() {
                prop_assert!((MIN_SCORE..=MAX_SCORE).contains(&one.score));
                prop_assert!(one.credit.abs() <= limit);
                credits += one.credit;
                scores += i32::from(one.score);
            }
            prop_assert_eq!(credits, scores);
        }
    }

    /// While scores stay as they are, each validator leads as often as its score says, within n turns.
    #[test]
    fn the_share_of_turns_follows_the_scores(scores in vec(MIN_SCORE..=MAX_SCORE, 1..12), blocks in 1u32..2000) {
        let total: u32 = scores.iter().map(|one| u32::from(*one)).sum();
        let mut credits = vec![0i32; scores.len()];
        let mut turns = vec![0u32; scores.len()];
        for _ in 0..blocks {
            let standings: Vec<_> = scores
                .iter()
                .zip(&credits)
                .map(|(score, credit)| Standing { score: *score, credit: credit + i32::from(*score) })
                .collect();
            let state = LeaderState::new(Height(1), standings);
            let leader = state.order().leader(View::ZERO);
            turns[usize::from(leader.0)] += 1;
            // What is saved up after the payment; scores are held still by hand.
            let next = state.next(leader);
            for (at, one) in next.standings().iter().enumerate() {
                credits[at] = one.credit - i32::from(one.score);
            }
        }
        let count = u32::try_from(scores.len()).unwrap();
        for (score, turns) in scores.iter().zip(&turns) {
            let due = u64::from(blocks) * u64::from(*score);
            let had = u64::from(*turns) * u64::from(total);
            prop_assert!(
                had.abs_diff(due) <= u64::from(count * total),
                "{} of {} turns at score {} of {}", turns, blocks, score, total
            );
        }
    }

    /// Whoever begins to count at a later state, as after a restart or from a checkpoint, gets the same.
    #[test]
    fn the_order_does_not_depend_on_where_one_began((count, views) in history(), from: prop::sample::Index, height in 0u32..30_000) {
        let first = LeaderState::fresh(Height(height), count);
        let whole = after(first.clone(), &views);
        let from = from.index(views.len() + 1);
        let base = after(first, &views[..from]);
        let again = LeaderState::decode(&base.encode()).unwrap();
        prop_assert_eq!(&again, &base);
        prop_assert_eq!(after(again, &views[from..]), whole.clone());
        // What happened before the last reset does not matter either.
        let reset = last_reset(whole.height());
        if reset.0 > height {
            let since = views.len() - (whole.height().0 - reset.0) as usize;
            prop_assert_eq!(after(LeaderState::fresh(reset, count), &views[since..]), whole);
        }
    }

    #[test]
    fn foreign_bytes_give_a_state_or_an_error(bytes in vec(any::<u8>(), 0..64)) {
        if let Ok(state) = LeaderState::decode(&bytes) {
            prop_assert_eq!(state.encode(), bytes);
        }
    }

    #[test]
    fn an_index_beyond_the_set_changes_no_score((count, views) in history(), beyond in 40u8..) {
        let state = after(LeaderState::fresh(Height(0), count), &views);
        let next = state.next(ValidatorIndex(beyond));
        let scores = |state: &LeaderState| -> Vec<_> { state.standings().iter().map(|one| one.score).collect() };
        prop_assert_eq!(scores(&next), scores(&state));
    }
}
