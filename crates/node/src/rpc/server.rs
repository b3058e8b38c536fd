//! The HTTP side: `POST /` and `GET /health`.

use std::{
    any::Any,
    future::Future,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{Response, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use tokio::net::TcpListener;
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use super::{
    RpcContext,
    admission::{Admission, Submit},
    dispatch::{Server, Started, is_heavy},
    error::RpcError,
    listen::{ConnectionLimits, serve_http},
    request::{Call, Request},
    response,
};
use crate::config::RpcConfig;

/// How long a client may keep a connection without a request.
const IDLE: Duration = Duration::from_secs(60);
/// How long requests may go on after the shutdown began.
const DRAIN: Duration = Duration::from_secs(5);
/// Bytes of answers after which a batch is not continued; one answer may exceed it.
const MAX_ANSWERS: usize = 32 << 20;

/// Serves JSON-RPC until `shutdown` is ready. Limits come from the `rpc` section of the configuration, or are
/// the default ones.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    context: RpcContext,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let limits = match &context.config.rpc {
        Some(rpc) => rpc.clone(),
        None => RpcConfig::at(listener.local_addr()?),
    };
    let admission = Admission::start(
        Arc::new(Arc::clone(&context.ledger)) as Arc<dyn Submit>,
        Arc::clone(&context.relay),
        Arc::clone(&context.metrics),
        limits.admission_queue,
    )?;
    let server = Arc::new(Server {
        context,
        admission,
        nonce: rand::random(),
    });
    let router = Router::new()
        .route("/", post(call))
        .route("/health", get(health))
        .with_state((server, limits.max_batch))
        .layer(DefaultBodyLimit::max(limits.max_body_bytes))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::REQUEST_TIMEOUT,
            Duration::from_millis(limits.request_timeout_ms),
        ))
        .layer(CatchPanicLayer::custom(panicked));
    let connections = ConnectionLimits {
        connections: limits.max_connections,
        idle: IDLE,
        drain: DRAIN,
    };
    serve_http(listener, router, connections, shutdown).await
}

/// What handlers share: the server, and the longest batch.
type Shared = (Arc<Server>, usize);

async fn call(
    State((server, max_batch)): State<Shared>,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let begun = Instant::now();
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            let error = RpcError::INVALID_REQUEST.with(rejection.body_text());
            return json(rejection.status(), response::refusal(error));
        }
    };
    let answer = answer(&server, body, max_batch).await;
    server.context.metrics.rpc_request(begun.elapsed());
    match answer {
        Some(text) => json(StatusCode::OK, text),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The answer to a request; `None` when it has only notifications.
pub(super) async fn answer(server: &Arc<Server>, body: Bytes, max_batch: usize) -> Option<Vec<u8>> {
    let begun = match begin(server, &body, max_batch, false) {
        Ok(Begun::Started(started)) => Ok(started),
        Ok(Begun::TooHeavy) => {
            let server = Arc::clone(server);
            let begun = tokio::task::spawn_blocking(move || begin(&server, &body, max_batch, true));
            match begun.await {
                Ok(Ok(Begun::Started(started))) => Ok(started),
                Ok(Err(error)) => Err(error),
                Ok(Ok(Begun::TooHeavy)) | Err(_) => Err(RpcError::INTERNAL),
            }
        }
        Err(error) => Err(error),
    };
    match begun {
        Err(error) => Some(response::refusal(error)),
        Ok((started, is_batch)) => finish(server, started, is_batch).await,
    }
}

/// A request whose calls are under way, or one that must not run on this thread.
enum Begun {
    /// The calls, and whether they came as a batch.
    Started((Vec<Started>, bool)),
    /// Nothing was begun.
    TooHeavy,
}

fn begin(
    server: &Server,
    body: &[u8],
    max_batch: usize,
    heavy_allowed: bool,
) -> Result<Begun, RpcError> {
    let request = Request::parse(body, max_batch)?;
    let calls: Vec<Call<'_>> = request.calls().iter().map(|raw| Call::parse(raw)).collect();
    if !heavy_allowed && calls.iter().any(is_heavy) {
        return Ok(Begun::TooHeavy);
    }
    let alone = matches!(request, Request::Single(_));
    let mut size = 0;
    let started = calls.iter().map(|call| {
        if size > MAX_ANSWERS {
            let data = format!("the answers before this one exceed {MAX_ANSWERS} bytes");
            return Started::refused(call, RpcError::INTERNAL.with(data));
        }
        let started = server.start(call, alone);
        size += started.size();
        started
    });
    let started = started.collect();
    Ok(Begun::Started((
        started,
        matches!(request, Request::Batch(_)),
    )))
}

async fn finish(server: &Server, started: Vec<Started>, is_batch: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(160);
    for one in started {
        let (id, answer) = server.finish(one).await;
        let Some(id) = id else { continue };
        if is_batch {
            out.push(if out.is_empty() { b'[' } else { b',' });
        }
        response::write(&mut out, &id, &answer);
    }
    if out.is_empty() {
        return None;
    }
    if is_batch {
        out.push(b']');
    }
    Some(out)
}

async fn health(State((server, _)): State<Shared>) -> Response<Body> {
    match server.health() {
        Ok(text) => json(StatusCode::OK, text),
        Err(error) => json(StatusCode::INTERNAL_SERVER_ERROR, response::refusal(error)),
    }
}

fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    tracing::error!("a JSON-RPC handler panicked");
    let text = response::refusal(RpcError::INTERNAL);
    json(StatusCode::INTERNAL_SERVER_ERROR, text)
}

fn json(status: StatusCode, text: Vec<u8>) -> Response<Body> {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
