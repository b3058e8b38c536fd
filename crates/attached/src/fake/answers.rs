//! What the fake node answers.

use std::{collections::HashSet, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use neo_attached::election::{Candidate, Electorate, elect, refreshes};
use neo_primitives::{
    Block, Decode as _, Encode as _, Token, Transaction, UInt160, UInt256, codec,
};
use serde_json::{Value, json};

use super::{Bend, Inside};

/// Records on a page of `findstorage`.
const PAGE: usize = 2;

type Answer = Result<Value, (i64, &'static str)>;

impl Inside {
    pub(crate) fn height(&self) -> u32 {
        self.blocks.len() as u32 - 1
    }

    /// Appends a block as a node does that has verified it: its transactions leave the pool, at a refresh the committee
    /// changes.
    pub(crate) fn take(&mut self, block: Block) {
        if refreshes(block.header.index, self.standby.len()) {
            self.committee = elect(&self.electorate(), &self.standby);
        }
        let included: HashSet<UInt256> = block.transaction_hashes().into_iter().collect();
        self.pool
            .retain(|pooled| !included.contains(&pooled.hash()));
        self.blocks.push(block);
    }

    pub(crate) fn electorate(&self) -> Electorate {
        let candidates = self.candidates.iter();
        Electorate {
            voters: self.voters,
            candidates: candidates
                .map(|(key, registered, votes)| Candidate {
                    key: key.clone(),
                    votes: *votes,
                    registered: *registered,
                    blocked: self.blocked.contains(&key.script_hash()),
                })
                .collect(),
        }
    }

    pub(super) fn answer(&mut self, call: &Value) -> Value {
        let method = call["method"].as_str().unwrap_or_default();
        self.calls.push(method.to_owned());
        if let Some((_, block)) = self.arriving.take_if(|(before, _)| *before == method) {
            self.take(block);
        }
        let answer = match self.bends.get(method) {
            Some(Bend::Result(value)) => Ok(value.clone()),
            Some(Bend::Error(code, message)) => Err((*code, *message)),
            None => self.honest(method, &call["params"]),
        };
        match answer {
            Ok(result) => json!({"jsonrpc": "2.0", "id": call["id"], "result": result}),
            Err((code, message)) => {
                json!({"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}})
            }
        }
    }

    fn honest(&mut self, method: &str, params: &Value) -> Answer {
        let block = |inside: &Self| {
            let height = params[0].as_u64().unwrap_or(u64::MAX) as usize;
            inside
                .blocks
                .get(height)
                .cloned()
                .ok_or((-109, "Unknown height"))
        };
        match method {
            "getversion" => Ok(self.version()),
            "getblockcount" => Ok(json!(self.blocks.len())),
            "getblockhash" => Ok(json!(block(self)?.hash())),
            "getblockheader" => Ok(json!(
                STANDARD.encode(block(self)?.signed_header().to_bytes())
            )),
            "getblock" => Ok(json!(STANDARD.encode(block(self)?.to_bytes()))),
            "getrawmempool" => {
                let hashes = |pool: &[Arc<Transaction>]| -> Vec<UInt256> {
                    pool.iter().map(|pooled| pooled.hash()).collect()
                };
                Ok(json!({
                    "height": self.height(),
                    "verified": hashes(&self.pool),
                    "unverified": hashes(&self.unverified),
                }))
            }
            "getrawtransaction" => {
                let hash: UInt256 = params[0].as_str().unwrap().parse().unwrap();
                let mut pooled = self.pool.iter().chain(&self.unverified);
                let found = pooled.find(|pooled| pooled.hash() == hash);
                let found = found.ok_or((-103, "Unknown transaction"))?;
                Ok(json!(STANDARD.encode(found.to_bytes())))
            }
            "sendrawtransaction" => self.pooled(&bytes(&params[0])),
            "submitblock" => self.submitted(&bytes(&params[0])),
            "getstorage" => {
                let key = bytes(&params[1]);
                let found = self.stored(&contract(params), &key);
                let found = found.ok_or((-104, "Unknown storage item"))?;
                Ok(json!(STANDARD.encode(found)))
            }
            "findstorage" => {
                let records = self.records(&contract(params), bytes(&params[1])[0]);
                let start = params[2].as_u64().unwrap() as usize;
                let page: Vec<Value> = records
                    .iter()
                    .skip(start)
                    .take(PAGE)
                    .map(|(key, value)| {
                        json!({"key": STANDARD.encode(key), "value": STANDARD.encode(value)})
                    })
                    .collect();
                let next = start + page.len();
                Ok(json!({"results": page, "next": next, "truncated": next < records.len()}))
            }
            _ => Err((-32601, "Method not found")),
        }
    }

    fn version(&self) -> Value {
        json!({
            "useragent": self.useragent,
            "protocol": {
                "network": self.magic,
                "msperblock": self.block_time_ms,
                "maxtransactionsperblock": self.max_transactions,
                "validatorscount": self.validators,
                "standbycommittee": self.standby,
            },
        })
    }

    fn pooled(&mut self, bytes: &[u8]) -> Answer {
        let transaction = Transaction::from_bytes(bytes).map_err(|_| (-32602, "Invalid Params"))?;
        let hash = transaction.hash();
        if let Some(refusal) = self.refuses.get(&hash) {
            return Err(*refusal);
        }
        let mut known = self.pool.iter().chain(&self.unverified);
        if known.any(|pooled| pooled.hash() == hash) {
            return Err((-503, "Already in pool"));
        }
        self.pool.push(Arc::new(transaction));
        Ok(json!({"hash": hash}))
    }

    fn submitted(&mut self, bytes: &[u8]) -> Answer {
        let block = Block::from_bytes(bytes).map_err(|_| (-32602, "Invalid Params"))?;
        let hash = block.hash();
        let at = block.header.index.0 as usize;
        if self
            .blocks
            .get(at)
            .is_some_and(|known| known.hash() == hash)
        {
            return Err((-501, "Already exists"));
        }
        if !self.takes_blocks || at != self.blocks.len() {
            return Err((-500, "Inventory verification failed"));
        }
        self.take(block);
        Ok(json!({"hash": hash}))
    }

    fn stored(&self, contract: &UInt160, key: &[u8]) -> Option<Vec<u8>> {
        match (key.first()?, key.len()) {
            (0x0e, 1) if *contract == Token::Neo.hash() => {
                let mut bytes = vec![0x40, self.committee.len() as u8];
                for member in &self.committee {
                    bytes.extend_from_slice(&[0x41, 2, 0x28, 33]);
                    bytes.extend_from_slice(member.as_bytes());
                    bytes.extend_from_slice(&integer_item(0));
                }
                Some(bytes)
            }
            (0x01, 1) if *contract == Token::Neo.hash() => {
                let item = integer_item(self.voters);
                item.get(2..).map(<[u8]>::to_vec)
            }
            (0x14, 21) if *contract == Token::Gas.hash() => {
                let account = UInt160::from_wire(key[1..].try_into().ok()?);
                let balance = integer_item(*self.gas.get(&account)?);
                Some([&[0x41, 1][..], &balance].concat())
            }
            _ => None,
        }
    }

    fn records(&self, contract: &UInt160, prefix: u8) -> Vec<(Vec<u8>, Vec<u8>)> {
        if *contract == Token::Neo.hash() && prefix == 0x21 {
            let candidates = self.candidates.iter();
            return candidates
                .map(|(key, registered, votes)| {
                    let votes = integer_item(*votes);
                    let state = [&[0x41, 2, 0x20, u8::from(*registered)][..], &votes].concat();
                    ([&[prefix][..], key.as_bytes()].concat(), state)
                })
                .collect();
        }
        if prefix == 0x0f {
            let blocked = self.blocked.iter();
            return blocked
                .map(|account| ([&[prefix][..], account.as_wire()].concat(), Vec::new()))
                .collect();
        }
        Vec::new()
    }
}

/// A serialised integer that is not negative.
fn integer_item(value: u64) -> Vec<u8> {
    let mut bytes = value.to_le_bytes().to_vec();
    bytes.push(0);
    while bytes.last() == Some(&0)
        && bytes
            .len()
            .checked_sub(2)
            .is_none_or(|at| bytes[at] & 0x80 == 0)
    {
        bytes.pop();
    }
    let mut item = vec![0x21];
    codec::write_var_bytes(&mut item, &bytes);
    item
}

fn bytes(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn contract(params: &Value) -> UInt160 {
    params[0].as_str().unwrap().parse().unwrap()
}
