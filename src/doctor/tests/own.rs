//! What is wrong with the node itself: key, files, ports, disk.

use super::*;

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
    // Without an address to ask it cannot be told from this very node.
    let rpc = prepared.config.rpc.take();
    let all = prepared.findings().await;
    assert_eq!(of(&all, "data-folder").state, State::Warn, "{all:#?}");
    prepared.config.rpc = rpc;
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
    // So does one that only follows meanwhile, and whose chain begins at a trusted block.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut own = Fake::of(&prepared.config);
    own.consensus = Some(serde_json::json!({"protocol": 3, "ownindex": null}));
    own.genesis = None;
    if let Some(rpc) = &mut prepared.config.rpc {
        rpc.listen = own.serve_on(listener);
    }
    assert_eq!(exit_of(&prepared.findings().await), Exit::Success);
    if let Some(rpc) = &mut prepared.config.rpc {
        rpc.listen = address;
    }
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
