//! `neo-models replay`: the four-view fork on the real engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use neo_models::engine::replay::{Replayed, replay};
use neo_models::quorum::model::{Verdict, explore};
use neo_models::quorum::rules::{Carry, Reduction, Release, Setting};
use serde::Serialize;

use super::{BrokenRule, CommandError, End, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Validators, 4 to 10.
    #[arg(long, default_value_t = 4)]
    validators: u8,
    #[command(flatten)]
    broken: BrokenRule,
}

/// A replay as JSON.
#[derive(Serialize)]
struct Report<'a> {
    forks: bool,
    header_signatures: &'a BTreeMap<char, BTreeSet<u8>>,
    witnessed: &'a BTreeMap<u8, char>,
    afterwards: Option<char>,
    log: &'a [String],
}

impl Options {
    pub(super) fn run(&self, json: bool) -> Result<End, CommandError> {
        let setting = Setting {
            release: Release::Prepared,
            carry: Carry::Highest,
            validators: self.validators,
            views: 4,
            reduction: Reduction::Full,
        };
        setting.check()?;
        let Verdict::Fork(play) = explore(setting, &Arc::default(), &mut |_, _| {}).verdict else {
            return Err(CommandError::NoFork {
                validators: setting.validators,
                views: setting.views,
            });
        };
        let replayed = replay(&play, self.broken.into())?;
        if json {
            print_json(&Report {
                forks: replayed.forks(),
                header_signatures: &replayed.signatures,
                witnessed: &replayed.witnessed,
                afterwards: replayed.afterwards.as_ref().ok().copied(),
                log: &replayed.log,
            })?;
        } else {
            tell(&replayed);
        }
        Ok(if replayed.forks() {
            End::Found
        } else {
            End::AsExpected
        })
    }
}

fn tell(replayed: &Replayed) {
    for line in &replayed.log {
        println!("{line}");
    }
    for (block, signers) in &replayed.signatures {
        println!("header signatures on {block}: {signers:?}");
    }
    for (validator, block) in &replayed.witnessed {
        println!("{validator} has the witness of {block}");
    }
    match (replayed.forks(), &replayed.afterwards) {
        (true, _) => println!("The engine forks."),
        (false, Ok(block)) => {
            println!("No fork; left to themselves, all honest validators then decide {block}.")
        }
        (false, Err(problem)) => println!("No fork, and no decision afterwards: {problem}."),
    }
}
