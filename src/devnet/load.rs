//! Sending transactions over HTTP to all RPC endpoints in turn.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::UInt256;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::calls::{refusals, request};
use super::clock::now_ns;
use super::senders::Prepared;
use crate::rpc::{Connection, Endpoint, RpcError};

/// Kept-alive connections to each endpoint; each carries one request at a time.
const CONNECTIONS: usize = 8;

/// Most transactions in one request. One that waits alone goes alone; those that are due together go as a batch.
const BATCH: usize = 64;

/// Pause of a connection after it broke.
const RECONNECT: Duration = Duration::from_millis(50);

/// How long what was handed out last may wait for a connection when the load ends.
const LAST_SLICE: Duration = Duration::from_millis(100);

/// How long requests that are under way may take when the load ends.
const FINISH: Duration = Duration::from_secs(5);

/// A transaction that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// The transaction.
    pub(crate) hash: UInt256,
    /// The node it was sent to.
    pub(crate) node: usize,
    /// When, in nanoseconds since 1970.
    pub(crate) t_ns: u64,
    /// Whether the node took it.
    pub(crate) accepted: bool,
}

/// What was sent, and why some of it was not taken.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Every transaction that was sent.
    pub(crate) sent: Vec<Sent>,
    /// Number of refusals by reason.
    pub(crate) refused: BTreeMap<String, u64>,
}

impl Outcome {
    fn record(&mut self, hash: UInt256, node: usize, t_ns: u64, answer: Result<(), String>) {
        let accepted = answer.is_ok();
        self.sent.push(Sent {
            hash,
            node,
            t_ns,
            accepted,
        });
        if let Err(reason) = answer {
            *self.refused.entry(reason).or_default() += 1;
        }
    }

    /// Number of transactions that no node took.
    pub(crate) fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// The transactions that wait for one endpoint.
#[derive(Debug, Default)]
struct Lane {
    waiting: Mutex<VecDeque<Prepared>>,
    wake: Notify,
}

/// Connections to all endpoints.
pub(crate) struct Load {
    lanes: Vec<Arc<Lane>>,
    next: usize,
    workers: JoinSet<()>,
    closing: watch::Sender<bool>,
    outcome: Arc<Mutex<Outcome>>,
    handed_out: u64,
}

impl Load {
    /// Connections to these endpoints, opened with their first request.
    ///
    /// # Errors
    /// If an endpoint's address cannot be used.
    pub(crate) fn new(endpoints: &[Endpoint]) -> Result<Self, RpcError> {
        let outcome = Arc::new(Mutex::new(Outcome::default()));
        let closing = watch::Sender::new(false);
        let mut workers = JoinSet::new();
        let mut lanes = Vec::with_capacity(endpoints.len());
        for (node, endpoint) in endpoints.iter().enumerate() {
            let lane = Arc::new(Lane::default());
            for _ in 0..CONNECTIONS {
                let connection = Connection::new(endpoint.clone())?;
                workers.spawn(work(
                    lane.clone(),
                    connection,
                    node,
                    outcome.clone(),
                    closing.subscribe(),
                ));
            }
            lanes.push(lane);
        }
        Ok(Self {
            lanes,
            next: 0,
            workers,
            closing,
            outcome,
            handed_out: 0,
        })
    }

    /// Hands these out to the endpoints in turn.
    pub(crate) fn send(&mut self, transactions: impl Iterator<Item = Prepared>) {
        for transaction in transactions {
            if let Some(lane) = self.lanes.get(self.next) {
                lane.waiting.lock().push_back(transaction);
                self.handed_out = self.handed_out.saturating_add(1);
            }
            self.next = (self.next + 1) % self.lanes.len().max(1);
        }
        for lane in &self.lanes {
            if !lane.waiting.lock().is_empty() {
                lane.wake.notify_one();
            }
        }
    }

    /// Transactions handed out so far.
    pub(crate) fn handed_out(&self) -> u64 {
        self.handed_out
    }

    /// Transactions that were answered so far.
    pub(crate) fn answered(&self) -> u64 {
        u64::try_from(self.outcome.lock().sent.len()).unwrap_or(u64::MAX)
    }

    /// Transactions that were refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.outcome.lock().refusals()
    }

    /// Sends what was handed out just now, then nothing more, and waits for the requests that are under way.
    pub(crate) async fn finish(mut self) -> Outcome {
        let last = tokio::time::Instant::now() + LAST_SLICE;
        while self.answered() < self.handed_out && tokio::time::Instant::now() < last {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.closing.send_replace(true);
        let all = async { while self.workers.join_next().await.is_some() {} };
        // Requests that take longer are given up; what they carried may still come into a block, uncounted.
        let _ = tokio::time::timeout(FINISH, all).await;
        self.workers.shutdown().await;
        std::mem::take(&mut *self.outcome.lock())
    }
}

/// Sends what waits for the endpoint, as much as there is at a time.
async fn work(
    lane: Arc<Lane>,
    mut connection: Connection,
    node: usize,
    outcome: Arc<Mutex<Outcome>>,
    mut closing: watch::Receiver<bool>,
) {
    while !*closing.borrow() {
        let batch: Vec<Prepared> = {
            let mut waiting = lane.waiting.lock();
            let count = waiting.len().min(BATCH);
            waiting.drain(..count).collect()
        };
        if batch.is_empty() {
            tokio::select! {
                () = lane.wake.notified() => {}
                _ = closing.changed() => {}
            }
            continue;
        }
        let t_ns = now_ns();
        let posted = connection.post(request(&batch)).await;
        let broken = posted.is_err();
        let refusals = match posted
            .map_err(|error| error.to_string())
            .and_then(|answer| refusals(&answer))
        {
            Ok(refusals) => refusals,
            Err(problem) => batch
                .iter()
                .map(|prepared| (prepared.id, problem.clone()))
                .collect(),
        };
        {
            let mut outcome = outcome.lock();
            for prepared in batch {
                let refused = refusals.get(&prepared.id).cloned();
                outcome.record(prepared.hash, node, t_ns, refused.map_or(Ok(()), Err));
            }
        }
        if broken {
            tokio::time::sleep(RECONNECT).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    mod stub {
        use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
        use tokio::net::TcpListener;

        use crate::rpc::Endpoint;

        /// A server that answers every call with success, except those whose id is a multiple of ten.
        pub(super) async fn start() -> Endpoint {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = listener.local_addr().unwrap().into();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(async move {
                        let mut stream = BufReader::new(stream);
                        let (mut line, mut length) = (String::new(), 0);
                        while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                            if let Some(value) =
                                line.to_ascii_lowercase().strip_prefix("content-length:")
                            {
                                length = value.trim().parse().unwrap();
                            }
                            if line == "\r\n" {
                                let mut body = vec![0; length];
                                stream.read_exact(&mut body).await.unwrap();
                                let answer =
                                    answer(&serde_json::from_slice(&body).unwrap()).to_string();
                                let head = format!(
                                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
                                    answer.len()
                                );
                                stream.write_all((head + &answer).as_bytes()).await.unwrap();
                            }
                            line.clear();
                        }
                    });
                }
            });
            endpoint
        }

        fn answer(call: &serde_json::Value) -> serde_json::Value {
            if let Some(calls) = call.as_array() {
                // A batch may be answered in any order.
                return calls.iter().rev().map(answer).collect();
            }
            let id = call["id"].as_u64().unwrap();
            match id % 10 {
                0 => serde_json::json!({"id": id, "error": {"code": -502, "message": "Pool full"}}),
                _ => serde_json::json!({"id": id, "result": {"hash": "0x00"}}),
            }
        }
    }

    fn prepared(ids: std::ops::Range<u64>) -> impl Iterator<Item = Prepared> {
        ids.map(|id| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&id.to_le_bytes());
            Prepared {
                id,
                hash: UInt256::from_wire(hash),
                body: format!(r#"{{"id":{id},"method":"sendrawtransaction"}}"#).into(),
            }
        })
    }

    #[tokio::test]
    async fn every_endpoint_gets_its_turn_and_refusals_are_counted() {
        let endpoints = [stub::start().await, stub::start().await];
        let mut load = Load::new(&endpoints).unwrap();
        // One alone, then many together.
        load.send(prepared(0..1));
        load.send(prepared(1..200));
        assert_eq!(load.handed_out(), 200);
        while load.answered() < 200 {
            tokio::task::yield_now().await;
        }
        let outcome = load.finish().await;
        assert_eq!(outcome.sent.len(), 200);
        for node in 0..2 {
            assert_eq!(
                outcome.sent.iter().filter(|sent| sent.node == node).count(),
                100
            );
        }
        assert_eq!(
            outcome.refused,
            BTreeMap::from([("Pool full (-502)".to_owned(), 20)])
        );
        let hashes: std::collections::HashSet<_> =
            outcome.sent.iter().map(|sent| sent.hash).collect();
        assert_eq!(hashes.len(), 200);
        let refused = outcome.sent.iter().filter(|sent| !sent.accepted);
        assert!(
            refused
                .into_iter()
                .all(|sent| sent.hash.as_wire()[0] % 10 == 0)
        );
    }

    #[tokio::test]
    async fn a_dead_endpoint_refuses_with_its_reason() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint: Endpoint = listener.local_addr().unwrap().into();
        drop(listener);
        let mut load = Load::new(std::slice::from_ref(&endpoint)).unwrap();
        load.send(prepared(1..4));
        while load.answered() < 3 {
            tokio::task::yield_now().await;
        }
        let outcome = load.finish().await;
        assert_eq!(outcome.refusals(), 3);
        assert!(
            outcome
                .refused
                .keys()
                .all(|reason| reason.contains(&endpoint.to_string()))
        );
    }
}
