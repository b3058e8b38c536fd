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

#[test]
fn random_mixtures_and_a_lossy_network_stop_nobody() {
    for seed in 0..seeds(16) {
        let (one, other) = (Adversary::random(seed), Adversary::random(seed ^ 0xffff));
        println!("{seed}: {:?} {:?}", one.attacks(), other.attacks());
        let at = seed as usize % 7;
        let liars = [(at, one.attacks()), ((at + 3) % 7, other.attacks())];
        let mut network = Network::new(7, &liars, seed);
        // One message in eight is lost, and for a while three validators hear nothing from the rest.
        let mut drawn = seed;
        network.filter = Box::new(move |from, to, message| {
            drawn = drawn
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let cut = message.height.0 == 3 && message.view.0 == 0 && from < 4 && to >= 4;
            (drawn >> 40) % 8 != 0 && !cut
        });
        network.run(ms(4_000));
        network.filter = Box::new(|_, _, _| true);
        let goal = network.lowest() + 4;
        network.until_stored(goal, ms(60_000));
        network.assert_agreement();
        network.assert_only_liars_are_accused();
    }
}
