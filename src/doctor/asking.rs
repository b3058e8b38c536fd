//! What a node says of itself over JSON-RPC, with its clock.

use std::time::{Duration, SystemTime};

use neo_ledger::GenesisConfig;
use neo_primitives::{PublicKey, UInt256};
use neo_rpc::Limits;
use serde::Deserialize;
use serde_json::{Value, json};

use super::date::http_date;
use crate::rpc::{Endpoint, RpcClient, RpcError};

/// Longest answer that is read, in bytes: a full memory pool of 50,000 transactions is 3.4 MB.
const MAX_ANSWER: usize = 16 << 20;

/// What was learned of one node.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Where it was asked.
    pub(super) endpoint: Endpoint,
    pub(super) version: Version,
    /// `getconsensusstate`; `None` from nodes without the method, which are not ours.
    pub(super) consensus: Option<Consensus>,
    /// Hash of the genesis block; `None` from nodes whose chain begins at a later one.
    pub(super) genesis: Option<UInt256>,
    /// Height of its last block.
    pub(super) height: u32,
    /// Height of its last header; above the block's while it catches up.
    pub(super) headers: u32,
    /// Time of its last block, in milliseconds since 1970.
    pub(super) tip_ms: u64,
    /// Validators of the next block, if it tells them.
    pub(super) next_validators: Option<Vec<PublicKey>>,
    /// The committee and everybody who may be elected into it, if it tells them.
    pub(super) eligible: Option<Vec<PublicKey>>,
    /// Its clock against ours; `None` if its server sends no date.
    pub(super) clock: Option<ClockOffset>,
}

/// How far another clock is ahead of ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ClockOffset {
    /// Seconds; negative if it is behind.
    pub(super) seconds: f64,
    /// By how much that can be wrong, in seconds: the date's resolution and the way.
    pub(super) uncertainty: f64,
}

/// What of `getversion` is compared.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Version {
    #[serde(default)]
    pub(super) useragent: String,
    /// Random number that names a node as long as it runs.
    #[serde(default)]
    pub(super) nonce: Option<u32>,
    pub(super) protocol: Protocol,
}

/// Rules of the network as a node has them. Members that some nodes do not tell are options.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Protocol {
    pub(super) network: u32,
    pub(super) msperblock: u64,
    pub(super) maxtransactionsperblock: u32,
    pub(super) validatorscount: Option<u64>,
    pub(super) maxtraceableblocks: Option<u64>,
    pub(super) maxvaliduntilblockincrement: Option<u64>,
    pub(super) memorypoolmaxtransactions: Option<u64>,
    pub(super) initialgasdistribution: Option<i64>,
    pub(super) standbycommittee: Option<Vec<PublicKey>>,
}

/// What of `getconsensusstate` is compared.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Consensus {
    /// Version of dBFT; nodes that tell none run 3.
    pub(super) protocol: Option<u32>,
    pub(super) ownindex: Option<u8>,
}

/// A client whose answers are bounded.
pub(super) fn client(endpoint: &Endpoint, timeout: Duration) -> Result<RpcClient, RpcError> {
    let limits = Limits {
        timeout,
        answer: MAX_ANSWER,
    };
    RpcClient::with_limits(endpoint.clone(), &limits)
}

/// Asks a node everything; each answer may take `timeout`.
///
/// # Errors
/// The first call that a Neo node must answer and this one did not.
pub(super) async fn ask(endpoint: &Endpoint, timeout: Duration) -> Result<Seen, RpcError> {
    let mut client = client(endpoint, timeout)?;
    let version: Version = client.call("getversion", json!([])).await?;
    let genesis = match client.call("getblockhash", json!([0])).await {
        Ok(genesis) => Some(genesis),
        Err(RpcError::Refused { .. }) => None,
        Err(error) => return Err(error),
    };
    let count: u32 = client.call("getblockcount", json!([])).await?;
    let headers: u32 = client.call("getblockheadercount", json!([])).await?;
    let height = count.saturating_sub(1);
    let header: Header = client.call("getblockheader", json!([height, 1])).await?;
    let consensus = match client.call("getconsensusstate", json!([])).await {
        Ok(consensus) => Some(consensus),
        Err(RpcError::Refused { .. }) => None,
        Err(error) => return Err(error),
    };
    let next = client.call::<Value>("getnextblockvalidators", json!([]));
    let next_validators = next.await.ok().and_then(|next| keys(&next));
    let eligible = eligible(&mut client).await;
    let before = SystemTime::now();
    let date = http_date(&endpoint.authority(), endpoint.path(), timeout).await;
    let clock = date.and_then(|date| offset(date, before, SystemTime::now()));
    Ok(Seen {
        endpoint: endpoint.clone(),
        version,
        consensus,
        genesis,
        height,
        headers: headers.saturating_sub(1),
        tip_ms: header.time,
        next_validators,
        eligible,
        clock,
    })
}

impl Seen {
    /// Whether it is of this network, as far as it tells.
    pub(super) fn is_of(&self, genesis: &GenesisConfig) -> bool {
        let hash = genesis.genesis_block().hash();
        self.version.protocol.network == genesis.magic.0
            && self.genesis.is_none_or(|theirs| theirs == hash)
    }

    /// The validators of its next block; those of the genesis if it does not tell.
    pub(super) fn validators(&self, genesis: &GenesisConfig) -> Vec<PublicKey> {
        let told = self.next_validators.clone();
        told.unwrap_or_else(|| genesis.validators())
    }
}

/// Committee and candidates.
async fn eligible(client: &mut RpcClient) -> Option<Vec<PublicKey>> {
    let mut all: Vec<PublicKey> = client.call("getcommittee", json!([])).await.ok()?;
    let candidates: Value = client.call("getcandidates", json!([])).await.ok()?;
    all.extend(keys(&candidates)?);
    Some(all)
}

#[derive(Deserialize)]
struct Header {
    time: u64,
}

/// The keys of `getnextblockvalidators` and `getcandidates`.
fn keys(answer: &Value) -> Option<Vec<PublicKey>> {
    let list = answer.as_array()?;
    let key = |entry: &Value| serde_json::from_value(entry.get("publickey")?.clone()).ok();
    list.iter().map(key).collect()
}

/// Where the other clock is, given its second and when it was asked and answered by ours.
fn offset(date: u64, before: SystemTime, after: SystemTime) -> Option<ClockOffset> {
    let since = |time: SystemTime| {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(since.as_secs_f64())
    };
    let (before, after) = (since(before)?, since(after)?);
    let seconds = Duration::from_secs(date).as_secs_f64() + 0.5 - f64::midpoint(before, after);
    let way = (after - before).abs() / 2.0;
    Some(ClockOffset {
        seconds,
        uncertainty: 0.5 + way,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_that_covers_the_middle_of_the_way_is_no_offset() {
        let at = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        let same = offset(1_000, at(1_000_400), at(1_000_600)).unwrap();
        assert!(same.seconds.abs() < 1e-6, "{same:?}");
        assert!((same.uncertainty - 0.6).abs() < 1e-6, "{same:?}");
        let ahead = offset(1_010, at(1_000_400), at(1_000_600)).unwrap();
        assert!((ahead.seconds - 10.0).abs() < 1e-6, "{ahead:?}");
    }
}
