//! The network as other nodes have it, held against the configuration.

use std::fmt::{self, Display};
use std::time::{Duration, SystemTime};

use neo_ledger::GenesisConfig;
use neo_node::config::NodeConfig;
use neo_primitives::PublicKey;

use super::asking::Seen;
use super::finding::Finding;
use crate::exit::Exit;
use crate::rpc::RpcError;

const REACHABLE: &str = "node-reachable";
const NETWORK: &str = "network";
const LIMITS: &str = "limits";
const PROTOCOL: &str = "protocol-version";
const ELECTED: &str = "key-elected";
/// A key that two nodes have.
pub(super) const TWICE: &str = "key-twice";
/// What is to be done about it.
pub(super) const STOP_ONE: &str = "stop one of the two at once, and never start it again: two votes of one key can fork the chain";
const LEVEL: &str = "node-level";

/// Blocks that a node may lie behind the highest one: that many are on their way.
const LAG: u32 = 2;
/// Rules that the policy contract may have changed since genesis, and that a ledger node tells as they are now.
const LIVE: [&str; 2] = ["block_time_ms", "max_transactions_per_block"];
/// Block times without a block after which the network counts as standing still.
const IDLE_BLOCKS: u64 = 20;

/// What the answer or silence of a node says about reaching it.
pub(super) fn reachable(
    what: Role,
    answer: &Result<Seen, RpcError>,
    place: &dyn Display,
) -> Finding {
    match answer {
        Ok(seen) => {
            let agent = &seen.version.useragent;
            Finding::ok(
                REACHABLE,
                place,
                format!("{what} {agent}, height {}", seen.height),
            )
        }
        Err(error) => {
            let mend =
                "start that node, let its JSON-RPC be reached from here, or mend the address";
            Finding::fail(REACHABLE, Exit::Unreachable, place, error, mend)
        }
    }
}

/// What a node is to the one that is examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Another validator, which must have the same rules.
    Validator,
    /// Who keeps the ledger: its block time and its most transactions are used.
    Ledger,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Validator => "validator",
            Self::Ledger => "ledger node",
        })
    }
}

/// Everything that one node says about the network, held against the configuration.
pub(super) fn compare(
    config: &NodeConfig,
    role: Role,
    seen: &Seen,
    key: Option<&PublicKey>,
) -> Vec<Finding> {
    let mut all = network(&config.protocol.genesis, seen);
    all.extend(limits(&config.protocol.genesis, role, seen));
    all.push(version(config, seen));
    all.extend(elected(config, seen, key));
    all
}

/// Magic number, genesis block and committee: what makes it the same network.
fn network(ours: &GenesisConfig, seen: &Seen) -> Vec<Finding> {
    let theirs = &seen.version.protocol;
    let place = &seen.endpoint;
    let mut all = Vec::new();
    let mut differs = |key: &str, found: String, expected: String| {
        let mend = format!(
            "one of the two is of another network: set protocol.genesis.{key} as the other \
                            validators have it, or ask nodes of this network"
        );
        let value = format!("{key}: {found}");
        let finding = Finding::fail(NETWORK, Exit::Busy, place, value, mend);
        all.push(finding.limit(expected));
    };
    if theirs.network != ours.magic.0 {
        differs(
            "magic",
            theirs.network.to_string(),
            ours.magic.0.to_string(),
        );
    }
    let genesis = ours.genesis_block().hash();
    if let Some(theirs) = seen.genesis.filter(|theirs| *theirs != genesis) {
        let found = format!("genesis block {theirs}");
        differs(
            "standby_validators",
            found,
            format!("genesis block {genesis}"),
        );
    }
    if let Some(committee) = &theirs.standbycommittee
        && committee != ours.committee()
    {
        let position = committee
            .iter()
            .zip(ours.committee())
            .position(|(a, b)| a != b);
        let at = position.unwrap_or(committee.len().min(ours.committee().len()));
        let shown = |keys: &[PublicKey]| match keys.get(at) {
            Some(key) => format!("member {at} of {} is {key}", keys.len()),
            None => format!("{} members", keys.len()),
        };
        differs("committee", shown(committee), shown(ours.committee()));
    }
    if all.is_empty() {
        let magic = ours.magic.0;
        let value = match seen.genesis {
            Some(_) => format!("magic {magic}, genesis block {genesis}"),
            None => format!("magic {magic}; its chain begins behind the genesis block"),
        };
        all.push(Finding::ok(NETWORK, place, value));
    }
    all
}

/// The rules that a block is judged by. Validators with other ones refuse each other's blocks.
fn limits(ours: &GenesisConfig, role: Role, seen: &Seen) -> Vec<Finding> {
    let theirs = &seen.version.protocol;
    let place = &seen.endpoint;
    let own_validators = u64::try_from(ours.standby_validators.len()).unwrap_or(u64::MAX);
    let pairs = [
        ("block_time_ms", Some(theirs.msperblock), ours.block_time_ms),
        (
            "max_transactions_per_block",
            Some(theirs.maxtransactionsperblock.into()),
            ours.max_transactions_per_block.into(),
        ),
        ("standby_validators", theirs.validatorscount, own_validators),
        (
            "max_traceable_blocks",
            theirs.maxtraceableblocks,
            ours.max_traceable_blocks.into(),
        ),
        (
            "max_valid_until_block_increment",
            theirs.maxvaliduntilblockincrement,
            ours.max_valid_until_block_increment.into(),
        ),
        (
            "initial_gas",
            theirs
                .initialgasdistribution
                .and_then(|gas| gas.try_into().ok()),
            ours.initial_gas.0.try_into().unwrap_or_default(),
        ),
    ];
    let mut all: Vec<Finding> = pairs
        .into_iter()
        .filter_map(|(key, found, expected)| {
            let found = found.filter(|found| *found != expected)?;
            let mend = format!("set protocol.genesis.{key} to {found}, or that node's to {expected}: all validators \
                                need the same");
            let value = format!("{key}: {found}");
            let finding = match role {
                Role::Ledger if LIVE.contains(&key) => {
                    let mend = "the ledger node's value is used; an equal one here keeps readers from error";
                    Finding::warn(LIMITS, place, value, mend)
                }
                _ => Finding::fail(LIMITS, Exit::Refused, place, value, mend),
            };
            Some(finding.limit(expected))
        })
        .collect();
    if all.is_empty() {
        let equal = pairs.iter().filter(|(_, found, _)| found.is_some()).count();
        all.push(Finding::ok(
            LIMITS,
            place,
            format!("{equal} limits are equal"),
        ));
    }
    // The pool is each node's own matter; a smaller one only forgets earlier.
    let pool = u64::from(ours.memory_pool_max);
    if let Some(theirs) = theirs
        .memorypoolmaxtransactions
        .filter(|theirs| *theirs != pool)
    {
        let mend =
            "equal pools lose the fewest transactions: set protocol.genesis.memory_pool_max alike";
        let value = format!("memory_pool_max: {theirs}");
        all.push(Finding::warn(LIMITS, place, value, mend).limit(pool));
    }
    all
}

/// The version of dBFT, which a Neo node of another kind does not tell.
fn version(config: &NodeConfig, seen: &Seen) -> Finding {
    let ours = config.protocol.version;
    let place = &seen.endpoint;
    match &seen.consensus {
        Some(consensus) => match consensus.protocol.unwrap_or(3) {
            theirs if theirs == ours => Finding::ok(PROTOCOL, place, theirs),
            theirs => {
                let mend = format!("set protocol.version to {theirs}, or that node's to {ours}");
                Finding::fail(PROTOCOL, Exit::Refused, place, theirs, mend).limit(ours)
            }
        },
        None => {
            let why =
                "a node of another kind, which does not tell; its own consensus speaks 2 or is off";
            Finding::not_checked(PROTOCOL, place, why).limit(ours)
        }
    }
}

/// Whether the own key is a validator's at the next height, as this node has it.
fn elected(config: &NodeConfig, seen: &Seen, key: Option<&PublicKey>) -> Option<Finding> {
    let (key, now) = (key?, seen.next_validators.as_ref()?);
    let place = &seen.endpoint;
    if now.contains(key) {
        let value = "the own key is a validator's at the next height";
        return Some(Finding::ok(ELECTED, place, value));
    }
    let eligible = seen.eligible.as_ref();
    let hopeless = eligible.is_some_and(|eligible| !eligible.contains(key));
    let finding = if config.ledger.is_attached() && hopeless {
        let value =
            format!("{key} is neither a validator's, nor of the committee, nor a candidate's");
        let mend = "it can never vote: take the wallet of a validator, or register the key as a candidate and have it \
                    voted for; for an observer set consensus.enabled to false";
        Finding::fail(ELECTED, Exit::Refused, place, value, mend)
    } else {
        let value = format!(
            "{key} is none of {} validators of the next height",
            now.len()
        );
        let mend = "the validators were elected since genesis: vote for this key, or run the node of one that was \
                    elected";
        Finding::warn(ELECTED, place, value, mend)
    };
    Some(finding.limit("a validator's, or one that can be elected"))
}

/// Whether the own key votes in a node other than the one of this configuration, whose nonce is `own` if it runs. Two
/// nodes with one key sign two different things sooner or later.
pub(super) fn runs_elsewhere(
    config: &NodeConfig,
    seen: &Seen,
    key: Option<&PublicKey>,
    own: Option<u32>,
) -> Option<Finding> {
    let validators = seen.validators(&config.protocol.genesis);
    let index = validators.iter().position(|other| Some(other) == key)?;
    let theirs = seen.consensus.as_ref()?.ownindex.map(usize::from);
    let is_own = own.is_some() && own == seen.version.nonce;
    if theirs != Some(index) || is_own {
        return None;
    }
    let value = format!("it is validator {index} too: the key runs twice");
    let finding = Finding::fail(TWICE, Exit::Refused, &seen.endpoint, value, STOP_ONE);
    Some(finding.limit("one node for each key"))
}

/// Whether each node has all blocks: those that it knows the headers of, and those that the others have.
pub(super) fn level(all: &[Seen], now: SystemTime) -> Vec<Finding> {
    let highest = all.iter().map(|seen| seen.height).max().unwrap_or_default();
    let now_ms = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now_ms = u64::try_from(now_ms.as_millis()).unwrap_or(u64::MAX);
    let one = |seen: &Seen| {
        let place = &seen.endpoint;
        let target = highest.max(seen.headers);
        let behind = target.saturating_sub(seen.height);
        let value = format!("height {}, {behind} behind", seen.height);
        let idle = Duration::from_millis(now_ms.saturating_sub(seen.tip_ms));
        let longest = seen.version.protocol.msperblock.saturating_mul(IDLE_BLOCKS);
        let longest = Duration::from_millis(longest.max(15_000));
        let finding = if behind > LAG {
            let mend = "wait until that node has caught up; if it does not, look at its peers";
            Finding::fail(LEVEL, Exit::Unreachable, place, value, mend)
        } else if idle > longest {
            let mend = "normal before a network's first block and while its consensus is off; else that node has lost \
                        its peers, or the network stands still";
            let value = match seen.height {
                0 => format!("{value}; it has the genesis block only"),
                _ => format!("{value}; its last block is {} s old", idle.as_secs()),
            };
            Finding::warn(LEVEL, place, value, mend)
        } else {
            Finding::ok(LEVEL, place, value)
        };
        finding.limit(format!("at most {LAG} behind {target}"))
    };
    all.iter().map(one).collect()
}
