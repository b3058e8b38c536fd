//! `neo-cli checkpoint verify`.

use neo_ledger::checkpoint::{Checkpoint, CheckpointError};
use neo_primitives::Height;
use serde_json::{Value, json};

use super::{BytesBar, PlaceArguments, exit_of};
use crate::exit::Exit;
use crate::output::{print_json, print_text, table};

pub(super) fn verify(
    place: &PlaceArguments,
    height: Option<u32>,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let (config, folder) = place.open()?;
    let failed = |error: CheckpointError| exit_of(&error).error(error);
    let heights = match height {
        Some(height) => vec![Height(height)],
        None => folder.heights().map_err(failed)?,
    };
    let mut verdicts = Vec::with_capacity(heights.len());
    for height in heights {
        let bar = BytesBar::new("verifying", None);
        let verdict = folder.open(height, &config.protocol.genesis, &mut |bytes| bar.at(bytes));
        match verdict {
            Err(error @ CheckpointError::Missing { .. }) => return Err(failed(error)),
            verdict => verdicts.push((height, verdict)),
        }
    }
    if as_json {
        print_json(&verdicts.iter().map(describe).collect::<Vec<_>>())?;
    } else if verdicts.is_empty() {
        print_text(&format!("no checkpoints in {}", folder.path().display()))?;
    } else {
        let mut rows = vec![["height", "records", "verdict"].map(str::to_owned).to_vec()];
        rows.extend(verdicts.iter().map(row));
        print_text(&table(&rows))?;
    }
    let count = verdicts.len();
    let refused: Vec<_> = verdicts
        .into_iter()
        .filter_map(|(_, verdict)| verdict.err())
        .collect();
    match refused.first() {
        None => Ok(Exit::Success),
        Some(first) => {
            let problem = format!("{} of {count} checkpoints are not valid", refused.len());
            Err(exit_of(first).error(problem))
        }
    }
}

type Verdict = (Height, Result<Checkpoint, CheckpointError>);

fn describe((height, verdict): &Verdict) -> Value {
    match verdict {
        Ok(checkpoint) => json!({
            "height": height,
            "valid": true,
            "tip": checkpoint.manifest().tip,
            "records": checkpoint.records(),
            "path": checkpoint.path(),
        }),
        Err(error) => json!({"height": height, "valid": false, "problem": error.to_string()}),
    }
}

fn row((height, verdict): &Verdict) -> Vec<String> {
    let (records, verdict) = match verdict {
        Ok(checkpoint) => (checkpoint.records().to_string(), "valid".to_owned()),
        Err(error) => ("-".to_owned(), error.to_string()),
    };
    vec![height.to_string(), records, verdict]
}
