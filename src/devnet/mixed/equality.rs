//! Whether all nodes hold the same chain: block hashes, balances and application logs, asked over RPC.

use std::time::Duration;

use neo_primitives::{Height, UInt160, UInt256};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::batch::{BATCH, ask};
use crate::payment::Balances;
use crate::rpc::{Connection, Endpoint, RpcClient};

/// Differences that are told; more are counted.
const TOLD: usize = 10;
/// Within this all validators must be at one height for as long as balances take to ask.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// What was compared, and what differs.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Equality {
    /// Heights whose block hashes were compared.
    pub(crate) blocks: usize,
    /// Whether all of them are equal on all validators.
    pub(crate) hashes_equal: bool,
    /// Accounts whose NEO and GAS were compared.
    pub(crate) accounts: usize,
    /// The height of all validators when they were.
    pub(crate) balances_height: Option<Height>,
    /// Whether all balances are equal.
    pub(crate) balances_equal: bool,
    /// Transactions whose application logs were compared.
    pub(crate) logs: usize,
    /// Whether all of them are there and equal.
    pub(crate) logs_equal: bool,
    /// What differs, the first few.
    pub(crate) differences: Vec<String>,
    /// How much differs.
    pub(crate) difference_count: usize,
}

impl Equality {
    /// Whether nothing differs.
    pub(crate) fn holds(&self) -> bool {
        self.hashes_equal && self.balances_equal && self.logs_equal
    }

    /// A line for people.
    pub(crate) fn line(&self) -> String {
        format!(
            "  compared: {} blocks, {} accounts, {} application logs; {} differences",
            self.blocks, self.accounts, self.logs, self.difference_count
        )
    }

    fn differs(&mut self, what: String) {
        self.difference_count += 1;
        if self.differences.len() < TOLD {
            self.differences.push(what);
        }
    }

    /// Compares blocks 1 to `height`, the accounts and the logs of the transactions at all of these nodes.
    pub(crate) async fn of(
        endpoints: &[Endpoint],
        height: Height,
        accounts: &[UInt160],
        transactions: &[UInt256],
    ) -> Self {
        let mut found = Self {
            blocks: usize::try_from(height.0).unwrap_or(usize::MAX),
            accounts: accounts.len(),
            logs: transactions.len(),
            ..Self::default()
        };
        let hashes: Vec<_> = (1..=height.0)
            .map(|height| ("getblockhash", json!([height])))
            .collect();
        found.hashes_equal = found.compare(endpoints, &hashes, |answer| answer).await;
        let logs: Vec<_> = transactions
            .iter()
            .map(|hash| ("getapplicationlog", json!([hash])))
            .collect();
        found.logs_equal = found.compare(endpoints, &logs, normalised).await;
        found.balances_equal = found.balances(endpoints, accounts).await;
        found
    }

    /// Asks all nodes the same and compares the answers of each with those of the first.
    async fn compare(
        &mut self,
        endpoints: &[Endpoint],
        calls: &[(&str, Value)],
        normal: fn(Value) -> Value,
    ) -> bool {
        let before = self.difference_count;
        let connections = endpoints.iter().map(|at| Connection::new(at.clone()));
        let Ok(mut connections) = connections.collect::<Result<Vec<_>, _>>() else {
            self.differs("a node's address is no address".to_owned());
            return false;
        };
        for batch in calls.chunks(BATCH) {
            let asked = connections.iter_mut().map(|at| ask(at, batch));
            let answers = futures::future::join_all(asked).await;
            let mut answers = endpoints.iter().zip(answers);
            let Some((_, first)) = answers.next() else {
                return true;
            };
            let first = match first {
                Ok(first) => first.into_iter().map(normal).collect::<Vec<_>>(),
                Err(problem) => {
                    self.differs(problem);
                    continue;
                }
            };
            for (endpoint, answer) in answers {
                let others = match answer {
                    Ok(others) => others.into_iter().map(normal),
                    Err(problem) => {
                        self.differs(problem);
                        continue;
                    }
                };
                for (((method, parameters), one), other) in batch.iter().zip(&first).zip(others) {
                    if one.get("error").is_some() || *one != other {
                        self.differs(format!(
                            "{method} {parameters}: {one} at the first node, {other} at {endpoint}"
                        ));
                    }
                }
            }
        }
        self.difference_count == before
    }

    /// Balances count when all nodes were at one height before and after: rewards change them with every block.
    async fn balances(&mut self, endpoints: &[Endpoint], accounts: &[UInt160]) -> bool {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let before = heights(endpoints).await;
            let asked = endpoints.iter().map(|at| balances(at, accounts));
            let all = futures::future::join_all(asked).await;
            let after = heights(endpoints).await;
            let Some(height) = common(&before).filter(|height| common(&after) == Some(*height))
            else {
                sleep(PAUSE).await;
                continue;
            };
            self.balances_height = Some(height);
            let mut equal = true;
            for (endpoint, found) in endpoints.iter().zip(&all).skip(1) {
                if all.first() != Some(found) {
                    equal = false;
                    self.differs(format!(
                        "balances of {} accounts at height {height}: {:?} at the first node, {found:?} at {endpoint}",
                        accounts.len(),
                        all.first()
                    ));
                }
            }
            return equal && all.iter().all(Option::is_some);
        }
        self.differs("the nodes were never at one height".to_owned());
        false
    }
}

/// What an application log says, whatever its writer adds: the transaction, and of each execution its trigger, end,
/// price, stack and notifications.
fn normalised(log: Value) -> Value {
    if log.get("error").is_some() {
        return log;
    }
    let executions = log.get("executions").and_then(Value::as_array);
    let executions = executions.map(|executions| {
        let parts = [
            "trigger",
            "vmstate",
            "exception",
            "gasconsumed",
            "stack",
            "notifications",
        ];
        let reduced = executions.iter().map(|execution| {
            let part = |name: &str| {
                (
                    name.to_owned(),
                    execution.get(name).cloned().unwrap_or_default(),
                )
            };
            Value::Object(parts.into_iter().map(part).collect())
        });
        reduced.collect::<Vec<_>>()
    });
    json!({"txid": log.get("txid"), "executions": executions})
}

async fn heights(endpoints: &[Endpoint]) -> Vec<Option<Height>> {
    let ask = async |endpoint: &Endpoint| {
        let mut client = RpcClient::new(endpoint.clone()).ok()?;
        let count: u32 = client.call("getblockcount", json!([])).await.ok()?;
        count.checked_sub(1).map(Height)
    };
    futures::future::join_all(endpoints.iter().map(ask)).await
}

/// The height that all have.
fn common(heights: &[Option<Height>]) -> Option<Height> {
    let first = heights.first().copied().flatten()?;
    heights
        .iter()
        .all(|height| *height == Some(first))
        .then_some(first)
}

async fn balances(endpoint: &Endpoint, accounts: &[UInt160]) -> Option<Vec<Balances>> {
    let mut client = RpcClient::new(endpoint.clone()).ok()?;
    let mut found = Vec::with_capacity(accounts.len());
    for account in accounts {
        found.push(Balances::of(&mut client, account).await.ok()?);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_height_is_that_of_all() {
        let some = |height| Some(Height(height));
        assert_eq!(common(&[some(4), some(4)]), some(4));
        assert_eq!(common(&[some(4), some(5)]), None);
        assert_eq!(common(&[some(4), None]), None);
        assert_eq!(common(&[]), None);
    }

    #[test]
    fn logs_are_compared_by_what_they_say() {
        let log = |extra: &str, state: &str| {
            normalised(json!({
                "txid": "0x01", "own": extra,
                "executions": [{"trigger": "Application", "vmstate": state, "gasconsumed": "9",
                    "stack": [], "notifications": []}],
            }))
        };
        assert_eq!(log("a", "HALT"), log("b", "HALT"));
        assert_ne!(log("a", "HALT"), log("a", "FAULT"));
        let missing = json!({"error": {"code": -100}});
        assert_eq!(normalised(missing.clone()), missing);
    }
}
