//! Whole runs: the same seed gives the same trace, faultless networks are quick and quiet, faults strike,
//! and a handful of swarm seeds is clean.

use std::time::Duration;

use neo_simulator::plan::{
    Condition, Expectation, Fault, FaultKind, Filter, Latency, Nodes, Plan, Seen, Span, Version,
};
use neo_simulator::trace::{CrashCause, Happening, Kind};
use neo_simulator::{NoTrace, Report, TraceEvent, run, swarm, swarm_of, with_dbft_3};

fn report(plan: &Plan, seed: u64) -> Report {
    run(plan, seed, &mut NoTrace).expect("a plan that can be run")
}

fn assert_clean(report: &Report) {
    assert!(
        report.is_clean(),
        "seed {}: {:#?} {:#?}",
        report.seed,
        report.violations,
        report.unmet
    );
}

fn only(node: u16) -> Nodes {
    Nodes::Only(vec![node])
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another_one() {
    let plan = |seed| swarm(4, Duration::from_secs(6), seed);
    let first = report(&plan(5), 5);
    assert_eq!(first, report(&plan(5), 5));
    let mut events = Vec::new();
    let traced = run(&plan(5), 5, &mut events).unwrap();
    assert_eq!(first, traced, "watching changes nothing");
    assert!(events.is_sorted_by_key(|event: &TraceEvent| event.at_us));
    assert_ne!(first.trace_hash, report(&plan(6), 6).trace_hash);
    assert_ne!(first.trace_hash, report(&plan(5), 6).trace_hash);
}

#[test]
fn a_faultless_network_decides_in_view_0_in_three_delays() {
    for validators in [1, 4, 7] {
        let mut plan = Plan::new(validators, 2_000);
        plan.block_time_ms = 100;
        plan.network.latency = Latency::Uniform {
            min_us: 5_000,
            max_us: 5_000,
        };
        plan.expect = vec![Expectation::NoViewChange {
            heights: Span::default(),
        }];
        let report = report(&plan, 1);
        assert_clean(&report);
        assert!((18..=20).contains(&report.heights), "{}", report.heights);
        let median = report.decision.percentile(50).unwrap();
        let delays = if validators == 1 { 0 } else { 3 };
        let least = delays * 5_000;
        assert!(
            (least..least + 5_000).contains(&median),
            "{validators}: {median}"
        );
    }
}

#[test]
fn transactions_are_executed_and_the_states_agree() {
    let mut plan = Plan::new(4, 2_000);
    plan.block_time_ms = 100;
    plan.load_per_s = 100;
    plan.gossip_percent = 30;
    let mut events = Vec::new();
    let report = run(&plan, 3, &mut events).unwrap();
    assert_clean(&report);
    assert!(report.heights > 12, "{}", report.heights);
    let fetched = events.iter().any(
        |event| matches!(&event.what, Happening::FetchAsked { what, .. } if what == "transactions"),
    );
    assert!(
        fetched,
        "a proposed transaction that somebody lacks is fetched"
    );
}

#[test]
fn every_way_to_crash_is_survived() {
    let kinds = [
        FaultKind::CrashBeforeSend { nodes: only(2) },
        FaultKind::TornWrite { nodes: only(2) },
        FaultKind::FailStore {
            nodes: only(2),
            point: neo_simulator::plan::StoreFailure::BeforeSync,
        },
        FaultKind::FailStore {
            nodes: only(2),
            point: neo_simulator::plan::StoreFailure::AfterSync,
        },
        FaultKind::LoseStore { nodes: only(2) },
        FaultKind::LoseLog { nodes: only(2) },
    ];
    for (seed, kind) in (0..).zip(kinds) {
        let mut plan = Plan::new(4, 9_000);
        plan.block_time_ms = 100;
        plan.timers.base_timeout_ms = 300;
        plan.faults = vec![
            Fault::at(1_000, kind.clone()),
            Fault::at(2_000, FaultKind::Restart { nodes: only(2) }),
        ];
        plan.heal_at_ms = Some(3_000);
        plan.heal_bound_ms = 6_000;
        let mut events = Vec::new();
        let report = run(&plan, seed, &mut events).unwrap();
        assert_clean(&report);
        let crashed = events
            .iter()
            .any(|event| event.node == Some(2) && matches!(event.what, Happening::Crashed { .. }));
        assert!(crashed, "{kind:?}");
        assert!(report.coverage.recoveries >= 1, "{kind:?}");
    }
}

#[test]
fn a_leader_that_crashes_before_it_sends_proposes_the_same_block_when_it_is_back() {
    let mut plan = Plan::new(4, 6_000);
    plan.block_time_ms = 200;
    let sent = Seen::Stored {
        height: 4,
        nodes: Nodes::All,
        least: 1,
    };
    let leader = Nodes::Leader { height: 5, view: 0 };
    plan.faults = vec![
        Fault {
            when: Condition::Seen(sent),
            kind: FaultKind::CrashBeforeSend {
                nodes: leader.clone(),
            },
        },
        Fault {
            when: Condition::After {
                condition: Box::new(Condition::Seen(Seen::Crashed {
                    nodes: leader.clone(),
                    least: 1,
                })),
                ms: 100,
            },
            kind: FaultKind::Restart { nodes: leader },
        },
    ];
    plan.expect = vec![
        Expectation::Stored {
            height: 8,
            by_ms: 6_000,
            nodes: Nodes::All,
        },
        Expectation::NoViewChange {
            heights: Span::only(5),
        },
    ];
    let mut events = Vec::new();
    let report = run(&plan, 11, &mut events).unwrap();
    assert_clean(&report);
    assert_eq!(report.coverage.crash_between_durable_and_send, 1);
    let crash = events.iter().find_map(|event| match event.what {
        Happening::Crashed { cause } => Some(cause),
        _ => None,
    });
    assert_eq!(crash, Some(CrashCause::BeforeSend));
}

#[test]
fn what_a_filter_holds_arrives_when_it_ends() {
    let mut plan = Plan::new(4, 3_000);
    plan.timers.adaptive = false;
    plan.block_time_ms = 100;
    plan.filters = vec![Filter {
        heights: Span::only(3),
        fate: neo_simulator::plan::Fate::Hold,
        until: Some(Condition::At(900)),
        ..Filter::drop(&[Kind::PreCommit, Kind::RecoveryMessage])
    }];
    plan.expect = vec![
        Expectation::Decided {
            height: 3,
            by_ms: 1_000,
            nodes: Nodes::All,
        },
        Expectation::Never {
            condition: Condition::All(vec![Condition::Any(vec![Condition::Seen(Seen::Entered {
                height: 3,
                view: 1,
                nodes: Nodes::All,
                least: 1,
            })])]),
        },
    ];
    let mut events = Vec::new();
    let report = run(&plan, 2, &mut events).unwrap();
    assert_clean(&report);
    let decided = events.iter().find_map(|event| match event.what {
        Happening::Decided { height: 3, .. } => Some(event.at_us),
        _ => None,
    });
    assert!(decided.is_some_and(|at| at >= 900_000), "{decided:?}");
}

#[test]
fn expectations_that_are_not_met_are_told() {
    let mut plan = Plan::new(4, 1_000);
    plan.expect = vec![
        Expectation::Stored {
            height: 1_000_000,
            by_ms: 1_000,
            nodes: only(2),
        },
        Expectation::ViewEntered { height: 1, view: 1 },
        Expectation::Evidence { against: vec![3] },
        Expectation::Reproposed {
            height: 1,
            first: 0,
            again: 1,
        },
        Expectation::Replaced { height: 1, view: 0 },
        Expectation::SilentUntil { node: 1, height: 3 },
    ];
    let report = report(&plan, 1);
    assert!(report.violations.is_empty());
    assert_eq!(report.unmet.len(), plan.expect.len(), "{:#?}", report.unmet);
    assert_eq!(report.unmet[0], "node 2 never stored height 1000000");
}

#[test]
fn a_run_ends_when_its_condition_holds() {
    let mut plan = Plan::new(4, 60_000);
    plan.stop_when = Some(Condition::Seen(Seen::Stored {
        height: 5,
        nodes: Nodes::All,
        least: 4,
    }));
    let report = report(&plan, 1);
    assert_clean(&report);
    assert!((5..8).contains(&report.heights));
    assert!(report.ended < Duration::from_secs(1));
}

#[test]
fn a_wide_area_network_decides_at_the_pace_of_its_quorum() {
    let mut plan = Plan::new(4, 20_000);
    plan.network.latency = Latency::Wan {
        regions: ["dallas", "frankfurt", "tokyo", "sydney"]
            .map(str::to_owned)
            .to_vec(),
    };
    plan.timers.base_timeout_ms = 2_000;
    let report = report(&plan, 1);
    assert_clean(&report);
    assert_eq!(report.view_changes, 0);
    let median = report.decision.percentile(50).unwrap();
    assert!((150_000..450_000).contains(&median), "{median}");
}

/// 251: a body that was asked for again; 445: an older ChangeView that left behind a newer one.
#[test]
fn seeds_that_once_broke_a_rule_stay_clean() {
    for seed in [251, 445] {
        assert_clean(&report(&swarm(4, Duration::from_secs(30), seed), seed));
    }
}

#[test]
fn a_handful_of_swarm_seeds_is_clean() {
    for seed in 0..6 {
        assert_clean(&report(&swarm(4, Duration::from_secs(20), seed), seed));
    }
    for seed in 0..2 {
        assert_clean(&report(&swarm(7, Duration::from_secs(15), seed), seed));
    }
}

/// Safety always, and progress except at locked heights: the oracles of dBFT 2.0 judge these runs.
#[test]
fn the_older_protocol_survives_the_swarm_as_far_as_it_promises() {
    let minute = Duration::from_secs(60);
    let mut locks = 0;
    for seed in 0..24 {
        let plan = swarm_of(Version::Two, 4, minute, seed);
        let first = report(&plan, seed);
        assert_clean(&first);
        locks += first.locks.len();
    }
    assert!(locks > 0, "some heights are locked");
    for seed in 0..3 {
        assert_clean(&report(&swarm_of(Version::Two, 7, minute, seed), seed));
    }
}

#[test]
fn a_run_of_the_older_protocol_is_a_function_of_plan_and_seed() {
    let plan = |seed| swarm_of(Version::Two, 4, Duration::from_secs(20), seed);
    let first = report(&plan(5), 5);
    assert_eq!(first, report(&plan(5), 5));
    assert_ne!(first.trace_hash, report(&plan(6), 6).trace_hash);
}

/// Heights that dBFT 2.0 locks on these seeds are decided by dBFT 3.0.
#[test]
fn nothing_locks_the_newer_protocol_on_the_same_seeds() {
    let locked = |seed: &u64| {
        let plan = swarm_of(Version::Two, 4, Duration::from_secs(60), *seed);
        !report(&plan, *seed).locks.is_empty()
    };
    let seeds: Vec<u64> = (0..24).filter(locked).take(4).collect();
    assert!(!seeds.is_empty());
    for seed in seeds {
        let plan = swarm_of(Version::Two, 4, Duration::from_secs(60), seed);
        assert_clean(&report(&with_dbft_3(&plan), seed));
    }
}
