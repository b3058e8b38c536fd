//! Prepared misconfigurations, each found and named.

mod fake;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use neo_network::{Identity, NetworkConfig};
use neo_node::config::{NodeConfig, PeerConfig, SignerSection};
use neo_primitives::wallet::ScryptParams;
use neo_primitives::{Magic, PrivateKey};

use super::disk::Disk;
use super::*;
use crate::exit::Exit;
use crate::network_files::{NetworkPlan, NodePorts, ProtocolVersion, create};
use fake::Fake;

/// A sound network of four in a folder of its own; validator 0 is examined.
struct Prepared {
    folder: tempfile::TempDir,
    config: NodeConfig,
    request: Request,
}

impl Prepared {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("net");
        let plan = NetworkPlan {
            validators: 4,
            protocol: ProtocolVersion::V3,
            neo_go: 0,
            neo_go_min_peers: None,
            block_time: Duration::from_secs(1),
            magic: Magic(4242),
            witness_limit: None,
            ports: NodePorts::from_base(20_000, 4).unwrap(),
            scrypt: ScryptParams { n: 2, r: 1, p: 1 },
        };
        create(&root, &plan).unwrap();
        let file = root.join("node0/config.json");
        let mut config = NodeConfig::load(&file).unwrap();
        // Ports that the system chooses are free, and nobody is dialled unless a test says whom.
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        config.network.listen = vec![any];
        config.network.peers.clear();
        if let Some(rpc) = &mut config.rpc {
            rpc.listen = any;
        }
        if let Some(metrics) = &mut config.metrics {
            metrics.listen = any;
        }
        let request = Request {
            file,
            others: Vec::new(),
            nodes: Vec::new(),
            timeout: Duration::from_secs(10),
        };
        Self {
            folder,
            config,
            request,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("net").join(name)
    }

    async fn examine(&self) -> Vec<Finding> {
        examine(&self.config, &self.request, |_| {}).await
    }

    /// All findings but those about the machine that the tests run on, which may be slow, full or small.
    async fn findings(&self) -> Vec<Finding> {
        const MACHINE: [&str; 5] = [
            "disk-kind",
            "disk-space",
            "disk-latency",
            "open-files",
            "clock-steady",
        ];
        let mut all = self.examine().await;
        for check in MACHINE {
            assert!(all.iter().any(|finding| finding.check == check), "{check}");
        }
        all.retain(|finding| !MACHINE.contains(&finding.check));
        all
    }

    /// The only failures are of this check; gives the first of them.
    async fn fails(&self, check: &str) -> Finding {
        let all = self.findings().await;
        let failed: Vec<_> = all.iter().filter(|f| f.state == State::Fail).collect();
        assert!(!failed.is_empty(), "{check} was not found: {all:#?}");
        for finding in &failed {
            assert_eq!(finding.check, check, "{finding:#?}");
            assert!(
                finding.mend.is_some() && !finding.place.is_empty(),
                "{finding:#?}"
            );
        }
        failed[0].clone()
    }

    /// Compares with another validator that says this.
    async fn against(&mut self, change: impl FnOnce(&mut Fake)) {
        let mut fake = Fake::of(&self.config);
        change(&mut fake);
        let endpoint = fake.serve().await;
        self.request.others.push(Other::Rpc(endpoint));
    }
}

fn of<'a>(all: &'a [Finding], check: &str) -> &'a Finding {
    all.iter().find(|finding| finding.check == check).unwrap()
}

fn has(text: &Option<String>, part: &str) -> bool {
    text.as_ref().is_some_and(|text| text.contains(part))
}

/// Every file below a folder with its bytes.
fn content(folder: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            content(&path, into);
        } else {
            into.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    into.sort();
}

#[tokio::test]
async fn a_sound_validator_fails_nothing_and_nothing_is_changed() {
    let mut prepared = Prepared::new();
    prepared.against(|_| {}).await;
    prepared
        .request
        .others
        .push(Other::File(prepared.file("node1/config.json")));
    let (mut before, mut after) = (Vec::new(), Vec::new());
    content(prepared.folder.path(), &mut before);
    let all = prepared.findings().await;
    content(prepared.folder.path(), &mut after);
    assert_eq!(before, after);
    assert_eq!(count(&all, State::Fail), 0, "{all:#?}");
    for check in [
        "wallet",
        "key",
        "vote-log",
        "data-folder",
        "node-reachable",
        "network",
        "limits",
        "protocol-version",
        "node-level",
        "clock",
        "port",
        "permissions",
    ] {
        assert_eq!(of(&all, check).state, State::Ok, "{:#?}", of(&all, check));
    }
    assert_eq!(of(&all, "ledger").state, State::NotChecked);
    assert_eq!(exit_of(&all), Exit::Success);
}

#[tokio::test]
async fn first_the_key_of_no_validator() {
    let mut prepared = Prepared::new();
    let other = Prepared::new();
    prepared.config.wallet = other.config.wallet.clone();
    let found = prepared.fails("key").await;
    assert!(found.value.starts_with("no validator: 0"), "{found:?}");
    assert!(
        has(&found.mend, "one of this network's validators"),
        "{found:?}"
    );
    assert_eq!(exit_of(&[found]), Exit::Refused);
}

#[tokio::test]
async fn second_a_password_that_opens_nothing() {
    let mut prepared = Prepared::new();
    let file = prepared.file("node1/password");
    if let Some(wallet) = &mut prepared.config.wallet {
        wallet.password_file = Some(file);
    }
    let found = prepared.fails("wallet").await;
    assert!(found.place.ends_with("node0/wallet.json"), "{found:?}");
    assert!(has(&found.mend, "password must be its own"), "{found:?}");
}

#[tokio::test]
async fn third_a_password_file_that_others_read() {
    let prepared = Prepared::new();
    let file = prepared.file("node0/wallet.json");
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let found = prepared.fails("permissions").await;
    assert_eq!(
        (found.value.as_str(), found.limit.as_str()),
        ("mode 0644", "600")
    );
    assert_eq!(found.mend, Some(format!("chmod go-rwx {}", file.display())));
}

#[tokio::test]
async fn fourth_a_signer_that_is_not_there() {
    let mut prepared = Prepared::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    prepared.config.wallet = None;
    prepared.config.signer = Some(SignerSection {
        endpoint: endpoint.clone(),
        public_key: prepared.config.protocol.genesis.validators()[0].clone(),
        timeout_ms: 1_000,
    });
    let found = prepared.fails("signer").await;
    assert_eq!(found.place, endpoint);
    assert!(has(&found.mend, "start the signer"), "{found:?}");
    // One for a key that is no validator's is not even asked.
    if let Some(signer) = &mut prepared.config.signer {
        signer.public_key = PrivateKey::generate().public_key().clone();
    }
    let found = prepared.fails("key").await;
    assert_eq!(found.place, "signer.public_key");
}

#[tokio::test]
async fn fifth_a_node_of_another_network() {
    let mut prepared = Prepared::new();
    prepared
        .against(|fake| fake.version["protocol"]["network"] = 4243.into())
        .await;
    let found = prepared.fails("network").await;
    assert_eq!(
        (found.value.as_str(), found.limit.as_str()),
        ("magic: 4243", "4242")
    );
    assert!(has(&found.mend, "protocol.genesis.magic"), "{found:?}");
    let mut prepared = Prepared::new();
    prepared
        .against(|fake| fake.genesis = format!("0x{}", "ab".repeat(32)))
        .await;
    let found = prepared.fails("network").await;
    assert!(found.value.contains("abab"), "{found:?}");
}

#[tokio::test]
async fn sixth_limits_that_others_do_not_have() {
    let mut prepared = Prepared::new();
    prepared
        .against(|fake| fake.version["protocol"]["maxtransactionsperblock"] = 512.into())
        .await;
    let found = prepared.fails("limits").await;
    assert_eq!(found.value, "max_transactions_per_block: 512");
    assert_eq!(found.limit, "10000");
    // The same from a file, which says more than RPC does.
    let mut prepared = Prepared::new();
    let file = prepared.file("node1/config.json");
    let mut other = NodeConfig::load(&file).unwrap();
    other.protocol.genesis.max_block_size = 1_000_000;
    std::fs::write(&file, other.to_json()).unwrap();
    prepared.request.others.push(Other::File(file));
    let found = prepared.fails("limits").await;
    assert_eq!(found.value, "protocol.genesis.max_block_size: 1000000");
    // A ledger node's live block time is used and no fault, its other rules are.
    let mut prepared = Prepared::new();
    let mut fake = Fake::of(&prepared.config);
    fake.version["protocol"]["msperblock"] = 3_000.into();
    prepared.request.nodes = vec![fake.clone().serve().await];
    let all = prepared.findings().await;
    assert_eq!(exit_of(&all), Exit::Success, "{all:#?}");
    assert_eq!(of(&all, "limits").state, State::NotChecked, "{all:#?}");
    assert!(
        all.iter()
            .any(|f| f.value == "block_time_ms: 3000" && f.state == State::Warn)
    );
    fake.version["protocol"]["maxtraceableblocks"] = 7.into();
    prepared.request.nodes = vec![fake.serve().await];
    prepared.fails("limits").await;
    // A pool of another size is no fault.
    let mut prepared = Prepared::new();
    prepared
        .against(|fake| fake.version["protocol"]["memorypoolmaxtransactions"] = 1.into())
        .await;
    let all = prepared.findings().await;
    assert_eq!(exit_of(&all), Exit::Success, "{all:#?}");
}

#[tokio::test]
async fn seventh_the_other_version_of_the_protocol() {
    let mut prepared = Prepared::new();
    prepared
        .against(|fake| fake.consensus = Some(serde_json::json!({"protocol": 2})))
        .await;
    let found = prepared.fails("protocol-version").await;
    assert_eq!((found.value.as_str(), found.limit.as_str()), ("2", "3"));
    assert!(has(&found.mend, "protocol.version"), "{found:?}");
}

#[tokio::test]
async fn eighth_a_clock_that_is_off() {
    let mut prepared = Prepared::new();
    prepared.against(|fake| fake.date_ahead_s = 60).await;
    let found = prepared.fails("clock").await;
    assert!(found.value.starts_with("-"), "{found:?}");
    assert!(has(&found.mend, "synchronise"), "{found:?}");
    // A block that was stamped a minute from now tells the same.
    let mut prepared = Prepared::new();
    prepared.against(|fake| fake.tip_ahead_s = 60).await;
    let found = prepared.fails("clock").await;
    assert!(found.value.contains("in the future"), "{found:?}");
}

#[tokio::test]
async fn ninth_a_port_that_is_taken() {
    let mut prepared = Prepared::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    if let Some(metrics) = &mut prepared.config.metrics {
        metrics.listen = address;
    }
    let found = prepared.fails("port").await;
    assert_eq!(found.place, "metrics.listen");
    assert!(has(&found.mend, &address.port().to_string()), "{found:?}");
    assert_eq!(exit_of(&[found]), Exit::Busy);
}

#[tokio::test]
async fn tenth_a_data_folder_that_is_held_and_a_node_that_runs() {
    let mut prepared = Prepared::new();
    let store = prepared.config.data_dir.join(neo_ledger::STORE_FILE);
    let _held = neo_ledger::store::RedbStore::open(&store).unwrap();
    let found = prepared.fails("data-folder").await;
    assert!(has(&found.mend, "stop the node"), "{found:?}");
    // Its own node says that it is validator 0: then the folder and the ports are its own.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut own = Fake::of(&prepared.config);
    own.consensus = Some(serde_json::json!({"protocol": 3, "ownindex": 0}));
    let address = own.serve_on(listener);
    if let Some(rpc) = &mut prepared.config.rpc {
        rpc.listen = address;
    }
    let all = prepared.findings().await;
    assert_eq!(exit_of(&all), Exit::Success, "{all:#?}");
    assert_eq!(of(&all, "data-folder").value, "this node runs and holds it");
    // Asked as another one it is the same node, unless it has another nonce.
    prepared.request.others = vec![Other::Rpc(address.into())];
    let all = prepared.findings().await;
    assert_eq!(exit_of(&all), Exit::Success, "{all:#?}");
    prepared
        .against(|fake| {
            fake.version["nonce"] = 6.into();
            fake.consensus = Some(serde_json::json!({"protocol": 3, "ownindex": 0}));
        })
        .await;
    let found = prepared.fails("key-twice").await;
    assert!(has(&found.mend, "stop one of the two"), "{found:?}");
    assert!(
        all.iter()
            .any(|f| f.place == "rpc.listen" && f.value.contains("which runs"))
    );
}

#[tokio::test]
async fn eleventh_a_vote_log_that_is_anothers_missing_or_damaged() {
    let mut prepared = Prepared::new();
    let own = prepared.config.data_dir.clone();
    prepared.config.data_dir = prepared.file("node1/data");
    let found = prepared.fails("vote-log").await;
    assert!(has(&found.mend, "data_dir belongs to another"), "{found:?}");
    assert_eq!(exit_of(&[found]), Exit::Busy);
    prepared.config.data_dir = own.clone();
    let log = own.join("votes/votes-00000000.log");
    let copy = own.join("copy");
    std::fs::copy(&log, &copy).unwrap();
    std::fs::rename(&copy, &log).unwrap();
    let all = prepared.findings().await;
    let found = of(&all, "vote-log");
    assert_eq!(found.state, State::Warn);
    assert!(found.value.contains("copy"), "{found:?}");
    std::fs::remove_file(&log).unwrap();
    let all = prepared.findings().await;
    let found = of(&all, "vote-log");
    assert_eq!(
        (found.state, found.value.as_str()),
        (State::Warn, "missing")
    );
}

#[tokio::test]
async fn twelfth_a_ledger_node_that_is_down_or_behind() {
    let mut prepared = Prepared::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let down: Endpoint = listener.local_addr().unwrap().into();
    drop(listener);
    prepared.request.nodes = vec![down.clone()];
    let found = prepared.fails("node-reachable").await;
    assert_eq!(found.place, format!("--node {down}"));
    let mut fake = Fake::of(&prepared.config);
    (fake.height, fake.consensus) = (90, None);
    prepared.request.nodes = vec![fake.serve().await];
    let found = prepared.fails("node-level").await;
    assert_eq!(found.value, "height 90, 10 behind");
    // It is level again by its own headers, and another validator is far ahead.
    let mut fake = Fake::of(&prepared.config);
    (fake.height, fake.headers, fake.consensus) = (90, 90, None);
    prepared.request.nodes = vec![fake.serve().await];
    assert_eq!(exit_of(&prepared.findings().await), Exit::Success);
    prepared.against(|_| {}).await;
    prepared.fails("node-level").await;
}

/// A validator of the mesh at a port of this machine.
async fn validator(
    config: &NodeConfig,
    magic: Magic,
    key: PrivateKey,
) -> (String, neo_network::NetworkHandle) {
    let genesis = config.protocol.genesis.genesis_block().hash();
    let mut network = NetworkConfig::new(magic, genesis, Identity::generate());
    network.listen_tcp = Some("127.0.0.1:0".parse().unwrap());
    network.validators = config.protocol.genesis.validators();
    network.validator_key = Some(std::sync::Arc::new(key));
    let (handle, _events) = neo_network::start(network).unwrap();
    let address = handle.listening().await;
    (address[0].to_string(), handle)
}

#[tokio::test]
async fn thirteenth_peers_that_are_others_or_of_another_network() {
    let mut prepared = Prepared::new();
    let key = PrivateKey::generate();
    let ours = prepared.config.protocol.genesis.magic;
    let (address, _node) = validator(&prepared.config, ours, key.clone()).await;
    let peer = |wanted: Option<PublicKey>, address: &str| PeerConfig {
        public_key: wanted,
        addresses: vec![address.parse().unwrap()],
    };
    prepared.config.network.peers = vec![peer(Some(key.public_key().clone()), &address)];
    let all = prepared.findings().await;
    assert_eq!(of(&all, "peer").state, State::Ok, "{all:#?}");
    assert_eq!(of(&all, "peers-quorum").state, State::Warn, "{all:#?}");
    // It listens on TCP only, where UDP is tried first.
    let port = address.rsplit('/').next().unwrap();
    prepared.config.network.peers = vec![peer(None, &format!("127.0.0.1:{port}"))];
    prepared.request.timeout = Duration::from_secs(2);
    let found = of(&prepared.findings().await, "peer").clone();
    assert_eq!(found.state, State::Warn);
    assert!(has(&found.mend, "open the UDP port"), "{found:?}");
    prepared.request.timeout = Duration::from_secs(10);
    let wanted = prepared.config.protocol.genesis.validators()[1].clone();
    prepared.config.network.peers = vec![peer(Some(wanted.clone()), &address)];
    let found = prepared.fails("peer").await;
    assert_eq!(found.limit, wanted.to_string());
    let (address, _node) = validator(&prepared.config, Magic(7), key).await;
    prepared.config.network.peers = vec![peer(None, &address)];
    let found = prepared.fails("peer").await;
    assert!(has(&found.mend, "network.peers[0]"), "{found:?}");
    // The own key, in a process that is not this configuration's.
    let wallet = prepared.config.wallet.as_ref().unwrap();
    let password = neo_node::config::read_password(wallet).unwrap();
    let accounts = neo_primitives::wallet::Nep6Wallet::load(&wallet.path).unwrap();
    let own = accounts.open(&password).unwrap().remove(0).key;
    let (address, _node) = validator(&prepared.config, ours, own).await;
    prepared.config.network.peers = vec![peer(None, &address)];
    let found = prepared.fails("key-twice").await;
    assert_eq!(found.place, "network.peers[0]");
    // On Neo N3's own protocol nobody is there: a remark, and of TCP alone.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let down = listener.local_addr().unwrap().to_string();
    drop(listener);
    prepared.config.network.peers.clear();
    prepared.config.p2p = Some(neo_node::config::P2pSection {
        peers: vec![down],
        ..Default::default()
    });
    let found = of(&prepared.findings().await, "peer").clone();
    assert_eq!(
        (found.state, found.place.as_str()),
        (State::Warn, "p2p.peers[0]")
    );
    assert!(has(&found.mend, "open for TCP, or"), "{found:?}");
}

#[test]
fn disks_in_memory_full_or_slow_and_few_open_files() {
    let sound = Disk {
        kind: 0xef53,
        free: 100 << 30,
        sync: Duration::from_millis(2),
    };
    let states = |disk: Disk| {
        let all = disk::judge(&disk, Path::new("/data"));
        assert!(
            all.iter()
                .all(|f| (f.state == State::Ok) == f.mend.is_none())
        );
        <[State; 3]>::try_from(all.iter().map(|f| f.state).collect::<Vec<_>>()).unwrap()
    };
    let (ok, warn, fail) = (State::Ok, State::Warn, State::Fail);
    let ms = Duration::from_millis;
    assert_eq!(states(sound), [ok, ok, ok]);
    assert_eq!(
        states(Disk {
            kind: 0x0102_1994,
            ..sound
        }),
        [fail, ok, ok]
    );
    assert_eq!(
        states(Disk {
            kind: 0x794c_7630,
            ..sound
        }),
        [warn, ok, ok]
    );
    assert_eq!(
        states(Disk {
            free: 5 << 30,
            ..sound
        }),
        [ok, warn, ok]
    );
    assert_eq!(
        states(Disk {
            free: 5 << 20,
            ..sound
        }),
        [ok, fail, ok]
    );
    assert_eq!(
        states(Disk {
            sync: ms(50),
            ..sound
        }),
        [ok, ok, warn]
    );
    assert_eq!(
        states(Disk {
            sync: ms(500),
            ..sound
        }),
        [ok, ok, fail]
    );
    let config = Prepared::new().config;
    for (limit, state) in [(100, fail), (1_024, warn), (1 << 20, ok)] {
        assert_eq!(machine::judge_files(&config, limit).state, state, "{limit}");
    }
}
