//! What it costs when the leader fails: it is killed, or falls silent, at the moment at which it says that it leads.

use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::clock::now_ns;
use super::display::Display;
use super::observations::{NodeSeen, Observations};
use super::patience::within;
use super::processes::Processes;
use super::statistics::millis;
use crate::rpc::{Endpoint, RpcClient};

/// Blocks that all validators make together before the leader fails.
const QUIET_BLOCKS: u32 = 3;
/// Blocks without the leader after which it may come back.
const BLOCKS_WITHOUT: usize = 4;
/// How long one step of a trial may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions who leads.
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// How a leader fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LeaderFault {
    /// `kill -9`; it is started again after the trial.
    Kill,
    /// SIGSTOP: alive and silent; it goes on after the trial.
    Stop,
}

/// Leaders that fail one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaderTrials {
    /// How.
    pub(crate) fault: LeaderFault,
    /// How often.
    pub(crate) count: u32,
}

/// One trial.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Trial {
    /// The validator that led.
    pub(crate) leader: usize,
    /// The height that it led when it failed.
    pub(crate) height: u32,
    /// The view of that height.
    pub(crate) view: u32,
    /// From its answer that it leads to the signal, in milliseconds.
    pub(crate) answer_to_signal_ms: f64,
    /// From the last block before it failed to the signal, in milliseconds, at the lowest other validator.
    pub(crate) into_interval_ms: f64,
    /// The longest interval between blocks from then on until it came back, in milliseconds, at that validator.
    pub(crate) longest_gap_ms: f64,
    /// The view-0 timeout that the others had before, without jitter, in milliseconds, where they tell it.
    pub(crate) base_ms: Option<u64>,
    /// From its return to its being level with the others, in milliseconds.
    pub(crate) level_after_ms: f64,
}

/// All trials of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TrialFigures {
    /// How the leaders failed.
    pub(crate) fault: LeaderFault,
    /// The longest gap of all trials, in milliseconds.
    pub(crate) longest_gap_ms: f64,
    /// The trials.
    pub(crate) trials: Vec<Trial>,
}

impl TrialFigures {
    /// Of trials that ended.
    pub(crate) fn of(fault: LeaderFault, trials: Vec<Trial>) -> Self {
        let gaps = trials.iter().map(|trial| trial.longest_gap_ms);
        Self {
            fault,
            longest_gap_ms: gaps.fold(0.0, f64::max),
            trials,
        }
    }
}

/// What of `getconsensusstate` is needed here.
#[derive(Debug, Deserialize)]
struct State {
    voting: bool,
    height: Option<u32>,
    view: Option<u32>,
    leader: Option<Leader>,
    ownindex: Option<u8>,
    #[serde(default)]
    timer: Option<Timer>,
}

#[derive(Debug, Deserialize)]
struct Leader {
    index: u8,
}

#[derive(Debug, Deserialize)]
struct Timer {
    base_ms: u64,
}

impl State {
    /// Height and view that this node leads at this moment.
    fn leads(&self) -> Option<(u32, u32)> {
        let leader = self.leader.as_ref()?.index;
        let leads = self.voting && self.ownindex == Some(leader);
        leads.then_some((self.height?, self.view?))
    }
}

/// What trials work with.
pub(crate) struct Stage<'a> {
    /// The validators.
    pub(crate) processes: &'a Processes<'a>,
    /// What they report.
    pub(crate) seen: &'a Observations,
    /// Where they answer.
    pub(crate) endpoints: &'a [Endpoint],
    /// Target time between blocks.
    pub(crate) block_time: Duration,
}

impl Stage<'_> {
    /// Lets one leader fail and come back.
    ///
    /// # Errors
    /// If nobody leads, blocks stop, or it does not come back.
    pub(crate) async fn trial(&self, fault: LeaderFault) -> anyhow::Result<Trial> {
        let tip = self.seen.greatest_height();
        let quiet = tip.checked_add(QUIET_BLOCKS).unwrap_or(tip);
        self.within(
            "the validators make blocks together",
            self.seen.until_height(quiet),
        )
        .await?;
        // Any moment of an interval.
        sleep(self.block_time.mul_f64(rand::random::<f64>())).await;
        let base_ms = self.base().await;
        let (leader, height, view, answered) = self
            .within("some validator leads", self.until_one_leads())
            .await?;
        match fault {
            LeaderFault::Kill => self.processes.kill(leader)?,
            LeaderFault::Stop => self.processes.signal(leader, Signal::STOP)?,
        }
        let (answer_to_signal, failed_ns) = (answered.elapsed(), now_ns());
        let other = usize::from(leader == 0);
        let gap = self.seen.until(|nodes| {
            let (before, after) = around(nodes.get(other)?, failed_ns);
            (after.len() >= BLOCKS_WITHOUT).then(|| (before, longest(before, &after)))
        });
        let gap = self.within("blocks go on without the leader", gap).await;
        let back = Instant::now();
        match fault {
            LeaderFault::Kill => {
                self.processes.bury(leader).await;
                self.processes.restart(leader)?;
            }
            LeaderFault::Stop => self.processes.signal(leader, Signal::CONT)?,
        }
        let (before, longest_gap) = gap?;
        let level = self.seen.until(|nodes| {
            let highest = nodes.iter().map(NodeSeen::height).max()?;
            let own = nodes.get(leader)?;
            (own.ready && own.height() >= highest).then_some(())
        });
        self.within("it catches up", level).await?;
        Ok(Trial {
            leader,
            height,
            view,
            answer_to_signal_ms: answer_to_signal.as_secs_f64() * 1_000.0,
            into_interval_ms: millis(failed_ns.saturating_sub(before)),
            longest_gap_ms: millis(longest_gap),
            base_ms,
            level_after_ms: back.elapsed().as_secs_f64() * 1_000.0,
        })
    }

    async fn within<T>(&self, what: &str, happens: impl Future<Output = T>) -> anyhow::Result<T> {
        within(PATIENCE, what, happens).await
    }

    async fn state(&self, index: usize) -> Option<State> {
        let mut client = RpcClient::new(self.endpoints.get(index)?.clone()).ok()?;
        client.call("getconsensusstate", json!([])).await.ok()
    }

    /// The greatest view-0 timeout of all that tell it.
    async fn base(&self) -> Option<u64> {
        let asked = (0..self.endpoints.len()).map(|index| self.state(index));
        let states = futures::future::join_all(asked).await;
        let told = states.into_iter().flatten().filter_map(|state| state.timer);
        told.map(|timer| timer.base_ms).max()
    }

    /// Asks one after the other until one says that it leads: who, height, view, and when the answer came.
    async fn until_one_leads(&self) -> (usize, u32, u32, Instant) {
        loop {
            for index in 0..self.endpoints.len() {
                if let Some((height, view)) =
                    self.state(index).await.as_ref().and_then(State::leads)
                {
                    return (index, height, view, Instant::now());
                }
            }
            sleep(ASK_AGAIN).await;
        }
    }
}

/// Runs all trials.
///
/// # Errors
/// As of one trial.
pub(crate) async fn run(
    stage: &Stage<'_>,
    trials: LeaderTrials,
    display: &Display,
) -> anyhow::Result<TrialFigures> {
    let mut done = Vec::new();
    for number in 1..=trials.count {
        let trial = stage.trial(trials.fault).await?;
        display.say(&format!(
            "trial {number}: validator {} led height {}, longest gap {:.0} ms",
            trial.leader, trial.height, trial.longest_gap_ms
        ));
        done.push(trial);
    }
    Ok(TrialFigures::of(trials.fault, done))
}

/// The moment of the last block of a node before `moment`, and those of the blocks after it.
fn around(node: &NodeSeen, moment: u64) -> (u64, Vec<u64>) {
    let times = node.blocks.iter().map(|block| block.t_ns);
    let before = times.clone().filter(|at| *at <= moment).max();
    let after = times.filter(|at| *at > moment).collect();
    (before.unwrap_or(moment), after)
}

fn longest(before: u64, after: &[u64]) -> u64 {
    let starts = std::iter::once(&before).chain(after);
    let gaps = starts.zip(after).map(|(from, to)| to.saturating_sub(*from));
    gaps.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::events::BlockEvent;
    use neo_primitives::{Height, UInt256};

    fn node(times: &[u64]) -> NodeSeen {
        let block = |(height, t_ns): (u32, &u64)| BlockEvent {
            height: Height(height),
            hash: UInt256::ZERO,
            t_ns: *t_ns,
            transactions: 0,
            view: None,
            decision_us: None,
            witness_us: None,
        };
        NodeSeen {
            blocks: (1..).zip(times).map(block).collect(),
            ..NodeSeen::default()
        }
    }

    #[test]
    fn the_gap_begins_with_the_last_block_before_the_failure() {
        let (before, after) = around(&node(&[10, 20, 45, 52, 60]), 27);
        assert_eq!((before, after.clone()), (20, vec![45, 52, 60]));
        assert_eq!(longest(before, &after), 25);
        assert_eq!(around(&node(&[]), 27), (27, vec![]));
        assert_eq!(longest(5, &[]), 0);
    }

    #[test]
    fn only_a_voting_validator_leads() {
        let state = |voting, own: Option<u8>, leader: u8| -> State {
            serde_json::from_value(json!({
                "voting": voting, "height": 7, "view": 1, "ownindex": own, "leader": {"index": leader},
            }))
            .unwrap()
        };
        assert_eq!(state(true, Some(2), 2).leads(), Some((7, 1)));
        assert_eq!(state(true, Some(2), 3).leads(), None);
        assert_eq!(state(false, Some(2), 2).leads(), None);
        assert_eq!(state(true, None, 2).leads(), None);
    }
}
