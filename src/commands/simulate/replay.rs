//! The command that runs one seed of a campaign again.

use super::arguments::{Faults, SimulateArguments};

/// The command for a seed: every option that changes what happens, in the form in which it was given.
pub(crate) fn command(arguments: &SimulateArguments, seed: u64) -> String {
    let mut words = vec!["neo-cli".to_owned(), "simulate".to_owned()];
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            words.push(format!("--{name}"));
            words.push(quoted(&value));
        }
    };
    if let Some(path) = &arguments.scenario {
        option("scenario", Some(path.display().to_string()));
    } else {
        let (validators, duration) = super::plan::defaults(arguments);
        option("validators", Some(validators.to_string()));
        option("duration", Some(format!("{}ms", duration.as_millis())));
        let protocol = arguments.protocol.map(u8::from);
        option("protocol", protocol.map(|number| number.to_string()));
    }
    option(
        "faults",
        (arguments.faults == Some(Faults::Swarm)).then(|| "swarm".to_owned()),
    );
    option("latency", text(arguments.latency.as_ref()));
    option("loss", text(arguments.loss.as_ref()));
    for partition in &arguments.partition {
        option("partition", text(Some(partition)));
    }
    for crash in &arguments.crash {
        option("crash", text(Some(crash)));
    }
    for freeze in &arguments.freeze {
        option("freeze", text(Some(freeze)));
    }
    for attacker in &arguments.byzantine {
        option("byzantine", text(Some(attacker)));
    }
    let in_ms = |duration: std::time::Duration| format!("{}ms", duration.as_millis());
    option("block-time", arguments.block_time.map(in_ms));
    option("load", arguments.load.map(|load| load.to_string()));
    option("heal", arguments.heal.map(in_ms));
    option("seed", Some(seed.to_string()));
    if arguments.allow_broken {
        words.push("--allow-broken".to_owned());
    }
    words.join(" ")
}

fn text(value: Option<&impl ToString>) -> Option<String> {
    value.map(ToString::to_string)
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./,:@%=+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        arguments: SimulateArguments,
    }

    fn parsed(words: &[&str]) -> SimulateArguments {
        Line::try_parse_from(words).expect("arguments").arguments
    }

    #[test]
    fn the_command_means_the_same_run() {
        let given = [
            "x",
            "--seeds",
            "5..9",
            "--validators",
            "7",
            "--protocol",
            "3",
            "--loss",
            "0.5%",
            "--crash",
            "1@1s..2s",
            "--freeze",
            "3@2s..3s",
            "--partition",
            "0,1/2,3,4,5,6@3s..4s",
            "--byzantine",
            "2:garbage",
            "--block-time",
            "1s",
            "--latency",
            "5ms..20ms",
            "--load",
            "10",
            "--threads",
            "2",
        ];
        let arguments = parsed(&given);
        let command = command(&arguments, 7);
        assert!(command.ends_with("--seed 7"), "{command}");
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let again = parsed(&words);
        assert_eq!(again.seeds().first(), 7);
        assert_eq!(super::command(&again, 7), command);
        let plan = |arguments| super::super::plan::Source::of(arguments).unwrap().plan(7);
        assert_eq!(plan(&arguments), plan(&again));
    }

    #[test]
    fn paths_survive_a_shell() {
        assert_eq!(quoted("a/b-c.json"), "a/b-c.json");
        assert_eq!(quoted("my file's"), "'my file'\\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_scenario_is_replayed_from_its_file() {
        let command = command(
            &parsed(&["x", "--scenario", "a.json", "--seeds", "0..3"]),
            2,
        );
        assert_eq!(command, "neo-cli simulate --scenario a.json --seed 2");
    }
}
