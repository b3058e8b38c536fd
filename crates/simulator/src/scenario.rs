//! Plans from JSON text, with errors that say where something is wrong.

use crate::plan::{Plan, PlanError};

/// Why a text is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is not the JSON of a plan: an unknown or missing key, a value of another kind.
    #[error("at {path}, line {line}: {problem}")]
    Json {
        /// Where in the plan, such as `faults[0].kind`.
        path: String,
        /// Line of the text.
        line: usize,
        /// What is wrong there, with the known keys.
        problem: String,
    },
    /// A value is outside its limits.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// Reads a plan and checks it.
///
/// # Errors
/// The first key or value that cannot be, and where it is.
pub fn parse(text: &str) -> Result<Plan, ScenarioError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let plan: Plan = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => "the top".to_owned(),
            path => path.to_owned(),
        };
        json_error(path, error.inner())
    })?;
    reader
        .end()
        .map_err(|error| json_error("the end".to_owned(), &error))?;
    plan.validate()?;
    Ok(plan)
}

fn json_error(path: String, error: &serde_json::Error) -> ScenarioError {
    ScenarioError::Json {
        path,
        line: error.line(),
        problem: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_comes_back_from_its_json() {
        let plan = Plan::new(4, 5_000);
        let text = serde_json::to_string_pretty(&plan).expect("JSON");
        assert_eq!(parse(&text).expect("a plan"), plan);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, words) in [
            (
                r#"{"validators":4,"duration_ms":1,"speed":2}"#,
                &["unknown field `speed`", "validators"][..],
            ),
            (r#"{"validators":4}"#, &["missing field `duration_ms`"]),
            (
                r#"{"validators":4,"duration_ms":1,"faults":[{"when":{"at":0},"kind":{"crush":{}}}]}"#,
                &["faults[0].kind", "crush"],
            ),
            (
                r#"{"validators":0,"duration_ms":1}"#,
                &["validators is 0", "1 and 255"],
            ),
            (
                r#"{"validators":4,"duration_ms":1} x"#,
                &["the end", "trailing"],
            ),
            ("", &["EOF"]),
        ] {
            let error = parse(text).expect_err(text).to_string();
            for word in words {
                assert!(error.contains(word), "{word}: {error}");
            }
        }
    }
}
