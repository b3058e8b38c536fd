//! The named scenarios of `tests/consensus/scenarios`: each says in a sentence what must happen, and is run with
//! several seeds. Its expectations say that the situation came about and what became of it; the oracles watch as
//! in every run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use neo_simulator::plan::{Expectation, Network, Plan};
use neo_simulator::{NoTrace, scenario};

/// Seeds of each scenario; network and leaders' blocks differ between them.
const SEEDS: [u64; 3] = [1, 2, 3];
/// With so many validators one seed has to do.
const MANY_VALIDATORS: u16 = 50;
/// Number of scenarios that the project promises.
const LEAST: usize = 25;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/consensus/scenarios")
}

/// All scenarios by the names of their files, in order.
fn scenarios() -> Vec<(String, Plan)> {
    let files = std::fs::read_dir(folder()).expect("the folder of scenarios");
    let mut found: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            assert_eq!(
                path.extension().and_then(|end| end.to_str()),
                Some("json"),
                "{path:?}"
            );
            let text = std::fs::read_to_string(&path).expect("a text");
            let plan = scenario::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, plan)
        })
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

fn seeds(plan: &Plan) -> &'static [u64] {
    if plan.validators > MANY_VALIDATORS {
        &SEEDS[..1]
    } else {
        &SEEDS
    }
}

/// What went wrong in one run, in words.
fn complaints(plan: &Plan, seed: u64) -> Vec<String> {
    let report = match neo_simulator::run(plan, seed, &mut NoTrace) {
        Ok(report) => report,
        Err(error) => return vec![error.to_string()],
    };
    let breaches = report.violations.iter().map(ToString::to_string);
    breaches.chain(report.unmet).collect()
}

#[test]
fn every_scenario_comes_out_as_its_sentence_says() {
    let scenarios = scenarios();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((name, plan)) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let wrong: Vec<_> = seeds(plan)
                        .iter()
                        .map(|seed| (seed, complaints(plan, *seed)))
                        .filter(|(_, wrong)| !wrong.is_empty())
                        .collect();
                    println!("{} {name}: {}", if wrong.is_empty() { "ok    " } else { "FAILED" }, plan.must);
                    for (seed, wrong) in wrong {
                        let words = format!(
                            "{name}, seed {seed}:\n    {}\n    replay: neo-cli simulate --scenario tests/consensus/scenarios/{name}.json --seed {seed}",
                            wrong.join("\n    ")
                        );
                        failures.lock().expect("the list").push(words);
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().expect("the list");
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// They take minutes in a release build: `.ci/simulate full` runs them.
#[test]
fn the_long_scenarios_can_be_run() {
    let long = folder().join("../long");
    let mut count = 0;
    for file in std::fs::read_dir(long).expect("the folder") {
        let path = file.expect("a file").path();
        let text = std::fs::read_to_string(&path).expect("a text");
        let plan = scenario::parse(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(path.file_stem(), Some(plan.name.as_ref()), "{path:?}");
        count += 1;
    }
    assert!(count >= 2, "{count}");
}

#[test]
fn there_are_enough_scenarios_and_each_has_its_name_and_sentence() {
    let scenarios = scenarios();
    assert!(scenarios.len() >= LEAST, "{}", scenarios.len());
    let mut sentences = BTreeSet::new();
    for (name, plan) in &scenarios {
        assert_eq!(*name, plan.name, "the file name is the scenario's name");
        assert!(plan.must.ends_with('.'), "{name}: a sentence");
        assert!(
            sentences.insert(&plan.must),
            "{name}: a sentence of its own"
        );
    }
}

/// Scenarios of dBFT 2.0 that end locked, and those of dBFT 3.0 with the same schedule, which must go on.
const SAME_SCHEDULES: [&str; 3] = [
    "one-crash-of-four",
    "models-lock-of-four",
    "models-lock-of-seven",
];

#[test]
fn both_protocols_meet_the_same_schedules() {
    let scenarios = scenarios();
    let of = |version: u8, name: &str| {
        let name = format!("dbft-{version}-{name}");
        let found = scenarios.iter().find(|(of, _)| *of == name);
        found.unwrap_or_else(|| panic!("{name}")).1.clone()
    };
    for name in SAME_SCHEDULES {
        let (older, newer) = (of(2, name), of(3, name));
        let locked = |one: &Expectation| matches!(one, Expectation::Locked { until_ms: None, .. });
        assert!(older.expect.iter().any(locked), "{name}");
        // Ten minutes, and what led to the lock.
        assert!(
            older.duration_ms >= 610_000 && older.stop_when.is_none(),
            "{name}"
        );
        let schedule = Plan {
            name: newer.name.clone(),
            must: newer.must.clone(),
            protocol: newer.protocol,
            stop_when: newer.stop_when.clone(),
            expect: newer.expect.clone(),
            ..older
        };
        assert_eq!(schedule, newer, "{name}: network, faults and filters");
    }
}

/// A block that comes out proves little: each scenario also asks whether what it is about did happen.
#[test]
fn every_scenario_asks_for_its_situation_and_for_the_outcome() {
    for (name, plan) in scenarios() {
        let outcome = plan.expect.iter().any(|one| {
            matches!(
                one,
                Expectation::Stored { .. }
                    | Expectation::Violates { .. }
                    | Expectation::Locked { .. }
            )
        });
        assert!(outcome, "{name}: what comes of it");
        let faultless = plan.faults.is_empty()
            && plan.filters.is_empty()
            && plan.byzantine.is_empty()
            && plan.twins.is_empty();
        let situation = plan.expect.iter().any(|one| {
            matches!(
                one,
                Expectation::Happens { .. }
                    | Expectation::Before { .. }
                    | Expectation::ViewEntered { .. }
                    | Expectation::Violates { .. }
            )
        });
        assert!(
            situation || faultless,
            "{name}: whether its situation came about"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another_one() {
    for (name, plan) in scenarios()
        .into_iter()
        .filter(|(_, plan)| plan.validators <= 7)
        .take(8)
    {
        let hash = |seed| {
            neo_simulator::run(&plan, seed, &mut NoTrace)
                .expect("a run")
                .trace_hash
        };
        assert_eq!(hash(1), hash(1), "{name}");
        assert_ne!(hash(1), hash(2), "{name}");
    }
}

/// Attacks that leave no trace of their own when they fail, or that a filter carries out.
const ATTACKS_UNSEEN: [&str; 3] = [
    "byzantine-leader-cannot-hide-a-decision",
    "false-claims",
    "withheld-bodies",
];
/// Clocks are not seen.
const CLOCKS_UNSEEN: [&str; 1] = ["drifting-clocks"];

/// Without what goes wrong in it, or without its attackers only, a scenario must fail: its expectations see whether its
/// situation came about.
#[test]
fn a_scenario_without_its_faults_is_noticed() {
    for (name, plan) in scenarios() {
        let mut harmless = plan.clone();
        harmless.faults.clear();
        harmless.filters.clear();
        harmless.byzantine.clear();
        harmless.twins.clear();
        harmless.nodes.clear();
        harmless.network = Network {
            latency: plan.network.latency.clone(),
            jitter_us: plan.network.jitter_us,
            swing: plan.network.swing,
            ..Network::default()
        };
        let mut honest = plan.clone();
        honest.byzantine.clear();
        let seen = |weaker: &Plan, unseen: &[&str]| {
            *weaker == plan || unseen.contains(&name.as_str()) || !complaints(weaker, 1).is_empty()
        };
        assert!(seen(&harmless, &CLOCKS_UNSEEN), "{name} without its faults");
        assert!(
            seen(&honest, &ATTACKS_UNSEEN),
            "{name} without its attackers"
        );
    }
}
