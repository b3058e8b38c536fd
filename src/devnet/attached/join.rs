//! A further neo-go node that knows nothing of the validators: it has the network's configuration and addresses of the
//! neo-go nodes, and fetches the chain from them, verifying every block and transaction.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use neo_primitives::Height;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::super::cast::{Cast, Disturbances};
use super::super::neo_go::NeoNodes;
use super::super::observations::Observations;
use super::super::process::{NodeProcess, stop_all};
use super::super::statistics::ratio;
use crate::exit::{Exit, OrExit as _};
use crate::network_files::{NetworkFolder, write_joining_node};
use crate::rpc::{Endpoint, RpcClient, RpcExit as _};

/// How long it may take to come up, and for each thousand blocks.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it did.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct JoinFigures {
    /// The height that it had to reach.
    pub(crate) height: Height,
    /// From its start until it had that, in seconds.
    pub(crate) seconds: f64,
    /// Neo nodes whose addresses it was given.
    pub(crate) seeds: usize,
}

/// The node while it runs.
pub(crate) struct Joiner {
    /// What it did.
    pub(crate) figures: JoinFigures,
    /// Where it answers.
    pub(crate) endpoint: Endpoint,
    process: NodeProcess,
}

impl Joiner {
    /// Starts it and waits until it has a height.
    ///
    /// # Errors
    /// If it cannot be started, or does not come so far.
    pub(crate) async fn start(
        network: &NetworkFolder,
        neo: &NeoNodes<'_>,
        height: Height,
    ) -> anyhow::Result<Self> {
        let seeds = seeds(&neo.endpoints()).await?;
        let folder = tempfile::Builder::new()
            .prefix("joining-")
            .tempdir_in(network.root())
            .context("making a folder for a joining node")?;
        // It goes with the network's folder; its log is of use after a failure.
        let folder = write_joining_node(&folder.keep(), network.genesis(), &seeds)?;
        let cast = Cast::of(&Disturbances::default(), 1).or_exit(Exit::Usage)?;
        let seen = Arc::new(Observations::new(&cast));
        let began = Instant::now();
        let place = (folder.path(), folder.rpc().clone());
        let program: &Path = &neo.program().path;
        let process = NodeProcess::start_neo_go(program, 0, place, seen.clone())?;
        let there = async {
            let mut client = None;
            loop {
                if client.is_none() {
                    client = RpcClient::new(folder.rpc().clone()).ok();
                }
                let count = match &mut client {
                    Some(client) => client.call::<u32>("getblockcount", json!([])).await.ok(),
                    None => None,
                };
                match count {
                    Some(count) if count > height.0 => return,
                    Some(_) => {}
                    None => client = None,
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let patience = PATIENCE * (1 + height.0 / 1_000);
        let reached = tokio::select! {
            reached = timeout(patience, there) => reached.ok(),
            (_, how) = seen.until_one_ended() => {
                return Err(Exit::Died.error(format!("the joining neo-go node ended ({how})")));
            }
        };
        if reached.is_none() {
            stop_all(vec![process]).await;
            return Err(Exit::Failure.error(format!(
                "the joining neo-go node has not reached height {height} within {} s; its log is in {}",
                patience.as_secs(),
                folder.path().display()
            )));
        }
        Ok(Self {
            figures: JoinFigures {
                height,
                seconds: ratio(began.elapsed().as_secs_f64(), 1.0),
                seeds: seeds.len(),
            },
            endpoint: folder.rpc().clone(),
            process,
        })
    }

    /// Stops it.
    pub(crate) async fn stop(self) -> JoinFigures {
        stop_all(vec![self.process]).await;
        self.figures
    }
}

/// Where Neo nodes take connections of others, as each says itself.
async fn seeds(endpoints: &[Endpoint]) -> anyhow::Result<Vec<u16>> {
    #[derive(Deserialize)]
    struct Version {
        tcpport: u16,
    }
    let mut ports = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let client = RpcClient::new(endpoint.clone());
        let mut client = client.map_err(|error| error.exit(Exit::Unreachable))?;
        let version = client.call::<Version>("getversion", json!([])).await;
        ports.push(
            version
                .map_err(|error| error.exit(Exit::Unreachable))?
                .tcpport,
        );
    }
    Ok(ports)
}
