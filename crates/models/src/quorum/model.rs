//! The quorum-level model as stateright takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::honest::can_decide;
use super::play::{Play, named};
use super::rules::{Reduction, Setting};
use super::state::QuorumState;
use super::step::{ViewStep, apply, choices};
use crate::search::Halt;

const AGREEMENT: &str = "no two blocks are decided";
const LIVENESS: &str = "some delivery of honest messages decides";

/// The model of one setting.
#[derive(Clone, Debug)]
struct QuorumModel {
    setting: Setting,
    /// Whether states without a future are looked for, too.
    liveness: bool,
    halt: Halt,
}

impl Model for QuorumModel {
    type State = QuorumState;
    type Action = ViewStep;

    fn init_states(&self) -> Vec<QuorumState> {
        vec![QuorumState::default()]
    }

    fn actions(&self, state: &QuorumState, actions: &mut Vec<ViewStep>) {
        if !self.halt.is_set() {
            choices(&self.setting, state, actions);
        }
    }

    fn next_state(&self, state: &QuorumState, step: ViewStep) -> Option<QuorumState> {
        let next = apply(&self.setting, state, &step);
        Some(match self.setting.reduction {
            Reduction::Full => next.canonical(self.setting.honest()).0,
            Reduction::None => next,
        })
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(AGREEMENT, |model: &Self, state: &QuorumState| {
                model.halt.judge(state.decided.len() <= 1)
            }),
            Property::always(LIVENESS, |model: &Self, state: &QuorumState| {
                model
                    .halt
                    .judge(!model.liveness || can_decide(&model.setting, state))
            }),
        ]
    }
}

/// What a run found.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Every state was seen, and nothing is wrong with any.
    Clean,
    /// Two blocks are decided.
    Fork(Play),
    /// Honest validators alone never decide.
    Lock(Play),
    /// Stopped before the end.
    Interrupted,
}

/// A run and its figures.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was found.
    pub verdict: Verdict,
    /// Distinct states.
    pub states: usize,
    /// Transitions taken.
    pub transitions: usize,
    /// Views in the longest play seen.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
}

/// Plays all views of a setting, breadth first, so that a counter-example has the fewest views. `stop` ends
/// it early; `progress` is told the number of states and views now and then.
pub fn explore(
    setting: Setting,
    stop: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(usize, usize),
) -> Outcome {
    search(setting, true, stop, progress)
}

/// [`explore`] for forks alone: it plays on where the height is locked.
pub fn explore_agreement(
    setting: Setting,
    stop: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(usize, usize),
) -> Outcome {
    search(setting, false, stop, progress)
}

fn search(
    setting: Setting,
    liveness: bool,
    stop: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(usize, usize),
) -> Outcome {
    let began = Instant::now();
    let halt = Halt::default();
    let model = QuorumModel {
        setting,
        liveness,
        halt: halt.clone(),
    };
    let mut checker = model
        .checker()
        .finish_when(HasDiscoveries::Any)
        .threads(1)
        .spawn_bfs();
    halt.follow(&mut checker, stop, progress);
    let took = began.elapsed();
    let play = |name| {
        let path = checker.discovery(name)?;
        Some(named(&setting, path.into_vec()))
    };
    let verdict = match (play(AGREEMENT), play(LIVENESS)) {
        (Some(play), _) => Verdict::Fork(play),
        (None, Some(play)) => Verdict::Lock(play),
        (None, None) if stop.load(Ordering::Relaxed) => Verdict::Interrupted,
        (None, None) => Verdict::Clean,
    };
    Outcome {
        verdict,
        states: checker.unique_state_count(),
        transitions: checker.state_count().saturating_sub(1),
        depth: checker.max_depth().saturating_sub(1),
        took,
    }
}
