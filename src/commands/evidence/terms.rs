//! Who validated the heights of proofs, where a network elects its validators: a node tells.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use neo_consensus::ValidatorSet;
use neo_consensus::v3::evidence::Evidence;
use neo_node::config::NodeConfig;
use neo_node::security::court::Court;
use neo_node::security::terms::{Terms, named, signers};
use neo_primitives::{Decode as _, Height, PublicKey, Reader, SignedHeader, verify_witness};
use serde::Deserialize;
use serde_json::{Value, json};

use super::read;
use crate::exit::{Exit, OrExit as _};
use crate::rpc::{Endpoint, RpcClient, RpcError};

/// What a node has told.
#[derive(Debug)]
struct Told(BTreeMap<Height, Arc<ValidatorSet>>);

impl Terms for Told {
    fn of_height(&self, height: Height) -> Option<Arc<ValidatorSet>> {
        self.0.get(&height).cloned()
    }

    fn now(&self) -> Option<Arc<ValidatorSet>> {
        self.0.last_key_value().map(|(_, set)| Arc::clone(set))
    }
}

/// A court that knows the validators of all heights that these files are about, from `node`, else from the first Neo
/// node of the configuration that answers. What that says of a header and the one below it is believed as far as they
/// fit together: the witness of a block shows who signed it, the block below whether those were the validators.
///
/// # Errors
/// With [`Exit::Unreachable`] if no node answers, [`Exit::Refused`] for a bad configuration.
pub(super) async fn court(
    config: &NodeConfig,
    node: Option<&Endpoint>,
    files: &[PathBuf],
) -> anyhow::Result<Court> {
    let genesis = &config.protocol.genesis;
    let nodes = match node {
        Some(node) => vec![node.clone()],
        None => {
            config
                .ledger
                .attached(genesis)
                .or_exit(Exit::Refused)?
                .nodes
        }
    };
    let mut heights = BTreeSet::new();
    for file in files {
        // What cannot be read is told of when it is judged.
        let evidence = read(file)
            .ok()
            .and_then(|bytes| Evidence::from_bytes(&bytes).ok());
        heights.extend(evidence.map(|evidence| evidence.height));
    }
    let mut problems = Vec::new();
    for node in nodes {
        let place = node.to_string();
        match ask(node, config, &heights).await {
            Ok(told) => return Ok(Court::by(genesis.magic, Box::new(Told(told)))),
            Err(error) => problems.push(format!("{place}: {error}")),
        }
    }
    Err(Exit::Unreachable.error(format!(
        "no node tells who validated the heights of the proofs: {}",
        problems.join("; ")
    )))
}

async fn ask(
    node: Endpoint,
    config: &NodeConfig,
    heights: &BTreeSet<Height>,
) -> Result<BTreeMap<Height, Arc<ValidatorSet>>, RpcError> {
    let mut node = Node {
        client: RpcClient::new(node)?,
        config,
    };
    let mut told = BTreeMap::new();
    for height in heights {
        if let Some(set) = node.validators(*height).await? {
            told.insert(*height, set);
        }
    }
    Ok(told)
}

/// A validator of the next block, as Neo nodes name it.
#[derive(Deserialize)]
struct Next {
    publickey: PublicKey,
}

struct Node<'a> {
    client: RpcClient,
    config: &'a NodeConfig,
}

impl Node<'_> {
    /// `None` where the node does not know, or what it says does not fit together.
    async fn validators(&mut self, height: Height) -> Result<Option<Arc<ValidatorSet>>, RpcError> {
        let Some(below) = height.0.checked_sub(1).map(Height) else {
            return Ok(None);
        };
        let Some(parent) = self.header(below).await? else {
            return Ok(None);
        };
        if let Some(signed) = self.header(height).await? {
            let (account, magic) = (
                parent.header.next_consensus,
                self.config.protocol.genesis.magic,
            );
            let proven = verify_witness(&account, &signed.witness, magic, &signed.hash()).is_ok();
            return Ok(signers(&parent, &signed).filter(|_| proven));
        }
        let next: Vec<Next> = match self.told("getnextblockvalidators", json!([])).await? {
            Some(value) => serde_json::from_value(value).unwrap_or_default(),
            None => Vec::new(),
        };
        let keys = next.into_iter().map(|one| one.publickey).collect();
        Ok(named(&parent, keys))
    }

    async fn header(&mut self, height: Height) -> Result<Option<SignedHeader>, RpcError> {
        let told = self
            .told("getblockheader", json!([height.0, false]))
            .await?;
        let limit = self.config.protocol.genesis.witness_limit;
        let decoded = told.as_ref().and_then(Value::as_str).and_then(|text| {
            let bytes = BASE64_STANDARD.decode(text).ok()?;
            let mut r = Reader::new(&bytes);
            let header = SignedHeader::decode_with_limit(&mut r, limit).ok()?;
            r.finish().ok()?;
            (header.header.index == height).then_some(header)
        });
        Ok(decoded)
    }

    /// A result; `None` where the node has none.
    async fn told(
        &mut self,
        method: &'static str,
        params: Value,
    ) -> Result<Option<Value>, RpcError> {
        match self.client.call(method, params).await {
            Ok(value) => Ok(Some(value)),
            Err(RpcError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
