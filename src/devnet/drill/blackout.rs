//! All validators killed at once, in the middle of a write.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use neo_node::vote_log_file;
use tokio::time::sleep;

use super::{DrillFigures, Ground};
use crate::devnet::clock::now_ns;
use crate::devnet::statistics::millis;

/// How often it happens.
const ROUNDS: usize = 5;
/// The beginning of a record of 1,000 bytes, as a write that was cut short leaves it: the length, a checksum and some
/// of the rest. It was never synced, so nothing of it was sent.
const TORN: [u8; 24] = [
    0xe8, 3, 0, 0, 1, 2, 3, 4, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
];

impl Ground<'_> {
    /// Kills all validators at any moment of an interval, tears their vote logs, and starts them again.
    pub(super) async fn blackout(&self) -> anyhow::Result<DrillFigures> {
        let mut rounds_ms = Vec::with_capacity(ROUNDS);
        let mut torn_bytes = 0;
        for round in 1..=ROUNDS {
            self.all_together().await?;
            let block_time = self.network.genesis().block_time();
            sleep(block_time.mul_f64(rand::random::<f64>())).await;
            for index in 0..self.validators() {
                self.processes.kill(index)?;
            }
            for index in 0..self.validators() {
                self.processes.bury(index).await;
            }
            for index in 0..self.validators() {
                self.tear(index)?;
                torn_bytes += TORN.len();
            }
            let tip = self.seen.greatest_height();
            let began = now_ns();
            for index in 0..self.validators() {
                self.processes.restart(index)?;
            }
            let next = self.seen.until(|nodes| {
                let mut blocks = nodes.iter().filter_map(|node| node.blocks.last());
                blocks.find_map(|block| (block.height > tip).then_some(block.t_ns))
            });
            let next = self.within("a block after the blackout", next).await?;
            let took = millis(next.saturating_sub(began));
            self.display.say(&format!(
                "blackout {round} at height {tip}: next block after {took:.0} ms"
            ));
            rounds_ms.push(took);
        }
        self.all_together().await?;
        Ok(DrillFigures::Blackout {
            longest_ms: rounds_ms.iter().copied().fold(0.0, f64::max),
            rounds_ms,
            torn_bytes,
        })
    }

    /// Leaves the beginning of a write behind the last segment of a vote log.
    fn tear(&self, index: usize) -> anyhow::Result<()> {
        let folder = self
            .node(index)?
            .config()
            .data_dir
            .join(vote_log_file::FOLDER);
        let place = || format!("{}", folder.display());
        let segments = std::fs::read_dir(&folder).with_context(place)?;
        let segments: Vec<PathBuf> = segments
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()
            .with_context(place)?;
        let last = segments.into_iter().max().with_context(place)?;
        let log = OpenOptions::new().append(true).open(&last);
        log.and_then(|mut log| log.write_all(&TORN))
            .with_context(|| format!("{}", last.display()))
    }
}
