//! One Neo node, asked over JSON-RPC. Its answers are decoded and held to their bounds; what they say is not believed
//! here yet.

mod chain;
mod pool;
mod state;
mod version;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use neo_primitives::{DecodeError, Height};
use neo_rpc::{Call, Endpoint, Limits, RpcClient, RpcError};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) use self::{chain::Standing, pool::Listing, version::Version};
use crate::error::NodeError;

/// Connections that are kept for later, at most. More calls at a time open more.
const IDLE: usize = 4;

/// Calls in one request, at most; neo-go takes 100.
pub(crate) const BATCH: usize = 50;

/// A Neo node.
pub(crate) struct Node {
    endpoint: Endpoint,
    limits: Limits,
    witness_limit: u32,
    idle: Mutex<Vec<RpcClient>>,
}

impl Node {
    /// A node that is connected to with the first call. `witness_limit` is the greatest length of a witness script.
    pub(crate) fn new(endpoint: Endpoint, limits: Limits, witness_limit: u32) -> Self {
        Self {
            endpoint,
            limits,
            witness_limit,
            idle: Mutex::default(),
        }
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn connect(&self) -> Result<RpcClient, RpcError> {
        match self.idle.lock().pop() {
            Some(client) => Ok(client),
            None => RpcClient::with_limits(self.endpoint.clone(), &self.limits),
        }
    }

    /// Keeps a connection whose last answer was complete.
    fn keep(&self, client: RpcClient) {
        let mut idle = self.idle.lock();
        if idle.len() < IDLE {
            idle.push(client);
        }
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, NodeError> {
        let mut client = self.connect()?;
        let result: Result<Value, RpcError> = client.call(method, params).await;
        if matches!(result, Ok(_) | Err(RpcError::Refused { .. })) {
            self.keep(client);
        }
        self.read(method, result?)
    }

    /// Makes up to [`BATCH`] calls at once.
    async fn batch(&self, calls: &[Call]) -> Result<Vec<Result<Value, RpcError>>, NodeError> {
        let mut client = self.connect()?;
        let results = client.batch(calls).await?;
        self.keep(client);
        Ok(results)
    }

    /// Makes calls at once that belong to one height: the node must stand there before and after them. In their order.
    async fn batch_at(
        &self,
        height: Height,
        calls: Vec<Call>,
    ) -> Result<Vec<Result<Value, RpcError>>, NodeError> {
        let count = || Call::new("getblockcount", json!([]));
        let mut all = vec![count()];
        all.extend(calls);
        all.push(count());
        let mut results = self.batch(&all).await?;
        let moved = || NodeError::Moved {
            endpoint: self.endpoint.clone(),
            height,
        };
        let last = results.pop().ok_or_else(moved)?;
        if results.is_empty() {
            return Err(moved());
        }
        let first = results.remove(0);
        for count in [first, last] {
            let count: u32 = self.read("getblockcount", count?)?;
            if count.checked_sub(1) != Some(height.0) {
                return Err(moved());
            }
        }
        Ok(results)
    }

    /// Decodes a result, or says which field is wrong.
    fn read<T: DeserializeOwned>(
        &self,
        method: &'static str,
        result: Value,
    ) -> Result<T, NodeError> {
        serde_path_to_error::deserialize(result).map_err(|error| {
            let path = error.path().to_string();
            self.field(method, path, error.into_inner().to_string())
        })
    }

    /// A field that cannot be.
    fn field(
        &self,
        method: &'static str,
        field: impl Into<String>,
        problem: impl Into<String>,
    ) -> NodeError {
        let field = match field.into() {
            path if path == "." => "result".to_owned(),
            path => path,
        };
        NodeError::Field {
            endpoint: self.endpoint.clone(),
            method,
            field,
            problem: problem.into(),
        }
    }

    /// Bytes in Base64.
    fn bytes(&self, method: &'static str, field: &str, text: &str) -> Result<Vec<u8>, NodeError> {
        STANDARD
            .decode(text)
            .map_err(|error| self.field(method, field, format!("is not Base64: {error}")))
    }

    /// Bytes in Base64 that decode to a value and end there.
    fn value<T>(
        &self,
        method: &'static str,
        text: &str,
        decode: impl FnOnce(&[u8]) -> Result<T, DecodeError>,
    ) -> Result<T, NodeError> {
        let bytes = self.bytes(method, "result", text)?;
        decode(&bytes).map_err(|error| self.field(method, "result", error.to_string()))
    }
}
