//! The ledger that consensus talks to.

use std::{sync::Arc, time::Duration};

use neo_ledger::{
    InvalidBlock, Ledger, LedgerAnswer, LedgerError, LedgerRequest, PoolWatcher, Reply,
    SubmitReply, VerifiedBlock, store::ChainStore,
};
use neo_primitives::{
    Block, Height, Magic, SignedHeader, Transaction, UInt256, hash160, merkle_root, verify_witness,
};
use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    building::Fresh,
    config::AttachedConfig,
    following::follow,
    headers::{Headers, is_empty},
    shared::{Member, NodeReport, NodeState, Shared, members},
    storing::{import, promote, store},
    submitting::submit,
    trusted::fetch_trusted,
};

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

    /// The block of a verified header in wire form, from the serving node. Waits for it.
    pub(crate) fn old_block(&self, signed: SignedHeader) -> Option<Vec<u8>> {
        let shared = Arc::clone(&self.shared);
        let (done, fetched) = oneshot::channel();
        self.runtime.spawn(async move {
            let _ = done.send(shared.old_block(signed).await);
        });
        // Nothing comes when the runtime is ending.
        fetched.blocking_recv().ok().flatten()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// How the nodes stand, in their configured order.
    #[must_use]
    pub fn nodes(&self) -> Vec<NodeReport> {
        let serving = self.shared.serving();
        let tip = self.shared.tip().height();
        let state = |member: &Arc<Member>| match member.state() {
            // The chain has gone on since it was looked at; one that is frozen answers to no further look.
            NodeState::Synchronised { height } if height < tip => NodeState::Behind { height, tip },
            state => state,
        };
        let is_serving =
            |member: &Arc<Member>| serving.as_ref().is_some_and(|one| Arc::ptr_eq(one, member));
        self.shared
            .members
            .iter()
            .map(|member| NodeReport {
                endpoint: member.node.endpoint().clone(),
                state: state(member),
                serves: is_serving(member),
            })
            .collect()
    }

    /// How the nodes stand once each was looked at, or this long after if one does not answer.
    pub async fn first_look(&self, longest: Duration) -> Vec<NodeReport> {
        let mut changes = self.shared.changes();
        let all = async {
            let unknown = |report: &NodeReport| report.state == NodeState::Unknown;
            while self.nodes().iter().any(unknown) {
                // The sender lives as long as this.
                let _ = changes.changed().await;
            }
        };
        // Whoever did not answer by then is reported as unknown.
        let _ = tokio::time::timeout(longest, all).await;
        self.nodes()
    }

    /// Resolves when the store is closed: the ledger is dropped, and what it was asked before has ended. Does not hold
    /// it.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut held = self.shared.held.subscribe();
        async move {
            // Nothing is ever sent.
            while held.changed().await.is_ok() {}
        }
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
