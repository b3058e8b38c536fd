//! The node's configuration and the genesis configuration in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use neo_node::config::NodeConfig;

fuzz_target!(|text: &str| {
    let Ok(config) = NodeConfig::parse(text) else {
        return;
    };
    let written = config.to_json();
    let again = NodeConfig::parse(&written).expect("its own JSON");
    assert_eq!(again, config);
    assert_eq!(again.to_json(), written);
});
