//! From a scene to SVG.

use super::axis::{Axis, millis, usual_flight};
use super::content::in_background;
use super::legend;
use super::scene::Scene;
use super::style::{self, FONT, PAGE};
use super::svg::{Svg, px};
use super::words::{Letters, wrap, write};

/// Greatest width of the page in pixels.
const WIDTH: f64 = 1_100.0;
/// Room on the left for the times.
pub(super) const LEFT: f64 = 92.0;
/// Room on the right of the last line, for its labels.
pub(super) const RIGHT: f64 = 150.0;
/// Greatest distance of two lines.
const WIDEST: f64 = 230.0;
/// Lines closer than this carry no words beside their marks; the legend and the tooltips say them.
const ROOM_FOR_WORDS: f64 = 84.0;
/// What a message's usual flight takes on the page with up to four lines, and with more.
const FLIGHT_PX: f64 = 62.0;
const WIDE_FLIGHT_PX: f64 = 88.0;

/// Draws a scene: one vertical line per validator, time running downwards.
#[must_use]
pub fn draw(scene: &Scene) -> String {
    Drawing::new(scene).finish()
}

/// A page in the making.
pub(super) struct Drawing<'a> {
    pub(super) scene: &'a Scene,
    pub(super) axis: Axis,
    pub(super) spacing: f64,
    width: f64,
    heads: f64,
    pub(super) svg: Svg,
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

    /// Where the line of a validator is.
    pub(super) fn x(&self, lane: usize) -> f64 {
        LEFT + lane as f64 * self.spacing
    }

    /// Whether marks have words beside them.
    pub(super) fn wordy(&self) -> bool {
        self.spacing >= ROOM_FOR_WORDS || self.scene.lanes.len() < 2
    }

    /// Where the lines of the times end.
    pub(super) fn right(&self) -> f64 {
        self.x(self.scene.lanes.len().saturating_sub(1)) + 24.0
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
        self.times();
        self.notes();
        self.lanes();
        self.arrows();
        self.marks();
        self.svg.close("svg");
        self.svg.finish()
    }

    fn heading(&mut self) {
        write(&mut self.svg, 20.0, 32.0, Letters::TITLE, &self.scene.title);
        let lines = wrap(&self.scene.subtitle, ((self.width - 40.0) / 6.6) as usize);
        for (number, line) in lines.iter().enumerate() {
            let y = 53.0 + number as f64 * 17.0;
            write(&mut self.svg, 20.0, y, Letters::SENTENCE, line);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::scene::{Arrow, Ink, Lane, Mark, Note, Sign, Stage};
    use crate::diagram::words::LINE_PX;

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
}
