//! One more neo-go node, which has nothing to do with consensus: it follows the chain through all switches, and is compared
//! with the others.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use neo_primitives::{Height, UInt256};
use serde_json::json;
use tokio::time::sleep;

use super::super::super::cast::{Cast, Disturbances};
use super::super::super::observations::Observations;
use super::super::super::process::{NodeProcess, stop_all};
use super::super::ground::Ground;
use crate::exit::{Exit, OrExit as _};
use crate::network_files::write_joining_node;
use crate::rpc::{Endpoint, RpcClient};

/// Between two questions.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// It, and where the others answer.
pub(super) struct Further {
    process: NodeProcess,
    /// Those of the validators' nodes, and its own at the end.
    endpoints: Vec<Endpoint>,
}

impl Further {
    /// Starts it.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(super) async fn start(ground: &Ground<'_>) -> anyhow::Result<Self> {
        let program = ground.processes.neo_go();
        let program = program.ok_or_else(|| Exit::Usage.error("there is no neo-go program"))?;
        let nodes = ground.network.nodes();
        let seeds = nodes.iter().filter_map(|node| {
            let listen = &node.config().p2p.as_ref()?.listen;
            listen.first().map(|address| address.port())
        });
        let seeds: Vec<u16> = seeds.collect();
        let folder = ground.network.root().join("further");
        std::fs::create_dir(&folder).context("making a folder for a further node")?;
        let folder = write_joining_node(&folder, ground.network.genesis(), &seeds)?;
        let cast = Cast::of(&Disturbances::default(), 1).or_exit(Exit::Usage)?;
        let seen = Arc::new(Observations::new(&cast));
        let place = (folder.path(), folder.rpc().clone());
        let process = NodeProcess::start_neo_go(&program.path, 0, place, seen.clone())?;
        let ready = seen.until(|nodes| nodes.iter().all(|node| node.ready).then_some(()));
        ground.within("the further node answers", ready).await?;
        let mut endpoints = nodes
            .iter()
            .map(|node| node.rpc())
            .collect::<anyhow::Result<Vec<_>>>()?;
        endpoints.push(folder.rpc().clone());
        Ok(Self { process, endpoints })
    }

    fn client(&self, node: usize) -> anyhow::Result<RpcClient> {
        let endpoint = self.endpoints.get(node).context("there is no such node")?;
        RpcClient::new(endpoint.clone()).or_exit(Exit::Unreachable)
    }

    /// Height of a node.
    pub(super) async fn tip(&self, node: usize) -> anyhow::Result<Height> {
        let mut client = self.client(node)?;
        let count: u32 = client
            .call("getblockcount", json!([]))
            .await
            .or_exit(Exit::Unreachable)?;
        Ok(Height(count.saturating_sub(1)))
    }

    /// A block of a node.
    pub(super) async fn hash(
        &self,
        node: usize,
        height: Height,
    ) -> anyhow::Result<(Height, UInt256)> {
        let mut client = self.client(node)?;
        let hash = client.call("getblockhash", json!([height])).await;
        Ok((height, hash.or_exit(Exit::Unreachable)?))
    }

    /// Whether all nodes have the same block of a height.
    pub(super) async fn agrees(&self, height: Height) -> anyhow::Result<bool> {
        let first = self.hash(0, height).await?;
        for node in 1..self.endpoints.len() {
            if self.hash(node, height).await? != first {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits until this node and all others have a height; gives its own.
    pub(super) async fn until(&self, height: Height) -> Height {
        loop {
            let mut lowest = None;
            for node in 0..self.endpoints.len() {
                let tip = self.tip(node).await.unwrap_or_default();
                lowest = Some(lowest.map_or(tip, |lowest: Height| lowest.min(tip)));
            }
            if let Some(tip) = lowest.filter(|tip| *tip >= height) {
                return tip;
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Stops it.
    pub(super) async fn stop(self) {
        stop_all(vec![self.process]).await;
    }
}
