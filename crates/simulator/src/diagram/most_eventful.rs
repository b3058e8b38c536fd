//! Which height of a run is worth a picture.

use std::collections::BTreeMap;

use crate::trace::{Happening, TraceEvent, TraceSink};

/// Looks for the height in which the most view changes happened.
#[derive(Clone, Debug, Default)]
pub struct Views(BTreeMap<u32, (u32, usize)>);

impl Views {
    /// The height with the highest view; of several the one in which more nodes entered views, then the lowest. 1
    /// when no view was entered at all.
    #[must_use]
    pub fn height(&self) -> u32 {
        let best = self
            .0
            .iter()
            .max_by(|(low, one), (high, other)| one.cmp(other).then(high.cmp(low)));
        best.map_or(1, |(height, _)| *height)
    }
}

impl TraceSink for Views {
    fn event(&mut self, event: &TraceEvent) {
        if let Happening::ViewEntered { height, view } = event.what {
            let (highest, entries) = self.0.entry(height).or_default();
            *highest = (*highest).max(view);
            *entries += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(entered: &[(u32, u32)]) -> u32 {
        let mut views = Views::default();
        for (height, view) in entered.iter().copied() {
            views.event(&TraceEvent {
                at_us: 0,
                node: Some(0),
                what: Happening::ViewEntered { height, view },
            });
        }
        views.height()
    }

    #[test]
    fn the_highest_view_wins_and_the_lowest_height_among_equals() {
        assert_eq!(of(&[]), 1);
        assert_eq!(of(&[(5, 1), (3, 1)]), 3);
        assert_eq!(of(&[(5, 1), (3, 1), (5, 1)]), 5);
        assert_eq!(of(&[(5, 1), (5, 1), (7, 2)]), 7);
    }
}
