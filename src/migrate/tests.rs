use std::path::Path;

use serde_json::{Value, json};

use super::*;

mod beside;

const KEYS: [&str; 4] = [
    "02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2",
    "02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e",
    "03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee699",
    "02a7bc55fe8684e0119768d104ba30795bdcc86619e864add26156723ed185cd62",
];

/// A validator's configuration of neo-go, with something of every section.
const NEO_GO: &str = r#"
ProtocolConfiguration:
  Magic: 56753
  MaxTraceableBlocks: 200000
  MaxValidUntilBlockIncrement: 5760
  MaxTransactionsPerBlock: 512
  MaxBlockSize: 2097152
  MaxBlockSystemFee: 150000000000
  InitialGASSupply: 52000000
  TimePerBlock: 1s
  MaxTimePerBlock: 4s
  MemPoolSize: 50000
  StandbyCommittee:
    - 02b3622bf4017bdfe317c58aed5f4c753f206b7db896046fa7d774bbc4bf7f8dc2
    - 02103a7f7dd016558597f7960d27c516a4394fd968b9e65155eb4b013e4040406e
    - 03d90c07df63e690ce77912e10ab51acc944b66860237b608c4f8f8309e71ee699
    - 02a7bc55fe8684e0119768d104ba30795bdcc86619e864add26156723ed185cd62
  ValidatorsCount: 4
  SeedList:
    - localhost:20333
    - "127.0.0.1:20334"
  VerifyTransactions: true
  StateRootInHeader: false
  P2PSigExtensions: true
  Hardforks:
    Aspidochelone: 0
    Echidna: 25
ApplicationConfiguration:
  LogLevel: warn
  DBConfiguration:
    Type: leveldb
    LevelDBOptions:
      DataDirectoryPath: "./chains/privnet"
  P2P:
    Addresses:
      - ":20333:30333"
      - "[::1]:20333"
    MinPeers: 3
    MaxPeers: 10
    PingInterval: 30s
  Relay: true
  Consensus:
    Enabled: true
    UnlockWallet:
      Path: "wallets/wallet1.json"
      Password: "one and secret"
  Oracle:
    Enabled: false
    UnlockWallet: {Path: "./oracle.json", Password: "oracle secret"}
  RPC:
    Enabled: true
    Addresses: ["127.0.0.1:30333"]
    MaxRequestBodyBytes: 1048576
    MaxGasInvoke: 15
    TLSConfig:
      Enabled: false
  Prometheus:
    Enabled: true
    Addresses: [":20001"]
  Pprof:
    Enabled: false
    Addresses: [":20011"]
"#;

fn wishes() -> Wishes {
    Wishes {
        protocol: 2,
        data_dir: "data".into(),
        password_file: None,
        plugins: None,
        beside: None,
        mesh: Mesh::default(),
    }
}

/// Writes the files and imports the first.
fn imported(files: &[(&str, &str)], wishes: &Wishes) -> Result<(Imported, Value), ImportError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let imported = import(&folder.path().join(files[0].0), wishes)?;
    let config = serde_json::from_str(&imported.config.to_json()).unwrap();
    Ok((imported, config))
}

fn left<'a>(imported: &'a Imported, key: &str) -> &'a Left {
    let found = imported.left.iter().find(|left| left.key.ends_with(key));
    found.unwrap_or_else(|| panic!("{key} is not among {:#?}", imported.left))
}

#[test]
fn a_validator_of_neo_go() {
    let (imported, config) = imported(&[("privnet.yml", NEO_GO)], &wishes()).unwrap();
    assert_eq!(imported.node, "neo-go");
    let genesis = &config["protocol"]["genesis"];
    assert_eq!(
        *genesis,
        json!({
            "magic": 56753,
            "standby_validators": KEYS,
            "block_time_ms": 1_000,
            "max_transactions_per_block": 512,
            "max_block_size": 2_097_152,
            "max_block_system_fee": 150_000_000_000_u64,
            "memory_pool_max": 50_000,
            "max_valid_until_block_increment": 5_760,
            "max_traceable_blocks": 200_000,
            "initial_gas": 5_200_000_000_000_000_u64,
            "witness_limit": 1_024,
        })
    );
    assert_eq!(config["protocol"]["version"], 2);
    assert_eq!(config["consensus"]["enabled"], true);
    assert_eq!(config["consensus"]["max_block_time_ms"], 4_000);
    assert_eq!(config["p2p"]["listen"], json!(["0.0.0.0:20333"]));
    assert_eq!(
        config["p2p"]["peers"],
        json!(["localhost:20333", "127.0.0.1:20334"])
    );
    assert_eq!(
        (&config["p2p"]["max_peers"], &config["p2p"]["wanted_peers"]),
        (&json!(10), &json!(3))
    );
    assert_eq!(config["rpc"]["listen"], "127.0.0.1:30333");
    assert_eq!(config["rpc"]["max_body_bytes"], 1_048_576);
    assert_eq!(config["metrics"]["listen"], "0.0.0.0:20001");
    assert_eq!(config["log"]["level"], "warn");
    let wallet = config["wallet"]["path"].as_str().unwrap();
    assert!(
        wallet.starts_with('/') && wallet.ends_with("wallets/wallet1.json"),
        "{wallet}"
    );
    assert!(imported.assumed.is_empty(), "{:#?}", imported.assumed);
}

#[test]
fn what_neo_go_has_and_we_do_not_is_named_and_no_secret_is() {
    let (imported, config) = imported(&[("privnet.yml", NEO_GO)], &wishes()).unwrap();
    let mut keys: Vec<_> = imported.left.iter().map(|left| left.key.as_str()).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "privnet.yml: ApplicationConfiguration.Consensus.UnlockWallet.Password",
            "privnet.yml: ApplicationConfiguration.Consensus.UnlockWallet.Path",
            "privnet.yml: ApplicationConfiguration.DBConfiguration.LevelDBOptions.DataDirectoryPath",
            "privnet.yml: ApplicationConfiguration.DBConfiguration.Type",
            "privnet.yml: ApplicationConfiguration.P2P.Addresses",
            "privnet.yml: ApplicationConfiguration.P2P.PingInterval",
            "privnet.yml: ApplicationConfiguration.RPC.MaxGasInvoke",
            "privnet.yml: ProtocolConfiguration.Hardforks.Echidna",
            "privnet.yml: ProtocolConfiguration.P2PSigExtensions",
        ]
    );
    assert!(
        left(&imported, "Hardforks.Echidna")
            .reason
            .contains("heights of hardforks")
    );
    assert_eq!(
        left(&imported, "P2P.Addresses").value,
        Some(json!("[::1]:20333"))
    );
    assert!(
        left(&imported, "UnlockWallet.Path")
            .reason
            .contains("is not there")
    );
    let told = format!("{imported:?} {config}");
    assert!(!told.contains("secret"), "{told}");
}

#[test]
fn defaults_of_neo_go_are_filled_in_and_named() {
    let short = format!(
        "ProtocolConfiguration:\n  Magic: 7\n  ValidatorsHistory: {{0: 1}}\n  StandbyCommittee: [{}, {}]\n",
        KEYS[0], KEYS[1]
    );
    let (imported, config) = imported(
        &[("short.yml", &short)],
        &Wishes {
            password_file: None,
            ..wishes()
        },
    )
    .unwrap();
    let genesis = &config["protocol"]["genesis"];
    assert_eq!(genesis["standby_validators"], json!([KEYS[0]]));
    assert_eq!(genesis["committee"], json!([KEYS[0], KEYS[1]]));
    assert_eq!(genesis["block_time_ms"], 15_000);
    assert_eq!(genesis["max_valid_until_block_increment"], 5_760);
    assert_eq!(genesis["max_block_size"], 262_144);
    assert_eq!(config["consensus"]["enabled"], false);
    let assumed: Vec<_> = imported.assumed.iter().map(|one| one.to.as_str()).collect();
    assert_eq!(assumed.len(), 9, "{assumed:?}");
}

#[test]
fn what_cannot_be_is_refused_with_file_and_key() {
    for (from, to, expected) in [
        (
            "Magic: 56753",
            "Magic: -1",
            "ProtocolConfiguration.Magic: -1 is no whole number",
        ),
        (
            "TimePerBlock: 1s",
            "TimePerBlock: soon",
            "ProtocolConfiguration.TimePerBlock: \"soon\"",
        ),
        (
            "ValidatorsCount: 4",
            "ValidatorsCount: 7",
            "ProtocolConfiguration.ValidatorsCount: 7 validators, the",
        ),
        (
            "StateRootInHeader: false",
            "StateRootInHeader: true",
            "ProtocolConfiguration.StateRootInHeader: true: ",
        ),
        (
            "\":20333:30333\"",
            "\"somewhere\"",
            "ApplicationConfiguration.P2P.Addresses: \"somewhere\"",
        ),
        (
            "  ValidatorsCount: 4",
            "  ValidatorsHistory: {0: 4, 8: 2}",
            "ProtocolConfiguration.ValidatorsHistory: ",
        ),
        (
            "MaxPeers: 10",
            "MaxPeers: 2",
            "p2p.wanted_peers: 3 is not within 0 to 2",
        ),
        ("- localhost:20333", "- localhost", "p2p.peers[0]: "),
        (
            "02b3622b",
            "02b3622c",
            "protocol.genesis.standby_validators[0]",
        ),
        (
            "Magic: 56753",
            "Masic: 56753",
            "the file is of neither node",
        ),
    ] {
        assert!(NEO_GO.contains(from), "{from}");
        let bent = NEO_GO.replacen(from, to, 1);
        let error = imported(&[("bent.yml", &bent)], &wishes())
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
    let missing = import(Path::new("/nonexistent.yml"), &wishes()).unwrap_err();
    assert!(
        missing.to_string().starts_with("/nonexistent.yml: "),
        "{missing}"
    );
}

/// A C# node's configuration in the form of 3.10.
fn csharp() -> String {
    json!({
        "ApplicationConfiguration": {
            "Logger": {"Path": "Logs", "ConsoleOutput": false, "Active": false},
            "Storage": {"Engine": "LevelDBStore", "Path": "Data_LevelDB_{0}"},
            "P2P": {
                "Port": 10333, "EnableCompression": false, "MinDesiredConnections": 10,
                "MaxConnections": 40, "MaxKnownHashes": 1000, "MaxConnectionsPerAddress": 3
            },
            "UnlockWallet": {"Path": "wallet.json", "Password": "very secret", "IsActive": true},
            "Contracts": {"NeoNameService": "0x50ac1c37690cc2cfc594472833cf57505d5f46de"},
        },
        "ProtocolConfiguration": {
            "Network": 860_833_102_u32,
            "AddressVersion": 53,
            "MillisecondsPerBlock": 3000,
            "MaxTransactionsPerBlock": 200,
            "MemoryPoolMaxTransactions": 50000,
            "MaxTraceableBlocks": 2_102_400,
            "Hardforks": {"HF_Aspidochelone": 0, "HF_Echidna": 7_300_000},
            "InitialGasDistribution": 5_200_000_000_000_000_u64,
            "ValidatorsCount": 4,
            "StandbyCommittee": KEYS,
            "SeedList": ["seed1.neo.org:10333"]
        }
    })
    .to_string()
}

const DBFT: &str = r#"{"PluginConfiguration": {"RecoveryLogs": "ConsensusState", "IgnoreRecoveryLogs": false,
    "AutoStart": true, "MaxBlockSize": 2097152, "MaxBlockSystemFee": 2000000000, "UnhandledExceptionPolicy": "StopNode"}}"#;

const RPC: &str = r#"{"PluginConfiguration": {"UnhandledExceptionPolicy": "Ignore", "Servers": [
    {"BindAddress": "127.0.0.1", "Port": 10332, "SslCert": "", "RpcUser": "", "RpcPass": "hidden secret",
     "MaxConcurrentConnections": 40, "MaxRequestBodySize": 1048576, "MaxGasInvoke": 20, "SessionEnabled": false},
    {"BindAddress": "127.0.0.1", "Port": 10339}]}}"#;

#[test]
fn a_validator_of_the_c_sharp_node_with_its_plugins() {
    let text = csharp();
    let files = [
        ("config.json", text.as_str()),
        ("Plugins/DBFTPlugin/DBFTPlugin.json", DBFT),
        ("Plugins/RpcServer/RpcServer.json", RPC),
        ("wallet.json", "{}"),
    ];
    let password = PathBuf::from("/etc/neo/password");
    let wishes = Wishes {
        password_file: Some(password),
        ..wishes()
    };
    let (imported, config) = imported(&files, &wishes).unwrap();
    assert_eq!(imported.node, "C#");
    let genesis = &config["protocol"]["genesis"];
    assert_eq!(genesis["magic"], 860_833_102);
    assert_eq!(genesis["block_time_ms"], 3_000);
    assert_eq!(genesis["max_transactions_per_block"], 200);
    assert_eq!(genesis["max_block_size"], 2_097_152);
    assert_eq!(genesis["max_block_system_fee"], 2_000_000_000);
    assert_eq!(genesis["max_valid_until_block_increment"], 28_800);
    assert_eq!(config["consensus"]["enabled"], true);
    assert_eq!(config["wallet"]["password_file"], "/etc/neo/password");
    assert_eq!(
        config["p2p"],
        json!({
            "listen": ["0.0.0.0:10333"], "peers": ["seed1.neo.org:10333"], "max_peers": 40, "wanted_peers": 10,
            "max_per_address": 3, "compression": false
        })
    );
    assert_eq!(config["rpc"]["listen"], "127.0.0.1:10332");
    assert_eq!(config["rpc"]["max_connections"], 40);
    assert_eq!(imported.assumed.len(), 1, "{:#?}", imported.assumed);
    for key in [
        "HF_Echidna",
        "Storage.Engine",
        "P2P.MaxKnownHashes",
        "RecoveryLogs",
        "Servers[0].MaxGasInvoke",
        "Servers[1]",
        "NeoNameService",
    ] {
        left(&imported, key);
    }
    assert_eq!(left(&imported, "Servers[0].RpcPass").value, None);
    let told = format!("{imported:?} {config}");
    assert!(!told.contains("secret"), "{told}");
}

#[test]
fn a_c_sharp_node_without_plugins_is_an_observer_with_their_defaults() {
    let text = csharp().replace("\"IsActive\":true", "\"IsActive\":false");
    let (imported, config) = imported(&[("config.json", &text)], &wishes()).unwrap();
    assert_eq!(config["consensus"]["enabled"], false);
    assert!(config.get("wallet").is_none_or(Value::is_null));
    assert_eq!(config["protocol"]["genesis"]["max_block_size"], 262_144);
    assert!(
        left(&imported, "UnlockWallet.Path")
            .reason
            .contains("IsActive")
    );
    assert!(
        imported
            .assumed
            .iter()
            .any(|one| one.from.contains("DBFTPlugin.json: AutoStart"))
    );
}

#[test]
fn a_network_that_goes_on_with_the_newer_protocol_is_told_what_it_needs() {
    let wishes = Wishes {
        protocol: 3,
        ..wishes()
    };
    let (imported, config) = imported(&[("privnet.yml", NEO_GO)], &wishes).unwrap();
    assert_eq!(config["protocol"]["version"], 3);
    let reason = &left(&imported, "network").reason;
    assert!(
        reason.contains("network.listen (--listen) and network.peers (--peer"),
        "{reason}"
    );
}
