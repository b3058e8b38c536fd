//! The real-engine model as stateright takes it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use neo_primitives::ValidatorIndex;
use stateright::{Checker, HasDiscoveries, Model, Property};

use super::locals::{EventId, LocalId, Locals};
use super::plays::{self, Plays};
use super::safety;
use super::world::World;
use super::{Broken, ModelError};
use crate::search::Halt;

pub(super) const SAFETY: &str = "safety";
pub(super) const LIVENESS: &str = "some schedule of the honest decides";

/// Bounds of a run.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The Byzantine validator; validator v leads view v.
    pub byzantine: ValidatorIndex,
    /// States after which no more are expanded.
    pub states: usize,
    /// Whether validators may ask for a view beyond the last one.
    pub leave: bool,
    /// Random plays after the breadth-first part, and their seed.
    pub plays: usize,
    /// Seed of the random plays.
    pub seed: u64,
    /// The rule that honest engines break.
    pub broken: Broken,
}

/// Three honest nodes, by number.
pub type State = [LocalId; 3];

/// An event at one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Move {
    who: u8,
    event: EventId,
}

struct EngineModel {
    locals: Arc<Mutex<Locals>>,
    start: State,
    bounds: Bounds,
    halt: Halt,
    /// The path to a discovery is being looked for: bounds no longer count.
    replaying: AtomicBool,
    /// Distinct states that were reached.
    known: Mutex<HashSet<State>>,
    error: Arc<Mutex<Option<ModelError>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A poisoned lock means that this thread already failed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EngineModel {
    fn fail(&self, error: ModelError) {
        lock(&self.error).get_or_insert(error);
        self.halt.set();
    }

    fn is_safe(&self, state: &State) -> bool {
        safety::breach(&lock(&self.locals), state).is_none()
    }

    fn is_live(&self, state: &State) -> bool {
        let end = lock(&self.locals).fair_end(*state);
        match end {
            Ok(Ok(_)) => true,
            Ok(Err(_)) => false,
            Err(error) => {
                self.fail(error);
                true
            }
        }
    }
}

impl Model for EngineModel {
    type State = State;
    type Action = Move;

    fn init_states(&self) -> Vec<State> {
        vec![self.start]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Move>) {
        let full = lock(&self.known).len() >= self.bounds.states;
        if self.halt.is_set() || (full && !self.replaying.load(Ordering::Relaxed)) {
            return;
        }
        let mut locals = lock(&self.locals);
        for who in 0..3u8 {
            let mut events = Vec::new();
            let listed = locals.moves(state, usize::from(who), self.bounds.leave, &mut events);
            if let Err(error) = listed {
                return self.fail(error);
            }
            actions.extend(events.into_iter().map(|event| Move { who, event }));
        }
    }

    fn next_state(&self, state: &State, action: Move) -> Option<State> {
        let mut next = *state;
        let slot = next.get_mut(usize::from(action.who))?;
        let to = lock(&self.locals).step(*slot, action.event);
        match to {
            Ok(to) if to != *slot => {
                *slot = to;
                lock(&self.known).insert(next);
                Some(next)
            }
            Ok(_) => None,
            Err(error) => {
                self.fail(error);
                None
            }
        }
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(SAFETY, |model: &Self, state: &State| {
                model.halt.judge(model.is_safe(state))
            }),
            Property::always(LIVENESS, |model: &Self, state: &State| {
                model.halt.judge(model.is_live(state))
            }),
        ]
    }
}

/// What a run found wrong.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which of the two properties.
    pub property: &'static str,
    /// What is wrong.
    pub what: String,
    /// The events that lead there.
    pub events: Vec<String>,
}

/// A run and its figures.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The first violation.
    pub violation: Option<Violation>,
    /// Distinct states, each of them judged.
    pub states: usize,
    /// Transitions taken.
    pub transitions: usize,
    /// Events in the longest play.
    pub depth: usize,
    /// Whether nothing was left to expand.
    pub complete: bool,
    /// Whether it was stopped from outside.
    pub interrupted: bool,
    /// Distinct states of single nodes.
    pub node_states: usize,
    /// Steps that engines took.
    pub engine_steps: usize,
    /// Fair schedules that were followed to the end.
    pub fair_runs: usize,
    /// What the random plays came across.
    pub plays: Plays,
    /// How long it took.
    pub took: Duration,
}

/// Explores breadth first within the bounds. `stop` ends it early; `progress` is told the number of states
/// and the depth now and then.
///
/// # Errors
/// A Byzantine validator beyond the set.
pub fn explore(
    bounds: Bounds,
    stop: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Outcome, ModelError> {
    let began = Instant::now();
    let mut locals = Locals::new(World::new(4, bounds.byzantine)?);
    let start = locals.begin(bounds.broken)?;
    let locals = Arc::new(Mutex::new(locals));
    let halt = Halt::default();
    let error = Arc::new(Mutex::new(None));
    let model = EngineModel {
        locals: Arc::clone(&locals),
        start,
        bounds,
        halt: halt.clone(),
        replaying: AtomicBool::new(false),
        known: Mutex::new(HashSet::from([start])),
        error: Arc::clone(&error),
    };
    let mut checker = model
        .checker()
        .finish_when(HasDiscoveries::Any)
        .threads(1)
        .spawn_bfs();
    halt.follow(&mut checker, stop, progress);
    if let Some(error) = lock(&error).take() {
        return Err(error);
    }
    let known = lock(&checker.model().known).len();
    checker.model().replaying.store(true, Ordering::Relaxed);
    let mut violation = None;
    for property in [SAFETY, LIVENESS] {
        if let (None, Some(path)) = (&violation, checker.discovery(property)) {
            violation = Some(describe(&mut lock(&locals), property, path.into_vec())?);
        }
    }
    let mut plays = Plays::default();
    if violation.is_none() && bounds.plays > 0 {
        let mut locals = lock(&locals);
        (plays, violation) = plays::play(&mut locals, start, &bounds, stop, progress)?;
    }
    let took = began.elapsed();
    let (node_states, engine_steps, fair_runs) = lock(&locals).figures();
    let depth = checker.max_depth().saturating_sub(1);
    let interrupted = stop.load(Ordering::Relaxed);
    Ok(Outcome {
        complete: violation.is_none() && !interrupted && known < bounds.states,
        violation,
        states: checker.unique_state_count(),
        transitions: checker.state_count().saturating_sub(1),
        depth,
        interrupted,
        node_states,
        engine_steps,
        fair_runs,
        plays,
        took,
    })
}

fn describe(
    locals: &mut Locals,
    property: &'static str,
    path: Vec<(State, Option<Move>)>,
) -> Result<Violation, ModelError> {
    let last = path.last().map(|(state, _)| *state);
    let what = match (property, last) {
        (SAFETY, Some(state)) => safety::breach(locals, &state).unwrap_or_default(),
        (_, Some(state)) => locals.fair_end(state)?.err().unwrap_or_default(),
        (_, None) => String::new(),
    };
    let events = path
        .iter()
        .filter_map(|(state, action)| {
            let action = action.as_ref()?;
            let local = locals.local(*state.get(usize::from(action.who))?)?;
            Some(locals.tell(local.node.index(), action.event))
        })
        .collect();
    Ok(Violation {
        property,
        what,
        events,
    })
}
