//! What goes into the log, before it is a line.

use serde_json::{Map, Value};

use crate::kind::Kind;

/// Most particulars of an entry; further ones are left out.
pub const MAX_FIELDS: usize = 32;
/// Longest text of a particular, in characters; the rest is cut off and a `…` says so.
pub const MAX_TEXT: usize = 1_024;

/// Something that happened, with its particulars.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What happened.
    pub kind: Kind,
    /// The particulars.
    pub fields: Map<String, Value>,
    same: Option<String>,
}

impl Entry {
    /// An entry without particulars.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            fields: Map::new(),
            same: None,
        }
    }

    /// With a particular. Long texts are cut.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if self.fields.len() < MAX_FIELDS {
            self.fields.insert(cut(name), bounded(value.into()));
        }
        self
    }

    /// With a particular that is a text.
    #[must_use]
    pub fn text(self, name: &str, value: impl std::fmt::Display) -> Self {
        self.with(name, value.to_string())
    }

    /// With a particular, where there is one.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Entries of one kind with the same mark are counted and summed up when they come in quick succession.
    #[must_use]
    pub fn alike(mut self, mark: impl std::fmt::Display) -> Self {
        self.same = Some(cut(&mark.to_string()));
        self
    }

    pub(crate) fn mark(&self) -> Option<&str> {
        self.same.as_deref()
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
    }
}

fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(cut(&text)),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particulars_are_bounded() {
        let mut entry = Entry::new(Kind::Offence).text("long", "é".repeat(2 * MAX_TEXT));
        for number in 0..100 {
            entry = entry.with(&format!("field {number}"), number);
        }
        assert_eq!(entry.fields.len(), MAX_FIELDS);
        let long = entry.fields["long"].as_str().unwrap();
        assert_eq!(long.chars().count(), MAX_TEXT + 1);
        assert!(long.ends_with("é…"));
    }
}
