//! Random plays to the end: deep states that breadth first does not reach.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ModelError;
use super::locals::{EventId, LocalId, Locals};
use super::model::{Bounds, LIVENESS, SAFETY, State, Violation};
use super::safety;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(z % bound).unwrap_or(0)
    }
}

/// What random plays came across.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plays {
    /// Plays that were begun.
    pub plays: usize,
    /// Distinct states of them, each judged.
    pub states: usize,
    /// Events of the longest one.
    pub longest: usize,
    /// States with M PreCommits of view 0, of view 1, and of both.
    pub committed: [usize; 3],
}

/// Plays at random until nothing can happen. The state before the first event is that of the bounds.
pub(super) fn play(
    locals: &mut Locals,
    start: State,
    bounds: &Bounds,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(Plays, Option<Violation>), ModelError> {
    let mut random = Random(bounds.seed);
    let mut seen: HashSet<State> = HashSet::new();
    let mut figures = Plays::default();
    while figures.plays < bounds.plays && !stop.load(Ordering::Relaxed) {
        figures.plays += 1;
        let mut state = start;
        let mut events: Vec<(usize, EventId)> = Vec::new();
        while let Some((who, event, next)) = choose(locals, &state, bounds, &mut random)? {
            events.push((who, event));
            state = next;
            if !seen.insert(state) {
                continue;
            }
            figures.states = seen.len();
            count(locals, &state, &mut figures);
            if let Some((property, what)) = judge(locals, &state)? {
                let told = events.iter().map(|(who, event)| {
                    let index = state.get(*who).and_then(|id| locals.local(*id));
                    index.map_or_else(String::new, |local| locals.tell(local.node.index(), *event))
                });
                let violation = Violation {
                    property,
                    what,
                    events: told.collect(),
                };
                return Ok((figures, Some(violation)));
            }
        }
        figures.longest = figures.longest.max(events.len());
        progress(figures.states, figures.longest);
    }
    Ok((figures, None))
}

fn choose(
    locals: &mut Locals,
    state: &State,
    bounds: &Bounds,
    random: &mut Random,
) -> Result<Option<(usize, EventId, State)>, ModelError> {
    let mut open = Vec::new();
    for (who, from) in state.iter().enumerate() {
        let mut events = Vec::new();
        locals.moves(state, who, bounds.leave, &mut events)?;
        for event in events {
            let to: LocalId = locals.step(*from, event)?;
            let mut next = *state;
            if to != *from
                && let Some(slot) = next.get_mut(who)
            {
                *slot = to;
                open.push((who, event, next));
            }
        }
    }
    Ok(open.get(random.below(open.len())).copied())
}

fn judge(locals: &mut Locals, state: &State) -> Result<Option<(&'static str, String)>, ModelError> {
    if let Some(what) = safety::breach(locals, state) {
        return Ok(Some((SAFETY, what)));
    }
    Ok(locals.fair_end(*state)?.err().map(|what| (LIVENESS, what)))
}

fn count(locals: &Locals, state: &State, figures: &mut Plays) {
    let views = safety::committed_views(locals, state);
    for (fits, slot) in [views[0], views[1], views[0] && views[1]]
        .into_iter()
        .zip(&mut figures.committed)
    {
        *slot += usize::from(fits);
    }
}
