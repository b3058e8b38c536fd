//! A foreign document, key by key until nothing is left.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ImportError;

/// Longest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// A YAML or JSON file of which keys are taken.
#[derive(Clone, Debug)]
pub(super) struct Source {
    path: PathBuf,
    tree: Value,
}

impl Source {
    pub(super) fn read(path: &Path) -> Result<Self, ImportError> {
        let unreadable = |error| ImportError::File {
            path: path.to_owned(),
            error,
        };
        let length = std::fs::metadata(path).map_err(unreadable)?.len();
        if length > MAX_BYTES {
            return Err(ImportError::TooLong {
                path: path.to_owned(),
                length,
                limit: MAX_BYTES,
            });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(path, &text)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, ImportError> {
        let wrong = |problem: String| ImportError::Syntax {
            path: path.to_owned(),
            problem,
        };
        // JSON is YAML, too, but its own parser names mistakes better.
        let tree = if text.trim_start().starts_with('{') {
            let text = text.trim_start_matches('\u{feff}');
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?
        } else {
            let text = text.trim_start_matches('\u{feff}');
            serde_saphyr::from_str(text).map_err(|error| wrong(error.to_string()))?
        };
        match tree {
            Value::Object(_) => Ok(Self {
                path: path.to_owned(),
                tree,
            }),
            _ => Err(wrong("no keys and values".to_owned())),
        }
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// File and key, for reports.
    pub(super) fn name(&self, key: &str) -> String {
        let file = self.path.file_name().unwrap_or(self.path.as_os_str());
        format!("{}: {key}", file.to_string_lossy())
    }

    /// The value at a key such as `A.B`, without taking it.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        key.split('.')
            .try_fold(&self.tree, |tree, part| tree.get(part))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| !value.is_null())
    }

    /// Takes the value at a key. Null counts as none.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        let (parents, last) = key.rsplit_once('.').unwrap_or(("", key));
        let parents = parents.split('.').filter(|part| !part.is_empty());
        let mut tree = &mut self.tree;
        for part in parents {
            tree = tree.get_mut(part)?;
        }
        let value = tree.as_object_mut()?.remove(last)?;
        (!value.is_null()).then_some(value)
    }

    /// An error about a key.
    pub(super) fn wrong(&self, key: &str, problem: impl Into<String>) -> ImportError {
        ImportError::Value {
            path: self.path.clone(),
            key: key.to_owned(),
            problem: problem.into(),
        }
    }

    /// What nobody took, with its keys: values and lists, but no empty sections.
    pub(super) fn rest(&self) -> Vec<(String, Value)> {
        let mut rest = Vec::new();
        leaves("", &self.tree, &mut rest);
        rest
    }
}

fn leaves(key: &str, tree: &Value, into: &mut Vec<(String, Value)>) {
    match tree {
        Value::Object(members) => {
            for (name, value) in members {
                let key = match key {
                    "" => name.clone(),
                    key => format!("{key}.{name}"),
                };
                leaves(&key, value, into);
            }
        }
        Value::Null => {}
        Value::Array(items) if items.is_empty() => {}
        value => into.push((key.to_owned(), value.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source(text: &str) -> Source {
        Source::parse(Path::new("x.yml"), text).unwrap()
    }

    #[test]
    fn what_is_taken_is_gone_and_the_rest_is_told() {
        let mut source = source("A:\n  B: 1\n  C: {D: x, E: ~}\nF: []\nG: [1]\nH: {}\n");
        assert_eq!(source.take("A.B"), Some(json!(1)));
        assert_eq!(source.take("A.B"), None);
        assert_eq!(source.take("A.C.E"), None);
        assert_eq!(source.take("A.C.D.E"), None);
        assert!(source.has("A.C.D") && !source.has("F.G"));
        let rest = source.rest();
        assert_eq!(
            rest,
            [
                ("A.C.D".to_owned(), json!("x")),
                ("G".to_owned(), json!([1]))
            ]
        );
        assert_eq!(source.name("G"), "x.yml: G");
    }

    #[test]
    fn json_and_yaml_with_and_without_a_byte_order_mark() {
        for text in ["{\"A\": 7}", "A: 7", "\u{feff}{\"A\": 7}", "\u{feff}A: 7"] {
            assert_eq!(source(text).get("A"), Some(&json!(7)), "{text}");
        }
    }

    #[test]
    fn what_does_not_read_is_said_with_its_place() {
        for (text, expected) in [
            ("{\"A\": }", "line 1 column 7"),
            ("A: [1", "line"),
            ("just text", "no keys and values"),
            ("", "no keys and values"),
        ] {
            let error = Source::parse(Path::new("x.yml"), text)
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with("x.yml: ") && error.contains(expected),
                "{error}"
            );
        }
    }

    #[test]
    fn aliases_do_not_grow_without_bound() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let before = format!("*a{}", level - 1);
            let list = vec![before; 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        assert!(matches!(
            Source::parse(Path::new("x.yml"), &bomb),
            Err(ImportError::Syntax { .. })
        ));
    }
}
