//! What happens because time passes.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use neo_primitives::UInt256;

use super::{
    event::NeoPeerId,
    peer::Peer,
    refusal::NeoRefusal,
    send_queue::Class,
    shared::Shared,
    sync::{Planned, Question},
    wire::{IndexRange, InventoryKind, Message},
};

/// Looks at everything that waits, until the network ends.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut ticks = tokio::time::interval(shared.config.timing.tick);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shared.ended() => return,
        }
        let repeat = shared.repetition.lock().is_due(shared.now());
        for peer in shared.up() {
            if repeat {
                shared.announce_consensus(&peer);
            }
            ping(&shared, &peer);
            ask_pool(&shared, &peer);
        }
        ask_others(&shared);
        let planned = shared.sync.lock().plan(shared.now());
        carry_out(&shared, planned);
    }
}

/// Sends a ping when it is time, and ends the connection when one was not answered.
fn ping(shared: &Shared, peer: &Peer) {
    let timing = &shared.config.timing;
    let overdue = peer.pings.lock().open.is_some_and(|sent| {
        let waited = shared.now().saturating_sub(sent);
        waited >= timing.ping_timeout
    });
    if overdue {
        peer.close(NeoRefusal::PingTimeout(timing.ping_timeout));
        return;
    }
    ping_after(shared, peer, timing.ping_interval);
}

/// Sends a ping if none is open and the last one was this long ago.
pub(crate) fn ping_after(shared: &Shared, peer: &Peer, pause: Duration) {
    let now = shared.now();
    {
        let mut pings = peer.pings.lock();
        if pings.open.is_some() || now.saturating_sub(pings.last) < pause {
            return;
        }
        pings.open = Some(now);
        pings.last = now;
    }
    let ping = Message::Ping(shared.ping());
    peer.send(Class::Control, &ping, &shared.counters);
}

/// Asks each peer for its pool when we have caught up with the chain, and again when its transactions were left aside
/// since.
fn ask_pool(shared: &Shared, peer: &Peer) {
    let ready = peer.is_full() && !shared.sync.lock().is_far_behind();
    if ready && !peer.asked_pool.swap(true, Relaxed) {
        peer.send(Class::Control, &Message::Mempool, &shared.counters);
    }
}

/// What did not come in time is asked of the next one that announced it.
fn ask_others(shared: &Shared) {
    let patience = shared.config.timing.data_timeout;
    let overdue = shared.wanted.lock().overdue(shared.now(), patience);
    let mut groups: HashMap<(NeoPeerId, InventoryKind), Vec<UInt256>> = HashMap::new();
    for (peer, (kind, hash)) in overdue {
        groups.entry((peer, kind)).or_default().push(hash);
    }
    for ((peer, kind), hashes) in groups {
        if let Some(peer) = shared.peer(peer) {
            shared.ask(&peer, kind, &hashes);
        }
    }
}

/// Sends the questions of a plan.
pub(crate) fn carry_out(shared: &Shared, planned: Planned) {
    for (peer, reason) in planned.cut_off {
        if let Some(peer) = shared.peer(peer) {
            peer.close(reason);
        }
    }
    for ask in planned.asks {
        let Some(peer) = shared.peer(ask.peer) else {
            continue;
        };
        let message = match ask.question {
            Question::Headers { from } => Message::GetHeaders(IndexRange {
                start: from,
                count: None,
            }),
            Question::Blocks { from, count } => Message::GetBlockByIndex(IndexRange {
                start: from,
                count: Some(count),
            }),
        };
        peer.send(Class::Control, &message, &shared.counters);
    }
}
