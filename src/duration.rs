//! Durations on the command line: `500ms`, `1s`, `1.5s`, `2m`, `1h`, `0ms`.

use std::time::Duration;

/// Longest duration that is taken: 30 days.
const MAX_MILLIS: u64 = 30 * 86_400_000;

/// Reads a duration with its unit.
///
/// # Errors
/// A text that says what is wrong, for clap.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "" => return Err(format!("`{text}` has no unit: write {text}s or {text}ms")),
        _ => return Err(format!("unknown unit `{unit}`: ms, s, m and h are known")),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || !plain(whole)
        || !plain(fraction)
        || fraction.len() > 9
        || digits.ends_with('.')
    {
        return Err(format!("`{digits}` is not a decimal number"));
    }
    let too_long = || format!("`{text}` is longer than 30 days");
    let scale = 10u64.pow(u32::try_from(fraction.len()).map_err(|_| too_long())?);
    let part = if fraction.is_empty() {
        0
    } else {
        fraction.parse::<u64>().map_err(|_| too_long())?
    };
    let whole = whole.parse::<u64>().map_err(|_| too_long())?;
    let total = whole
        .checked_mul(millis)
        .and_then(|whole| whole.checked_add(part.checked_mul(millis)? / scale))
        .filter(|total| *total <= MAX_MILLIS)
        .ok_or_else(too_long)?;
    Ok(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_and_fractions() {
        for (text, millis) in [
            ("0ms", 0),
            ("0s", 0),
            ("500ms", 500),
            ("1s", 1_000),
            ("1.5s", 1_500),
            ("0.25m", 15_000),
            ("2min", 120_000),
            ("1h", 3_600_000),
            ("720h", MAX_MILLIS),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn bad_texts_are_named() {
        for (text, problem) in [
            ("10", "no unit"),
            ("", "no unit"),
            ("s", "not a decimal"),
            ("-1s", "not a decimal"),
            ("1.s", "not a decimal"),
            (".5s", "not a decimal"),
            ("1e3s", "not a decimal"),
            ("5y", "unknown unit"),
            ("721h", "longer than"),
            ("99999999999999999999s", "longer than"),
        ] {
            let error = parse_duration(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn milliseconds_come_back(millis in 0..=MAX_MILLIS) {
            prop_assert_eq!(parse_duration(&format!("{millis}ms")), Ok(Duration::from_millis(millis)));
        }
    }
}
