//! How a node adjusts itself to what it measures.
//!
//! Each parameter has a pure function that says from the measurements whether its value should be
//! another one; between «too much» and «too little» lies a band in which it stays. [`Tuned`] keeps a
//! value and follows such a function slowly: several opinions in a row are needed, and each time the
//! direction changes, twice as many. So a noisy network cannot make it swing.
//!
//! | module           | parameter                                        | who uses it |
//! |------------------|--------------------------------------------------|-------------|
//! | [`block_size`]   | transactions in a block of the own               | the engine  |
//! | [`fan_out`]      | peers that a batch of transactions is pushed to  | the node    |
//! | [`verification`] | signature checks that run at the same time       | the node    |

pub mod block_size;
pub mod fan_out;
pub mod verification;

/// Least and greatest value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Least value.
    pub least: u64,
    /// Greatest value; the least one wins where they contradict each other.
    pub most: u64,
}

impl Bounds {
    /// The nearest value within them.
    #[must_use]
    pub fn clamp(&self, value: u64) -> u64 {
        value.min(self.most).max(self.least)
    }

    /// The same with a lower upper bound.
    fn capped(self, most: u64) -> Self {
        Self {
            most: self.most.min(most),
            ..self
        }
    }
}

/// What else a node knows of its load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeLoad {
    /// Connected peers.
    pub peers: u32,
    /// Of a thousand transactions of proposed blocks, those that were not in the own pool.
    pub missing_per_mille: u32,
    /// Of a thousand transactions that peers pushed, those that were known already.
    pub repeated_per_mille: u32,
    /// How full the fullest queue to a peer is, in thousandths.
    pub send_queue_per_mille: u32,
    /// Signature checks that wait.
    pub verify_queue: u32,
    /// How much of the time the checking threads worked, in thousandths.
    pub verify_busy_per_mille: u32,
    /// Processors of the machine.
    pub cores: u32,
}

/// One adjustment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjustment {
    /// Name of the parameter.
    pub parameter: &'static str,
    /// Its value until now.
    pub from: u64,
    /// The better one.
    pub to: u64,
    /// What was measured.
    pub cause: String,
}

impl Adjustment {
    /// From one value to another within the bounds; `None` when that is the same.
    fn within(
        parameter: &'static str,
        from: u64,
        to: u64,
        bounds: Bounds,
        cause: impl FnOnce() -> String,
    ) -> Option<Self> {
        let to = bounds.clamp(to);
        (to != from).then(|| Self {
            parameter,
            from,
            to,
            cause: cause(),
        })
    }
}

/// Opinions in a row that move a value at first.
const OPINIONS: u32 = 8;
/// Most opinions in a row that a direction may need.
const MOST_OPINIONS: u32 = 1024;
/// Observations without an opinion after which swings are forgotten.
const CALM: u32 = 1024;

/// A value that follows its tuning function without swinging.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuned {
    value: u64,
    bounds: Bounds,
    /// Opinions in a row that the next move in a new direction needs.
    needed: u32,
    /// Opinions in a row so far: upwards or downwards, and how many.
    leaning: (bool, u32),
    /// Direction of the last move.
    last: Option<bool>,
    calm: u32,
}

impl Tuned {
    /// A parameter with its first value.
    #[must_use]
    pub fn new(value: u64, bounds: Bounds) -> Self {
        Self {
            value: bounds.clamp(value),
            bounds,
            needed: OPINIONS,
            leaning: (false, 0),
            last: None,
            calm: 0,
        }
    }

    /// The value now.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.value
    }

    /// Its bounds.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Takes the opinion of one observation: what the tuning function says of the current value. Gives
    /// it back when the value follows it.
    pub fn observe(&mut self, opinion: Option<Adjustment>) -> Option<Adjustment> {
        let Some(opinion) = opinion.filter(|opinion| opinion.to != self.value) else {
            self.leaning.1 = 0;
            self.calm = self.calm.saturating_add(1);
            if self.calm >= CALM {
                self.needed = OPINIONS;
                self.last = None;
            }
            return None;
        };
        self.calm = 0;
        let up = opinion.to > self.value;
        self.leaning = match self.leaning {
            (direction, count) if direction == up => (up, count.saturating_add(1)),
            _ => (up, 1),
        };
        let turns = self.last.is_some_and(|last| last != up);
        let needed = if turns { self.needed } else { OPINIONS };
        if self.leaning.1 < needed {
            return None;
        }
        if turns {
            self.needed = self.needed.saturating_mul(2).min(MOST_OPINIONS);
        }
        self.last = Some(up);
        self.leaning.1 = 0;
        let from = self.value;
        self.value = self.bounds.clamp(opinion.to);
        Some(Adjustment {
            from,
            to: self.value,
            ..opinion
        })
    }
}

#[cfg(test)]
mod testing;

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        least: 1,
        most: 100,
    };

    fn wants(from: u64, to: u64) -> Option<Adjustment> {
        Adjustment::within("test", from, to, BOUNDS, || "because".to_owned())
    }

    #[test]
    fn one_opinion_moves_nothing_and_several_in_a_row_do() {
        let mut tuned = Tuned::new(10, BOUNDS);
        for _ in 0..OPINIONS - 1 {
            assert_eq!(tuned.observe(wants(10, 20)), None);
        }
        assert_eq!(tuned.observe(None), None, "an interruption begins anew");
        for _ in 0..OPINIONS - 1 {
            assert_eq!(tuned.observe(wants(10, 20)), None);
        }
        assert_eq!(tuned.observe(wants(10, 20)), wants(10, 20));
        assert_eq!(tuned.value(), 20);
    }

    #[test]
    fn each_turn_needs_twice_as_many_opinions() {
        let mut tuned = Tuned::new(50, BOUNDS);
        let mut moves = Vec::new();
        // The opinion contradicts every move that was made.
        let mut last = 0;
        for observation in 0..10_000_u32 {
            let wanted = if tuned.value() <= 50 { 60 } else { 40 };
            if tuned.observe(wants(tuned.value(), wanted)).is_some() {
                moves.push(observation - last);
                last = observation;
            }
        }
        assert!(moves.len() <= 20, "{moves:?}");
        assert!(moves.last() > Some(&500), "{moves:?}");
    }

    #[test]
    fn a_value_stays_within_its_bounds() {
        assert_eq!(Tuned::new(500, BOUNDS).value(), 100);
        assert_eq!(wants(100, 200), None, "the greatest already");
        let contradictory = Bounds { least: 9, most: 3 };
        assert_eq!(contradictory.clamp(1), 9);
    }
}
