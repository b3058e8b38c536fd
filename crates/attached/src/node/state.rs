//! What native contracts of a node have stored.

use std::collections::HashSet;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use neo_ledger::GenesisConfig;
use neo_primitives::{Height, PublicKey, Token, UInt160};
use neo_rpc::{Call, RpcError};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BATCH, Node, Version};
use crate::{
    election::{Candidate, Electorate},
    error::NodeError,
    stack_item::{StackItem, integer},
};

/// The policy contract, in wire order.
const POLICY: UInt160 = UInt160::from_wire([
    0x7b, 0xc6, 0x81, 0xc0, 0xa1, 0xf7, 0x1d, 0x54, 0x34, 0x57, 0xb6, 0x8b, 0xba, 0x8d, 0x5f, 0x9f,
    0xdd, 0x4e, 0x5e, 0xcc,
]);
/// Storage key of the committee in office (NEO contract).
const COMMITTEE: u8 = 0x0e;
/// Storage key of the NEO that votes (NEO contract).
const VOTERS: u8 = 0x01;
/// Prefix of candidates' keys (NEO contract).
const CANDIDATE: u8 = 0x21;
/// Prefix of blocked accounts (policy contract).
const BLOCKED: u8 = 0x0f;
/// Prefix of holdings (GAS contract).
const ACCOUNT: u8 = 0x14;
/// NEP-23: unknown storage item.
const NO_ITEM: i64 = -104;
/// Records under one prefix that are read, at most.
const MAX_RECORDS: usize = 100_000;

#[derive(Deserialize)]
struct Page {
    results: Vec<PageRecord>,
    next: u64,
    truncated: bool,
}

#[derive(Deserialize)]
struct PageRecord {
    key: String,
    value: String,
}

fn storage_call(contract: &UInt160, key: &[u8]) -> Call {
    let params = json!([contract.to_string(), STANDARD.encode(key)]);
    Call::new("getstorage", params)
}

impl Node {
    /// Block time and limits in force, and the committee in office in rank order, all of one height.
    pub(crate) async fn office(
        &self,
        height: Height,
        config: &GenesisConfig,
    ) -> Result<(Version, Vec<PublicKey>), NodeError> {
        let calls = vec![
            Self::version_call(),
            storage_call(&Token::Neo.hash(), &[COMMITTEE]),
        ];
        let mut results = self.batch_at(height, calls).await?.into_iter();
        let missing = || self.field("getversion", "result", "is missing");
        let version = results.next().ok_or_else(missing)??;
        let version = self.read_version(version, config)?;
        let stored = results.next().ok_or_else(missing)??;
        let text: String = self.read("getstorage", stored)?;
        let item = self.value("getstorage", &text, StackItem::read)?;
        let committee = committee(&item).ok_or_else(|| {
            self.field(
                "getstorage",
                "committee",
                "is not a list of keys with votes",
            )
        })?;
        if committee.len() != config.committee().len() {
            let problem = format!(
                "has {} members, {} are configured",
                committee.len(),
                config.committee().len()
            );
            return Err(self.field("getstorage", "committee", problem));
        }
        Ok((version, committee))
    }

    /// Everything that an election on the state of a height depends on.
    pub(crate) async fn electorate(&self, height: Height) -> Result<Electorate, NodeError> {
        let neo = Token::Neo.hash();
        let calls = vec![storage_call(&neo, &[VOTERS])];
        let voters = self.batch_at(height, calls).await?.pop();
        let voters = match voters.and_then(|voters| self.item(voters).transpose()) {
            None => 0,
            Some(bytes) => integer(&bytes?)
                .and_then(|voters| u64::try_from(voters).ok())
                .ok_or_else(|| self.field("getstorage", "voters", "is not an amount of NEO"))?,
        };
        let mut candidates = Vec::new();
        for (key, value) in self.records(height, &neo, CANDIDATE).await? {
            let wrong = |problem: String| self.field("findstorage", "candidate", problem);
            let key = PublicKey::from_bytes(&key).map_err(|error| wrong(error.to_string()))?;
            let item = StackItem::read(&value).map_err(|error| wrong(error.to_string()))?;
            let state = item.list().and_then(|fields| match fields {
                [registered, votes] => Some((registered.boolean()?, votes.amount()?)),
                _ => None,
            });
            let (registered, votes) = state
                .ok_or_else(|| wrong(format!("{key} has no state of registration and votes")))?;
            candidates.push(Candidate {
                key,
                votes,
                registered,
                blocked: false,
            });
        }
        let blocked: HashSet<Vec<u8>> = self
            .records(height, &POLICY, BLOCKED)
            .await?
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        for candidate in &mut candidates {
            let account = candidate.key.script_hash();
            candidate.blocked = blocked.contains(account.as_wire().as_slice());
        }
        Ok(Electorate { voters, candidates })
    }

    /// GAS of accounts at a height, in datoshi, in their order.
    pub(crate) async fn gas(
        &self,
        height: Height,
        accounts: &[UInt160],
    ) -> Result<Vec<u64>, NodeError> {
        let mut balances = Vec::with_capacity(accounts.len());
        for group in accounts.chunks(BATCH - 2) {
            let calls = group
                .iter()
                .map(|account| {
                    let key = [&[ACCOUNT][..], account.as_wire()].concat();
                    storage_call(&Token::Gas.hash(), &key)
                })
                .collect();
            for result in self.batch_at(height, calls).await? {
                let Some(bytes) = self.item(result)? else {
                    balances.push(0);
                    continue;
                };
                let item = StackItem::read(&bytes)
                    .map_err(|error| self.field("getstorage", "balance", error.to_string()))?;
                let amount = item
                    .list()
                    .and_then(|fields| fields.first()?.amount())
                    .ok_or_else(|| self.field("getstorage", "balance", "is no amount of GAS"))?;
                balances.push(amount);
            }
        }
        Ok(balances)
    }

    /// A storage item; `None` if there is none.
    fn item(&self, result: Result<Value, RpcError>) -> Result<Option<Vec<u8>>, NodeError> {
        match result {
            Err(error) if error.code() == Some(NO_ITEM) => Ok(None),
            result => {
                let text: Option<String> = self.read("getstorage", result?)?;
                text.map(|text| self.bytes("getstorage", "result", &text))
                    .transpose()
            }
        }
    }

    /// All records under a prefix, without it, as they are at a height.
    async fn records(
        &self,
        height: Height,
        contract: &UInt160,
        prefix: u8,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, NodeError> {
        const METHOD: &str = "findstorage";
        let mut records = Vec::new();
        let mut start = 0u64;
        loop {
            let params = json!([contract.to_string(), STANDARD.encode([prefix]), start]);
            let calls = vec![Call::new(METHOD, params)];
            let result = self.batch_at(height, calls).await?.pop();
            let result = result.ok_or_else(|| self.field(METHOD, "result", "is missing"))?;
            let page: Page = self.read(METHOD, result?)?;
            for record in page.results {
                let key = self.bytes(METHOD, "results[].key", &record.key)?;
                let value = self.bytes(METHOD, "results[].value", &record.value)?;
                let Some(key) = key.strip_prefix(&[prefix]) else {
                    let problem = format!("does not begin with {prefix:#04x}");
                    return Err(self.field(METHOD, "results[].key", problem));
                };
                records.push((key.to_vec(), value));
            }
            if !page.truncated {
                return Ok(records);
            }
            if page.next <= start || records.len() >= MAX_RECORDS {
                let problem = format!("is {} after {start}, {} read", page.next, records.len());
                return Err(self.field(METHOD, "next", problem));
            }
            start = page.next;
        }
    }
}

/// The keys of a stored committee, in rank order.
fn committee(item: &StackItem) -> Option<Vec<PublicKey>> {
    item.list()?
        .iter()
        .map(|member| PublicKey::from_bytes(member.list()?.first()?.bytes()?).ok())
        .collect()
}
