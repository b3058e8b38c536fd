//! `GET /metrics`.

use std::{future::Future, io, sync::Arc, time::Duration};

use axum::{Router, http::header, routing::get};
use tokio::net::TcpListener;

use super::{Metrics, Sources};
use crate::rpc::listen::{ConnectionLimits, serve_http};

/// The media type of OpenMetrics text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `GET /metrics` until `shutdown` is ready.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    sources: Sources,
    shutdown: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let scrape = move || {
        let text = metrics.encode(Some(&sources));
        async move { ([(header::CONTENT_TYPE, OPEN_METRICS)], text) }
    };
    let router = Router::new().route("/metrics", get(scrape));
    let limits = ConnectionLimits {
        connections: 64,
        idle: Duration::from_secs(60),
        drain: Duration::from_secs(1),
    };
    serve_http(listener, router, limits, shutdown).await
}
