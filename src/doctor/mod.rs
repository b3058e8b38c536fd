//! Looks at a validator before it goes live.
//!
//! Nothing is changed but for a probe file that is removed again: the configuration is read, the machine and the disk
//! are measured, other nodes are asked. Each check says what it found, what the limit is, where, and what to do.

mod asking;
mod chain;
mod clock;
mod date;
mod disk;
mod files;
mod finding;
mod keys;
mod ledger;
mod machine;
mod methods;
mod network;
mod nodes;
mod other_file;
mod peers;
#[cfg(test)]
mod tests;
mod votes;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use neo_node::config::NodeConfig;
use neo_primitives::PublicKey;

use self::asking::ask;
use self::clock::Reading;
use self::files::Holder;
pub(crate) use self::finding::{Finding, State, count, exit_of, text};
use crate::rpc::Endpoint;

/// Another validator to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    /// Its configuration.
    File(PathBuf),
    /// Its JSON-RPC.
    Rpc(Endpoint),
}

impl FromStr for Other {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if Path::new(text).is_file() {
            return Ok(Self::File(text.into()));
        }
        let endpoint = text.parse().map(Self::Rpc);
        endpoint.map_err(|error| format!("neither a file nor an endpoint: {error}"))
    }
}

/// What to look at besides the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The configuration's file.
    pub(crate) file: PathBuf,
    /// Other validators.
    pub(crate) others: Vec<Other>,
    /// Neo nodes that keep the ledger, besides those of the configuration.
    pub(crate) nodes: Vec<Endpoint>,
    /// Longest wait for one answer.
    pub(crate) timeout: Duration,
}

/// Runs all checks; `progress` is told what is looked at.
pub(crate) async fn examine(
    config: &NodeConfig,
    request: &Request,
    progress: impl Fn(&'static str),
) -> Vec<Finding> {
    let begin = Reading::now();
    progress("key");
    let (mut all, key) = keys::check(config).await;
    let key = key.as_ref();
    progress("files");
    all.extend(files::permissions(config, &request.file));
    let holder = files::holder(config);
    let own = match holder {
        Holder::Nobody => None,
        _ => running(config, key, request.timeout).await,
    };
    let runs = own.is_some();
    all.push(files::lock(config, holder, runs));
    all.push(files::vote_log(config, key));
    progress("disk");
    all.extend(disk::check(config));
    progress("machine");
    all.extend(machine::ports(config, runs));
    all.push(machine::open_files(config));
    progress("other nodes");
    let idle = holder == Holder::Nobody;
    let (found, validators) = network::check(config, request, key, own, idle).await;
    all.extend(found);
    progress("peers");
    all.extend(peers::check(config, &validators, key, runs, request.timeout).await);
    all.push(clock::steady(begin, Reading::now()));
    all
}

/// The nonce of this configuration's node if it runs: its own RPC server answers as its validator would.
async fn running(config: &NodeConfig, key: Option<&PublicKey>, timeout: Duration) -> Option<u32> {
    let rpc = config.rpc.as_ref()?;
    let seen = ask(&reached_at(rpc.listen).into(), timeout).await.ok()?;
    let genesis = &config.protocol.genesis;
    let validators = seen.validators(genesis);
    let index = validators.iter().position(|other| Some(other) == key);
    // A validator that follows only, because no Neo node serves it say, tells no index.
    let told = seen.consensus.as_ref()?.ownindex.map(usize::from);
    let same = seen.is_of(genesis) && (told.is_none() || told == index);
    seen.version.nonce.filter(|_| same)
}

/// Where a server that listens on this address is reached from this machine.
fn reached_at(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
