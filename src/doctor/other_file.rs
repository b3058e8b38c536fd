//! Another validator's configuration, held against the own one.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::Path;

use neo_node::config::NodeConfig;
use serde_json::Value;

use super::finding::Finding;
use crate::exit::Exit;

/// The check that a key of the section `protocol` belongs to.
fn check_of(key: &str) -> &'static str {
    match key {
        "protocol.version" => "protocol-version",
        "protocol.genesis.magic"
        | "protocol.genesis.standby_validators"
        | "protocol.genesis.committee" => "network",
        _ => "limits",
    }
}

/// Reads the other file and compares its section `protocol`, which must be the same in all nodes.
pub(super) fn compare_file(ours: &NodeConfig, file: &Path) -> Vec<Finding> {
    let place = format!("--other {}", file.display());
    match NodeConfig::load(file) {
        Ok(theirs) => compare(ours, &theirs, &place),
        Err(error) => {
            let mend = "mend that file, see `neo-cli config check`";
            vec![Finding::fail("limits", Exit::Refused, place, error, mend)]
        }
    }
}

fn compare(ours: &NodeConfig, theirs: &NodeConfig, place: &dyn Display) -> Vec<Finding> {
    // Plain data with text keys: there is nothing that cannot be written.
    let value = |config: &NodeConfig| serde_json::to_value(&config.protocol).unwrap_or_default();
    let mut all = Vec::new();
    differences(
        "protocol",
        &value(ours),
        &value(theirs),
        &mut |key, own, other| {
            let value = format!("{key}: {other}");
            let finding = if key == "protocol.genesis.memory_pool_max" {
                // Each node's own matter; a smaller one only forgets earlier.
                let mend = "equal pools lose the fewest transactions";
                Finding::warn(check_of(key), place, value, mend)
            } else {
                let mend = format!("{key} must be the same in all validators' files");
                Finding::fail(check_of(key), Exit::Refused, place, value, mend)
            };
            all.push(finding.limit(own));
        },
    );
    if all.is_empty() {
        all.push(Finding::ok(
            "limits",
            place,
            "the section protocol is equal",
        ));
    }
    all
}

/// Names each leaf in which two documents differ.
fn differences(
    at: &str,
    own: &Value,
    other: &Value,
    differs: &mut impl FnMut(&str, &Value, &Value),
) {
    const NONE: Value = Value::Null;
    if own == other {
        return;
    }
    let (Some(ours), Some(theirs)) = (own.as_object(), other.as_object()) else {
        differs(at, own, other);
        return;
    };
    let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    for key in keys {
        let own = ours.get(key).unwrap_or(&NONE);
        let other = theirs.get(key).unwrap_or(&NONE);
        differences(&format!("{at}.{key}"), own, other, differs);
    }
}
