//! What neo-go's keys mean (its docs/node-configuration.md and pkg/config).

use serde_json::{Value, json};

use super::ImportError;
use super::draft::Draft;
use super::source::Source;
use super::value::{boolean, gas, inverted, milliseconds, number, whole};

/// Milliseconds of a day: how long a transaction may wait by default.
const DAY_MS: u64 = 86_400_000;

/// Reads a neo-go configuration.
pub(super) fn import(mut source: Source, draft: &mut Draft) -> Result<(), ImportError> {
    let s = &mut source;
    protocol(s, draft)?;
    application(s, draft)?;
    drop_what_is_off(s);
    draft.leave_rest(s, reason);
    Ok(())
}

fn protocol(s: &mut Source, draft: &mut Draft) -> Result<(), ImportError> {
    let p = |key: &str| format!("ProtocolConfiguration.{key}");
    let g = |key: &str| format!("protocol.genesis.{key}");
    draft.carry(s, &p("Magic"), &g("magic"), whole)?;
    refuse_other_headers(s)?;
    let time = block_time(s, draft)?;
    let policy = |key: &str| {
        let genesis = p(&format!("Genesis.{key}"));
        move |s: &Source, plain: String| {
            if s.has(&genesis) {
                genesis.clone()
            } else {
                plain
            }
        }
    };
    let transactions = (
        p("MaxTransactionsPerBlock"),
        g("max_transactions_per_block"),
    );
    draft.carry_or(s, &transactions.0, &transactions.1, whole, json!(512))?;
    draft.carry_or(
        s,
        &p("MaxBlockSize"),
        &g("max_block_size"),
        whole,
        json!(262_144),
    )?;
    let fee: u64 = 150_000_000_000;
    draft.carry_or(
        s,
        &p("MaxBlockSystemFee"),
        &g("max_block_system_fee"),
        whole,
        json!(fee),
    )?;
    draft.carry_or(
        s,
        &p("MemPoolSize"),
        &g("memory_pool_max"),
        whole,
        json!(50_000),
    )?;
    let gas_supply = json!(5_200_000_000_000_000_u64);
    draft.carry_or(
        s,
        &p("InitialGASSupply"),
        &g("initial_gas"),
        gas,
        gas_supply,
    )?;
    let key = policy("MaxTraceableBlocks")(s, p("MaxTraceableBlocks"));
    draft.carry_or(s, &key, &g("max_traceable_blocks"), whole, json!(2_102_400))?;
    let key = policy("MaxValidUntilBlockIncrement")(s, p("MaxValidUntilBlockIncrement"));
    let day = DAY_MS.checked_div(time).unwrap_or(DAY_MS);
    draft.carry_or(
        s,
        &key,
        &g("max_valid_until_block_increment"),
        whole,
        json!(day),
    )?;
    validators(s, draft)?;
    draft.seeds(s)?;
    for always in ["VerifyTransactions", "VerifyBlocks"] {
        if s.get(&p(always)) == Some(&json!(true)) {
            s.take(&p(always));
        }
    }
    hardforks(s);
    Ok(())
}

/// Blocks of such a network have another header.
fn refuse_other_headers(s: &mut Source) -> Result<(), ImportError> {
    let key = "ProtocolConfiguration.StateRootInHeader";
    match s.take(key) {
        Some(value) if boolean(value.clone()).as_ref() != Ok(&json!(false)) => Err(s.wrong(
            key,
            format!("{value}: headers with state roots are not Neo N3's"),
        )),
        _ => Ok(()),
    }
}

fn block_time(s: &mut Source, draft: &mut Draft) -> Result<u64, ImportError> {
    let to = "protocol.genesis.block_time_ms";
    let keys = ["Genesis.TimePerBlock", "TimePerBlock", "SecondsPerBlock"];
    let keys = keys.map(|key| format!("ProtocolConfiguration.{key}"));
    let longest = "ProtocolConfiguration.MaxTimePerBlock";
    for genesis in ["ProtocolConfiguration.Genesis.MaxTimePerBlock", longest] {
        if draft.carry(s, genesis, "consensus.max_block_time_ms", milliseconds)? {
            break;
        }
    }
    for key in &keys {
        let Some(value) = s.take(key) else { continue };
        let value = milliseconds(value).map_err(|problem| s.wrong(key, problem))?;
        let time = number(&value).map_err(|problem| s.wrong(key, problem))?;
        draft.place(s, key, to, value);
        return Ok(time);
    }
    draft.assume(s, &keys[1], to, json!(15_000));
    Ok(15_000)
}

/// The number of validators, as a number or as a history that never changes.
fn validators(s: &mut Source, draft: &mut Draft) -> Result<(), ImportError> {
    let plain = "ProtocolConfiguration.ValidatorsCount";
    let history = "ProtocolConfiguration.ValidatorsHistory";
    if let Some(count) = s.take(plain) {
        let count = number(&count).map_err(|problem| s.wrong(plain, problem))?;
        if count > 0 {
            return draft.committee(s, Some(count), plain);
        }
    }
    let count = match s.take(history) {
        Some(Value::Object(steps)) if steps.len() == 1 => steps.get("0").cloned(),
        Some(steps) => {
            let problem =
                format!("{steps}: a set of validators that changes its size is not known here");
            return Err(s.wrong(history, problem));
        }
        None => return Err(s.wrong(plain, "it is missing")),
    };
    let count = count.as_ref().map(number).transpose();
    let count = count.map_err(|problem| s.wrong(history, problem))?;
    draft.committee(s, count, history)
}

/// Hardforks that are active from the beginning are the rules of our ledger.
fn hardforks(s: &mut Source) {
    let key = "ProtocolConfiguration.Hardforks";
    let Some(Value::Object(all)) = s.get(key).cloned() else {
        return;
    };
    for (name, height) in all {
        if height == json!(0) {
            s.take(&format!("{key}.{name}"));
        }
    }
}

fn application(s: &mut Source, draft: &mut Draft) -> Result<(), ImportError> {
    let a = |key: &str| format!("ApplicationConfiguration.{key}");
    draft.listen(s, &a("P2P.Addresses"), "p2p.listen", true)?;
    draft.carry(s, &a("P2P.MaxPeers"), "p2p.max_peers", whole)?;
    draft.carry(s, &a("P2P.MinPeers"), "p2p.wanted_peers", whole)?;
    draft.carry(s, &a("P2P.DisableCompression"), "p2p.compression", inverted)?;
    draft.voting(s, &a("Consensus.Enabled"))?;
    draft.wallet(s, &a("Consensus.UnlockWallet"))?;
    if is_on(s, &a("RPC.Enabled")) && draft.listen(s, &a("RPC.Addresses"), "rpc.listen", false)? {
        s.take(&a("RPC.Enabled"));
        draft.carry(
            s,
            &a("RPC.MaxRequestBodyBytes"),
            "rpc.max_body_bytes",
            whole,
        )?;
    }
    if is_on(s, &a("Prometheus.Enabled"))
        && draft.listen(s, &a("Prometheus.Addresses"), "metrics.listen", false)?
    {
        s.take(&a("Prometheus.Enabled"));
    }
    if let Some(Value::String(level)) = s.take(&a("LogLevel")) {
        let ours = match level.to_ascii_lowercase().as_str() {
            level @ ("debug" | "info" | "warn" | "error") => json!(level),
            _ => json!("error"),
        };
        draft.place(s, &a("LogLevel"), "log.level", ours);
    }
    if s.get(&a("LogEncoding")) == Some(&json!("json")) {
        s.take(&a("LogEncoding"));
        draft.place(s, &a("LogEncoding"), "log.format", json!("json"));
    }
    if is_on(s, &a("Relay")) {
        s.take(&a("Relay"));
    }
    Ok(())
}

fn is_on(s: &Source, key: &str) -> bool {
    s.get(key).cloned().map(boolean) == Some(Ok(json!(true)))
}

/// A service that is off is no setting that could be lost, and neither is an extension that is off.
fn drop_what_is_off(s: &mut Source) {
    for (key, value) in s.rest() {
        if boolean(value) != Ok(json!(false)) {
            continue;
        }
        if let Some(service) = key.strip_suffix(".Enabled") {
            s.take(service);
        } else if key.starts_with("ProtocolConfiguration.") && !key.contains(".Verify") {
            s.take(&key);
        }
    }
}

/// Why a key stays behind.
fn reason(key: &str) -> Option<&'static str> {
    let (_, key) = key.split_once('.')?;
    let begins = |start: &str| key.starts_with(start);
    Some(match key {
        _ if begins("DBConfiguration") => {
            "the chain is kept in data_dir in a form of its own; blocks come from the peers"
        }
        _ if begins("Hardforks.") => {
            "heights of hardforks are not known here: the embedded ledger has the rules of all of them from the \
             first block on"
        }
        _ if begins("RPC.TLSConfig") => {
            "JSON-RPC is served without TLS: put a proxy in front of it"
        }
        _ if begins("RPC.") => "the JSON-RPC server here has no such setting",
        _ if begins("P2P.") => "the P2P protocol here has no such setting",
        _ if begins("Oracle") || begins("P2PNotary") || begins("StateRoot") || begins("NeoFS") => {
            "this service is not part of this node: leave it to a neo-go node"
        }
        _ if begins("Pprof") => "there is no profiling server",
        _ if begins("Consensus.UnlockWallet") => "the wallet has no such setting here",
        _ if begins("CommitteeHistory") => "a committee that changes its size is not known here",
        "VerifyTransactions" | "VerifyBlocks" => "blocks and transactions are always verified",
        "P2PSigExtensions"
        | "P2PStateExchangeExtensions"
        | "ReservedAttributes"
        | "NeoFSStateSyncExtensions"
        | "NeoFSBlockFetcher" => "an extension of neo-go that this node does not have",
        "KeepOnlyLatestState"
        | "RemoveUntraceableBlocks"
        | "SaveStorageBatch"
        | "GarbageCollectionPeriod"
        | "SaveInvocations" => "the chain is kept in another form",
        "Relay" => "what is valid is always relayed",
        _ => return None,
    })
}
