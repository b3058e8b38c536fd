//! `neo-cli devnet`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::devnet::{Devnet, Extent, TxRate};
use crate::duration::parse_duration;
use crate::exit::Exit;

/// Start a whole network of local processes, put load on it and measure it.
///
/// Each validator is a process of its own with its own key, vote log, block store and ports on 127.0.0.1. The summary
/// at the end counts transactions per second over the measured phase only; what becomes final up to three block times
/// (at least a second) later counts as committed.
#[derive(Debug, Args)]
pub(crate) struct DevnetArguments {
    /// Number of validators; 4 unless --data-dir holds a network.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=255))]
    validators: Option<u16>,
    /// Target time between blocks, such as 500ms; 0ms means as fast as possible; 1s unless --data-dir holds a network.
    #[arg(long, value_parser = parse_duration)]
    block_time: Option<Duration>,
    /// End after the load has run for so long. Without --duration and --blocks the network runs until Ctrl-C.
    #[arg(long, value_parser = parse_duration, conflicts_with = "blocks")]
    duration: Option<Duration>,
    /// End when so many blocks are final.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    blocks: Option<u32>,
    /// Transactions per second, or `max`.
    #[arg(long, default_value = "0", value_name = "N|max")]
    tx_rate: TxRate,
    /// Folder for the network; it is kept, and one that holds a network is continued. Otherwise a temporary folder is
    /// used and removed at the end, unless something fails.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Greatest length of a block witness script in bytes, for more than 22 validators. Neo N3 nodes read 1024.
    #[arg(long)]
    witness_limit: Option<u32>,
}

/// Runs the network to the end of its load.
///
/// # Errors
/// Why it did not start, or what was wrong in the end, with its exit code.
pub(crate) fn devnet(arguments: DevnetArguments, json: bool) -> anyhow::Result<Exit> {
    let extent = match (arguments.duration, arguments.blocks) {
        (Some(duration), _) => Extent::Duration(duration),
        (None, Some(blocks)) => Extent::Blocks(blocks),
        (None, None) => Extent::UntilInterrupted,
    };
    let devnet = Devnet {
        validators: arguments.validators.map(usize::from),
        block_time: arguments.block_time,
        extent,
        tx_rate: arguments.tx_rate,
        data_dir: arguments.data_dir,
        witness_limit: arguments.witness_limit,
        json,
    };
    devnet.run()
}
