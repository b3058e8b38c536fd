//! Beginning a chain at a block that the operator vouches for.

use std::sync::Arc;

use neo_ledger::{InvalidBlock, LedgerError};
use neo_primitives::{Height, SignedHeader};
use tokio::time::Instant;

use crate::{
    config::{AttachedConfig, Backoff, Trusted},
    error::NodeError,
    node::BATCH,
    shared::Member,
};

/// Headers that are fetched below a trusted block, at most.
const MAX_BELOW: u32 = 20_000;

/// The trusted block with the headers below it that were asked for, from the first node that has them.
pub(crate) async fn fetch_trusted(
    config: &AttachedConfig,
    members: &[Arc<Member>],
    trusted: &Trusted,
) -> Result<Vec<SignedHeader>, LedgerError> {
    let below = trusted.height.0.checked_sub(trusted.from.0);
    if below.is_none_or(|below| below > MAX_BELOW) {
        return Err(LedgerError::Inconsistent(format!(
            "headers from {} to the trusted block {} are wanted, at most {MAX_BELOW} below it are fetched",
            trusted.from, trusted.height
        )));
    }
    let end = Instant::now() + config.timing.patience;
    let mut backoff = Backoff::new(config.timing);
    loop {
        let mut problems = Vec::new();
        for member in members {
            match fetch_trusted_from(config, member, trusted).await {
                Ok(headers) => return Ok(headers),
                Err(error) => problems.push(error.to_string()),
            }
        }
        let wait = backoff.failed();
        if Instant::now() + wait > end {
            return Err(LedgerError::NoNode(problems.join("; ")));
        }
        tokio::time::sleep(wait).await;
    }
}

async fn fetch_trusted_from(
    config: &AttachedConfig,
    member: &Member,
    trusted: &Trusted,
) -> Result<Vec<SignedHeader>, NodeError> {
    let known = [(trusted.height, trusted.hash)];
    member.node.standing(&config.genesis, &known).await?;
    let mut headers = Vec::new();
    let mut from = trusted.from;
    while from <= trusted.height {
        let left = trusted.height.0 - from.0 + 1;
        let count = left.min(u32::try_from(BATCH).unwrap_or(u32::MAX));
        headers.extend(member.node.headers(from, count).await?);
        from = Height(from.0 + count);
    }
    lead_to(&headers, trusted).map_err(|problem| NodeError::Header {
        endpoint: member.node.endpoint().clone(),
        height: trusted.height,
        problem: Box::new(problem),
    })?;
    Ok(headers)
}

/// Headers that end in a trusted block and are linked by their hashes.
fn lead_to(headers: &[SignedHeader], trusted: &Trusted) -> Result<(), InvalidBlock> {
    let mut expected = trusted.hash;
    let mut height = trusted.height;
    for signed in headers.iter().rev() {
        if signed.header.index != height {
            return Err(InvalidBlock::Index {
                found: signed.header.index,
                parent: Height(height.0.saturating_sub(1)),
            });
        }
        if signed.hash() != expected {
            return Err(InvalidBlock::UnknownParent(expected));
        }
        expected = signed.header.prev_hash;
        height = Height(height.0.saturating_sub(1));
    }
    Ok(())
}
