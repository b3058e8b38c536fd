//! The calls: from the wire to the desk and back.

use std::net::SocketAddr;
use std::sync::Arc;

use neo_consensus::vote_log::LogMedium;
use neo_primitives::{PublicKey, Signature, UInt160, signature_script};
use tonic::{Code, Request, Response, Status};

use crate::asked::{Asked, Malformed, account, wrong};
use crate::desk::{Desk, NotSigned};
use crate::journal::Outcome;
use crate::proto::servicepb::secure_sign_server::SecureSign;
use crate::proto::servicepb::{
    GetAccountStatusRequest, GetAccountStatusResponse, SignBlockRequest, SignBlockResponse,
    SignExtensiblePayloadRequest, SignExtensiblePayloadResponse,
};
use crate::proto::signpb::{AccountContract, AccountSign, AccountSigns, AccountStatus};
use crate::proto::votes::vote_signer_server::VoteSigner;
use crate::proto::votes::{SignPeerRequest, SignPeerResponse, SignVoteRequest, SignVoteResponse};

/// Most script hashes of one request; a C# node sends one.
const MAX_ACCOUNTS: usize = 16;
/// Number of the parameter type of a signature.
const SIGNATURE_PARAMETER: u32 = 0;

/// The calls on a desk.
pub struct Service<M>(Arc<Desk<M>>);

impl<M> Clone for Service<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: LogMedium + Send + 'static> Service<M> {
    /// The calls on this desk.
    #[must_use]
    pub fn new(desk: Arc<Desk<M>>) -> Self {
        Self(desk)
    }

    /// Signs on a thread that may wait for the disk.
    async fn sign(
        &self,
        from: Option<SocketAddr>,
        call: &'static str,
        read: impl FnOnce(&Desk<M>) -> Result<Asked, NotSigned> + Send + 'static,
    ) -> Result<Signature, Status> {
        let desk = Arc::clone(&self.0);
        let signing = move || {
            desk.sign(&peer(from), call, || read(&desk))
                .map_err(|error| status(&error))
        };
        let signed = tokio::task::spawn_blocking(signing).await;
        signed.map_err(|error| Status::internal(format!("signing ended: {error}")))?
    }

    fn own_account(&self) -> UInt160 {
        self.0.public_key().script_hash()
    }

    fn refuse(&self, from: Option<SocketAddr>, call: &'static str, error: Malformed) -> Status {
        let reason = Some(error.to_string());
        self.0.note(&peer(from), call, Outcome::Malformed, reason);
        status(&error.into())
    }
}

fn peer(from: Option<SocketAddr>) -> String {
    from.map_or_else(|| "unknown".to_owned(), |address| address.to_string())
}

/// The codes are none of those that Neo's C# node repeats a call for, but for a failing disk.
fn status(error: &NotSigned) -> Status {
    let code = match error {
        NotSigned::Malformed(_) => Code::InvalidArgument,
        NotSigned::OtherKey(_) => Code::NotFound,
        NotSigned::Refused(_) => Code::PermissionDenied,
        NotSigned::Memory(_) => Code::Internal,
    };
    Status::new(code, error.to_string())
}

#[tonic::async_trait]
impl<M: LogMedium + Send + 'static> SecureSign for Service<M> {
    async fn sign_extensible_payload(
        &self,
        request: Request<SignExtensiblePayloadRequest>,
    ) -> Result<Response<SignExtensiblePayloadResponse>, Status> {
        const CALL: &str = "SignExtensiblePayload";
        let from = request.remote_addr();
        let request = request.into_inner();
        let accounts = read_accounts(&request.script_hashes);
        let accounts = accounts.map_err(|error| self.refuse(from, CALL, error))?;
        let own = self.own_account();
        let mut signature = None;
        if accounts.contains(&own) {
            let read = move |desk: &Desk<M>| {
                desk.require_network(request.network)?;
                let payload = request.payload.ok_or(Malformed::Missing("payload"))?;
                if account("payload.sender", &payload.sender)? != own {
                    let problem = "the account of this signer's key is needed";
                    return Err(wrong("payload.sender", problem).into());
                }
                Ok(Asked::payload(desk.magic(), &payload)?)
            };
            signature = Some(self.sign(from, CALL, read).await?);
        } else {
            self.0.note(&peer(from), CALL, Outcome::Unknown, None);
        }
        let key = self.0.public_key();
        let signs = accounts.iter().map(|account| match signature {
            Some(signature) if *account == own => signed_by(key, signature),
            _ => AccountSigns {
                signs: vec![],
                contract: None,
                status: AccountStatus::NoSuchAccount.into(),
            },
        });
        Ok(Response::new(SignExtensiblePayloadResponse {
            signs: signs.collect(),
        }))
    }

    async fn sign_block(
        &self,
        request: Request<SignBlockRequest>,
    ) -> Result<Response<SignBlockResponse>, Status> {
        let from = request.remote_addr();
        let request = request.into_inner();
        let read = move |desk: &Desk<M>| {
            desk.require_network(request.network)?;
            desk.require_key(&request.public_key)?;
            let block = request.block.ok_or(Malformed::Missing("block"))?;
            Ok(Asked::block(desk.magic(), &block)?)
        };
        let signature = self.sign(from, "SignBlock", read).await?.0.to_vec();
        Ok(Response::new(SignBlockResponse { signature }))
    }

    async fn get_account_status(
        &self,
        request: Request<GetAccountStatusRequest>,
    ) -> Result<Response<GetAccountStatusResponse>, Status> {
        const CALL: &str = "GetAccountStatus";
        let from = request.remote_addr();
        let key = PublicKey::from_bytes(&request.into_inner().public_key);
        let key = key.map_err(|error| self.refuse(from, CALL, wrong("public_key", error)))?;
        let (status, outcome) = if key == *self.0.public_key() {
            (AccountStatus::Single, Outcome::Answered)
        } else {
            (AccountStatus::NoSuchAccount, Outcome::Unknown)
        };
        self.0.note(&peer(from), CALL, outcome, None);
        Ok(Response::new(GetAccountStatusResponse {
            status: status.into(),
        }))
    }
}

#[tonic::async_trait]
impl<M: LogMedium + Send + 'static> VoteSigner for Service<M> {
    async fn sign_peer(
        &self,
        request: Request<SignPeerRequest>,
    ) -> Result<Response<SignPeerResponse>, Status> {
        let from = request.remote_addr();
        let request = request.into_inner();
        let read = move |desk: &Desk<M>| {
            desk.require_network(request.network)?;
            desk.require_key(&request.public_key)?;
            Ok(Asked::peer(desk.magic(), &request)?)
        };
        let signature = self.sign(from, "SignPeer", read).await?.0.to_vec();
        Ok(Response::new(SignPeerResponse { signature }))
    }

    async fn sign_vote(
        &self,
        request: Request<SignVoteRequest>,
    ) -> Result<Response<SignVoteResponse>, Status> {
        let from = request.remote_addr();
        let request = request.into_inner();
        let read = move |desk: &Desk<M>| {
            desk.require_network(request.network)?;
            desk.require_key(&request.public_key)?;
            Ok(Asked::vote(desk.magic(), &request)?)
        };
        let signature = self.sign(from, "SignVote", read).await?.0.to_vec();
        Ok(Response::new(SignVoteResponse { signature }))
    }
}

fn read_accounts(hashes: &[Vec<u8>]) -> Result<Vec<UInt160>, Malformed> {
    const FIELD: &str = "script_hashes";
    if hashes.is_empty() {
        return Err(Malformed::Missing(FIELD));
    }
    if hashes.len() > MAX_ACCOUNTS {
        let problem = format!("{} of them, at most {MAX_ACCOUNTS}", hashes.len());
        return Err(wrong(FIELD, problem));
    }
    hashes.iter().map(|bytes| account(FIELD, bytes)).collect()
}

/// What a C# node makes the witness from.
fn signed_by(key: &PublicKey, signature: Signature) -> AccountSigns {
    AccountSigns {
        signs: vec![AccountSign {
            signature: signature.0.to_vec(),
            public_key: key.as_bytes().to_vec(),
        }],
        contract: Some(AccountContract {
            script: signature_script(key),
            parameters: vec![SIGNATURE_PARAMETER],
            deployed: false,
        }),
        status: AccountStatus::Single.into(),
    }
}
