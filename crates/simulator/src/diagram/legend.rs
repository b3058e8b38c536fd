//! What colours and shapes mean. Only what the scene contains is explained.

use super::scene::{Ink, Scene, Sign, Stage};
use super::style;
use super::svg::{Svg, px};
use super::words::{Letters, write};

/// Least width of a page for the legend to be in good shape.
pub(super) const LEAST_WIDTH: f64 = 720.0;
/// Height of a row.
const ROW: f64 = 19.0;
/// Width of a letter, on the safe side.
const LETTER: f64 = 6.9;
/// Left end of the rows' headings and of the rows.
const HEADING: f64 = 20.0;
const BEGIN: f64 = 92.0;

/// One entry.
#[derive(Clone, Copy, Debug)]
enum Entry {
    Message(Ink),
    Lost,
    Again,
    Line(Stage),
    Mark(Sign),
}

impl Entry {
    fn words(self, older: bool) -> String {
        match self {
            Self::Message(ink) => ink.name(older),
            Self::Lost => "lost".to_owned(),
            Self::Again => "sent again".to_owned(),
            Self::Line(stage) => stage.words(older).to_owned(),
            Self::Mark(sign) => sign.words().to_owned(),
        }
    }
}

/// Rows of the legend with their headings.
fn groups(scene: &Scene) -> [(&'static str, Vec<Entry>); 3] {
    let inks = Ink::ALL
        .into_iter()
        .filter(|ink| scene.arrows.iter().any(|a| a.ink == *ink));
    let mut messages: Vec<Entry> = inks.map(Entry::Message).collect();
    if scene.arrows.iter().any(|arrow| arrow.again) {
        messages.push(Entry::Again);
    }
    if scene.arrows.iter().any(|arrow| !arrow.arrived) {
        messages.push(Entry::Lost);
    }
    let drawn = |stage: &Stage| {
        let mut stages = scene.lanes.iter().flat_map(|lane| &lane.stages);
        stages.any(|(_, one)| one == stage)
    };
    let lines = Stage::ALL
        .into_iter()
        .filter(drawn)
        .map(Entry::Line)
        .collect();
    let signs = Sign::ALL
        .into_iter()
        .filter(|sign| scene.marks.iter().any(|m| m.sign == *sign));
    [
        ("Messages", messages),
        ("Lines", lines),
        ("Marks", signs.map(Entry::Mark).collect()),
    ]
}

/// Places of the entries: row and left end.
fn places(entries: &[Entry], width: f64, older: bool) -> Vec<(usize, f64)> {
    let mut row = 0;
    let mut x = BEGIN;
    let mut places = Vec::with_capacity(entries.len());
    for entry in entries {
        let needed = 46.0 + entry.words(older).chars().count() as f64 * LETTER;
        if x + needed > width - 12.0 && x > BEGIN {
            row += 1;
            x = BEGIN;
        }
        places.push((row, x));
        x += needed;
    }
    places
}

fn rows(entries: &[Entry], width: f64, older: bool) -> usize {
    places(entries, width, older)
        .last()
        .map_or(0, |(row, _)| row + 1)
}

/// Height of the legend in pixels.
pub(super) fn height(scene: &Scene, width: f64) -> f64 {
    let groups = groups(scene);
    groups
        .iter()
        .map(|(_, entries)| rows(entries, width, scene.older) as f64 * ROW)
        .sum::<f64>()
        + 10.0
}

/// Draws the legend below `top`.
pub(super) fn draw(svg: &mut Svg, scene: &Scene, top: f64, width: f64) {
    svg.open("g", &[("class", "legend")]);
    let mut y = top + 12.0;
    for (heading, entries) in groups(scene) {
        if entries.is_empty() {
            continue;
        }
        write(svg, HEADING, y, Letters::LEGEND_HEADING, heading);
        for (entry, (row, x)) in entries.iter().zip(places(&entries, width, scene.older)) {
            let y = y + row as f64 * ROW;
            sample(svg, *entry, x, y - 4.0);
            write(svg, x + 30.0, y, Letters::LEGEND, &entry.words(scene.older));
        }
        y += rows(&entries, width, scene.older) as f64 * ROW;
    }
    svg.close("g");
}

fn sample(svg: &mut Svg, entry: Entry, x: f64, y: f64) {
    let line = |svg: &mut Svg, class: &str, colour: &str, width: &str, more: &[(&str, &str)]| {
        let ends = [px(x), px(x + 22.0), px(y)];
        let mut attributes = vec![
            ("class", class),
            ("x1", ends[0].as_str()),
            ("x2", ends[1].as_str()),
            ("y1", ends[2].as_str()),
            ("y2", ends[2].as_str()),
            ("stroke", colour),
            ("stroke-width", width),
        ];
        attributes.extend_from_slice(more);
        svg.empty("line", &attributes);
    };
    match entry {
        Entry::Message(ink) => {
            let (class, light, _) = style::ink(ink);
            let head = format!("url(#h-{class})");
            line(svg, class, light, "1.8", &[("marker-end", &head)]);
        }
        Entry::Again => {
            let (class, light, _) = style::ink(Ink::RecoveryRequest);
            line(svg, class, light, "0.8", &[]);
        }
        Entry::Lost => {
            let (class, light, _) = style::ink(Ink::RecoveryRequest);
            line(svg, class, light, "1.5", &[("stroke-dasharray", "5 3")]);
            let d = format!("M{} {}l7 7m0-7l-7 7", px(x + 18.0), px(y - 3.5));
            svg.empty(
                "path",
                &[
                    ("class", class),
                    ("d", &d),
                    ("fill", "none"),
                    ("stroke", light),
                    ("stroke-width", "1.8"),
                ],
            );
        }
        Entry::Line(stage) => {
            let (class, light, _, width) = style::stage(stage);
            let dash = if stage == Stage::Down { "2 5" } else { "none" };
            line(svg, class, light, width, &[("stroke-dasharray", dash)]);
        }
        Entry::Mark(sign) => style::draw_sign(svg, sign, x + 14.0, y),
    }
}
