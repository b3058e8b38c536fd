//! SVG text: elements, escaping, numbers.

use std::fmt::Write as _;

/// SVG text that grows.
#[derive(Debug, Default)]
pub(super) struct Svg {
    text: String,
}

impl Svg {
    /// An element without content; values of `attributes` are escaped.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.text.push_str("/>\n");
    }

    /// An element with text in it.
    pub(super) fn with_text(&mut self, name: &str, attributes: &[(&str, &str)], content: &str) {
        self.begin(name, attributes);
        self.text.push('>');
        self.text.push_str(&escape(content));
        let _ = writeln!(self.text, "</{name}>");
    }

    /// Opens an element; [`Svg::close`] ends it.
    pub(super) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.begin(name, attributes);
        self.text.push_str(">\n");
    }

    /// Ends an element.
    pub(super) fn close(&mut self, name: &str) {
        let _ = writeln!(self.text, "</{name}>");
    }

    /// Text that is SVG already.
    pub(super) fn raw(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// What was written.
    pub(super) fn finish(self) -> String {
        self.text
    }

    fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.text.push('<');
        self.text.push_str(name);
        for (key, value) in attributes {
            let _ = write!(self.text, " {key}=\"{}\"", escape(value));
        }
    }
}

/// Text as it may stand between tags and in quotes; characters that XML forbids are left out.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(' '),
            _ if letter.is_control() || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            _ => out.push(letter),
        }
    }
    out
}

/// A place on the page with at most one digit behind the point.
pub(super) fn px(place: f64) -> String {
    let text = format!("{place:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_in_a_name_stays_text() {
        assert_eq!(
            escape("a<b> & \"c\"\u{0}\n"),
            "a&lt;b&gt; &amp; &quot;c&quot; "
        );
        let mut svg = Svg::default();
        svg.with_text("text", &[("id", "\"x")], "</svg>");
        assert_eq!(svg.finish(), "<text id=\"&quot;x\">&lt;/svg&gt;</text>\n");
    }

    #[test]
    fn places_are_short() {
        assert_eq!(px(12.0), "12");
        assert_eq!(px(12.34), "12.3");
    }
}
