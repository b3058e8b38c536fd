//! `neo-models table`: all rows of docs/protocol.md, section 1.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use neo_models::quorum::model::{Verdict, explore};
use neo_models::quorum::play::Play;
use neo_models::quorum::rules::{Carry, Reduction, Release, Setting};
use serde::Serialize;

use super::quorum::{Row, safety_of_lock, sentence, verdict};
use super::{CommandError, End, Progress, millis, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Views with four validators.
    #[arg(long, default_value_t = 5)]
    views_of_4: u8,
    /// Views with seven validators.
    #[arg(long, default_value_t = 5)]
    views_of_7: u8,
    /// Print the counter-examples, too.
    #[arg(long)]
    examples: bool,
}

/// Release rule, carry rule, and what the document says of them.
const ROWS: [(Release, Carry, &str, Option<usize>); 5] = [
    (Release::PreparedLocked, Carry::Anything, "lock", None),
    (Release::Prepared, Carry::Fresh, "fork", Some(2)),
    (Release::Prepared, Carry::Highest, "fork", Some(4)),
    (Release::PreCommits, Carry::Fresh, "fork", Some(2)),
    (Release::PreCommits, Carry::Highest, "clean", None),
];

/// All rows as JSON.
#[derive(Serialize)]
struct Table {
    as_documented: bool,
    rows: Vec<Row>,
}

impl Options {
    pub(super) fn run(&self, stop: &Arc<AtomicBool>, json: bool) -> Result<End, CommandError> {
        let sizes = [
            (4, self.views_of_4, Reduction::Full),
            (4, self.views_of_4.min(3), Reduction::None),
            (7, self.views_of_7, Reduction::Full),
        ];
        let mut rows = Vec::new();
        let mut as_documented = true;
        let mut examples = Vec::new();
        if !json {
            println!(
                "| n | views | enumerated | header signature leaves with | a later view proposes | result | states | transitions | ms |"
            );
            println!("|---|---|---|---|---|---|---|---|---|");
        }
        for (validators, views, reduction) in sizes {
            for (release, carry, documented, after) in ROWS {
                let setting = Setting {
                    release,
                    carry,
                    validators,
                    views,
                    reduction,
                };
                setting.check()?;
                let mut progress = Progress::new();
                let outcome = explore(setting, stop, &mut |states, depth| {
                    progress.tell(states, depth)
                });
                progress.done();
                let (word, play) = verdict(&outcome);
                if word == "interrupted" {
                    return Ok(End::Interrupted);
                }
                // A fork of more views than were played is not there.
                let expected = if after.is_some_and(|after| after > usize::from(views)) {
                    ("clean", None)
                } else {
                    (documented, after)
                };
                let beyond = safety_of_lock(setting, &outcome, stop);
                let safe = beyond
                    .as_ref()
                    .filter(|beyond| matches!(beyond.verdict, Verdict::Clean));
                as_documented &= word != "lock" || safe.is_some();
                let found = (word, play.map(Play::len).filter(|_| word == "fork"));
                as_documented &= found == expected;
                if !json {
                    let mut result = play.map_or_else(
                        || word.to_owned(),
                        |play| format!("{word} after {} views", play.len()),
                    );
                    if let Some(safe) = safe {
                        result.push_str(&format!("; no fork in {} states", safe.states));
                    }
                    println!(
                        "| {validators} | {views} | {} | {} | {} | {result} | {} | {} | {} |",
                        if reduction == Reduction::Full {
                            "what matters"
                        } else {
                            "everything"
                        },
                        release.words(),
                        carry.words(),
                        outcome.states,
                        outcome.transitions,
                        millis(outcome.took)
                    );
                }
                if let (true, Some(play)) = (self.examples && !json, play) {
                    examples.push(play.text(&sentence(&outcome)));
                }
                rows.push(Row::of(setting, &outcome, safe));
            }
        }
        if json {
            print_json(&Table {
                as_documented,
                rows,
            })?;
        } else {
            for example in examples {
                println!("\n{example}");
            }
            let say = if as_documented { "as" } else { "NOT as" };
            println!("\nThe table is {say} docs/protocol.md, section 1, says.");
        }
        Ok(if as_documented {
            End::AsExpected
        } else {
            End::Found
        })
    }
}
