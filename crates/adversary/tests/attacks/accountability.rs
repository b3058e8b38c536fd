//! More than f adversaries that act together do fork the chain, and are named.

use std::collections::BTreeSet;

use neo_adversary::Attack;
use neo_consensus::v3::Record;
use neo_consensus::v3::certificate::Decision;
use neo_consensus::v3::evidence::trace::trace;
use neo_invariants::ideal::IdealCheck;
use neo_primitives::{Height, ValidatorIndex};

use crate::network::{MAGIC, Network, ms};

/// Two conflicting commit certificates in the logs of honest validators.
fn fork(network: &Network, height: u32) -> Option<(Decision, Decision)> {
    let decided = |node: &usize| {
        let records = &network.nodes[*node].records;
        records.iter().find_map(|record| match record {
            Record::Decision {
                height: at,
                decision: decision @ Decision::Certificate(_),
            } if *at == Height(height) => Some(decision.clone()),
            _ => None,
        })
    };
    let honest = network.honest_nodes();
    let decisions: Vec<_> = honest.iter().filter_map(decided).collect();
    let first = decisions.first()?.clone();
    let second = decisions
        .iter()
        .find(|other| other.hash() != first.hash())?
        .clone();
    Some((first, second))
}

#[test]
fn accomplices_that_support_two_blocks_fork_and_are_named() {
    let attacks = [Attack::EquivocateProposals, Attack::EquivocateVotes];
    for (validators, liars) in [(4, vec![1, 2]), (7, vec![1, 2, 3]), (7, vec![0, 1, 2, 4])] {
        let mut forks = 0;
        for seed in 0..6 {
            let each: Vec<_> = liars.iter().map(|liar| (*liar, &attacks[..])).collect();
            let mut network = Network::new(validators, &each, seed);
            network.run(ms(1_500));
            let Some(height) = network
                .decided
                .iter()
                .find(|(_, blocks)| blocks.len() > 1)
                .map(|(height, _)| *height)
            else {
                continue;
            };
            let Some((first, second)) = fork(&network, height) else {
                continue;
            };
            forks += 1;
            let proofs = trace(&first, &second, &network.archive(height), &IdealCheck)
                .expect("a complete archive");
            let named: BTreeSet<_> = proofs
                .iter()
                .map(|proof| proof.verify(MAGIC, &network.set, &IdealCheck).unwrap())
                .collect();
            let guilty: BTreeSet<_> = liars
                .iter()
                .map(|liar| ValidatorIndex(u8::try_from(*liar).unwrap()))
                .collect();
            assert!(named.is_subset(&guilty), "{named:?} of {guilty:?}");
            assert!(named.len() > network.set.faulty(), "only {named:?}");
            let all = network.archive(height).culprits();
            assert!(all.is_subset(&guilty), "{all:?} of {guilty:?}");
        }
        assert!(
            forks > 0,
            "{validators} validators, liars {liars:?}: no fork"
        );
    }
}
