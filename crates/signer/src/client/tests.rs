//! The client with services that are right, wrong, slow and gone.

use std::net::SocketAddr;
use std::sync::Arc;

use neo_consensus::v3::context::MessageKind;
use neo_consensus::vote_log::MemoryMedium;
use neo_primitives::{Header, Height, PrivateKey, UInt160, UInt256, ValidatorIndex, Witness};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tonic::{Request, transport::Server};

use super::*;
use crate::asked::Asked;
use crate::proto::servicepb::secure_sign_server::{SecureSign, SecureSignServer};
use crate::proto::servicepb::{
    GetAccountStatusResponse, SignBlockResponse, SignExtensiblePayloadResponse,
};
use crate::testing::{self, MAGIC, key, request};
use crate::{Desk, Entry, Memory, Outcome};

const TIMEOUT: Duration = Duration::from_secs(20);

fn body(nonce: u64) -> BlockBody {
    BlockBody {
        header: Header {
            version: 0,
            prev_hash: UInt256::from_wire([1; 32]),
            merkle_root: UInt256::ZERO,
            timestamp: 3,
            nonce,
            index: Height(7),
            primary_index: ValidatorIndex(2),
            next_consensus: UInt160::from_wire([2; 20]),
        },
        transactions: vec![],
    }
}

fn payload() -> ExtensiblePayload {
    let signed = testing::payload(&request(7, 0, 1));
    ExtensiblePayload {
        category: signed.category,
        valid_block_start: Height(0),
        valid_block_end: Height(7),
        sender: key().public_key().script_hash(),
        data: signed.data,
        witness: Witness::default(),
    }
}

fn client(at: SocketAddr, timeout: Duration) -> RemoteSigner {
    let key = key().public_key().clone();
    RemoteSigner::new(&format!("http://{at}"), timeout, MAGIC, key).unwrap()
}

/// The real service of [`key`] with a fresh memory; ends when the sender is dropped.
async fn real() -> (SocketAddr, oneshot::Sender<()>, Arc<Mutex<Vec<Entry>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let memory =
        Memory::initialise(MemoryMedium::default(), MAGIC, key().public_key(), None).unwrap();
    let entries = Arc::new(Mutex::new(Vec::new()));
    let journal = Arc::clone(&entries);
    let journal = Arc::new(move |entry: &Entry| journal.lock().push(entry.clone()));
    let desk = Arc::new(Desk::new(key(), MAGIC, memory, journal));
    let (end, ended) = oneshot::channel::<()>();
    tokio::spawn(crate::serve(listener, desk, async {
        let _ = ended.await;
    }));
    (at, end, entries)
}

#[tokio::test]
async fn the_real_service_signs_once_and_tells_all() {
    let (at, _end, entries) = real().await;
    let signer = client(at, TIMEOUT);
    signer.check().await.unwrap();
    signer.payload(&payload()).await.unwrap();
    signer.block(&body(1)).await.unwrap();
    signer.block(&body(1)).await.unwrap();
    let vote = testing::vote(MessageKind::Prepare, 7, 0, 1);
    let asked = Asked::vote(MAGIC, &vote).unwrap();
    signer.vote(vote, &asked.preimage).await.unwrap();
    let error = signer.block(&body(2)).await.unwrap_err();
    assert!(
        matches!(
            error,
            SignerError::Declined {
                code: Code::PermissionDenied,
                ..
            }
        ),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains(&format!("http://{at}: SignBlock")), "{text}");
    assert!(
        text.contains("height 7 view 0: this key signed block 0x"),
        "{text}"
    );
    let outcomes: Vec<_> = entries.lock().iter().map(|entry| entry.outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Answered,
            Outcome::Signed,
            Outcome::Signed,
            Outcome::Again,
            Outcome::Signed,
            Outcome::Refused
        ]
    );
    let entries = entries.lock();
    assert_eq!(entries[1].kind, Some("PrepareRequest"));
    assert_eq!(entries[5].hash, Some(body(2).header.hash()));
    assert!(
        entries
            .iter()
            .all(|entry| entry.peer.starts_with("127.0.0.1:"))
    );
}

#[tokio::test]
async fn a_signer_of_another_key_or_network_is_named() {
    let (at, _end, entries) = real().await;
    let endpoint = format!("http://{at}");
    let other = PrivateKey::generate().public_key().clone();
    let stranger = RemoteSigner::new(&endpoint, TIMEOUT, MAGIC, other.clone()).unwrap();
    let error = stranger.check().await.unwrap_err().to_string();
    let expected = format!("status: NoSuchAccount for key {other}");
    assert!(error.ends_with(&expected), "{error}");
    let error = stranger.block(&body(1)).await.unwrap_err().to_string();
    assert!(error.contains("NotFound: public_key: "), "{error}");
    let elsewhere =
        RemoteSigner::new(&endpoint, TIMEOUT, Magic(5), key().public_key().clone()).unwrap();
    let error = elsewhere.block(&body(1)).await.unwrap_err().to_string();
    assert!(
        error.contains("InvalidArgument: network: 5, this"),
        "{error}"
    );
    let outcomes: Vec<_> = entries.lock().iter().map(|entry| entry.outcome).collect();
    assert_eq!(
        outcomes,
        [Outcome::Unknown, Outcome::Unknown, Outcome::Malformed]
    );
}

/// A service that answers whatever a test wants.
#[derive(Clone)]
struct Liar {
    payload: SignExtensiblePayloadResponse,
    block: Vec<u8>,
    hangs: bool,
}

#[tonic::async_trait]
impl SecureSign for Liar {
    async fn sign_extensible_payload(
        &self,
        _: Request<SignExtensiblePayloadRequest>,
    ) -> Result<Response<SignExtensiblePayloadResponse>, Status> {
        Ok(Response::new(self.payload.clone()))
    }

    async fn sign_block(
        &self,
        _: Request<SignBlockRequest>,
    ) -> Result<Response<SignBlockResponse>, Status> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        let signature = self.block.clone();
        Ok(Response::new(SignBlockResponse { signature }))
    }

    async fn get_account_status(
        &self,
        _: Request<GetAccountStatusRequest>,
    ) -> Result<Response<GetAccountStatusResponse>, Status> {
        Ok(Response::new(GetAccountStatusResponse { status: 77 }))
    }
}

async fn lying(liar: Liar) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let incoming = futures::stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        Some((accepted, listener))
    });
    let server = Server::builder().add_service(SecureSignServer::new(liar));
    tokio::spawn(server.serve_with_incoming(incoming));
    at
}

/// An answer about [`payload`] by the right key, or by another one.
fn answer(signs_with: &PrivateKey) -> SignExtensiblePayloadResponse {
    let signature = signs_with.sign(&sign_data(MAGIC, &payload().hash()));
    let key = key();
    let account = signpb::AccountSigns {
        signs: vec![signpb::AccountSign {
            signature: signature.0.to_vec(),
            public_key: key.public_key().as_bytes().to_vec(),
        }],
        contract: Some(signpb::AccountContract {
            script: signature_script(key.public_key()),
            parameters: vec![0],
            deployed: false,
        }),
        status: AccountStatus::Single.into(),
    };
    SignExtensiblePayloadResponse {
        signs: vec![account],
    }
}

#[tokio::test]
async fn a_wrong_answer_is_refused_with_its_field() {
    type Bend = fn(&mut SignExtensiblePayloadResponse);
    let cases: [(Bend, &str); 8] = [
        (|it| it.signs.clear(), "signs: 0 of them"),
        (
            |it| it.signs[0].status = AccountStatus::Locked.into(),
            "signs[0].status: Locked for key",
        ),
        (
            |it| it.signs[0].status = 9,
            "signs[0].status: 9 is no status",
        ),
        (
            |it| it.signs[0].contract.as_mut().unwrap().script.push(1),
            "signs[0].contract.script: not the verification script",
        ),
        (|it| it.signs[0].signs.clear(), "signs[0].signs: 0 of them"),
        (
            |it| it.signs[0].signs[0].public_key = vec![2; 33],
            "signs[0].signs[0].public_key: 0202",
        ),
        (
            |it| it.signs[0].signs[0].signature.truncate(63),
            "signs[0].signs[0].signature: ",
        ),
        (
            |it| *it = answer(&PrivateKey::generate()),
            "signs[0].signs[0].signature: no signature of what was asked for",
        ),
    ];
    for (bend, expected) in cases {
        let mut bent = answer(&key());
        bend(&mut bent);
        let at = lying(Liar {
            payload: bent,
            block: vec![],
            hangs: false,
        })
        .await;
        let error = client(at, TIMEOUT).payload(&payload()).await.unwrap_err();
        let expected = format!("signer http://{at}: SignExtensiblePayload: {expected}");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
    // What C# nodes accept is accepted: no contract, an uncompressed key is another form of the same one.
    let mut bare = answer(&key());
    bare.signs[0].contract = None;
    let right = key().sign(&sign_data(MAGIC, &body(1).header.hash()));
    let at = lying(Liar {
        payload: bare,
        block: right.0.to_vec(),
        hangs: false,
    })
    .await;
    let signer = client(at, TIMEOUT);
    signer.payload(&payload()).await.unwrap();
    signer.block(&body(1)).await.unwrap();
    let error = signer.block(&body(2)).await.unwrap_err().to_string();
    assert!(
        error.contains("SignBlock: signature: no signature of what"),
        "{error}"
    );
    let error = signer.check().await.unwrap_err().to_string();
    assert!(
        error.ends_with("GetAccountStatus: status: 77 is no status"),
        "{error}"
    );
    // It is no signer of votes.
    let vote = testing::vote(MessageKind::Prepare, 7, 0, 1);
    let error = signer.vote(vote, &[]).await.unwrap_err();
    assert!(
        matches!(
            error,
            SignerError::Declined {
                code: Code::Unimplemented,
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_slow_signer_is_not_waited_for_and_then_left_alone() {
    let at = lying(Liar {
        payload: answer(&key()),
        block: vec![],
        hangs: true,
    })
    .await;
    let signer = client(at, Duration::from_millis(50));
    let error = signer.block(&body(1)).await.unwrap_err();
    assert_eq!(
        error,
        SignerError::Slow {
            endpoint: format!("http://{at}"),
            call: "SignBlock",
            limit_ms: 50
        }
    );
    let error = signer.payload(&payload()).await.unwrap_err();
    assert!(matches!(error, SignerError::Resting { .. }), "{error}");
}

#[tokio::test]
async fn a_signer_that_was_gone_is_found_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    drop(listener);
    let signer = client(at, TIMEOUT);
    let error = signer.check().await.unwrap_err();
    assert!(matches!(error, SignerError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&at.to_string()), "{error}");
    assert!(matches!(
        signer.check().await.unwrap_err(),
        SignerError::Resting { .. }
    ));
    let listener = TcpListener::bind(at).await.unwrap();
    let memory =
        Memory::initialise(MemoryMedium::default(), MAGIC, key().public_key(), None).unwrap();
    let desk = Arc::new(Desk::new(key(), MAGIC, memory, Arc::new(|_: &Entry| {})));
    tokio::spawn(crate::serve(listener, desk, std::future::pending()));
    loop {
        match signer.check().await {
            Ok(()) => break,
            Err(SignerError::Resting { rest_ms, .. }) => {
                tokio::time::sleep(Duration::from_millis(rest_ms)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn endpoints_are_checked() {
    let key = key().public_key().clone();
    for (endpoint, expected) in [
        ("https://127.0.0.1:1", "\"https\" is not spoken"),
        ("vsock://3:1", "\"vsock\" is not spoken"),
        ("127.0.0.1", "there is no scheme"),
        ("http://127.0.0.1", "there is no port"),
        ("http://127.0.0.1:1/sign", "there is a path"),
        ("http://127.0.0.1:99999", "http://HOST:PORT is needed"),
        ("", "http://HOST:PORT is needed"),
    ] {
        let error = RemoteSigner::new(endpoint, TIMEOUT, MAGIC, key.clone()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
