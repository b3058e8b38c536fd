//! A Byzantine validator on a real network, for tests of the others.
//!
//! Consensus is attacked with the strategies of `neo-adversary`, which the simulator uses as well; `garbage` and
//! `flood` attack the mesh below it, too.

mod flood;
mod frames;
mod mode;

use std::fmt;

use neo_adversary::{Adversary, Attack};
use neo_node::config::NodeConfig;
use neo_node::{Beside, Byzantine};
use neo_primitives::Magic;

use frames::Vandal;
pub(crate) use mode::AttackMode;

/// Networks whose coins are worth something to somebody.
const PUBLIC: [(Magic, &str); 2] = [
    (Magic(860_833_102), "Neo N3 MainNet"),
    (Magic(894_710_606), "Neo N3 TestNet"),
];

/// What an attacker is to do.
#[derive(Clone, Debug)]
pub(crate) struct Attacker {
    /// A family of attacks.
    pub(crate) mode: Option<AttackMode>,
    /// Single attacks besides it.
    pub(crate) attacks: Vec<Attack>,
    /// Makes its choices repeatable.
    pub(crate) seed: u64,
}

/// Why an attacker does not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Somebody's real network.
    #[error(
        "magic {magic} is {network}: a Byzantine validator is a test tool and does not start on a public network"
    )]
    PublicNetwork {
        /// Its magic number.
        magic: Magic,
        /// Its name.
        network: &'static str,
    },
    /// A node without a voice cannot lie.
    #[error(
        "a Byzantine validator needs a validator's key: the configuration has no wallet, or consensus.enabled is false"
    )]
    NoValidator,
}

impl Attacker {
    /// What the node of this configuration needs to be this attacker.
    ///
    /// # Errors
    /// On a public network, and for an observer.
    pub(crate) fn prepare(&self, config: &NodeConfig) -> Result<Byzantine, Refused> {
        let magic = config.protocol.genesis.magic;
        if let Some((_, network)) = PUBLIC.iter().find(|(public, _)| *public == magic) {
            return Err(Refused::PublicNetwork { magic, network });
        }
        if config.wallet.is_none() || !config.consensus.enabled {
            return Err(Refused::NoValidator);
        }
        let adversary = self.adversary().aiming_at(config.consensus.timers());
        tracing::warn!(attacker = %self, attacks = ?adversary.attacks(),
            "this validator is Byzantine: it attacks the others");
        Ok(Byzantine {
            will: Box::new(adversary),
            beside: self.beside(config),
        })
    }

    /// The attacks of a mode below consensus.
    fn beside(&self, config: &NodeConfig) -> Option<Beside> {
        match self.mode? {
            AttackMode::Garbage => {
                let vandal = Vandal::of(config);
                Some(Box::new(move |_, key| vandal.start(&key)))
            }
            AttackMode::Flood => Some(Box::new(|network, _| flood::start(network))),
            _ => None,
        }
    }

    fn adversary(&self) -> Adversary {
        let of_mode = self.mode.map_or(Some(Vec::new()), AttackMode::attacks);
        match of_mode {
            Some(mut attacks) => {
                attacks.extend(&self.attacks);
                Adversary::new(&attacks, self.seed)
            }
            None => Adversary::random(self.seed),
        }
    }
}

impl fmt::Display for Attacker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(mode) = self.mode {
            write!(f, "mode {mode}, ")?;
        }
        for attack in &self.attacks {
            write!(f, "attack {attack}, ")?;
        }
        write!(f, "seed {}", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(magic: u32) -> NodeConfig {
        let text = serde_json::json!({
            "data_dir": "data",
            "protocol": { "version": 3, "genesis": {
                "magic": magic,
                "standby_validators": ["02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2"],
            }},
            "wallet": { "path": "wallet.json", "password_env": "PASSWORD" },
        });
        NodeConfig::parse(&text.to_string()).unwrap()
    }

    #[test]
    fn public_networks_are_refused_by_name() {
        let attacker = Attacker {
            mode: Some(AttackMode::Delay),
            attacks: Vec::new(),
            seed: 1,
        };
        for (magic, network) in PUBLIC {
            let error = attacker.prepare(&config(magic.0)).err().unwrap();
            assert_eq!(error, Refused::PublicNetwork { magic, network });
            let text = error.to_string();
            assert!(
                text.contains(&magic.to_string()) && text.contains(network),
                "{text}"
            );
        }
        assert!(attacker.prepare(&config(5)).is_ok());
        let mut observer = config(5);
        observer.wallet = None;
        assert_eq!(
            attacker.prepare(&observer).err(),
            Some(Refused::NoValidator)
        );
    }

    #[test]
    fn modes_and_single_attacks_add_up_and_random_follows_its_seed() {
        let mut attacker = Attacker {
            mode: Some(AttackMode::Delay),
            attacks: vec![Attack::Replay],
            seed: 7,
        };
        let both = [Attack::DelayToTimeout, Attack::Replay];
        assert_eq!(attacker.adversary().attacks(), both);
        attacker.mode = None;
        assert_eq!(attacker.adversary().attacks(), [Attack::Replay]);
        attacker.mode = Some(AttackMode::Random);
        let picked = attacker.adversary().attacks().to_vec();
        assert!((1..=3).contains(&picked.len()));
        assert_eq!(attacker.adversary().attacks(), picked);
    }
}
