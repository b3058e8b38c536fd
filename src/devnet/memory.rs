//! Resident memory of the validators over the measured phase.

use std::convert::Infallible;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::processes::Processes;
use super::statistics::ratio;
use super::usage::resident_mb;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Most looks that are kept; a longer run keeps the first ones.
const MAX_SAMPLES: usize = 100_000;

/// A look at one process: seconds since the phase began, resident MiB.
type Sample = (f64, f64);

/// What was seen so far.
#[derive(Debug)]
pub(crate) struct MemoryWatch(Mutex<Vec<Vec<Sample>>>);

/// The memory of one validator over the measured phase, in MiB.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct MemoryFigures {
    /// Mean of the first tenth of the looks.
    pub(crate) start_mb: f64,
    /// Mean of the tenth in the middle.
    pub(crate) middle_mb: f64,
    /// Mean of the last tenth.
    pub(crate) end_mb: f64,
    /// Slope of the line through the second half, by least squares, in MiB a minute: caches are full by then.
    pub(crate) slope_mb_per_min: f64,
}

impl MemoryWatch {
    /// Nothing yet of so many validators.
    pub(crate) fn new(validators: usize) -> Self {
        Self(Mutex::new(vec![Vec::new(); validators]))
    }

    /// Looks once a second until it is dropped.
    pub(crate) async fn run(&self, processes: &Processes<'_>) -> Infallible {
        let began = Instant::now();
        let mut looks = interval(INTERVAL);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let at = began.elapsed().as_secs_f64();
            for (index, samples) in self.0.lock().iter_mut().enumerate() {
                let resident = processes.pid(index).and_then(resident_mb);
                if let Some(resident) = resident.filter(|_| samples.len() < MAX_SAMPLES) {
                    samples.push((at, resident));
                }
            }
        }
    }

    /// The figures of a validator, if it was seen at all.
    pub(crate) fn figures(&self, index: usize) -> Option<MemoryFigures> {
        MemoryFigures::of(self.0.lock().get(index)?)
    }
}

impl MemoryFigures {
    fn of(samples: &[Sample]) -> Option<Self> {
        let tenth = samples.len().div_ceil(10);
        let middle = samples.len().saturating_sub(tenth) / 2;
        let last = samples.len().saturating_sub(tenth);
        let mean = |from: usize| {
            let part = samples.get(from..from + tenth)?;
            let sum: f64 = part.iter().map(|(_, resident)| resident).sum();
            (!part.is_empty()).then(|| ratio(sum, part.len() as f64))
        };
        let half = samples.get(samples.len() / 2..).unwrap_or_default();
        Some(Self {
            start_mb: mean(0)?,
            middle_mb: mean(middle)?,
            end_mb: mean(last)?,
            slope_mb_per_min: ratio(slope(half) * 60.0, 1.0),
        })
    }
}

/// Slope of the line through samples by least squares; 0 for fewer than two moments.
fn slope(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean_at = samples.iter().map(|(at, _)| at).sum::<f64>() / count;
    let mean_of = samples.iter().map(|(_, of)| of).sum::<f64>() / count;
    let (mut rise, mut run) = (0.0, 0.0);
    for (at, of) in samples {
        rise += (at - mean_at) * (of - mean_of);
        run += (at - mean_at) * (at - mean_at);
    }
    if run > 0.0 { rise / run } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_shows_in_the_slope_and_a_first_jump_does_not() {
        let steady: Vec<_> = (0..60)
            .map(|at| (f64::from(at), 50.0 + 0.5 * f64::from(at)))
            .collect();
        let figures = MemoryFigures::of(&steady).unwrap();
        assert_eq!(figures.slope_mb_per_min, 30.0);
        assert_eq!((figures.start_mb, figures.end_mb), (51.25, 78.25));
        let jump: Vec<_> = (0..60)
            .map(|at| (f64::from(at), if at < 10 { 20.0 } else { 60.0 }))
            .collect();
        let figures = MemoryFigures::of(&jump).unwrap();
        assert_eq!((figures.slope_mb_per_min, figures.middle_mb), (0.0, 60.0));
        assert_eq!((figures.start_mb, figures.end_mb), (20.0, 60.0));
    }

    #[test]
    fn few_looks_are_enough_and_none_are_not() {
        assert_eq!(MemoryFigures::of(&[]), None);
        let one = MemoryFigures::of(&[(0.0, 7.0)]).unwrap();
        assert_eq!(
            (
                one.start_mb,
                one.middle_mb,
                one.end_mb,
                one.slope_mb_per_min
            ),
            (7.0, 7.0, 7.0, 0.0)
        );
    }
}
