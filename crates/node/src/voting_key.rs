//! The key of a validator: in this process, or behind a remote signer.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use neo_network::{HelloSigner, PeerBinding};
use neo_primitives::{PrivateKey, PublicKey, Signature};
use neo_signer::{RemoteSigner, SignerError};

use crate::config::{NodeConfig, SignerSection};
use crate::node::NodeError;

/// What a validator signs with.
#[derive(Clone, Debug)]
pub(crate) enum VotingKey {
    /// The key itself.
    Own(PrivateKey),
    /// Somebody who has it.
    Remote(Arc<RemoteSigner>),
}

impl VotingKey {
    /// The public key.
    pub(crate) fn public_key(&self) -> &PublicKey {
        match self {
            Self::Own(key) => key.public_key(),
            Self::Remote(signer) => signer.public_key(),
        }
    }

    /// The key itself, if it is here.
    pub(crate) fn own(&self) -> Option<&PrivateKey> {
        match self {
            Self::Own(key) => Some(key),
            Self::Remote(_) => None,
        }
    }

    /// The remote signer, if the key is there.
    pub(crate) fn remote(&self) -> Option<&Arc<RemoteSigner>> {
        match self {
            Self::Own(_) => None,
            Self::Remote(signer) => Some(signer),
        }
    }

    /// The configured signer. One that does not answer yet is waited for while the node runs; one that answers that
    /// it has another key never will.
    pub(crate) async fn behind(
        config: &NodeConfig,
        section: &SignerSection,
    ) -> Result<Self, NodeError> {
        let genesis = &config.protocol.genesis;
        // Where validators are elected, whoever is none today may be one tomorrow.
        let elects = config.ledger.is_attached();
        if !elects && !genesis.validators().contains(&section.public_key) {
            return Err(NodeError::SignerKey {
                key: section.public_key.clone(),
            });
        }
        let timeout = Duration::from_millis(section.timeout_ms);
        let key = section.public_key.clone();
        let signer = RemoteSigner::new(&section.endpoint, timeout, genesis.magic, key)?;
        match signer.check().await {
            Ok(()) => tracing::info!(endpoint = section.endpoint, "the remote signer has the key"),
            Err(error @ (SignerError::Unreachable { .. } | SignerError::Slow { .. })) => {
                tracing::error!(%error, "this validator does not vote until its signer answers");
            }
            Err(error) => return Err(NodeError::Signer(error)),
        }
        Ok(Self::Remote(Arc::new(signer)))
    }
}

impl HelloSigner for VotingKey {
    fn public_key(&self) -> &PublicKey {
        VotingKey::public_key(self)
    }

    fn prove(&self, binding: PeerBinding) -> BoxFuture<'static, Option<Signature>> {
        let signer = match self {
            Self::Own(key) => return key.prove(binding),
            Self::Remote(signer) => Arc::clone(signer),
        };
        Box::pin(async move {
            let message = binding.message();
            let proof = signer.peer(binding.own, binding.remote, &message).await;
            proof
                .inspect_err(|error| tracing::warn!(%error, "a connection without a proof of the own key ends"))
                .ok()
        })
    }
}
