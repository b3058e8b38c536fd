//! Writes the control lane: our hello first, then roles, statuses and heartbeats.

use std::{io, sync::Arc, time::Duration};

use futures::{AsyncWrite, AsyncWriteExt};
use neo_primitives::Encode;
use tokio::{
    sync::{oneshot, watch},
    time::{Instant, sleep_until, timeout},
};

use crate::{
    control::Control,
    error::Refusal,
    hello::Greeting,
    lanes::Lane,
    peer::Peer,
    pulse::Pulse,
    shared::Shared,
    tasks::{Reporter, beats_fast, patience_with},
};

/// Least time between two statuses, and between two lists of validators that we reach: blocks can follow each other faster than anybody needs to know.
const STATUS_PAUSE: Duration = Duration::from_millis(10);

/// What the writer of a control lane needs.
pub(crate) struct ControlWriter {
    pub(crate) shared: Arc<Shared>,
    pub(crate) reporter: Reporter,
    pub(crate) pulse: Arc<Pulse>,
    /// Our hello, until it is sent.
    pub(crate) greeting: Option<Greeting>,
    /// Gives the peer once the mesh has accepted its hello.
    pub(crate) accepted: oneshot::Receiver<Arc<Peer>>,
    /// Whether the peer's consensus messages are welcome.
    pub(crate) role: watch::Receiver<bool>,
}

/// Runs until the connection ends.
pub(crate) async fn write_control<W: AsyncWrite + Unpin>(io: W, mut task: ControlWriter) {
    let reporter = task.reporter.clone();
    let patience = task.shared.timing.write_timeout;
    if let Err(refusal) = run(io, &mut task, patience).await {
        reporter.cut(refusal).await;
    }
}

async fn run<W: AsyncWrite + Unpin>(
    mut io: W,
    task: &mut ControlWriter,
    patience: Duration,
) -> Result<(), Refusal> {
    let shared = task.shared.clone();
    let mut out = Vec::with_capacity(256);
    if let Some(greeting) = task.greeting.take() {
        let Some(hello) = greeting.complete().await else {
            return Err(Refusal::Lane {
                lane: Lane::Control.name(),
                reason: "the proof of our own key cannot be had".to_owned(),
            });
        };
        append(&mut out, &hello.to_bytes());
    }
    write(&mut io, &out, &shared, patience).await?;
    let Ok(peer) = (&mut task.accepted).await else {
        return Ok(());
    };
    let mut status = shared.status.subscribe();
    let mut watched = shared.watched.subscribe();
    let mut reach = shared.reach.subscribe();
    reach.mark_changed();
    task.role.mark_changed();
    // The hello may tell of a block that is not the last any more.
    status.mark_changed();
    let mut next_beat = Instant::now();
    let mut next_status = Instant::now();
    let mut next_reach = Instant::now();
    // What the remote knows of our wish, and the pause before the next heartbeat as it was.
    let mut told = None;
    let mut last_pace = Duration::MAX;
    loop {
        out.clear();
        let mut frames = 0;
        if task.role.has_changed().unwrap_or(false) {
            let consensus = *task.role.borrow_and_update();
            append(&mut out, &Control::Role { consensus }.to_bytes());
            frames += 1;
            next_beat = Instant::now();
        }
        if next_status <= Instant::now() && status.has_changed().unwrap_or(false) {
            next_status = Instant::now() + STATUS_PAUSE;
            let (height, tip) = *status.borrow_and_update();
            append(&mut out, &Control::Status { height, tip }.to_bytes());
            frames += 1;
        }
        let mutual = peer.is_mutual();
        if mutual && next_reach <= Instant::now() && reach.has_changed().unwrap_or(false) {
            next_reach = Instant::now() + STATUS_PAUSE;
            let validators = reach.borrow_and_update().iter().copied().collect();
            append(&mut out, &Control::Reach { validators }.to_bytes());
            frames += 1;
        }
        let now_watched = watched.borrow_and_update().clone();
        let is_watched = |key| mutual && now_watched.contains(key);
        let watching = peer.key.as_ref().is_some_and(is_watched);
        let wanted = watching.then_some(shared.timing.watch_heartbeat);
        let usual = match (wanted, beats_fast(&peer)) {
            (Some(wanted), _) => wanted.min(shared.timing.heartbeat),
            (None, true) => shared.timing.heartbeat,
            (None, false) => shared.timing.stranger_heartbeat,
        };
        let pace = task.pulse.pace(usual);
        if wanted != told || pace < last_pace {
            // The remote is to know at once, or wants to hear more.
            next_beat = Instant::now();
        }
        (told, last_pace) = (wanted, pace);
        if next_beat <= Instant::now() {
            let now_us = shared.clock.now_us();
            let silent = peer.silent(now_us);
            if silent > patience_with(&shared, &peer) {
                return Err(Refusal::Silent(silent));
            }
            append(&mut out, &task.pulse.beat(now_us, wanted).to_bytes());
            frames += 1;
            next_beat = Instant::now() + pace;
        }
        if frames > 0 {
            write(&mut io, &out, &shared, patience).await?;
        }
        let now = Instant::now();
        let pausing = next_status > now;
        let told_lately = next_reach > now;
        let pauses = [(pausing, next_status), (told_lately, next_reach)];
        let wake = pauses
            .into_iter()
            .filter_map(|(pausing, until)| pausing.then_some(until))
            .fold(next_beat, Instant::min);
        tokio::select! {
            changed = task.role.changed() => if changed.is_err() { return Ok(()) } else { task.role.mark_changed() },
            changed = status.changed(), if !pausing => if changed.is_err() { return Ok(()) } else { status.mark_changed() },
            changed = reach.changed(), if !told_lately && mutual => if changed.is_err() { return Ok(()) } else { reach.mark_changed() },
            changed = watched.changed() => if changed.is_err() { return Ok(()) },
            () = task.pulse.hurry.notified() => {}
            () = sleep_until(wake) => {}
        }
    }
}

fn append(out: &mut Vec<u8>, frame: &[u8]) {
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(frame);
}

async fn write<W: AsyncWrite + Unpin>(
    io: &mut W,
    out: &[u8],
    shared: &Shared,
    patience: Duration,
) -> Result<(), Refusal> {
    let lane = Lane::Control.name();
    let written = timeout(patience, async {
        io.write_all(out).await?;
        io.flush().await?;
        io::Result::Ok(())
    });
    match written.await {
        Ok(Ok(())) => {
            shared.counters.control_sent.count(out.len());
            Ok(())
        }
        Ok(Err(error)) => Err(Refusal::Lane {
            lane,
            reason: error.to_string(),
        }),
        Err(_) => Err(Refusal::SlowReader {
            lane,
            timeout: patience,
        }),
    }
}
