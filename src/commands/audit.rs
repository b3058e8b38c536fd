//! `neo-cli audit`: the audit log of a node.

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use neo_audit::{Head, Line};
use neo_node::config::NodeConfig;
use serde_json::json;

use crate::exit::{Exit, OrExit as _};
use crate::output::{print_json, print_text, table};

/// Look at the audit log of a node.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the newest lines.
    List {
        #[command(flatten)]
        place: PlaceArguments,
        /// How many.
        #[arg(long, default_value = "50", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        last: u32,
        /// Only lines of this kind, such as `ban` or `evidence`.
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
    },
    /// Check that no line was changed, removed or put in another order. The newest line is printed as NUMBER:HASH:
    /// noted elsewhere, it shows later whether the end of the log was cut off.
    Verify {
        #[command(flatten)]
        place: PlaceArguments,
        /// A line as it was noted before; may be repeated.
        #[arg(long, value_name = "NUMBER:HASH")]
        noted: Vec<Head>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PlaceArguments {
    /// The node's configuration.
    #[arg(long, value_name = "FILE", required_unless_present = "folder")]
    config: Option<PathBuf>,
    /// The folder of the log itself.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    folder: Option<PathBuf>,
}

impl PlaceArguments {
    fn folder(&self) -> anyhow::Result<PathBuf> {
        match (&self.folder, &self.config) {
            (Some(folder), _) => Ok(folder.clone()),
            (None, Some(config)) => {
                let place = || format!("{}", config.display());
                let config = NodeConfig::load(config)
                    .or_exit(Exit::Refused)
                    .with_context(place)?;
                Ok(config.audit_dir())
            }
            (None, None) => Err(Exit::Usage.error("neither --config nor --folder is given")),
        }
    }
}

/// Runs the command.
///
/// # Errors
/// With [`Exit::Failure`] if the log is not whole or cannot be read.
pub(crate) fn audit(command: &AuditCommand, json: bool) -> anyhow::Result<Exit> {
    match command {
        AuditCommand::List { place, last, kind } => {
            list(&place.folder()?, *last, kind.as_deref(), json)
        }
        AuditCommand::Verify { place, noted } => verify(&place.folder()?, noted, json),
    }
}

fn list(
    folder: &std::path::Path,
    last: u32,
    kind: Option<&str>,
    json: bool,
) -> anyhow::Result<Exit> {
    let most = usize::try_from(last)?;
    let mut newest: VecDeque<Line> = VecDeque::new();
    let mut unreadable = 0_u64;
    neo_audit::read_lines(folder, |_, _, line| {
        match line {
            Ok(line) if kind.is_none_or(|kind| line.kind == kind) => {
                if newest.len() >= most {
                    newest.pop_front();
                }
                newest.push_back(line);
            }
            Ok(_) => {}
            Err(_) => unreadable += 1,
        }
        true
    })
    .or_exit(Exit::Failure)?;
    if json {
        let lines: Vec<_> = newest
            .iter()
            .map(|line| {
                json!({"seq": line.seq, "time": line.time(), "kind": line.kind, "fields": line.fields})
            })
            .collect();
        print_json(&lines)?;
    } else {
        let mut rows = vec![["line", "time", "kind", "what"].map(str::to_owned).to_vec()];
        rows.extend(newest.iter().map(|line| {
            let fields = line.fields.iter();
            let what = fields.map(|(name, value)| format!("{name}={value}"));
            vec![
                line.seq.to_string(),
                line.time(),
                line.kind.clone(),
                what.collect::<Vec<_>>().join(" "),
            ]
        }));
        print_text(&table(&rows))?;
    }
    match unreadable {
        0 => Ok(Exit::Success),
        _ => Err(Exit::Failure.error(format!(
            "{unreadable} lines cannot be read; `neo-cli audit verify` says why"
        ))),
    }
}

fn verify(folder: &std::path::Path, noted: &[Head], json: bool) -> anyhow::Result<Exit> {
    let report = neo_audit::verify(folder, noted).or_exit(Exit::Failure)?;
    let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    let head = report.head.map(|head| head.to_string());
    let unfinished = report.unfinished.as_ref().map(|cut| cut.bytes);
    if json {
        print_json(&json!({
            "folder": folder,
            "whole": report.is_whole(),
            "segments": report.segments,
            "lines": report.lines,
            "begins": report.begins,
            "head": head,
            "unfinished_bytes": unfinished,
            "problems": problems,
            "further_problems": report.further,
        }))?;
    } else {
        let head = head.unwrap_or_else(|| "none".to_owned());
        print_text(&format!(
            "{} lines in {} files, newest {head}",
            report.lines, report.segments
        ))?;
        if let Some(bytes) = unfinished {
            print_text(&format!("the last line is unfinished: {bytes} bytes"))?;
        }
        problems
            .iter()
            .try_for_each(|problem| print_text(problem))?;
    }
    match report.is_whole() {
        true => Ok(Exit::Success),
        false => Err(Exit::Failure.error(format!(
            "{}: the log was changed: {} problems",
            folder.display(),
            report.problems.len() as u64 + report.further
        ))),
    }
}
