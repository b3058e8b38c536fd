//! What a node tells the program that started it: one JSON object a line on standard output.

use std::io::Write;
use std::sync::mpsc;

use neo_primitives::{Height, PublicKey, UInt256};
use serde::Serialize;

/// One line.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum NodeEvent {
    /// The node serves and takes part.
    Ready {
        /// Where JSON-RPC listens.
        rpc: Option<String>,
        /// Where metrics are served.
        metrics: Option<String>,
        /// Where Neo N3's P2P takes connections.
        p2p: Option<String>,
        /// Height of the stored tip.
        height: Height,
    },
    /// A block became durable here.
    Block {
        /// Its height.
        height: Height,
        /// Its hash.
        hash: UInt256,
        /// When, nanoseconds since 1970.
        t_ns: u64,
        /// Number of its transactions.
        transactions: usize,
        /// View in which it was decided here, if it was.
        view: Option<u32>,
        /// From the first sight of its proposal to its decision, microseconds.
        decision_us: Option<u64>,
        /// From the first sight of its proposal to its witness, microseconds.
        witness_us: Option<u64>,
    },
    /// This validator keeps silent (docs/protocol.md section 5, rule 8).
    Silent {
        /// The height whose storing ends it; none while it is not known.
        until: Option<Height>,
        /// When, nanoseconds since 1970.
        t_ns: u64,
    },
    /// Its silence is over.
    Voting {
        /// First height that it votes on.
        from: Height,
        /// When, nanoseconds since 1970.
        t_ns: u64,
    },
    /// The first PreCommit or Commit since the start left; with dBFT 2.0 the first Commit.
    FirstVote {
        /// Its height.
        height: Height,
        /// When, nanoseconds since 1970.
        t_ns: u64,
    },
    /// An alert is raised or over.
    Alert {
        /// What it is about.
        kind: &'static str,
        /// Whether it is up now.
        active: bool,
        /// What it says.
        text: String,
        /// When, nanoseconds since 1970.
        t_ns: u64,
    },
    /// A proof that a validator broke the protocol was stored.
    Evidence {
        /// Its index at that height.
        validator: u8,
        /// Its key.
        public_key: PublicKey,
        /// The height at which it broke the protocol.
        height: Height,
        /// The form of its guilt (protocol section 6).
        form: &'static str,
        /// Hash of the proof, the name of its file.
        hash: UInt256,
        /// When, nanoseconds since 1970.
        t_ns: u64,
    },
    /// A peer is kept out for a while.
    Ban {
        /// Index of the validator whose key it proved, if it did.
        validator: Option<u8>,
        /// That key.
        public_key: Option<PublicKey>,
        /// Its peer id; none for a whole address.
        peer: Option<String>,
        /// What it did.
        reason: &'static str,
        /// For how long.
        seconds: u64,
        /// When, nanoseconds since 1970.
        t_ns: u64,
    },
    /// A validator's conduct shows a fault or an attack, or does not any more.
    Finding {
        /// Its index.
        validator: u8,
        /// Its key.
        public_key: PublicKey,
        /// What it does.
        fault: &'static str,
        /// Whether that begins or ends.
        active: bool,
        /// What was counted.
        detail: String,
        /// When, nanoseconds since 1970.
        t_ns: u64,
    },
    /// The node has ended.
    Summary {
        /// Views above 0 that were entered.
        view_changes: u64,
        /// Consensus messages sent, each copy counted.
        messages: u64,
        /// Their bytes.
        message_bytes: u64,
        /// Processor time used, seconds.
        cpu_s: f64,
        /// Greatest memory in use, MiB.
        peak_rss_mb: f64,
    },
}

/// Takes events; writing them never holds the node up.
#[derive(Clone, Debug, Default)]
pub struct EventSink(Option<mpsc::Sender<NodeEvent>>);

impl EventSink {
    /// Events are dropped.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Events go to another part of this process.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<NodeEvent>) {
        let (sender, events) = mpsc::channel();
        (Self(Some(sender)), events)
    }

    /// Events go to standard output; the thread ends with the last sink.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn stdout() -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (sender, events) = mpsc::channel::<NodeEvent>();
        let thread = std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || {
                let mut out = std::io::stdout().lock();
                while let Ok(event) = events.recv() {
                    let Ok(mut line) = serde_json::to_vec(&event) else {
                        continue;
                    };
                    line.push(b'\n');
                    // Nobody listens any more: the node goes on without.
                    if out.write_all(&line).and_then(|()| out.flush()).is_err() {
                        return;
                    }
                }
            })?;
        Ok((Self(Some(sender)), thread))
    }

    pub(crate) fn emit(&self, event: NodeEvent) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(event);
        }
    }
}
