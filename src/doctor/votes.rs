//! Whether somebody votes with the own key now.
//!
//! No RPC tells whether a Neo node's consensus is on, or with which key. The witnesses of the newest blocks do: each has
//! the signatures of M validators.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use neo_primitives::{Decode as _, Magic, PublicKey, SignedHeader, parse_signatures, sign_data};
use neo_rpc::Call;
use serde_json::{Value, json};

use super::asking::{Seen, client};
use super::finding::Finding;
use super::nodes::{STOP_ONE, TWICE};
use crate::exit::Exit;
use crate::rpc::RpcError;

/// Newest blocks whose signatures are looked at.
const LOOK: u32 = 16;
/// Block times within which a signature counts as one of now.
const RECENT_BLOCKS: u64 = 5;
/// But at least so long, in milliseconds.
const RECENT_MS: u64 = 10_000;

/// Looks for signatures of the key in the newest blocks that a node has. This configuration's own node does not run.
pub(super) async fn check(
    key: &PublicKey,
    magic: Magic,
    seen: &Seen,
    timeout: Duration,
    now: SystemTime,
) -> Finding {
    let place = &seen.endpoint;
    let headers = match newest(seen, timeout).await {
        Ok(headers) => headers,
        Err(problem) => return Finding::not_checked(TWICE, place, problem),
    };
    let last = headers.iter().find(|header| is_signed(header, magic, key));
    let Some(last) = last else {
        let value = format!(
            "none of the last {} blocks is signed by the own key",
            headers.len()
        );
        return Finding::ok(TWICE, place, value);
    };
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let age = Duration::from_millis(now.saturating_sub(last.header.timestamp));
    let recent = seen
        .version
        .protocol
        .msperblock
        .saturating_mul(RECENT_BLOCKS);
    let recent = Duration::from_millis(recent.max(RECENT_MS));
    let value = format!(
        "block {}, {} s old, is signed by the own key",
        last.header.index,
        age.as_secs()
    );
    let finding = if age < recent {
        let value = format!("{value}, and this node does not run: another one votes with it");
        let mend = format!(
            "{STOP_ONE}. A Neo node beside this one needs its consensus off (neo-go: Consensus.Enabled false; C#: no \
             DBFTPlugin). If it was stopped just now, look again in {} s",
            recent.as_secs()
        );
        Finding::fail(TWICE, Exit::Refused, place, value, mend)
    } else {
        Finding::ok(TWICE, place, value)
    };
    finding.limit(format!("no signature within {} s", recent.as_secs()))
}

/// The newest headers of a node, the newest first.
async fn newest(seen: &Seen, timeout: Duration) -> Result<Vec<SignedHeader>, String> {
    let heights = (1..=seen.height).rev().take(LOOK as usize);
    let calls: Vec<Call> = heights
        .map(|height| Call::new("getblockheader", json!([height, 0])))
        .collect();
    let told = |error: RpcError| error.to_string();
    let mut client = client(&seen.endpoint, timeout).map_err(told)?;
    let answers = client.batch(&calls).await.map_err(told)?;
    let header = |answer: Result<Value, RpcError>| {
        let answer = answer.map_err(told)?;
        read(&answer)
            .ok_or_else(|| format!("{}: getblockheader: the answer is no header", seen.endpoint))
    };
    answers.into_iter().map(header).collect()
}

fn read(answer: &Value) -> Option<SignedHeader> {
    let bytes = STANDARD.decode(answer.as_str()?).ok()?;
    SignedHeader::from_bytes(&bytes).ok()
}

fn is_signed(header: &SignedHeader, magic: Magic, key: &PublicKey) -> bool {
    let data = sign_data(magic, &header.hash());
    let signatures = parse_signatures(&header.witness.invocation).unwrap_or_default();
    let key = key.verifier();
    signatures
        .iter()
        .any(|signature| key.verify(&data, signature))
}
