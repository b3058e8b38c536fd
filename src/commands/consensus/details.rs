//! What a node tells besides its votes: alerts, connections, conduct, reputation, and what it measured and tuned.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::output::table;

/// What is shown of it. Nodes of earlier versions tell none of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    alerts: Vec<Alert>,
    topology: Topology,
    standings: Vec<Standing>,
    reputation: Vec<Reputation>,
    performance: Performance,
    timer: Timer,
    maxtransactions: u32,
    tuning: Option<Tuning>,
}

#[derive(Debug, Default, Deserialize)]
struct Alert {
    kind: String,
    active: bool,
    count: u64,
    text: String,
}

#[derive(Debug, Default, Deserialize)]
struct Topology {
    reachable: usize,
    needed: usize,
    partitioned: bool,
    validators: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Link {
    index: Option<u8>,
    connected: bool,
    round_trip_us: Option<u64>,
    last_heard_ms: Option<u64>,
    relayed: bool,
    quiet: bool,
}

#[derive(Debug, Deserialize)]
struct Standing {
    index: u8,
    score: u32,
    findings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Reputation {
    validator: Option<u8>,
    peer: Option<String>,
    address: Option<String>,
    score: u8,
    offences: BTreeMap<String, u64>,
    bans: u32,
    banned_s: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
struct Performance {
    avg_block_time: u64,
    view_change_frequency: u32,
    successful_blocks: u64,
    failed_views: u64,
    phases: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Deserialize)]
struct Timer {
    base_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Tuning {
    fan_out: u64,
    verification_threads: u64,
}

impl Details {
    /// Validators in reach of those that are needed: `4/3`; with a word where they are too few.
    pub(super) fn reach(&self) -> String {
        let Topology {
            reachable,
            needed,
            partitioned,
            ..
        } = &self.topology;
        match partitioned {
            true => format!("{reachable}/{needed} partitioned"),
            false => format!("{reachable}/{needed}"),
        }
    }

    /// The alerts that are up.
    pub(super) fn alerts(&self) -> String {
        let up = self.alerts.iter().filter(|alert| alert.active);
        let names: Vec<_> = up.map(|alert| alert.kind.as_str()).collect();
        match names.as_slice() {
            [] => "-".to_owned(),
            names => names.join(" "),
        }
    }

    /// What an operator should look at, a line each.
    pub(super) fn remarks(&self) -> Vec<String> {
        let alerts = self.alerts.iter().filter(|alert| alert.active);
        let alerts = alerts.map(|alert| {
            format!(
                "alert {} ({} times): {}",
                alert.kind, alert.count, alert.text
            )
        });
        let links = self.topology.validators.iter().filter_map(|link| {
            let who = index(link.index);
            match (link.connected, link.relayed) {
                (false, true) => Some(format!("validator {who}: reached through others only")),
                (false, false) => Some(format!("validator {who}: not connected")),
                (true, _) => link.quiet.then(|| format!("validator {who}: quiet")),
            }
        });
        let found = self.standings.iter().filter(|one| !one.findings.is_empty());
        let found =
            found.map(|one| format!("validator {}: {}", one.index, one.findings.join(", ")));
        let bans = self.reputation.iter().filter_map(|one| {
            let left = one.banned_s?;
            Some(format!("{}: kept out for {left} s more", one.who()))
        });
        alerts.chain(links).chain(found).chain(bans).collect()
    }

    /// Everything, as tables.
    pub(super) fn all(&self) -> String {
        let mut parts = vec![self.measured(), self.links()];
        if !self.reputation.is_empty() {
            parts.push(self.reputations());
        }
        parts.join("\n\n")
    }

    fn measured(&self) -> String {
        let performance = &self.performance;
        let mut rows = vec![row(["measured", "value"])];
        let mut add = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
        add("block time", millis(performance.avg_block_time));
        add("blocks decided", performance.successful_blocks.to_string());
        add("views given up", performance.failed_views.to_string());
        let frequency = performance.view_change_frequency;
        add("view changes of 1000 blocks", frequency.to_string());
        for (phase, micros) in &performance.phases {
            add(&format!("phase {phase}"), millis(*micros));
        }
        add("view timeout", format!("{} ms", self.timer.base_ms));
        add("transactions a block", self.maxtransactions.to_string());
        if let Some(tuning) = &self.tuning {
            add("fan-out", tuning.fan_out.to_string());
            let threads = tuning.verification_threads;
            add("verification threads", threads.to_string());
        }
        table(&rows)
    }

    fn links(&self) -> String {
        let mut rows = vec![row([
            "validator",
            "connected",
            "round trip",
            "heard",
            "relayed",
            "quiet",
            "conduct",
            "findings",
        ])];
        let sign = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        rows.extend(self.topology.validators.iter().map(|link| {
            let standing = self
                .standings
                .iter()
                .find(|one| Some(one.index) == link.index);
            let heard = link
                .last_heard_ms
                .map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms ago"));
            vec![
                index(link.index),
                sign(link.connected),
                link.round_trip_us.map_or_else(|| "-".to_owned(), millis),
                heard,
                sign(link.relayed),
                sign(link.quiet),
                standing.map_or_else(|| "-".to_owned(), |one| one.score.to_string()),
                standing.map_or_else(String::new, |one| one.findings.join(" ")),
            ]
        }));
        table(&rows)
    }

    fn reputations(&self) -> String {
        let mut rows = vec![row(["peer", "reputation", "bans", "out for", "offences"])];
        rows.extend(self.reputation.iter().map(|one| {
            let offences = one
                .offences
                .iter()
                .map(|(name, times)| format!("{name} {times}"));
            vec![
                one.who(),
                one.score.to_string(),
                one.bans.to_string(),
                one.banned_s
                    .map_or_else(|| "-".to_owned(), |left| format!("{left} s")),
                offences.collect::<Vec<_>>().join(", "),
            ]
        }));
        table(&rows)
    }
}

impl Reputation {
    fn who(&self) -> String {
        match (self.validator, &self.peer, &self.address) {
            (Some(index), _, _) => format!("validator {index}"),
            (None, Some(peer), _) => format!("peer {peer}"),
            (None, None, Some(address)) => format!("address {address}"),
            (None, None, None) => "-".to_owned(),
        }
    }
}

fn index(index: Option<u8>) -> String {
    index.map_or_else(|| "-".to_owned(), |index| index.to_string())
}

fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trouble() -> Details {
        Details::deserialize(json!({
            "alerts": [
                {"kind": "partition", "active": true, "count": 2, "last_ns": 9, "text": "2 of 3"},
                {"kind": "ban", "active": false, "count": 1, "last_ns": 9, "text": "over"}
            ],
            "topology": {
                "reachable": 2, "needed": 3, "partitioned": true,
                "validators": [
                    {"index": 1, "publickey": "02", "connected": false, "round_trip_us": 1_550,
                     "last_heard_ms": 7_000, "relayed": true, "quiet": false},
                    {"index": 2, "publickey": "02", "connected": false, "round_trip_us": null,
                     "last_heard_ms": null, "relayed": false, "quiet": false},
                    {"index": 3, "publickey": "02", "connected": true, "round_trip_us": 90,
                     "last_heard_ms": 3, "relayed": true, "quiet": true}
                ]
            },
            "standings": [{"index": 3, "score": 50, "findings": ["equivocates"], "late": 4}],
            "reputation": [{
                "validator": 3, "publickey": null, "peer": null, "address": null, "score": 0,
                "offences": {"guilty": 4}, "bans": 1, "banned_s": 12
            }],
            "performance": {
                "avg_block_time": 1_003_400, "view_change_frequency": 31, "successful_blocks": 9,
                "failed_views": 1, "phases": {"prepare": 2_100}
            },
            "timer": {"base_ms": 375}, "maxtransactions": 512,
            "tuning": {"fan_out": 12, "verification_threads": 2}
        }))
        .unwrap()
    }

    #[test]
    fn trouble_is_said_in_a_line_each() {
        let details = trouble();
        assert_eq!(details.reach(), "2/3 partitioned");
        assert_eq!(details.alerts(), "partition");
        assert_eq!(
            details.remarks(),
            [
                "alert partition (2 times): 2 of 3",
                "validator 1: reached through others only",
                "validator 2: not connected",
                "validator 3: quiet",
                "validator 3: equivocates",
                "validator 3: kept out for 12 s more",
            ]
        );
    }

    #[test]
    fn everything_is_in_the_tables() {
        let text = trouble().all();
        for line in [
            "block time                   1003.4 ms",
            "phase prepare                2.1 ms",
            "view timeout                 375 ms",
            "fan-out                      12",
            "verification threads         2",
            "1          no         1.5 ms      7000 ms ago  yes      no     -",
            "3          yes        0.0 ms      3 ms ago     yes      yes    50       equivocates",
            "validator 3  0           1     12 s     guilty 4",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_node_that_tells_none_of_it_is_no_problem() {
        let details = Details::deserialize(json!({"stored": 3})).unwrap();
        assert_eq!(
            (details.reach().as_str(), details.alerts().as_str()),
            ("0/0", "-")
        );
        assert!(details.remarks().is_empty() && !details.all().is_empty());
    }
}
