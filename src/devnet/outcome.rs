//! What a run committed: the blocks of one node, read over RPC after the load, and the validators' common tip.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use neo_primitives::{Block, Height, Reader, UInt256};
use serde_json::json;

use crate::exit::Exit;
use crate::rpc::{Endpoint, RpcClient, RpcError, RpcExit as _};

/// In which block each transaction of these heights is, as the node at `endpoint` tells it.
///
/// # Errors
/// With [`Exit::Unreachable`] if the node does not answer, [`Exit::Disagreement`] if it serves another block than it
/// reported as final.
pub(crate) async fn transactions(
    endpoint: &Endpoint,
    blocks: &[(Height, UInt256)],
    witness_limit: u32,
) -> anyhow::Result<HashMap<UInt256, Height>> {
    let unreachable = |error: RpcError| error.exit(Exit::Unreachable);
    let mut client = RpcClient::new(endpoint.clone()).map_err(unreachable)?;
    let mut found = HashMap::new();
    for (height, hash) in blocks {
        let text: String = client
            .call("getblock", json!([height, 0]))
            .await
            .map_err(unreachable)?;
        let block = decode(&text, witness_limit).map_err(|error| {
            Exit::Unreachable.error(format!("{endpoint}: block {height}: {error}"))
        })?;
        if block.hash() != *hash {
            return Err(Exit::Disagreement.error(format!(
                "{endpoint} serves {} as block {height}, it reported {hash} as final",
                block.hash()
            )));
        }
        found.extend(
            block
                .transactions
                .iter()
                .map(|transaction| (transaction.hash(), *height)),
        );
    }
    Ok(found)
}

/// A block as `getblock` gives it without details.
pub(super) fn decode(text: &str, witness_limit: u32) -> Result<Block, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let mut reader = Reader::new(&bytes);
    let block =
        Block::decode_with_limit(&mut reader, witness_limit).map_err(|error| error.to_string())?;
    reader.finish().map_err(|error| error.to_string())?;
    Ok(block)
}

/// The hash of the block of a height at each node; none where the node does not have it or does not answer.
pub(crate) async fn tips(endpoints: &[Endpoint], height: Height) -> Vec<Option<UInt256>> {
    let ask = |endpoint: &Endpoint| {
        let client = RpcClient::new(endpoint.clone());
        async move {
            client
                .ok()?
                .call("getblockhash", json!([height]))
                .await
                .ok()
        }
    };
    futures::future::join_all(endpoints.iter().map(ask)).await
}
