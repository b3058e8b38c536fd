//! A command that ended.

use std::process::Output;

use serde_json::Value;

/// A command that ended.
pub(crate) struct Ended(pub(crate) Output);

impl Ended {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().expect("an exit code")
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// Standard output as JSON, of a command that succeeded.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code(), 0, "{}{}", self.out(), self.err());
        serde_json::from_str(&self.out()).expect("JSON")
    }

    /// Expects this exit code and these words on standard error.
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        let err = self.err();
        assert_eq!(self.code(), code, "{err}");
        for word in words {
            assert!(err.contains(word), "`{word}` is not in: {err}");
        }
        assert!(!err.contains("panicked"), "{err}");
    }
}
