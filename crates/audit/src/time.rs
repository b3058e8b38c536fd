//! Moments as RFC 3339 text in UTC with milliseconds, such as `2026-11-23T09:23:35.123Z`.

const DAY_MS: u64 = 86_400_000;
/// The last moment with four digits of its year: 9999-12-31T23:59:59.999Z.
const LAST_MS: u64 = 253_402_300_799_999;

/// Year, month and day of a number of days since 1970, in the Gregorian calendar. Years are counted from March, so
/// that the leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01.
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 {
        year.checked_sub(1)?
    } else {
        year
    };
    let (era, year_of_era) = (year / 400, year % 400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day.checked_sub(1)?;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    (era * 146_097 + of_era).checked_sub(719_468)
}

/// The text of a moment, in milliseconds since 1970; later ones than year 9999 are that year's end.
pub(crate) fn text(ms: u64) -> String {
    let ms = ms.min(LAST_MS);
    let (year, month, day) = date(ms / DAY_MS);
    let rest = ms % DAY_MS;
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, milli) = (rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

/// The moment of such a text; `None` for anything that [`text`] does not write.
pub(crate) fn parse(written: &str) -> Option<u64> {
    let number = |from: usize, to: usize| -> Option<u64> {
        let digits = written.get(from..to)?;
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(())?;
        digits.parse().ok()
    };
    let in_day = number(11, 13)? * 3_600_000
        + number(14, 16)? * 60_000
        + number(17, 19)? * 1_000
        + number(20, 23)?;
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let ms = days.checked_mul(DAY_MS)?.checked_add(in_day)?;
    // Impossible dates, other separators and longer texts do not come back as they were.
    (text(ms) == written).then_some(ms)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_moments() {
        for (ms, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (LAST_MS, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text(ms), written);
            assert_eq!(parse(written), Some(ms));
        }
        assert_eq!(text(u64::MAX), text(LAST_MS));
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in [
            "",
            "2023-02-29T00:00:00.000Z",
            "2023-13-01T00:00:00.000Z",
            "2023-01-00T00:00:00.000Z",
            "2023-01-01T24:00:00.000Z",
            "2023-01-01 00:00:00.000Z",
            "2023-01-01T00:00:00.000Zz",
            "1969-12-31T23:59:59.999Z",
            "0000-01-01T00:00:00.000Z",
            "2023-01-01T00:00:00.00éZ",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn moments_come_back(ms in 0..=LAST_MS) {
            prop_assert_eq!(parse(&text(ms)), Some(ms));
        }
    }
}
