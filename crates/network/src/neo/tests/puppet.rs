//! A peer that says what a test wants.

use neo_network::neo::wire::{Capability, Message, Version, frame, read_frame};
use neo_primitives::Height;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::nodes::{LONG, MAGIC, Node};

/// A peer that says what a test wants.
pub(crate) struct Puppet {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The version of a full node.
pub(crate) fn version(nonce: u32) -> Version {
    Version {
        magic: MAGIC,
        version: 0,
        timestamp: 1,
        nonce,
        user_agent: "/puppet:1/".to_owned(),
        capabilities: vec![Capability::FullNode(Height(0))],
    }
}

impl Puppet {
    pub(crate) async fn connect(node: &Node) -> Self {
        Self {
            stream: TcpStream::connect(node.address()).await.unwrap(),
            buffer: Vec::new(),
        }
    }

    /// Connects and shakes hands with this version.
    pub(crate) async fn join(node: &Node, version: Version) -> Self {
        let mut puppet = Self::connect(node).await;
        puppet.say(&Message::Version(version)).await;
        puppet.say(&Message::Verack).await;
        puppet
            .until(|message| matches!(message, Message::Verack).then_some(()))
            .await;
        puppet
    }

    pub(crate) async fn say(&mut self, message: &Message) {
        self.write(&frame(message, false)).await;
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Writes to a node that may have hung up.
    pub(crate) async fn try_write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The bytes of the next frame, and what they say; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(Vec<u8>, Message)> {
        loop {
            if let Some((message, used)) = read_frame(&self.buffer).unwrap() {
                let bytes = self.buffer.drain(..used).collect();
                return Some((bytes, message));
            }
            let read = timeout(LONG, self.stream.read_buf(&mut self.buffer)).await;
            match read.expect("the node says something or closes") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(Message) -> Option<T>) -> T {
        loop {
            let (_, message) = self.next().await.expect("the connection is open");
            if let Some(found) = wanted(message) {
                return found;
            }
        }
    }

    /// Reads to the end.
    pub(crate) async fn until_closed(&mut self) {
        while self.next().await.is_some() {}
    }
}
