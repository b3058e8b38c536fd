//! The log of a running process: entries are handed over and written by a thread of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::entry::Entry;
use crate::error::AuditError;
use crate::kind::Kind;
use crate::summing::Summing;
use crate::writer::{Found, Limits, Writer};

/// Entries that wait for the thread; further ones are counted.
const QUEUE: usize = 1_024;
/// Lines that wait for a disk that refuses; further ones are counted.
const MAX_PENDING: usize = 1_024;
/// How often sums are looked at, and a disk that refused is tried again.
const TICK: Duration = Duration::from_secs(1);

/// How the log does, for metrics and alerts.
#[derive(Debug, Default)]
pub struct Progress {
    lines: AtomicU64,
    next: AtomicU64,
    failures: AtomicU64,
    overflow: AtomicU64,
    failing: AtomicBool,
}

impl Progress {
    /// Lines written by this process.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Number of the next line.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Writes that failed; what they held is tried again.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Whether the last write failed.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }
}

enum Order {
    Take(u64, Entry),
    End,
}

/// Where entries go. Cheap to clone; taking one down never waits.
#[derive(Clone, Debug, Default)]
pub struct AuditLog {
    orders: Option<SyncSender<Order>>,
    progress: Arc<Progress>,
}

impl AuditLog {
    /// A log that keeps nothing.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes an entry down. When the thread is far behind it is counted instead.
    pub fn record(&self, entry: Entry) {
        let Some(orders) = &self.orders else { return };
        if let Err(TrySendError::Full(_)) = orders.try_send(Order::Take(unix_ms(), entry)) {
            self.progress.overflow.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How the log does.
    #[must_use]
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }
}

/// The thread that writes. [`AuditThread::end`] waits for the last line.
#[derive(Debug)]
pub struct AuditThread {
    orders: SyncSender<Order>,
    thread: JoinHandle<()>,
}

impl AuditThread {
    /// Writes what waits and what is counted, `last` as the last line, and ends.
    pub fn end(self, last: Entry) {
        // Both fail only if the thread is gone; then there is nothing to wait for.
        let _ = self.orders.send(Order::Take(unix_ms(), last));
        let _ = self.orders.send(Order::End);
        let _ = self.thread.join();
    }
}

/// Opens the log in a folder and starts its thread.
///
/// # Errors
/// As [`Writer::open`], or the system gives no thread.
pub fn start(folder: &Path, limits: Limits) -> Result<(AuditLog, AuditThread, Found), AuditError> {
    let (writer, found) = Writer::open(folder, limits, unix_ms())?;
    let progress = Arc::new(Progress::default());
    progress.next.store(writer.next_seq(), Ordering::Relaxed);
    let (orders, taken) = sync_channel(QUEUE);
    let work = Work {
        writer,
        progress: Arc::clone(&progress),
        began: Instant::now(),
        summing: Summing::new(0),
        pending: Vec::new(),
        tried: None,
    };
    let thread = std::thread::Builder::new()
        .name("audit".to_owned())
        .spawn(move || work.run(&taken))
        .map_err(AuditError::at(folder))?;
    let log = AuditLog {
        orders: Some(orders.clone()),
        progress,
    };
    Ok((log, AuditThread { orders, thread }, found))
}

struct Work {
    writer: Writer,
    progress: Arc<Progress>,
    began: Instant,
    summing: Summing,
    /// Lines for the next append.
    pending: Vec<(u64, Entry)>,
    /// When a write failed last, if the last one did.
    tried: Option<Instant>,
}

impl Work {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut ended = false;
        while !ended {
            match orders.recv_timeout(TICK) {
                Ok(order) => {
                    ended = self.take(order);
                    // What waits already shares one write.
                    while !ended && self.pending.len() < QUEUE {
                        let Ok(order) = orders.try_recv() else { break };
                        ended = self.take(order);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => ended = true,
            }
            let now = self.now_ms();
            let overflow = self.progress.overflow.swap(0, Ordering::Relaxed);
            if overflow > 0 {
                // Their kinds are not known any more.
                self.summing.suppress(Kind::Suppressed, overflow);
            }
            let due = match ended {
                // The last entry stays the last line.
                true => {
                    let last = self.pending.pop();
                    let rest = self.summing.drain(now);
                    self.keep(rest);
                    self.pending.extend(last);
                    Vec::new()
                }
                false => self.summing.due(now),
            };
            self.keep(due);
            let waits = self.tried.is_some_and(|at| at.elapsed() < TICK);
            if ended || !waits {
                self.write();
            }
        }
    }

    /// Takes an order; whether it is the end.
    fn take(&mut self, order: Order) -> bool {
        match order {
            Order::End => true,
            Order::Take(at, entry) => {
                let now = self.now_ms();
                if let Some(entry) = self.summing.take(now, entry) {
                    self.hold(at, entry);
                }
                false
            }
        }
    }

    fn keep(&mut self, entries: Vec<Entry>) {
        let at = unix_ms();
        for entry in entries {
            self.hold(at, entry);
        }
    }

    fn hold(&mut self, at: u64, entry: Entry) {
        if self.pending.len() < MAX_PENDING {
            self.pending.push((at, entry));
        } else {
            self.summing.suppress(entry.kind, 1);
        }
    }

    fn write(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        match self.writer.append(&self.pending) {
            Ok(()) => {
                self.progress
                    .lines
                    .fetch_add(self.pending.len() as u64, Ordering::Relaxed);
                self.progress
                    .next
                    .store(self.writer.next_seq(), Ordering::Relaxed);
                self.progress.failing.store(false, Ordering::Relaxed);
                self.pending.clear();
                self.tried = None;
            }
            Err(error) => {
                self.progress.failures.fetch_add(1, Ordering::Relaxed);
                self.progress.failing.store(true, Ordering::Relaxed);
                if self.tried.is_none() {
                    tracing::error!(%error, lines = self.pending.len(), "the audit log cannot be written; it is tried again every second");
                }
                self.tried = Some(Instant::now());
            }
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Milliseconds since 1970; 0 for a clock before that.
fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::read_lines;
    use crate::verify::verify;

    fn kinds(folder: &Path) -> Vec<String> {
        let mut kinds = Vec::new();
        read_lines(folder, |_, _, line| {
            kinds.push(line.unwrap().kind);
            true
        })
        .unwrap();
        kinds
    }

    #[test]
    fn entries_of_several_threads_are_one_chain_that_ends_with_the_last_word() {
        let folder = tempfile::tempdir().unwrap();
        let (log, thread, found) = start(folder.path(), Limits::default()).unwrap();
        assert_eq!(found, Found::default());
        std::thread::scope(|scope| {
            for number in 0..4 {
                let log = log.clone();
                scope.spawn(move || {
                    for at in 0..10 {
                        log.record(Entry::new(Kind::Finding).with("number", number * 10 + at));
                    }
                });
            }
        });
        for _ in 0..3 {
            log.record(Entry::new(Kind::Offence).alike("same"));
        }
        thread.end(Entry::new(Kind::Stop));
        let kinds = kinds(folder.path());
        assert_eq!(kinds.len(), 40 + 2 + 1, "{kinds:?}");
        assert_eq!(kinds[41..], ["offence", "stop"]);
        let report = verify(folder.path(), &[]).unwrap();
        assert!(report.is_whole());
        assert_eq!(report.head.unwrap().seq, 42);
        assert_eq!(log.progress().next_seq(), 43);
        // After the end nothing is taken and nothing hangs.
        log.record(Entry::new(Kind::Ban));
    }

    #[test]
    fn two_processes_cannot_write_one_log() {
        let folder = tempfile::tempdir().unwrap();
        let (_log, thread, _) = start(folder.path(), Limits::default()).unwrap();
        let error = start(folder.path(), Limits::default()).unwrap_err();
        assert!(matches!(error, AuditError::Busy { .. }), "{error}");
        thread.end(Entry::new(Kind::Stop));
        assert!(start(folder.path(), Limits::default()).is_ok());
    }

    #[test]
    fn a_log_that_keeps_nothing_takes_everything() {
        let log = AuditLog::none();
        log.record(Entry::new(Kind::Start));
        assert_eq!(log.progress().lines(), 0);
    }
}
