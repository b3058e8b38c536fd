//! Values of options that have a form of their own.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use neo_simulator::plan::Latency;

use crate::duration::parse_duration;

/// Longest one-way delay: a minute.
const MAX_DELAY: Duration = Duration::from_secs(60);

/// `--latency`: `lan`, `wan`, `wan:REGION+REGION`, `10ms` or `5ms..20ms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LatencyValue {
    /// What the plan says.
    pub(crate) latency: Latency,
    text: String,
}

impl FromStr for LatencyValue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let latency = match text {
            "lan" => Latency::Lan,
            "wan" => Latency::Wan {
                regions: Vec::new(),
            },
            _ => match text.strip_prefix("wan:") {
                Some(regions) => Latency::Wan {
                    regions: regions.split('+').map(str::to_owned).collect(),
                },
                None => uniform(text)?,
            },
        };
        Ok(Self {
            latency,
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for LatencyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn uniform(text: &str) -> Result<Latency, String> {
    let (least, greatest) = text.split_once("..").unwrap_or((text, text));
    let read = |part: &str| {
        let delay = micros(part).map_err(|problem| {
            format!("{problem}; lan, wan, wan:REGION+REGION, a delay such as 10ms, and 5ms..20ms are known")
        })?;
        if delay > MAX_DELAY {
            return Err(format!("`{part}` is longer than 60s"));
        }
        u64::try_from(delay.as_micros()).map_err(|_| format!("`{part}` is too long"))
    };
    let (min_us, max_us) = (read(least)?, read(greatest)?);
    if min_us > max_us {
        return Err(format!(
            "`{text}`: the first delay is longer than the second"
        ));
    }
    Ok(Latency::Uniform { min_us, max_us })
}

/// A duration that may be given in microseconds.
fn micros(text: &str) -> Result<Duration, String> {
    match text.strip_suffix("us").map(str::parse::<u32>) {
        Some(Ok(micros)) => Ok(Duration::from_micros(u64::from(micros))),
        _ => parse_duration(text),
    }
}

/// `--loss`: a share with a per cent sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// Of a million.
    pub(crate) ppm: u32,
    text: String,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(number) = text.strip_suffix('%') else {
            return Err(format!("`{text}` has no unit: write {text}%"));
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || !digits(whole)
            || !digits(fraction)
            || fraction.len() > 4
            || number.ends_with('.')
        {
            return Err(format!(
                "`{number}` is not a decimal number with at most four digits behind the point"
            ));
        }
        let ppm = format!("{whole}{fraction:0<4}").parse::<u32>().ok();
        match ppm.filter(|ppm| *ppm <= 1_000_000) {
            Some(ppm) => Ok(Self {
                ppm,
                text: text.to_owned(),
            }),
            None => Err(format!("`{text}` is outside the limits 0% and 100%")),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn latency(text: &str) -> Latency {
        text.parse::<LatencyValue>().unwrap().latency
    }

    #[test]
    fn latencies_are_places_or_delays() {
        assert_eq!(latency("lan"), Latency::Lan);
        let both = |min_us, max_us| Latency::Uniform { min_us, max_us };
        assert_eq!(latency("10ms"), both(10_000, 10_000));
        assert_eq!(latency("250us..1.5ms"), both(250, 1_000));
        let regions = vec!["tokyo".to_owned(), "london".to_owned()];
        assert_eq!(latency("wan:tokyo+london"), Latency::Wan { regions });
    }

    #[test]
    fn bad_latencies_are_named() {
        for (text, problem) in [
            ("10", "no unit"),
            ("fast", "lan, wan"),
            ("20ms..5ms", "longer than the second"),
            ("61s", "longer than 60s"),
        ] {
            let error = text.parse::<LatencyValue>().unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    #[test]
    fn shares_are_per_cent() {
        let ppm = |text: &str| text.parse::<Share>().map(|share| share.ppm);
        assert_eq!(ppm("0%"), Ok(0));
        assert_eq!(ppm("5%"), Ok(50_000));
        assert_eq!(ppm("0.25%"), Ok(2_500));
        assert_eq!(ppm("100%"), Ok(1_000_000));
        for (text, problem) in [
            ("5", "write 5%"),
            ("101%", "0% and 100%"),
            ("-1%", "decimal"),
            ("1.%", "decimal"),
            ("%", "decimal"),
            ("0.00001%", "decimal"),
            ("99999999999%", "0% and 100%"),
        ] {
            let error = ppm(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,16}") {
            let _ = text.parse::<Share>();
            let _ = text.parse::<LatencyValue>();
        }
    }
}
