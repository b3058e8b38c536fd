//! What becomes of a validator whose Neo node fails: it is killed and started again, or frozen.

use std::collections::BTreeMap;
use std::time::Duration;

use neo_primitives::Height;
use rustix::process::Signal;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use super::super::clock::now_ns;
use super::super::display::Display;
use super::super::events::AlertEvent;
use super::super::mixed::signers;
use super::super::neo_go::NeoNodes;
use super::super::observations::{NodeSeen, Observations};
use super::super::patience::within;
use super::super::statistics::millis;
use super::AttachedPlan;
use crate::network_files::NetworkFolder;
use crate::rpc::Endpoint;

/// Blocks that all have together before a Neo node fails, and after it is back.
const QUIET_BLOCKS: u32 = 3;
/// How long it is away.
const AWAY: Duration = Duration::from_secs(20);
/// How long one step may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Heights that may be under way when it fails, and get the validator's vote all the same.
const UNDER_WAY: u32 = 2;
/// The alert of a validator whose Neo nodes do not serve.
const ALERT: &str = "neo-node";

/// How a Neo node fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NeoFault {
    /// `kill -9`; it is started again after 20 s.
    Kill,
    /// SIGSTOP: its connections stay and nothing answers; it goes on after 20 s.
    Freeze,
}

/// One failure of a Neo node.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct NeoTrial {
    /// Whose Neo node it was.
    pub(crate) validator: usize,
    /// How it failed.
    pub(crate) fault: NeoFault,
    /// The chain's height when it did.
    pub(crate) height: Height,
    /// How long it was away, in milliseconds.
    pub(crate) away_ms: f64,
    /// Blocks that the others made meanwhile.
    pub(crate) blocks_meanwhile: usize,
    /// The longest time between blocks meanwhile, in milliseconds.
    pub(crate) longest_gap_ms: f64,
    /// Whether the validator has another Neo node.
    pub(crate) spare: bool,
    /// Heights of them that began later than the failure and have the validator's signature.
    pub(crate) signed_meanwhile: Vec<Height>,
    /// From the failure to the first of their blocks, in milliseconds.
    pub(crate) taken_over_ms: Option<f64>,
    /// What the validator's alert said, if there was one.
    pub(crate) alert: Option<String>,
    /// From the failure to the alert, in milliseconds.
    pub(crate) alert_after_ms: Option<f64>,
    /// From the return to the end of the alert, in milliseconds.
    pub(crate) alert_over_after_ms: Option<f64>,
    /// From the return until the Neo node had the chain as it was then, in milliseconds.
    pub(crate) level_after_ms: f64,
    /// From the return to the first block with the validator's signature, in milliseconds.
    pub(crate) votes_after_ms: f64,
}

/// What trials work with.
pub(crate) struct NeoStage<'a> {
    /// The Neo nodes.
    pub(crate) neo: &'a NeoNodes<'a>,
    /// The files of the network.
    pub(crate) network: &'a NetworkFolder,
    /// What the validators report.
    pub(crate) seen: &'a Observations,
    /// Where validators and Neo nodes tell of witnesses.
    pub(crate) witnesses: Vec<Endpoint>,
    /// What people see.
    pub(crate) display: &'a Display,
}

impl NeoStage<'_> {
    /// Lets one Neo node after the other fail.
    ///
    /// # Errors
    /// If blocks stop, or a validator does not come back.
    pub(crate) async fn run(&self, faults: &[NeoFault]) -> anyhow::Result<Vec<NeoTrial>> {
        let mut done = Vec::new();
        for (number, fault) in faults.iter().enumerate() {
            let validator = AttachedPlan::victim(number, self.network.nodes().len());
            let trial = self.trial(*fault, validator).await?;
            self.display.say(&trial.line());
            done.push(trial);
        }
        Ok(done)
    }

    async fn trial(&self, fault: NeoFault, validator: usize) -> anyhow::Result<NeoTrial> {
        self.together().await?;
        let (height, failed_ns) = (self.seen.greatest_height(), now_ns());
        let until = Instant::now() + AWAY;
        match fault {
            NeoFault::Kill => self.neo.kill(validator).await?,
            NeoFault::Freeze => self.neo.signal(validator, Signal::STOP)?,
        }
        let spare = self.has_spare(validator);
        let raised = match spare {
            true => None,
            false => Some(self.alert(validator, true, failed_ns).await?),
        };
        sleep_until(until).await;
        // One that nobody waited for.
        let raised = raised.or_else(|| self.told(validator, true, failed_ns));
        let (back_at, back_ns) = (self.seen.greatest_height(), now_ns());
        match fault {
            NeoFault::Kill => self.neo.restart(validator)?,
            NeoFault::Freeze => self.neo.signal(validator, Signal::CONT)?,
        }
        let over = match raised.is_some() && !spare {
            true => Some(self.alert(validator, false, back_ns).await?),
            false => None,
        };
        let level = self.neo.seen().until(|nodes| {
            let node = nodes.get(validator)?;
            Some(node.block(back_at)?.t_ns)
        });
        let level = self.within("its Neo node catches up", level).await?;
        let votes = self.votes(validator, back_at);
        let votes = self.within("a block with its signature", votes).await?;
        self.together().await?;
        let from = Height(height.0.saturating_add(UNDER_WAY));
        let signed_meanwhile = self.signed(validator, from, back_at).await;
        let moments = self.seen.read(moments);
        let (blocks_meanwhile, longest) = gaps(&moments, failed_ns, back_ns);
        let since = |t_ns: u64, moment: u64| millis(t_ns.saturating_sub(moment));
        let first_signed = signed_meanwhile
            .first()
            .and_then(|height| moments.get(height));
        Ok(NeoTrial {
            validator,
            fault,
            height,
            away_ms: millis(back_ns.saturating_sub(failed_ns)),
            blocks_meanwhile,
            longest_gap_ms: millis(longest),
            spare,
            taken_over_ms: first_signed.map(|t_ns| since(*t_ns, failed_ns)),
            signed_meanwhile,
            alert_after_ms: raised.as_ref().map(|one| since(one.t_ns, failed_ns)),
            alert: raised.map(|one| one.text),
            alert_over_after_ms: over.map(|one| since(one.t_ns, back_ns)),
            level_after_ms: since(level, back_ns),
            votes_after_ms: since(votes, back_ns),
        })
    }

    async fn within<T>(&self, what: &str, happens: impl Future<Output = T>) -> anyhow::Result<T> {
        within(PATIENCE, what, happens).await
    }

    /// Waits until all validators and all Neo nodes have some blocks more.
    async fn together(&self) -> anyhow::Result<()> {
        let tip = self.seen.greatest_height();
        let goal = tip.checked_add(QUIET_BLOCKS).unwrap_or(tip);
        let all = async {
            self.seen.until_height(goal).await;
            self.neo.seen().until_height(goal).await;
        };
        self.within("all have more blocks", all).await
    }

    /// The alert of a validator that began or ended since a moment.
    async fn alert(
        &self,
        validator: usize,
        active: bool,
        from_ns: u64,
    ) -> anyhow::Result<AlertEvent> {
        let alert = self
            .seen
            .until(|nodes| find(nodes.get(validator)?, active, from_ns));
        let what = match active {
            true => "the alert of its validator",
            false => "the end of the alert of its validator",
        };
        self.within(what, alert).await
    }

    /// As [`NeoStage::alert`], if it is there by now.
    fn told(&self, validator: usize, active: bool, from_ns: u64) -> Option<AlertEvent> {
        self.seen
            .read(|nodes| find(nodes.get(validator)?, active, from_ns))
    }

    /// Whether a validator has more than the Neo node that fails.
    fn has_spare(&self, validator: usize) -> bool {
        let node = self.network.nodes().get(validator);
        node.is_some_and(|node| node.config().ledger.nodes.len() > 1)
    }

    /// Of these heights, both inclusive, those with a validator's signature.
    async fn signed(&self, validator: usize, from: Height, to: Height) -> Vec<Height> {
        let heights: Vec<_> = (from.0..=to.0).map(Height).collect();
        let signers = signers(&self.witnesses, &heights, self.network.genesis()).await;
        let own = signers.into_iter().filter(|(_, by)| *by == validator);
        own.map(|(height, _)| height).collect()
    }

    /// The moment of the first block above a height that has the validator's signature.
    async fn votes(&self, validator: usize, above: Height) -> u64 {
        let mut asked = above;
        loop {
            let above_asked = |nodes: &[NodeSeen]| {
                let tip = nodes.iter().map(NodeSeen::height).max()?;
                (tip > asked).then_some(tip)
            };
            let tip = self.seen.until(above_asked).await;
            // A block that nobody could tell of yet is asked for once more with the next.
            let signed = self.signed(validator, above.next(), tip).await;
            let moments = self.seen.read(moments);
            let first = signed.iter().find_map(|height| moments.get(height));
            if let Some(first) = first {
                return *first;
            }
            asked = tip;
        }
    }
}

impl NeoTrial {
    /// A line for people.
    pub(crate) fn line(&self) -> String {
        let ms =
            |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
        let validator = match self.spare {
            true => format!(
                "its validator votes with another one after {}, {} of them have its signature",
                ms(self.taken_over_ms),
                self.signed_meanwhile.len()
            ),
            false => format!(
                "alert after {}, over {} after the return",
                ms(self.alert_after_ms),
                ms(self.alert_over_after_ms)
            ),
        };
        format!(
            "Neo node of validator {} {} for {:.0} ms at height {}: {} blocks meanwhile, longest gap {:.0} ms; \
             {validator}; level {:.0} ms after it, vote in a block {:.0} ms after it",
            self.validator,
            match self.fault {
                NeoFault::Kill => "killed",
                NeoFault::Freeze => "frozen",
            },
            self.away_ms,
            self.height,
            self.blocks_meanwhile,
            self.longest_gap_ms,
            self.level_after_ms,
            self.votes_after_ms,
        )
    }
}

/// The first alert about Neo nodes that began or ended since a moment.
fn find(node: &NodeSeen, active: bool, from_ns: u64) -> Option<AlertEvent> {
    let mut alerts = node.alerts.iter();
    let wanted = |alert: &&AlertEvent| {
        alert.kind == ALERT && alert.active == active && alert.t_ns >= from_ns
    };
    alerts.find(wanted).cloned()
}

/// When each height had its block at the first validator, in nanoseconds since 1970.
pub(crate) fn moments(nodes: &[NodeSeen]) -> BTreeMap<Height, u64> {
    let mut first = BTreeMap::new();
    for block in nodes.iter().flat_map(|node| &node.blocks) {
        let at = first.entry(block.height).or_insert(block.t_ns);
        *at = block.t_ns.min(*at);
    }
    first
}

/// Blocks between two moments, and the longest time without one that overlaps them, in nanoseconds.
fn gaps(moments: &BTreeMap<Height, u64>, from_ns: u64, until_ns: u64) -> (usize, u64) {
    let within = |at: &&u64| (from_ns..until_ns).contains(*at);
    let blocks = moments.values().filter(within).count();
    let times: Vec<u64> = moments.values().copied().collect();
    let overlapping = times
        .array_windows()
        .filter(|[before, after]| *after > from_ns && *before < until_ns);
    let longest = overlapping.map(|[before, after]| after.saturating_sub(*before));
    (blocks, longest.max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::events::BlockEvent;
    use neo_primitives::UInt256;

    fn node(times: &[(u32, u64)]) -> NodeSeen {
        let block = |(height, t_ns): &(u32, u64)| BlockEvent {
            height: Height(*height),
            hash: UInt256::ZERO,
            t_ns: *t_ns,
            transactions: 0,
            view: None,
            decision_us: None,
            witness_us: None,
        };
        NodeSeen {
            blocks: times.iter().map(block).collect(),
            ..NodeSeen::default()
        }
    }

    #[test]
    fn a_block_is_there_when_the_first_has_it() {
        let late = node(&[(1, 10), (2, 90), (3, 91)]);
        let prompt = node(&[(2, 20), (3, 35), (4, 44)]);
        let moments = moments(&[late, prompt]);
        let times: Vec<_> = moments.values().copied().collect();
        assert_eq!(times, [10, 20, 35, 44]);
        // Of the three gaps the first ends before, the last begins within.
        assert_eq!(gaps(&moments, 21, 40), (1, 15));
        assert_eq!(gaps(&moments, 100, 200), (0, 0));
    }
}
