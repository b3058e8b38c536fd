//! `neo-cli devnet`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::byzantine::AttackMode;
use crate::devnet::{
    AttachedPlan, Devnet, Disturbances, DrillKind, DrillPlan, Extent, Kill, LeaderFault,
    LeaderTrials, MixedPlan, NeoFault, Ordeal, Turns, TxRate, TxToken,
};
use crate::duration::parse_duration;
use crate::exit::Exit;
use crate::network_files::{LedgerChoice, ProtocolVersion};

/// Start a whole network of local processes, put load on it and measure it.
///
/// Each validator is a process of its own with its own key, vote log, block store and ports on 127.0.0.1. The summary
/// at the end counts transactions per second over the measured phase only; what becomes final up to three block times
/// (at least a second) later counts as committed.
#[derive(Debug, Args)]
pub(crate) struct DevnetArguments {
    /// Number of validators; 4 unless --data-dir holds a network.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=255))]
    validators: Option<u16>,
    /// How they agree: 3, or 2 as Neo N3's own nodes do, over their P2P; 3 unless --data-dir holds a network.
    #[arg(long, value_name = "2|3")]
    protocol: Option<ProtocolVersion>,
    /// Who keeps the chain: each validator itself, or a neo-go node beside each whose own consensus is off; load and
    /// comparisons go to the neo-go nodes then. Embedded unless --data-dir holds a network.
    #[arg(long, value_enum)]
    ledger: Option<LedgerChoice>,
    /// With --ledger attached: the Neo nodes of the last validators fail one after the other, each for 20 s. Load goes to
    /// the others. Unless --blocks says something else, the run ends with the last one.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "HOW,...", requires = "ledger", conflicts_with_all = ["duration", "byzantine", "kill", "fail_leader", "drill", "kill_each", "replace"])]
    neo_trials: Vec<NeoFault>,
    /// With --ledger attached: each validator has the Neo node of the next one as its second one, and goes on voting when
    /// its own fails.
    #[arg(long, requires = "ledger")]
    spare_neo_nodes: bool,
    /// With --ledger attached: at the end a further neo-go node, which is told nothing but addresses of the others, fetches
    /// the chain from them and is compared with them.
    #[arg(long, requires = "ledger")]
    join: bool,
    /// With --protocol 2: the last K validators are real neo-go processes.
    #[arg(long, value_name = "K", requires = "protocol")]
    neo_go: Option<u16>,
    /// The neo-go program; otherwise that of NEO_GO_BIN, or the one on the PATH.
    #[arg(long, value_name = "PATH")]
    neo_go_bin: Option<PathBuf>,
    /// With --protocol 2: kill each validator in turn (`kill -9`), wait until another one has led in its place, start it
    /// again and wait for its Commit. The run ends with the last one. Only these, if indexes are given.
    #[arg(long, value_name = "I,J,...", num_args = 0..=1, require_equals = true, default_missing_value = "all", requires = "protocol", conflicts_with_all = ["duration", "blocks", "byzantine", "kill", "fail_leader", "drill"])]
    kill_each: Option<Turns>,
    /// With --protocol 2: all validators begin as neo-go processes, and each in turn is replaced by one of ours with the
    /// same wallet and an empty data folder. The run ends with the last one.
    #[arg(long, requires = "protocol", conflicts_with_all = ["duration", "blocks", "byzantine", "kill", "fail_leader", "drill", "kill_each", "neo_go"])]
    replace: bool,
    /// With --protocol 2: all validators are neo-go processes; they go over to dBFT 3.0 beside the same nodes with the
    /// commands of `migrate`, make blocks for so long, and go back to neo-go's dBFT 2.0. The run ends then.
    #[arg(long, value_name = "TIME", value_parser = parse_duration, num_args = 0..=1, require_equals = true, default_missing_value = "30s", requires = "protocol", conflicts_with_all = ["duration", "blocks", "byzantine", "kill", "fail_leader", "drill", "kill_each", "neo_go", "replace"])]
    migrate: Option<Duration>,
    /// Target time between blocks, such as 500ms; 0ms means as fast as possible; 1s unless --data-dir holds a network.
    #[arg(long, value_parser = parse_duration)]
    block_time: Option<Duration>,
    /// End after the load has run for so long. Without --duration and --blocks the network runs until Ctrl-C.
    #[arg(long, value_parser = parse_duration, conflicts_with = "blocks")]
    duration: Option<Duration>,
    /// End when so many blocks are final.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    blocks: Option<u32>,
    /// Transactions per second, or `max`.
    #[arg(long, default_value = "0", value_name = "N|max")]
    tx_rate: TxRate,
    /// What the transactions transfer.
    #[arg(long, default_value = "both", value_name = "TOKEN")]
    tx_token: TxToken,
    /// Folder for the network; it is kept, and one that holds a network is continued. Otherwise a temporary folder is
    /// used and removed at the end, unless something fails.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Greatest length of a block witness script in bytes, for more than 22 validators. Neo N3 nodes read 1024.
    #[arg(long)]
    witness_limit: Option<u32>,
    /// One validator attacks the others (`neo-cli byzantine`); the summary says what they found out about it.
    #[arg(long, value_name = "MODE")]
    byzantine: Option<AttackMode>,
    /// Which validator attacks; the last one if it is not said.
    #[arg(long, value_name = "I", requires = "byzantine")]
    byzantine_validator: Option<usize>,
    /// Makes the attacker's choices on consensus repeatable; `random` picks its attacks by it.
    #[arg(long, value_name = "N", requires = "byzantine")]
    attack_seed: Option<u64>,
    /// Kill validator I for good (`kill -9`), so long after the load began; may be repeated.
    #[arg(long, value_name = "I[@SECONDS]")]
    kill: Vec<Kill>,
    /// Let the leader fail again and again, each time at the moment at which it says that it leads; the summary has the
    /// longest gap between blocks of each trial. The run ends with the last trial.
    #[arg(long, value_name = "HOW", conflicts_with_all = ["duration", "blocks", "byzantine", "kill"])]
    fail_leader: Option<LeaderFault>,
    /// Number of such trials.
    #[arg(long, default_value = "10", requires = "fail_leader", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    trials: u32,
    /// Measure a recovery: a validator that is far behind, one that lost its disk, or a blackout of all. The run ends
    /// with it; unless --block-time says something else, blocks come as fast as possible, every 200 ms, or every second.
    #[arg(long, value_name = "KIND", conflicts_with_all = ["duration", "blocks", "byzantine", "kill", "fail_leader"])]
    drill: Option<DrillKind>,
    /// How many blocks the others make while the validator of the drill is away.
    #[arg(long, value_name = "BLOCKS", requires = "drill", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    behind: Option<u32>,
}

/// Runs the network to the end of its load.
///
/// # Errors
/// Why it did not start, or what was wrong in the end, with its exit code.
pub(crate) fn devnet(arguments: DevnetArguments, json: bool) -> anyhow::Result<Exit> {
    let trials = arguments.fail_leader.map(|fault| LeaderTrials {
        fault,
        count: arguments.trials,
    });
    let drill = arguments.drill.map(|kind| DrillPlan {
        kind,
        behind: arguments.behind,
    });
    let mixed = mixed(&arguments)?;
    let attached = attached(&arguments)?;
    let disturbed = trials.is_some()
        || drill.is_some()
        || mixed.ordeal.is_some()
        || !attached.trials.is_empty();
    let extent = match (arguments.duration, arguments.blocks, disturbed) {
        (Some(duration), _, _) => Extent::Duration(duration),
        (None, Some(blocks), _) => Extent::Blocks(blocks),
        (None, None, true) => Extent::Trials,
        (None, None, false) => Extent::UntilInterrupted,
    };
    let devnet = Devnet {
        validators: arguments.validators.map(usize::from),
        protocol: arguments.protocol,
        ledger: arguments.ledger,
        attached,
        mixed,
        tx_token: arguments.tx_token,
        block_time: arguments
            .block_time
            .or(arguments.drill.map(DrillKind::block_time)),
        extent,
        tx_rate: arguments.tx_rate,
        data_dir: arguments.data_dir,
        witness_limit: arguments.witness_limit,
        disturbances: Disturbances {
            byzantine: arguments.byzantine,
            byzantine_validator: arguments.byzantine_validator,
            attack_seed: arguments.attack_seed,
            kills: arguments.kill,
        },
        trials,
        drill,
        json,
    };
    devnet.run()
}

/// Validators of a network of which nothing else is said.
const VALIDATORS: u16 = 4;

/// What is asked of a network on attached ledgers.
fn attached(arguments: &DevnetArguments) -> anyhow::Result<AttachedPlan> {
    let plan = AttachedPlan {
        trials: arguments.neo_trials.clone(),
        spare: arguments.spare_neo_nodes,
        join: arguments.join,
    };
    let attached = arguments.ledger == Some(LedgerChoice::Attached);
    // What kills a Neo validator, breaks an own ledger, or reads a checkpoint of it.
    let impossible = [
        ("--neo-go", attached && arguments.neo_go.is_some()),
        ("--replace", attached && arguments.replace),
        ("--migrate", attached && arguments.migrate.is_some()),
        ("--kill-each", attached && arguments.kill_each.is_some()),
        ("--drill", attached && arguments.drill.is_some()),
        ("--byzantine", attached && arguments.byzantine.is_some()),
    ];
    if let Some((option, _)) = impossible.iter().find(|(_, given)| *given) {
        let problem = format!("{option} is for validators that keep the chain themselves");
        return Err(Exit::Usage.error(problem));
    }
    if !attached && (plan.join || plan.spare || !plan.trials.is_empty()) {
        let problem =
            "--neo-trials, --spare-neo-nodes and --join are for Neo nodes: give --ledger attached";
        return Err(Exit::Usage.error(problem));
    }
    Ok(plan)
}

/// What is asked of a network of dBFT 2.0.
fn mixed(arguments: &DevnetArguments) -> anyhow::Result<MixedPlan> {
    let neo_go = match arguments.replace || arguments.migrate.is_some() {
        true => arguments.validators.unwrap_or(VALIDATORS),
        false => arguments.neo_go.unwrap_or(0),
    };
    let ordeal = match (arguments.replace, arguments.migrate) {
        (true, _) => Some(Ordeal::Replacement),
        (_, Some(between)) => Some(Ordeal::Migration(between)),
        _ => arguments.kill_each.clone().map(Ordeal::Kills),
    };
    if arguments.protocol == Some(ProtocolVersion::V2) {
        let of_the_mesh = [
            ("--byzantine", arguments.byzantine.is_some()),
            ("--fail-leader", arguments.fail_leader.is_some()),
            ("--drill", arguments.drill.is_some()),
        ];
        if let Some((option, _)) = of_the_mesh.iter().find(|(_, given)| *given) {
            let problem = format!("{option} is for networks of dBFT 3.0, not for --protocol 2");
            return Err(Exit::Usage.error(problem));
        }
    } else if neo_go > 0 || ordeal.is_some() {
        let problem = "--neo-go, --kill-each, --replace and --migrate are for networks of dBFT 2.0: give --protocol 2";
        return Err(Exit::Usage.error(problem));
    }
    Ok(MixedPlan {
        neo_go: neo_go.into(),
        program: arguments.neo_go_bin.clone(),
        ordeal,
    })
}
