//! `neo-models quorum`: one row of the table with its counter-example.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use neo_models::quorum::model::{Outcome, Verdict, explore, explore_agreement};
use neo_models::quorum::play::{Play, ViewStory};
use neo_models::quorum::rules::{Carry, Reduction, Release, Setting};
use serde::Serialize;

use super::{CommandError, End, Progress, millis, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// When header signatures leave.
    #[arg(long, value_enum, default_value = "pre-commits")]
    release_rule: Release,
    /// What later views propose.
    #[arg(long, value_enum, default_value = "highest")]
    carry_rule: Carry,
    /// Validators, 4 to 10; all that the protocol tolerates are Byzantine.
    #[arg(long, default_value_t = 4)]
    validators: u8,
    /// Views that are played, 1 to 8.
    #[arg(long, default_value_t = 5)]
    views: u8,
    /// What is enumerated: with `none` every choice of the adversary, validators by name.
    #[arg(long, value_enum, default_value = "full")]
    reduction: Reduction,
}

/// A run as JSON.
#[derive(Serialize)]
pub(super) struct Row {
    #[serde(flatten)]
    setting: Setting,
    verdict: &'static str,
    /// Views of the counter-example.
    after_views: Option<usize>,
    states: usize,
    transitions: usize,
    depth: usize,
    took_ms: u64,
    counter_example: Vec<ViewStory>,
    /// Of a row that locks: the states that were searched for a fork, in vain.
    safe_in_states: Option<usize>,
}

/// The verdict in a word, and the counter-example.
pub(super) fn verdict(outcome: &Outcome) -> (&'static str, Option<&Play>) {
    match &outcome.verdict {
        Verdict::Clean => ("clean", None),
        Verdict::Fork(play) => ("fork", Some(play)),
        Verdict::Lock(play) => ("lock", Some(play)),
        Verdict::Interrupted => ("interrupted", None),
    }
}

impl Row {
    pub(super) fn of(setting: Setting, outcome: &Outcome, safe: Option<&Outcome>) -> Self {
        let (verdict, play) = verdict(outcome);
        Self {
            setting,
            verdict,
            after_views: play.map(Play::len),
            states: outcome.states,
            transitions: outcome.transitions,
            depth: outcome.depth,
            took_ms: millis(outcome.took),
            counter_example: play.map(Play::story).unwrap_or_default(),
            safe_in_states: safe.map(|outcome| outcome.states),
        }
    }
}

/// Of a row that locks, whether it forks, too: the same plays, beyond the first lock.
pub(super) fn safety_of_lock(
    setting: Setting,
    outcome: &Outcome,
    stop: &Arc<AtomicBool>,
) -> Option<Outcome> {
    matches!(outcome.verdict, Verdict::Lock(_))
        .then(|| explore_agreement(setting, stop, &mut |_, _| {}))
}

/// What a verdict means, in a sentence.
pub(super) fn sentence(outcome: &Outcome) -> String {
    match &outcome.verdict {
        Verdict::Clean => {
            "No fork, and from every state the honest validators alone can decide.".to_owned()
        }
        Verdict::Fork(play) => {
            format!("Two blocks are decided: a fork after {} views.", play.len())
        }
        Verdict::Lock(_) => {
            "No delivery of honest messages decides: the height is locked.".to_owned()
        }
        Verdict::Interrupted => "Interrupted; nothing was found so far.".to_owned(),
    }
}

impl Options {
    pub(super) fn run(&self, stop: &Arc<AtomicBool>, json: bool) -> Result<End, CommandError> {
        let setting = Setting {
            release: self.release_rule,
            carry: self.carry_rule,
            validators: self.validators,
            views: self.views,
            reduction: self.reduction,
        };
        setting.check()?;
        let mut progress = Progress::new();
        let outcome = explore(setting, stop, &mut |states, depth| {
            progress.tell(states, depth)
        });
        progress.done();
        let beyond = safety_of_lock(setting, &outcome, stop);
        let safe = beyond
            .as_ref()
            .filter(|beyond| matches!(beyond.verdict, Verdict::Clean));
        if json {
            print_json(&Row::of(setting, &outcome, safe))?;
        } else {
            let ending = sentence(&outcome);
            match verdict(&outcome).1 {
                Some(play) => println!("{}", play.text(&ending)),
                None => println!("{ending}"),
            }
            if let Some(safe) = safe {
                println!(
                    "Safe: no fork in any of {} states, locked or not.",
                    safe.states
                );
            }
            println!(
                "{} states, {} transitions, {} views, {} ms",
                outcome.states,
                outcome.transitions,
                outcome.depth,
                millis(outcome.took)
            );
        }
        Ok(match outcome.verdict {
            Verdict::Clean => End::AsExpected,
            Verdict::Fork(_) | Verdict::Lock(_) => End::Found,
            Verdict::Interrupted => End::Interrupted,
        })
    }
}
