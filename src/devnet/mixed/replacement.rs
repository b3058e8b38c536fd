//! A running network of neo-go is replaced by ours, validator by validator: the first step of a migration.

use neo_consensus::v2::Kind;
use neo_primitives::Height;
use serde::Serialize;

use super::super::clock::now_ns;
use super::super::statistics::millis;
use super::ground::{Ground, longest_gap_ms};
use super::lives::Software;

/// Blocks that all validators make together before one is replaced.
const QUIET_BLOCKS: u32 = 3;
/// Blocks with the new one before the next is replaced.
const BLOCKS_AFTER: u32 = 4;

/// One validator that was replaced.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReplacementFigures {
    /// Its index.
    pub(crate) validator: usize,
    /// Height of the chain when neo-go was stopped.
    pub(crate) height: Height,
    /// How long neo-go took to stop, in milliseconds.
    pub(crate) stop_ms: f64,
    /// From the start of ours, with an empty data folder, until it had the others' chain.
    pub(crate) level_ms: f64,
    /// From its start until its first Commit was on the network: with nothing known of what neo-go had signed, it is
    /// silent at first (docs/dbft2.md).
    pub(crate) first_commit_ms: f64,
    /// The longest time between blocks from the stop until then, in milliseconds.
    pub(crate) longest_gap_ms: f64,
}

/// Replaces all of them.
///
/// # Errors
/// If one does not stop, blocks stop, or ours does not take part.
pub(crate) async fn run(ground: &Ground<'_>) -> anyhow::Result<Vec<ReplacementFigures>> {
    let mut done = Vec::new();
    for validator in 0..ground.validators() {
        let figures = one(ground, validator).await?;
        ground.display.say(&format!(
            "validator {validator}: neo-go replaced at height {}: level after {:.0} ms, first Commit after {:.0} ms, longest \
             gap {:.0} ms",
            figures.height, figures.level_ms, figures.first_commit_ms, figures.longest_gap_ms,
        ));
        done.push(figures);
    }
    Ok(done)
}

async fn one(ground: &Ground<'_>, validator: usize) -> anyhow::Result<ReplacementFigures> {
    ground.blocks(QUIET_BLOCKS).await?;
    let stopped_ns = now_ns();
    let height = ground.seen.greatest_height();
    ground.processes.stop_one(validator).await;
    let started_ns = now_ns();
    ground.processes.replace(validator, Software::NeoDbft)?;
    ground.until_ready(validator).await?;
    let level = ground.seen.until(|nodes| {
        let highest = nodes.iter().map(|node| node.height()).max()?;
        let own = nodes.get(validator)?;
        (own.height() > height && own.height() >= highest).then_some(())
    });
    ground.within("it has the others' chain", level).await?;
    let level_ms = millis(now_ns().saturating_sub(started_ns));
    let commit = ground
        .capture
        .until(|seen| seen.first(validator, &[Kind::Commit], started_ns));
    let commit = ground.within("its first Commit", commit).await?;
    ground.blocks(BLOCKS_AFTER).await?;
    Ok(ReplacementFigures {
        validator,
        height,
        stop_ms: millis(started_ns.saturating_sub(stopped_ns)),
        level_ms,
        first_commit_ms: millis(commit.t_ns.saturating_sub(started_ns)),
        longest_gap_ms: longest_gap_ms(ground.capture, stopped_ns, now_ns()),
    })
}
