//! From the start of the validators to the end of the drain.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use neo_primitives::{Height, UInt256};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::attached::{JoinFigures, Joiner, NeoTrial};
use super::cast::Cast;
use super::clock::now_ns;
use super::display::Display;
use super::disturbing::Done;
use super::drill::DrillFigures;
use super::faucet::Faucet;
use super::funding::fund;
use super::load::{Load, Outcome};
use super::memory::MemoryWatch;
use super::mixed::{self, Capture, Equality, OrdealFigures};
use super::neo_go::NeoNodes;
use super::observations::{NodeSeen, Observations};
use super::outcome::{tips, transactions};
use super::pacing::{TxRate, due};
use super::processes::Processes;
use super::senders::{Senders, Supply};
use super::summary::Moments;
use super::trials::TrialFigures;
use super::{Devnet, Extent};
use crate::exit::{Exit, OrExit as _};
use crate::interrupt::Interrupt;
use crate::network_files::NetworkFolder;
use crate::payment::Balances;
use crate::rpc::{Endpoint, RpcClient};

/// How long validators may take to come up.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Transactions are handed out in slices of this length.
const SLICE: Duration = Duration::from_millis(10);

/// With `--tx-rate max`, how many transactions wait for their block at a time: a few seconds of what validators take,
/// far below what a memory pool holds, so that what is measured is the network and not a full pool.
const OUTSTANDING: u64 = 10_000;

/// Shortest drain; with tiny block times three of them would be nothing.
const SHORTEST_DRAIN: Duration = Duration::from_secs(1);

/// Blocks after the load in which its last transactions come.
const BLOCKS_UNDER_WAY: u32 = 2;

/// How much longer than the drain the slowest validator may take to reach the tip of the fastest.
const SETTLE: Duration = Duration::from_secs(10);

/// Senders whose balances are compared.
const COMPARED_SENDERS: usize = 16;

/// A network whose processes were started.
pub(crate) struct Session<'a> {
    /// What was asked for.
    pub(crate) devnet: &'a Devnet,
    /// Its files.
    pub(crate) network: &'a NetworkFolder,
    /// Its processes.
    pub(crate) processes: &'a Processes<'a>,
    /// Who plays which part.
    pub(crate) cast: &'a Cast,
    /// Their memory.
    pub(crate) memory: &'a MemoryWatch,
    /// The wallet for people.
    pub(crate) faucet: &'a Faucet,
    /// What the validators report.
    pub(crate) seen: &'a Arc<Observations>,
    /// The Neo nodes beside them, if these keep the chain.
    pub(crate) neo: Option<&'a NeoNodes<'a>>,
    /// Where wallets ask: at the validators, or at the Neo nodes beside them.
    pub(crate) endpoints: &'a [Endpoint],
    /// What passes between validators of dBFT 2.0.
    pub(crate) capture: Option<&'a Capture>,
    /// What people see.
    pub(crate) display: &'a Display,
    /// Whether it shall end.
    pub(crate) interrupt: &'a Interrupt,
}

/// What a session found out while the validators were running.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// When the load began and ended.
    pub(crate) moments: Moments,
    /// What was sent.
    pub(crate) load: Outcome,
    /// Block of each transaction since the load began.
    pub(crate) included: HashMap<UInt256, Height>,
    /// The height at which tips are compared.
    pub(crate) height: Height,
    /// Each validator's block of that height.
    pub(crate) tips: Vec<Option<UInt256>>,
    /// What the failures of leaders cost.
    pub(crate) trials: Option<TrialFigures>,
    /// What the drill measured.
    pub(crate) drill: Option<DrillFigures>,
    /// What was done to the validators of a network of dBFT 2.0.
    pub(crate) ordeal: Option<OrdealFigures>,
    /// Whether the validators of a network of dBFT 2.0, or the Neo nodes, hold the same chain.
    pub(crate) equality: Equality,
    /// Neo nodes that failed.
    pub(crate) neo_trials: Vec<NeoTrial>,
    /// The Neo node that joined.
    pub(crate) join: Option<JoinFigures>,
}

impl Session<'_> {
    /// Runs setup, load and drain.
    ///
    /// # Errors
    /// If the network does not come up, or setup fails.
    pub(crate) async fn run(&self, started: u64) -> anyhow::Result<Findings> {
        let senders = Arc::new(Senders::generate(
            self.network.genesis(),
            self.devnet.tx_token,
        ));
        // Signing goes on while the network comes up.
        let supply = match self.total() {
            Some(0) => None,
            total => {
                let (rate, seen) = (self.devnet.tx_rate, self.seen.clone());
                Some(Supply::start(senders.clone(), total, rate, seen)?)
            }
        };
        self.until_ready().await?;
        self.announce()?;
        self.setup(&senders, supply.is_some()).await?;
        let mut findings = Findings::default();
        findings.moments.started = started;
        let over = Cell::new(false);
        let done = Done::default();
        tokio::select! {
            loaded = self.load(supply, &mut findings, &over) => loaded?,
            error = self.disturb(&over, &done) => return Err(error),
            never = self.memory.run(self.processes) => match never {},
        }
        findings.trials = done.trials.into_inner();
        findings.drill = done.drill.into_inner();
        findings.ordeal = done.ordeal.into_inner();
        findings.neo_trials = done.neo_trials.into_inner();
        self.settle(&mut findings).await?;
        if let Some(capture) = self.capture {
            let genesis = self.network.genesis();
            mixed::read_witnesses(capture, self.endpoints, genesis).await;
        }
        let joiner = match self.neo.filter(|_| self.devnet.attached.join) {
            Some(neo) => Some(Joiner::start(self.network, neo, findings.height).await?),
            None => None,
        };
        if self.capture.is_some() || self.neo.is_some() {
            let joined = joiner.as_ref().map(|joiner| joiner.endpoint.clone());
            findings.equality = self.compare(&findings, &senders, joined).await;
        }
        if let Some(joiner) = joiner {
            findings.join = Some(joiner.stop().await);
        }
        Ok(findings)
    }

    /// Whether all nodes that last, and one that joined, hold the same blocks, balances and application logs.
    async fn compare(
        &self,
        findings: &Findings,
        senders: &Senders,
        joined: Option<Endpoint>,
    ) -> Equality {
        let genesis = self.network.genesis();
        let mut accounts = vec![self.faucet.account, genesis.next_consensus()];
        let validators = genesis.standby_validators.iter();
        accounts.extend(validators.map(|key| key.script_hash()));
        accounts.extend(senders.addresses().take(COMPARED_SENDERS));
        let mut transactions: Vec<_> = findings.included.keys().copied().collect();
        transactions.sort_unstable();
        let (_, mut endpoints) = self.lasting();
        endpoints.extend(joined);
        Equality::of(&endpoints, findings.height, &accounts, &transactions).await
    }

    /// Where the validators themselves answer.
    pub(super) fn validators(&self) -> anyhow::Result<Vec<Endpoint>> {
        self.network.nodes().iter().map(|node| node.rpc()).collect()
    }

    /// Where transactions go: to all that last, but not to Neo nodes that fail now and then. With the indexes.
    fn takers(&self) -> (Vec<usize>, Vec<Endpoint>) {
        let (indexes, endpoints) = self.lasting();
        let fails = |index| self.devnet.attached.fails(index, self.endpoints.len());
        let all = indexes.into_iter().zip(endpoints);
        all.filter(|(index, _)| !fails(*index)).unzip()
    }

    /// The endpoints of the validators that last, with their indexes.
    fn lasting(&self) -> (Vec<usize>, Vec<Endpoint>) {
        let lasting = self.cast.lasting();
        lasting
            .filter_map(|index| Some((index, self.endpoints.get(index)?.clone())))
            .unzip()
    }

    /// How many transactions will be sent, if that is known.
    fn total(&self) -> Option<u64> {
        match (self.devnet.tx_rate, self.devnet.extent) {
            (TxRate::PerSecond(0), _) => Some(0),
            (TxRate::PerSecond(rate), Extent::Duration(duration)) => Some(due(rate, duration)),
            _ => None,
        }
    }

    async fn until_ready(&self) -> anyhow::Result<()> {
        let ready = self
            .seen
            .until(|nodes| nodes.iter().all(|node| node.ready).then_some(()));
        timeout(START_TIMEOUT, ready).await.map_err(|_| {
            let waiting = self
                .seen
                .read(|nodes| nodes.iter().filter(|node| !node.ready).count());
            let seconds = START_TIMEOUT.as_secs();
            Exit::Failure.error(format!(
                "{waiting} validators did not come up within {seconds} s"
            ))
        })
    }

    fn announce(&self) -> anyhow::Result<()> {
        for (index, node) in self.network.nodes().iter().enumerate() {
            let metrics = node.metrics().unwrap_or_default();
            let beside = self.network.neo_nodes().get(index);
            let beside = beside.map(|neo| format!("  Neo node {}", neo.rpc()));
            self.display.say(&format!(
                "validator {index}: RPC {}  metrics {metrics}{}",
                node.rpc()?,
                beside.unwrap_or_default()
            ));
        }
        let wallet = self.faucet.wallet.display();
        let password = self.faucet.password_file.display();
        let first = self
            .endpoints
            .get(self.cast.reference())
            .map(ToString::to_string)
            .unwrap_or_default();
        self.display.say(&format!(
            "funded wallet: {wallet} ({})",
            self.faucet.account.to_address()
        ));
        self.display.say(&format!(
            "  neo-cli transfer --wallet {wallet} --password-file {password} --token GAS --amount 1 --to ADDRESS --rpc {first}"
        ));
        if self.devnet.tx_rate == TxRate::PerSecond(0) {
            self.display.say("no load (--tx-rate N sends transactions)");
        }
        Ok(())
    }

    /// Funds the faucet and the senders, and waits until all validators have a block.
    async fn setup(&self, senders: &Senders, load: bool) -> anyhow::Result<()> {
        let mut grants: Vec<_> = self.faucet.grant().into_iter().collect();
        let (_, endpoints) = self.lasting();
        if load {
            let first = endpoints
                .first()
                .ok_or_else(|| Exit::Failure.error("no endpoints"))?;
            let mut client = RpcClient::new(first.clone()).or_exit(Exit::Unreachable)?;
            let account = self.network.genesis().next_consensus();
            let funds = Balances::of(&mut client, &account).await;
            grants.extend(senders.grants(funds.or_exit(Exit::Unreachable)?));
        }
        let tip = self.seen.greatest_height();
        let height = match grants.is_empty() {
            true => tip.max(Height(1)),
            false => fund(self.network, &endpoints, &grants, tip).await?,
        };
        let patience = START_TIMEOUT.max(self.network.genesis().block_time().saturating_mul(10));
        match timeout(patience, self.seen.until_height(height)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.no_block(height, patience).await),
        }
    }

    /// Why there may be no block: whom the first validator reaches, on what machine.
    async fn no_block(&self, height: Height, patience: Duration) -> anyhow::Error {
        let mut state = None;
        if let Some(first) = self.network.nodes().first()
            && let Ok(first) = first.rpc()
            && let Ok(mut client) = RpcClient::new(first)
        {
            state = client
                .call::<Value>("getconsensusstate", json!([]))
                .await
                .ok();
        }
        let number = |name: &str| {
            let told = state.as_ref()?.get("topology")?.get(name)?.as_u64()?;
            Some(told.to_string())
        };
        let told = |name: &str| number(name).unwrap_or_else(|| "an unknown number".to_owned());
        let validators = self.endpoints.len();
        let connections = validators * validators.saturating_sub(1) / 2;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Exit::Failure.error(format!(
            "block {height} was not at all validators within {} s: validator 0 reaches {} validators, {} are needed; \
             {validators} validators hold {connections} connections, and share {cores} processors here",
            patience.as_secs(),
            told("reachable"),
            told("needed"),
        ))
    }

    /// Sends transactions until the run shall end.
    async fn load(
        &self,
        supply: Option<Supply>,
        findings: &mut Findings,
        finished: &Cell<bool>,
    ) -> anyhow::Result<()> {
        let (lasting, endpoints) = self.takers();
        let mut load = Load::new(&endpoints).or_exit(Exit::Unreachable)?;
        let before = self.first(|node| (node.transactions, node.height()));
        let mut supply = supply;
        if let Some(supply) = &mut supply {
            supply.fill().await;
        }
        let began = Instant::now();
        findings.moments.load_began = now_ns();
        let mut slices = interval(SLICE);
        slices.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            slices.tick().await;
            let elapsed = match self.devnet.extent {
                Extent::Duration(duration) => began.elapsed().min(duration),
                _ => began.elapsed(),
            };
            if let Some(supply) = &mut supply {
                let wanted = match self.devnet.tx_rate {
                    TxRate::PerSecond(rate) => due(rate, elapsed).saturating_sub(load.handed_out()),
                    TxRate::Max => {
                        let committed = self
                            .first(|node| node.transactions)
                            .saturating_sub(before.0);
                        let done = committed.saturating_add(load.refused());
                        OUTSTANDING.saturating_sub(load.handed_out().saturating_sub(done))
                    }
                };
                let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
                load.send(std::iter::from_fn(|| supply.next()).take(wanted));
            }
            let over = match self.devnet.extent {
                Extent::Duration(duration) => elapsed >= duration,
                Extent::Blocks(blocks) => {
                    let disturbed = self.devnet.attached.trials.is_empty() || finished.get();
                    disturbed && self.first(|node| node.blocks.len()) >= usize::try_from(blocks)?
                }
                Extent::Trials => finished.get(),
                Extent::UntilInterrupted => false,
            };
            if over || self.interrupt.is_set() {
                break;
            }
        }
        findings.moments.load_ended = now_ns();
        // The threads that sign end with their supply.
        drop(supply);
        findings.load = load.finish().await;
        for sent in &mut findings.load.sent {
            sent.node = lasting.get(sent.node).copied().unwrap_or(sent.node);
        }
        let accepted = findings
            .load
            .sent
            .iter()
            .filter(|sent| sent.accepted)
            .count();
        let expected = before.0.saturating_add(u64::try_from(accepted)?);
        // Wallets of others use the network, too, and the count does not tell whose transactions came into blocks: what was
        // taken last is in the block that is under way now, or in the next.
        let last = self
            .seen
            .greatest_height()
            .0
            .saturating_add(BLOCKS_UNDER_WAY);
        let drained = self.seen.until(|nodes| {
            let first = nodes.get(self.cast.reference());
            let drained =
                |node: &NodeSeen| node.transactions >= expected && node.height().0 >= last;
            first.is_none_or(drained).then_some(())
        });
        // What is not committed by then is counted as not committed.
        let _ = timeout(self.drain(), drained).await;
        Ok(())
    }

    /// Three target block times, or a second.
    fn drain(&self) -> Duration {
        self.network
            .genesis()
            .block_time()
            .saturating_mul(3)
            .max(SHORTEST_DRAIN)
    }

    /// Waits until all lasting validators have what the fastest has, and asks for what it is.
    async fn settle(&self, findings: &mut Findings) -> anyhow::Result<()> {
        let height = self.seen.greatest_height();
        // A validator that does not come this far shows in the tips.
        let _ = timeout(self.drain() + SETTLE, self.seen.until_height(height)).await;
        if let Some(neo) = self.neo {
            let _ = timeout(self.drain() + SETTLE, neo.seen().until_height(height)).await;
        }
        findings.height = height;
        findings.tips = tips(self.endpoints, height).await;
        let blocks = self.first(|node| {
            let blocks = node
                .blocks
                .iter()
                .filter(|block| block.height <= height && block.transactions > 0);
            blocks
                .map(|block| (block.height, block.hash))
                .collect::<Vec<_>>()
        });
        if !findings.load.sent.is_empty()
            && let Some(first) = self.endpoints.get(self.cast.reference())
        {
            let limit = self.network.genesis().witness_limit;
            findings.included = transactions(first, &blocks, limit).await?;
        }
        Ok(())
    }

    /// What the validator has reported at which blocks are counted.
    fn first<T: Default>(&self, look: impl FnOnce(&NodeSeen) -> T) -> T {
        let reference = self.cast.reference();
        self.seen
            .read(|nodes| nodes.get(reference).map(look).unwrap_or_default())
    }
}
