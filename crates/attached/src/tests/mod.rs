//! The attached ledger before fake nodes.

mod answers;
mod elections;
mod following;
mod nodes;
mod old_blocks;
mod proposals;
mod restarts;
mod submitting;

use std::{sync::Arc, time::Duration};

use neo_ledger::{
    ChainReader as _, HeightInfo, InvalidBlock, Ledger as _, LedgerAnswer, LedgerError,
    LedgerRequest,
    store::{ChainStore, MemoryStore},
};
use neo_primitives::{BlockBody, Height, UInt256, ValidatorIndex};
use neo_rpc::Endpoint;
use tokio::sync::oneshot;

use crate::{
    AttachedConfig, AttachedLedger, NodeState, Timing,
    fake::{FakeNode, Network},
};

/// Quick, and patient enough for a busy machine.
pub(crate) fn timing() -> Timing {
    Timing {
        poll: Duration::from_millis(10),
        timeout: Duration::from_millis(400),
        backoff_min: Duration::from_millis(5),
        backoff_max: Duration::from_millis(20),
        patience: Duration::from_secs(2),
    }
}

pub(crate) fn config(network: &Network, nodes: &[&FakeNode]) -> AttachedConfig {
    let endpoints: Vec<Endpoint> = nodes.iter().map(|node| node.endpoint.clone()).collect();
    AttachedConfig {
        timing: timing(),
        ..AttachedConfig::new(network.config.clone(), endpoints)
    }
}

/// A ledger with an empty store, attached to these nodes.
pub(crate) async fn attach(network: &Network, nodes: &[&FakeNode]) -> AttachedLedger {
    attach_with(config(network, nodes), Box::new(MemoryStore::new())).await
}

pub(crate) async fn attach_with(
    config: AttachedConfig,
    store: Box<dyn ChainStore>,
) -> AttachedLedger {
    AttachedLedger::open(config, store).await.unwrap()
}

/// Asks, and waits for the answer.
pub(crate) async fn ask(ledger: &AttachedLedger, request: LedgerRequest) -> LedgerAnswer {
    asked(ledger, request).await.unwrap()
}

/// Asks; the answer comes later.
pub(crate) fn asked(
    ledger: &AttachedLedger,
    request: LedgerRequest,
) -> oneshot::Receiver<LedgerAnswer> {
    let (sender, receiver) = oneshot::channel();
    let reply = move |answer| {
        let _ = sender.send(answer);
    };
    ledger.request(request, Box::new(reply));
    receiver
}

/// Opens the height above the tip.
pub(crate) async fn open(ledger: &AttachedLedger) -> HeightInfo {
    let parent = ledger.tip_hash();
    match ask(ledger, LedgerRequest::Open { parent }).await {
        LedgerAnswer::Opened(info) => info,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn check(
    ledger: &AttachedLedger,
    body: &BlockBody,
) -> Result<Result<(), InvalidBlock>, LedgerError> {
    let request = LedgerRequest::Check {
        body: Arc::new(body.clone()),
        fresh: true,
    };
    match ask(ledger, request).await {
        LedgerAnswer::Checked { result, .. } => Ok(result),
        LedgerAnswer::Failed { error, .. } => Err(error),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn build(parent: UInt256) -> LedgerRequest {
    LedgerRequest::Build {
        parent,
        primary: ValidatorIndex(2),
        timestamp: 1_700_000_000_000,
        nonce: 99,
        max_transactions: u32::MAX,
    }
}

pub(crate) async fn built(ledger: &AttachedLedger) -> Arc<BlockBody> {
    match ask(ledger, build(ledger.tip_hash())).await {
        LedgerAnswer::Built(body) => body,
        other => panic!("{other:?}"),
    }
}

/// Waits until the ledger is as it should be.
pub(crate) async fn until(ledger: &AttachedLedger, what: impl Fn(&AttachedLedger) -> bool) {
    let mut changes = ledger.shared().changes();
    while !what(ledger) {
        changes.changed().await.unwrap();
    }
}

/// Waits until the node at a position cannot be used, and says why.
pub(crate) async fn problem(ledger: &AttachedLedger, position: usize) -> String {
    let problem = |ledger: &AttachedLedger| match &ledger.nodes()[position].state {
        NodeState::Foreign { problem } | NodeState::Unusable { problem } => Some(problem.clone()),
        _ => None,
    };
    until(ledger, |ledger| problem(ledger).is_some()).await;
    problem(ledger).unwrap_or_default()
}

pub(crate) async fn reaches(ledger: &AttachedLedger, height: u32) {
    until(ledger, |ledger| ledger.height() == Height(height)).await;
}
