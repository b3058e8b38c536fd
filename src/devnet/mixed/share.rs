//! Whose payloads were seen at how many of the heights that it could take part in.

use std::collections::{BTreeMap, HashMap};

use neo_consensus::v2::Kind;
use neo_primitives::Height;
use serde::Serialize;

use super::super::statistics::ratio;
use super::capture::Seen;
use super::lives::{Life, Software};
use super::observer::PREPARING;

/// The part of one validator in the captured heights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Participation {
    /// Its index.
    pub(crate) validator: usize,
    /// Its program, at the end.
    pub(crate) software: Software,
    /// Captured heights through all of which it was alive: not before the first Commit of a process that was started
    /// later than the others, nor after its end.
    pub(crate) alive: usize,
    /// Those of them with its PrepareRequest or PrepareResponse.
    pub(crate) prepared: usize,
    /// Those of them with its Commit, as a payload or in the witness of a stored block.
    pub(crate) committed: usize,
    /// Those of them with its Commit as a payload.
    pub(crate) commit_payloads: usize,
    /// The share of both, the smaller one.
    pub(crate) share: f64,
    /// Heights that it led to their block.
    pub(crate) led: usize,
}

/// The captured heights: those of which the observer saw the whole, by the moments of their blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// When capturing began, in nanoseconds since 1970.
    pub(crate) from_ns: u64,
    /// When it ended.
    pub(crate) until_ns: u64,
}

/// A height and when it was under way.
#[derive(Clone, Copy, Debug)]
struct Span {
    height: Height,
    began_ns: u64,
    ended_ns: u64,
}

/// Heights that began and ended within the window.
fn spans(seen: &Seen, window: Window) -> Vec<Span> {
    let blocks: Vec<_> = seen.blocks.iter().collect();
    let pairs = blocks.array_windows().filter_map(|[before, after]| {
        let span = Span {
            height: *after.0,
            began_ns: before.1.t_ns,
            ended_ns: after.1.t_ns,
        };
        let whole = before.0.next() == *after.0
            && span.began_ns >= window.from_ns
            && span.ended_ns <= window.until_ns;
        whole.then_some(span)
    });
    pairs.collect()
}

/// Number of captured heights, and the part of each validator in them.
pub(crate) fn participation(
    seen: &Seen,
    lives: &[Vec<Life>],
    window: Window,
) -> (usize, Vec<Participation>) {
    let spans = spans(seen, window);
    let mut kinds: HashMap<(Height, usize), (bool, bool)> = HashMap::new();
    for payload in &seen.payloads {
        let at = kinds
            .entry((payload.height, payload.validator))
            .or_default();
        at.0 |= PREPARING.contains(&payload.kind);
        at.1 |= payload.kind == Kind::Commit;
    }
    let of = |validator: usize, lives: &Vec<Life>| {
        let alive: Vec<_> = spans
            .iter()
            .filter(|span| is_alive(seen, validator, lives, span))
            .collect();
        let found = |pick: fn(&(bool, bool)) -> bool| {
            let there = |span: &&&Span| kinds.get(&(span.height, validator)).is_some_and(pick);
            alive.iter().filter(there).count()
        };
        let (prepared, commit_payloads) = (found(|kinds| kinds.0), found(|kinds| kinds.1));
        let committed = |span: &&&Span| {
            let at = (span.height, validator);
            seen.witnessed.contains(&at) || kinds.get(&at).is_some_and(|kinds| kinds.1)
        };
        let committed = alive.iter().filter(committed).count();
        let led = |span: &&Span| {
            let block = seen.blocks.get(&span.height);
            block.is_some_and(|block| block.primary == validator)
        };
        Participation {
            validator,
            software: lives.last().map_or(Software::NeoDbft, |life| life.software),
            alive: alive.len(),
            prepared,
            committed,
            commit_payloads,
            share: ratio(prepared.min(committed) as f64, alive.len() as f64),
            led: spans.iter().filter(led).count(),
        }
    };
    let all = lives.iter().enumerate();
    let all = all.map(|(validator, lives)| of(validator, lives)).collect();
    (spans.len(), all)
}

/// Whether one process of the validator took part before the height began and ran until it ended.
fn is_alive(seen: &Seen, validator: usize, lives: &[Life], span: &Span) -> bool {
    lives.iter().enumerate().any(|(number, life)| {
        // All began together; who begins later has to catch up first.
        let back = match number {
            0 => Some(life.began_ns),
            _ => first_commit(seen, validator, life),
        };
        back.is_some_and(|back| back <= span.began_ns)
            && life.ended_ns.is_none_or(|ended| ended > span.ended_ns)
    })
}

fn first_commit(seen: &Seen, validator: usize, life: &Life) -> Option<u64> {
    let mut commits = seen.payloads.iter().filter(|payload| {
        payload.validator == validator
            && payload.kind == Kind::Commit
            && payload.t_ns >= life.began_ns
    });
    Some(commits.next()?.t_ns)
}

/// How many captured heights were led by validators of each program, as they were then.
pub(crate) fn primaries(
    seen: &Seen,
    lives: &[Vec<Life>],
    window: Window,
) -> BTreeMap<Software, usize> {
    let mut counts = BTreeMap::new();
    for span in spans(seen, window) {
        let Some(block) = seen.blocks.get(&span.height) else {
            continue;
        };
        let Some(lives) = lives.get(block.primary) else {
            continue;
        };
        let then = lives
            .iter()
            .rev()
            .find(|life| life.began_ns <= span.ended_ns);
        if let Some(life) = then {
            *counts.entry(life.software).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::mixed::capture::{BlockSighting, Sighting};
    use neo_primitives::UInt256;

    const WINDOW: Window = Window {
        from_ns: 10,
        until_ns: 90,
    };

    /// Blocks at 0, 10, 20, …; both validators prepare and commit before each, unless `silent` says otherwise.
    fn seen(silent: impl Fn(u32, usize) -> bool) -> Seen {
        let mut seen = Seen::default();
        for height in 0..=9u32 {
            let t_ns = u64::from(height) * 10;
            for validator in 0..2 {
                if height == 0 || silent(height, validator) {
                    continue;
                }
                for kind in [Kind::PrepareResponse, Kind::Commit] {
                    seen.payloads.push(Sighting {
                        t_ns: t_ns - 1,
                        height: Height(height),
                        view: 0,
                        validator,
                        kind,
                    });
                }
            }
            let block = BlockSighting {
                primary: height as usize % 2,
                hash: UInt256::ZERO,
                t_ns,
            };
            seen.blocks.insert(Height(height), block);
        }
        seen
    }

    fn life(began_ns: u64, ended_ns: Option<u64>, software: Software) -> Life {
        Life {
            software,
            began_ns,
            ended_ns,
            height: Height(0),
        }
    }

    #[test]
    fn heights_count_from_the_first_commit_of_a_later_process_on() {
        let seen = seen(|height, validator| validator == 1 && (4..=5).contains(&height));
        let lives = [
            vec![life(0, None, Software::NeoDbft)],
            vec![
                life(0, Some(35), Software::NeoGo),
                life(42, None, Software::NeoDbft),
            ],
        ];
        let (captured, all) = participation(&seen, &lives, WINDOW);
        // Heights 2 to 9 began and ended within the window.
        assert_eq!(captured, 8);
        assert_eq!((all[0].alive, all[0].prepared, all[0].committed), (8, 8, 8));
        // Alive at 2, 3, and from 7 on: its first Commit, of height 6, came at 59.
        assert_eq!((all[1].alive, all[1].prepared, all[1].share), (5, 5, 1.0));
        assert_eq!(all[1].software, Software::NeoDbft);
        let primaries = primaries(&seen, &lives, WINDOW);
        assert_eq!(primaries[&Software::NeoGo], 1);
        assert_eq!(primaries[&Software::NeoDbft], 7);
    }

    #[test]
    fn who_is_silent_while_alive_has_a_smaller_share() {
        let seen = seen(|height, validator| validator == 0 && height == 5);
        let lives = [
            vec![life(0, None, Software::NeoDbft)],
            vec![life(0, None, Software::NeoGo)],
        ];
        let (_, all) = participation(&seen, &lives, WINDOW);
        assert_eq!(
            (all[0].alive, all[0].committed, all[0].share),
            (8, 7, 0.875)
        );
        assert_eq!(all[1].share, 1.0);
        // Its signature in the block shows that it did commit; it is not seen to have prepared.
        let mut seen = seen;
        seen.witnessed.insert((Height(5), 0));
        let (_, again) = participation(&seen, &lives, WINDOW);
        assert_eq!((again[0].committed, again[0].commit_payloads), (8, 7));
        assert_eq!((again[0].prepared, again[0].share), (7, 0.875));
        assert_eq!((all[0].led, all[1].led), (4, 4));
    }
}
