//! `neo-cli config`.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Subcommand;
use neo_node::config::NodeConfig;

use crate::exit::{Exit, OrExit as _};
use crate::output::{print_json, print_text};

/// About configuration files.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the JSON schema of a node's configuration.
    Schema,
    /// Check a configuration file as `run` does, without starting anything.
    Check {
        /// The file.
        file: PathBuf,
    },
}

/// Runs the command.
///
/// # Errors
/// With [`Exit::Refused`] for a configuration that `run` would refuse.
pub(crate) fn config(command: &ConfigCommand) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Schema => print_json(&NodeConfig::json_schema())?,
        ConfigCommand::Check { file } => {
            let place = || format!("{}", file.display());
            NodeConfig::load(file)
                .or_exit(Exit::Refused)
                .with_context(place)?;
            print_text(&format!("{} is a valid configuration", file.display()))?;
        }
    }
    Ok(Exit::Success)
}
