//! One task for each node: looks at it, takes over the headers that it has more, and brings it what it lacks.

use std::{sync::Arc, time::Duration};

use neo_primitives::Height;

use crate::{
    config::Backoff,
    error::NodeError,
    headers::NotAppended,
    node::{BATCH, Standing},
    shared::{Member, NodeState, Shared},
};

/// The newest blocks, this many, are asked for whole: their transactions matter. Of older ones the headers do.
const NEAR: u32 = 4;

/// Blocks that a node which is behind is given in one go.
const GIVEN: u32 = 64;

/// Looks at a node until the ledger ends.
pub(crate) async fn follow(shared: Arc<Shared>, member: Arc<Member>) {
    let mut ended = shared.ended.subscribe();
    let mut backoff = Backoff::new(shared.config.timing);
    loop {
        if let Some(rest) = member.rest() {
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                _ = ended.wait_for(|ended| *ended) => return,
            }
        }
        let wait = match look(&shared, &member).await {
            Ok(()) => {
                backoff.succeeded();
                shared.config.timing.poll
            }
            Err(error) => {
                shared.set_state(&member, None, shared.state_after(&error));
                backoff.failed()
            }
        };
        if !pause(&member, wait, &mut ended).await {
            return;
        }
    }
}

/// False when the ledger has ended.
async fn pause(
    member: &Member,
    wait: Duration,
    ended: &mut tokio::sync::watch::Receiver<bool>,
) -> bool {
    tokio::select! {
        () = tokio::time::sleep(wait) => true,
        () = member.nudge.notified() => true,
        _ = ended.wait_for(|ended| *ended) => false,
    }
}

/// One look: is it of our network and chain, how high is it, does it serve.
async fn look(shared: &Arc<Shared>, member: &Arc<Member>) -> Result<(), NodeError> {
    let mut standing = stand(shared, member).await?;
    let mut given = None;
    loop {
        // A long way to go for either does not hold what was dropped.
        if *shared.ended.borrow() {
            return Ok(());
        }
        let tip = shared.tip();
        if standing.height > tip.height() {
            take(shared, member, standing.height).await?;
        } else if standing.height < tip.height() && given != Some(standing.height) {
            given = Some(standing.height);
            let (height, tip) = (standing.height, tip.height());
            let version = Some(standing.version.clone());
            shared.set_state(member, version, NodeState::Behind { height, tip });
            if !give(shared, member, height, tip).await? {
                return Ok(());
            }
            standing = stand(shared, member).await?;
        } else {
            break;
        }
    }
    let (height, tip) = (standing.height, shared.tip().height());
    let state = if height < tip {
        NodeState::Behind { height, tip }
    } else {
        NodeState::Synchronised { height }
    };
    shared.set_state(member, Some(standing.version), state);
    let serves = shared
        .serving()
        .is_some_and(|serving| Arc::ptr_eq(&serving, member));
    if serves && shared.pool_is_due(height) {
        shared.refresh_pool(member).await?;
    }
    Ok(())
}

/// Asks the node how it stands, and whether it has the lowest and the highest verified block.
async fn stand(shared: &Shared, member: &Member) -> Result<Standing, NodeError> {
    let tip = shared.tip();
    let lowest = shared.headers.lowest();
    let known = [
        (lowest.header.index, lowest.hash()),
        (tip.height(), tip.hash),
    ];
    member.node.standing(&shared.config.genesis, &known).await
}

/// Takes over what the node has above the tip, up to a height, verified.
async fn take(shared: &Arc<Shared>, member: &Member, height: Height) -> Result<(), NodeError> {
    let tip = shared.tip().height();
    let missing = height.0.saturating_sub(tip.0);
    let (headers, block) = if missing <= NEAR {
        (
            Vec::new(),
            Some(Arc::new(member.node.block(tip.next()).await?)),
        )
    } else {
        let count = (missing - NEAR).min(u32::try_from(BATCH).unwrap_or(u32::MAX));
        (member.node.headers(tip.next(), count).await?, None)
    };
    let store = Arc::clone(shared);
    let appended = blocking(move || match block {
        Some(block) => store.headers.append_blocks(&[block]),
        None => store.headers.append(&headers),
    })
    .await;
    let after = shared.tip();
    if after.height() > tip {
        shared.changed();
        if let Some(watcher) = shared.tip_watcher.read().as_ref() {
            watcher(after.height(), after.hash);
        }
    }
    match appended {
        Ok(()) => Ok(()),
        Err(NotAppended::Invalid(height, problem)) => Err(NodeError::Header {
            endpoint: member.node.endpoint().clone(),
            height,
            problem: Box::new(problem),
        }),
        Err(NotAppended::Failed(error)) => Err(NodeError::Store(Box::new(error))),
    }
}

/// Gives the node kept blocks above its height. False if the next one is not kept.
async fn give(
    shared: &Arc<Shared>,
    member: &Member,
    height: Height,
    tip: Height,
) -> Result<bool, NodeError> {
    let last = tip.0.min(height.0.saturating_add(GIVEN));
    for at in height.0.saturating_add(1)..=last {
        let store = Arc::clone(shared);
        let block = blocking(move || store.headers.block(Height(at))).await;
        match block.map_err(|error| NodeError::Store(Box::new(error)))? {
            Some(block) => member.node.submit_block(&block).await?,
            None => return Ok(at > height.0.saturating_add(1)),
        }
    }
    Ok(true)
}

/// Work with the disk, off the threads that wait for the network.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // The work has panicked, or the runtime is ending.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}
