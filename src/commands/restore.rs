//! `neo-cli restore`: a node's store out of a checkpoint.

use std::str::FromStr;

use clap::Args;
use neo_audit::{Entry, Kind};
use neo_ledger::STORE_FILE;
use neo_ledger::checkpoint::{Checkpoint, CheckpointError, CheckpointFolder, RestoreStep};
use neo_ledger::{ChainReader as _, EmbeddedLedger, LedgerError};
use neo_node::config::NodeConfig;
use neo_primitives::Height;
use serde_json::json;

use super::checkpoint::{BytesBar, PlaceArguments, exit_of, exit_of_ledger, take_down};
use crate::exit::Exit;
use crate::output::{print_json, print_text};

/// Put a stopped node's store back to a checkpoint; the blocks above it are fetched from others at the next start.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// Which one: `latest` is the highest that is valid.
    #[arg(long, value_name = "latest|HEIGHT")]
    checkpoint: Which,
    /// Protocol version that the chain goes on with. The chain and its checkpoints are the same for both.
    #[arg(long, value_name = "2|3", default_value = "3", value_parser = clap::value_parser!(u32).range(2..=3))]
    version: u32,
    /// Keep the store that was there before, as `chain.redb.before`.
    #[arg(long)]
    keep_old: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Latest,
    Height(Height),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let height = text.parse().map(|height| Self::Height(Height(height)));
        height.map_err(|_| format!("{text:?} is neither `latest` nor a height"))
    }
}

/// Runs the command.
///
/// # Errors
/// With [`Exit::Busy`] while a node runs, [`Exit::Failure`] for a checkpoint that is not valid; the store is as it was
/// then.
pub(crate) fn restore(arguments: &RestoreArguments, as_json: bool) -> anyhow::Result<Exit> {
    let (config, folder) = arguments.place.open()?;
    let before = stored_height(&config)?;
    let checkpoint = find(arguments.checkpoint, &config, &folder)
        .map_err(|error| exit_of(&error).error(error))?;
    let bar = BytesBar::new("restoring records", None);
    let restored = neo_ledger::checkpoint::restore(
        &checkpoint,
        &config.data_dir,
        &config.protocol.genesis,
        arguments.keep_old,
        &mut |step| {
            if let RestoreStep::Records(records) = step {
                bar.at(records);
            }
            Ok(())
        },
    )
    .map_err(|error| exit_of(&error).error(error))?;
    drop(bar);
    let manifest = checkpoint.manifest();
    let entry = Entry::new(Kind::Restore)
        .with("height", manifest.height.0)
        .text("tip", manifest.tip)
        .text("checkpoint", checkpoint.path().display())
        .maybe("height_before", before.map(|height| height.0));
    take_down(&config, entry)?;
    if as_json {
        print_json(&json!({
            "height": manifest.height,
            "tip": manifest.tip,
            "checkpoint": checkpoint.path(),
            "records": checkpoint.records(),
            "height_before": before,
            "kept": restored.before,
            "version": arguments.version,
        }))?;
        return Ok(Exit::Success);
    }
    let given_up = before.map_or(0, |before| before.0.saturating_sub(manifest.height.0));
    print_text(&format!(
        "restored to height {}, block {}; {given_up} blocks above it are fetched again from other nodes",
        manifest.height, manifest.tip
    ))?;
    if let Some(kept) = &restored.before {
        print_text(&format!("the store as it was is {}", kept.display()))?;
    }
    if arguments.version == 2 {
        print_text("the chain is the same under protocol 2; this program runs protocol 3")?;
    }
    Ok(Exit::Success)
}

/// Height of the store that is there, if it can be read.
fn stored_height(config: &NodeConfig) -> anyhow::Result<Option<Height>> {
    let store = std::fs::metadata(config.data_dir.join(STORE_FILE));
    // An empty file is no store; opening would begin a chain in it.
    if store.map_or(true, |file| file.len() == 0) {
        return Ok(None);
    }
    match EmbeddedLedger::open(&config.data_dir, config.protocol.genesis.clone()) {
        Ok(ledger) => Ok(Some(ledger.height())),
        Err(
            error @ (LedgerError::Locked { .. }
            | LedgerError::OtherNetwork { .. }
            | LedgerError::OtherRules { .. }),
        ) => Err(exit_of_ledger(&error).error(error)),
        // A damaged store is what a checkpoint is for.
        Err(_) => Ok(None),
    }
}

fn find(
    which: Which,
    config: &NodeConfig,
    folder: &CheckpointFolder,
) -> Result<Checkpoint, CheckpointError> {
    let genesis = &config.protocol.genesis;
    let bar = BytesBar::new("verifying", None);
    let mut progress = |bytes| bar.at(bytes);
    match which {
        Which::Height(height) => folder.open(height, genesis, &mut progress),
        Which::Latest => {
            let mut refused = |height, error: CheckpointError| {
                eprintln!("neo-cli: the checkpoint of height {height} is not valid: {error}");
            };
            folder.newest_valid(genesis, &mut refused, &mut progress)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_named_by_its_height_or_as_the_latest() {
        assert_eq!("latest".parse(), Ok(Which::Latest));
        assert_eq!("120".parse(), Ok(Which::Height(Height(120))));
        let error = "newest".parse::<Which>().unwrap_err();
        assert_eq!(error, "\"newest\" is neither `latest` nor a height");
    }
}
