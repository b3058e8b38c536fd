//! `neo-cli migrate`: from other Neo nodes, and back to them.

mod hand_back;
mod import;
mod neo_nodes;
mod take_over;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use neo_node::config::NodeConfig;
use neo_node::handover::HandoverError;

use self::hand_back::hand_back;
use self::import::{ImportArguments, import};
use self::take_over::{TakeOverArguments, take_over};
use crate::exit::{Exit, OrExit as _};

/// Come from other Neo nodes, and go back to them.
#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Write a configuration from that of a neo-go or C# node, and name each thing that could not be carried over.
    Import(Box<ImportArguments>),
    /// Let a validator beside a Neo node begin where that node's own consensus ended: its vote log begins above all that
    /// its key has signed. Its node must not run yet.
    TakeOver(TakeOverArguments),
    /// Let a validator end, so that its Neo node's own consensus may begin: says whether its key has signed a block that
    /// is not on the chain, and if not, makes it silent. Its node must be stopped.
    HandBack(HandBackArguments),
}

/// Whose votes end.
#[derive(Debug, Args)]
pub(crate) struct HandBackArguments {
    /// The validator's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// With [`Exit::Usage`] for a file that does not read, [`Exit::Refused`] for what is not safe or gives no configuration,
/// [`Exit::Busy`] for a file in the way or a node that runs, [`Exit::Unreachable`] without a Neo node.
pub(crate) fn migrate(command: &MigrateCommand, json: bool) -> anyhow::Result<Exit> {
    match command {
        MigrateCommand::Import(arguments) => import(arguments, json),
        MigrateCommand::TakeOver(arguments) => take_over(arguments, json),
        MigrateCommand::HandBack(arguments) => hand_back(&arguments.config, json),
    }
}

/// The configuration of a validator beside a Neo node.
fn beside_a_node(path: &Path) -> anyhow::Result<NodeConfig> {
    let place = || format!("{}", path.display());
    let config = NodeConfig::load(path);
    let config = config.or_exit(Exit::Refused).with_context(place)?;
    if config.ledger.is_attached() {
        return Ok(config);
    }
    let problem =
        "ledger.kind is `embedded`: this is about validators beside a Neo node (`attached`)";
    Err(Exit::Refused.error(format!("{}: {problem}", path.display())))
}

fn exit_of(error: &HandoverError) -> Exit {
    match error {
        HandoverError::Node(_) | HandoverError::Observer | HandoverError::Incomplete { .. } => {
            Exit::Refused
        }
        HandoverError::Running { .. } => Exit::Busy,
        HandoverError::Store { .. } | HandoverError::Log { .. } => Exit::Failure,
    }
}
