//! The ledger that consensus talks to.

use std::sync::Arc;

use neo_ledger::{
    InvalidBlock, Ledger, LedgerAnswer, LedgerError, LedgerRequest, PoolWatcher, Rejected, Reply,
    SubmitReply, VerifiedBlock, store::ChainStore,
};
use neo_primitives::{
    Block, Height, Magic, SignedHeader, Transaction, UInt256, hash160, merkle_root, verify_witness,
};
use tokio::{runtime::Handle, time::Instant};

use crate::{
    config::{AttachedConfig, Backoff, Trusted},
    error::NodeError,
    following::{blocking, follow},
    headers::{Headers, NotAppended, Tip, is_empty, lead_to},
    node::BATCH,
    proposal::Fresh,
    shared::{Member, NodeReport, NodeState, Shared, members},
};

/// Headers that are fetched below a trusted block, at most.
const MAX_BELOW: u32 = 20_000;

/// A ledger that one of several Neo nodes keeps.
///
/// When it is dropped, its tasks end and a height that waits to open fails.
pub struct AttachedLedger {
    shared: Arc<Shared>,
    runtime: Handle,
}

impl Drop for AttachedLedger {
    fn drop(&mut self) {
        self.shared.ended.send_replace(true);
        self.shared.changed();
    }
}

impl AttachedLedger {
    /// Opens the chain of headers in `store` and begins to follow the nodes. Must be called within a tokio runtime.
    ///
    /// Only an empty store that begins at a trusted block needs a node here, and waits for one as long as
    /// [`crate::Timing::patience`] says; else no node has to be there yet.
    ///
    /// # Errors
    /// When the configuration names no node, the store is damaged or of another network, or the trusted block cannot
    /// be had.
    pub async fn open(
        config: AttachedConfig,
        store: Box<dyn ChainStore>,
    ) -> Result<Self, LedgerError> {
        if config.nodes.is_empty() {
            return Err(LedgerError::NoNode("none is configured".to_owned()));
        }
        let members = members(&config);
        let first = match config.trusted {
            Some(trusted) if is_empty(store.as_ref())? => {
                Some(fetch_trusted(&config, &members, &trusted).await?)
            }
            _ => None,
        };
        let headers = Headers::open(store, &config.genesis, config.kept_blocks, first.as_deref())?;
        let shared = Arc::new(Shared::new(config, headers, members));
        for member in &shared.members {
            tokio::spawn(follow(Arc::clone(&shared), Arc::clone(member)));
        }
        Ok(Self {
            shared,
            runtime: Handle::current(),
        })
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    #[cfg(test)]
    pub(crate) fn weak(&self) -> std::sync::Weak<Shared> {
        Arc::downgrade(&self.shared)
    }

    /// How the nodes stand, in their configured order.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeReport> {
        let serving = self.shared.serving();
        let is_serving =
            |member: &Arc<Member>| serving.as_ref().is_some_and(|one| Arc::ptr_eq(one, member));
        self.shared
            .members
            .iter()
            .map(|member| NodeReport {
                endpoint: member.node.endpoint().clone(),
                state: member.state(),
                serves: is_serving(member),
            })
            .collect()
    }

    /// Names whom to tell, on any thread, of a new tip that a node brought: what consensus has not stored or imported
    /// itself. One watcher; a later one takes its place.
    pub fn watch_tip(&self, watcher: impl Fn(Height, UInt256) + Send + Sync + 'static) {
        *self.shared.tip_watcher.write() = Some(Box::new(watcher));
    }
}

impl Ledger for AttachedLedger {
    fn executes_ahead(&self) -> bool {
        false
    }

    fn magic(&self) -> Magic {
        self.shared.config.genesis.magic
    }

    /// The witness and the merkle root; the node verifies the transactions when it gets the block.
    fn verify(&self, block: Arc<Block>) -> Result<VerifiedBlock, InvalidBlock> {
        let signed_by = hash160(&block.witness.verification);
        verify_witness(&signed_by, &block.witness, self.magic(), &block.hash())?;
        if merkle_root(&block.transaction_hashes()) != block.header.merkle_root {
            return Err(InvalidBlock::MerkleRoot(block.hash()));
        }
        Ok(VerifiedBlock::vouched(block, signed_by))
    }

    fn request(&self, request: LedgerRequest, reply: Reply) {
        let shared = Arc::clone(&self.shared);
        self.runtime.spawn(async move {
            let name = request.name();
            let answer =
                answer(&shared, request)
                    .await
                    .unwrap_or_else(|error| LedgerAnswer::Failed {
                        request: name,
                        error,
                    });
            if let LedgerAnswer::Failed { request, error } = &answer {
                tracing::warn!(request, %error, "the attached ledger refused a request");
            }
            reply(answer);
        });
    }

    fn submit(&self, transactions: Vec<Transaction>, reply: SubmitReply) {
        let shared = Arc::clone(&self.shared);
        self.runtime.spawn(async move {
            let transactions: Vec<Arc<Transaction>> =
                transactions.into_iter().map(Arc::new).collect();
            reply(submit(&shared, &transactions).await);
        });
    }

    fn watch_pool(&self, watcher: PoolWatcher) {
        *self.shared.pool_watcher.write() = Some(watcher);
    }
}

async fn answer(shared: &Arc<Shared>, request: LedgerRequest) -> Result<LedgerAnswer, LedgerError> {
    match request {
        LedgerRequest::Open { parent } => shared.open(parent).await.map(LedgerAnswer::Opened),
        LedgerRequest::Build {
            parent,
            primary,
            timestamp,
            nonce,
            max_transactions,
        } => {
            let fresh = Fresh {
                primary,
                timestamp,
                nonce,
            };
            let body = shared.build(parent, fresh, max_transactions).await?;
            Ok(LedgerAnswer::Built(body))
        }
        LedgerRequest::Lookup { hash, ids } => Ok(LedgerAnswer::Found {
            hash,
            transactions: shared.lookup(&hash, &ids).await,
        }),
        LedgerRequest::Check { body, fresh } => {
            let hash = body.hash();
            let result = shared.check(body, fresh).await?;
            Ok(LedgerAnswer::Checked { hash, result })
        }
        LedgerRequest::Promote { hash } => promote(shared, hash),
        LedgerRequest::Store { block } => store(shared, block).await,
        LedgerRequest::Import { block } => import(shared, vec![block]).await,
        LedgerRequest::ImportMany { blocks } => import(shared, blocks).await,
        LedgerRequest::ImportVerified { blocks } => {
            let blocks = blocks.iter().map(|verified| Arc::clone(verified.block()));
            import(shared, blocks.collect()).await
        }
    }
}

/// The decided block was checked, or is stored already. Nothing competes with it: no height is executed ahead.
fn promote(shared: &Shared, hash: UInt256) -> Result<LedgerAnswer, LedgerError> {
    if shared.checked(&hash).is_some() || shared.headers.height_of(&hash)?.is_some() {
        return Ok(LedgerAnswer::Promoted { hash });
    }
    Err(LedgerError::UnknownBlock(hash))
}

/// Stores a decided block here, durably, and gives it to the nodes. The height above opens when one has it.
async fn store(shared: &Arc<Shared>, block: Arc<Block>) -> Result<LedgerAnswer, LedgerError> {
    let (hash, height) = (block.hash(), block.header.index);
    match append(shared, vec![Arc::clone(&block)]).await {
        Ok(tip) => {
            distribute(shared, block);
            Ok(stored(&tip))
        }
        Err(NotAppended::Failed(error)) => Err(error),
        Err(NotAppended::Invalid(
            _,
            InvalidBlock::Index { .. } | InvalidBlock::UnknownParent(_),
        )) => Err(LedgerError::NotNext {
            hash,
            height,
            tip: shared.tip().height(),
        }),
        Err(NotAppended::Invalid(_, error)) => Err(LedgerError::InvalidDecision {
            hash,
            error: Box::new(error),
        }),
    }
}

async fn import(
    shared: &Arc<Shared>,
    blocks: Vec<Arc<Block>>,
) -> Result<LedgerAnswer, LedgerError> {
    let given = blocks.clone();
    match append(shared, blocks).await {
        Ok(tip) => {
            // The newest goes out at once; what a node lacks below is found when it is looked at.
            match (given.last(), given.len()) {
                (Some(block), 1) => distribute(shared, Arc::clone(block)),
                _ => shared.nudge(),
            }
            Ok(stored(&tip))
        }
        Err(NotAppended::Failed(error)) => Err(error),
        Err(NotAppended::Invalid(height, error)) => {
            shared.nudge();
            let refused = given.iter().find(|block| block.header.index == height);
            Ok(LedgerAnswer::ImportRefused {
                height,
                hash: refused.map(|block| block.hash()).unwrap_or_default(),
                error,
            })
        }
    }
}

fn stored(tip: &Tip) -> LedgerAnswer {
    LedgerAnswer::Stored {
        height: tip.height(),
        hash: tip.hash,
    }
}

async fn append(shared: &Arc<Shared>, blocks: Vec<Arc<Block>>) -> Result<Tip, NotAppended> {
    let store = Arc::clone(shared);
    blocking(move || store.headers.append_blocks(&blocks)).await?;
    shared.changed();
    Ok(shared.tip())
}

/// Gives a block to every node that can take it; whichever cannot is brought up to date later.
fn distribute(shared: &Arc<Shared>, block: Arc<Block>) {
    for member in &shared.members {
        if matches!(member.state(), NodeState::Unusable { .. }) {
            continue;
        }
        let (member, block) = (Arc::clone(member), Arc::clone(&block));
        tokio::spawn(async move {
            if let Err(error) = member.node.submit_block(&block).await {
                tracing::debug!(%error, "a Neo node does not take a block yet");
            }
            member.nudge.notify_one();
        });
    }
}

/// Gives transactions to the serving node.
async fn submit(
    shared: &Shared,
    transactions: &[Arc<Transaction>],
) -> Vec<Result<UInt256, Rejected>> {
    let end = shared.deadline();
    loop {
        let member = match shared.serving_until(end).await {
            Ok(member) => member,
            Err(error) => {
                let reason = error.to_string();
                return transactions
                    .iter()
                    .map(|_| {
                        Err(Rejected::Unavailable {
                            reason: reason.clone(),
                        })
                    })
                    .collect();
            }
        };
        match member.node.send(transactions).await {
            Ok(verdicts) => return verdicts,
            Err(error) => shared.failed(&member, &error),
        }
    }
}

/// The trusted block with the headers below it that were asked for, from the first node that has them.
async fn fetch_trusted(
    config: &AttachedConfig,
    members: &[Arc<Member>],
    trusted: &Trusted,
) -> Result<Vec<SignedHeader>, LedgerError> {
    let below = trusted.height.0.checked_sub(trusted.from.0);
    if below.is_none_or(|below| below > MAX_BELOW) {
        return Err(LedgerError::Inconsistent(format!(
            "headers from {} to the trusted block {} are wanted, at most {MAX_BELOW} below it are fetched",
            trusted.from, trusted.height
        )));
    }
    let end = Instant::now() + config.timing.patience;
    let mut backoff = Backoff::new(config.timing);
    loop {
        let mut problems = Vec::new();
        for member in members {
            match fetch_trusted_from(config, member, trusted).await {
                Ok(headers) => return Ok(headers),
                Err(error) => problems.push(error.to_string()),
            }
        }
        let wait = backoff.failed();
        if Instant::now() + wait > end {
            return Err(LedgerError::NoNode(problems.join("; ")));
        }
        tokio::time::sleep(wait).await;
    }
}

async fn fetch_trusted_from(
    config: &AttachedConfig,
    member: &Member,
    trusted: &Trusted,
) -> Result<Vec<SignedHeader>, NodeError> {
    let known = [(trusted.height, trusted.hash)];
    member.node.standing(&config.genesis, &known).await?;
    let mut headers = Vec::new();
    let mut from = trusted.from;
    while from <= trusted.height {
        let left = trusted.height.0 - from.0 + 1;
        let count = left.min(u32::try_from(BATCH).unwrap_or(u32::MAX));
        headers.extend(member.node.headers(from, count).await?);
        from = Height(from.0 + count);
    }
    lead_to(&headers, trusted).map_err(|problem| NodeError::Header {
        endpoint: member.node.endpoint().clone(),
        height: trusted.height,
        problem: Box::new(problem),
    })?;
    Ok(headers)
}
