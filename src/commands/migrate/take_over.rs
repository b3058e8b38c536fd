//! `neo-cli migrate take-over`.

use std::path::PathBuf;

use clap::Args;
use neo_node::config::NodeConfig;
use neo_node::handover::{Memory, StoppedValidator};
use neo_primitives::Height;
use serde_json::json;

use super::{beside_a_node, exit_of, neo_nodes};
use crate::exit::{Exit, OrExit as _};
use crate::migrate::{NeoGoLog, Service};
use crate::output::{print_json, print_text};

#[derive(Debug, Args)]
pub(crate) struct TakeOverArguments {
    /// The validator's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// neo-go's log with what this validator signed last and the end of its consensus; several files, the oldest first.
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    /// In place of a log, your word: nothing above this height was ever signed with this key.
    #[arg(long, value_name = "HEIGHT", conflicts_with = "log")]
    signed: Option<u32>,
}

/// How far the key has signed with the program before this one.
struct Before {
    /// Of the protocol that is voted with now, nothing may follow at or below it.
    bound: Option<Height>,
    source: &'static str,
}

pub(super) fn take_over(arguments: &TakeOverArguments, as_json: bool) -> anyhow::Result<Exit> {
    let config = beside_a_node(&arguments.config)?;
    let runtime = tokio::runtime::Runtime::new().or_exit(Exit::Failure)?;
    let stopped = runtime.block_on(StoppedValidator::open(&config));
    let stopped = stopped.map_err(|error| exit_of(&error).error(error))?;
    let before = before(arguments, &config, &stopped)?;
    let tip = runtime.block_on(neo_nodes::tip(&config))?;
    let next = tip.checked_add(1).unwrap_or(tip);
    if let Some(bound) = before.bound.filter(|bound| *bound > next) {
        return Err(Exit::Refused.error(format!(
            "{} says that height {bound} was voted on, and the Neo node is at {tip}: it is of another network, or the \
             node is not synchronised yet",
            before.source
        )));
    }
    let abstains = before.bound == Some(next);
    let from = match abstains {
        true => next.checked_add(1).unwrap_or(next),
        false => next,
    };
    stopped
        .take_over(from)
        .map_err(|error| exit_of(&error).error(error))?;
    let version = config.protocol.version;
    if as_json {
        print_json(&json!({
            "validator": stopped.key(),
            "protocol": version,
            "tip": tip,
            "signed": before.bound,
            "source": before.source,
            "from": from,
            "abstains": abstains,
        }))?;
    } else {
        let signed = before
            .bound
            .map_or("nothing".to_owned(), |height| format!("height {height}"));
        let mut text = format!(
            "{} votes with dBFT {version}.0 from height {from} on, as soon as its node is started. The Neo node is at \
             {tip}; what was voted on last before is {signed} ({}).",
            stopped.key(),
            before.source,
        );
        if abstains {
            text.push_str(&format!(
                "\nBlock {next} is not there, and this key may have signed one: this validator leaves that height to the \
                 others. If more than f of the validators say so, switch the Neo nodes' consensus on again until the \
                 next block, and repeat."
            ));
        }
        print_text(&text)?;
    }
    Ok(Exit::Success)
}

fn before(
    arguments: &TakeOverArguments,
    config: &NodeConfig,
    stopped: &StoppedValidator<'_>,
) -> anyhow::Result<Before> {
    let refused = |problem: &str| Err(Exit::Refused.error(problem.to_owned()));
    if !arguments.log.is_empty() {
        let log = NeoGoLog::read(&arguments.log).or_exit(Exit::Usage)?;
        match log.service {
            Service::Ended => {}
            Service::Unknown => {
                return refused(
                    "--log: no line says that consensus was started or has ended: the log begins too late",
                );
            }
            Service::Runs => {
                return refused(
                    "--log: consensus runs in neo-go. Set Consensus.Enabled to false in its configuration, and send it \
                     SIGUSR2 twice, a second apart",
                );
            }
            Service::Ending => {
                return refused(
                    "--log: consensus was told to stop in neo-go, and no line says that it has: send it SIGUSR2 once \
                     more, which is written down when the first one is dealt with",
                );
            }
            Service::Waits => {
                return refused(
                    "--log: neo-go was started, and has not written `node reached synchronized state`: consensus may wait \
                     for that. When it has, with Consensus.Enabled set to false, send it SIGUSR2 twice, a second apart",
                );
            }
            Service::Synchronised | Service::Signalled => {
                return refused(
                    "--log: neo-go was started, and nothing says that consensus does not start with it. Set \
                     Consensus.Enabled to false in its configuration, and send it SIGUSR2 twice, a second apart",
                );
            }
        }
        if log.commit.is_none() {
            return refused(
                "--log: there is no line `sending Commit`: the log begins too late, or LogLevel is above `info`, or it \
                 is no validator's",
            );
        }
        // dBFT 2.0 goes on with dBFT 2.0 only where nothing at all was said.
        let bound = match config.protocol.version {
            2 => log.vote,
            _ => log.commit,
        };
        let source = "neo-go's log";
        return Ok(Before { bound, source });
    }
    if let Some(height) = arguments.signed {
        return Ok(Before {
            bound: Some(Height(height)),
            source: "--signed",
        });
    }
    match stopped.memory() {
        Memory::OfOtherVersion => Ok(Before {
            bound: stopped.signed(),
            source: "the vote log of the other protocol",
        }),
        Memory::None | Memory::Own => Err(Exit::Usage.error(
            "nothing says how far this key has signed before: give --log FILE (neo-go's log), or --signed HEIGHT",
        )),
    }
}
