//! From virtual time to a place on the page.
//!
//! Time runs downwards and in proportion, except that a stretch in which nothing new happens is shortened; the
//! diagram shows the break and its length.

use super::scene::Arrow;

/// Stretches that would take more than this are shortened to it.
const LONGEST_GAP_PX: f64 = 100.0;
/// Most that the whole time may take.
const MOST_PX: f64 = 2_600.0;
/// Least distance of two tick labels.
const TICK_PX: f64 = 30.0;

/// Of a flight that is not known, as of a message whose loss was known when it was sent.
const SHORTEST_FLIGHT_US: u64 = 200;

/// A stretch of time between two neighbouring instants.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from_us: u64,
    until_us: u64,
    top: f64,
    height: f64,
    shortened: bool,
}

/// A shortened stretch, for drawing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Break {
    /// Its middle on the page.
    pub(super) y: f64,
    /// Its true length.
    pub(super) length_us: u64,
}

/// A labelled moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) y: f64,
    pub(super) words: String,
}

/// The mapping of times to the page.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    stretches: Vec<Stretch>,
    px_per_us: f64,
    zero_us: u64,
}

impl Axis {
    /// An axis that begins at `top` pixels and gives room to these instants; `flight_us` is the usual flight of a
    /// message, and takes `flight_px`.
    pub(super) fn new(
        mut instants: Vec<u64>,
        flight_us: u64,
        flight_px: f64,
        zero_us: u64,
        top: f64,
    ) -> Self {
        instants.sort_unstable();
        instants.dedup();
        let mut px_per_us = flight_px / (flight_us.max(1) as f64);
        let mut longest = LONGEST_GAP_PX;
        let whole = |px_per_us: f64, longest: f64| -> f64 {
            let gaps = instants.array_windows().map(|[a, b]| (b - a) as f64);
            gaps.map(|gap| (gap * px_per_us).min(longest)).sum()
        };
        let needed = whole(px_per_us, longest);
        if needed > MOST_PX {
            px_per_us *= MOST_PX / needed;
            longest *= MOST_PX / needed;
        }
        let mut y = top;
        let mut stretches = Vec::with_capacity(instants.len());
        for [from_us, until_us] in instants.array_windows().copied() {
            let true_height = (until_us - from_us) as f64 * px_per_us;
            let height = true_height.min(longest);
            stretches.push(Stretch {
                from_us,
                until_us,
                top: y,
                height,
                shortened: true_height > longest * 1.05,
            });
            y += height;
        }
        if stretches.is_empty() {
            let only = instants.first().copied().unwrap_or(zero_us);
            stretches.push(Stretch {
                from_us: only,
                until_us: only,
                top,
                height: 0.0,
                shortened: false,
            });
        }
        Self {
            stretches,
            px_per_us,
            zero_us,
        }
    }

    /// Where a moment is; moments outside are at the ends.
    pub(super) fn y(&self, at_us: u64) -> f64 {
        let after = self.stretches.partition_point(|s| s.until_us < at_us);
        let Some(stretch) = self.stretches.get(after) else {
            return self.bottom();
        };
        let length = stretch.until_us - stretch.from_us;
        if length == 0 {
            return stretch.top;
        }
        let share = at_us.saturating_sub(stretch.from_us) as f64 / length as f64;
        stretch.top + stretch.height * share
    }

    /// Lowest place.
    pub(super) fn bottom(&self) -> f64 {
        self.stretches.last().map_or(0.0, |s| s.top + s.height)
    }

    /// The shortened stretches.
    pub(super) fn breaks(&self) -> Vec<Break> {
        let shortened = self.stretches.iter().filter(|s| s.shortened);
        shortened
            .map(|s| Break {
                y: s.top + s.height / 2.0,
                length_us: s.until_us - s.from_us,
            })
            .collect()
    }

    /// Round moments, far enough from each other and from breaks.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let step = self.step_us();
        // The first moment has a label in any case.
        let mut ticks = vec![Tick {
            y: self.y(self.zero_us),
            words: millis(0),
        }];
        for stretch in &self.stretches {
            if stretch.shortened {
                continue;
            }
            let begin = stretch.from_us.max(self.zero_us) - self.zero_us;
            let end = stretch.until_us.max(self.zero_us) - self.zero_us;
            let mut at = begin.div_ceil(step) * step;
            while at <= end {
                let y = self.y(at + self.zero_us);
                let far = ticks.last().is_none_or(|last| y - last.y >= TICK_PX * 0.8);
                if far {
                    ticks.push(Tick {
                        y,
                        words: millis(at),
                    });
                }
                at += step;
            }
        }
        ticks
    }

    /// 1, 2 or 5 times a power of ten microseconds, of at least [`TICK_PX`].
    fn step_us(&self) -> u64 {
        let mut power = 1_u64;
        loop {
            for factor in [1, 2, 5] {
                let step = power * factor;
                if step as f64 * self.px_per_us >= TICK_PX || power >= 1_000_000_000 {
                    return step;
                }
            }
            power *= 10;
        }
    }
}

/// Median flight of the messages that arrived.
pub(super) fn usual_flight(arrows: &[Arrow]) -> u64 {
    let arrived = arrows.iter().filter(|arrow| arrow.arrived && !arrow.again);
    let mut flights: Vec<u64> = arrived
        .map(|arrow| arrow.end_us.saturating_sub(arrow.sent_us))
        .collect();
    flights.sort_unstable();
    let median = flights.get(flights.len() / 2).copied().unwrap_or(10_000);
    median.max(SHORTEST_FLIGHT_US)
}

/// Milliseconds without needless digits: `12`, `0.5`, `1.25`.
pub(super) fn millis(micros: u64) -> String {
    let whole = micros / 1000;
    match micros % 1000 {
        0 => format!("{whole}"),
        rest => format!("{whole}.{rest:03}")
            .trim_end_matches('0')
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis() -> Axis {
        // Two bursts with a second of nothing between them.
        Axis::new(
            vec![0, 10_000, 20_000, 1_020_000, 1_030_000],
            10_000,
            62.0,
            0,
            100.0,
        )
    }

    #[test]
    fn time_is_in_proportion_within_a_burst() {
        let axis = axis();
        assert_eq!(axis.y(0), 100.0);
        assert_eq!(axis.y(10_000), 162.0);
        assert_eq!(axis.y(5_000), 131.0);
        assert_eq!(axis.y(1_030_000) - axis.y(1_020_000), 62.0);
    }

    #[test]
    fn nothing_for_long_is_shortened_and_said() {
        let axis = axis();
        let breaks = axis.breaks();
        assert_eq!(breaks.len(), 1);
        assert_eq!(breaks[0].length_us, 1_000_000);
        assert!(axis.y(1_020_000) - axis.y(20_000) <= LONGEST_GAP_PX);
    }

    #[test]
    fn later_is_never_higher() {
        let axis = axis();
        let places: Vec<f64> = (0..1_100).map(|ms| axis.y(ms * 1000)).collect();
        assert!(places.array_windows().all(|[a, b]| a <= b));
        assert_eq!(axis.y(5_000_000), axis.bottom());
    }

    #[test]
    fn much_time_is_squeezed_into_the_page() {
        let instants: Vec<u64> = (0..10_000).map(|i| i * 10_000).collect();
        let axis = Axis::new(instants, 10_000, 62.0, 0, 0.0);
        assert!(axis.bottom() <= MOST_PX + 1.0);
    }

    #[test]
    fn ticks_are_round_and_apart() {
        let ticks = axis().ticks();
        assert_eq!(ticks[0].words, "0");
        assert_eq!(ticks[1].words, "5");
        assert!(ticks.array_windows().all(|[a, b]| b.y - a.y >= 20.0));
        assert!(ticks.iter().any(|tick| tick.words == "1025"));
    }

    #[test]
    fn an_axis_of_nothing_is_one_place() {
        let axis = Axis::new(Vec::new(), 0, 62.0, 7, 50.0);
        assert_eq!(axis.y(7), 50.0);
        assert_eq!(axis.bottom(), 50.0);
        assert_eq!(axis.ticks().len(), 1);
    }

    #[test]
    fn milliseconds_without_needless_digits() {
        assert_eq!(millis(12_000), "12");
        assert_eq!(millis(1_250), "1.25");
        assert_eq!(millis(7), "0.007");
    }
}
