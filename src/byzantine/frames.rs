//! What `garbage` does below consensus: connections to the others that break the rules of the mesh.

use std::time::Duration;

use neo_network::raw_peer::addresses;
use neo_network::raw_peer::misdeeds::Misdeed;
use neo_network::{Endpoint, Identity, Multiaddr, NetworkConfig};
use neo_node::config::NodeConfig;
use neo_primitives::{Magic, PrivateKey, UInt256};

/// Attackers that are connected at a time.
const AT_A_TIME: usize = 3;
/// Between two connections of one attacker.
const PAUSE: Duration = Duration::from_millis(300);
/// One connection in so many proves the validator's key; the others come from strangers.
const WITH_KEY: u32 = 3;

/// Connects to the others again and again, each time as somebody new, and does one misdeed.
#[derive(Clone, Debug)]
pub(super) struct Vandal {
    magic: Magic,
    genesis: UInt256,
    victims: Vec<Endpoint>,
}

impl Vandal {
    /// Whom the node of this configuration can reach.
    pub(super) fn of(config: &NodeConfig) -> Self {
        let peers = config.network.peers.iter();
        Self {
            magic: config.protocol.genesis.magic,
            genesis: config.protocol.genesis.genesis_block().hash(),
            victims: peers.flat_map(|peer| peer.addresses.clone()).collect(),
        }
    }

    /// Starts the attack within the running runtime; it ends with that.
    pub(super) fn start(self, key: &PrivateKey) {
        for _ in 0..AT_A_TIME {
            tokio::spawn(self.clone().run(key.clone()));
        }
    }

    async fn run(self, key: PrivateKey) {
        loop {
            let misdeed = pick(&Misdeed::ALL);
            if let (Some(misdeed), Some(address)) = (misdeed, self.victim().await) {
                let key = rand::random::<u32>()
                    .is_multiple_of(WITH_KEY)
                    .then_some(&key);
                self.commit(misdeed, address, key).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn victim(&self) -> Option<Multiaddr> {
        let endpoint = pick(&self.victims)?;
        pick(&addresses(&endpoint).await.ok()?)
    }

    async fn commit(&self, misdeed: Misdeed, address: Multiaddr, key: Option<&PrivateKey>) {
        let config = NetworkConfig::new(self.magic, self.genesis, Identity::generate());
        let outcome = misdeed.commit(&config, address.clone(), key).await;
        let proven = key.is_some();
        match outcome {
            Ok(cut_off) => tracing::debug!(?misdeed, %address, proven, cut_off, "misdeed done"),
            Err(error) => tracing::debug!(?misdeed, %address, proven, %error, "misdeed failed"),
        }
    }
}

fn pick<T: Clone>(of: &[T]) -> Option<T> {
    let at = rand::random::<u64>().checked_rem(u64::try_from(of.len()).ok()?)?;
    of.get(usize::try_from(at).ok()?).cloned()
}
