//! What a signer prints: one line when it is ready and one a request.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use neo_primitives::{Height, Magic, PublicKey};
use neo_signer::memory::Highest;
use neo_signer::{Entry, Journal};
use serde::Serialize;

/// Lines on standard output, for people or as JSON.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    json: bool,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Line<'a> {
    Ready {
        listen: SocketAddr,
        public_key: &'a PublicKey,
        address: String,
        magic: Magic,
        floor: Option<Height>,
        highest: Option<Height>,
    },
    Request(&'a Entry),
}

impl Lines {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) fn ready(
        self,
        listen: SocketAddr,
        key: &PublicKey,
        magic: Magic,
        floor: Option<Height>,
        highest: Highest,
    ) {
        let address = key.script_hash().to_address();
        if self.json {
            print(&json(&Line::Ready {
                listen,
                public_key: key,
                address,
                magic,
                floor,
                highest: highest.0,
            }));
            return;
        }
        print(&format!(
            "signing for {key} ({address}) on network {magic} at http://{listen}; of the record, {highest}"
        ));
    }

    pub(super) fn journal(self) -> Journal {
        Arc::new(move |entry| {
            print(&match self.json {
                true => json(&Line::Request(entry)),
                false => text(entry),
            });
        })
    }
}

fn json(line: &Line<'_>) -> String {
    // Numbers, texts and names only: there is nothing that JSON could not say.
    serde_json::to_string(line).unwrap_or_default()
}

fn text(entry: &Entry) -> String {
    let mut text = format!(
        "{} {} {}: {}",
        entry.unix_ms,
        entry.peer,
        entry.call,
        entry.outcome.name()
    );
    if let Some(kind) = entry.kind {
        text.push_str(&format!(" {kind}"));
    }
    if let Some(height) = entry.height {
        text.push_str(&format!(" height {height}"));
    }
    if let Some(view) = entry.view {
        text.push_str(&format!(" view {view}"));
    }
    if let Some(hash) = entry.hash {
        text.push_str(&format!(" {hash}"));
    }
    if let Some(reason) = &entry.reason {
        text.push_str(&format!(" ({reason})"));
    }
    text.push_str(&format!(" in {} us", entry.took_us));
    text
}

/// Nobody reading the lines is no reason to stop signing.
fn print(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use neo_primitives::UInt256;
    use neo_signer::Outcome;

    #[test]
    fn a_request_is_one_line_in_both_forms() {
        let entry = Entry {
            unix_ms: 7,
            peer: "127.0.0.1:5".to_owned(),
            call: "SignVote",
            kind: Some("Prepare"),
            height: Some(Height(9)),
            view: Some(1),
            hash: Some(UInt256::ZERO),
            outcome: Outcome::Refused,
            reason: Some("height 9 view 1: no".to_owned()),
            took_us: 30,
        };
        let line = text(&entry);
        assert!(
            line.starts_with("7 127.0.0.1:5 SignVote: REFUSED Prepare height 9 view 1 0x00"),
            "{line}"
        );
        assert!(line.ends_with("(height 9 view 1: no) in 30 us"), "{line}");
        let value: serde_json::Value = serde_json::from_str(&json(&Line::Request(&entry))).unwrap();
        assert_eq!(value["event"], "request");
        assert_eq!(value["outcome"], "refused");
        assert_eq!(value["height"], 9);
        assert!(!line.contains('\n'));
    }
}
