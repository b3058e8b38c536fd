//! Validators, committee, and the state of consensus.

use std::time::Duration;

use neo_consensus::PerformanceMetrics;
use neo_consensus::engine::{HeightStatus, VotesSeen};
use neo_primitives::{PublicKey, UInt256};
use serde::Serialize;

use crate::rpc::{
    ReputationEntry, TopologyEntry, TuningEntry,
    dispatch::Server,
    params::Params,
    response::{Answer, result},
};
use crate::security::alerts::Alert;
use crate::security::conduct::Standing;

/// `getnextblockvalidators`. Nobody is registered on this ledger, which Neo says with −1 votes.
pub(in crate::rpc) fn validators(server: &Server, _: &Params<'_>) -> Answer {
    #[derive(Serialize)]
    struct ValidatorJson {
        publickey: PublicKey,
        votes: i32,
    }
    let validators = server.context.ledger.validators()?;
    let of = |publickey| ValidatorJson {
        publickey,
        votes: -1,
    };
    result(&validators.into_iter().map(of).collect::<Vec<_>>())
}

/// `getcandidates`: nobody can register on this ledger.
pub(in crate::rpc) fn candidates(_: &Server, _: &Params<'_>) -> Answer {
    const NOBODY: [PublicKey; 0] = [];
    result(&NOBODY)
}

/// `getcommittee`, sorted by key.
pub(in crate::rpc) fn committee(server: &Server, _: &Params<'_>) -> Answer {
    let mut committee = server.context.ledger.committee()?;
    committee.sort();
    result(&committee)
}

/// The state of consensus: the height being worked on, then every open height.
#[derive(Serialize)]
struct StateJson<'a> {
    /// Version of dBFT: 2 or 3.
    protocol: u32,
    /// Height of the last stored block.
    stored: u32,
    /// Whether this node votes.
    voting: bool,
    timer: TimerJson,
    /// Most transactions of an own block.
    maxtransactions: u32,
    performance: PerformanceJson,
    /// What the node tunes besides; nothing at an observer.
    tuning: Option<TuningEntry>,
    /// Those that are up first.
    alerts: Vec<Alert>,
    topology: TopologyEntry,
    /// How the other validators behave.
    standings: Vec<Standing>,
    /// The worst of those against whom anything is held.
    reputation: Vec<ReputationEntry>,
    /// The highest open height, whose votes are under way.
    #[serde(flatten)]
    current: Option<HeightJson<'a>>,
    /// All open heights, lowest first: one may wait for its witness while the next is voted on.
    heights: Vec<HeightJson<'a>>,
}

/// How long a view may take.
#[derive(Serialize)]
struct TimerJson {
    /// From the moment its block is due, in milliseconds, without growth and jitter.
    base_ms: u64,
}

/// How the last blocks went; lengths in microseconds.
#[derive(Serialize)]
struct PerformanceJson {
    avg_block_time: u64,
    /// View changes per thousand blocks.
    view_change_frequency: u32,
    successful_blocks: u64,
    failed_views: u64,
    phases: PhasesJson,
}

/// Mean lengths of a block's phases in microseconds; 0 where nothing was measured.
#[derive(Serialize)]
struct PhasesJson {
    build: u64,
    proposal: u64,
    dissemination: u64,
    execution: u64,
    prepare: u64,
    pre_commit: u64,
    commit: u64,
    storage: u64,
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

impl From<&PerformanceMetrics> for PerformanceJson {
    fn from(metrics: &PerformanceMetrics) -> Self {
        let phases = &metrics.phases;
        Self {
            avg_block_time: micros(metrics.avg_block_time),
            view_change_frequency: metrics.view_change_frequency,
            successful_blocks: metrics.successful_blocks,
            failed_views: metrics.failed_views,
            phases: PhasesJson {
                build: micros(phases.build),
                proposal: micros(phases.proposal),
                dissemination: micros(phases.dissemination),
                execution: micros(phases.execution),
                prepare: micros(phases.prepare),
                pre_commit: micros(phases.pre_commit),
                commit: micros(phases.commit),
                storage: micros(phases.storage),
            },
        }
    }
}

#[derive(Serialize)]
struct HeightJson<'a> {
    height: u32,
    view: u32,
    phase: &'a str,
    leader: LeaderJson<'a>,
    /// Who leads which view, the leader of view 0 first.
    order: Vec<StandingJson>,
    /// Index of this node among the validators, if it is one.
    ownindex: Option<u8>,
    /// Hash of the proposed or decided block.
    block: Option<UInt256>,
    validators: Vec<VotesJson<'a>>,
}

#[derive(Serialize)]
struct LeaderJson<'a> {
    index: u8,
    publickey: Option<&'a PublicKey>,
}

/// A validator's place in the leader order follows from its credit, its share of turns from its score.
#[derive(Serialize)]
struct StandingJson {
    index: u8,
    /// 4 to 100; 100 unless its views failed.
    score: u8,
    credit: i32,
}

/// What was seen of one validator.
#[derive(Serialize)]
struct VotesJson<'a> {
    index: usize,
    publickey: &'a PublicKey,
    prepare: bool,
    precommit: bool,
    commit: bool,
    /// Highest view it asked for.
    changeview: Option<u32>,
}

impl<'a> From<&'a HeightStatus> for HeightJson<'a> {
    fn from(status: &'a HeightStatus) -> Self {
        let leader = status.leader;
        let votes = |(index, seen): (usize, &'a VotesSeen)| VotesJson {
            index,
            publickey: &seen.validator,
            prepare: seen.prepare,
            precommit: seen.pre_commit,
            commit: seen.commit,
            changeview: seen.change_view.map(|view| view.0),
        };
        Self {
            height: status.height.0,
            view: status.view.0,
            phase: &status.phase,
            leader: LeaderJson {
                index: leader.0,
                publickey: status
                    .votes
                    .get(leader.position())
                    .map(|seen| &seen.validator),
            },
            order: status
                .order
                .iter()
                .map(|(index, standing)| StandingJson {
                    index: index.0,
                    score: standing.score,
                    credit: standing.credit,
                })
                .collect(),
            ownindex: status.own_index.map(|index| index.0),
            block: status.block,
            validators: status.votes.iter().enumerate().map(votes).collect(),
        }
    }
}

/// Peers whose reputation is shown.
const MOST_REPUTATIONS: usize = 64;

/// `getconsensusstate`: height, view, phase, leader, the votes seen of each validator; what the node measured and
/// adjusted; its alerts, its connections with the validators, and what it holds against whom.
pub(in crate::rpc) fn state(server: &Server, _: &Params<'_>) -> Answer {
    let status = server.context.consensus.status();
    let oversight = &server.context.oversight;
    result(&StateJson {
        protocol: server.context.config.protocol.version,
        stored: status.stored.0,
        voting: status.voting,
        timer: TimerJson {
            base_ms: u64::try_from(status.base_timeout.as_millis()).unwrap_or(u64::MAX),
        },
        maxtransactions: status.max_transactions,
        performance: PerformanceJson::from(&status.performance),
        tuning: oversight.tuning(),
        alerts: oversight.alerts(),
        topology: oversight.topology(),
        standings: oversight.standings(),
        reputation: oversight.reputation(MOST_REPUTATIONS),
        current: status.heights.last().map(HeightJson::from),
        heights: status.heights.iter().map(HeightJson::from).collect(),
    })
}
