//! Who plays which part in a run: lasting validators, an attacker, validators that are killed for good.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::byzantine::AttackMode;
use crate::duration::parse_duration;

/// A validator whose process is killed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    /// Its index.
    pub(crate) validator: usize,
    /// How long after the load began.
    pub(crate) after: Duration,
}

/// `I`, `I@SECONDS` or `I@DURATION`.
impl FromStr for Kill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (validator, after) = match text.split_once('@') {
            Some((validator, after)) => (validator, Some(after)),
            None => (text, None),
        };
        let validator = validator
            .parse()
            .map_err(|_| format!("`{validator}` is no index of a validator"))?;
        let after = match after {
            None => Duration::ZERO,
            Some(after) => match after.parse() {
                Ok(seconds) => Duration::from_secs(seconds),
                Err(_) => parse_duration(after)?,
            },
        };
        Ok(Self { validator, after })
    }
}

/// What is asked of the validators besides agreeing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disturbances {
    /// One validator attacks the others.
    pub(crate) byzantine: Option<AttackMode>,
    /// Which one, if it was said.
    pub(crate) byzantine_validator: Option<usize>,
    /// The seed of its choices, if it was said.
    pub(crate) attack_seed: Option<u64>,
    /// Some are killed for good.
    pub(crate) kills: Vec<Kill>,
}

/// The part of one validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    /// It follows the protocol to the end.
    Lasting,
    /// It attacks the others.
    Byzantine,
    /// It is killed for good.
    Killed,
}

/// The parts of all validators.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    parts: Vec<Part>,
    attack: Option<AttackMode>,
    seed: Option<u64>,
}

/// Parts that cannot be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Miscast {
    /// There is no such validator.
    #[error("{option} {index}: the network has the validators 0 to {}", validators - 1)]
    NoSuchValidator {
        /// What named it.
        option: &'static str,
        /// Its index.
        index: usize,
        /// How many there are.
        validators: usize,
    },
    /// One validator cannot play two parts.
    #[error("validator {index} is to be killed twice, or to attack as well")]
    Twice {
        /// Its index.
        index: usize,
    },
    /// The rest could not decide anything.
    #[error(
        "{faulty} faulty validators of {validators}: at most {most} may fail, or no block is decided"
    )]
    TooMany {
        /// How many were asked for.
        faulty: usize,
        /// How many there are.
        validators: usize,
        /// f.
        most: usize,
    },
}

impl Cast {
    /// Gives the parts; the attacker is the last validator unless something else is said.
    ///
    /// # Errors
    /// If a validator does not exist, has two parts, or too few are left to decide.
    pub(crate) fn of(asked: &Disturbances, validators: usize) -> Result<Self, Miscast> {
        let mut cast = Self {
            parts: vec![Part::Lasting; validators],
            attack: asked.byzantine,
            seed: asked.attack_seed,
        };
        if asked.byzantine.is_some() {
            let last = validators.saturating_sub(1);
            let index = asked.byzantine_validator.unwrap_or(last);
            cast.give(Part::Byzantine, "--byzantine-validator", index)?;
        }
        for kill in &asked.kills {
            cast.give(Part::Killed, "--kill", kill.validator)?;
        }
        let faulty = validators - cast.lasting().count();
        let most = validators.saturating_sub(1) / 3;
        if faulty > most {
            return Err(Miscast::TooMany {
                faulty,
                validators,
                most,
            });
        }
        Ok(cast)
    }

    fn give(&mut self, part: Part, option: &'static str, index: usize) -> Result<(), Miscast> {
        let validators = self.parts.len();
        match self.parts.get_mut(index) {
            None => Err(Miscast::NoSuchValidator {
                option,
                index,
                validators,
            }),
            Some(Part::Byzantine | Part::Killed) => Err(Miscast::Twice { index }),
            Some(free) => {
                *free = part;
                Ok(())
            }
        }
    }

    /// Nobody attacks and nobody is killed.
    #[cfg(test)]
    pub(crate) fn lasting_only(validators: usize) -> Self {
        Self {
            parts: vec![Part::Lasting; validators],
            attack: None,
            seed: None,
        }
    }

    /// Number of validators.
    pub(crate) fn validators(&self) -> usize {
        self.parts.len()
    }

    /// The part of a validator.
    pub(crate) fn part(&self, index: usize) -> Part {
        self.parts.get(index).copied().unwrap_or(Part::Lasting)
    }

    /// Those that follow the protocol to the end, in ascending order.
    pub(crate) fn lasting(&self) -> impl Iterator<Item = usize> + '_ {
        let indexed = self.parts.iter().enumerate();
        indexed
            .filter(|(_, part)| **part == Part::Lasting)
            .map(|(index, _)| index)
    }

    /// The one at which blocks are counted.
    pub(crate) fn reference(&self) -> usize {
        self.lasting().next().unwrap_or(0)
    }

    /// The seed of the attacker's choices, if it was said.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// The attacker and what it does.
    pub(crate) fn attacker(&self) -> Option<(usize, AttackMode)> {
        let index = self
            .parts
            .iter()
            .position(|part| *part == Part::Byzantine)?;
        Some((index, self.attack?))
    }
}

impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            match (part, self.attack) {
                (Part::Lasting, _) | (Part::Byzantine, None) => {}
                (Part::Byzantine, Some(mode)) => write!(f, ", validator {index} attacks ({mode})")?,
                (Part::Killed, _) => write!(f, ", validator {index} will be killed")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(kills: &[&str]) -> Disturbances {
        Disturbances {
            kills: kills.iter().map(|kill| kill.parse().unwrap()).collect(),
            ..Disturbances::default()
        }
    }

    #[test]
    fn kills_have_a_validator_and_a_time() {
        let kill = |text: &str| text.parse::<Kill>();
        let at = |validator, ms| {
            let after = Duration::from_millis(ms);
            Ok(Kill { validator, after })
        };
        assert_eq!(kill("2"), at(2, 0));
        assert_eq!(kill("0@7"), at(0, 7_000));
        assert_eq!(kill("1@500ms"), at(1, 500));
        for nonsense in ["", "x", "-1", "1@", "1@x", "@3"] {
            assert!(kill(nonsense).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn the_last_validator_attacks_unless_another_is_named() {
        let mut asked = asked(&["0"]);
        asked.byzantine = Some(AttackMode::Flood);
        let cast = Cast::of(&asked, 7).unwrap();
        assert_eq!(cast.attacker(), Some((6, AttackMode::Flood)));
        assert_eq!(cast.lasting().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!((cast.reference(), cast.part(0)), (1, Part::Killed));
        asked.byzantine_validator = Some(3);
        let cast = Cast::of(&asked, 7).unwrap();
        assert_eq!(cast.attacker(), Some((3, AttackMode::Flood)));
        assert!(
            cast.to_string().contains("validator 3 attacks (flood)"),
            "{cast}"
        );
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_numbers() {
        let error = Cast::of(&asked(&["4"]), 4).unwrap_err();
        assert!(error.to_string().contains("--kill 4"), "{error}");
        let error = Cast::of(&asked(&["1", "2"]), 4).unwrap_err();
        assert_eq!(
            error,
            Miscast::TooMany {
                faulty: 2,
                validators: 4,
                most: 1
            }
        );
        let error = Cast::of(&asked(&["1", "1"]), 7).unwrap_err();
        assert_eq!(error, Miscast::Twice { index: 1 });
        let mut both = asked(&["6"]);
        both.byzantine = Some(AttackMode::Delay);
        assert_eq!(Cast::of(&both, 7).unwrap_err(), Miscast::Twice { index: 6 });
    }
}
