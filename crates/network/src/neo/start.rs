//! Puts the Neo N3 network together and lets it run.

use std::{net::SocketAddr, sync::Arc};

use tokio::net::TcpListener;

use super::{
    chain::NeoChain,
    config::NeoConfig,
    dialing,
    event::{NeoEvents, channels},
    handle::{EndOnDrop, NeoHandle},
    relay_cache::{CacheLimits, RelayCache},
    shared::{Parts, Shared},
    sync::{Link, Session, SyncLimits},
    ticker,
};
use crate::error::NetworkError;

/// Listens, dials and serves until the returned handle and its clones are dropped or shut down. Must be called
/// within a tokio runtime. `chain` has at least the genesis block.
///
/// # Errors
/// When the address cannot be listened on, or the chain has no header at its height.
pub fn start(
    config: NeoConfig,
    chain: Arc<dyn NeoChain>,
) -> Result<(NeoHandle, NeoEvents), NetworkError> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(NetworkError::NoRuntime);
    }
    let height = chain.height();
    let tip = chain.header(height).ok_or(NetworkError::NoHeader(height))?;
    let listener = config.listen.map(listen).transpose()?;
    let listening = listener.as_ref().and_then(|l| l.local_addr().ok());
    let (senders, events) = channels(config.limits.consensus_events, config.limits.bulk_events);
    let limits = &config.limits;
    let cache = RelayCache::new(CacheLimits {
        per_sender: limits.payloads_per_sender,
        payloads: limits.payloads,
        bytes: limits.payload_bytes,
    });
    let sync = Session::new(
        config.magic,
        Link::of(&tip.header),
        SyncLimits {
            block_window: limits.block_window,
            block_bytes: limits.block_window_bytes,
            header_window: limits.header_window,
            per_request: limits.blocks_per_request,
            timeout: config.timing.sync_timeout,
            store_timeout: config.timing.store_timeout,
        },
    );
    let shared = Arc::new(Shared::new(Parts {
        config,
        chain,
        listening,
        events: senders,
        cache,
        sync,
    }));
    if let Some(listener) = listener {
        tokio::spawn(dialing::listen(shared.clone(), listener));
    }
    for peer in &shared.config.peers {
        tokio::spawn(dialing::keep(shared.clone(), peer.clone()));
    }
    if shared.config.limits.wanted_peers > 0 {
        tokio::spawn(dialing::look_for_more(shared.clone()));
    }
    tokio::spawn(ticker::run(shared.clone()));
    let handle = NeoHandle {
        _end: Arc::new(EndOnDrop(shared.clone())),
        shared,
    };
    Ok((handle, events))
}

fn listen(address: SocketAddr) -> Result<TcpListener, NetworkError> {
    let failed = |source| NetworkError::Listen {
        address,
        transport: "tcp",
        source,
    };
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    TcpListener::from_std(listener).map_err(failed)
}
