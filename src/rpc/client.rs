//! Calls of single methods.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Connection, Endpoint, RpcError};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client of one server.
pub(crate) struct RpcClient {
    connection: Connection,
    next_id: u64,
}

#[derive(Deserialize)]
struct Answer {
    id: Option<Value>,
    result: Option<Value>,
    error: Option<ErrorObject>,
}

#[derive(Deserialize)]
struct ErrorObject {
    code: i64,
    message: String,
    #[serde(default)]
    data: Value,
}

impl ErrorObject {
    /// The message and the data, which some servers put into both.
    fn text(self) -> String {
        match self.data {
            Value::Null => self.message,
            Value::String(text) if self.message.contains(&text) => self.message,
            Value::String(text) => format!("{}: {text}", self.message),
            other => format!("{}: {other}", self.message),
        }
    }
}

impl RpcClient {
    /// A client that connects with its first call.
    pub(crate) fn new(endpoint: Endpoint) -> Result<Self, RpcError> {
        Ok(Self {
            connection: Connection::new(endpoint)?,
            next_id: 1,
        })
    }

    /// The server.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        self.connection.endpoint()
    }

    /// Calls a method; the result must be of type `T`.
    pub(crate) async fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: Value,
    ) -> Result<T, RpcError> {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let post = self.connection.post(Bytes::from(body.to_string()));
        let Ok(posted) = tokio::time::timeout(TIMEOUT, post).await else {
            return Err(RpcError::Timeout {
                endpoint: self.endpoint().clone(),
                method: method.to_owned(),
                seconds: TIMEOUT.as_secs(),
            });
        };
        let answer = posted?;
        let odd = |problem: String| RpcError::Answer {
            endpoint: self.endpoint().clone(),
            method: method.to_owned(),
            problem,
        };
        let answer: Answer = serde_json::from_slice(&answer).map_err(|e| odd(e.to_string()))?;
        if let Some(error) = answer.error {
            return Err(RpcError::Refused {
                endpoint: self.endpoint().clone(),
                method: method.to_owned(),
                code: error.code,
                message: error.text(),
            });
        }
        if answer.id.as_ref().and_then(Value::as_u64) != Some(id) {
            return Err(odd(format!("its id is not {id}")));
        }
        serde_json::from_value(answer.result.unwrap_or(Value::Null)).map_err(|e| odd(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    /// Reads one request and gives its body.
    async fn request(stream: &mut TcpStream) -> Option<Value> {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let head = head.to_ascii_lowercase();
                let length = head.split("content-length: ").nth(1)?;
                let length: usize = length.lines().next()?.trim().parse().ok()?;
                if body.len() >= length {
                    return serde_json::from_str(body).ok();
                }
            }
            let mut part = [0; 1024];
            match stream.read(&mut part).await {
                Ok(0) | Err(_) => return None,
                Ok(n) => bytes.extend_from_slice(&part[..n]),
            }
        }
    }

    /// Answers each request by `answer`; after `per_connection` requests it closes the connection.
    async fn server(
        per_connection: usize,
        answer: impl Fn(Value) -> String + Send + 'static,
    ) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = listener.local_addr().unwrap().into();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                for _ in 0..per_connection {
                    let Some(call) = request(&mut stream).await else {
                        break;
                    };
                    let body = answer(call);
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                    let text = head + &body;
                    if stream.write_all(text.as_bytes()).await.is_err() {
                        break;
                    }
                }
            }
        });
        endpoint
    }

    #[tokio::test]
    async fn results_errors_and_closed_connections() {
        let endpoint = server(2, |call| match call["method"].as_str() {
            Some("getblockcount") => json!({"jsonrpc": "2.0", "id": call["id"], "result": 7}).to_string(),
            Some("other") => json!({"jsonrpc": "2.0", "id": 99, "result": 7}).to_string(),
            Some("text") => "nonsense".to_owned(),
            _ => json!({"id": call["id"], "error": {"code": -101, "message": "Unknown block", "data": "12"}}).to_string(),
        })
        .await;
        let mut client = RpcClient::new(endpoint).unwrap();
        for _ in 0..3 {
            assert_eq!(
                client
                    .call::<u32>("getblockcount", json!([]))
                    .await
                    .unwrap(),
                7
            );
        }
        let error = client
            .call::<u32>("getblock", json!([12]))
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some(-101));
        assert!(
            error
                .to_string()
                .ends_with("getblock refused: Unknown block: 12 (-101)"),
            "{error}"
        );
        for (method, problem) in [("other", "its id is not"), ("text", "makes no sense")] {
            let error = client.call::<u32>(method, json!([])).await.unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
        }
        let error = client
            .call::<String>("getblockcount", json!([]))
            .await
            .unwrap_err();
        assert!(matches!(error, RpcError::Answer { .. }), "{error}");
    }

    #[tokio::test]
    async fn nobody_listening_is_a_transport_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint: Endpoint = listener.local_addr().unwrap().into();
        drop(listener);
        let mut client = RpcClient::new(endpoint.clone()).unwrap();
        let error = client
            .call::<u32>("getblockcount", json!([]))
            .await
            .unwrap_err();
        assert!(matches!(error, RpcError::Transport { .. }));
        assert!(error.to_string().contains(&endpoint.to_string()), "{error}");
    }
}
