//! `neo-cli checkpoint`: checkpoints of a node's chain.

mod bytes_bar;
mod create;
mod list;
mod verify;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use neo_audit::{AuditError, Entry};
use neo_ledger::LedgerError;
use neo_ledger::checkpoint::{CheckpointError, CheckpointFolder};
use neo_node::config::NodeConfig;

pub(super) use self::bytes_bar::BytesBar;
use crate::exit::{Exit, OrExit as _};

/// Checkpoints of a node's chain: what its store can be restored from.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckpointCommand {
    /// Write a checkpoint of a stopped node's chain. A running node writes them by itself, every `checkpoints.interval`
    /// blocks.
    Create(PlaceArguments),
    /// List the checkpoints with what their manifests say; their files are not looked into.
    List(PlaceArguments),
    /// Read checkpoints in full: every hash, the signatures of the tip, every record of the state.
    Verify {
        #[command(flatten)]
        place: PlaceArguments,
        /// Only the one of this height.
        height: Option<u32>,
    },
}

/// Whose checkpoints.
#[derive(Debug, Args)]
pub(crate) struct PlaceArguments {
    /// The node's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Folder of the checkpoints, instead of the configured one.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl PlaceArguments {
    /// Reads the configuration, and finds the folder.
    pub(super) fn open(&self) -> anyhow::Result<(NodeConfig, CheckpointFolder)> {
        let place = || format!("{}", self.config.display());
        let config = NodeConfig::load(&self.config)
            .or_exit(Exit::Refused)
            .with_context(place)?;
        let folder = self.folder.clone();
        let folder = folder.unwrap_or_else(|| config.checkpoint_folder());
        Ok((config, CheckpointFolder::at(folder)))
    }
}

/// Runs the command.
///
/// # Errors
/// With [`Exit::Busy`] while a node runs, [`Exit::Failure`] for checkpoints that are not valid.
pub(crate) fn checkpoint(command: &CheckpointCommand, json: bool) -> anyhow::Result<Exit> {
    match command {
        CheckpointCommand::Create(place) => create::create(place, json),
        CheckpointCommand::List(place) => list::list(place, json),
        CheckpointCommand::Verify { place, height } => verify::verify(place, *height, json),
    }
}

/// The exit code of a checkpoint that cannot be written, read or restored.
pub(super) fn exit_of(error: &CheckpointError) -> Exit {
    match error {
        CheckpointError::InUse { .. }
        | CheckpointError::OtherNetwork { .. }
        | CheckpointError::OtherRules { .. } => Exit::Busy,
        CheckpointError::Missing { .. } | CheckpointError::Nothing => Exit::Usage,
        CheckpointError::Interrupted => Exit::Interrupted,
        CheckpointError::Ledger(error) => exit_of_ledger(error),
        _ => Exit::Failure,
    }
}

/// The exit code of a chain that cannot be opened.
pub(super) fn exit_of_ledger(error: &LedgerError) -> Exit {
    match error {
        LedgerError::Config(_) => Exit::Refused,
        LedgerError::Locked { .. }
        | LedgerError::OtherNetwork { .. }
        | LedgerError::OtherRules { .. }
        | LedgerError::StoreFormat { .. } => Exit::Busy,
        LedgerError::NoNode(_) => Exit::Unreachable,
        _ => Exit::Failure,
    }
}

/// Takes what was done down in the node's audit log.
pub(super) fn take_down(config: &NodeConfig, entry: Entry) -> anyhow::Result<()> {
    if !config.security.audit {
        return Ok(());
    }
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let failed = |error: AuditError| {
        let exit = match error {
            AuditError::Busy { .. } => Exit::Busy,
            _ => Exit::Failure,
        };
        exit.error(format!("it is done, and not in the audit log: {error}"))
    };
    let limits = config.security.audit_limits();
    let (mut writer, _) =
        neo_audit::Writer::open(&config.audit_dir(), limits, now_ms).map_err(failed)?;
    writer.append(&[(now_ms, entry)]).map_err(failed)
}
