//! The verification pool: the threads that check the signatures of consensus messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::verifier::Verifier;

/// Threads of its own, as many as tuning says. Admission of transactions has others, so that a flood of them does not
/// stand in front of votes.
#[derive(Debug)]
pub(crate) struct Checks {
    verifier: Arc<Verifier>,
    pool: RwLock<Arc<ThreadPool>>,
    /// How long jobs have waited for a thread since the start, in microseconds.
    waited_us: Arc<AtomicU64>,
}

impl Checks {
    /// A pool of this many threads, at least one.
    ///
    /// # Errors
    /// If they cannot be started.
    pub(crate) fn new(threads: u64) -> Result<Self, ThreadPoolBuildError> {
        Ok(Self {
            verifier: Arc::default(),
            pool: RwLock::new(build(threads)?),
            waited_us: Arc::default(),
        })
    }

    /// Threads that it has now.
    pub(crate) fn threads(&self) -> u64 {
        u64::try_from(self.pool.read().current_num_threads()).unwrap_or(u64::MAX)
    }

    /// Gives it another number of threads, at least one. What the old ones have begun or taken on they finish.
    ///
    /// # Errors
    /// If they cannot be started; then nothing changes.
    pub(crate) fn resize(&self, threads: u64) -> Result<(), ThreadPoolBuildError> {
        let new = build(threads)?;
        let old = std::mem::replace(&mut *self.pool.write(), new);
        drop(old);
        Ok(())
    }

    /// Checks signatures; `done` gets the outcome on a thread of the pool.
    pub(crate) fn spawn<T>(
        &self,
        job: impl FnOnce(&Verifier) -> T + Send + 'static,
        done: impl FnOnce(T) + Send + 'static,
    ) {
        let verifier = Arc::clone(&self.verifier);
        self.run(move || done(job(verifier.as_ref())));
    }

    fn run(&self, work: impl FnOnce() + Send + 'static) {
        let waited_us = Arc::clone(&self.waited_us);
        let since = Instant::now();
        self.pool.read().spawn(move || {
            let waited = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
            waited_us.fetch_add(waited, Relaxed);
            work();
        });
    }

    /// How long jobs have waited, all together, since the start. Over a time it is the mean length of the queue.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_micros(self.waited_us.load(Relaxed))
    }

    /// How long signatures have been checked, all together, since the start. Over a time it is the mean number of
    /// threads at work.
    pub(crate) fn worked(&self) -> Duration {
        self.verifier.worked()
    }
}

fn build(threads: u64) -> Result<Arc<ThreadPool>, ThreadPoolBuildError> {
    let threads = usize::try_from(threads).unwrap_or(usize::MAX).max(1);
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("verify-{index}"))
        .build()
        .map(Arc::new)
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, mpsc};

    use super::*;

    /// Jobs of which none ends before all have begun: they end only if so many run at a time.
    fn all_at_a_time(checks: &Checks, jobs: usize) {
        let (done, ended) = mpsc::channel();
        let barrier = Arc::new(Barrier::new(jobs));
        for _ in 0..jobs {
            let (barrier, done) = (Arc::clone(&barrier), done.clone());
            checks.run(move || {
                barrier.wait();
                let _ = done.send(());
            });
        }
        drop(done);
        assert_eq!(ended.iter().count(), jobs);
    }

    /// The most jobs of many that ever ran at a time.
    fn most_at_a_time(checks: &Checks) -> u64 {
        let (running, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (done, ended) = mpsc::channel::<()>();
        for _ in 0..200 {
            let (running, most, done) = (running.clone(), most.clone(), done.clone());
            checks.run(move || {
                most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
                std::thread::yield_now();
                running.fetch_sub(1, Relaxed);
                drop(done);
            });
        }
        drop(done);
        assert!(ended.recv().is_err(), "all have ended");
        most.load(Relaxed)
    }

    #[test]
    fn the_number_of_threads_is_the_number_of_checks_at_a_time() {
        let checks = Checks::new(2).unwrap();
        all_at_a_time(&checks, 2);
        checks.resize(5).unwrap();
        assert_eq!(checks.threads(), 5);
        all_at_a_time(&checks, 5);
        checks.resize(1).unwrap();
        assert_eq!(most_at_a_time(&checks), 1);
        checks.resize(0).unwrap();
        assert_eq!(checks.threads(), 1, "none at all would check nothing");
    }

    #[test]
    fn what_the_old_threads_took_on_is_done_after_a_change() {
        let checks = Checks::new(1).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let (done, ended) = mpsc::channel();
        checks.run(move || held.recv().unwrap_or_default());
        for number in 0..10 {
            let done = done.clone();
            checks.run(move || done.send(number).unwrap_or_default());
        }
        drop(done);
        checks.resize(3).unwrap();
        drop(release);
        let mut all: Vec<_> = ended.iter().collect();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
        assert!(checks.waited() > Duration::ZERO);
    }
}
