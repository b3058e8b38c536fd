//! `neo-cli simulate`: what it prints and writes, and what it refuses.

mod ended;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ended::Ended;
use serde_json::Value;

fn scenario(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/consensus/scenarios");
    folder
        .join(format!("{name}.json"))
        .to_string_lossy()
        .into_owned()
}

/// Runs `neo-cli simulate` with these arguments.
fn simulate(arguments: &[&str]) -> Ended {
    let output = Command::new(env!("CARGO_BIN_EXE_neo-cli"))
        .arg("simulate")
        .args(arguments)
        .env_remove("RUST_LOG")
        .output()
        .expect("the binary starts");
    Ended(output)
}

/// Expects bad usage and these words on standard error, and nothing on standard output.
fn refused(ended: &Ended, words: &[&str]) {
    ended.fails(2, words);
    assert_eq!(ended.out(), "");
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    fn names(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.0.path()).expect("a folder");
        let mut names: Vec<_> = files
            .map(|file| {
                file.expect("a file")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

#[test]
fn one_json_object_with_the_promised_keys() {
    let told = simulate(&[
        "--validators",
        "4",
        "--seeds",
        "0..3",
        "--duration",
        "2s",
        "--block-time",
        "200ms",
        "--json",
    ])
    .json();
    for key in [
        "seeds",
        "violations",
        "heights",
        "heights_per_second",
        "trace_hash",
        "decision_ms",
        "witness_ms",
        "view_changes",
        "messages",
        "message_bytes_avg",
        "coverage",
    ] {
        assert!(told.get(key).is_some(), "{key} in {told}");
    }
    for key in [
        "view_1",
        "view_2",
        "reproposals",
        "crash_between_durable_and_send",
        "torn_logs",
        "lost_vote_logs",
        "evidence",
        "recoveries",
    ] {
        assert!(told["coverage"][key].is_u64(), "{key} in {told}");
    }
    assert_eq!(told["seeds"], 3);
    assert_eq!(told["violations"], Value::Array(Vec::new()));
    assert!(told["heights"].as_u64() >= Some(3 * 5), "{told}");
    assert!(told["decision_ms"]["p50"].as_f64() > Some(0.0), "{told}");
    assert!(
        told["witness_ms"]["p99"].as_f64() >= told["decision_ms"]["p50"].as_f64(),
        "{told}"
    );
    assert_eq!(told["trace_hash"].as_str().map(str::len), Some(64));
}

#[test]
fn the_same_seed_is_the_same_run_whatever_the_threads() {
    let hash = |arguments: &[&str]| {
        let options = [
            "--duration",
            "1s",
            "--block-time",
            "100ms",
            "--loss",
            "5%",
            "--json",
        ];
        let all: Vec<&str> = options.iter().chain(arguments).copied().collect();
        simulate(&all).json()["trace_hash"].clone()
    };
    assert_eq!(hash(&["--seed", "7"]), hash(&["--seed", "7"]));
    assert_ne!(hash(&["--seed", "7"]), hash(&["--seed", "8"]));
    assert_eq!(
        hash(&["--seeds", "0..6", "--threads", "1"]),
        hash(&["--seeds", "0..=5", "--threads", "3"])
    );
    assert_ne!(hash(&["--seeds", "0..6"]), hash(&["--seeds", "1..7"]));
}

#[test]
fn a_swarm_is_clean_and_the_same_each_time() {
    let told = || {
        simulate(&[
            "--faults",
            "swarm",
            "--duration",
            "20s",
            "--seeds",
            "3..5",
            "--json",
        ])
        .json()
    };
    let (one, other) = (told(), told());
    assert_eq!(one["violations"], Value::Array(Vec::new()), "{one}");
    assert_eq!(one["trace_hash"], other["trace_hash"]);
    assert!(one["heights"].as_u64() > Some(3), "{one}");
}

#[test]
fn people_get_a_table() {
    let ended = simulate(&["--duration", "1s", "--block-time", "100ms"]);
    assert_eq!(ended.code(), 0, "{}", ended.err());
    for words in [
        "seeds",
        "heights per second",
        "decision",
        "trace hash",
        "lost vote logs",
    ] {
        assert!(ended.out().contains(words), "{words}: {}", ended.out());
    }
}

#[test]
fn faults_of_the_options_happen() {
    let place = Place::new();
    let trace = place.text("run.jsonl");
    let ended = simulate(&[
        "--duration",
        "20s",
        "--block-time",
        "500ms",
        "--latency",
        "5ms..20ms",
        "--crash",
        "1@2s..4s",
        "--partition",
        "0,1/2,3@5s..7s",
        "--byzantine",
        "2:garbage",
        "--load",
        "5",
        "--trace",
        &trace,
        "--json",
    ]);
    let told = ended.json();
    assert!(told["heights"].as_u64() > Some(10), "{told}");
    let text = std::fs::read_to_string(&trace).expect("a trace");
    let events: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect();
    let happened = |name: &str| events.iter().any(|event| event["event"] == name);
    for name in [
        "crashed",
        "partitioned",
        "healed",
        "sent",
        "delivered",
        "decided",
        "stored",
    ] {
        assert!(happened(name), "{name}");
    }
    let times: Vec<u64> = events
        .iter()
        .filter_map(|event| event["at_us"].as_u64())
        .collect();
    assert_eq!(times.len(), events.len());
    assert!(
        times.windows(2).all(|pair| pair[0] <= pair[1]),
        "in order of time"
    );
    assert_eq!(place.names(), ["run.jsonl"]);
}

#[test]
fn a_scenario_is_run_by_its_file() {
    let told = simulate(&["--scenario", &scenario("normal-height"), "--json"]).json();
    assert_eq!(told["view_changes"], 0);
}

#[test]
fn what_a_scenario_expects_to_break_is_counted_apart() {
    let told = simulate(&["--scenario", &scenario("more-than-f-byzantine"), "--json"]).json();
    assert_eq!(told["violations"], Value::Array(Vec::new()));
    assert!(
        told["expected_violations"]["agreement"].as_u64() > Some(0),
        "{told}"
    );
    assert_eq!(told["convicted"], serde_json::json!([1, 2]));
}

#[test]
fn a_violation_is_told_with_the_command_that_replays_it() {
    let place = Place::new();
    let text = std::fs::read_to_string(scenario("normal-height")).expect("a scenario");
    let mut plan: Value = serde_json::from_str(&text).expect("JSON");
    plan["expect"] = serde_json::json!([{ "stored": { "height": 1000, "by_ms": 5000 } }]);
    let file = place.path("impossible.json");
    std::fs::write(&file, plan.to_string()).expect("written");
    let file = file.to_string_lossy().into_owned();
    let ended = simulate(&["--scenario", &file, "--seeds", "3..5"]);
    assert_eq!(ended.code(), 10, "{}", ended.err());
    let replay = format!("neo-cli simulate --scenario {file} --seed 4");
    for words in ["expectation: seed 3", "1000", &replay] {
        assert!(ended.out().contains(words), "{words}: {}", ended.out());
    }
    let ended = simulate(&["--scenario", &file, "--seeds", "3..5", "--json"]);
    assert_eq!(ended.code(), 10);
    let told: Value = serde_json::from_str(&ended.out()).expect("JSON");
    assert_eq!(told["violations"][1]["seed"], 4);
    assert_eq!(told["violations"][1]["replay"], replay);
    assert_eq!(told["violations"][1]["invariant"], "expectation");
}

#[test]
fn bad_input_is_refused_by_field_and_limit() {
    let place = Place::new();
    let missing = place.text("missing.json");
    let unwritable = place.text("no-folder/trace.jsonl");
    let folder = place.0.path().to_string_lossy().into_owned();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--validators", "0"], &["--validators", "1..=255"]),
        (&["--validators", "256"], &["--validators", "1..=255"]),
        (&["--duration", "0s"], &["duration_ms is 0", "limits"]),
        (&["--duration", "10"], &["--duration", "no unit"]),
        (&["--duration", "30h"], &["duration_ms", "86400000"]),
        (&["--seed", "1", "--seeds", "0..3"], &["--seed", "--seeds"]),
        (&["--seeds", "3..3"], &["--seeds", "no seed"]),
        (&["--seeds", "9..3"], &["--seeds", "no seed"]),
        (&["--seeds", "3"], &["--seeds", "A..B"]),
        (&["--loss", "5"], &["--loss", "5%"]),
        (&["--loss", "120%"], &["--loss", "0% and 100%"]),
        (&["--latency", "soon"], &["--latency", "lan"]),
        (
            &["--latency", "wan:atlantis"],
            &["regions", "atlantis", "tokyo"],
        ),
        (
            &["--byzantine", "1", "--byzantine", "2"],
            &["2 Byzantine", "the limit is 1", "allow_broken"],
        ),
        (
            &[
                "--byzantine",
                "1",
                "--byzantine",
                "2",
                "--byzantine",
                "3",
                "--allow-broken",
            ],
            &["the limit", "2"],
        ),
        (&["--byzantine", "4"], &["4", "0 to 3"]),
        (
            &["--byzantine", "1:lie"],
            &["--byzantine", "lie", "equivocate-votes"],
        ),
        (&["--crash", "4@1s"], &["node 4", "0 to 3"]),
        (&["--crash", "1@3s..2s"], &["--crash", "ends before"]),
        (&["--crash", "1"], &["--crash", "no time"]),
        (
            &["--partition", "0,1@1s..2s"],
            &["--partition", "one group"],
        ),
        (
            &["--partition", "0,1/1,2,3@1s..2s"],
            &["overlaps", "node 1"],
        ),
        (
            &[
                "--partition",
                "0,1/2,3@1s..3s",
                "--partition",
                "0/1,2,3@2s..4s",
            ],
            &["overlaps", "not healed"],
        ),
        (&["--heal", "9s"], &["healing at 9000 ms", "duration_ms"]),
        (
            &["--faults", "swarm", "--duration", "5s"],
            &["--duration", "20000 and 86400000"],
        ),
        (&["--faults", "storm"], &["--faults", "swarm"]),
        (&["--faults", "swarm", "--loss", "5%"], &["--loss", "swarm"]),
        (&["--scenario", &missing], &["--scenario", "missing.json"]),
        (&["--scenario", &folder], &["--scenario"]),
        (
            &["--scenario", "a.json", "--validators", "4"],
            &["--scenario", "--validators"],
        ),
        (&["--trace", &unwritable], &["--trace", "no-folder"]),
        (&["--trace", &folder], &["--trace", "is a folder"]),
        (&["--diagram", &unwritable], &["--diagram", "no-folder"]),
        (
            &["--trace", "t.jsonl", "--seeds", "0..3"],
            &["--trace", "--seeds"],
        ),
        (&["--height", "3"], &["--diagram"]),
        (&["--threads", "0"], &["--threads", "1..=1024"]),
        (&["--allow-everything"], &["--allow-everything"]),
    ];
    for (arguments, words) in cases {
        refused(&simulate(arguments), words);
    }
    assert!(
        place.names().is_empty(),
        "nothing is written: {:?}",
        place.names()
    );
}

#[test]
fn a_scenario_with_an_unknown_key_is_refused_by_name_and_place() {
    let place = Place::new();
    let file = place.text("odd.json");
    for (text, words) in [
        (
            r#"{"validators": 4, "duration_ms": 1000, "speed": 9}"#,
            &["speed", "validators", "line 1"][..],
        ),
        (
            r#"{"validators": 4, "duration_ms": 1000, "network": {"loss": 9}}"#,
            &["network", "loss", "loss_ppm"],
        ),
        (
            r#"{"validators": 4, "duration_ms": 1000, "faults": [{"when": {"at": 5}, "kind": "explode"}]}"#,
            &["faults[0].kind", "explode", "crash"],
        ),
        (
            r#"{"validators": 300, "duration_ms": 1000}"#,
            &["validators is 300", "1 and 255"],
        ),
        (
            r#"{"validators": 4, "duration_ms": 1000, "byzantine": [{"validator": 1, "attacks": ["lie"]}]}"#,
            &["byzantine[0]", "lie", "equivocate-votes"],
        ),
        (r#"{"validators": 4, "duration_ms": 1000"#, &["EOF"]),
        ("[]", &["invalid"]),
    ] {
        std::fs::write(&file, text).expect("written");
        refused(
            &simulate(&["--scenario", &file, "--trace", &place.text("t")]),
            words,
        );
    }
    assert_eq!(place.names(), ["odd.json"]);
}

/// Waits for what a running command does.
fn wait_until(mut child: Child, done: impl Fn(&Child) -> bool) -> Child {
    while !done(&child) {
        let ended = child.try_wait().expect("a state");
        assert!(ended.is_none(), "it ended before: {ended:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn interrupted(child: Child) -> Ended {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
    Ended(child.wait_with_output().expect("it ends"))
}

fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_neo-cli"))
        .arg("simulate")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

#[test]
fn ctrl_c_ends_a_campaign_with_what_is_complete() {
    let child = start(&[
        "--seeds",
        "0..10000000",
        "--threads",
        "1",
        "--duration",
        "1s",
        "--block-time",
        "500ms",
        "--json",
    ]);
    // The main thread, the one that takes signals, and the one that runs seeds.
    let threads = |child: &Child| {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id()));
        tasks.map_or(0, |tasks| tasks.count())
    };
    let ended = interrupted(wait_until(child, |child| threads(child) >= 3));
    assert_eq!(ended.code(), 130, "{}", ended.err());
    let told: Value = serde_json::from_str(&ended.out()).expect("JSON");
    assert_eq!(told["interrupted"], true);
    assert!(told["seeds"].as_u64() < Some(10_000_000));
}

#[test]
fn ctrl_c_leaves_no_half_written_file() {
    let place = Place::new();
    let trace = place.text("run.jsonl");
    let child = start(&["--duration", "20h", "--trace", &trace]);
    let written = |_: &Child| {
        let files = std::fs::read_dir(place.0.path()).expect("a folder");
        files
            .filter_map(|file| file.ok()?.metadata().ok())
            .any(|about| about.len() > 0)
    };
    let ended = interrupted(wait_until(child, written));
    assert_eq!(ended.code(), 130, "{}", ended.err());
    assert!(
        ended.err().contains("no file was written"),
        "{}",
        ended.err()
    );
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn the_help_has_examples_and_the_exit_code() {
    let ended = simulate(&["--help"]);
    assert_eq!(ended.code(), 0);
    for words in [
        "Examples:",
        "--faults swarm",
        "--scenario tests/consensus/scenarios/",
        "hide-greatest-claim",
    ] {
        assert!(ended.out().contains(words), "{words}");
    }
    let table = Command::new(env!("CARGO_BIN_EXE_neo-cli"))
        .arg("--help")
        .output()
        .expect("help");
    assert!(String::from_utf8_lossy(&table.stdout).contains("10  simulate"));
}

/// A very small reader of XML: checks that every element is closed in order and gives the start tags.
fn tags(svg: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut tags = Vec::new();
    for piece in svg.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag ends");
        assert!(!text.contains('>'), "a bare > in {piece}");
        for entity in text.split('&').skip(1) {
            let known = ["amp;", "lt;", "gt;", "quot;"];
            assert!(
                known.iter().any(|name| entity.starts_with(name)),
                "&{entity}"
            );
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "elements nest");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes of {tag}");
        tags.push(tag.to_owned());
        if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().expect("a name").to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    tags
}

fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

#[test]
fn a_diagram_has_a_line_for_each_validator_and_an_arrow_for_each_message() {
    for (name, validators, height) in [
        ("normal-height", 4, 2),
        ("seven-nodes-that-lock-dbft-2", 7, 1),
    ] {
        let place = Place::new();
        let (svg, trace) = (place.text("height.svg"), place.text("run.jsonl"));
        let height_text = height.to_string();
        let told = simulate(&[
            "--scenario",
            &scenario(name),
            "--diagram",
            &svg,
            "--height",
            &height_text,
            "--trace",
            &trace,
            "--json",
        ]);
        told.json();
        assert_eq!(place.names(), ["height.svg", "run.jsonl"]);
        let svg = std::fs::read_to_string(&svg).expect("an SVG");
        let tags = tags(&svg);
        assert!(tags[0].starts_with("svg xmlns=\"http://www.w3.org/2000/svg\""));
        assert_eq!(attribute(&tags[0], "role"), Some("img"));
        let width: f64 = attribute(&tags[0], "width")
            .and_then(|w| w.parse().ok())
            .expect("a width");
        assert!(width <= 1100.0, "{width}");
        let classes = |tag: &str| {
            let all = attribute(tag, "class").unwrap_or_default();
            all.split(' ').map(str::to_owned).collect::<Vec<_>>()
        };
        // Fetched blocks have no height in the trace; their arrows have the class i8.
        let of_class = |class: &str| {
            let all = tags.iter().map(|tag| classes(tag));
            all.filter(|all| {
                all.iter().any(|one| one == class) && all.iter().all(|one| one != "i8")
            })
            .count()
        };
        assert_eq!(of_class("lane"), validators);
        let text = std::fs::read_to_string(&trace).expect("a trace");
        let messages = |event: &str| {
            let events = text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            events
                .filter(|one| one["event"] == event && one["height"] == height)
                .filter(|one| {
                    !["fetch", "fetch_answer"].contains(&one["kind"].as_str().unwrap_or(""))
                })
                .count()
        };
        assert!(messages("delivered") > validators);
        assert_eq!(of_class("delivered"), messages("delivered"), "{name}");
        assert_eq!(of_class("lost"), messages("dropped"), "{name}");
        assert!(
            of_class("mark") >= 3 * validators,
            "decided, witness and stored"
        );
    }
}

#[test]
fn a_diagram_of_a_height_that_was_not_reached_is_refused() {
    let place = Place::new();
    let svg = place.text("height.svg");
    let ended = simulate(&[
        "--scenario",
        &scenario("normal-height"),
        "--diagram",
        &svg,
        "--height",
        "5000",
    ]);
    refused(&ended, &["--height 5000", "last stored height"]);
    assert!(place.names().is_empty());
}
