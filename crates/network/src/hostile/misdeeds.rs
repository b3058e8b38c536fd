//! Every misdeed that `neo-cli byzantine` commits is noticed, and the victim goes on.

use super::*;
use crate::raw_peer::misdeeds::Misdeed;

#[tokio::test]
async fn every_misdeed_is_noticed_and_survived() {
    for (at, misdeed) in Misdeed::ALL.into_iter().enumerate() {
        let victim =
            Victim::start(|config| config.timing.frame_timeout = Duration::from_millis(200)).await;
        let config = config(None, Vec::new());
        let address = victim.addresses[at % 2].clone();
        let key: &PrivateKey = victim.keys[1].as_ref();
        let cut = misdeed.commit(&config, address, Some(key)).await;
        let metrics = victim.handle.metrics();
        if misdeed == Misdeed::EarlyRequest {
            // It costs nothing to refuse it.
            assert!(metrics.requests_refused > 0, "{misdeed:?}");
        } else {
            assert!(cut.expect("committed"), "{misdeed:?} is not cut off");
            assert!(!metrics.refusals.is_empty(), "{misdeed:?}");
        }
        victim.still_serves().await;
    }
}
