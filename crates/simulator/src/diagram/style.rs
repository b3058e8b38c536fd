//! Colours and shapes. Each is given as an attribute for the light page, and again as a class for the dark one, so
//! that programs that know no media queries still show something legible.

use super::scene::{Ink, Sign, Stage};
use super::svg::{Svg, px};

/// Font of all texts.
pub(super) const FONT: &str =
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
/// Page, text, faint text, faint line; light.
pub(super) const PAGE: &str = "#ffffff";
/// Text on the light page.
pub(super) const TEXT: &str = "#1f2328";
/// Less important text on the light page.
pub(super) const FAINT: &str = "#59636e";
/// Lines of the axis on the light page.
pub(super) const GRID: &str = "#d1d9e0";

/// Class, light and dark colour of a message kind. They differ in brightness too, for those who see few colours.
pub(super) const fn ink(ink: Ink) -> (&'static str, &'static str, &'static str) {
    match ink {
        Ink::Proposal => ("i0", "#0550ae", "#79c0ff"),
        Ink::Prepare => ("i1", "#1a7f37", "#56d364"),
        Ink::PreCommit => ("i2", "#bc4c00", "#ffa657"),
        Ink::Commit => ("i3", "#8250df", "#d2a8ff"),
        Ink::ChangeView => ("i4", "#cf222e", "#ff7b72"),
        Ink::Suspect => ("i5", "#a40e7a", "#ff9bce"),
        Ink::RecoveryRequest => ("i6", "#8c959f", "#848d97"),
        Ink::RecoveryMessage => ("i7", "#1b7c83", "#39c5cf"),
        Ink::Fetch => ("i8", "#7d4e00", "#d29922"),
        Ink::Garbage => ("i9", "#24292f", "#c9d1d9"),
    }
}

/// Class, light and dark colour, and width of a line in this stage.
pub(super) const fn stage(
    stage: Stage,
) -> (&'static str, &'static str, &'static str, &'static str) {
    match stage {
        Stage::Away => ("s0", "#d1d9e0", "#30363d", "2"),
        Stage::Waiting => ("s1", "#8c959f", "#848d97", "4"),
        Stage::Prepared => ("s2", "#1a7f37", "#56d364", "6"),
        Stage::PreCommitted => ("s3", "#bc4c00", "#ffa657", "6"),
        Stage::Decided => ("s4", "#8250df", "#d2a8ff", "6"),
        Stage::Stored => ("s5", "#d1d9e0", "#30363d", "4"),
        Stage::Down => ("s6", "#cf222e", "#ff7b72", "1.5"),
    }
}

/// Class, light and dark colour of a sign.
pub(super) const fn sign(sign: Sign) -> (&'static str, &'static str, &'static str) {
    match sign {
        Sign::Proposes => ("m5", "#0550ae", "#79c0ff"),
        Sign::Certificate => ("m0", "#bc4c00", "#ffa657"),
        Sign::Decided | Sign::Witness | Sign::Stored => ("m1", "#8250df", "#d2a8ff"),
        Sign::AsksView | Sign::EntersView | Sign::Crash | Sign::Alarm => {
            ("m2", "#cf222e", "#ff7b72")
        }
        Sign::Restart => ("m3", "#1a7f37", "#56d364"),
        Sign::Silence => ("m4", "#59636e", "#9198a1"),
    }
}

/// The classes for a dark page, and the arrow heads.
pub(super) fn definitions(svg: &mut Svg) {
    let mut rules = String::from(
        "<style>@media (prefers-color-scheme: dark){.page{fill:#0d1117}.hollow{fill:#0d1117}\
         .text{fill:#f0f6fc}.faint{fill:#9198a1}.grid{stroke:#3d444d}",
    );
    for (class, _, dark) in Ink::ALL.map(ink) {
        rules.push_str(&format!(
            ".{class}{{stroke:{dark}}}.{class}f{{fill:{dark}}}"
        ));
    }
    for (class, _, dark, _) in Stage::ALL.map(stage) {
        rules.push_str(&format!(".{class}{{stroke:{dark}}}"));
    }
    for (class, _, dark) in Sign::ALL.map(sign) {
        rules.push_str(&format!(
            ".{class}{{stroke:{dark}}}.{class}f{{fill:{dark}}}"
        ));
    }
    rules.push_str("}</style>\n<defs>\n");
    svg.raw(&rules);
    for (class, light, _) in Ink::ALL.map(ink) {
        svg.raw(&format!(
            "<marker id=\"h-{class}\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 1 8 4 0 7z\" fill=\"{light}\" class=\"{class}f\"/></marker>\n"
        ));
    }
    svg.raw("</defs>\n");
}

/// Draws a sign with its middle at a place.
pub(super) fn draw_sign(svg: &mut Svg, what: Sign, x: f64, y: f64) {
    let (class, light, _) = sign(what);
    let filled = format!("{class} {class}f");
    let hollow = format!("{class} hollow");
    let path = |svg: &mut Svg, d: &str, full: bool| {
        let (fill, classes) = if full {
            (light, &filled)
        } else {
            (PAGE, &hollow)
        };
        svg.empty(
            "path",
            &[
                ("class", classes),
                ("d", d),
                ("fill", fill),
                ("stroke", light),
                ("stroke-width", "1.6"),
                ("transform", &format!("translate({} {})", px(x), px(y))),
            ],
        );
    };
    match what {
        Sign::Proposes => path(svg, "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z", true),
        Sign::Certificate => path(svg, "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z", false),
        Sign::Decided => path(svg, "M-6 0a6 6 0 1 0 12 0a6 6 0 1 0-12 0z", true),
        Sign::Witness => path(svg, "M0-6.5 6.5 0 0 6.5-6.5 0z", false),
        Sign::Stored => path(svg, "M-5-5h10v10h-10z", true),
        Sign::AsksView => path(svg, "M-6-5h12L0 6z", false),
        Sign::EntersView => path(svg, "M-6-5h12L0 6z", true),
        Sign::Crash => path(svg, "M-6-6 6 6M6-6-6 6", false),
        Sign::Restart => path(svg, "M-6 5h12L0-6z", true),
        Sign::Silence => path(
            svg,
            "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0zM-4 4 4-4",
            false,
        ),
        Sign::Alarm => path(svg, "M0-7 6.5 5h-13z", false),
    }
}
