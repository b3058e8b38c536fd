//! Who validates next: what a Neo node computes at a refresh of the committee and no RPC tells.
//!
//! Block `i` with `i mod m = 0` (m: size of the committee) brings a new committee, elected on the state after block
//! `i − 1`; its header must already name the new validators. Every other block names those in office.
//! Source: neo-project/neo `NeoToken.ComputeCommitteeMembers`, `OnPersistAsync`; the same in neo-go `native_neo.go`.

use std::cmp::Reverse;

use neo_ledger::policy::NEO_TOTAL;
use neo_primitives::{Height, PublicKey};

/// Voting NEO that counts as a turnout is at least a fifth of all.
const TURNOUT: u128 = 5;

/// A key that may be voted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The key.
    pub key: PublicKey,
    /// NEO that votes for it.
    pub votes: u64,
    /// Whether it is registered; one that is not may still have votes.
    pub registered: bool,
    /// Whether the policy contract blocks the account of its key.
    pub blocked: bool,
}

/// All that an election depends on, of one height.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Electorate {
    /// NEO of all accounts that vote for anyone.
    pub voters: u64,
    /// The stored candidates, in any order.
    pub candidates: Vec<Candidate>,
}

/// Whether the block of this height brings a new committee of `members`.
#[must_use]
pub fn refreshes(height: Height, members: usize) -> bool {
    u32::try_from(members).is_ok_and(|members| members > 0 && height.0.is_multiple_of(members))
}

/// The committee that an electorate elects, the first in rank first; as many as `standby`.
///
/// With less than a fifth of all NEO voting, or fewer candidates than members, the standby committee stays in office,
/// in the order of the configuration. Otherwise the candidates with most votes, of equal ones the lower key.
#[must_use]
pub fn elect(electorate: &Electorate, standby: &[PublicKey]) -> Vec<PublicKey> {
    let mut eligible: Vec<&Candidate> = electorate
        .candidates
        .iter()
        .filter(|candidate| candidate.registered && !candidate.blocked)
        .collect();
    let turnout = u128::from(electorate.voters) * TURNOUT;
    if turnout < u128::from(NEO_TOTAL) || eligible.len() < standby.len() {
        return standby.to_vec();
    }
    eligible.sort_by_key(|candidate| (Reverse(candidate.votes), candidate.key.clone()));
    eligible
        .into_iter()
        .take(standby.len())
        .map(|candidate| candidate.key.clone())
        .collect()
}

/// The validators of a committee in rank order: its first `count`, sorted by key.
#[must_use]
pub fn validators(committee: &[PublicKey], count: usize) -> Vec<PublicKey> {
    let mut validators: Vec<PublicKey> = committee.iter().take(count).cloned().collect();
    validators.sort();
    validators
}

#[cfg(test)]
mod tests {
    use neo_primitives::{PrivateKey, consensus_address};
    use proptest::prelude::*;

    use super::*;

    /// The public key of a private one.
    fn key(number: u8) -> PublicKey {
        PrivateKey::from_bytes(&[number; 32])
            .unwrap()
            .public_key()
            .clone()
    }

    fn keys(numbers: impl IntoIterator<Item = u8>) -> Vec<PublicKey> {
        numbers.into_iter().map(key).collect()
    }

    fn candidate(number: u8, votes: u64) -> Candidate {
        Candidate {
            key: key(number),
            votes,
            registered: true,
            blocked: false,
        }
    }

    const FIFTH: u64 = 20_000_000;

    #[test]
    fn a_refresh_is_due_every_m_blocks() {
        let due: Vec<u32> = (0..30)
            .filter(|height| refreshes(Height(*height), 7))
            .collect();
        assert_eq!(due, [0, 7, 14, 21, 28]);
        assert!(!refreshes(Height(0), 0));
    }

    #[test]
    fn exactly_a_fifth_is_a_turnout() {
        let standby = keys([1, 2, 3]);
        let mut electorate = Electorate {
            voters: FIFTH - 1,
            candidates: vec![candidate(4, 1), candidate(5, 3), candidate(6, 2)],
        };
        assert_eq!(elect(&electorate, &standby), standby);
        electorate.voters = FIFTH;
        assert_eq!(elect(&electorate, &standby), keys([5, 6, 4]));
    }

    #[test]
    fn only_the_registered_and_unblocked_are_counted() {
        let standby = keys([1, 2, 3]);
        let mut electorate = Electorate {
            voters: FIFTH,
            candidates: vec![candidate(4, 9), candidate(5, 8), candidate(6, 7)],
        };
        electorate.candidates.push(Candidate {
            blocked: true,
            ..candidate(7, 99)
        });
        electorate.candidates.push(Candidate {
            registered: false,
            ..candidate(8, 99)
        });
        assert_eq!(elect(&electorate, &standby), keys([4, 5, 6]));
        electorate.candidates.swap_remove(0);
        assert_eq!(
            elect(&electorate, &standby),
            standby,
            "two are too few for three seats"
        );
    }

    #[test]
    fn equal_votes_are_ordered_by_x_then_y() {
        let mut all = keys(1..9);
        all.sort();
        let electorate = Electorate {
            voters: FIFTH,
            candidates: (1..9).rev().map(|number| candidate(number, 5)).collect(),
        };
        assert_eq!(elect(&electorate, &keys([1, 2, 3])), all[..3]);
    }

    #[test]
    fn validators_are_the_first_in_rank_sorted_by_key() {
        // Standby keys and account of the standard private network of neo-go.
        let standby: Vec<PublicKey> = [
            "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2",
            "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e",
            "03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee699",
            "02a7bc55fe8684e0119768d104ba30795bdcc86619e864add26156723ed185cd62",
        ]
        .map(|text| text.parse().unwrap())
        .to_vec();
        let validators = validators(&standby, 4);
        assert_eq!(validators[0], standby[1]);
        assert_eq!(
            consensus_address(&validators).to_address(),
            "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq"
        );
    }

    fn electorates() -> impl Strategy<Value = Electorate> {
        let one = (1u8..40, 0u64..4, any::<bool>(), 0u8..5).prop_map(
            |(number, votes, registered, blocked)| Candidate {
                registered,
                blocked: blocked == 0,
                ..candidate(number, votes)
            },
        );
        let voters = prop_oneof![Just(0), FIFTH - 2..FIFTH + 2, Just(NEO_TOTAL)];
        (voters, proptest::collection::vec(one, 0..12)).prop_map(|(voters, mut candidates)| {
            candidates.sort_by_key(|candidate| candidate.key.clone());
            candidates.dedup_by_key(|candidate| candidate.key.clone());
            Electorate { voters, candidates }
        })
    }

    proptest! {
        #[test]
        fn an_election_fills_the_seats_with_the_best(electorate in electorates(), seats in 1usize..6) {
            let standby = keys(101..101 + seats as u8);
            let elected = elect(&electorate, &standby);
            prop_assert_eq!(elected.len(), seats);
            let fit = |c: &&Candidate| c.registered && !c.blocked;
            let eligible: Vec<&Candidate> = electorate.candidates.iter().filter(fit).collect();
            if elected == standby {
                prop_assert!(electorate.voters < FIFTH || eligible.len() < seats);
                return Ok(());
            }
            prop_assert!(electorate.voters >= FIFTH);
            let votes = |key: &PublicKey| eligible.iter().find(|c| c.key == *key).unwrap().votes;
            for pair in elected.windows(2) {
                let (first, second) = (votes(&pair[0]), votes(&pair[1]));
                prop_assert!(first > second || first == second && pair[0] < pair[1]);
            }
            let last = elected.last().unwrap();
            for other in eligible.iter().filter(|c| !elected.contains(&c.key)) {
                prop_assert!(
                    other.votes < votes(last) || other.votes == votes(last) && other.key > *last
                );
            }
        }

        #[test]
        fn the_order_of_the_stored_candidates_does_not_matter(electorate in electorates(), turn in 0usize..12) {
            let standby = keys([101, 102]);
            let mut turned = electorate.clone();
            if !turned.candidates.is_empty() {
                let turn = turn % turned.candidates.len();
                turned.candidates.rotate_left(turn);
            }
            prop_assert_eq!(elect(&electorate, &standby), elect(&turned, &standby));
        }
    }
}
