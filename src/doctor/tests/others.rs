//! What does not fit other nodes: their network, rules, clocks, heights, keys.

use super::*;

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
        .against(|fake| fake.genesis = Some(format!("0x{}", "ab".repeat(32))))
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
