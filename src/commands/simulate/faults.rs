//! `--partition`, `--crash` and `--byzantine`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use neo_simulator::plan::{Byzantine, Fault, FaultKind, Nodes};

use crate::duration::parse_duration;

/// From when, and until when if it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct When {
    pub(crate) from_ms: u64,
    pub(crate) until_ms: Option<u64>,
}

/// `5s..8s`, or `5s` for something that does not end.
fn when(text: &str) -> Result<When, String> {
    let ms = |text: &str| parse_duration(text).map(millis);
    match text.split_once("..") {
        None => Ok(When {
            from_ms: ms(text)?,
            until_ms: None,
        }),
        Some((from, until)) => {
            let (from_ms, until_ms) = (ms(from)?, ms(until)?);
            if until_ms <= from_ms {
                return Err(format!("`{text}` ends before it begins"));
            }
            Ok(When {
                from_ms,
                until_ms: Some(until_ms),
            })
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// `0,1,2`.
fn nodes(text: &str) -> Result<Vec<u16>, String> {
    let number = |part: &str| {
        let number = part.trim().parse::<u16>();
        number.map_err(|_| format!("`{part}` is no validator: they are numbered from 0"))
    };
    text.split(',').map(number).collect()
}

/// `--partition 0,1/2,3@5s..10s`: groups that do not reach each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) groups: Vec<Vec<u16>>,
    pub(crate) when: When,
    text: String,
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (groups, times) = at(text, "0,1/2,3@5s..10s")?;
        let groups: Vec<_> = groups.split('/').map(nodes).collect::<Result<_, _>>()?;
        if groups.len() < 2 {
            return Err(format!(
                "`{text}` has one group: write two or more, such as 0,1/2,3@5s..10s"
            ));
        }
        Ok(Self {
            groups,
            when: when(times)?,
            text: text.to_owned(),
        })
    }
}

/// `--crash 2@5s..8s` and `--freeze 2@5s..8s`: validators that stop, and start again or go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    pub(crate) nodes: Vec<u16>,
    pub(crate) when: When,
    text: String,
}

impl FromStr for Crash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (who, times) = at(text, "2@5s..8s")?;
        Ok(Self {
            nodes: nodes(who)?,
            when: when(times)?,
            text: text.to_owned(),
        })
    }
}

impl Crash {
    /// What the plan does of it.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let crash = |nodes| FaultKind::Crash { nodes, seen: false };
        self.spanned(crash, |nodes| FaultKind::Restart { nodes })
    }

    /// What the plan does of it when the processes only stand still.
    pub(crate) fn freezes(&self) -> Vec<Fault> {
        let freeze = |nodes| FaultKind::Freeze { nodes };
        self.spanned(freeze, |nodes| FaultKind::Thaw { nodes })
    }

    fn spanned(
        &self,
        begin: impl FnOnce(Nodes) -> FaultKind,
        end: impl FnOnce(Nodes) -> FaultKind,
    ) -> Vec<Fault> {
        let nodes = || Nodes::Only(self.nodes.clone());
        let first = Fault::at(self.when.from_ms, begin(nodes()));
        let last = self.when.until_ms;
        let last = last.map(|ms| Fault::at(ms, end(nodes())));
        [first].into_iter().chain(last).collect()
    }
}

/// `--byzantine 1:equivocate+garbage`: a validator that attacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attacker {
    pub(crate) byzantine: Byzantine,
    text: String,
}

impl FromStr for Attacker {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (who, how) = text.split_once(':').unwrap_or((text, "random"));
        let validator = who
            .parse::<u16>()
            .map_err(|_| format!("`{who}` is no validator: write 1 or 1:equivocate+garbage"))?;
        let mut attacks = Vec::new();
        for mode in how.split('+').filter(|mode| *mode != "random") {
            let known = neo_adversary::Attack::of_mode(mode).map_err(|error| error.to_string())?;
            attacks.extend(known.into_iter().map(|attack| attack.name().to_owned()));
        }
        Ok(Self {
            byzantine: Byzantine { validator, attacks },
            text: text.to_owned(),
        })
    }
}

macro_rules! shown_as_given {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.text)
            }
        }
    )*};
}
shown_as_given!(Partition, Crash, Attacker);

/// Splits at the time.
fn at<'a>(text: &'a str, example: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once('@')
        .ok_or_else(|| format!("`{text}` says no time: write {example}"))
}

/// Faults of partitions, in order of time; they say themselves if they overlap.
pub(crate) fn partitions(given: &[Partition]) -> Vec<Fault> {
    let mut given: Vec<_> = given.iter().collect();
    given.sort_by_key(|partition| partition.when.from_ms);
    let mut faults = Vec::new();
    for partition in given {
        let groups = partition.groups.clone();
        faults.push(Fault::at(
            partition.when.from_ms,
            FaultKind::Partition { groups },
        ));
        faults.extend(
            partition
                .when
                .until_ms
                .map(|ms| Fault::at(ms, FaultKind::Heal)),
        );
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_has_groups_and_times() {
        let partition: Partition = "0,1/2,3@5s..10s".parse().unwrap();
        assert_eq!(partition.groups, [[0, 1], [2, 3]]);
        assert_eq!(partition.when.until_ms, Some(10_000));
        assert_eq!(partitions(&[partition]).len(), 2);
    }

    #[test]
    fn a_crash_may_last_for_ever() {
        let crash: Crash = "1,2@1500ms".parse().unwrap();
        assert_eq!(
            (crash.nodes.as_slice(), crash.when.from_ms),
            (&[1, 2][..], 1_500)
        );
        assert_eq!(crash.faults().len(), 1);
        let both = "1@1s..2s".parse::<Crash>().unwrap();
        assert_eq!(both.faults().len(), 2);
        let nodes = || Nodes::Only(vec![1]);
        let frozen = [
            Fault::at(1_000, FaultKind::Freeze { nodes: nodes() }),
            Fault::at(2_000, FaultKind::Thaw { nodes: nodes() }),
        ];
        assert_eq!(both.freezes(), frozen);
    }

    #[test]
    fn an_attacker_has_attacks_modes_or_a_mix() {
        let attacks = |text: &str| text.parse::<Attacker>().unwrap().byzantine.attacks;
        assert!(attacks("1").is_empty());
        assert_eq!(attacks("1:random"), attacks("1"));
        assert_eq!(attacks("2:garbage+replay"), ["garbage", "replay"]);
        assert!(attacks("2:equivocate").contains(&"equivocate-votes".to_owned()));
    }

    #[test]
    fn bad_faults_are_named() {
        fn problem<T: FromStr<Err = String>>(text: &str) -> String {
            text.parse::<T>().err().unwrap_or_default()
        }
        assert!(problem::<Partition>("0,1/2,3").contains("no time"));
        assert!(problem::<Partition>("0,1@1s").contains("one group"));
        assert!(problem::<Partition>("0/x@1s").contains("`x` is no validator"));
        assert!(problem::<Crash>("2@5s..5s").contains("ends before"));
        assert!(problem::<Crash>("2@5").contains("no unit"));
        assert!(problem::<Crash>("@5s").contains("`` is no validator"));
        assert!(problem::<Attacker>("x").contains("no validator"));
        assert!(problem::<Attacker>("1:lie").contains("equivocate-votes"));
    }
}
