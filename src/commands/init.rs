//! `neo-cli init`: a new network.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use neo_primitives::wallet::ScryptParams;
use neo_primitives::{Magic, Token, bft_quorum};
use serde_json::json;

use crate::amount::format_amount;
use crate::duration::parse_duration;
use crate::exit::{Exit, OrExit as _};
use crate::network_files::{
    self, LedgerChoice, NEO_GO_FILE, NEO_VALIDATORS, NetworkFolder, NetworkPlan, NodeFolder,
    NodePorts, ProtocolVersion,
};
use crate::output::{print_json, print_text, table};

/// Make the keys, wallets, genesis and configurations of a new network.
#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// Number of validators. Neo N3 nodes read the blocks of at most 22.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=255))]
    validators: u16,
    /// How they agree: 3, or 2 as Neo N3's own nodes do.
    #[arg(long, default_value = "3", value_name = "2|3")]
    protocol: ProtocolVersion,
    /// The last K validators shall be neo-go processes: files for neo-go are written beside ours.
    #[arg(long, value_name = "K", default_value_t = 0)]
    neo_go: u16,
    /// Who keeps the chain: each validator itself, or a neo-go node beside each whose own consensus is off; files for
    /// neo-go are written in folders of their own then.
    #[arg(long, value_enum, default_value_t, conflicts_with = "neo_go")]
    ledger: LedgerChoice,
    /// Folder to write, new or empty.
    #[arg(long)]
    out: PathBuf,
    /// Target time between blocks; 0ms means as fast as possible.
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    block_time: Duration,
    /// First port on 127.0.0.1: node i listens on P+10i (network), P+10i+1 (RPC), P+10i+2 (metrics), the
    /// Neo node beside it on P+10i+5 to P+10i+7.
    #[arg(long, default_value_t = 20330)]
    base_port: u16,
    /// Network magic; random if left out.
    #[arg(long)]
    magic: Option<u32>,
    /// Greatest length of a block witness script in bytes, for more than 22 validators. Neo N3 nodes read 1024.
    #[arg(long)]
    witness_limit: Option<u32>,
}

/// Makes the network and says what it is.
///
/// # Errors
/// With [`Exit::Usage`] or [`Exit::Busy`]; nothing is written then.
pub(crate) fn init(arguments: &InitArguments, json: bool) -> anyhow::Result<Exit> {
    let validators = usize::from(arguments.validators);
    let neo_go = usize::from(arguments.neo_go);
    if neo_go > 0 && arguments.protocol != ProtocolVersion::V2 {
        return Err(Exit::Usage.error("--neo-go: neo-go speaks dBFT 2.0 only: give --protocol 2"));
    }
    if neo_go > validators {
        let problem = format!("--neo-go {neo_go}: the network has {validators} validators");
        return Err(Exit::Usage.error(problem));
    }
    let ports = NodePorts::from_base(arguments.base_port, validators).or_exit(Exit::Usage)?;
    let neo_nodes = match arguments.ledger {
        LedgerChoice::Embedded => Vec::new(),
        LedgerChoice::Attached => NodePorts::all_beside(&ports).or_exit(Exit::Usage)?,
    };
    let plan = NetworkPlan {
        validators,
        protocol: arguments.protocol,
        neo_go,
        neo_nodes,
        spare_neo_nodes: false,
        neo_go_min_peers: None,
        block_time: arguments.block_time,
        magic: arguments
            .magic
            .map_or_else(NetworkPlan::random_magic, Magic),
        witness_limit: arguments.witness_limit,
        ports,
        scrypt: ScryptParams::default(),
    };
    let network = network_files::create(&arguments.out, &plan)?;
    if validators > NEO_VALIDATORS {
        eprintln!(
            "neo-cli: Neo N3 nodes read the blocks of at most {NEO_VALIDATORS} validators: they cannot read this chain"
        );
    }
    if json {
        print_json(&describe(&network)?)?;
    } else {
        print_text(&explain(&network)?)?;
    }
    Ok(Exit::Success)
}

fn describe(network: &NetworkFolder) -> anyhow::Result<serde_json::Value> {
    let genesis = network.genesis();
    let nodes = network
        .nodes()
        .iter()
        .zip(&genesis.standby_validators)
        .enumerate();
    let nodes = nodes
        .map(|(index, (node, key))| {
            Ok(json!({
                "index": index,
                "public_key": key,
                "address": key.script_hash().to_address(),
                "config": node.config_file(),
                "network": listens(node),
                "neo_go": node.has_neo_go(),
                "neo_node": network.neo_nodes().get(index).map(|neo| json!({
                    "folder": neo.path(),
                    "rpc": neo.rpc().to_string(),
                })),
                "rpc": node.rpc()?.to_string(),
                "metrics": node.metrics(),
            }))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let validators = genesis.standby_validators.len();
    Ok(json!({
        "folder": network.root(),
        "magic": genesis.magic,
        "genesis": genesis.genesis_block().hash(),
        "protocol": network.protocol().map(ProtocolVersion::number),
        "validators": validators,
        "quorum": bft_quorum(validators),
        "block_time_ms": genesis.block_time_ms,
        "witness_limit": genesis.witness_limit,
        "readable_by_neo_nodes": validators <= NEO_VALIDATORS,
        "funded_account": genesis.next_consensus().to_address(),
        "neo": neo_ledger::policy::NEO_TOTAL.to_string(),
        "gas": format_amount(Token::Gas, genesis.initial_gas.0.into()),
        "nodes": nodes,
    }))
}

/// Where a node takes connections of others.
fn listens(node: &NodeFolder) -> Option<SocketAddr> {
    let config = node.config();
    let p2p = config.p2p.as_ref().and_then(|p2p| p2p.listen.first());
    config.network.listen.first().or(p2p).copied()
}

fn explain(network: &NetworkFolder) -> anyhow::Result<String> {
    let genesis = network.genesis();
    let root = network.root().display();
    let validators = genesis.standby_validators.len();
    let heading = [
        "node",
        "address",
        "network",
        "RPC",
        "metrics",
        "configuration",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for (index, (node, key)) in network
        .nodes()
        .iter()
        .zip(&genesis.standby_validators)
        .enumerate()
    {
        let configuration = match node.has_neo_go() {
            true => node.path().join(NEO_GO_FILE),
            false => node.config_file(),
        };
        rows.push(vec![
            index.to_string(),
            key.script_hash().to_address(),
            listens(node).map(|at| at.to_string()).unwrap_or_default(),
            node.rpc()?.to_string(),
            node.metrics().unwrap_or_default(),
            configuration.display().to_string(),
        ]);
    }
    let first = network.nodes().first();
    let endpoint = match network.neo_nodes().first() {
        Some(neo) => Some(neo.rpc().clone()),
        None => first.map(|node| node.rpc()).transpose()?,
    };
    let endpoint = endpoint.map(|rpc| rpc.to_string());
    let neo_go = network.nodes().iter().find(|node| node.has_neo_go());
    let neo_go = neo_go.map(|node| {
        let folder = node.path().display();
        format!("and those of neo-go:\n  cd {folder} && neo-go node --config-file {NEO_GO_FILE}\n")
    });
    let neo_nodes = network.neo_nodes().first().map(|_| {
        format!(
            "and before it the neo-go node beside it, which keeps its chain and serves wallets:\n  \
             cd {root}/neo0 && neo-go node --config-file {NEO_GO_FILE}\n"
        )
    });
    Ok(format!(
        "Network {magic} of {validators} validators, {quorum} of whom decide; genesis {hash}.\n\n{table}\n\n\
         Start each node:\n  neo-cli run --config {root}/node0/config.json\n{neo_go}{neo_nodes}\n\
         Funds: the genesis block gives {neo} NEO and {gas} GAS to {account}, the {quorum}-of-{validators} account of \
         the validators. To pay from it, which takes the wallets of {quorum} of them:\n  \
         neo-cli transfer --from-validators {root} --token GAS --amount 1000 --to ADDRESS --rpc {endpoint}",
        neo_go = neo_go.unwrap_or_default(),
        neo_nodes = neo_nodes.unwrap_or_default(),
        magic = genesis.magic,
        quorum = bft_quorum(validators),
        hash = genesis.genesis_block().hash(),
        table = table(&rows),
        neo = neo_ledger::policy::NEO_TOTAL,
        gas = format_amount(Token::Gas, genesis.initial_gas.0.into()),
        account = genesis.next_consensus().to_address(),
        endpoint = endpoint.unwrap_or_default(),
    ))
}
