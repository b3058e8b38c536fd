//! Lines, messages and marks.

use super::draw::{Drawing, RIGHT};
use super::scene::{Arrow, Ink, Mark, Stage};
use super::style;
use super::svg::px;
use super::words::{LETTER_PX, LINE_PX, Letters, shorten, write_centred, write_over};

/// Arrows with a tooltip each; more would make the file too big for a browser.
const TOOLTIPS: usize = 4_000;
/// The head of an arrow ends so far from the middle of a line.
const HEAD_PX: f64 = 3.5;
/// Part of its way that a lost message is drawn.
const LOST_AT: f64 = 0.55;

impl Drawing<'_> {
    pub(super) fn lanes(&mut self) {
        let top = self.axis.y(0);
        let bottom = self.axis.bottom();
        let dense = !self.wordy();
        for (position, lane) in self.scene.lanes.iter().enumerate() {
            let x = self.x(position);
            self.svg.open(
                "g",
                &[("class", "lane"), ("data-lane", &position.to_string())],
            );
            let ends = lane.stages.iter().skip(1).map(|(at, _)| self.axis.y(*at));
            let ends: Vec<f64> = ends.chain([bottom]).collect();
            for (index, ((at, stage), end)) in lane.stages.iter().zip(ends).enumerate() {
                let begin = if index == 0 { top } else { self.axis.y(*at) };
                let (class, light, _, width) = style::stage(*stage);
                let dash = if *stage == Stage::Down { "2 5" } else { "none" };
                self.svg.empty(
                    "line",
                    &[
                        ("class", class),
                        ("x1", &px(x)),
                        ("x2", &px(x)),
                        ("y1", &px(begin)),
                        ("y2", &px(end)),
                        ("stroke", light),
                        ("stroke-width", width),
                        ("stroke-dasharray", dash),
                    ],
                );
            }
            self.svg.close("g");
            let skip = dense && self.spacing < 24.0 && position % 5 != 0;
            if !skip {
                let words = if dense {
                    position.to_string()
                } else {
                    lane.name.clone()
                };
                write_centred(&mut self.svg, x, top - 28.0, Letters::NAME, &words);
                if !dense {
                    write_centred(&mut self.svg, x, top - 13.0, Letters::SMALL, &lane.role);
                }
            }
        }
    }

    pub(super) fn arrows(&mut self) {
        let tooltips = self.scene.arrows.len() <= TOOLTIPS;
        for arrow in &self.scene.arrows {
            let (x1, y1) = (self.x(arrow.from), self.axis.y(arrow.sent_us));
            let (mut x2, mut y2) = (self.x(arrow.to), self.axis.y(arrow.end_us));
            // The head ends at the edge of the line, a lost message half way.
            let length = (x2 - x1).abs().max(1.0);
            let share = if arrow.arrived {
                1.0 - HEAD_PX / length
            } else {
                LOST_AT
            };
            x2 = x1 + (x2 - x1) * share;
            y2 = y1 + (y2 - y1) * share;
            let (class, light, _) = style::ink(arrow.ink);
            let (width, opacity) = match (in_background(arrow), self.wordy()) {
                (false, true) => ("1.5", "0.95"),
                (false, false) => ("0.8", "0.6"),
                (true, _) => ("0.8", "0.5"),
            };
            let d = format!("M{} {}L{} {}", px(x1), px(y1), px(x2), px(y2));
            let head = format!("url(#h-{class})");
            let state = if arrow.arrived { "delivered" } else { "lost" };
            let classes = format!("arrow {state} {class}");
            let mut attributes = vec![
                ("class", classes.as_str()),
                ("d", &d),
                ("fill", "none"),
                ("stroke", light),
                ("stroke-width", width),
                ("opacity", opacity),
            ];
            if arrow.arrived {
                attributes.push(("marker-end", &head));
            } else {
                attributes.push(("stroke-dasharray", "5 3"));
            }
            if tooltips {
                self.svg.open("path", &attributes);
                self.svg.with_text("title", &[], &arrow.words);
                self.svg.close("path");
            } else {
                self.svg.empty("path", &attributes);
            }
            if !arrow.arrived {
                let cross = format!("M{} {}l7 7m0-7l-7 7", px(x2 - 3.5), px(y2 - 3.5));
                self.svg.empty(
                    "path",
                    &[
                        ("class", class),
                        ("d", &cross),
                        ("fill", "none"),
                        ("stroke", light),
                        ("stroke-width", "1.8"),
                        ("opacity", opacity),
                    ],
                );
            }
        }
    }

    pub(super) fn marks(&mut self) {
        for lane in 0..self.scene.lanes.len() {
            let mut marks: Vec<&Mark> =
                self.scene.marks.iter().filter(|m| m.lane == lane).collect();
            marks.sort_by_key(|mark| mark.at_us);
            let x = self.x(lane);
            let mut sign_below = f64::NEG_INFINITY;
            let mut words_below = f64::NEG_INFINITY;
            for mark in marks {
                let true_y = self.axis.y(mark.at_us);
                // Signs of one moment stand below each other, so that each is seen.
                let y = true_y.max(sign_below + LINE_PX);
                sign_below = y;
                self.svg.open("g", &[("class", "mark")]);
                self.svg.with_text(
                    "title",
                    &[],
                    &format!("{}: {}", self.scene.lanes[lane].name, mark.words),
                );
                style::draw_sign(&mut self.svg, mark.sign, x, y);
                self.svg.close("g");
                if self.wordy() {
                    let last = lane + 1 == self.scene.lanes.len();
                    let room = if last { RIGHT } else { self.spacing };
                    let letters = ((room - 14.0) / LETTER_PX) as usize;
                    let words = shorten(&mark.words, letters.max(6));
                    let place = (y + 4.0).max(words_below + LINE_PX);
                    words_below = place;
                    write_over(&mut self.svg, x + 11.0, place, Letters::LABEL, &words);
                }
            }
        }
    }
}

/// Whether a message is drawn thin and gets no room of its own, so that waiting stays short: repetitions, questions and
/// their answers. What they bring about is marked.
pub(super) fn in_background(arrow: &Arrow) -> bool {
    arrow.again
        || matches!(
            arrow.ink,
            Ink::RecoveryRequest | Ink::RecoveryMessage | Ink::Fetch
        )
}
