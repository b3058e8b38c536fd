//! Amounts of tokens as people write them: `10`, `0.5`, with as many decimals as the token has.

use neo_primitives::Token;

/// Reads an amount in the token's smallest unit.
///
/// # Errors
/// A text that names the amount and the limit.
pub(crate) fn parse_amount(token: Token, text: &str) -> Result<i64, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        return Err(format!(
            "`{text}` is not an amount: digits with at most one point are"
        ));
    }
    let decimals = usize::from(token.decimals());
    if fraction.len() > decimals {
        return Err(match decimals {
            0 => format!("`{text}` is not a whole number, and {token} cannot be divided"),
            _ => format!(
                "`{text}` has {} decimals, {token} has {decimals}",
                fraction.len()
            ),
        });
    }
    format!("{whole}{fraction:0<decimals$}")
        .parse()
        .map_err(|_| format!("`{text}` is more {token} than can exist"))
}

/// Writes an amount of the token's smallest unit, without trailing zeros after the point.
pub(crate) fn format_amount(token: Token, amount: i128) -> String {
    let decimals = u32::from(token.decimals());
    let unit = 10i128.pow(decimals);
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    let (whole, rest) = (amount / unit.unsigned_abs(), amount % unit.unsigned_abs());
    let text = match rest {
        0 => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{rest:0width$}", width = decimals as usize),
    };
    match rest {
        0 => text,
        _ => text.trim_end_matches('0').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_belong_to_the_token() {
        assert_eq!(parse_amount(Token::Neo, "10"), Ok(10));
        assert_eq!(parse_amount(Token::Gas, "10"), Ok(1_000_000_000));
        assert_eq!(parse_amount(Token::Gas, "0.00000001"), Ok(1));
        assert_eq!(parse_amount(Token::Gas, "1.5"), Ok(150_000_000));
        for (token, text, problem) in [
            (Token::Neo, "0.5", "cannot be divided"),
            (Token::Gas, "0.000000001", "9 decimals, GAS has 8"),
            (Token::Gas, "-1", "not an amount"),
            (Token::Gas, "1.", "not an amount"),
            (Token::Gas, ".5", "not an amount"),
            (Token::Gas, "", "not an amount"),
            (Token::Gas, "1e9", "not an amount"),
            (Token::Gas, "99999999999999", "more GAS than can exist"),
        ] {
            let error = parse_amount(token, text).unwrap_err();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn amounts_are_written_short() {
        assert_eq!(format_amount(Token::Gas, 9_977_780), "0.0997778");
        assert_eq!(format_amount(Token::Gas, 5_200_000_000_000_000), "52000000");
        assert_eq!(format_amount(Token::Gas, -150_000_000), "-1.5");
        assert_eq!(format_amount(Token::Neo, 100_000_000), "100000000");
    }

    proptest! {
        #[test]
        fn written_amounts_are_read_back(amount in 0..=i64::MAX, neo: bool) {
            let token = if neo { Token::Neo } else { Token::Gas };
            prop_assert_eq!(parse_amount(token, &format_amount(token, amount.into())), Ok(amount));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = parse_amount(Token::Gas, &text);
        }
    }
}
