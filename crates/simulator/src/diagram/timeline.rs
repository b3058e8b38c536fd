//! The times on the left, shortened stretches, and notes on the whole network.

use super::axis::millis;
use super::draw::{Drawing, LEFT};
use super::style::{FAINT, GRID};
use super::svg::px;
use super::words::{LINE_PX, Letters, write_before, write_over};

/// How far the lines of the times reach to the left of the first validator.
const AXIS_PX: f64 = 22.0;

impl Drawing<'_> {
    pub(super) fn times(&mut self) {
        let (left, right) = (LEFT - AXIS_PX, self.right());
        for tick in self.axis.ticks() {
            let y = px(tick.y);
            self.svg.empty(
                "line",
                &[
                    ("class", "grid"),
                    ("x1", &px(left)),
                    ("x2", &px(right)),
                    ("y1", &y),
                    ("y2", &y),
                    ("stroke", GRID),
                    ("stroke-width", "0.7"),
                ],
            );
            let words = format!("{} ms", tick.words);
            write_before(
                &mut self.svg,
                left - 6.0,
                tick.y + 4.0,
                Letters::SMALL,
                &words,
            );
        }
        for gap in self.axis.breaks() {
            self.zigzag(left, right, gap.y);
            let words = format!("{} ms", millis(gap.length_us / 1000 * 1000));
            write_before(
                &mut self.svg,
                left - 6.0,
                gap.y - 3.0,
                Letters::SMALL,
                &words,
            );
            write_before(
                &mut self.svg,
                left - 6.0,
                gap.y + 9.0,
                Letters::SMALLEST,
                "shortened",
            );
        }
    }

    fn zigzag(&mut self, left: f64, right: f64, y: f64) {
        let mut d = format!("M{} {}", px(left), px(y));
        let mut x = left;
        let mut away = -3.0;
        while x < right {
            x += 8.0;
            d.push_str(&format!("L{} {}", px(x), px(y + away)));
            away = -away;
        }
        self.svg.empty(
            "path",
            &[
                ("class", "grid"),
                ("d", &d),
                ("fill", "none"),
                ("stroke", GRID),
                ("stroke-width", "1.2"),
            ],
        );
    }

    pub(super) fn notes(&mut self) {
        let right = self.right();
        let mut below = f64::NEG_INFINITY;
        for note in &self.scene.notes {
            let y = self.axis.y(note.at_us);
            self.svg.empty(
                "line",
                &[
                    ("class", "m4"),
                    ("x1", &px(LEFT - AXIS_PX)),
                    ("x2", &px(right)),
                    ("y1", &px(y)),
                    ("y2", &px(y)),
                    ("stroke", FAINT),
                    ("stroke-width", "1.4"),
                    ("stroke-dasharray", "7 4"),
                ],
            );
            let place = (y - 4.0).max(below + LINE_PX);
            below = place;
            write_over(
                &mut self.svg,
                LEFT + 10.0,
                place,
                Letters::NOTE,
                &note.words,
            );
        }
    }
}
