//! Whatever up to f adversaries do, the honest agree, go on, and accuse nobody who is honest.

use neo_adversary::{Adversary, Attack};

use crate::network::{Network, ms};

/// `SEEDS=5000 cargo test -p neo-adversary random` runs more than usual.
fn seeds(usual: u64) -> u64 {
    let asked = std::env::var("SEEDS").ok();
    asked.map_or(usual, |text| text.parse().expect("a number of seeds"))
}

fn goes_on(validators: usize, liars: &[(usize, &[Attack])], seed: u64, height: u32) -> Network {
    let mut network = Network::new(validators, liars, seed);
    network.until_stored(height, ms(60_000));
    network.assert_agreement();
    network.assert_only_liars_are_accused();
    network
}

#[test]
fn one_of_four_stops_nobody_with_any_attack() {
    for attack in Attack::ALL {
        for seed in 0..4 {
            println!("{attack} {seed}");
            goes_on(4, &[(seed as usize % 4, &[attack])], seed, 6);
        }
    }
}

#[test]
fn two_of_seven_stop_nobody_with_any_attack() {
    for attack in Attack::ALL {
        println!("{attack}");
        goes_on(7, &[(1, &[attack]), (5, &[attack])], 7, 7);
    }
}

#[test]
fn random_mixtures_stop_nobody() {
    for seed in 0..seeds(60) {
        let adversary = Adversary::random(seed);
        println!("{seed}: {:?}", adversary.attacks());
        let liar = seed as usize % 4;
        goes_on(4, &[(liar, adversary.attacks())], seed, 5);
    }
}
