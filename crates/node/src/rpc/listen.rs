//! Accepting HTTP connections, within bounds.

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// Longest head of a request, in bytes; also the read buffer of a connection.
const MAX_HEAD: usize = 64 << 10;
/// How long to wait for resources, such as file descriptors, before accepting again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Bounds of an HTTP server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// Connections at a time; further ones wait to be accepted.
    pub(crate) connections: usize,
    /// How long a connection may take to send the head of its next request.
    pub(crate) idle: Duration,
    /// How long requests may go on after the shutdown began.
    pub(crate) drain: Duration,
}

/// Serves `router` over HTTP/1.1 until `shutdown` is ready, then lets running requests end.
///
/// # Errors
/// When the listener itself fails.
pub(crate) async fn serve_http(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(MAX_HEAD);
    let service = TowerToHyperService::new(router);
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let next = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, accept(&listener).await)
        };
        let (place, stream) = tokio::select! {
            (place, stream) = next => (place, stream?),
            () = &mut shutdown => break,
        };
        // Answers are small and clients wait for them.
        let _ = stream.set_nodelay(true);
        let connection = http.serve_connection(TokioIo::new(stream), service.clone());
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "HTTP connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("HTTP connections were cut at shutdown");
    }
    Ok(())
}

/// The next connection. Failures of a single connection, and of resources that come back, are waited out.
async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok(stream),
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::Interrupted => {}
                io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected => return Err(error),
                _ => {
                    tracing::warn!(%error, "HTTP connection not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
}
