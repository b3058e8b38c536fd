//! `neo-cli consensus`: the state of running nodes.

mod details;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use neo_primitives::UInt256;
use serde::Deserialize;
use serde_json::{Value, json};

use self::details::Details;
use crate::exit::Exit;
use crate::network_files::NetworkFolder;
use crate::output::{print_json, print_text, table};
use crate::rpc::{Endpoint, RpcClient, RpcError};

/// Look at the consensus of running nodes.
#[derive(Debug, Subcommand)]
pub(crate) enum ConsensusCommand {
    /// Height, view, phase, leader, whose votes each node has seen, whom it reaches, and what an operator should look
    /// at.
    Status(StatusArguments),
}

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// Where a node's RPC server listens; several for several nodes.
    #[arg(long, value_name = "URL", required_unless_present = "network")]
    rpc: Vec<Endpoint>,
    /// Ask all nodes of the network in this folder, as `init` made it.
    #[arg(long, value_name = "DIR", conflicts_with = "rpc")]
    network: Option<PathBuf>,
    /// All about each node: what it measured and tuned, its connections, what it holds against whom.
    #[arg(long)]
    details: bool,
}

/// What is shown of `getconsensusstate`.
#[derive(Debug, Deserialize)]
struct State {
    /// Version of dBFT; nodes of earlier versions, which tell none, run 3.
    #[serde(default)]
    protocol: Option<u32>,
    stored: u32,
    voting: bool,
    height: Option<u32>,
    view: Option<u32>,
    phase: Option<String>,
    leader: Option<Leader>,
    #[serde(default)]
    order: Vec<Standing>,
    ownindex: Option<u8>,
    block: Option<UInt256>,
    #[serde(default)]
    validators: Vec<Votes>,
    #[serde(flatten)]
    details: Details,
}

#[derive(Debug, Deserialize)]
struct Leader {
    index: u8,
}

#[derive(Debug, Deserialize)]
struct Standing {
    index: u8,
    score: u8,
}

#[derive(Debug, Deserialize)]
struct Votes {
    prepare: bool,
    precommit: bool,
    commit: bool,
    changeview: Option<u32>,
}

/// Asks every node and prints what it says.
///
/// # Errors
/// With [`Exit::Unreachable`] if none answers.
pub(crate) async fn consensus(command: &ConsensusCommand, json: bool) -> anyhow::Result<Exit> {
    let ConsensusCommand::Status(arguments) = command;
    let endpoints = match &arguments.network {
        Some(folder) => {
            let network = NetworkFolder::open(folder)?;
            network
                .nodes()
                .iter()
                .map(|node| node.rpc())
                .collect::<anyhow::Result<_>>()?
        }
        None => arguments.rpc.clone(),
    };
    let answers = futures::future::join_all(endpoints.iter().map(ask)).await;
    let silent = answers.iter().filter(|answer| answer.is_err()).count();
    if json {
        let all: Vec<_> = endpoints
            .iter()
            .zip(&answers)
            .map(|(endpoint, answer)| describe(endpoint, answer))
            .collect();
        print_json(&all)?;
    } else {
        let mut rows = vec![HEADING.map(str::to_owned).to_vec()];
        rows.extend(
            endpoints
                .iter()
                .zip(&answers)
                .map(|(endpoint, answer)| row(endpoint, answer)),
        );
        print_text(&table(&rows))?;
        for (endpoint, answer) in endpoints.iter().zip(&answers) {
            if let Some(text) = below(endpoint, answer, arguments.details) {
                print_text(&text)?;
            }
        }
    }
    match silent {
        0 => Ok(Exit::Success),
        _ => Err(Exit::Unreachable.error(format!(
            "{silent} of {} nodes did not answer",
            endpoints.len()
        ))),
    }
}

async fn ask(endpoint: &Endpoint) -> Result<Value, RpcError> {
    let mut client = RpcClient::new(endpoint.clone())?;
    client.call("getconsensusstate", json!([])).await
}

/// What stands below the table about one node: what an operator should look at, and everything if it is wanted.
fn below(
    endpoint: &Endpoint,
    answer: &Result<Value, RpcError>,
    everything: bool,
) -> Option<String> {
    let details = Details::deserialize(answer.as_ref().ok()?).ok()?;
    let mut parts = details.remarks();
    if everything {
        parts.push(details.all());
    }
    (!parts.is_empty()).then(|| format!("\n{endpoint}\n{}", parts.join("\n")))
}

fn describe(endpoint: &Endpoint, answer: &Result<Value, RpcError>) -> Value {
    match answer {
        Ok(state) => json!({"rpc": endpoint.to_string(), "state": state}),
        Err(error) => json!({"rpc": endpoint.to_string(), "error": error.to_string()}),
    }
}

/// Leaders that are shown of an order.
const SHOWN_LEADERS: usize = 7;
/// Score of a validator whose views do not fail.
const FULL_SCORE: u8 = 100;

const HEADING: [&str; 15] = [
    "RPC",
    "node",
    "stored",
    "height",
    "view",
    "phase",
    "leader",
    "order",
    "scores",
    "prepare",
    "precommit",
    "commit",
    "changeview",
    "reach",
    "alerts",
];

fn row(endpoint: &Endpoint, answer: &Result<Value, RpcError>) -> Vec<String> {
    let mut row = vec![endpoint.to_string()];
    let state = answer
        .as_ref()
        .map_err(ToString::to_string)
        .and_then(|state| State::deserialize(state).map_err(|error| error.to_string()));
    match state {
        Ok(state) => row.extend(cells(&state)),
        Err(problem) => row.push(problem),
    }
    row
}

/// One cell for each column after the first; votes are shown one sign per validator, in their order.
fn cells(state: &State) -> [String; 14] {
    let number =
        |value: Option<u32>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
    let seen = |of: fn(&Votes) -> bool| -> String {
        state
            .validators
            .iter()
            .map(|votes| if of(votes) { 'x' } else { '.' })
            .collect()
    };
    let older = state.protocol == Some(2);
    let mut node = match (state.ownindex, state.voting) {
        (Some(index), true) => format!("validator {index}"),
        (Some(index), false) => format!("validator {index}, silent"),
        (None, _) => "observer".to_owned(),
    };
    if older {
        node.push_str(", dBFT 2.0");
    }
    let asked: Vec<_> = state
        .validators
        .iter()
        .enumerate()
        .filter_map(|(index, votes)| Some(format!("{index}:{}", votes.changeview?)))
        .collect();
    let phase = match (&state.phase, &state.block) {
        (Some(phase), Some(_)) => phase.clone(),
        (Some(phase), None) => format!("{phase} (no block)"),
        (None, _) => "-".to_owned(),
    };
    [
        node,
        state.stored.to_string(),
        number(state.height),
        number(state.view),
        phase,
        number(state.leader.as_ref().map(|leader| leader.index.into())),
        order(&state.order),
        scores(&state.order),
        seen(|votes| votes.prepare),
        // dBFT 2.0 has no such votes.
        match older {
            true => "-".to_owned(),
            false => seen(|votes| votes.precommit),
        },
        seen(|votes| votes.commit),
        asked.join(" "),
        state.details.reach(),
        state.details.alerts(),
    ]
}

/// Who leads the first views of the height.
fn order(order: &[Standing]) -> String {
    let leaders = order.iter().take(SHOWN_LEADERS);
    let mut leaders: Vec<_> = leaders.map(|one| one.index.to_string()).collect();
    if order.len() > SHOWN_LEADERS {
        leaders.push("…".to_owned());
    }
    leaders.join(" ")
}

/// The validators that lead more rarely than others because their views failed, with their scores.
fn scores(order: &[Standing]) -> String {
    let mut lower: Vec<_> = order.iter().filter(|one| one.score < FULL_SCORE).collect();
    lower.sort_by_key(|one| one.index);
    match lower.as_slice() {
        [] if order.is_empty() => "-".to_owned(),
        [] => "all 100".to_owned(),
        lower => {
            let each = lower
                .iter()
                .map(|one| format!("{}:{}", one.index, one.score));
            each.collect::<Vec<_>>().join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validator_and_an_observer() {
        let state = json!({
            "stored": 6, "voting": true, "height": 7, "view": 1, "phase": "Prepare",
            "leader": {"index": 2, "publickey": null},
            "order": [{"index": 2, "score": 100, "credit": 200}, {"index": 0, "score": 25, "credit": -75}],
            "ownindex": 0, "block": format!("0x{}", "00".repeat(32)),
            "validators": [
                {"index": 0, "prepare": true, "precommit": false, "commit": false, "changeview": null},
                {"index": 1, "prepare": false, "precommit": false, "commit": true, "changeview": 1},
            ],
            "heights": [],
            "topology": {"reachable": 4, "needed": 3, "partitioned": false, "validators": []},
            "alerts": [{"kind": "ban", "active": true, "count": 1, "text": "x"}],
        });
        let endpoint: Endpoint = "a:1".parse().unwrap();
        let row = row(&endpoint, &Ok(state));
        assert_eq!(
            row[1..],
            [
                "validator 0",
                "6",
                "7",
                "1",
                "Prepare",
                "2",
                "2 0",
                "0:25",
                "x.",
                "..",
                ".x",
                "1:1",
                "4/3",
                "ban"
            ]
        );
        let observer =
            State::deserialize(json!({"stored": 3, "voting": false, "heights": []})).unwrap();
        assert_eq!(cells(&observer)[..4], ["observer", "3", "-", "-"]);
    }

    #[test]
    fn a_validator_of_dbft_2() {
        let state = json!({
            "protocol": 2, "stored": 6, "voting": true, "height": 7, "view": 0, "phase": "Commit",
            "leader": {"index": 3, "publickey": null}, "order": [], "ownindex": 1,
            "block": format!("0x{}", "00".repeat(32)),
            "validators": [
                {"index": 0, "prepare": true, "precommit": false, "commit": true, "changeview": null},
                {"index": 1, "prepare": true, "precommit": false, "commit": true, "changeview": null},
            ],
            "heights": [], "tuning": null,
            "topology": {"reachable": 2, "needed": 2, "partitioned": false, "validators": []},
        });
        let cells = cells(&State::deserialize(state).unwrap());
        assert_eq!(
            cells[..11],
            [
                "validator 1, dBFT 2.0",
                "6",
                "7",
                "0",
                "Commit",
                "3",
                "",
                "-",
                "xx",
                "-",
                "xx"
            ]
        );
    }

    #[test]
    fn an_answer_of_another_shape_is_shown_as_a_problem() {
        let endpoint: Endpoint = "a:1".parse().unwrap();
        let row = row(&endpoint, &Ok(json!({"stored": "x"})));
        assert!(row[1].contains("invalid type"), "{row:?}");
    }
}
