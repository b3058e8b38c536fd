//! Words on the page.

use super::style::{FAINT, PAGE, TEXT};
use super::svg::{Svg, px};

/// Width of a letter of 11 pixels, on the safe side.
pub(super) const LETTER_PX: f64 = 5.9;
/// Height of a line of words.
pub(super) const LINE_PX: f64 = 13.5;

/// How words look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letters {
    class: &'static str,
    fill: &'static str,
    size: &'static str,
    weight: &'static str,
}

const fn letters(size: &'static str, weight: &'static str) -> Letters {
    Letters {
        class: "text",
        fill: TEXT,
        size,
        weight,
    }
}

const fn faint(size: &'static str) -> Letters {
    Letters {
        class: "faint",
        fill: FAINT,
        size,
        weight: "400",
    }
}

impl Letters {
    /// The heading.
    pub(super) const TITLE: Self = letters("19", "600");
    /// The sentence under it.
    pub(super) const SENTENCE: Self = faint("13");
    /// The legend.
    pub(super) const LEGEND: Self = letters("12", "400");
    /// The headings of its rows.
    pub(super) const LEGEND_HEADING: Self = faint("12");
    /// Names of lines.
    pub(super) const NAME: Self = letters("12.5", "600");
    /// Roles of lines, and times.
    pub(super) const SMALL: Self = faint("11");
    /// What a shortened stretch is called.
    pub(super) const SMALLEST: Self = faint("10");
    /// Labels of marks.
    pub(super) const LABEL: Self = letters("11", "400");
    /// Labels of what concerns all.
    pub(super) const NOTE: Self = letters("11", "600");
}

/// Words that begin at a place.
pub(super) fn write(svg: &mut Svg, x: f64, y: f64, look: Letters, words: &str) {
    anchored(svg, (x, y), "start", look, words);
}

/// Words with their middle at a place.
pub(super) fn write_centred(svg: &mut Svg, x: f64, y: f64, look: Letters, words: &str) {
    anchored(svg, (x, y), "middle", look, words);
}

/// Words that end at a place.
pub(super) fn write_before(svg: &mut Svg, x: f64, y: f64, look: Letters, words: &str) {
    anchored(svg, (x, y), "end", look, words);
}

/// Words that stay legible over lines, which are faded behind them.
pub(super) fn write_over(svg: &mut Svg, x: f64, y: f64, look: Letters, words: &str) {
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
    write(svg, x, y, look, words);
}

fn anchored(svg: &mut Svg, (x, y): (f64, f64), anchor: &str, look: Letters, words: &str) {
    svg.with_text(
        "text",
        &[
            ("class", look.class),
            ("x", &px(x)),
            ("y", &px(y)),
            ("fill", look.fill),
            ("font-size", look.size),
            ("font-weight", look.weight),
            ("text-anchor", anchor),
        ],
        words,
    );
}

/// Breaks a sentence into lines of so many letters.
pub(super) fn wrap(words: &str, letters: usize) -> Vec<String> {
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
pub(super) fn shorten(words: &str, letters: usize) -> String {
    if words.chars().count() <= letters {
        return words.to_owned();
    }
    let kept: String = words.chars().take(letters.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_cut_and_sentences_wrapped() {
        assert_eq!(shorten("asks for view 1", 8), "asks fo…");
        assert_eq!(shorten("view 1", 8), "view 1");
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert!(wrap("", 7).is_empty());
    }
}
