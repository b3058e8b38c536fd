//! A running network of neo-go goes over from its dBFT 2.0 to dBFT 3.0 beside the same nodes, and back: the procedure of
//! docs/operations.md, with the same commands.

mod beside;
mod further;
mod neo_go;

use std::collections::BTreeMap;
use std::time::Duration;

use neo_primitives::{Height, bft_quorum};
use serde::Serialize;
use tokio::time::sleep;

use self::beside::Beside;
use self::further::Further;
use self::neo_go::{switch_off, switch_on};
use super::super::statistics::millis;
use super::capture::BlockSighting;
use super::ground::Ground;
use super::lives::Software;
use crate::exit::Exit;

/// Blocks of each protocol before the next switch, at least.
const QUIET_BLOCKS: u32 = 4;
/// How often a switch is tried, should more than f validators have signed a block that nobody has.
const ATTEMPTS: u32 = 3;

/// There and back again.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MigrationFigures {
    /// To dBFT 3.0.
    pub(crate) there: SwitchFigures,
    /// To neo-go's dBFT 2.0.
    pub(crate) back: SwitchFigures,
    /// Blocks that dBFT 3.0 made.
    pub(crate) blocks_between: u32,
    /// Height of the further neo-go node that followed the chain through both switches.
    pub(crate) further_node: Height,
    /// Whether all neo-go nodes and that one have the same blocks: the genesis block and the newest ones before, between
    /// and after the switches, of which the first are those that were there before.
    pub(crate) same_chain: bool,
}

/// One switch.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SwitchFigures {
    /// The last block before it.
    pub(crate) height: Height,
    /// From that block to the next one, in milliseconds, as they came to the observer.
    pub(crate) stop_ms: f64,
    /// Validators that left the first height to the others, or came later, since their key had signed a block that was
    /// not there.
    pub(crate) apart: Vec<usize>,
}

impl MigrationFigures {
    /// For people.
    pub(super) fn line(&self) -> String {
        let Self { there, back, .. } = self;
        format!(
            "    to dBFT 3.0 above block {}: no block for {:.0} ms and back for {:.0} ms above block {}; {} blocks between; \
             a further neo-go node is at {}",
            there.height,
            there.stop_ms,
            back.stop_ms,
            back.height,
            self.blocks_between,
            self.further_node
        )
    }
}

impl SwitchFigures {
    /// Of one after which there are some blocks by now.
    fn of(ground: &Ground<'_>, (height, apart): Switched) -> Self {
        Self {
            height,
            stop_ms: ground.capture.read(|seen| stop_ms(&seen.blocks, height)),
            apart,
        }
    }

    fn line(&self, to: &str) -> String {
        let Self {
            height, stop_ms, ..
        } = self;
        format!("{to} above block {height}: no block for {stop_ms:.0} ms")
    }
}

/// Carries it out: `between` is how long dBFT 3.0 makes blocks.
///
/// # Errors
/// If a command fails, a node ends, or blocks stop.
pub(crate) async fn run(
    ground: &Ground<'_>,
    between: Duration,
) -> anyhow::Result<MigrationFigures> {
    let further = Further::start(ground).await?;
    let beside = Beside::import(ground).await?;
    ground.blocks(QUIET_BLOCKS).await?;
    let before = further.hash(0, further.tip(0).await?).await?;
    let there = tokio::select! {
        there = to_three(ground, &beside) => there?,
        error = beside.until_one_ended() => return Err(error),
    };
    let there = SwitchFigures::of(ground, there);
    ground.display.say(&there.line("dBFT 3.0"));
    tokio::select! {
        () = sleep(between) => {}
        error = beside.until_one_ended() => return Err(error),
    }
    ground.blocks(QUIET_BLOCKS).await?;
    let middle = further.tip(0).await?;
    let back = to_two(ground, &beside).await?;
    ground.blocks(QUIET_BLOCKS).await?;
    let back = SwitchFigures::of(ground, back);
    ground.display.say(&back.line("dBFT 2.0"));
    beside.stop().await;
    let end = ground.seen.greatest_height();
    let reached = ground.within("the further node has the chain", further.until(end));
    let further_node = reached.await?;
    let mut same_chain = true;
    for height in [Height(0), there.height, middle, back.height, end] {
        same_chain &= further.agrees(height).await?;
    }
    same_chain &= further.hash(0, before.0).await? == before;
    further.stop().await;
    Ok(MigrationFigures {
        blocks_between: back.height.0.saturating_sub(there.height.0),
        there,
        back,
        further_node,
        same_chain,
    })
}

/// The time without a block around the end of a protocol whose last block is this one, give or take one that was under way.
fn stop_ms(blocks: &BTreeMap<Height, BlockSighting>, last: Height) -> f64 {
    let from = Height(last.0.saturating_sub(1));
    let near = blocks.range(from..).take(4).map(|(_, block)| block.t_ns);
    let near: Vec<u64> = near.collect();
    let gaps = near.array_windows();
    let gaps = gaps.map(|[before, after]| after.saturating_sub(*before));
    gaps.max().map_or(0.0, millis)
}

/// The last block before a switch, and the validators that were apart.
type Switched = (Height, Vec<usize>);

async fn to_three(ground: &Ground<'_>, beside: &Beside<'_>) -> anyhow::Result<Switched> {
    let validators = ground.validators();
    let faulty = validators.saturating_sub(bft_quorum(validators));
    for _ in 0..ATTEMPTS {
        // What the first ones have half signed, the others complete.
        let (first, rest): (Vec<_>, Vec<_>) = (0..validators).partition(|index| *index <= faulty);
        switch_off(ground, &first).await?;
        switch_off(ground, &rest).await?;
        let height = ground.seen.greatest_height();
        for validator in 0..validators {
            ground.processes.lives().ends(validator);
        }
        let apart = beside.take_over().await?;
        if apart.len() > faulty {
            switch_on(ground, &(0..validators).collect::<Vec<_>>()).await?;
            ground.blocks(1).await?;
            continue;
        }
        beside.start()?;
        ground.blocks(QUIET_BLOCKS).await?;
        return Ok((height, apart));
    }
    let problem = "more than f validators had signed a block that nobody has, each time";
    Err(Exit::Failure.error(problem))
}

async fn to_two(ground: &Ground<'_>, beside: &Beside<'_>) -> anyhow::Result<Switched> {
    let validators = ground.validators();
    beside.end().await;
    let height = ground.seen.greatest_height();
    let apart = beside.hand_back().await?;
    let free: Vec<_> = (0..validators).filter(|one| !apart.contains(one)).collect();
    if free.len() < bft_quorum(validators) {
        return Err(Exit::Failure.error(format!(
            "validators {apart:?} have signed a block that is not there: fewer than M are handed back"
        )));
    }
    switch_on(ground, &free).await?;
    ground.blocks(1).await?;
    switch_on(ground, &apart).await?;
    for validator in 0..validators {
        let lives = ground.processes.lives();
        lives.begins(validator, Software::NeoGo, ground.seen.greatest_height());
    }
    Ok((height, apart))
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::UInt256;

    #[test]
    fn the_stop_is_the_gap_around_the_last_block() {
        let times = [
            (1, 9_000),
            (2, 10_000),
            (3, 11_000),
            (4, 14_500),
            (5, 15_500),
            (6, 30_000),
        ];
        let block = |(height, ms): (u32, u64)| {
            let sighting = BlockSighting {
                primary: 0,
                hash: UInt256::ZERO,
                t_ns: ms * 1_000_000,
            };
            (Height(height), sighting)
        };
        let blocks: BTreeMap<_, _> = times.map(block).into();
        assert_eq!(stop_ms(&blocks, Height(3)), 3_500.0);
        // One that was under way came after all.
        assert_eq!(stop_ms(&blocks, Height(2)), 3_500.0);
        assert_eq!(stop_ms(&blocks, Height(7)), 0.0);
    }
}
