//! Opening a height: who validates it, whom its header names, what it may hold.

use std::sync::Arc;

use neo_ledger::{BlockLimits, HeightInfo, InvalidBlock, LedgerError};
use neo_primitives::{UInt160, UInt256, consensus_address};

use crate::{
    election::{Electorate, elect, refreshes, validators},
    error::NodeError,
    following::blocking,
    headers::{NotAppended, Tip},
    shared::{Member, NodeState, Office, Shared},
};

impl Shared {
    /// Waits until a node serves that has stored `parent`, then tells of the height above it.
    ///
    /// # Errors
    /// [`LedgerError::UnknownParent`] as soon as the chain has gone on without it.
    pub(crate) async fn open(self: &Arc<Self>, parent: UInt256) -> Result<HeightInfo, LedgerError> {
        let mut changes = self.changes();
        let mut waiting = false;
        loop {
            changes.mark_unchanged();
            if *self.ended.borrow() {
                return Err(LedgerError::NoNode("the ledger has ended".to_owned()));
            }
            let tip = self.tip();
            if tip.hash != parent {
                return Err(LedgerError::UnknownParent(parent));
            }
            if let Some(member) = self.serving() {
                match self.open_with(&member, &tip).await {
                    Ok(info) => {
                        member.succeeded();
                        return Ok(info);
                    }
                    Err(error) => self.failed(&member, &error),
                }
                continue;
            }
            if !waiting {
                waiting = true;
                // With each block for as long as its node takes to store it; the node alerts when it lasts.
                tracing::debug!(height = %tip.height().next(), problems = self.problems(),
                    "no Neo node serves: this validator waits and does not vote");
            }
            // The sender lives as long as this.
            let _ = changes.changed().await;
        }
    }

    async fn open_with(
        self: &Arc<Self>,
        member: &Member,
        tip: &Tip,
    ) -> Result<HeightInfo, NodeError> {
        self.hold_whole(member, tip).await?;
        let office = self.office_above(member, tip).await?;
        let info = HeightInfo {
            height: tip.height().next(),
            parent: tip.signed.header,
            parent_hash: tip.hash,
            validators: office.validators.clone(),
            next_consensus: office.next_consensus,
            block_time: office.block_time,
            limits: office.limits,
            pool: u32::try_from(self.mirror.lock().len()).unwrap_or(u32::MAX),
        };
        Ok(info)
    }

    /// Who is in office above the tip. It is read once for each tip, whoever asks first.
    pub(crate) async fn office_above(
        &self,
        member: &Member,
        tip: &Tip,
    ) -> Result<Office, NodeError> {
        let known = || self.office.read().clone();
        let known = || known().filter(|office| office.parent == tip.hash);
        if let Some(office) = known() {
            return Ok(office);
        }
        let _turn = self.reading_office.lock().await;
        if let Some(office) = known() {
            return Ok(office);
        }
        let office = self.read_office(member, tip).await?;
        // A reading that took long must not take the place of a later one.
        if self.tip().hash == tip.hash {
            *self.office.write() = Some(office.clone());
        }
        Ok(office)
    }

    /// The transactions of the tip must be known: a memory pool may still list them.
    async fn hold_whole(self: &Arc<Self>, member: &Member, tip: &Tip) -> Result<(), NodeError> {
        let height = tip.height();
        if tip.signed.header.merkle_root.is_zero() {
            return Ok(());
        }
        let shared = Arc::clone(self);
        let held = blocking(move || shared.headers.block_bytes(height)).await;
        if held.map_err(store)?.is_some() {
            return Ok(());
        }
        let block = Arc::new(member.node.block(height).await?);
        let shared = Arc::clone(self);
        match blocking(move || shared.headers.append_blocks(&[block])).await {
            Ok(()) => Ok(()),
            Err(NotAppended::Failed(error)) => Err(store(error)),
            Err(NotAppended::Invalid(height, problem)) => Err(NodeError::Header {
                endpoint: member.node.endpoint().clone(),
                height,
                problem: Box::new(problem),
            }),
        }
    }

    /// Reads who validates the height above the tip, and whom its header must name.
    async fn read_office(&self, member: &Member, tip: &Tip) -> Result<Office, NodeError> {
        let genesis = &self.config.genesis;
        let height = tip.height();
        let count = genesis.standby_validators.len();
        let (version, committee) = member.node.office(height, genesis).await?;
        let current = validators(&committee, count);
        let account = consensus_address(&current);
        let signers = tip.signed.header.next_consensus;
        if account != signers {
            return Err(NodeError::Header {
                endpoint: member.node.endpoint().clone(),
                height,
                problem: Box::new(InvalidBlock::NextConsensus {
                    found: signers,
                    expected: account,
                }),
            });
        }
        let next_consensus = if refreshes(height.next(), genesis.committee().len()) {
            self.elected(member, tip).await?
        } else {
            signers
        };
        Ok(Office {
            parent: tip.hash,
            committee,
            validators: current,
            next_consensus,
            block_time: version.block_time,
            limits: BlockLimits {
                max_transactions: version.max_transactions,
                ..genesis.limits()
            },
        })
    }

    /// The account of the validators elected on the state of the tip. All synchronised nodes must say the same, and
    /// one that has said otherwise on this tip counts until it does, whatever has become of it.
    async fn elected(&self, serving: &Member, tip: &Tip) -> Result<UInt160, NodeError> {
        let genesis = &self.config.genesis;
        let height = tip.height();
        let standby = genesis.committee();
        let count = genesis.standby_validators.len();
        let account = |electorate: &Electorate| {
            consensus_address(&validators(&elect(electorate, standby), count))
        };
        let elected = account(&serving.node.electorate(height).await?);
        for other in &self.members {
            let same = std::ptr::eq(other.as_ref(), serving);
            let disputes = other.disputes(&tip.hash);
            let there =
                matches!(other.state(), NodeState::Synchronised { height: at } if at == height);
            if same || !(there || disputes) {
                continue;
            }
            let answer = other.node.electorate(height).await;
            let contradicts = match &answer {
                Ok(electorate) => account(electorate) != elected,
                // It does not have to answer, unless it has contradicted: another one serves.
                Err(_) => disputes,
            };
            if contradicts {
                for member in [serving, other.as_ref()] {
                    member.set_dispute(Some(tip.hash));
                }
                return Err(NodeError::Contradiction {
                    one: serving.node.endpoint().clone(),
                    other: other.node.endpoint().to_string(),
                    what: "who was elected",
                    height,
                });
            }
            if let Err(error) = answer {
                self.failed(other, &error);
            }
        }
        for member in &self.members {
            member.set_dispute(None);
        }
        Ok(elected)
    }
}

fn store(error: LedgerError) -> NodeError {
    NodeError::Store(Box::new(error))
}
