//! Heights, headers and blocks of a node.

use neo_ledger::GenesisConfig;
use neo_primitives::{Block, Encode as _, Height, Reader, SignedHeader, UInt256};
use neo_rpc::Call;
use serde_json::json;

use super::{BATCH, Node, Version};
use crate::error::NodeError;

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// What it says of itself.
    pub(crate) version: Version,
    /// Height of its last block.
    pub(crate) height: Height,
}

impl Node {
    /// Asks how the node stands. It must be of the configured network, and have these blocks, of those that its chain
    /// is long enough for.
    pub(crate) async fn standing(
        &self,
        config: &GenesisConfig,
        known: &[(Height, UInt256)],
    ) -> Result<Standing, NodeError> {
        let mut calls = vec![Self::version_call(), Call::new("getblockcount", json!([]))];
        calls.extend(
            known
                .iter()
                .map(|(height, _)| Call::new("getblockhash", json!([height.0]))),
        );
        let mut results = self.batch(&calls).await?.into_iter();
        let missing = || self.field("getversion", "result", "is missing");
        let version = results.next().ok_or_else(missing)??;
        let version = self.read_version(version, config)?;
        let count: u32 = self.read("getblockcount", results.next().ok_or_else(missing)??)?;
        let height = count
            .checked_sub(1)
            .map(Height)
            .ok_or_else(|| self.field("getblockcount", "result", "0: there is no genesis block"))?;
        for ((at, hash), result) in known.iter().zip(results) {
            if *at > height {
                continue;
            }
            let found: UInt256 = self.read("getblockhash", result?)?;
            if found != *hash {
                return Err(NodeError::OtherChain {
                    endpoint: self.endpoint().clone(),
                    height: *at,
                    found,
                    known: *hash,
                });
            }
        }
        Ok(Standing { version, height })
    }

    /// Headers from a height on, at most `count` of them; unverified.
    pub(crate) async fn headers(
        &self,
        from: Height,
        count: u32,
    ) -> Result<Vec<SignedHeader>, NodeError> {
        let count = count.min(u32::try_from(BATCH).unwrap_or(u32::MAX));
        let calls: Vec<Call> = (0..count)
            .filter_map(|above| from.checked_add(above))
            .map(|height| Call::new("getblockheader", json!([height.0, 0])))
            .collect();
        let mut headers = Vec::with_capacity(calls.len());
        for (above, result) in (0..count).zip(self.batch(&calls).await?) {
            let text: String = self.read("getblockheader", result?)?;
            let signed = self.value("getblockheader", &text, |bytes| {
                let mut r = Reader::new(bytes);
                let header = SignedHeader::decode_with_limit(&mut r, self.witness_limit)?;
                r.finish()?;
                Ok(header)
            })?;
            let asked = Height(from.0.saturating_add(above));
            self.is_at("getblockheader", signed.header.index, asked)?;
            headers.push(signed);
        }
        Ok(headers)
    }

    /// The block of a height; unverified but for its merkle root.
    pub(crate) async fn block(&self, height: Height) -> Result<Block, NodeError> {
        let text: String = self.call("getblock", json!([height.0, 0])).await?;
        let block = self.value("getblock", &text, |bytes| {
            let mut r = Reader::new(bytes);
            let block = Block::decode_with_limit(&mut r, self.witness_limit)?;
            r.finish()?;
            Ok(block)
        })?;
        self.is_at("getblock", block.header.index, height)?;
        Ok(block)
    }

    /// What the node shows is of the height that it was asked for. A known block instead of the next one would be held
    /// as valid, and asked for without end.
    fn is_at(&self, method: &'static str, found: Height, asked: Height) -> Result<(), NodeError> {
        if found == asked {
            return Ok(());
        }
        let problem = format!("is of block {found}, not {asked}");
        Err(self.field(method, "result", problem))
    }

    /// Gives a block to the node. One that it has already is no error.
    pub(crate) async fn submit_block(&self, block: &Block) -> Result<(), NodeError> {
        let text =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, block.to_bytes());
        match self
            .call::<serde_json::Value>("submitblock", json!([text]))
            .await
        {
            // NEP-23: already exists.
            Err(error) if error.code() == Some(-501) => Ok(()),
            result => result.map(|_| ()),
        }
    }
}
