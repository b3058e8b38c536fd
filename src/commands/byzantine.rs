//! `neo-cli byzantine`: one validator that attacks the others.

use clap::Args;

use super::run::{RunArguments, run_as};
use crate::byzantine::{AttackMode, Attacker};
use crate::exit::{Exit, OrExit as _};
use neo_adversary::Attack;

/// Run one validator that attacks the others: a test tool.
///
/// It votes, lies, floods and falls silent as its mode says, with the key of its configuration, until it is told to
/// stop. It refuses to start on a public network: what it signs there would be evidence against its owner.
#[derive(Debug, Args)]
pub(crate) struct ByzantineArguments {
    #[command(flatten)]
    run: RunArguments,
    /// What it does. `random` is one to three attacks that the seed picks.
    #[arg(
        long,
        env = "ATTACK_MODE",
        value_name = "MODE",
        required_unless_present = "attack"
    )]
    attack_mode: Option<AttackMode>,
    /// A single attack by its name, instead of a mode or besides it; may be repeated.
    #[arg(long, value_name = "NAME")]
    attack: Vec<Attack>,
    /// Makes its choices repeatable; drawn and logged if it is not given.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// Runs the attacker to its end.
///
/// # Errors
/// Why it did not start or had to end, with its exit code; [`Exit::Refused`] on a public network.
pub(crate) fn byzantine(arguments: &ByzantineArguments) -> anyhow::Result<Exit> {
    let attacker = Attacker {
        mode: arguments.attack_mode,
        attacks: arguments.attack.clone(),
        seed: arguments.seed.unwrap_or_else(rand::random),
    };
    run_as(&arguments.run, |config| {
        attacker.prepare(config).map(Some).or_exit(Exit::Refused)
    })
}
