//! What a check found.

use std::fmt;

use serde::Serialize;

use crate::exit::Exit;
use crate::output::table;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// As it must be.
    Ok,
    /// It works, and an operator should know.
    Warn,
    /// Mend it before the node goes live.
    Fail,
    /// Nobody could be asked, or the configuration has no such part.
    NotChecked,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
            Self::NotChecked => "not checked",
        })
    }
}

/// One check with its outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was checked, such as `open-files`.
    pub(crate) check: &'static str,
    /// How it ended.
    pub(crate) state: State,
    /// Where: a key of the configuration, a file, an endpoint.
    pub(crate) place: String,
    /// What was found.
    pub(crate) value: String,
    /// What it must be; empty where there is nothing to compare with.
    pub(crate) limit: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
    /// With which code a failure ends the program.
    #[serde(skip)]
    exit: Exit,
}

impl Finding {
    fn new(check: &'static str, state: State, place: &dyn fmt::Display, value: String) -> Self {
        Self {
            check,
            state,
            place: place.to_string(),
            value,
            limit: String::new(),
            mend: None,
            exit: Exit::Failure,
        }
    }

    /// As it must be.
    pub(crate) fn ok(
        check: &'static str,
        place: impl fmt::Display,
        value: impl fmt::Display,
    ) -> Self {
        Self::new(check, State::Ok, &place, value.to_string())
    }

    /// It works, and an operator should know.
    pub(crate) fn warn(
        check: &'static str,
        place: impl fmt::Display,
        value: impl fmt::Display,
        mend: impl Into<String>,
    ) -> Self {
        let mut finding = Self::new(check, State::Warn, &place, value.to_string());
        finding.mend = Some(mend.into());
        finding
    }

    /// It must be mended; the program ends with `exit`.
    pub(crate) fn fail(
        check: &'static str,
        exit: Exit,
        place: impl fmt::Display,
        value: impl fmt::Display,
        mend: impl Into<String>,
    ) -> Self {
        let mut finding = Self::new(check, State::Fail, &place, value.to_string());
        finding.mend = Some(mend.into());
        finding.exit = exit;
        finding
    }

    /// It could not be checked, and why.
    pub(crate) fn not_checked(
        check: &'static str,
        place: impl fmt::Display,
        why: impl fmt::Display,
    ) -> Self {
        Self::new(check, State::NotChecked, &place, why.to_string())
    }

    /// The same with what the value must be.
    pub(crate) fn limit(mut self, limit: impl fmt::Display) -> Self {
        self.limit = limit.to_string();
        self
    }
}

/// The exit code for these findings: that of the failures if they share one, 1 if they do not.
pub(crate) fn exit_of(findings: &[Finding]) -> Exit {
    let mut failed = findings.iter().filter(|f| f.state == State::Fail);
    let Some(first) = failed.next() else {
        return Exit::Success;
    };
    match failed.all(|finding| finding.exit == first.exit) {
        true => first.exit,
        false => Exit::Failure,
    }
}

/// How many findings are in this state.
pub(crate) fn count(findings: &[Finding], state: State) -> usize {
    findings.iter().filter(|f| f.state == state).count()
}

/// All findings as a table, and below it, in full, what to do about those that need it.
pub(crate) fn text(findings: &[Finding]) -> String {
    let heading = ["check", "state", "place", "value", "limit"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for finding in findings {
        let (value, limit) = (short(&finding.value), short(&finding.limit));
        let (check, state) = (finding.check.to_owned(), finding.state.to_string());
        rows.push(vec![check, state, short(&finding.place), value, limit]);
    }
    let mut text = table(&rows);
    let mut mends = findings.iter().filter(|f| f.mend.is_some()).peekable();
    if mends.peek().is_some() {
        text.push_str("\n\nTo mend:");
    }
    for finding in mends {
        let Finding {
            check,
            state,
            place,
            value,
            limit,
            mend,
            ..
        } = finding;
        let limit = match limit.is_empty() {
            true => String::new(),
            false => format!(" (must be: {limit})"),
        };
        let mend = mend.as_deref().unwrap_or_default();
        text.push_str(&format!(
            "\n  {state}  {check}, {place}: {value}{limit}\n        {mend}"
        ));
    }
    let counts = [State::Fail, State::Warn, State::NotChecked].map(|state| count(findings, state));
    let [fail, warn, not] = counts;
    text.push_str(&format!(
        "\n\n{} checks: {fail} failed, {warn} to look at, {not} not checked",
        findings.len()
    ));
    text
}

/// A cell of the table: what is cut off here stands below it or in `--json`.
fn short(text: &str) -> String {
    const MOST: usize = 64;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let begin: String = text.chars().take(MOST - 1).collect();
    format!("{begin}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_cause_give_its_code_and_warnings_none() {
        let ok = Finding::ok("key", "wallet", "a key");
        let warn = Finding::warn("disk", "data", "30 ms", "a faster disk");
        let refused = Finding::fail("key", Exit::Refused, "wallet", "other", "take the other");
        let busy = Finding::fail("ports", Exit::Busy, "rpc.listen", "taken", "stop it");
        assert_eq!(exit_of(&[ok.clone(), warn.clone()]), Exit::Success);
        assert_eq!(
            exit_of(&[ok, refused.clone(), refused.clone()]),
            Exit::Refused
        );
        assert_eq!(exit_of(&[refused, warn, busy]), Exit::Failure);
    }

    #[test]
    fn the_table_names_value_limit_place_and_mend() {
        let finding =
            Finding::warn("disk-latency", "/data", "30 ms", "a faster disk").limit("20 ms");
        let text = text(&[
            finding,
            Finding::not_checked("signer", "signer", "no section"),
        ]);
        assert!(
            text.contains("disk-latency  warn         /data   30 ms       20 ms"),
            "{text}"
        );
        let mend = "warn  disk-latency, /data: 30 ms (must be: 20 ms)\n        a faster disk\n";
        assert!(text.contains(mend), "{text}");
        assert!(
            text.ends_with("2 checks: 0 failed, 1 to look at, 1 not checked"),
            "{text}"
        );
    }
}
