//! Calls of methods.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Connection, Endpoint, Limits, RpcError};

/// A client of one server.
pub struct RpcClient {
    connection: Connection,
    timeout: Duration,
    next_id: u64,
}

/// A method with its parameters, for [`RpcClient::batch`].
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The method.
    pub method: &'static str,
    /// Its parameters by position: a JSON array.
    pub params: Value,
}

impl Call {
    /// A call of `method`.
    #[must_use]
    pub fn new(method: &'static str, params: Value) -> Self {
        Self { method, params }
    }
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
    ///
    /// # Errors
    /// When the endpoint cannot be written into a request.
    pub fn new(endpoint: Endpoint) -> Result<Self, RpcError> {
        Self::with_limits(endpoint, &Limits::default())
    }

    /// As [`RpcClient::new`], with other limits.
    ///
    /// # Errors
    /// As [`RpcClient::new`].
    pub fn with_limits(endpoint: Endpoint, limits: &Limits) -> Result<Self, RpcError> {
        Ok(Self {
            connection: Connection::with_limits(endpoint, limits)?,
            timeout: limits.timeout,
            next_id: 1,
        })
    }

    /// The server.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.connection.endpoint()
    }

    /// Calls a method; the result must be of type `T`.
    ///
    /// # Errors
    /// [`RpcError`].
    pub async fn call<T: DeserializeOwned>(
        &mut self,
        method: &str,
        params: Value,
    ) -> Result<T, RpcError> {
        let id = self.ids(1);
        let body = request(id, method, &params).to_string();
        let answer = self.post(method, body).await?;
        let answer: Answer =
            serde_json::from_slice(&answer).map_err(|e| self.odd(method, e.to_string()))?;
        if answer.error.is_none() && answer.id.as_ref().and_then(Value::as_u64) != Some(id) {
            return Err(self.odd(method, format!("its id is not {id}")));
        }
        let result = self.result(method, answer)?;
        serde_json::from_value(result).map_err(|e| self.odd(method, e.to_string()))
    }

    /// Makes several calls in one request. One result for each, in their order.
    ///
    /// # Errors
    /// [`RpcError`], when the request as a whole fails or its answer does not fit the calls.
    pub async fn batch(
        &mut self,
        calls: &[Call],
    ) -> Result<Vec<Result<Value, RpcError>>, RpcError> {
        let Some(first) = calls.first() else {
            return Ok(Vec::new());
        };
        let name = first.method;
        let begin = self.ids(calls.len() as u64);
        let ids = begin..begin.saturating_add(calls.len() as u64);
        let bodies: Vec<Value> = calls
            .iter()
            .zip(ids.clone())
            .map(|(call, id)| request(id, call.method, &call.params))
            .collect();
        let answer = self.post(name, Value::Array(bodies).to_string()).await?;
        // Who refuses the request as a whole answers with one object.
        if let Ok(Answer {
            error: Some(error), ..
        }) = serde_json::from_slice(&answer)
        {
            return Err(self.refused(name, error));
        }
        let answers: Vec<Answer> =
            serde_json::from_slice(&answer).map_err(|e| self.odd(name, e.to_string()))?;
        if answers.len() != calls.len() {
            let problem = format!("{} answers to {} calls", answers.len(), calls.len());
            return Err(self.odd(name, problem));
        }
        let mut results: Vec<Option<Result<Value, RpcError>>> =
            calls.iter().map(|_| None).collect();
        for answer in answers {
            let id = answer.id.as_ref().and_then(Value::as_u64);
            let position = id
                .and_then(|id| id.checked_sub(begin))
                .and_then(|position| usize::try_from(position).ok());
            let place = position.and_then(|at| Some((calls.get(at)?, results.get_mut(at)?)));
            match place {
                Some((call, place @ None)) => *place = Some(self.result(call.method, answer)),
                _ => {
                    let problem = format!("an id of its batch is {id:?}, or stands there twice");
                    return Err(self.odd(name, problem));
                }
            }
        }
        Ok(results.into_iter().flatten().collect())
    }

    fn ids(&mut self, count: u64) -> u64 {
        let first = self.next_id;
        self.next_id = first.wrapping_add(count);
        first
    }

    async fn post(&mut self, method: &str, body: String) -> Result<Bytes, RpcError> {
        let post = self.connection.post(Bytes::from(body));
        match tokio::time::timeout(self.timeout, post).await {
            Ok(posted) => posted,
            Err(_) => Err(RpcError::Timeout {
                endpoint: self.endpoint().clone(),
                method: method.to_owned(),
                waited: self.timeout,
            }),
        }
    }

    fn result(&self, method: &str, answer: Answer) -> Result<Value, RpcError> {
        match answer.error {
            Some(error) => Err(self.refused(method, error)),
            None => Ok(answer.result.unwrap_or(Value::Null)),
        }
    }

    fn refused(&self, method: &str, error: ErrorObject) -> RpcError {
        RpcError::Refused {
            endpoint: self.endpoint().clone(),
            method: method.to_owned(),
            code: error.code,
            message: error.text(),
        }
    }

    fn odd(&self, method: &str, problem: String) -> RpcError {
        RpcError::Answer {
            endpoint: self.endpoint().clone(),
            method: method.to_owned(),
            problem,
        }
    }
}

fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
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

    #[tokio::test]
    async fn a_batch_is_answered_call_by_call_in_any_order() {
        let endpoint = server(9, |calls| {
            let calls = calls.as_array().unwrap();
            let mut answers: Vec<Value> = calls
                .iter()
                .map(|call| match call["method"].as_str() {
                    Some("getblock") => json!({"id": call["id"], "error": {"code": -101, "message": "Unknown block"}}),
                    _ => json!({"id": call["id"], "result": call["params"][0]}),
                })
                .collect();
            answers.reverse();
            match calls.len() {
                1 => json!({"id": null, "error": {"code": -32600, "message": "no batches here"}}).to_string(),
                2 => Value::Array(vec![answers[0].clone(), answers[0].clone()]).to_string(),
                4 => Value::Array(answers[1..].to_vec()).to_string(),
                _ => Value::Array(answers).to_string(),
            }
        })
        .await;
        let mut client = RpcClient::new(endpoint).unwrap();
        let call = |number: u32| Call::new("getblockhash", json!([number]));
        let calls = [call(1), Call::new("getblock", json!([])), call(3)];
        let results = client.batch(&calls).await.unwrap();
        assert_eq!(results[0].as_ref().unwrap(), &json!(1));
        assert_eq!(results[1].as_ref().unwrap_err().code(), Some(-101));
        assert_eq!(results[2].as_ref().unwrap(), &json!(3));
        assert!(client.batch(&[]).await.unwrap().is_empty());
        let refused = client.batch(&[call(1)]).await.unwrap_err();
        assert_eq!(refused.code(), Some(-32600));
        let twice = client.batch(&[call(1), call(2)]).await.unwrap_err();
        assert!(twice.to_string().contains("twice"), "{twice}");
        let four = [call(1), call(2), call(3), call(4)];
        let missing = client.batch(&four).await.unwrap_err();
        assert!(
            missing.to_string().contains("3 answers to 4 calls"),
            "{missing}"
        );
    }

    #[tokio::test]
    async fn time_and_length_of_an_answer_are_bounded() {
        let endpoint = server(9, |call| {
            json!({"id": call["id"], "result": "a".repeat(500)}).to_string()
        })
        .await;
        let limits = Limits {
            answer: 100,
            ..Limits::default()
        };
        let mut client = RpcClient::with_limits(endpoint, &limits).unwrap();
        let long = client.call::<String>("getblock", json!([])).await;
        assert!(matches!(long, Err(RpcError::Transport { .. })), "{long:?}");

        // Takes connections and says nothing.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let limits = Limits {
            timeout: Duration::from_millis(20),
            ..Limits::default()
        };
        let endpoint: Endpoint = listener.local_addr().unwrap().into();
        let mut client = RpcClient::with_limits(endpoint, &limits).unwrap();
        let late = client
            .call::<String>("getblock", json!([]))
            .await
            .unwrap_err();
        assert!(
            late.to_string()
                .ends_with("did not answer getblock within 20ms"),
            "{late}"
        );
    }
}
