//! The listening side: connections with bounds, and an end in order.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use neo_consensus::vote_log::LogMedium;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::Server;
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::desk::Desk;
use crate::proto::servicepb::secure_sign_server::SecureSignServer;
use crate::proto::votes::vote_signer_server::VoteSignerServer;
use crate::service::Service;

/// Connections at a time; further ones wait.
const MAX_CONNECTIONS: usize = 32;
/// Requests at a time on one connection.
const MAX_REQUESTS: usize = 16;
/// Most bytes of a request: a PrepareRequest or block of 65,535 transactions, or a large RecoveryMessage.
pub const MAX_REQUEST_BYTES: usize = 8 << 20;
/// A request that takes longer has lost its disk.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that is silent for this long is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Serves both services on `listener` until `stop` is done.
///
/// # Errors
/// The listener fails.
pub async fn serve<M: LogMedium + Send + 'static>(
    listener: TcpListener,
    desk: Arc<Desk<M>>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let service = Service::new(desk);
    let secure = SecureSignServer::new(service.clone());
    let votes = VoteSignerServer::new(service);
    Server::builder()
        .timeout(REQUEST_TIMEOUT)
        .concurrency_limit_per_connection(MAX_REQUESTS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .add_service(secure.max_decoding_message_size(MAX_REQUEST_BYTES))
        .add_service(votes.max_decoding_message_size(64 << 10))
        .serve_with_incoming_shutdown(connections(listener), stop)
        .await
        .map_err(io::Error::other)
}

fn connections(listener: TcpListener) -> impl Stream<Item = io::Result<Connection>> {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    futures::stream::unfold((listener, slots), |(listener, slots)| async move {
        let slot = Arc::clone(&slots).acquire_owned().await.ok()?;
        let connection = listener.accept().await.and_then(|(stream, _)| {
            stream.set_nodelay(true)?;
            Ok(Connection {
                stream,
                _slot: slot,
            })
        });
        Some((connection, (listener, slots)))
    })
}

/// A connection and its place among those that are allowed.
struct Connection {
    stream: TcpStream,
    _slot: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
