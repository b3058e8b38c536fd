//! `neo-cli doctor`: a validator before it goes live.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use indicatif::ProgressBar;
use neo_node::config::NodeConfig;
use serde_json::json;

use crate::doctor::{Other, Request, State, count, examine, exit_of, text};
use crate::duration::parse_duration;
use crate::exit::{Exit, OrExit as _};
use crate::output::{print_json, print_text};
use crate::rpc::Endpoint;

/// Check a node's configuration, machine and network before it goes live, and name the mend of each finding. Nothing
/// is changed.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// The node's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Another validator to compare with: its configuration, or its JSON-RPC. Several times for several.
    #[arg(long, value_name = "FILE|URL")]
    other: Vec<Other>,
    /// A Neo node that is to keep the ledger, besides those of the configuration. Several times for several.
    #[arg(long, value_name = "URL")]
    node: Vec<Endpoint>,
    /// Longest wait for one answer of a node or peer.
    #[arg(long, default_value = "3s", value_parser = parse_duration)]
    timeout: Duration,
}

/// Runs all checks and prints what they found.
///
/// # Errors
/// With [`Exit::Refused`] for a configuration that does not read. Failed checks are no error: their exit code is the
/// result, [`Exit::Failure`] if they have different ones.
pub(crate) async fn doctor(arguments: DoctorArguments, json: bool) -> anyhow::Result<Exit> {
    let place = || format!("{}", arguments.config.display());
    let config = NodeConfig::load(&arguments.config)
        .or_exit(Exit::Refused)
        .with_context(place)?;
    let request = Request {
        file: arguments.config.clone(),
        others: arguments.other,
        nodes: arguments.node,
        timeout: arguments.timeout,
    };
    let bar = match io::stderr().is_terminal() {
        true => ProgressBar::new_spinner(),
        false => ProgressBar::hidden(),
    };
    let findings = examine(&config, &request, |part| {
        bar.set_message(part);
        bar.tick();
    })
    .await;
    bar.finish_and_clear();
    let exit = exit_of(&findings);
    if json {
        let [fail, warn, not] =
            [State::Fail, State::Warn, State::NotChecked].map(|state| count(&findings, state));
        print_json(&json!({
            "config": request.file,
            "findings": findings,
            "failed": fail,
            "warned": warn,
            "not_checked": not,
        }))?;
    } else {
        print_text(&text(&findings))?;
    }
    Ok(exit)
}
