//! A validator that lost its disk, but not its checkpoints.

use std::process::Stdio;

use anyhow::Context as _;
use neo_ledger::STORE_FILE;
use neo_node::vote_log_file;
use neo_primitives::Height;
use rustix::process::Signal;
use serde_json::Value;
use tokio::process::Command;

use super::{DrillFigures, Ground, QUIET_BLOCKS};
use crate::devnet::clock::now_ns;
use crate::devnet::statistics::millis;
use crate::exit::Exit;

impl Ground<'_> {
    /// Kills the last validator, writes a checkpoint, removes its store and its vote log, lets the others make blocks,
    /// restores it and starts it again.
    pub(super) async fn restore(&self, behind: u32) -> anyhow::Result<DrillFigures> {
        let (late, spare) = self.cast();
        self.all_together().await?;
        self.kill(late).await?;
        self.command(late, &["checkpoint", "create"]).await?;
        let data = &self.node(late)?.config().data_dir;
        let store = data.join(STORE_FILE);
        std::fs::remove_file(&store).with_context(|| format!("{}", store.display()))?;
        let votes = data.join(vote_log_file::FOLDER);
        std::fs::remove_dir_all(&votes).with_context(|| format!("{}", votes.display()))?;
        self.display.say(&format!(
            "validator {late} lost its disk; the others make {behind} blocks"
        ));
        self.more_blocks(behind).await?;
        let began = now_ns();
        let restored = self
            .command(late, &["restore", "--checkpoint", "latest"])
            .await?;
        let restored_at = now_ns();
        let checkpoint = restored["height"].as_u64().map(u32::try_from);
        let checkpoint = checkpoint.context("the height that was restored")??;
        let start = now_ns();
        self.processes.restart(late)?;
        self.until(late, "it is up", |node| node.ready.then_some(()))
            .await?;
        let up = now_ns();
        let voting = self
            .until(late, "its silence ends", |node| node.voting_ns)
            .await?;
        let vote = self
            .until(late, "it votes", |node| node.first_vote_ns)
            .await?;
        // Now nothing goes on without it.
        let tip = self.stand_still(&spare).await?;
        let beyond = Height(tip.0.saturating_add(QUIET_BLOCKS));
        let counted = self
            .until(0, "blocks with its vote", |node| {
                (node.height() >= beyond).then_some(true)
            })
            .await;
        self.signal(&spare, Signal::CONT)?;
        let counted = counted?;
        self.all_together().await?;
        Ok(DrillFigures::Restore {
            validator: late,
            checkpoint: Height(checkpoint),
            restore_ms: millis(restored_at.saturating_sub(began)),
            start_ms: millis(up.saturating_sub(start)),
            silent_ms: millis(voting.saturating_sub(up)),
            vote_ms: millis(vote.saturating_sub(voting)),
            counted,
        })
    }

    /// Runs a command of this program on the files of a validator that is down, and gives what it prints.
    async fn command(&self, index: usize, arguments: &[&str]) -> anyhow::Result<Value> {
        let binary = std::env::current_exe().context("finding this program's file")?;
        let what = arguments.join(" ");
        let ended = Command::new(binary)
            .args(arguments)
            .arg("--config")
            .arg(self.node(index)?.config_file())
            .arg("--json")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let ended = self
            .within(&what, ended)
            .await?
            .with_context(|| what.clone())?;
        if !ended.status.success() {
            let said = String::from_utf8_lossy(&ended.stderr);
            let how = ended.status;
            return Err(Exit::Failure.error(format!("{what} for validator {index}: {how}: {said}")));
        }
        serde_json::from_slice(&ended.stdout).with_context(|| what)
    }
}
