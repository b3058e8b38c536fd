//! The node's side: asks a remote signer, and believes nothing that it answers.

mod drafts;
mod error;
mod rest;

use std::fmt;
use std::future::Future;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use neo_primitives::{
    BlockBody, Encode as _, ExtensiblePayload, Magic, PublicKey, Signature, VerifyingKey,
    sign_data, signature_script,
};
use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Response, Status};

use self::rest::Rest;
use crate::proto::servicepb::secure_sign_client::SecureSignClient;
use crate::proto::servicepb::{
    GetAccountStatusRequest, SignBlockRequest, SignExtensiblePayloadRequest,
};
use crate::proto::signpb::{self, AccountStatus, BlockHeader, TrimmedBlock};
use crate::proto::votes::vote_signer_client::VoteSignerClient;
use crate::proto::votes::{SignPeerRequest, SignVoteRequest};

pub use drafts::Remote;
pub use error::{EndpointError, SignerError};

/// Most bytes of an answer: an account, a script and a signature.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// A signer somewhere else, for one key on one network. It must be made and used within a tokio runtime.
#[derive(Debug)]
pub struct RemoteSigner {
    endpoint: String,
    timeout: Duration,
    magic: Magic,
    key: PublicKey,
    verifier: VerifyingKey,
    secure: SecureSignClient<Channel>,
    votes: VoteSignerClient<Channel>,
    rest: Mutex<Rest>,
    answers: AtomicBool,
    watcher: Watcher,
}

type Watch = Box<dyn Fn(&'static str, &'static str, Duration) + Send + Sync>;

/// Who is told of requests.
#[derive(Default)]
struct Watcher(OnceLock<Watch>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

impl RemoteSigner {
    /// A signer at `http://HOST:PORT` that has `timeout` for each answer. The connection is made with the first call,
    /// and again after it was lost.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn new(
        endpoint: &str,
        timeout: Duration,
        magic: Magic,
        key: PublicKey,
    ) -> Result<Self, EndpointError> {
        let channel = connect(endpoint, timeout)?;
        let secure = SecureSignClient::new(channel.clone());
        let votes = VoteSignerClient::new(channel);
        Ok(Self {
            endpoint: endpoint.to_owned(),
            timeout,
            magic,
            verifier: key.verifier(),
            key,
            secure: secure.max_decoding_message_size(MAX_ANSWER_BYTES),
            votes: votes.max_decoding_message_size(MAX_ANSWER_BYTES),
            rest: Mutex::default(),
            answers: AtomicBool::new(false),
            watcher: Watcher::default(),
        })
    }

    /// The key that it signs with.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Asks whether the signer has the key and may use it.
    ///
    /// # Errors
    /// [`SignerError`].
    pub async fn check(&self) -> Result<(), SignerError> {
        const CALL: &str = "GetAccountStatus";
        let asked = async {
            let mut client = self.secure.clone();
            let request = GetAccountStatusRequest {
                public_key: self.key_bytes(),
            };
            let answer = self.call(CALL, client.get_account_status(request)).await?;
            self.require_single(CALL, "status", answer.status)
        };
        self.observed(CALL, asked).await
    }

    /// The signature of a block's header.
    ///
    /// # Errors
    /// [`SignerError`].
    pub async fn block(&self, block: &BlockBody) -> Result<Signature, SignerError> {
        const CALL: &str = "SignBlock";
        let asked = async {
            let mut client = self.secure.clone();
            let request = SignBlockRequest {
                block: Some(trimmed(block)),
                public_key: self.key_bytes(),
                network: self.magic.0,
            };
            let answer = self.call(CALL, client.sign_block(request)).await?;
            let preimage = sign_data(self.magic, &block.header.hash());
            self.verified(CALL, "signature", &answer.signature, &preimage)
        };
        self.observed(CALL, asked).await
    }

    /// The signature of a payload of consensus, whose witness is not looked at.
    ///
    /// # Errors
    /// [`SignerError`].
    pub async fn payload(&self, payload: &ExtensiblePayload) -> Result<Signature, SignerError> {
        const CALL: &str = "SignExtensiblePayload";
        let asked = async {
            let mut client = self.secure.clone();
            let request = SignExtensiblePayloadRequest {
                payload: Some(signpb::ExtensiblePayload {
                    category: payload.category.clone(),
                    valid_block_start: payload.valid_block_start.0,
                    valid_block_end: payload.valid_block_end.0,
                    sender: payload.sender.as_wire().to_vec(),
                    data: payload.data.clone(),
                }),
                script_hashes: vec![payload.sender.as_wire().to_vec()],
                network: self.magic.0,
            };
            let call = client.sign_extensible_payload(request);
            let answer = self.call(CALL, call).await?;
            let account = self.only(CALL, "signs", &answer.signs)?;
            self.require_single(CALL, "signs[0].status", account.status)?;
            if let Some(contract) = &account.contract
                && contract.script != signature_script(&self.key)
            {
                let problem = format!("not the verification script of {}", self.key);
                return Err(self.wrong(CALL, "signs[0].contract.script", problem));
            }
            let sign = self.only(CALL, "signs[0].signs", &account.signs)?;
            if PublicKey::from_bytes(&sign.public_key).ok().as_ref() != Some(&self.key) {
                let problem = format!("{}, not {}", hex::encode(&sign.public_key), self.key);
                return Err(self.wrong(CALL, "signs[0].signs[0].public_key", problem));
            }
            let preimage = sign_data(self.magic, &payload.hash());
            let field = "signs[0].signs[0].signature";
            self.verified(CALL, field, &sign.signature, &preimage)
        };
        self.observed(CALL, asked).await
    }

    /// The signature of a vote of dBFT 3.0, which has to be one of `preimage`.
    ///
    /// # Errors
    /// [`SignerError`].
    pub async fn vote(
        &self,
        mut request: SignVoteRequest,
        preimage: &[u8],
    ) -> Result<Signature, SignerError> {
        const CALL: &str = "SignVote";
        let asked = async {
            request.network = self.magic.0;
            request.public_key = self.key_bytes();
            let mut client = self.votes.clone();
            let answer = self.call(CALL, client.sign_vote(request)).await?;
            self.verified(CALL, "signature", &answer.signature, preimage)
        };
        self.observed(CALL, asked).await
    }

    /// The proof of the key on a connection of the mesh, which has to be a signature of `preimage`.
    ///
    /// # Errors
    /// [`SignerError`].
    pub async fn peer(
        &self,
        own: Vec<u8>,
        remote: Vec<u8>,
        preimage: &[u8],
    ) -> Result<Signature, SignerError> {
        const CALL: &str = "SignPeer";
        let asked = async {
            let mut client = self.votes.clone();
            let request = SignPeerRequest {
                network: self.magic.0,
                public_key: self.key_bytes(),
                own,
                remote,
            };
            let answer = self.call(CALL, client.sign_peer(request)).await?;
            self.verified(CALL, "signature", &answer.signature, preimage)
        };
        self.observed(CALL, asked).await
    }

    fn key_bytes(&self) -> Vec<u8> {
        self.key.as_bytes().to_vec()
    }

    /// Names whom to tell of each request: its call, what came of it, and the time that took. Outcomes are `answered`,
    /// `declined`, `wrong`, `unreachable`, `slow`, and `resting` for one that was not asked. The first watcher stays.
    pub fn watch(
        &self,
        watcher: impl Fn(&'static str, &'static str, Duration) + Send + Sync + 'static,
    ) {
        let _ = self.watcher.0.set(Box::new(watcher));
    }

    /// Whether it has answered the last request, one way or the other. False before the first.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.answers.load(Relaxed)
    }

    async fn observed<T>(
        &self,
        call: &'static str,
        asked: impl Future<Output = Result<T, SignerError>>,
    ) -> Result<T, SignerError> {
        let began = Instant::now();
        let result = asked.await;
        let outcome = match &result {
            Ok(_) => "answered",
            Err(error) => error.outcome(),
        };
        let answers = !result.as_ref().is_err_and(SignerError::is_passing);
        self.answers.store(answers, Relaxed);
        if let Some(watcher) = self.watcher.0.get() {
            watcher(call, outcome, began.elapsed());
        }
        result
    }

    /// Waits for an answer, but not for long, and not at all while the signer rests.
    async fn call<T>(
        &self,
        call: &'static str,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, SignerError> {
        let endpoint = self.endpoint.clone();
        if let Some(left) = self.rest.lock().left(Instant::now()) {
            return Err(SignerError::Resting {
                endpoint,
                call,
                rest_ms: milliseconds(left),
            });
        }
        let answer = tokio::time::timeout(self.timeout, answer).await;
        let failed = answer.is_err() || is_gone(&answer);
        {
            let mut rest = self.rest.lock();
            if failed {
                rest.failed(Instant::now());
            } else {
                rest.answered();
            }
        }
        match answer {
            Err(_) => Err(SignerError::Slow {
                endpoint,
                call,
                limit_ms: milliseconds(self.timeout),
            }),
            Ok(Err(status)) if failed => Err(SignerError::Unreachable {
                endpoint,
                call,
                problem: whole(&status),
            }),
            Ok(Err(status)) => Err(SignerError::Declined {
                endpoint,
                call,
                code: status.code(),
                problem: status.message().to_owned(),
            }),
            Ok(Ok(answer)) => Ok(answer.into_inner()),
        }
    }

    fn wrong(&self, call: &'static str, field: &'static str, problem: String) -> SignerError {
        SignerError::Answer {
            endpoint: self.endpoint.clone(),
            call,
            field,
            problem,
        }
    }

    fn require_single(
        &self,
        call: &'static str,
        field: &'static str,
        status: i32,
    ) -> Result<(), SignerError> {
        match AccountStatus::try_from(status) {
            Ok(AccountStatus::Single) => Ok(()),
            Ok(status) => {
                let problem = format!("{} for key {}", status.as_str_name(), self.key);
                Err(self.wrong(call, field, problem))
            }
            Err(_) => Err(self.wrong(call, field, format!("{status} is no status"))),
        }
    }

    fn only<'a, T>(
        &self,
        call: &'static str,
        field: &'static str,
        all: &'a [T],
    ) -> Result<&'a T, SignerError> {
        match all {
            [one] => Ok(one),
            _ => {
                let problem = format!("{} of them, one is needed", all.len());
                Err(self.wrong(call, field, problem))
            }
        }
    }

    /// Nothing leaves this node that its key did not sign.
    fn verified(
        &self,
        call: &'static str,
        field: &'static str,
        bytes: &[u8],
        preimage: &[u8],
    ) -> Result<Signature, SignerError> {
        let signature = Signature::from_slice(bytes);
        let signature = signature.map_err(|error| self.wrong(call, field, error.to_string()))?;
        if self.verifier.verify(preimage, &signature) {
            return Ok(signature);
        }
        let problem = format!("no signature of what was asked for by key {}", self.key);
        Err(self.wrong(call, field, problem))
    }
}

/// Whether this reads as the address of a signer.
///
/// # Errors
/// [`EndpointError`].
pub fn check_endpoint(endpoint: &str) -> Result<(), EndpointError> {
    read(endpoint).map(drop)
}

fn connect(endpoint: &str, timeout: Duration) -> Result<Channel, EndpointError> {
    let endpoint = Endpoint::from(read(endpoint)?)
        .connect_timeout(timeout)
        .tcp_nodelay(true);
    Ok(endpoint.connect_lazy())
}

fn read(endpoint: &str) -> Result<Uri, EndpointError> {
    let refused = |problem: &str| EndpointError::Address {
        endpoint: endpoint.to_owned(),
        problem: problem.to_owned(),
    };
    let uri: Uri = endpoint
        .parse()
        .map_err(|error: tonic::codegen::http::uri::InvalidUri| refused(&error.to_string()))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some(scheme) => {
            return Err(EndpointError::Scheme {
                endpoint: endpoint.to_owned(),
                scheme: scheme.to_owned(),
            });
        }
        None => return Err(refused("there is no scheme")),
    }
    if uri.port().is_none() {
        return Err(refused("there is no port"));
    }
    if !matches!(
        uri.path_and_query().map(|path| path.as_str()),
        None | Some("/")
    ) {
        return Err(refused("there is a path behind the port"));
    }
    Ok(uri)
}

/// The connection could not be made, or broke. A connection that breaks under a call is an internal error to HTTP/2;
/// so is a failing disk of the signer, which can be mended as well.
fn is_gone<T, E>(answer: &Result<Result<T, Status>, E>) -> bool {
    match answer {
        Ok(Err(status)) => matches!(
            status.code(),
            Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal
        ),
        _ => false,
    }
}

/// A status with all its causes.
fn whole(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn trimmed(block: &BlockBody) -> TrimmedBlock {
    let header = &block.header;
    TrimmedBlock {
        header: Some(BlockHeader {
            version: header.version,
            prev_hash: header.prev_hash.as_wire().to_vec(),
            merkle_root: header.merkle_root.as_wire().to_vec(),
            timestamp: header.timestamp,
            nonce: header.nonce,
            index: header.index.0,
            primary_index: header.primary_index.0.into(),
            next_consensus: header.next_consensus.as_wire().to_vec(),
        }),
        tx_hashes: hashes(block),
    }
}

fn hashes(block: &BlockBody) -> Vec<Vec<u8>> {
    let all = block.transactions.iter();
    all.map(|transaction| transaction.hash().to_bytes())
        .collect()
}

#[cfg(test)]
mod tests;
