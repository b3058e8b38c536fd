//! Waiting for the outcome of a transaction.

use std::time::Duration;

use neo_primitives::{Height, UInt256};
use serde::Deserialize;
use serde_json::json;

use crate::exit::Exit;
use crate::rpc::{RpcClient, RpcError, RpcExit as _};

/// Pause between two questions.
const POLL: Duration = Duration::from_millis(100);

/// Neo's error number for a transaction without application log, and for an unknown one.
const NOT_YET: [i64; 3] = [-105, -103, -100];

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// The block it is in.
    pub(crate) height: Height,
    /// `HALT` or `FAULT`.
    pub(crate) vm_state: String,
    /// Why it faulted.
    pub(crate) exception: Option<String>,
}

#[derive(Deserialize)]
struct Log {
    executions: Vec<Execution>,
}

#[derive(Deserialize)]
struct Execution {
    vmstate: String,
    #[serde(default)]
    exception: Option<String>,
}

impl Receipt {
    /// Whether it did what it was made for.
    pub(crate) fn halted(&self) -> bool {
        self.vm_state == "HALT"
    }
}

/// Waits until the transaction is in a block or can no longer come into one.
///
/// # Errors
/// With [`Exit::Transaction`] when it expired, [`Exit::Unreachable`] when the server does not answer.
pub(crate) async fn wait_for_receipt(
    client: &mut RpcClient,
    hash: &UInt256,
    valid_until: Height,
) -> anyhow::Result<Receipt> {
    loop {
        // The height first: a transaction that is missing at a height past its last one never comes.
        let unreachable = |error: RpcError| error.exit(Exit::Unreachable);
        let count: u32 = client
            .call("getblockcount", json!([]))
            .await
            .map_err(unreachable)?;
        match client.call::<Log>("getapplicationlog", json!([hash])).await {
            Ok(log) => {
                let height: u32 = client
                    .call("gettransactionheight", json!([hash]))
                    .await
                    .map_err(unreachable)?;
                let Some(execution) = log.executions.into_iter().next() else {
                    return Err(
                        Exit::Unreachable.error(format!("{hash} has a log without execution"))
                    );
                };
                return Ok(Receipt {
                    height: Height(height),
                    vm_state: execution.vmstate,
                    exception: execution.exception,
                });
            }
            Err(error) if error.code().is_some_and(|code| NOT_YET.contains(&code)) => {}
            Err(error) => return Err(unreachable(error)),
        }
        if count > valid_until.0.saturating_add(1) {
            return Err(Exit::Transaction.error(format!(
                "{hash} expired: it was valid until block {valid_until}, the chain has {count} blocks"
            )));
        }
        tokio::time::sleep(POLL).await;
    }
}
