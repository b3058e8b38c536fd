//! The figures of a run.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use neo_primitives::{Height, UInt256};
use serde::Serialize;

use super::accusations::Charges;
use super::attached::AttachedFigures;
use super::cast::{Cast, Part};
use super::drill::DrillFigures;
use super::events::{BlockEvent, NodeSummary};
use super::load::Sent;
use super::memory::MemoryFigures;
use super::mixed::{MixedFigures, Software};
use super::observations::NodeSeen;
use super::statistics::{Pace, Percentiles, block_intervals, millis, ratio};
use super::trials::TrialFigures;
use super::usage::Usage;

/// The figures of a run; with `--json` this is what standard output gets.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    /// Number of validators.
    pub(crate) validators: usize,
    /// Length of the phase in which transactions were sent, in seconds.
    pub(crate) duration_s: f64,
    /// From the start of this program to the first final block.
    pub(crate) time_to_first_block_ms: Option<f64>,
    /// Final blocks since the start, at the lowest validator that lasts.
    pub(crate) blocks: usize,
    /// Blocks per second in the measured phase.
    pub(crate) blocks_per_s: f64,
    /// Transactions that were sent.
    pub(crate) tx_submitted: usize,
    /// Those of them that are in final blocks.
    pub(crate) tx_committed: usize,
    /// Those of them that no node took.
    pub(crate) tx_refused: u64,
    /// Why, with numbers.
    pub(crate) refusals: BTreeMap<String, u64>,
    /// Transactions per second that became final before the measured phase ended.
    pub(crate) tps: f64,
    /// Wall-clock time between final blocks at that validator, from block 2 on.
    pub(crate) block_interval_ms: Percentiles,
    /// The target time between blocks.
    pub(crate) block_time_ms: f64,
    /// The intervals of the measured phase against it.
    pub(crate) pace: Pace,
    /// From the first sight of a proposal to its decision, at every validator.
    pub(crate) decision_ms: Percentiles,
    /// From the first sight of a proposal to its full witness, at every validator.
    pub(crate) witness_ms: Percentiles,
    /// From submission to finality at the node that got the transaction.
    pub(crate) latency_ms: Percentiles,
    /// Views that were left without a decision, at the validator that left most.
    pub(crate) view_changes: u64,
    /// Consensus messages that all validators sent, per block; one to three receivers counts as three.
    pub(crate) consensus_messages_per_block: f64,
    /// Their bytes per block.
    pub(crate) consensus_bytes_per_block: f64,
    /// Bytes of one message.
    pub(crate) message_bytes_avg: f64,
    /// Processor time of this program, which makes and measures the load, in seconds.
    pub(crate) generator_cpu_s: Option<f64>,
    /// Whether all validators that lasted reached the same height with the same hash.
    pub(crate) tips_agree: bool,
    /// The attacker and what the others found out about it.
    pub(crate) byzantine: Option<AttackFigures>,
    /// What the failures of leaders cost.
    pub(crate) trials: Option<TrialFigures>,
    /// What the drill measured.
    pub(crate) drill: Option<DrillFigures>,
    /// What a network of dBFT 2.0 did.
    pub(crate) mixed: Option<MixedFigures>,
    /// What validators beside Neo nodes did.
    pub(crate) attached: Option<AttachedFigures>,
    /// The validators.
    pub(crate) nodes: Vec<NodeFigures>,
}

/// An attacker, and what the lasting validators found out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct AttackFigures {
    /// Its index.
    pub(crate) validator: usize,
    /// What it did.
    pub(crate) mode: &'static str,
    /// How many validators lasted.
    pub(crate) lasting: usize,
    /// How many of them hold something against the attacker.
    pub(crate) named_by: usize,
    /// What they hold against it, added up.
    pub(crate) charges: Charges,
    /// Bans of peers that proved no validator's key, by reason.
    pub(crate) strangers: BTreeMap<String, u64>,
    /// Honest validators that somebody holds something against, added up.
    pub(crate) honest_accused: BTreeMap<usize, Charges>,
}

impl AttackFigures {
    fn of(cast: &Cast, seen: &[NodeSeen]) -> Option<Self> {
        let (validator, mode) = cast.attacker()?;
        let mut figures = Self {
            validator,
            mode: mode.name(),
            lasting: cast.lasting().count(),
            named_by: 0,
            charges: Charges::default(),
            strangers: BTreeMap::new(),
            honest_accused: BTreeMap::new(),
        };
        for node in seen.iter().filter(|node| node.lasting) {
            for accused in node.accusations.accused() {
                let Some(charges) = node.accusations.charges(accused) else {
                    continue;
                };
                if accused == validator {
                    figures.named_by += 1;
                    figures.charges.add(charges);
                } else {
                    figures
                        .honest_accused
                        .entry(accused)
                        .or_default()
                        .add(charges);
                }
            }
            for (reason, count) in node.accusations.strangers() {
                *figures.strangers.entry(reason.clone()).or_default() += count;
            }
        }
        Some(figures)
    }
}

/// One validator at the end.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct NodeFigures {
    /// Its index.
    pub(crate) index: usize,
    /// Its program.
    pub(crate) software: Software,
    /// Its part in the run.
    pub(crate) part: Part,
    /// The height at which tips were compared, or its own if it did not reach it.
    pub(crate) height: Height,
    /// Hash of its block of that height.
    pub(crate) tip: Option<UInt256>,
    /// Where its RPC server listened.
    pub(crate) rpc: String,
    /// Where its metrics were.
    pub(crate) metrics: Option<String>,
    /// Its process.
    pub(crate) pid: u32,
    /// Processor time in seconds.
    pub(crate) cpu_s: Option<f64>,
    /// Greatest resident memory in MiB.
    pub(crate) peak_rss_mb: Option<f64>,
    /// Its memory over the measured phase.
    pub(crate) memory: Option<MemoryFigures>,
}

/// When things happened, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    /// This program started.
    pub(crate) started: u64,
    /// The load began.
    pub(crate) load_began: u64,
    /// The load ended.
    pub(crate) load_ended: u64,
}

impl Moments {
    fn load(&self) -> Duration {
        Duration::from_nanos(self.load_ended.saturating_sub(self.load_began))
    }
}

/// What the summary is made of.
pub(crate) struct Measured<'a> {
    /// When.
    pub(crate) moments: Moments,
    /// Target time between blocks.
    pub(crate) block_time: Duration,
    /// Who played which part.
    pub(crate) cast: &'a Cast,
    /// What the validators reported.
    pub(crate) seen: &'a [NodeSeen],
    /// What was sent.
    pub(crate) sent: &'a [Sent],
    /// Refusals by reason.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Block of each transaction.
    pub(crate) included: &'a HashMap<UInt256, Height>,
    /// The last height that counts.
    pub(crate) height: Height,
    /// The validators at the end.
    pub(crate) nodes: Vec<NodeFigures>,
    /// Whether their tips agree.
    pub(crate) tips_agree: bool,
    /// What the failures of leaders cost.
    pub(crate) trials: Option<TrialFigures>,
    /// What the drill measured.
    pub(crate) drill: Option<DrillFigures>,
    /// What a network of dBFT 2.0 did.
    pub(crate) mixed: Option<MixedFigures>,
    /// What validators beside Neo nodes did.
    pub(crate) attached: Option<AttachedFigures>,
    /// What this program used.
    pub(crate) own: Option<Usage>,
}

impl Summary {
    /// Works out the figures.
    pub(crate) fn of(measured: Measured<'_>) -> Self {
        let Measured {
            moments,
            block_time,
            cast,
            seen,
            sent,
            refused,
            included,
            height,
            nodes,
            tips_agree,
            trials,
            drill,
            mixed,
            attached,
            own,
        } = measured;
        let first = seen.get(cast.reference());
        let all: &[BlockEvent] = first.map(|node| node.blocks.as_slice()).unwrap_or_default();
        let counted = all.partition_point(|block| block.height <= height);
        let reported = all.get(..counted).unwrap_or(all);
        let blocks = match trials.is_some() || mixed.is_some() || attached.is_some() {
            true => earliest(reported, cast, seen),
            false => reported.to_vec(),
        };
        let blocks = blocks.as_slice();
        let seconds = moments.load().as_secs_f64();
        let within = |t_ns: u64| (moments.load_began..moments.load_ended).contains(&t_ns);
        // The node that got a transaction may have missed its block at the end; then the first one counts.
        let finality = |sent: &Sent| {
            let height = *included.get(&sent.hash)?;
            let at = |node: &NodeSeen| node.block(height).map(|block| block.t_ns);
            seen.get(sent.node).and_then(at).or_else(|| at(first?))
        };
        let committed: Vec<(u64, u64)> = sent
            .iter()
            .filter_map(|sent| Some((sent.t_ns, finality(sent)?)))
            .collect();
        let in_time = committed
            .iter()
            .filter(|(_, final_at)| within(*final_at))
            .count();
        let latencies = committed
            .iter()
            .map(|(sent, final_at)| final_at.saturating_sub(*sent));
        let of_all = |pick: fn(&BlockEvent) -> Option<u64>| {
            let blocks = seen.iter().flat_map(|node| &node.blocks);
            Percentiles::of_nanos(
                blocks
                    .filter_map(pick)
                    .map(|micros| micros.saturating_mul(1_000))
                    .collect(),
            )
        };
        // The first interval of the measured phase begins with the last block before it.
        let before = blocks.partition_point(|block| block.t_ns < moments.load_began);
        let until = blocks.partition_point(|block| block.t_ns < moments.load_ended);
        let measured = blocks
            .get(before.saturating_sub(1)..until)
            .unwrap_or_default();
        let totals = totals(seen);
        // The totals are of whole lives, with the blocks that came while the validators were stopping.
        let per_block = |total: u64| ratio(total as f64, all.len() as f64);
        Self {
            validators: seen.len(),
            duration_s: ratio(seconds, 1.0),
            time_to_first_block_ms: blocks
                .first()
                .map(|block| millis(block.t_ns.saturating_sub(moments.started))),
            blocks: blocks.len(),
            blocks_per_s: ratio(
                blocks.iter().filter(|block| within(block.t_ns)).count() as f64,
                seconds,
            ),
            tx_submitted: sent.len(),
            tx_committed: committed.len(),
            tx_refused: refused.values().sum(),
            refusals: refused,
            tps: ratio(in_time as f64, seconds),
            block_interval_ms: Percentiles::of_nanos(block_intervals(blocks)),
            block_time_ms: ratio(block_time.as_secs_f64() * 1_000.0, 1.0),
            pace: Pace::of(&block_intervals(measured), block_time),
            decision_ms: of_all(|block| block.decision_us),
            witness_ms: of_all(|block| block.witness_us),
            latency_ms: Percentiles::of_nanos(latencies.collect()),
            view_changes: totals.view_changes,
            consensus_messages_per_block: per_block(totals.messages),
            consensus_bytes_per_block: per_block(totals.message_bytes),
            message_bytes_avg: ratio(totals.message_bytes as f64, totals.messages as f64),
            generator_cpu_s: own.map(|own| ratio(own.cpu_s, 1.0)),
            tips_agree,
            byzantine: AttackFigures::of(cast, seen),
            trials,
            drill,
            mixed,
            attached,
            nodes,
        }
    }
}

/// Blocks at the moments at which the first validator reported them. Trials kill or stop every validator, or its Neo node,
/// now and then, also the one at which blocks are counted: what it reports when it is back is no interval of the network.
fn earliest(blocks: &[BlockEvent], cast: &Cast, seen: &[NodeSeen]) -> Vec<BlockEvent> {
    let earliest = |block: &BlockEvent| {
        let others = cast.lasting().filter_map(|index| seen.get(index));
        let at = others.filter_map(|node| Some(node.block(block.height)?.t_ns));
        BlockEvent {
            t_ns: at.min().unwrap_or(block.t_ns),
            ..*block
        }
    };
    blocks.iter().map(earliest).collect()
}

/// Sums of the validators' totals; of view changes the greatest, since all see the same ones.
fn totals(seen: &[NodeSeen]) -> NodeSummary {
    let mut totals = NodeSummary::default();
    for summary in seen.iter().filter_map(|node| node.summary) {
        totals.view_changes = totals.view_changes.max(summary.view_changes);
        totals.messages = totals.messages.saturating_add(summary.messages);
        totals.message_bytes = totals.message_bytes.saturating_add(summary.message_bytes);
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::byzantine::AttackMode;
    use crate::devnet::cast::Disturbances;
    use crate::devnet::events::Proof;
    use crate::devnet::trials::LeaderFault;

    const S: u64 = 1_000_000_000;

    fn hash(byte: u8) -> UInt256 {
        UInt256::from_wire([byte; 32])
    }

    /// A node with a block a second from second 1 on.
    fn node(blocks: u32, late_ns: u64) -> NodeSeen {
        let block = |height: u32| BlockEvent {
            height: Height(height),
            hash: hash(0),
            t_ns: u64::from(height) * S + late_ns,
            transactions: 1,
            view: Some(0),
            decision_us: Some(20_000),
            witness_us: None,
        };
        NodeSeen {
            blocks: (1..=blocks).map(block).collect(),
            summary: Some(NodeSummary {
                view_changes: 1,
                messages: 100,
                message_bytes: 20_000,
                ..NodeSummary::default()
            }),
            ..NodeSeen::default()
        }
    }

    #[test]
    fn figures_of_a_small_run() {
        let seen = [node(10, 0), node(10, 5_000_000)];
        let sent = |byte, node, t_ns| Sent {
            hash: hash(byte),
            node,
            t_ns,
            accepted: true,
        };
        // Two become final in time, one in the drain, one never.
        let sent = [
            sent(1, 0, 3 * S),
            sent(2, 1, 3 * S),
            sent(3, 0, 7 * S),
            sent(4, 0, 7 * S),
        ];
        let included = HashMap::from([
            (hash(1), Height(4)),
            (hash(2), Height(4)),
            (hash(3), Height(9)),
            (hash(9), Height(9)),
        ]);
        let summary = Summary::of(Measured {
            moments: Moments {
                started: S / 2,
                load_began: 3 * S,
                load_ended: 8 * S,
            },
            block_time: Duration::from_secs(1),
            cast: &Cast::lasting_only(2),
            seen: &seen,
            sent: &sent,
            refused: BTreeMap::from([("full".to_owned(), 1)]),
            included: &included,
            height: Height(9),
            nodes: Vec::new(),
            tips_agree: true,
            trials: None,
            drill: None,
            mixed: None,
            attached: None,
            own: None,
        });
        assert_eq!((summary.validators, summary.blocks), (2, 9));
        assert_eq!(summary.time_to_first_block_ms, Some(500.0));
        assert_eq!(
            (
                summary.tx_submitted,
                summary.tx_committed,
                summary.tx_refused
            ),
            (4, 3, 1)
        );
        assert_eq!(
            (summary.duration_s, summary.tps, summary.blocks_per_s),
            (5.0, 0.4, 1.0)
        );
        assert_eq!(
            summary.block_interval_ms,
            Percentiles {
                p50: Some(1_000.0),
                p99: Some(1_000.0)
            }
        );
        assert_eq!(summary.decision_ms.p50, Some(20.0));
        assert_eq!(summary.witness_ms.p50, None);
        assert_eq!(
            summary.latency_ms,
            Percentiles {
                p50: Some(1_005.0),
                p99: Some(2_000.0)
            }
        );
        // Of the blocks at 3 to 7 s, and the one before.
        assert_eq!((summary.pace.intervals, summary.pace.over_1_5), (5, 0));
        assert!(summary.byzantine.is_none());
        assert_eq!(summary.view_changes, 1);
        assert_eq!(summary.consensus_messages_per_block, 20.0);
        assert_eq!(summary.consensus_bytes_per_block, 4_000.0);
        assert_eq!(summary.message_bytes_avg, 200.0);
    }

    /// The pace of a run in which the validator at which blocks are counted was stopped for four seconds.
    fn pace_with_a_stopped_reference(trials: Option<TrialFigures>) -> Pace {
        let mut stopped = node(10, 0);
        for block in stopped.blocks.iter_mut().skip(4).take(4) {
            block.t_ns = 9 * S - 1;
        }
        let seen = [stopped, node(10, 5_000_000)];
        let summary = Summary::of(Measured {
            moments: Moments {
                started: S / 2,
                load_began: S,
                load_ended: 11 * S,
            },
            block_time: Duration::from_secs(1),
            cast: &Cast::lasting_only(2),
            seen: &seen,
            sent: &[],
            refused: BTreeMap::new(),
            included: &HashMap::new(),
            height: Height(10),
            nodes: Vec::new(),
            tips_agree: true,
            trials,
            drill: None,
            mixed: None,
            attached: None,
            own: None,
        });
        summary.pace
    }

    #[test]
    fn a_validator_that_a_trial_stops_is_no_measure_of_the_network() {
        let trials = TrialFigures::of(LeaderFault::Stop, Vec::new());
        let pace = pace_with_a_stopped_reference(Some(trials));
        assert_eq!((pace.over_1_5, pace.over_2_5), (0, 0));
        assert_eq!(pace.longest_ms, Some(1_005.0));
        // Without trials nothing stops a validator from outside: what it was late with, it was late with.
        assert_eq!(pace_with_a_stopped_reference(None).over_2_5, 1);
    }

    #[test]
    fn the_attacker_and_who_names_it() {
        let asked = Disturbances {
            byzantine: Some(AttackMode::Equivocate),
            ..Disturbances::default()
        };
        let cast = Cast::of(&asked, 4).unwrap();
        let mut seen = vec![node(3, 0), node(3, 0), node(3, 0), node(3, 0)];
        for (index, node) in seen.iter_mut().enumerate() {
            node.lasting = index < 3;
        }
        let proof = |validator| Proof {
            validator,
            form: "contradiction".to_owned(),
        };
        seen[0].accusations.proof(proof(3));
        seen[1].accusations.proof(proof(3));
        // What the attacker says counts for nothing.
        seen[3].accusations.proof(proof(0));
        seen[2].accusations.proof(proof(1));
        let figures = AttackFigures::of(&cast, &seen).unwrap();
        assert_eq!(
            (figures.validator, figures.lasting, figures.named_by),
            (3, 3, 2)
        );
        assert_eq!(figures.charges.evidence["contradiction"], 2);
        assert_eq!(figures.honest_accused.keys().collect::<Vec<_>>(), [&1]);
    }

    #[test]
    fn a_run_without_anything_has_no_figures() {
        let summary = Summary::of(Measured {
            moments: Moments::default(),
            block_time: Duration::ZERO,
            cast: &Cast::lasting_only(0),
            seen: &[],
            sent: &[],
            refused: BTreeMap::new(),
            included: &HashMap::new(),
            height: Height(0),
            nodes: Vec::new(),
            tips_agree: false,
            trials: None,
            drill: None,
            mixed: None,
            attached: None,
            own: None,
        });
        assert_eq!(
            (summary.blocks, summary.tps, summary.time_to_first_block_ms),
            (0, 0.0, None)
        );
        let json = serde_json::to_value(&summary).unwrap();
        for field in [
            "block_interval_ms",
            "decision_ms",
            "witness_ms",
            "latency_ms",
        ] {
            assert!(
                json[field]["p50"].is_null() && json[field].get("p99").is_some(),
                "{field}"
            );
        }
    }
}
