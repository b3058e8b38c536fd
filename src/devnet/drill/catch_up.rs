//! A validator that is far behind.

use rustix::process::Signal;

use super::figures::rate;
use super::{DrillFigures, Ground};
use crate::devnet::clock::now_ns;
use crate::devnet::statistics::millis;

impl Ground<'_> {
    /// Kills the last validator, lets the others make blocks, stops them where they cannot do without it, and starts it
    /// again.
    pub(super) async fn catch_up(&self, behind: u32) -> anyhow::Result<DrillFigures> {
        let (late, spare) = self.cast();
        self.all_together().await?;
        self.kill(late).await?;
        let stored = self.height(late);
        self.display.say(&format!(
            "validator {late} killed at height {stored}; the others make {behind} blocks"
        ));
        self.more_blocks(behind).await?;
        let tip = self.stand_still(&spare).await?;
        let began = now_ns();
        self.processes.restart(late)?;
        self.until(late, "it is up", |node| node.ready.then_some(()))
            .await?;
        let up = now_ns();
        // At least as fast as the slowest import that anybody would wait for.
        let level = self.seen.until(|nodes| {
            let node = nodes.get(late)?;
            (node.height() >= tip).then(now_ns)
        });
        let patience = super::PATIENCE + super::BLOCK_PATIENCE.saturating_mul(behind);
        let level = self.in_time(patience, "it catches up", level).await?;
        let vote = self
            .until(late, "it votes", |node| node.first_vote_ns)
            .await?;
        let next = self.until(0, "a block with its vote", |node| {
            let block = node.blocks.last()?;
            (block.height > tip).then_some(block.t_ns)
        });
        let next = next.await?;
        self.signal(&spare, Signal::CONT)?;
        self.all_together().await?;
        let caught_up_ms = millis(level.saturating_sub(up));
        let behind = tip.0.saturating_sub(stored.0);
        Ok(DrillFigures::CatchUp {
            validator: late,
            behind,
            start_ms: millis(up.saturating_sub(began)),
            caught_up_ms,
            blocks_per_s: rate(behind, caught_up_ms),
            vote_ms: millis(vote.saturating_sub(level)),
            next_block_ms: millis(next.saturating_sub(level)),
        })
    }
}
