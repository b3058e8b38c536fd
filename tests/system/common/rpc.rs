//! A JSON-RPC client that does no more than the tests need. HTTP 1.0 has no answers in pieces.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

/// Talks to one node; a connection a call.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    port: u16,
}

/// Why there is no result.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answers.
    Transport(String),
    /// The node refuses: code and message.
    Refused(i64, String),
}

impl Client {
    pub fn new(port: u16) -> Self {
        Self { port }
    }

    pub fn call(&self, method: &str, params: &Value) -> Result<Value, Failure> {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let text = self
            .post(&call.to_string())
            .map_err(|e| Failure::Transport(e.to_string()))?;
        let answer: Value =
            serde_json::from_str(&text).map_err(|e| Failure::Transport(format!("{e}: {text}")))?;
        match answer.get("error") {
            Some(error) if !error.is_null() => Err(Failure::Refused(
                error["code"].as_i64().unwrap_or(0),
                error.to_string(),
            )),
            _ => Ok(answer["result"].clone()),
        }
    }

    fn post(&self, body: &str) -> std::io::Result<String> {
        self.exchange(&format!(
            "POST / HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    /// The body of what stands at a path.
    pub fn get(&self, path: &str) -> std::io::Result<String> {
        self.exchange(&format!(
            "GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
    }

    fn exchange(&self, request: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (_, body) = text
            .split_once("\r\n\r\n")
            .ok_or_else(|| std::io::Error::other(format!("no HTTP answer: {text}")))?;
        Ok(body.to_owned())
    }
}
