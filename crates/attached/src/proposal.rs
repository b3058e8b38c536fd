//! Checking proposed blocks.

use std::sync::Arc;

use neo_ledger::{InvalidBlock, LedgerError, Rejected};
use neo_primitives::{BlockBody, Header};

use crate::{
    headers::Tip,
    selection::{check_conflicts, check_limits},
    shared::{Member, Office, Shared},
    verdict::{NoVerdict, refused},
};

impl Shared {
    /// Checks a proposed block and remembers it if it may be voted for.
    pub(crate) async fn check(
        &self,
        body: Arc<BlockBody>,
        fresh: bool,
    ) -> Result<Result<(), InvalidBlock>, LedgerError> {
        let end = self.deadline();
        loop {
            let tip = self.tip();
            if let Err(error) = self.check_place(&tip, &body)? {
                return Ok(Err(error));
            }
            let hash = body.hash();
            let decided = body.header.index <= tip.height();
            if decided || self.checked(&hash).is_some_and(|checked| checked || !fresh) {
                return Ok(Ok(()));
            }
            if !fresh {
                if !body.fits_merkle_root() {
                    return Ok(Err(InvalidBlock::MerkleRoot(hash)));
                }
                self.remember(body, false);
                return Ok(Ok(()));
            }
            let member = self.serving_until(end).await?;
            match self.check_with(&member, &tip, &body).await {
                Ok(()) => {
                    member.succeeded();
                    self.remember(body, true);
                    return Ok(Ok(()));
                }
                Err(NoVerdict::Invalid(error)) => return Ok(Err(error)),
                Err(NoVerdict::Node(error)) => self.failed(&member, &error),
            }
        }
    }

    /// The block stands on the tip, or is the one of its height.
    fn check_place(
        &self,
        tip: &Tip,
        body: &BlockBody,
    ) -> Result<Result<(), InvalidBlock>, LedgerError> {
        let height = body.header.index;
        if height <= tip.height() {
            let decided = self.headers.header(height)?.map(|known| known.hash());
            return Ok(match decided {
                Some(decided) if decided == body.hash() => Ok(()),
                Some(decided) => Err(InvalidBlock::OtherBlockDecided { height, decided }),
                None => Err(InvalidBlock::UnknownParent(body.header.prev_hash)),
            });
        }
        if body.header.prev_hash != tip.hash {
            return Ok(Err(InvalidBlock::UnknownParent(body.header.prev_hash)));
        }
        Ok(Ok(()))
    }

    /// Every rule of a fresh proposal but those that need a clock.
    async fn check_with(
        &self,
        member: &Member,
        tip: &Tip,
        body: &BlockBody,
    ) -> Result<(), NoVerdict> {
        let office = self.office_above(member, tip).await?;
        check_header(&body.header, tip, &office)?;
        let transactions = &body.transactions;
        check_limits(
            transactions,
            &office.limits,
            self.config.genesis.block_overhead(),
        )?;
        if !body.fits_merkle_root() {
            return Err(InvalidBlock::MerkleRoot(body.hash()).into());
        }
        check_conflicts(transactions)?;
        if transactions.is_empty() {
            return Ok(());
        }
        let stored = self.tip_transactions(tip)?;
        for transaction in transactions {
            if stored.contains(&transaction.hash()) {
                let reason = Rejected::AlreadyExists(transaction.hash());
                return Err(refused(transaction, reason).into());
            }
        }
        self.ask_for_verdicts(member, tip, transactions).await?;
        let mut funds = self.funds(member, tip.height(), transactions).await?;
        for transaction in transactions {
            funds.spend(transaction)?;
        }
        Ok(())
    }
}

fn check_header(header: &Header, tip: &Tip, office: &Office) -> Result<(), InvalidBlock> {
    let parent = &tip.signed.header;
    if header.version != 0 {
        return Err(InvalidBlock::Version(header.version));
    }
    if header.index != parent.index.next() {
        return Err(InvalidBlock::Index {
            found: header.index,
            parent: parent.index,
        });
    }
    if header.timestamp <= parent.timestamp {
        return Err(InvalidBlock::Timestamp {
            found: header.timestamp,
            parent: parent.timestamp,
        });
    }
    let validators = office.validators.len();
    if header.primary_index.position() >= validators {
        return Err(InvalidBlock::Primary {
            found: header.primary_index,
            validators,
        });
    }
    if header.next_consensus != office.next_consensus {
        return Err(InvalidBlock::NextConsensus {
            found: header.next_consensus,
            expected: office.next_consensus,
        });
    }
    Ok(())
}
