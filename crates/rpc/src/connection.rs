//! One kept-alive HTTP connection.

use std::fmt::Display;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Endpoint, Limits, RpcError};

/// A connection that posts one request at a time and is made anew when the server closed it.
pub struct Connection {
    endpoint: Endpoint,
    uri: Uri,
    host: HeaderValue,
    max_answer: usize,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// A connection that is opened with its first request.
    ///
    /// # Errors
    /// When the endpoint cannot be written into a request.
    pub fn new(endpoint: Endpoint) -> Result<Self, RpcError> {
        Self::with_limits(endpoint, &Limits::default())
    }

    /// As [`Connection::new`], reading answers up to a bound. The time limit is its user's.
    ///
    /// # Errors
    /// As [`Connection::new`].
    pub fn with_limits(endpoint: Endpoint, limits: &Limits) -> Result<Self, RpcError> {
        let broken = |problem: String| RpcError::Transport {
            endpoint: endpoint.clone(),
            problem,
        };
        let uri = endpoint.path().parse();
        let uri = uri.map_err(|error| broken(format!("path: {error}")))?;
        let host = HeaderValue::from_str(&endpoint.authority());
        let host = host.map_err(|error| broken(format!("host: {error}")))?;
        Ok(Self {
            endpoint,
            uri,
            host,
            max_answer: limits.answer,
            sender: None,
        })
    }

    /// The server.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Posts a JSON body and gives the body of the answer. An idle connection that the server closed is replaced;
    /// a request that may have arrived is never sent again.
    ///
    /// # Errors
    /// [`RpcError::Transport`].
    pub async fn post(&mut self, body: Bytes) -> Result<Bytes, RpcError> {
        let mut sender = self.ready().await?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.uri.clone())
            .header(HOST, self.host.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Full::new(body))
            .map_err(|error| self.broken(error))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| self.broken(error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), self.max_answer)
            .collect()
            .await
            .map_err(|error| self.broken(error))?
            .to_bytes();
        // A Neo node answers errors of the call with 200; other statuses come from the server in front.
        if !status.is_success() && !body.starts_with(b"{") {
            return Err(self.broken(format!("HTTP status {status}")));
        }
        self.sender = Some(sender);
        Ok(body)
    }

    async fn ready(&mut self) -> Result<SendRequest<Full<Bytes>>, RpcError> {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = TcpStream::connect(self.endpoint.authority()).await;
        let stream = stream.map_err(|error| self.broken(error))?;
        stream
            .set_nodelay(true)
            .map_err(|error| self.broken(error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(error))?;
        // Ends with the sender; what goes wrong shows in the request.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn broken(&self, problem: impl Display) -> RpcError {
        RpcError::Transport {
            endpoint: self.endpoint.clone(),
            problem: problem.to_string(),
        }
    }
}
