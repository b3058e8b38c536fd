//! Validators follow the elections of the chain.

use std::sync::Arc;
use std::time::Duration;

use neo_ledger::{HeightInfo, Ledger, LedgerAnswer, LedgerError, LedgerRequest};
use neo_network::NetworkHandle;
use neo_primitives::{PublicKey, UInt160, UInt256, hash160, multisig_script};
use tokio::sync::{oneshot, watch};

use crate::p2p::Gate;

/// How often it is looked whether there is a new tip.
const LOOK: Duration = Duration::from_millis(100);

/// Asks at each tip who validates the height above it, whether this node votes or only follows, and tells the networks.
pub(crate) struct Succession {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) mesh: Option<NetworkHandle>,
}

impl Succession {
    /// Works until the node stops.
    pub(crate) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut known: Option<UInt256> = None;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {}
                _ = stopped.changed() => return,
            }
            let tip = self.ledger.tip_hash();
            if known == Some(tip) {
                continue;
            }
            let info = tokio::select! {
                info = opened(self.ledger.as_ref(), tip) => info,
                _ = stopped.changed() => return,
            };
            // A tip that was passed meanwhile opens nothing; the next look finds the new one.
            let Some(info) = info else { continue };
            known = Some(tip);
            match self.ledger.committee() {
                Ok(committee) => self.tell(info, committee_account(&committee)),
                Err(error) => tracing::error!(%error, "the committee cannot be read"),
            }
        }
    }

    fn tell(&self, info: HeightInfo, committee: Option<UInt160>) {
        let height = info.height;
        if !self.gate.opened(height, info.validators, committee) {
            return;
        }
        let validators = self.gate.validators();
        tracing::info!(%height, validators = validators.len(), "validators or committee have changed");
        if let Some(mesh) = &self.mesh {
            mesh.set_validators(self.gate.recent_validators());
        }
    }
}

/// What the ledger says of the height above a block, once it can.
async fn opened(ledger: &dyn Ledger, parent: UInt256) -> Option<HeightInfo> {
    let (reply, answer) = oneshot::channel();
    ledger.request(
        LedgerRequest::Open { parent },
        Box::new(move |answer| {
            // The node is stopping.
            let _ = reply.send(answer);
        }),
    );
    match answer.await {
        Ok(LedgerAnswer::Opened(info)) => Some(info),
        Ok(LedgerAnswer::Failed {
            error: LedgerError::UnknownParent(_),
            ..
        }) => None,
        Ok(other) => {
            tracing::warn!(?other, "it is not known who validates the next height");
            None
        }
        Err(_) => None,
    }
}

/// The account of a committee: more than half of it signs.
fn committee_account(committee: &[PublicKey]) -> Option<UInt160> {
    let most = committee.len() - committee.len().saturating_sub(1) / 2;
    let script = multisig_script(most, committee).ok()?;
    Some(hash160(&script))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::testing::Chain;

    #[test]
    fn the_account_of_the_committee_is_that_of_the_genesis_block() {
        let chain = Chain::new();
        let genesis = &chain.config.protocol.genesis;
        let account = committee_account(genesis.committee());
        assert!(account.is_some());
        assert_eq!(account, genesis.committee_address());
    }

    #[tokio::test]
    async fn only_the_tip_has_a_height_above() {
        let chain = Chain::new();
        let tip = neo_ledger::ChainReader::tip_hash(chain.ledger.as_ref());
        let info = opened(chain.ledger.as_ref(), tip).await.unwrap();
        assert_eq!(info.height.0, 1);
        assert!(opened(chain.ledger.as_ref(), UInt256::ZERO).await.is_none());
    }
}
