//! A JSON-RPC server that says what a test wants.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use neo_node::config::NodeConfig;
use neo_primitives::{
    Encode as _, Header, Height, Magic, PrivateKey, PublicKey, SignedHeader, UInt160, UInt256,
    ValidatorIndex, multisig_witness, sign_data,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::rpc::Endpoint;

/// What the server answers; a test changes one thing.
#[derive(Clone)]
pub(super) struct Fake {
    pub(super) version: Value,
    pub(super) consensus: Option<Value>,
    /// Hash of the genesis block, if it has that.
    pub(super) genesis: Option<String>,
    pub(super) height: u32,
    pub(super) headers: u32,
    /// Time of the last block against now.
    pub(super) tip_ahead_s: i64,
    /// Clock against now.
    pub(super) date_ahead_s: i64,
    /// Validators of the next block, and who may become one besides the standby committee.
    pub(super) validators: Option<Vec<PublicKey>>,
    pub(super) candidates: Vec<PublicKey>,
    /// Who signed its last block, for this network.
    pub(super) signed_by: Option<(PrivateKey, Magic)>,
    /// Hash of each block but the genesis.
    pub(super) hash: UInt256,
    /// Methods that its configuration forbids, as a C# node does.
    pub(super) forbidden: Vec<&'static str>,
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
            genesis: Some(genesis.genesis_block().hash().to_string()),
            height: 100,
            headers: 100,
            tip_ahead_s: 0,
            date_ahead_s: 0,
            validators: None,
            candidates: Vec::new(),
            signed_by: None,
            hash: UInt256::from_wire([7; 32]),
            forbidden: Vec::new(),
        }
    }

    fn answer(&self, method: &str, params: &Value) -> Value {
        if self.forbidden.contains(&method) {
            return json!({"error": {"code": -600, "message": "Access denied"}});
        }
        match method {
            "getversion" => json!({"result": self.version}),
            "getblockhash" if params[0] == 0 => match &self.genesis {
                Some(genesis) => json!({"result": genesis}),
                None => json!({"error": {"code": -109, "message": "Unknown height"}}),
            },
            "getblockhash" => json!({"result": self.hash}),
            "getblockcount" => json!({"result": self.height + 1}),
            "getblockheadercount" => json!({"result": self.headers + 1}),
            "getblockheader" if params[1] == 0 => {
                let height = params[0].as_u64().unwrap_or_default();
                json!({"result": STANDARD.encode(self.header(height as u32).to_bytes())})
            }
            "getblockheader" if params[0] == self.height => {
                json!({"result": {"time": from_now(self.tip_ahead_s).as_millis() as u64}})
            }
            "getconsensusstate" if self.consensus.is_some() => json!({"result": self.consensus}),
            "getnextblockvalidators" if self.validators.is_some() => {
                json!({"result": entries(self.validators.iter().flatten())})
            }
            "getcandidates" => json!({"result": entries(&self.candidates)}),
            "getcommittee" => json!({"result": self.version["protocol"]["standbycommittee"]}),
            "getblock" | "getrawmempool" | "getstorage" | "findstorage" => json!({"result": ""}),
            "getrawtransaction" | "sendrawtransaction" | "submitblock" => {
                json!({"error": {"code": -32602, "message": "Invalid params"}})
            }
            _ => json!({"error": {"code": -32601, "message": "Method not found"}}),
        }
    }

    /// The header of a height; the last one is signed.
    fn header(&self, height: u32) -> SignedHeader {
        let header = Header {
            version: 0,
            prev_hash: self.hash,
            merkle_root: UInt256::ZERO,
            timestamp: from_now(self.tip_ahead_s).as_millis() as u64,
            nonce: 0,
            index: Height(height),
            primary_index: ValidatorIndex(0),
            next_consensus: UInt160::ZERO,
        };
        let stranger = (PrivateKey::generate(), Magic(0));
        let own = self.signed_by.as_ref().filter(|_| height == self.height);
        let (key, magic) = own.unwrap_or(&stranger);
        let signature = key.sign(&sign_data(*magic, &header.hash()));
        let witness = multisig_witness(&[signature], vec![]);
        SignedHeader { header, witness }
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
            let one = |call: &Value| {
                let method = call["method"].as_str().unwrap_or_default();
                let mut answer = self.answer(method, &call["params"]);
                answer["jsonrpc"] = json!("2.0");
                answer["id"] = call["id"].clone();
                answer
            };
            let answer: Value = match &call {
                Value::Array(calls) => calls.iter().map(one).collect(),
                call => one(call),
            };
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

/// Keys as Neo lists candidates.
fn entries<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Vec<Value> {
    let entry = |key| json!({"publickey": key, "votes": "0"});
    keys.into_iter().map(entry).collect()
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
