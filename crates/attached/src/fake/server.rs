//! HTTP of the fake node.

use std::{future::pending, sync::Arc};

use neo_rpc::Endpoint;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};

use super::{Inside, Mood};

/// Longest request that is taken, in bytes: the bound of neo-go and of C#.
const MAX_REQUEST: usize = 5 << 20;

/// Listens on a port of the system's choice.
pub(super) async fn start(inside: Arc<Mutex<Inside>>) -> (Endpoint, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap().into();
    let server = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, Arc::clone(&inside)));
            while connections.try_join_next().is_some() {}
        }
    });
    (endpoint, server)
}

async fn serve(mut stream: TcpStream, inside: Arc<Mutex<Inside>>) {
    while let Some(request) = read(&mut stream).await {
        let mood = inside.lock().mood.clone();
        let body = match mood {
            Mood::Down => return,
            Mood::Silent => pending().await,
            Mood::Says(text) => text.to_owned(),
            Mood::Honest => {
                let mut inside = inside.lock();
                match request {
                    Value::Array(calls) => {
                        let answers = calls.iter().map(|call| inside.answer(call)).collect();
                        Value::Array(answers).to_string()
                    }
                    call => inside.answer(&call).to_string(),
                }
            }
        };
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        if stream.write_all((head + &body).as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The body of the next request.
async fn read(stream: &mut TcpStream) -> Option<Value> {
    let mut bytes = Vec::new();
    let mut part = vec![0; 65_536];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1)?;
            let length: usize = length.lines().next()?.trim().parse().ok()?;
            if length > MAX_REQUEST {
                return None;
            }
            if bytes.len() >= end + 4 + length {
                return serde_json::from_slice(&bytes[end + 4..end + 4 + length]).ok();
            }
        }
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
    }
}
