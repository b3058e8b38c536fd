//! The server without its listener.

use std::{io, sync::Arc};

use axum::body::Bytes;

use super::{
    RpcContext,
    admission::{Admission, Submit},
    dispatch::Server,
    server,
};
use crate::config::RpcConfig;

/// Answers bodies of requests as the server does, without HTTP, its limits of time, and its net for
/// panics. For the fuzzer, which must see them.
#[doc(hidden)]
pub struct Desk {
    server: Arc<Server>,
    max_batch: usize,
}

impl Desk {
    /// A desk in front of this context. The nonce is 0, so that the same request has the same answer.
    ///
    /// # Errors
    /// When the thread of admissions cannot be started.
    pub fn open(context: RpcContext, limits: &RpcConfig) -> io::Result<Self> {
        let admission = Admission::start(
            Arc::new(Arc::clone(&context.ledger)) as Arc<dyn Submit>,
            Arc::clone(&context.relay),
            Arc::clone(&context.metrics),
            limits.admission_queue,
        )?;
        let server = Server {
            context,
            admission,
            nonce: 0,
        };
        Ok(Self {
            server: Arc::new(server),
            max_batch: limits.max_batch,
        })
    }

    /// The answer to a request; `None` when it has only notifications. Needs a Tokio runtime.
    pub async fn answer(&self, body: Vec<u8>) -> Option<Vec<u8>> {
        server::answer(&self.server, Bytes::from(body), self.max_batch).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::rpc::testing::Chain;

    #[tokio::test]
    async fn answers_what_the_server_would() {
        let chain = Chain::new();
        let limits = RpcConfig::at(([127, 0, 0, 1], 0).into());
        let desk = Desk::open(chain.context(), &limits).unwrap();
        let ask = |body: Value| desk.answer(body.to_string().into_bytes());
        let call = json!({"jsonrpc": "2.0", "id": 7, "method": "getblockcount", "params": []});
        let answer = ask(call.clone()).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(
            answer,
            json!({"jsonrpc": "2.0", "id": 7, "result": 1}),
            "the genesis block"
        );
        let batch = vec![call; limits.max_batch + 1];
        let refused = ask(Value::Array(batch)).await.unwrap();
        let refused: Value = serde_json::from_slice(&refused).unwrap();
        assert_eq!(refused["error"]["code"], -32_600);
        let notification = json!({"jsonrpc": "2.0", "method": "getblockcount"});
        assert_eq!(ask(notification).await, None);
    }
}
