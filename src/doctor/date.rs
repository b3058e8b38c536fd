//! The `Date` of an HTTP server, which is its clock to the second.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest head of an answer that is read, in bytes.
const MAX_HEAD: u64 = 8 << 10;

/// Asks for nothing in particular and gives the date of the answer, in seconds since 1970. `None` if there is no answer
/// or no date in time: then this clock is not compared.
pub(super) async fn http_date(authority: &str, path: &str, within: Duration) -> Option<u64> {
    let asked = async {
        let mut stream = TcpStream::connect(authority).await.ok()?;
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"getblockcount","params":[]}"#;
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut head = Vec::new();
        stream.take(MAX_HEAD).read_to_end(&mut head).await.ok()?;
        date_of(&String::from_utf8_lossy(&head))
    };
    timeout(within, asked).await.ok().flatten()
}

/// The date in the head of an answer.
fn date_of(answer: &str) -> Option<u64> {
    let head = answer.split("\r\n\r\n").next()?;
    let mut lines = head.lines();
    let date = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("date").then_some(value.trim())
    })?;
    seconds(date)
}

/// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
fn seconds(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let parts: Vec<&str> = date.split_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = parts.as_slice() else {
        return None;
    };
    let month = MONTHS.iter().position(|name| name == month)?;
    let month = u64::try_from(month).ok()?.checked_add(1)?;
    let (day, year) = (day.parse::<u64>().ok()?, year.parse::<u64>().ok()?);
    let mut clock = time.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let sound = (1970..=9999).contains(&year)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !sound {
        return None;
    }
    // Days of the civil calendar with years that begin in March, so that a leap day is the last one.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let before = year * 365 + year / 4 - year / 100 + year / 400;
    let days = before + (153 * month + 2) / 5 + day - 1;
    // 719,468 days lie between 1 March of year 0 and 1 January 1970.
    let days = days.checked_sub(719_468)?;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_http() {
        for (date, expected) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Tue, 29 Feb 2000 12:00:00 GMT", Some(951_825_600)),
            ("Mon, 23 Nov 2026 19:10:00 GMT", Some(1_795_461_000)),
            ("Mon, 23 Nov 2026 19:10:00 CET", None),
            ("Mon, 23 Foo 2026 19:10:00 GMT", None),
            ("Mon, 99 Nov 2026 19:10:00 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("", None),
        ] {
            assert_eq!(seconds(date), expected, "{date}");
        }
        let answer = "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nDate: no";
        assert_eq!(date_of(answer), Some(784_111_777));
        assert_eq!(date_of("HTTP/1.1 200 OK\r\n\r\nDate: x"), None);
    }
}
