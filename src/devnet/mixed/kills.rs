//! Each validator in turn is killed (`kill -9`), missed for a view change, started again, and back.

use std::str::FromStr;

use neo_consensus::v2::Kind;
use neo_primitives::Height;
use rustix::process::Signal;
use serde::Serialize;

use super::super::clock::now_ns;
use super::super::statistics::millis;
use super::ground::{Ground, longest_gap_ms};
use super::lives::Software;
use super::observer::PREPARING;

/// Blocks that all validators make together before one is killed.
const QUIET_BLOCKS: u32 = 3;
/// Blocks with the one that came back before the next is killed.
const BLOCKS_AFTER: u32 = 2;
/// How long after a RecoveryRequest an answer counts, in block times.
const ANSWER_BLOCKS: u32 = 4;

/// One validator that was killed and came back.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct KillFigures {
    /// Its index.
    pub(crate) validator: usize,
    /// Its program.
    pub(crate) software: Software,
    /// The first height that it should have led and another one did.
    pub(crate) missed_height: Height,
    /// The view in which that was decided.
    pub(crate) view: usize,
    /// Who led that view.
    pub(crate) next_primary: usize,
    /// The program of that one.
    pub(crate) next_primary_software: Option<Software>,
    /// The longest time between blocks from the kill until it was started again, in milliseconds.
    pub(crate) longest_gap_ms: f64,
    /// How long the others were frozen after its start, in milliseconds.
    pub(crate) alone_ms: f64,
    /// From its start to its RPC answering, in milliseconds.
    pub(crate) ready_ms: f64,
    /// From its start to its first PrepareRequest or PrepareResponse on the network.
    pub(crate) first_preparation_ms: Option<f64>,
    /// From its start to its first Commit on the network.
    pub(crate) first_commit_ms: f64,
    /// RecoveryRequests that it sent since its start, until then.
    pub(crate) recovery_requests: usize,
    /// Programs whose validators answered them with RecoveryMessages.
    pub(crate) answered_by: Vec<Software>,
}

/// Which validators are killed, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turns {
    /// All.
    All,
    /// These.
    Of(Vec<usize>),
}

impl FromStr for Turns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::All);
        }
        let index = |part: &str| {
            let parsed = part.parse();
            parsed.map_err(|_| format!("`{part}` is no index of a validator"))
        };
        text.split(',')
            .map(index)
            .collect::<Result<_, _>>()
            .map(Self::Of)
    }
}

impl Turns {
    /// The first one that such a network does not have.
    pub(crate) fn beyond(&self, validators: usize) -> Option<usize> {
        match self {
            Self::All => None,
            Self::Of(turns) => turns.iter().copied().find(|turn| *turn >= validators),
        }
    }

    fn of(&self, validators: usize) -> Vec<usize> {
        match self {
            Self::All => (0..validators).collect(),
            Self::Of(turns) => turns.clone(),
        }
    }
}

/// Kills one validator after the other.
///
/// # Errors
/// If blocks stop, no view changes, or one does not come back.
pub(crate) async fn run(ground: &Ground<'_>, turns: &Turns) -> anyhow::Result<Vec<KillFigures>> {
    let mut done = Vec::new();
    for validator in turns.of(ground.validators()) {
        let figures = one(ground, validator).await?;
        ground.display.say(&format!(
            "validator {validator} ({}) killed: longest gap {:.0} ms, validator {} led view {} of height {}; first Commit \
             {:.0} ms after its start",
            figures.software.name(),
            figures.longest_gap_ms,
            figures.next_primary,
            figures.view,
            figures.missed_height,
            figures.first_commit_ms,
        ));
        done.push(figures);
    }
    Ok(done)
}

async fn one(ground: &Ground<'_>, validator: usize) -> anyhow::Result<KillFigures> {
    let software = ground.software(validator);
    ground.blocks(QUIET_BLOCKS).await?;
    let killed_ns = now_ns();
    ground.processes.kill(validator)?;
    ground.processes.bury(validator).await;
    // What it had sent may still be decided without a view change.
    let validators = ground.validators();
    let missed = ground.capture.until(|seen| {
        let mut later = seen
            .blocks
            .iter()
            .filter(|(_, block)| block.t_ns > killed_ns);
        later.find_map(|(height, block)| {
            let led = usize::try_from(height.0).ok()? % validators;
            (led == validator && block.primary != validator).then_some((*height, block.primary))
        })
    });
    let (missed_height, next_primary) = ground.within("a view without it", missed).await?;
    let begin = match software {
        // It asks for recovery as soon as it starts.
        Software::NeoDbft => begin(ground, validator).await?,
        Software::NeoGo => begin_alone(ground, validator).await?,
    };
    let (started_ns, ready_ms) = (begin.started_ns, begin.ready_ms);
    let commit = ground
        .capture
        .until(|seen| seen.first(validator, &[Kind::Commit], started_ns));
    let commit = ground.within("its first Commit", commit).await?;
    let preparation = ground
        .capture
        .read(|seen| seen.first(validator, &PREPARING, started_ns));
    ground.blocks(BLOCKS_AFTER).await?;
    let (recovery_requests, answered_by) = ground.recovery(validator, started_ns, ANSWER_BLOCKS);
    Ok(KillFigures {
        validator,
        software,
        missed_height,
        view: (validator + validators - next_primary) % validators,
        next_primary,
        next_primary_software: Some(ground.software(next_primary)),
        longest_gap_ms: longest_gap_ms(ground.capture, killed_ns, started_ns),
        alone_ms: begin.alone_ms,
        ready_ms,
        first_preparation_ms: preparation
            .map(|first| millis(first.t_ns.saturating_sub(started_ns))),
        first_commit_ms: millis(commit.t_ns.saturating_sub(started_ns)),
        recovery_requests,
        answered_by,
    })
}

/// How a validator was started again.
struct Begin {
    started_ns: u64,
    ready_ms: f64,
    alone_ms: f64,
}

async fn begin(ground: &Ground<'_>, validator: usize) -> anyhow::Result<Begin> {
    let started_ns = now_ns();
    ground.processes.restart(validator)?;
    ground.until_ready(validator).await?;
    Ok(Begin {
        started_ns,
        ready_ms: millis(now_ns().saturating_sub(started_ns)),
        alone_ms: 0.0,
    })
}

/// neo-go asks for recovery only when a view has timed out in which it has heard of less than M validators; a neo-go
/// that comes back while the others go on hears them all. So these are frozen (SIGSTOP) right after a block, and go on
/// as soon as the RecoveryRequest of the one that was started is on the network.
async fn begin_alone(ground: &Ground<'_>, validator: usize) -> anyhow::Result<Begin> {
    let tip = ground.capture.read(|seen| seen.blocks.len());
    let next = ground
        .capture
        .until(|seen| (seen.blocks.len() > tip).then_some(()));
    ground.within("a block", next).await?;
    let others = || (0..ground.validators()).filter(|other| *other != validator);
    for other in others() {
        ground.processes.signal(other, Signal::STOP)?;
    }
    let begun = async {
        let mut begin = begin(ground, validator).await?;
        let request = ground
            .capture
            .until(|seen| seen.first(validator, &[Kind::RecoveryRequest], begin.started_ns));
        ground.within("its RecoveryRequest", request).await?;
        begin.alone_ms = millis(now_ns().saturating_sub(begin.started_ns));
        Ok(begin)
    };
    let begun = begun.await;
    for other in others() {
        ground.processes.signal(other, Signal::CONT)?;
    }
    begun
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_all_or_named() {
        assert_eq!("all".parse(), Ok(Turns::All));
        assert_eq!("2,0".parse(), Ok(Turns::Of(vec![2, 0])));
        for text in ["", "1,", "x", "-1"] {
            assert!(text.parse::<Turns>().is_err(), "{text}");
        }
        assert_eq!(Turns::All.of(3), [0, 1, 2]);
        assert_eq!(Turns::Of(vec![3, 0]).beyond(4), None);
        assert_eq!(Turns::Of(vec![3, 4]).beyond(4), Some(4));
    }
}
