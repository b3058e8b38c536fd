//! The coarse modes of an attacker.

use clap::ValueEnum;
use neo_adversary::Attack;

/// A family of attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AttackMode {
    /// Different blocks and votes for the two halves of the network.
    Equivocate,
    /// No votes, header signatures, proposals or bodies.
    Withhold,
    /// Messages that come just before the others give up.
    Delay,
    /// Bytes that mean nothing: as messages, and as frames of the mesh.
    Garbage,
    /// Messages of far heights, junk transactions and requests, as many as the connection takes.
    Flood,
    /// Genuine messages of others and of old heights, again and again.
    Replay,
    /// One to three attacks that the seed picks.
    Random,
}

impl AttackMode {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Equivocate => "equivocate",
            Self::Withhold => "withhold",
            Self::Delay => "delay",
            Self::Garbage => "garbage",
            Self::Flood => "flood",
            Self::Replay => "replay",
            Self::Random => "random",
        }
    }

    /// Its attacks on consensus; `None` where the seed picks them.
    pub(crate) fn attacks(self) -> Option<Vec<Attack>> {
        match self {
            Self::Random => None,
            mode => Some(Attack::of_mode(mode.name()).unwrap_or_default()),
        }
    }
}

impl std::fmt::Display for AttackMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_but_the_random_one_has_attacks() {
        for mode in AttackMode::value_variants() {
            let attacks = mode.attacks();
            assert_eq!(attacks.is_none(), *mode == AttackMode::Random, "{mode}");
            assert!(attacks.is_none_or(|attacks| !attacks.is_empty()), "{mode}");
            let shown = mode.to_possible_value().unwrap();
            assert_eq!(shown.get_name(), mode.name());
        }
    }
}
