//! What neo-go's log says of its validator: how far it signed, and whether its consensus has ended.
//!
//! neo-go keeps no record of what it signed but its log. Lines of 0.120 and of its dbft library, as text or as JSON,
//! with or without whatever a log service puts before them: `sending Commit`, `sending PrepareRequest`, `sending
//! PrepareResponse`, `sending ChangeView` with `"height": N`, each written before the message leaves; `starting
//! consensus service` and `stopping consensus service`. The latter is written before the service has ended; a signal is
//! taken only after the one before it was dealt with, so `signal received` behind it says that it has.
//!
//! A node that is started again says nothing of the kind: with `node started` consensus only begins to wait for `node
//! reached synchronized state, starting services`, where all that is enabled starts, once in a life. SIGUSR2 behind that
//! ends consensus, also one that is just being started, and starts it at once if the configuration says so; the second one
//! says that the first was dealt with.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use neo_primitives::Height;

/// Longest line that is looked at; none that counts here is nearly that long.
const MAX_LINE: u64 = 64 << 10;

/// Whether neo-go's consensus runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Service {
    /// The log says nothing of it.
    #[default]
    Unknown,
    /// It was started last.
    Runs,
    /// It was told to stop, and nothing says yet that it has.
    Ending,
    /// neo-go was started. If consensus is enabled it waits for the synchronised state.
    Waits,
    /// That state is there: what is enabled starts now.
    Synchronised,
    /// A SIGUSR2 came behind that, and nothing says yet that it was dealt with.
    Signalled,
    /// It has ended.
    Ended,
}

/// What a log says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NeoGoLog {
    /// Whether consensus runs.
    pub(crate) service: Service,
    /// The highest height of which a header was signed.
    pub(crate) commit: Option<Height>,
    /// The highest height of which anything was said.
    pub(crate) vote: Option<Height>,
}

impl NeoGoLog {
    /// Reads files one behind the other, the oldest first.
    ///
    /// # Errors
    /// If one cannot be read; the error names it.
    pub(crate) fn read<P: AsRef<Path>>(files: &[P]) -> io::Result<Self> {
        let mut log = Self::default();
        for file in files {
            let path = file.as_ref();
            let named = |error: io::Error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            };
            let mut lines = BufReader::new(File::open(path).map_err(named)?);
            while let Some(line) = line(&mut lines).map_err(named)? {
                log.learn(&line);
            }
        }
        Ok(log)
    }

    fn learn(&mut self, line: &str) {
        let says = |words: &str| line.contains(words);
        if says("starting consensus service") {
            self.service = Service::Runs;
        } else if says("stopping consensus service") {
            self.service = Service::Ending;
        } else if says("node started") {
            self.service = Service::Waits;
        } else if says("node reached synchronized state") {
            self.service = match self.service {
                Service::Waits => Service::Synchronised,
                other => other,
            };
        } else if says("signal ignored") {
            self.service = match self.service {
                Service::Signalled => Service::Synchronised,
                other => other,
            };
        } else if says("signal received") {
            self.service = match self.service {
                Service::Ending | Service::Signalled => Service::Ended,
                Service::Synchronised if says("user defined signal 2") => Service::Signalled,
                other => other,
            };
        } else if let Some((_, what)) = line.split_once("sending ") {
            let spoken = ["Commit", "PrepareRequest", "PrepareResponse", "ChangeView"];
            if spoken.iter().any(|kind| what.starts_with(kind)) {
                let height = height(line);
                self.vote = self.vote.max(height);
                if what.starts_with("Commit") {
                    self.commit = self.commit.max(height);
                }
            }
        }
    }
}

/// The height that a line is about.
fn height(line: &str) -> Option<Height> {
    let (_, value) = line.split_once("\"height\":")?;
    let value = value.trim_start();
    let digits = value.find(|c: char| !c.is_ascii_digit());
    let digits = value.get(..digits.unwrap_or(value.len()))?;
    digits.parse().ok().map(Height)
}

/// The next line, of which what is too long is left out.
fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let read = from.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)?;
    if read == 0 {
        return Ok(None);
    }
    if bytes.last() != Some(&b'\n') {
        from.skip_until(b'\n')?;
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> NeoGoLog {
        let mut log = NeoGoLog::default();
        text.lines().for_each(|line| log.learn(line));
        log
    }

    /// As neo-go 0.120 writes it.
    const VOTES: &str = r#"INFO	node started	{"blockHeight": 0, "headerHeight": 0}
INFO	starting consensus service
INFO	initializing dbft	{"height": 63, "view": 0, "index": 0, "role": "Backup"}
INFO	received PrepareRequest	{"validator": 3, "tx": 0}
INFO	sending PrepareResponse	{"height": 63, "view": 0}
INFO	sending Commit	{"height": 63, "view": 0}
INFO	approving block	{"height": 63, "hash": "8f32", "tx_count": 0, "merkle": "00", "prev": "f9"}
INFO	initializing dbft	{"height": 64, "view": 0, "index": 0, "role": "Primary"}
INFO	sending PrepareRequest	{"height": 64, "view": 0}
"#;

    #[test]
    fn headers_and_other_votes_are_told_apart() {
        let log = of(VOTES);
        assert_eq!((log.commit, log.vote), (Some(Height(63)), Some(Height(64))));
        assert_eq!(log.service, Service::Runs);
        assert_eq!(of(""), NeoGoLog::default());
        assert_eq!(
            of("INFO\tsending Commit\t{\"height\": 99999999999}").commit,
            None
        );
    }

    #[test]
    fn it_has_ended_when_something_shows_that_it_has() {
        let stop = "INFO	stopping consensus service\n";
        let signal = "INFO	signal received	{\"name\": \"user defined signal 2\"}\n";
        let start = "INFO	starting consensus service\n";
        let node = "INFO	node started	{\"blockHeight\": 63, \"headerHeight\": 63}\n";
        let synchronised = "INFO	node reached synchronized state, starting services\n";
        let hangup = "INFO	signal received	{\"name\": \"hangup\"}\n";
        let ignored = "WARN	ProtocolConfiguration changed, signal ignored\n";
        for (what, service) in [
            (vec![signal, stop], Service::Ending),
            (vec![signal, stop, signal], Service::Ended),
            // It was started again, and consensus may wait for the synchronised state, or take up the signals first.
            (vec![signal, stop, node], Service::Waits),
            (vec![node], Service::Waits),
            (vec![node, signal, signal, signal], Service::Waits),
            (vec![signal, stop, signal, node], Service::Waits),
            (vec![node, synchronised], Service::Synchronised),
            (vec![node, synchronised, signal], Service::Signalled),
            (
                vec![node, synchronised, hangup, hangup],
                Service::Synchronised,
            ),
            (
                vec![node, synchronised, signal, ignored, signal],
                Service::Signalled,
            ),
            (vec![node, synchronised, signal, node], Service::Waits),
            (
                vec![node, synchronised, signal, start, signal],
                Service::Runs,
            ),
            (vec![node, synchronised, start], Service::Runs),
            (vec![node, synchronised, signal, signal], Service::Ended),
            (
                vec![node, synchronised, signal, signal, node],
                Service::Waits,
            ),
            (
                vec![node, synchronised, signal, start, stop, signal],
                Service::Ended,
            ),
            (vec![signal, stop, signal, start], Service::Runs),
            (vec![signal], Service::Runs),
        ] {
            let log = of(&format!("{VOTES}{}", what.concat()));
            assert_eq!(log.service, service, "{what:?}");
            assert_eq!(log.commit, Some(Height(63)));
        }
        // What is said after the stop counts, too.
        let late = format!(
            "{VOTES}{signal}{stop}INFO	sending Commit	{{\"height\": 64, \"view\": 0}}\n{signal}"
        );
        assert_eq!(of(&late).commit, Some(Height(64)));
    }

    #[test]
    fn json_and_what_a_log_service_puts_before_it() {
        let log = of(concat!(
            "Nov 23 21:28:02 host neo-go[7]: 2026-11-23T21:28:02.101Z\tINFO\tstarting consensus service\n",
            r#"{"level":"info","ts":1795469280.2,"msg":"sending Commit","height":812,"view":1}"#,
            "\n",
            r#"Nov 23 21:28:04 host neo-go[7]: {"level":"info","msg":"stopping consensus service"}"#,
        ));
        assert_eq!(
            (log.commit, log.service),
            (Some(Height(812)), Service::Ending)
        );
    }

    #[test]
    fn files_are_read_in_order_and_long_lines_are_cut() {
        let folder = tempfile::tempdir().unwrap();
        let (first, last) = (folder.path().join("1"), folder.path().join("2"));
        std::fs::write(&first, VOTES).unwrap();
        let long = "x".repeat(200_000);
        let text = format!(
            "{long} sending Commit {{\"height\": 900}}\n{}\n",
            "INFO stopping consensus service"
        );
        std::fs::write(
            &last,
            [text.as_bytes(), b"\xff\xfe signal received"].concat(),
        )
        .unwrap();
        let log = NeoGoLog::read(&[&first, &last]).unwrap();
        assert_eq!(
            (log.commit, log.service),
            (Some(Height(63)), Service::Ended)
        );
        let error = NeoGoLog::read(&[folder.path().join("3")]).unwrap_err();
        assert!(error.to_string().contains("/3: "), "{error}");
    }
}
