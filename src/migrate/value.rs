//! Foreign forms of values. Errors say what is wrong; the caller knows where.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

/// Datoshi of one GAS.
const GAS: u64 = 100_000_000;

/// Turns a foreign value into ours.
pub(super) type Convert = fn(Value) -> Result<Value, String>;

/// A whole number, also as text.
pub(super) fn whole(value: Value) -> Result<Value, String> {
    number(&value).map(Value::from)
}

pub(super) fn number(value: &Value) -> Result<u64, String> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.replace('_', "").parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| format!("{value} is no whole number"))
}

pub(super) fn boolean(value: Value) -> Result<Value, String> {
    match value {
        Value::Bool(_) => Ok(value),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => Err(format!("{text:?} is neither true nor false")),
        },
        _ => Err(format!("{value} is neither true nor false")),
    }
}

pub(super) fn inverted(value: Value) -> Result<Value, String> {
    boolean(value).map(|value| json!(value == json!(false)))
}

/// GAS as neo-go writes it, to datoshi.
pub(super) fn gas(value: Value) -> Result<Value, String> {
    let whole = number(&value)?;
    let datoshi = whole.checked_mul(GAS);
    datoshi
        .map(Value::from)
        .ok_or_else(|| format!("{whole} GAS is more than there can be"))
}

/// A duration of Go such as `1m30s`, or a number of seconds, to milliseconds.
pub(super) fn milliseconds(value: Value) -> Result<Value, String> {
    let Value::String(text) = &value else {
        let seconds = number(&value)?;
        let milliseconds = seconds.checked_mul(1_000);
        return milliseconds
            .map(Value::from)
            .ok_or_else(|| format!("{seconds} s is too long"));
    };
    duration(text).map(Value::from).ok_or_else(|| {
        format!("{text:?} is no duration of whole milliseconds such as 15s or 500ms")
    })
}

fn duration(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut nanoseconds = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(digits)?;
        let letters = behind
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(behind.len());
        let (unit, next) = behind.split_at_checked(letters)?;
        let unit = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let part = number.parse::<u64>().ok()?.checked_mul(unit)?;
        nanoseconds = nanoseconds.checked_add(part)?;
        rest = next;
    }
    let whole = !text.is_empty() && nanoseconds.is_multiple_of(1_000_000);
    whole.then_some(nanoseconds / 1_000_000)
}

/// An address to listen on: `host:port`, where no host means all interfaces; neo-go may add a port to announce.
pub(super) fn listener(value: &Value) -> Result<SocketAddr, String> {
    let Value::String(text) = value else {
        return Err(format!("{value} is no host:port"));
    };
    let parsed = |text: &str| -> Option<SocketAddr> {
        let (host, port) = text.rsplit_once(':')?;
        let host = match host {
            "" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            host => host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse()
                .ok()?,
        };
        Some(SocketAddr::new(host, port.parse().ok()?))
    };
    let announced = || {
        let (address, announced) = text.rsplit_once(':')?;
        announced.parse::<u16>().ok()?;
        parsed(address)
    };
    parsed(text)
        .or_else(announced)
        .ok_or_else(|| format!("{text:?} is no IP address and port to listen on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_go() {
        for (text, expected) in [
            ("15s", Some(15_000)),
            ("500ms", Some(500)),
            ("1m30s", Some(90_000)),
            ("1h", Some(3_600_000)),
            ("1000us", Some(1)),
            ("0s", Some(0)),
            ("1us", None),
            ("15", None),
            ("s", None),
            ("", None),
            ("-1s", None),
            ("1d", None),
            ("99999999999999999999s", None),
            ("9999999999h", None),
        ] {
            assert_eq!(
                milliseconds(json!(text)).ok(),
                expected.map(Value::from),
                "{text}"
            );
        }
        assert_eq!(milliseconds(json!(15)), Ok(json!(15_000)));
        assert!(milliseconds(json!(u64::MAX)).is_err());
    }

    #[test]
    fn listeners_of_both_nodes() {
        for (text, expected) in [
            (":20333", Some("0.0.0.0:20333")),
            ("127.0.0.1:20333", Some("127.0.0.1:20333")),
            ("localhost:1", Some("127.0.0.1:1")),
            ("[::1]:7", Some("[::1]:7")),
            ("10.0.0.1:20333:30333", Some("10.0.0.1:20333")),
            ("example.org:1", None),
            ("127.0.0.1", None),
            ("127.0.0.1:99999", None),
        ] {
            let read = listener(&json!(text)).ok();
            assert_eq!(read.map(|it| it.to_string()).as_deref(), expected, "{text}");
        }
        assert!(listener(&json!(20_333)).is_err());
    }

    #[test]
    fn amounts_and_numbers() {
        assert_eq!(gas(json!(52_000_000)), Ok(json!(5_200_000_000_000_000_u64)));
        assert!(gas(json!(u64::MAX)).is_err());
        assert_eq!(number(&json!("150_000")), Ok(150_000));
        for wrong in [json!(-1), json!(1.5), json!("x"), json!(true), json!([])] {
            assert!(number(&wrong).is_err(), "{wrong}");
        }
        assert_eq!(inverted(json!(true)), Ok(json!(false)));
        assert_eq!(boolean(json!("True")), Ok(json!(true)));
        assert!(boolean(json!(1)).is_err());
    }
}
