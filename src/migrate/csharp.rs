//! What the C# node's keys mean: its config.json, and DBFTPlugin.json and RpcServer.json of its plugins.

use std::path::Path;

use serde_json::{Value, json};

use super::ImportError;
use super::draft::{Draft, VOTES};
use super::source::Source;
use super::value::{boolean, number, whole};

/// Milliseconds of a day: how long a transaction may wait by default.
const DAY_MS: u64 = 86_400_000;
/// The only version of addresses on Neo N3.
const ADDRESS_VERSION: u64 = 53;
/// Connections that stand for any number.
const ANY: i64 = -1;

/// Reads a C# configuration and those of the plugins that stand for something here.
pub(super) fn import(
    mut source: Source,
    plugins: Option<&Path>,
    draft: &mut Draft,
) -> Result<(), ImportError> {
    let beside = source
        .path()
        .parent()
        .unwrap_or(Path::new(""))
        .join("Plugins");
    let folder = plugins.unwrap_or(&beside);
    protocol(&mut source, draft)?;
    application(&mut source, draft)?;
    draft.leave_rest(&source, reason);
    dbft(folder, &source, draft)?;
    rpc(folder, draft)?;
    if let Some(signer) = plugin(folder, "SignClient")? {
        let reason = "in place of wallet: signer.endpoint takes its Endpoint, signer.public_key the validator's key";
        for (key, value) in signer.rest() {
            draft.leave(&signer, &key, &value, reason);
        }
    }
    Ok(())
}

fn plugin(folder: &Path, name: &str) -> Result<Option<Source>, ImportError> {
    let path = folder.join(name).join(format!("{name}.json"));
    path.is_file().then(|| Source::read(&path)).transpose()
}

fn protocol(s: &mut Source, draft: &mut Draft) -> Result<(), ImportError> {
    let p = |key: &str| format!("ProtocolConfiguration.{key}");
    let g = |key: &str| format!("protocol.genesis.{key}");
    draft.carry(s, &p("Network"), &g("magic"), whole)?;
    let version = p("AddressVersion");
    if let Some(value) = s.take(&version)
        && number(&value) != Ok(ADDRESS_VERSION)
    {
        return Err(s.wrong(&version, format!("{value}, Neo N3 has {ADDRESS_VERSION}")));
    }
    let time_key = p("MillisecondsPerBlock");
    let time = s.get(&time_key).map_or(Ok(15_000), number);
    let time = time.map_err(|problem| s.wrong(&time_key, problem))?;
    draft.carry_or(s, &time_key, &g("block_time_ms"), whole, json!(15_000))?;
    let transactions = (
        p("MaxTransactionsPerBlock"),
        g("max_transactions_per_block"),
    );
    draft.carry_or(s, &transactions.0, &transactions.1, whole, json!(512))?;
    let pool = (p("MemoryPoolMaxTransactions"), g("memory_pool_max"));
    draft.carry_or(s, &pool.0, &pool.1, whole, json!(50_000))?;
    let traceable = (p("MaxTraceableBlocks"), g("max_traceable_blocks"));
    draft.carry_or(s, &traceable.0, &traceable.1, whole, json!(2_102_400))?;
    let until = (
        p("MaxValidUntilBlockIncrement"),
        g("max_valid_until_block_increment"),
    );
    let day = DAY_MS.checked_div(time).unwrap_or(DAY_MS);
    draft.carry_or(s, &until.0, &until.1, whole, json!(day))?;
    let gas = json!(5_200_000_000_000_000_u64);
    draft.carry_or(
        s,
        &p("InitialGasDistribution"),
        &g("initial_gas"),
        whole,
        gas,
    )?;
    let count_key = p("ValidatorsCount");
    let count = s.take(&count_key).as_ref().map(number).transpose();
    let count = count.map_err(|problem| s.wrong(&count_key, problem))?;
    draft.committee(s, count, &count_key)?;
    draft.seeds(s)?;
    if let Some(Value::Object(all)) = s.get(&p("Hardforks")).cloned() {
        for (name, _) in all.iter().filter(|(_, height)| **height == json!(0)) {
            s.take(&p(&format!("Hardforks.{name}")));
        }
    }
    Ok(())
}

fn application(s: &mut Source, draft: &mut Draft) -> Result<(), ImportError> {
    let a = |key: &str| format!("ApplicationConfiguration.{key}");
    let port_key = a("P2P.Port");
    if let Some(port) = s.take(&port_key) {
        let port = number(&port).ok().and_then(|port| u16::try_from(port).ok());
        let port = port.ok_or_else(|| s.wrong(&port_key, "this is no port"))?;
        if port > 0 {
            draft.place(
                s,
                &port_key,
                "p2p.listen",
                json!([format!("0.0.0.0:{port}")]),
            );
        }
    }
    let most = a("P2P.MaxConnections");
    if s.get(&most) == Some(&json!(ANY)) {
        let value = json!(ANY);
        s.take(&most);
        draft.leave(s, &most, &value, "there is always a bound: p2p.max_peers");
    }
    draft.carry(s, &most, "p2p.max_peers", whole)?;
    draft.carry(
        s,
        &a("P2P.MinDesiredConnections"),
        "p2p.wanted_peers",
        whole,
    )?;
    draft.carry(
        s,
        &a("P2P.MaxConnectionsPerAddress"),
        "p2p.max_per_address",
        whole,
    )?;
    draft.carry(s, &a("P2P.EnableCompression"), "p2p.compression", boolean)?;
    let wallet = a("UnlockWallet");
    let active = format!("{wallet}.IsActive");
    let active = s.take(&active).map(boolean) == Some(Ok(json!(true)));
    if active {
        draft.wallet(s, &wallet)?;
    } else {
        let path = s
            .take(&format!("{wallet}.Path"))
            .filter(|path| *path != json!(""));
        s.take(&format!("{wallet}.Password"));
        let key = format!("{wallet}.Path");
        let reason = "the configuration opens no wallet by itself (IsActive): set wallet.path, or the node is an \
                      observer";
        draft.leave(s, &key, &path.unwrap_or(json!("")), reason);
    }
    // Loggers and downloads that are off.
    let logger = a("Logger");
    let quiet = |s: &Source, key: &str| s.get(&format!("{logger}.{key}")) != Some(&json!(true));
    if quiet(s, "Active") && quiet(s, "ConsoleOutput") {
        s.take(&logger);
    }
    Ok(())
}

/// Limits of blocks that are the consensus plugin's, and whether it starts by itself.
fn dbft(folder: &Path, config: &Source, draft: &mut Draft) -> Result<(), ImportError> {
    let (size, fee) = (
        "protocol.genesis.max_block_size",
        "protocol.genesis.max_block_system_fee",
    );
    let Some(mut plugin) = plugin(folder, "DBFTPlugin")? else {
        let key = "Plugins/DBFTPlugin/DBFTPlugin.json";
        draft.assume(
            config,
            &format!("{key}: MaxBlockSize"),
            size,
            json!(262_144),
        );
        let default: u64 = 150_000_000_000;
        draft.assume(
            config,
            &format!("{key}: MaxBlockSystemFee"),
            fee,
            json!(default),
        );
        let beside = json!(draft.is_beside());
        draft.assume(config, &format!("{key}: AutoStart"), VOTES, beside);
        return Ok(());
    };
    let s = &mut plugin;
    let key = |key: &str| format!("PluginConfiguration.{key}");
    draft.carry_or(s, &key("MaxBlockSize"), size, whole, json!(262_144))?;
    let default: u64 = 150_000_000_000;
    draft.carry_or(s, &key("MaxBlockSystemFee"), fee, whole, json!(default))?;
    draft.voting(s, &key("AutoStart"))?;
    // Until 3.9 the plugin named its network; then it is that of the node.
    s.take(&key("Network"));
    draft.leave_rest(s, |key| {
        Some(match key {
            "PluginConfiguration.RecoveryLogs" | "PluginConfiguration.IgnoreRecoveryLogs" => {
                "every vote is in the vote log in data_dir, and always read"
            }
            "PluginConfiguration.UnhandledExceptionPolicy" => {
                "a node that cannot go on safely ends, with its exit code"
            }
            _ => return None,
        })
    });
    Ok(())
}

fn rpc(folder: &Path, draft: &mut Draft) -> Result<(), ImportError> {
    let Some(mut plugin) = plugin(folder, "RpcServer")? else {
        return Ok(());
    };
    let s = &mut plugin;
    let list = "PluginConfiguration.Servers";
    let servers = match s.take(list) {
        Some(Value::Array(servers)) => servers,
        Some(other) => return Err(s.wrong(list, format!("{other} is no list"))),
        None => vec![],
    };
    for (position, server) in servers.iter().enumerate() {
        let place = format!("{list}[{position}]");
        if position > 0 {
            draft.leave(s, &place, server, "one JSON-RPC server is run, the first");
            continue;
        }
        serve(s, &place, server, draft)?;
    }
    draft.leave_rest(s, |_| Some("the JSON-RPC server here has no such setting"));
    Ok(())
}

fn serve(s: &Source, place: &str, server: &Value, draft: &mut Draft) -> Result<(), ImportError> {
    let Value::Object(members) = server else {
        return Err(s.wrong(place, format!("{server} is no server")));
    };
    let of = |key: &str| members.get(key).filter(|value| !value.is_null());
    let name = |key: &str| format!("{place}.{key}");
    let address = of("BindAddress")
        .and_then(Value::as_str)
        .unwrap_or("127.0.0.1");
    let port = of("Port").map_or(Ok(10_332), number);
    let port = port.map_err(|problem| s.wrong(&name("Port"), problem))?;
    let listen = super::value::listener(&json!(format!("{address}:{port}")));
    let listen = listen.map_err(|problem| s.wrong(&name("BindAddress"), problem))?;
    draft.place(s, &name("BindAddress"), "rpc.listen", json!(listen));
    for (theirs, ours) in [
        ("MaxRequestBodySize", "rpc.max_body_bytes"),
        ("MaxConcurrentConnections", "rpc.max_connections"),
    ] {
        if let Some(value) = of(theirs) {
            let value = whole(value.clone()).map_err(|problem| s.wrong(&name(theirs), problem))?;
            draft.place(s, &name(theirs), ours, value);
        }
    }
    let known = [
        "BindAddress",
        "Port",
        "MaxRequestBodySize",
        "MaxConcurrentConnections",
    ];
    for (key, value) in members {
        let empty = matches!(value, Value::Null | Value::Bool(false))
            || *value == json!("")
            || *value == json!([]);
        if !known.contains(&key.as_str()) && !empty {
            let reason = match key.as_str() {
                "SslCert" | "SslCertPassword" => {
                    "JSON-RPC is served without TLS: put a proxy in front of it"
                }
                "RpcUser" | "RpcPass" => "JSON-RPC has no passwords: put a proxy in front of it",
                _ => "the JSON-RPC server here has no such setting",
            };
            draft.leave(s, &name(key), value, reason);
        }
    }
    Ok(())
}

/// Why a key stays behind.
fn reason(key: &str) -> Option<&'static str> {
    let (_, key) = key.split_once('.')?;
    let begins = |start: &str| key.starts_with(start);
    Some(match key {
        _ if begins("Storage") => {
            "the chain is kept in data_dir in a form of its own; blocks come from the peers"
        }
        _ if begins("Hardforks.") => {
            "heights of hardforks are not known here: the embedded ledger has the rules of all of them from the \
             first block on"
        }
        _ if begins("Logger") => "the log goes to standard error: `log`",
        _ if begins("P2P.") => "the P2P protocol here has no such setting",
        _ if begins("Plugins") || begins("Contracts") => "it is about the C# node itself",
        _ => return None,
    })
}
