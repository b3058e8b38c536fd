//! `neo-cli checkpoint create`.

use anyhow::Context as _;
use neo_audit::{Entry, Kind};
use neo_ledger::STORE_FILE;
use neo_ledger::{ChainReader as _, EmbeddedLedger};
use neo_node::recovery::leaders::state_above;
use serde_json::json;

use super::{BytesBar, PlaceArguments, exit_of, exit_of_ledger, take_down};
use crate::exit::Exit;
use crate::output::{print_json, print_text};

pub(super) fn create(place: &PlaceArguments, as_json: bool) -> anyhow::Result<Exit> {
    let (config, folder) = place.open()?;
    let store = config.data_dir.join(STORE_FILE);
    // Opening would begin a chain where there is none.
    if !store.exists() {
        let problem = format!("there is no chain: {} is missing", store.display());
        return Err(Exit::Usage.error(problem));
    }
    let ledger = EmbeddedLedger::open(&config.data_dir, config.protocol.genesis.clone())
        .map_err(|error| exit_of_ledger(&error).error(error))
        .with_context(|| {
            let interval = config.checkpoints.interval;
            format!("a checkpoint is made of a stopped node; a running one writes its own every {interval} blocks")
        })?;
    let bar = BytesBar::new("writing", None);
    let leaders = |tip: &_| state_above(&ledger, tip);
    let written = ledger
        .write_checkpoint(&folder, config.checkpoints.keep, &leaders, &mut |bytes| {
            bar.at(bytes);
        })
        .map_err(|error| exit_of(&error).error(error))?;
    drop(bar);
    let manifest = &written.manifest;
    if written.fresh {
        let entry = Entry::new(Kind::Checkpoint)
            .with("height", manifest.height.0)
            .text("path", written.path.display())
            .text("tip", manifest.tip)
            .text("by", "command");
        take_down(&config, entry)?;
    }
    let removed: Vec<_> = written.removed.iter().map(|height| height.0).collect();
    if as_json {
        print_json(&json!({
            "height": manifest.height,
            "tip": manifest.tip,
            "state_hash": manifest.state_hash,
            "path": written.path,
            "bytes": manifest.size(),
            "written": written.fresh,
            "removed": removed,
        }))?;
    } else {
        let what = match written.fresh {
            true => "written",
            false => "there is a valid one already",
        };
        let (height, path) = (ledger.height(), written.path.display());
        print_text(&format!(
            "checkpoint of height {height}: {what}, {} bytes in {path}",
            manifest.size()
        ))?;
        if !removed.is_empty() {
            print_text(&format!("removed those of {removed:?}"))?;
        }
    }
    Ok(Exit::Success)
}
