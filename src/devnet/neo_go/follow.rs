//! What a neo-go process has stored, asked over its RPC: it reports nothing by itself.

use std::convert::Infallible;
use std::time::Duration;

use neo_primitives::Height;
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};

use super::super::clock::now_ns;
use super::super::events::{BlockEvent, NodeEvent};
use super::super::observations::Observations;
use super::super::outcome::decode;
use crate::rpc::{Endpoint, RpcClient, RpcError};

/// Between two questions; the moments of its blocks are late by half of that on average.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Asks the node at `endpoint` again and again, and records what it has as if it had reported it. Ends when it is
/// dropped. Where nothing is known of the node yet, the blocks that it has before it is first asked are left out.
pub(crate) async fn follow(endpoint: Endpoint, index: usize, seen: &Observations) -> Infallible {
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut client = None;
    let mut ready = false;
    let mut last = seen.read(|nodes| {
        let blocks = nodes.get(index).and_then(|node| node.blocks.last());
        blocks.map(|block| block.height)
    });
    loop {
        ticks.tick().await;
        if client.is_none() {
            client = RpcClient::new(endpoint.clone()).ok();
        }
        let Some(asked) = &mut client else { continue };
        // It does not answer while it starts, and when it has been killed.
        let Ok(count) = asked.call::<u32>("getblockcount", json!([])).await else {
            client = None;
            continue;
        };
        if !ready {
            seen.record(index, NodeEvent::Ready {});
            ready = true;
        }
        let newest = Height(count.saturating_sub(1));
        let mut next = last.unwrap_or(newest).next();
        while next <= newest {
            let t_ns = now_ns();
            match block(asked, next, t_ns).await {
                Ok(block) => seen.record(index, NodeEvent::Block(block)),
                Err(_) => break,
            }
            last = Some(next);
            next = next.next();
        }
        last = last.or(Some(newest));
    }
}

/// A block as an event.
async fn block(client: &mut RpcClient, height: Height, t_ns: u64) -> Result<BlockEvent, RpcError> {
    let text: String = client.call("getblock", json!([height, 0])).await?;
    let odd = |problem: String| RpcError::Answer {
        endpoint: client.endpoint().clone(),
        method: "getblock".to_owned(),
        problem,
    };
    let block = decode(&text, neo_ledger::policy::NEO_WITNESS_LIMIT).map_err(odd)?;
    Ok(BlockEvent {
        height,
        hash: block.hash(),
        t_ns,
        transactions: u32::try_from(block.transactions.len()).unwrap_or(u32::MAX),
        view: None,
        decision_us: None,
        witness_us: None,
    })
}
