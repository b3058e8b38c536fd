//! `neo-cli checkpoint list`.

use neo_ledger::checkpoint::Listed;
use serde_json::{Value, json};

use super::{PlaceArguments, exit_of};
use crate::exit::Exit;
use crate::output::{print_json, print_text, table};

pub(super) fn list(place: &PlaceArguments, as_json: bool) -> anyhow::Result<Exit> {
    let (config, folder) = place.open()?;
    let listed = folder
        .list(&config.protocol.genesis)
        .map_err(|error| exit_of(&error).error(error))?;
    if as_json {
        print_json(&listed.iter().map(describe).collect::<Vec<_>>())?;
    } else if listed.is_empty() {
        print_text(&format!("no checkpoints in {}", folder.path().display()))?;
    } else {
        let heading = ["height", "bytes", "timestamp", "tip", "problem"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(listed.iter().map(row));
        print_text(&table(&rows))?;
    }
    Ok(Exit::Success)
}

fn describe(listed: &Listed) -> Value {
    match &listed.manifest {
        Ok(manifest) => json!({
            "height": listed.height,
            "path": listed.path,
            "tip": manifest.tip,
            "state_hash": manifest.state_hash,
            "timestamp": manifest.timestamp,
            "bytes": manifest.size(),
        }),
        Err(error) => json!({
            "height": listed.height,
            "path": listed.path,
            "problem": error.to_string(),
        }),
    }
}

fn row(listed: &Listed) -> Vec<String> {
    let height = listed.height.to_string();
    match &listed.manifest {
        Ok(manifest) => vec![
            height,
            manifest.size().to_string(),
            manifest.timestamp.to_string(),
            manifest.tip.to_string(),
        ],
        Err(error) => {
            let none = || "-".to_owned();
            vec![height, none(), none(), none(), error.to_string()]
        }
    }
}
