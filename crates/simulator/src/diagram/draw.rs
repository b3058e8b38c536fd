//! From a scene to SVG.

use super::axis::{Axis, millis, usual_flight};
use super::legend;
use super::scene::{Arrow, Ink, Mark, Scene, Stage};
use super::style::{self, FAINT, FONT, GRID, PAGE, TEXT};
use super::svg::{Svg, px};

/// Greatest width of the page in pixels.
const WIDTH: f64 = 1_100.0;
/// Room on the left for the times.
const LEFT: f64 = 92.0;
/// Room on the right of the last line, for its labels.
const RIGHT: f64 = 150.0;
/// Greatest distance of two lines.
const WIDEST: f64 = 230.0;
/// Lines closer than this carry no words beside their marks; the legend and the tooltips say them.
const ROOM_FOR_WORDS: f64 = 84.0;
/// Height of a line of words.
const LINE_PX: f64 = 13.5;
/// What a message's usual flight takes on the page with up to four lines, and with more.
const FLIGHT_PX: f64 = 62.0;
const WIDE_FLIGHT_PX: f64 = 88.0;
/// Width of a letter of 11 pixels, on the safe side.
const LETTER_PX: f64 = 5.9;
/// Arrows with a tooltip each; more would make the file too big for a browser.
const TOOLTIPS: usize = 4_000;
/// The head of an arrow ends so far from the middle of a line.
const HEAD_PX: f64 = 3.5;
/// Part of its way that a lost message is drawn.
const LOST_AT: f64 = 0.55;

/// Draws a scene: one vertical line per validator, time running downwards.
#[must_use]
pub fn draw(scene: &Scene) -> String {
    Drawing::new(scene).finish()
}

struct Drawing<'a> {
    scene: &'a Scene,
    axis: Axis,
    spacing: f64,
    width: f64,
    heads: f64,
    svg: Svg,
}

impl<'a> Drawing<'a> {
    fn new(scene: &'a Scene) -> Self {
        let gaps = scene.lanes.len().saturating_sub(1).max(1) as f64;
        let spacing = ((WIDTH - LEFT - RIGHT) / gaps).min(WIDEST);
        let used = scene.lanes.len().saturating_sub(1) as f64 * spacing;
        let texts = scene
            .title
            .chars()
            .count()
            .max(scene.subtitle.chars().count() * 3 / 4);
        let needed = (texts as f64 * 9.0 + 40.0).max(legend::LEAST_WIDTH);
        let width = (LEFT + used + RIGHT).max(needed.min(WIDTH));
        let head_lines = wrap(&scene.subtitle, ((width - 40.0) / 6.6) as usize);
        let heads = 44.0 + head_lines.len() as f64 * 17.0;
        let legend_height = legend::height(scene, width);
        let axis = Axis::new(
            instants(scene),
            usual_flight(&scene.arrows),
            if scene.lanes.len() > 4 {
                WIDE_FLIGHT_PX
            } else {
                FLIGHT_PX
            },
            scene.zero_us,
            heads + legend_height + 62.0,
        );
        Self {
            scene,
            axis,
            spacing,
            width,
            heads,
            svg: Svg::default(),
        }
    }

    fn x(&self, lane: usize) -> f64 {
        LEFT + lane as f64 * self.spacing
    }

    fn wordy(&self) -> bool {
        self.spacing >= ROOM_FOR_WORDS || self.scene.lanes.len() < 2
    }

    fn finish(mut self) -> String {
        let height = self.axis.bottom() + 40.0;
        let size = format!("0 0 {} {}", px(self.width), px(height));
        self.svg.open(
            "svg",
            &[
                ("xmlns", "http://www.w3.org/2000/svg"),
                ("viewBox", &size),
                ("width", &px(self.width)),
                ("height", &px(height)),
                ("role", "img"),
                ("aria-labelledby", "title desc"),
                ("font-family", FONT),
            ],
        );
        self.svg
            .with_text("title", &[("id", "title")], &self.scene.title);
        let told = told(self.scene);
        self.svg.with_text("desc", &[("id", "desc")], &told);
        style::definitions(&mut self.svg);
        self.svg.empty(
            "rect",
            &[
                ("class", "page"),
                ("width", &px(self.width)),
                ("height", &px(height)),
                ("fill", PAGE),
            ],
        );
        self.heading();
        legend::draw(&mut self.svg, self.scene, self.heads, self.width);
        self.ticks();
        self.notes();
        self.lanes();
        self.arrows();
        self.marks();
        self.svg.close("svg");
        self.svg.finish()
    }

    fn heading(&mut self) {
        text(
            &mut self.svg,
            20.0,
            32.0,
            "text",
            TEXT,
            19.0,
            "600",
            &self.scene.title,
        );
        let lines = wrap(&self.scene.subtitle, ((self.width - 40.0) / 6.6) as usize);
        for (number, line) in lines.iter().enumerate() {
            let y = 53.0 + number as f64 * 17.0;
            text(&mut self.svg, 20.0, y, "faint", FAINT, 13.0, "400", line);
        }
    }

    fn ticks(&mut self) {
        let right = self.x(self.scene.lanes.len().saturating_sub(1)) + 24.0;
        let right = px(right);
        for tick in self.axis.ticks() {
            let y = px(tick.y);
            self.svg.empty(
                "line",
                &[
                    ("class", "grid"),
                    ("x1", &px(LEFT - 22.0)),
                    ("x2", &right),
                    ("y1", &y),
                    ("y2", &y),
                    ("stroke", GRID),
                    ("stroke-width", "0.7"),
                ],
            );
            let words = format!("{} ms", tick.words);
            let place = LEFT - 28.0 - words.chars().count() as f64 * LETTER_PX;
            text(
                &mut self.svg,
                place.max(4.0),
                tick.y + 4.0,
                "faint",
                FAINT,
                11.0,
                "400",
                &words,
            );
        }
        for gap in self.axis.breaks() {
            let mut d = format!("M{} {}", px(LEFT - 22.0), px(gap.y));
            let mut x = LEFT - 22.0;
            let mut up = true;
            let end = self.x(self.scene.lanes.len().saturating_sub(1)) + 24.0;
            while x < end {
                x += 8.0;
                d.push_str(&format!(
                    "L{} {}",
                    px(x),
                    px(gap.y + if up { -3.0 } else { 3.0 })
                ));
                up = !up;
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
            let words = format!("{} ms", millis(gap.length_us / 1000 * 1000));
            let place = LEFT - 30.0 - words.chars().count() as f64 * LETTER_PX;
            text(
                &mut self.svg,
                place.max(2.0),
                gap.y - 3.0,
                "faint",
                FAINT,
                11.0,
                "400",
                &words,
            );
            text(
                &mut self.svg,
                place.max(2.0),
                gap.y + 9.0,
                "faint",
                FAINT,
                10.0,
                "400",
                "shortened",
            );
        }
    }

    fn notes(&mut self) {
        let right = self.x(self.scene.lanes.len().saturating_sub(1)) + 24.0;
        let mut below = f64::NEG_INFINITY;
        for note in &self.scene.notes {
            let y = self.axis.y(note.at_us);
            self.svg.empty(
                "line",
                &[
                    ("class", "m4"),
                    ("x1", &px(LEFT - 22.0)),
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
            halo_text(&mut self.svg, LEFT + 10.0, place, &note.words, "600");
        }
    }

    fn lanes(&mut self) {
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
                centred(
                    &mut self.svg,
                    x,
                    top - 28.0,
                    "text",
                    TEXT,
                    12.5,
                    "600",
                    &words,
                );
                if !dense {
                    centred(
                        &mut self.svg,
                        x,
                        top - 13.0,
                        "faint",
                        FAINT,
                        11.0,
                        "400",
                        &lane.role,
                    );
                }
            }
        }
    }

    fn arrows(&mut self) {
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

    fn marks(&mut self) {
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
                    halo_text(&mut self.svg, x + 11.0, place, &words, "400");
                }
            }
        }
    }
}

/// Whether a message is drawn thin and gets no room of its own, so that waiting stays short: repetitions, questions and
/// their answers. What they bring about is marked.
fn in_background(arrow: &Arrow) -> bool {
    arrow.again
        || matches!(
            arrow.ink,
            Ink::RecoveryRequest | Ink::RecoveryMessage | Ink::Fetch
        )
}

/// The moments that get room on the page.
fn instants(scene: &Scene) -> Vec<u64> {
    let new = scene.arrows.iter().filter(|arrow| !in_background(arrow));
    let mut instants: Vec<u64> = new
        .flat_map(|arrow| [arrow.sent_us, arrow.end_us])
        .collect();
    instants.extend(scene.marks.iter().map(|mark| mark.at_us));
    instants.extend(scene.notes.iter().map(|note| note.at_us));
    let all = scene.arrows.iter().map(|arrow| arrow.end_us);
    instants.extend(all.clone().max());
    instants.extend(scene.arrows.iter().map(|arrow| arrow.sent_us).min());
    instants
}

/// What the diagram shows, for those who do not see it.
fn told(scene: &Scene) -> String {
    let arrived = scene.arrows.iter().filter(|arrow| arrow.arrived).count();
    let lost = scene.arrows.len() - arrived;
    let mut told = format!(
        "{} {} validators, {arrived} messages delivered, {lost} lost.",
        scene.subtitle,
        scene.lanes.len()
    );
    for mark in scene.marks.iter().take(200) {
        let after = mark.at_us.saturating_sub(scene.zero_us);
        let name = scene
            .lanes
            .get(mark.lane)
            .map_or("", |lane| lane.name.as_str());
        told.push_str(&format!(" {} ms: {name} {}.", millis(after), mark.words));
    }
    told
}

/// Text at a place.
#[allow(clippy::too_many_arguments)]
fn text(
    svg: &mut Svg,
    x: f64,
    y: f64,
    class: &str,
    fill: &str,
    size: f64,
    weight: &str,
    words: &str,
) {
    svg.with_text(
        "text",
        &[
            ("class", class),
            ("x", &px(x)),
            ("y", &px(y)),
            ("fill", fill),
            ("font-size", &px(size)),
            ("font-weight", weight),
        ],
        words,
    );
}

fn centred(
    svg: &mut Svg,
    x: f64,
    y: f64,
    class: &str,
    fill: &str,
    size: f64,
    weight: &str,
    words: &str,
) {
    svg.with_text(
        "text",
        &[
            ("class", class),
            ("x", &px(x)),
            ("y", &px(y)),
            ("fill", fill),
            ("font-size", &px(size)),
            ("font-weight", weight),
            ("text-anchor", "middle"),
        ],
        words,
    );
}

/// Text that stays legible over lines: they are faded behind it.
fn halo_text(svg: &mut Svg, x: f64, y: f64, words: &str, weight: &str) {
    let width = words.chars().count() as f64 * LETTER_PX;
    svg.empty(
        "rect",
        &[
            ("class", "page"),
            ("x", &px(x - 1.5)),
            ("y", &px(y - 9.5)),
            ("width", &px(width + 1.5)),
            ("height", "12"),
            ("rx", "2"),
            ("fill", PAGE),
            ("opacity", "0.82"),
        ],
    );
    text(svg, x, y, "text", TEXT, 11.0, weight, words);
}

/// Breaks a sentence into lines of so many letters.
fn wrap(words: &str, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= letters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Words that fit into so many letters.
fn shorten(words: &str, letters: usize) -> String {
    if words.chars().count() <= letters {
        return words.to_owned();
    }
    let kept: String = words.chars().take(letters.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::scene::{Ink, Lane, Note, Sign};

    fn lane(name: &str) -> Lane {
        Lane {
            name: name.to_owned(),
            role: String::new(),
            stages: vec![(0, Stage::Waiting), (20_000, Stage::Decided)],
        }
    }

    /// All send to all at 0, and three things happen at once at each.
    fn scene(lanes: usize) -> Scene {
        let mut scene = Scene {
            title: "Height <1> & \"more\"".to_owned(),
            subtitle: "A sentence.".to_owned(),
            lanes: (0..lanes)
                .map(|at| lane(&format!("validator {at}")))
                .collect(),
            notes: vec![Note {
                at_us: 500,
                words: "partition: 0 | 1".to_owned(),
            }],
            ..Scene::default()
        };
        for from in 0..lanes {
            for to in (0..lanes).filter(|to| *to != from) {
                scene.arrows.push(Arrow {
                    ink: Ink::Prepare,
                    from,
                    to,
                    sent_us: 0,
                    end_us: 10_000,
                    arrived: to != 0,
                    again: false,
                    words: "Prepare".to_owned(),
                });
            }
            for sign in [Sign::Certificate, Sign::Decided, Sign::Witness] {
                scene.marks.push(Mark {
                    lane: from,
                    at_us: 20_000,
                    sign,
                    words: format!("{sign:?}"),
                });
            }
        }
        scene
    }

    fn count(svg: &str, what: &str) -> usize {
        svg.matches(what).count()
    }

    #[test]
    fn everything_of_the_scene_is_there() {
        let svg = draw(&scene(4));
        assert_eq!(count(&svg, "<g class=\"lane\""), 4);
        assert_eq!(count(&svg, "class=\"arrow delivered"), 9);
        assert_eq!(count(&svg, "class=\"arrow lost"), 3);
        assert_eq!(count(&svg, "<g class=\"mark\""), 12);
        assert!(svg.contains("partition: 0 | 1"));
        assert!(
            svg.contains("<title id=\"title\">Height &lt;1&gt; &amp; &quot;more&quot;</title>")
        );
        assert!(svg.contains("4 validators, 9 messages delivered, 3 lost."));
        assert!(svg.contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn the_same_scene_is_the_same_text() {
        assert_eq!(draw(&scene(7)), draw(&scene(7)));
    }

    #[test]
    fn the_page_is_never_wider_than_its_limit() {
        for lanes in [0, 1, 2, 4, 21, 60] {
            let drawing = scene(lanes);
            let drawing = Drawing::new(&drawing);
            assert!(drawing.width <= WIDTH, "{lanes}: {}", drawing.width);
            let last = drawing.x(lanes.saturating_sub(1));
            assert!(last <= WIDTH - RIGHT + 1.0, "{lanes}: {last}");
        }
    }

    #[test]
    fn words_of_one_line_stand_below_each_other() {
        let svg = draw(&scene(4));
        let places: Vec<f64> = svg
            .lines()
            .filter(|line| line.contains("class=\"text\"") && line.contains("x=\"103\""))
            .filter_map(|line| line.split(" y=\"").next().and(line.split(" y=\"").nth(1)))
            .filter_map(|rest| rest.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(places.len(), 3);
        assert!(
            places.array_windows().all(|[a, b]| b - a >= LINE_PX - 0.2),
            "{places:?}"
        );
    }

    #[test]
    fn dense_diagrams_carry_no_words_beside_marks() {
        let svg = draw(&scene(21));
        assert_eq!(count(&svg, ">Decided</text>"), 0);
        assert!(svg.contains("validator 20: Decided"), "but tooltips");
    }

    #[test]
    fn long_words_are_cut_and_sentences_wrapped() {
        assert_eq!(shorten("asks for view 1", 8), "asks fo…");
        assert_eq!(shorten("view 1", 8), "view 1");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert!(wrap("", 7).is_empty());
    }
}
