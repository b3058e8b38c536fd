//! `neo-cli migrate hand-back`.

use std::path::Path;

use neo_node::handover::{Memory, StoppedValidator};
use serde_json::json;

use super::{beside_a_node, exit_of, neo_nodes};
use crate::exit::{Exit, OrExit as _};
use crate::output::{print_json, print_text};

pub(super) fn hand_back(config: &Path, as_json: bool) -> anyhow::Result<Exit> {
    let config = beside_a_node(config)?;
    let runtime = tokio::runtime::Runtime::new().or_exit(Exit::Failure)?;
    let stopped = runtime.block_on(StoppedValidator::open(&config));
    let stopped = stopped.map_err(|error| exit_of(&error).error(error))?;
    let (version, data) = (config.protocol.version, config.data_dir.display());
    let problem = match stopped.memory() {
        Memory::Own => None,
        Memory::OfOtherVersion => Some(format!(
            "protocol.version is {version}, and the vote log is of the other one"
        )),
        Memory::None => Some(format!(
            "data directory {data}: there is no vote log, so nobody knows what this validator signed. Is data_dir the one \
             that its node voted with?"
        )),
    };
    if let Some(problem) = problem {
        return Err(Exit::Refused.error(problem));
    }
    let tip = runtime.block_on(neo_nodes::tip(&config))?;
    if let Some(signed) = stopped.signed().filter(|signed| *signed > tip) {
        return Err(Exit::Refused.error(format!(
            "this key has signed the block of height {signed}, and the Neo node is at {tip}: start this node again until \
             that block is there. The Neo node's own consensus must stay off"
        )));
    }
    stopped
        .hand_back(tip)
        .map_err(|error| exit_of(&error).error(error))?;
    if as_json {
        print_json(&json!({
            "validator": stopped.key(),
            "protocol": config.protocol.version,
            "tip": tip,
            "signed": stopped.signed(),
        }))?;
    } else {
        print_text(&format!(
            "{} has signed no block above {tip}, where the Neo node is, and is silent from now on. When M of the \
             validators say so, the consensus of Neo nodes that have the highest block named may begin.",
            stopped.key()
        ))?;
    }
    Ok(Exit::Success)
}
