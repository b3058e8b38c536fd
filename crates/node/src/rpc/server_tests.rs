use std::{sync::Arc, time::Duration};

use neo_primitives::{Encode, Token, UInt160};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::rpc::{
    json::base64,
    testing::{Chain, http, signed, transfer, treasury},
};

fn value(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn raw(nonce: u32) -> String {
    let to = UInt160::from_wire([1; 20]);
    base64(&signed(transfer(Token::Gas, treasury(), to, 1, nonce)).to_bytes())
}

#[tokio::test]
async fn a_batch_is_answered_in_order_without_its_notifications() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let body = json!([
        {"jsonrpc": "2.0", "id": "a", "method": "getblockcount", "params": []},
        {"jsonrpc": "2.0", "method": "getblockcount"},
        7,
        {"jsonrpc": "2.0", "id": null, "method": "nothing"},
        {"jsonrpc": "2.0", "id": [1, {"x": 2}], "method": "sendrawtransaction", "params": [raw(1)]},
        {"jsonrpc": "2.0", "id": false, "method": "sendrawtransaction", "params": [raw(1)]},
        {"jsonrpc": "2.0", "id": -0.5, "method": "getblockhash", "params": [0]}
    ]);
    let (status, answer) = server.post(body.to_string()).await;
    assert_eq!(status, 200);
    let answers = value(&answer);
    let answers = answers.as_array().unwrap();
    let ids: Vec<&Value> = answers.iter().map(|answer| &answer["id"]).collect();
    assert_eq!(
        json!(ids),
        json!(["a", null, null, [1, {"x": 2}], false, -0.5])
    );
    assert_eq!(answers[0]["result"], 1);
    assert_eq!(answers[1]["error"]["code"], -32600);
    assert_eq!(answers[2]["error"]["code"], -32601);
    assert_eq!(answers[2]["error"]["message"], "Method not found - nothing");
    assert!(answers[3]["result"]["hash"].is_string());
    assert_eq!(answers[4]["error"]["code"], -503);
    assert!(answers[5]["result"].is_string());
    server.shut_down().await;
}

#[tokio::test]
async fn a_batch_whose_answers_grow_too_long_is_cut() {
    const CALLS: usize = 130;
    let chain = Chain::new();
    let to = UInt160::from_wire([1; 20]);
    let transactions = (0..500)
        .map(|nonce| signed(transfer(Token::Gas, treasury(), to, 1, nonce)))
        .collect();
    let block = chain.grow(transactions);
    let each = base64(&block.to_bytes()).len() + 2;
    let server = chain.serve(|_| {}).await;
    let call = |id: usize| json!({"id": id, "method": "getblock", "params": [1]});
    let batch: Vec<Value> = (0..CALLS).map(call).collect();
    let (_, answer) = server.post(json!(batch).to_string()).await;
    let answers = value(&answer);
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), CALLS);
    let whole = answers
        .iter()
        .take_while(|answer| answer["result"].is_string())
        .count();
    assert_eq!(whole, super::MAX_ANSWERS / each + 1);
    for refused in &answers[whole..] {
        assert_eq!(refused["error"]["code"], -32603);
    }
    server.shut_down().await;
}

#[tokio::test]
async fn notifications_are_carried_out_and_not_answered() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let call = json!({"jsonrpc": "2.0", "method": "sendrawtransaction", "params": [raw(1)]});
    for body in [
        call.to_string(),
        json!([{"method": "getversion"}]).to_string(),
    ] {
        let (status, answer) = server.post(body).await;
        assert_eq!((status, answer.as_slice()), (204, b"".as_slice()));
    }
    assert_eq!(chain.relayed().len(), 1);
    server.shut_down().await;
}

#[tokio::test]
async fn what_is_no_request_gets_an_error_without_an_id() {
    let chain = Chain::new();
    let server = chain.serve(|rpc| rpc.max_batch = 2).await;
    for (body, code) in [
        ("", -32700),
        ("{\"jsonrpc\":", -32700),
        ("\u{0}\u{1}", -32700),
        ("[]", -32600),
        ("\"x\"", -32600),
        ("[1,2,3]", -32600),
        ("{\"id\":{},\"params\":{}}", -32600),
    ] {
        let (status, answer) = server.post(body).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(value(&answer)["error"]["code"], code, "{body}");
    }
    // Not UTF-8.
    let (_, answer) = server.post(vec![b'"', 0xff, b'"']).await;
    assert_eq!(value(&answer)["error"]["code"], -32700);
    // Deeper than any parser should follow.
    let deep = format!(
        "{{\"id\":1,\"method\":\"getblock\",\"params\":[{}",
        "[".repeat(100_000)
    );
    let (_, answer) = server.post(deep).await;
    assert_eq!(value(&answer)["error"]["code"], -32700);
    let deep = format!(
        "{{\"id\":1,\"method\":\"invokefunction\",\"params\":[\"{}\",\"symbol\",{}{}]}}",
        Token::Gas.hash(),
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let (_, answer) = server.post(deep).await;
    assert_eq!(value(&answer)["error"]["code"], -32602);
    server.shut_down().await;
}

#[tokio::test]
async fn bodies_are_bounded() {
    let chain = Chain::new();
    let server = chain.serve(|rpc| rpc.max_body_bytes = 1_024).await;
    let filled = |length: usize| {
        let mut body = json!({"id": 1, "method": "getblockcount"}).to_string();
        body.push_str(&" ".repeat(length - body.len()));
        body
    };
    let (status, answer) = server.post(filled(1_024)).await;
    assert_eq!((status, &value(&answer)["result"]), (200, &json!(1)));
    let (status, answer) = server.post(filled(1_025)).await;
    assert_eq!(status, 413);
    assert_eq!(value(&answer)["error"]["code"], -32600);
    // Also one that does not say how long it is.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    for _ in 0..2 {
        // The server may close the connection before all is written.
        let _ = stream.write_all(chunk.as_bytes()).await;
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
    server.shut_down().await;
}

#[tokio::test]
async fn other_paths_and_methods_are_not_served() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    for (method, path, expected) in [
        ("GET", "/", 405),
        ("PUT", "/", 405),
        ("POST", "/health", 405),
        ("POST", "/rpc", 404),
        ("OPTIONS", "/", 405),
    ] {
        let (status, _) = http(server.address, method, path, b"").await;
        assert_eq!(status, expected, "{method} {path}");
    }
    let (status, body) = http(server.address, "GET", "/health", b"").await;
    assert_eq!(status, 200);
    assert_eq!(
        value(&body),
        json!({"height": 0, "peers": 2, "voting": true})
    );
    chain.grow(vec![]);
    let (_, body) = http(server.address, "GET", "/health", b"").await;
    assert_eq!(value(&body)["height"], 1);
    server.shut_down().await;
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let chain = Chain::new();
    let server = chain.serve(|rpc| rpc.request_timeout_ms = 100).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    server.shut_down().await;
}

#[tokio::test]
async fn connections_above_the_limit_wait_for_a_place() {
    let chain = Chain::new();
    let server = chain.serve(|rpc| rpc.max_connections = 1).await;
    let first = TcpStream::connect(server.address).await.unwrap();
    let address = server.address;
    let second = tokio::spawn(async move { http(address, "GET", "/health", b"").await.0 });
    let waited = tokio::time::timeout(Duration::from_millis(200), async {
        while !second.is_finished() {
            tokio::task::yield_now().await;
        }
    });
    assert!(waited.await.is_err());
    drop(first);
    assert_eq!(second.await.unwrap(), 200);
    server.shut_down().await;
}

/// Keep-alive connections that all send at the same time: every transaction is admitted once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_clients_share_batches() {
    const CLIENTS: u32 = 8;
    const EACH: u32 = 25;
    let chain = Arc::new(Chain::new());
    let server = chain.serve(|_| {}).await;
    let address = server.address;
    let clients = (0..CLIENTS).map(|client| {
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for each in 0..EACH {
                let params = json!([raw(client * EACH + each)]);
                let call = json!({"id": each, "method": "sendrawtransaction", "params": params});
                let body = call.to_string();
                let head = format!(
                    "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all((head + &body).as_bytes()).await.unwrap();
                let mut answer = vec![0; 4_096];
                let mut length = 0;
                while !answer[..length].ends_with(b"}}") {
                    let more = stream.read(&mut answer[length..]).await.unwrap();
                    assert!(more > 0, "{}", String::from_utf8_lossy(&answer));
                    length += more;
                }
                let text = String::from_utf8_lossy(&answer[..length]).into_owned();
                assert!(text.contains("\"result\":{\"hash\":"), "{text}");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    let mut relayed = chain.relayed();
    relayed.sort();
    relayed.dedup();
    assert_eq!(relayed.len(), (CLIENTS * EACH) as usize);
    server.shut_down().await;
}

#[tokio::test]
async fn shutdown_ends_idle_connections() {
    let chain = Chain::new();
    let server = chain.serve(|_| {}).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let head = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    idle.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    server.shut_down().await;
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
}
