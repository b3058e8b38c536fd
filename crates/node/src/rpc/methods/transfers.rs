//! What an account gave and received.

use std::time::{SystemTime, UNIX_EPOCH};

use neo_ledger::StoredTransfer;
use neo_primitives::{UInt160, UInt256};
use serde::Serialize;

use crate::rpc::{
    dispatch::Server,
    params::{Params, invalid},
    response::{Answer, result},
};

/// How far back the list goes unless the call says more: seven days, in milliseconds.
const DEFAULT_SPAN: u64 = 7 * 24 * 3_600 * 1_000;
/// Most transfers in one answer, as neo-go and neo-project/neo-node have it.
const MOST: u64 = 1_000;
/// Most pages that are skipped: what a request may cost.
const MOST_PAGES: u64 = 1_000;

#[derive(Serialize)]
struct TransfersJson {
    address: String,
    sent: Vec<TransferJson>,
    received: Vec<TransferJson>,
}

#[derive(Serialize)]
struct TransferJson {
    /// Milliseconds since 1970.
    timestamp: u64,
    assethash: UInt160,
    /// The other side; none when GAS was created or burnt.
    transferaddress: Option<String>,
    amount: String,
    blockindex: u32,
    /// Place among the events of its execution, as `getapplicationlog` lists them.
    transfernotifyindex: u32,
    /// Hash of the transaction; as in neo-go that of the block for fees and rewards.
    txhash: UInt256,
}

impl From<&StoredTransfer> for TransferJson {
    fn from(transfer: &StoredTransfer) -> Self {
        let event = &transfer.event;
        let other = if transfer.received {
            event.from
        } else {
            event.to
        };
        Self {
            timestamp: transfer.timestamp,
            assethash: event.token.hash(),
            transferaddress: other.map(|account| account.to_address()),
            amount: event.amount.to_string(),
            blockindex: transfer.height.0,
            transfernotifyindex: transfer.position,
            txhash: transfer.container,
        }
    }
}

/// `getnep17transfers [address, start, end, limit, page]`: times in milliseconds since 1970; the newest first.
pub(in crate::rpc) fn transfers(server: &Server, params: &Params<'_>) -> Answer {
    let account = params.account(0, "address")?;
    let end = params.number(2, "end time")?.unwrap_or_else(now);
    let start = params.number(1, "start time")?;
    let start = start.unwrap_or_else(|| end.saturating_sub(DEFAULT_SPAN));
    if start > end {
        return Err(invalid(format!(
            "start time {start} is above end time {end}"
        )));
    }
    let limit = params.number(3, "limit")?.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        return Err(invalid(format!("limit {limit} is not 1 to {MOST}")));
    }
    let page = params.number(4, "page")?.unwrap_or(0);
    if page > MOST_PAGES {
        return Err(invalid(format!("page {page} is above {MOST_PAGES}")));
    }
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let found = server.context.ledger.transfers(
        &account,
        start..=end,
        size(page.saturating_mul(limit)),
        size(limit),
    )?;
    let side = |received| {
        found
            .iter()
            .filter(|transfer| transfer.received == received)
            .map(TransferJson::from)
            .collect()
    };
    result(&TransfersJson {
        address: account.to_address(),
        sent: side(false),
        received: side(true),
    })
}

/// `getnep11transfers [address]`: there are no such tokens on this ledger.
pub(in crate::rpc) fn none(_: &Server, params: &Params<'_>) -> Answer {
    result(&TransfersJson {
        address: params.account(0, "address")?.to_address(),
        sent: Vec::new(),
        received: Vec::new(),
    })
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
