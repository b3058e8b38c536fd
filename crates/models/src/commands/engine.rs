//! `neo-models engine`: the real engine against a Byzantine validator.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use neo_models::engine::model::{Bounds, Outcome, explore};
use neo_primitives::ValidatorIndex;
use serde::Serialize;

use super::{BrokenRule, CommandError, End, Progress, millis, peak_memory, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The Byzantine validator; validator v leads view v.
    #[arg(long, default_value_t = 1)]
    byzantine: u8,
    /// Distinct states after which no more are expanded.
    #[arg(long, default_value_t = 1_000_000)]
    states: usize,
    /// Random plays to the end, after the breadth-first part.
    #[arg(long, default_value_t = 5_000)]
    plays: usize,
    /// Seed of the random plays.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Let validators ask for the view after the last one, too.
    #[arg(long)]
    leave: bool,
    #[command(flatten)]
    broken: BrokenRule,
}

/// A run as JSON.
#[derive(Serialize)]
struct Report<'a> {
    byzantine: u8,
    clean: bool,
    complete: bool,
    states: usize,
    transitions: usize,
    depth: usize,
    node_states: usize,
    engine_steps: usize,
    fair_schedules: usize,
    plays: usize,
    play_states: usize,
    longest_play: usize,
    committed_in_view_0_1_both: [usize; 3],
    peak_bytes: Option<u64>,
    bytes_per_state: Option<u64>,
    took_ms: u64,
    property: Option<&'a str>,
    what: Option<&'a str>,
    events: &'a [String],
}

impl Options {
    pub(super) fn run(&self, stop: &Arc<AtomicBool>, json: bool) -> Result<End, CommandError> {
        let bounds = Bounds {
            byzantine: ValidatorIndex(self.byzantine),
            states: self.states,
            leave: self.leave,
            plays: self.plays,
            seed: self.seed,
            broken: self.broken.into(),
        };
        let mut progress = Progress::new();
        let outcome = explore(bounds, stop, &mut |states, depth| {
            progress.tell(states, depth)
        })?;
        progress.done();
        let peak_bytes = peak_memory();
        let count = u64::try_from(outcome.states).unwrap_or(u64::MAX);
        let bytes_per_state = peak_bytes.and_then(|bytes| bytes.checked_div(count));
        if json {
            let violation = outcome.violation.as_ref();
            print_json(&Report {
                byzantine: self.byzantine,
                clean: violation.is_none(),
                complete: outcome.complete,
                states: outcome.states,
                transitions: outcome.transitions,
                depth: outcome.depth,
                node_states: outcome.node_states,
                engine_steps: outcome.engine_steps,
                fair_schedules: outcome.fair_runs,
                plays: outcome.plays.plays,
                play_states: outcome.plays.states,
                longest_play: outcome.plays.longest,
                committed_in_view_0_1_both: outcome.plays.committed,
                peak_bytes,
                bytes_per_state,
                took_ms: millis(outcome.took),
                property: violation.map(|found| found.property),
                what: violation.map(|found| found.what.as_str()),
                events: violation.map_or(&[], |found| &found.events),
            })?;
        } else {
            tell(&outcome, bytes_per_state);
        }
        Ok(if outcome.violation.is_some() {
            End::Found
        } else if outcome.interrupted {
            End::Interrupted
        } else {
            End::AsExpected
        })
    }
}

fn tell(outcome: &Outcome, bytes_per_state: Option<u64>) {
    match &outcome.violation {
        Some(found) => {
            println!("Violated: {}. {}", found.property, found.what);
            for (number, event) in (1..).zip(&found.events) {
                println!("{number:4}  {event}");
            }
        }
        None => println!("Safe, and live by the honest alone, in every state seen."),
    }
    println!(
        "{} distinct states, {} transitions, depth {}{}, {} ms",
        outcome.states,
        outcome.transitions,
        outcome.depth,
        if outcome.complete {
            " (all there are)"
        } else {
            ""
        },
        millis(outcome.took)
    );
    println!(
        "{} states of single nodes by {} engine steps; {} fair schedules followed to the end",
        outcome.node_states, outcome.engine_steps, outcome.fair_runs
    );
    let plays = outcome.plays;
    let [first, second, both] = plays.committed;
    println!(
        "{} random plays of up to {} events: {} distinct states, M PreCommits of view 0 in {first}, of view 1 in {second}, of both in {both}",
        plays.plays, plays.longest, plays.states
    );
    if let Some(bytes) = bytes_per_state {
        println!("{bytes} bytes a state, all memory of the process counted");
    }
}
