//! A JSON-RPC server that says what a test wants.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use neo_node::config::NodeConfig;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::rpc::Endpoint;

/// What the server answers; a test changes one thing.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) version: Value,
    pub(super) consensus: Option<Value>,
    pub(super) genesis: String,
    pub(super) height: u32,
    pub(super) headers: u32,
    /// Time of the last block against now.
    pub(super) tip_ahead_s: i64,
    /// Clock against now.
    pub(super) date_ahead_s: i64,
}

impl Fake {
    /// A node of the network of `config`, level and with the same clock.
    pub(super) fn of(config: &NodeConfig) -> Self {
        let genesis = &config.protocol.genesis;
        Self {
            version: json!({"useragent": "/neo-dbft:0.1.0/", "nonce": 5, "protocol": {
                "network": genesis.magic.0,
                "msperblock": genesis.block_time_ms,
                "maxtransactionsperblock": genesis.max_transactions_per_block,
                "validatorscount": genesis.standby_validators.len(),
                "maxtraceableblocks": genesis.max_traceable_blocks,
                "maxvaliduntilblockincrement": genesis.max_valid_until_block_increment,
                "memorypoolmaxtransactions": genesis.memory_pool_max,
                "initialgasdistribution": genesis.initial_gas.0,
                "standbycommittee": genesis.committee(),
            }}),
            consensus: Some(json!({"protocol": config.protocol.version, "ownindex": 1})),
            genesis: genesis.genesis_block().hash().to_string(),
            height: 100,
            headers: 100,
            tip_ahead_s: 0,
            date_ahead_s: 0,
        }
    }

    fn answer(&self, method: &str, params: &Value) -> Value {
        match method {
            "getversion" => json!({"result": self.version}),
            "getblockhash" if params[0] == 0 => json!({"result": self.genesis}),
            "getblockcount" => json!({"result": self.height + 1}),
            "getblockheadercount" => json!({"result": self.headers + 1}),
            "getblockheader" if params[0] == self.height => {
                json!({"result": {"time": from_now(self.tip_ahead_s).as_millis() as u64}})
            }
            "getconsensusstate" if self.consensus.is_some() => json!({"result": self.consensus}),
            _ => json!({"error": {"code": -32601, "message": "Method not found"}}),
        }
    }

    /// Serves until the runtime ends.
    pub(super) async fn serve(self) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.serve_on(listener).into()
    }

    /// The same on a listener.
    pub(super) fn serve_on(self, listener: TcpListener) -> SocketAddr {
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fake = self.clone();
                tokio::spawn(async move { fake.talk(stream).await });
            }
        });
        address
    }

    async fn talk(&self, mut stream: TcpStream) -> Option<()> {
        loop {
            let (head, body) = request(&mut stream).await?;
            let call: Value = serde_json::from_str(&body).ok()?;
            let mut answer = self.answer(call["method"].as_str()?, &call["params"]);
            answer["jsonrpc"] = json!("2.0");
            answer["id"] = call["id"].clone();
            let (body, date) = (answer.to_string(), date(self.date_ahead_s));
            let text = format!(
                "HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(text.as_bytes()).await.ok()?;
            if head.contains("connection: close") {
                return None;
            }
        }
    }
}

/// Head and body of the next request.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1)?;
            let length: usize = length.lines().next()?.trim().parse().ok()?;
            if body.len() >= length {
                return Some((head, body.to_owned()));
            }
        }
        let mut part = [0; 1024];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
        }
    }
}

fn from_now(seconds: i64) -> Duration {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    let ahead = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        now - ahead
    } else {
        now + ahead
    }
}

/// A date of HTTP, with the calendar counted day by day so that it shares nothing with the one under test.
fn date(ahead: i64) -> String {
    const MONTHS: [(&str, u64); 12] = [
        ("Jan", 31),
        ("Feb", 28),
        ("Mar", 31),
        ("Apr", 30),
        ("May", 31),
        ("Jun", 30),
        ("Jul", 31),
        ("Aug", 31),
        ("Sep", 30),
        ("Oct", 31),
        ("Nov", 30),
        ("Dec", 31),
    ];
    let now = from_now(ahead).as_secs();
    let (mut days, rest) = (now / 86_400, now % 86_400);
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut months = MONTHS.iter();
    let name = loop {
        let (name, length) = months.next().unwrap();
        let length = length + u64::from(*name == "Feb" && is_leap(year));
        if days < length {
            break name;
        }
        days -= length;
    };
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!(
        "Mon, {:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT",
        days + 1
    )
}
