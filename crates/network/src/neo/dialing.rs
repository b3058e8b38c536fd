//! Connections that we take and make.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::{connection, doors::Entrance, refusal::NeoRefusal, shared::Shared};

/// Known addresses that are dialled at a time (neo-go: 20).
const ATTEMPTS: usize = 20;
/// How often known addresses are looked through.
const LOOK: Duration = Duration::from_millis(500);
/// Pause after the system gave no connection, for instance for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes connections until the network ends.
pub(crate) async fn listen(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.ended() => return,
        };
        match accepted {
            Ok((stream, address)) => match shared.reserve(address.ip(), Entrance::Taken) {
                Ok(()) => {
                    let shared = shared.clone();
                    tokio::spawn(async move {
                        connection::run(shared.clone(), stream, address, false).await;
                        shared.release(address.ip());
                    });
                }
                Err(reason) => {
                    shared.counters.refused(&reason);
                    tracing::debug!(peer = %address, "Neo N3 connection refused: {reason}");
                }
            },
            Err(error) => {
                tracing::warn!(%error, "cannot take a Neo N3 connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Makes one connection and serves it to its end.
async fn dial(
    shared: &Arc<Shared>,
    address: SocketAddr,
    entrance: Entrance,
) -> Result<NeoRefusal, NeoRefusal> {
    shared.reserve(address.ip(), entrance)?;
    let patience = shared.config.timing.dial_timeout;
    let reason = match timeout(patience, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(connection::run(shared.clone(), stream, address, true).await),
        Ok(Err(error)) => Err(NeoRefusal::Lost(error.to_string())),
        Err(_) => Err(NeoRefusal::HandshakeTimeout(patience)),
    };
    shared.release(address.ip());
    reason
}

/// Whether a peer is connected that listens there.
fn is_connected(shared: &Shared, address: &SocketAddr) -> bool {
    let peers = shared.peers.read();
    peers
        .values()
        .any(|peer| peer.address == *address || peer.listening().as_ref() == Some(address))
}

/// Keeps a configured peer connected until the network ends, with pauses that grow as long as it does not answer.
pub(crate) async fn keep(shared: Arc<Shared>, name: String) {
    let timing = shared.config.timing.clone();
    let mut pause = timing.redial_min;
    loop {
        let begin = shared.now();
        tokio::select! {
            own = attempt(&shared, &name) => {
                if own {
                    tracing::warn!(peer = %name, "this Neo N3 peer is ourselves, it is not dialled any more");
                    return;
                }
            }
            () = shared.ended() => return,
        }
        // A connection that lasted begins anew with the short pause.
        if shared.now().saturating_sub(begin) >= timing.redial_max {
            pause = timing.redial_min;
        }
        let jitter = pause.mul_f64(rand::random::<f64>() / 2.0);
        tokio::select! {
            () = sleep(pause + jitter) => {}
            () = shared.ended() => return,
        }
        pause = (pause * 2).min(timing.redial_max);
    }
}

/// Tries the addresses of a name until one connection has come about and ended. True if we have reached ourselves.
async fn attempt(shared: &Arc<Shared>, name: &str) -> bool {
    let addresses = match tokio::net::lookup_host(name).await {
        Ok(addresses) => addresses,
        Err(error) => {
            tracing::debug!(peer = name, %error, "cannot resolve the Neo N3 peer");
            return false;
        }
    };
    for address in addresses {
        if is_connected(shared, &address) {
            return false;
        }
        match dial(shared, address, Entrance::Configured).await {
            Ok(NeoRefusal::OwnNonce(_)) => {
                shared.book.lock().is_own(address);
                return true;
            }
            Ok(_) => return false,
            Err(reason) => tracing::debug!(peer = %address, "Neo N3 peer not reached: {reason}"),
        }
    }
    false
}

/// Looks for as many connections as wanted among known addresses, until the network ends.
pub(crate) async fn look_for_more(shared: Arc<Shared>) {
    let under_way = Arc::new(AtomicUsize::new(0));
    let dialled = Arc::new(parking_lot::Mutex::new(HashSet::new()));
    loop {
        tokio::select! {
            () = sleep(LOOK) => {}
            () = shared.ended() => return,
        }
        let there = shared.peers.read().len();
        let open = under_way.load(Relaxed);
        let missing = shared
            .config
            .limits
            .wanted_peers
            .saturating_sub(there.max(open));
        let room = ATTEMPTS.saturating_sub(open).min(missing);
        if room == 0 {
            continue;
        }
        let picked = {
            let mut taken: HashSet<SocketAddr> = dialled.lock().clone();
            taken.extend(shared.up().iter().filter_map(|peer| peer.listening()));
            let random = rand::random::<u32>() as usize;
            shared.book.lock().pick(room, &taken, shared.now(), random)
        };
        for address in picked {
            under_way.fetch_add(1, Relaxed);
            dialled.lock().insert(address);
            let (shared, under_way, dialled) = (shared.clone(), under_way.clone(), dialled.clone());
            tokio::spawn(async move {
                try_known(&shared, address).await;
                under_way.fetch_sub(1, Relaxed);
                dialled.lock().remove(&address);
            });
        }
    }
}

async fn try_known(shared: &Arc<Shared>, address: SocketAddr) {
    let outcome = dial(shared, address, Entrance::Sought).await;
    let now = shared.now();
    let mut book = shared.book.lock();
    match outcome {
        Ok(NeoRefusal::OwnNonce(_)) => book.is_own(address),
        Ok(reason) if reason.is_offence() => book.shun(&address, now),
        // Its place is taken for now, by itself or by others.
        Ok(_) => book.failed(&address, now),
        Err(reason) => {
            tracing::debug!(peer = %address, "Neo N3 peer not reached: {reason}");
            book.failed(&address, now);
        }
    }
}
