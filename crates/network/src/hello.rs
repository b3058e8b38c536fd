//! The first message on a connection: who we are, and the proof of it.

use futures::future::BoxFuture;
use libp2p::PeerId;
use neo_primitives::{
    Decode, DecodeError, Encode, Height, Magic, PublicKey, Reader, Signature, UInt256,
    codec::{write_var_bytes, write_var_int},
};

use crate::{config::PeerBinding, error::Refusal};

/// Version of the hello and of the lanes it opens.
pub(crate) const HELLO_VERSION: u16 = 2;
/// Most listen addresses in a hello.
pub(crate) const MAX_LISTEN: usize = 8;
const MAX_ADDRESS: usize = 128;
/// Longest name of a program in a hello.
pub(crate) const MAX_AGENT: usize = 64;

/// A validator key and the signature that binds it to this connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyProof {
    pub(crate) key: [u8; 33],
    pub(crate) signature: Signature,
}

/// What each side says first.
///
/// ```text
/// hello = magic u32 ‖ version u16 ‖ genesis 32 ‖ instance u64 ‖ height u32 ‖ tip 32
///       ‖ proof (0 | 1 ‖ key 33 ‖ signature 64) ‖ listen addresses ‖ agent
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    pub(crate) magic: Magic,
    pub(crate) version: u16,
    pub(crate) genesis: UInt256,
    /// Random for each start of a node: tells a restarted peer from one that dialled twice.
    pub(crate) instance: u64,
    pub(crate) height: Height,
    pub(crate) tip: UInt256,
    pub(crate) proof: Option<KeyProof>,
    /// Multiaddresses in their binary form.
    pub(crate) listen: Vec<Vec<u8>>,
    pub(crate) agent: String,
}

/// What the signature of a hello covers: the network and both ends of the connection, which the transport has
/// authenticated. Repeating it on another connection proves nothing there.
pub(crate) fn binding(magic: Magic, own: &PeerId, remote: &PeerId) -> Vec<u8> {
    peer_binding(magic, own, remote).message()
}

/// The same, field by field.
pub(crate) fn peer_binding(magic: Magic, own: &PeerId, remote: &PeerId) -> PeerBinding {
    PeerBinding {
        magic,
        own: own.to_bytes(),
        remote: remote.to_bytes(),
    }
}

#[cfg(any(test, feature = "hostile"))]
impl KeyProof {
    /// Binds a key to the connection from `own` to `remote`.
    pub(crate) fn make(
        key: &neo_primitives::PrivateKey,
        magic: Magic,
        own: &PeerId,
        remote: &PeerId,
    ) -> Self {
        Self {
            key: *key.public_key().as_bytes(),
            signature: key.sign(&binding(magic, own, remote)),
        }
    }
}

/// A hello whose proof may still be on its way.
pub(crate) struct Greeting {
    /// All but the proof.
    pub(crate) hello: Hello,
    /// The key, and the signature to come.
    pub(crate) proof: Option<(PublicKey, BoxFuture<'static, Option<Signature>>)>,
}

impl Greeting {
    /// The whole hello; `None` if the proof cannot be had.
    pub(crate) async fn complete(self) -> Option<Hello> {
        let mut hello = self.hello;
        if let Some((key, signature)) = self.proof {
            hello.proof = Some(KeyProof {
                key: *key.as_bytes(),
                signature: signature.await?,
            });
        }
        Some(hello)
    }
}

impl Hello {
    /// Checks a hello that came from `remote` against our network; returns the validator key that it proves.
    pub(crate) fn check(
        &self,
        magic: Magic,
        genesis: UInt256,
        own: &PeerId,
        remote: &PeerId,
    ) -> Result<Option<PublicKey>, Refusal> {
        if self.magic != magic {
            return Err(Refusal::Magic {
                theirs: self.magic.0,
                ours: magic.0,
            });
        }
        if self.version != HELLO_VERSION {
            return Err(Refusal::Version {
                theirs: self.version,
                ours: HELLO_VERSION,
            });
        }
        if self.genesis != genesis {
            return Err(Refusal::Genesis {
                theirs: self.genesis,
                ours: genesis,
            });
        }
        let Some(proof) = &self.proof else {
            return Ok(None);
        };
        let key = PublicKey::from_bytes(&proof.key)
            .map_err(|error| Refusal::MalformedHello(error.to_string()))?;
        match key
            .verifier()
            .verify(&binding(magic, remote, own), &proof.signature)
        {
            true => Ok(Some(key)),
            false => Err(Refusal::Impostor(key)),
        }
    }
}

impl Encode for Hello {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.magic.0.to_le_bytes());
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(self.genesis.as_wire());
        out.extend_from_slice(&self.instance.to_le_bytes());
        out.extend_from_slice(&self.height.0.to_le_bytes());
        out.extend_from_slice(self.tip.as_wire());
        out.push(u8::from(self.proof.is_some()));
        if let Some(proof) = &self.proof {
            out.extend_from_slice(&proof.key);
            out.extend_from_slice(&proof.signature.0);
        }
        write_var_int(out, self.listen.len() as u64);
        for address in &self.listen {
            write_var_bytes(out, address);
        }
        write_var_bytes(out, self.agent.as_bytes());
    }
}

impl Decode for Hello {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            magic: Magic(r.field("magic").u32()?),
            version: r.field("version").u16()?,
            genesis: UInt256::from_wire(r.field("genesis").array()?),
            instance: r.field("instance").u64()?,
            height: Height(r.field("height").u32()?),
            tip: UInt256::from_wire(r.field("tip").array()?),
            proof: match r.field("proof present").bool()? {
                true => Some(KeyProof {
                    key: r.field("key").array()?,
                    signature: Signature(r.field("signature").array()?),
                }),
                false => None,
            },
            listen: {
                let count = r.field("listen addresses").var_int(MAX_LISTEN as u64)?;
                let mut listen = Vec::new();
                for _ in 0..count {
                    listen.push(
                        r.field("listen address")
                            .var_bytes(MAX_ADDRESS as u64)?
                            .to_vec(),
                    );
                }
                listen
            },
            agent: r.field("agent").var_string(MAX_AGENT as u64)?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use neo_primitives::PrivateKey;
    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::frame::CONTROL_FRAME;

    fn hello() -> impl Strategy<Value = Hello> {
        let proof = (any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(|(a, b)| {
            let mut key = [2; 33];
            key[1..].copy_from_slice(&a);
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&a);
            signature[32..].copy_from_slice(&b);
            KeyProof {
                key,
                signature: Signature(signature),
            }
        });
        let listen = vec(vec(any::<u8>(), 0..MAX_ADDRESS), 0..MAX_LISTEN);
        let numbers = (any::<u32>(), any::<u16>(), any::<u64>(), any::<u32>());
        (
            numbers,
            any::<[u8; 32]>(),
            option::of(proof),
            listen,
            "[a-z0-9/. -]{0,64}",
        )
            .prop_map(|(numbers, hash, proof, listen, agent)| Hello {
                magic: Magic(numbers.0),
                version: numbers.1,
                genesis: UInt256::from_wire(hash),
                instance: numbers.2,
                height: Height(numbers.3),
                tip: UInt256::from_wire(hash),
                proof,
                listen,
                agent,
            })
    }

    proptest! {
        #[test]
        fn hellos_come_back(hello in hello()) {
            let bytes = hello.to_bytes();
            prop_assert!(bytes.len() <= CONTROL_FRAME);
            prop_assert_eq!(Hello::from_bytes(&bytes).unwrap(), hello);
        }

        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..400)) {
            let _ = Hello::from_bytes(&bytes);
        }
    }

    fn signed(key: &PrivateKey, own: &PeerId, remote: &PeerId) -> Hello {
        Hello {
            magic: Magic(7),
            version: HELLO_VERSION,
            genesis: UInt256::ZERO,
            instance: 1,
            height: Height(0),
            tip: UInt256::ZERO,
            proof: Some(KeyProof::make(key, Magic(7), own, remote)),
            listen: Vec::new(),
            agent: String::new(),
        }
    }

    #[test]
    fn a_proof_holds_for_its_connection_only() {
        let key = PrivateKey::generate();
        let [us, them, other] = [PeerId::random(), PeerId::random(), PeerId::random()];
        let theirs = signed(&key, &them, &us);
        let check =
            |own: &PeerId, remote: &PeerId| theirs.check(Magic(7), UInt256::ZERO, own, remote);
        assert_eq!(
            check(&us, &them),
            Ok(Some(PrivateKey::public_key(&key).clone()))
        );
        for (own, remote) in [(&us, &other), (&other, &them), (&them, &us)] {
            assert_eq!(
                check(own, remote),
                Err(Refusal::Impostor(PrivateKey::public_key(&key).clone()))
            );
        }
    }

    #[test]
    fn another_network_is_named() {
        let [us, them] = [PeerId::random(), PeerId::random()];
        let theirs = signed(&PrivateKey::generate(), &them, &us);
        let refused = theirs
            .check(Magic(8), UInt256::ZERO, &us, &them)
            .unwrap_err();
        assert_eq!(refused, Refusal::Magic { theirs: 7, ours: 8 });
        let ours = UInt256::from_wire([1; 32]);
        let refused = theirs.check(Magic(7), ours, &us, &them).unwrap_err();
        assert_eq!(
            refused,
            Refusal::Genesis {
                theirs: UInt256::ZERO,
                ours
            }
        );
    }

    #[test]
    fn a_key_off_the_curve_is_malformed() {
        let [us, them] = [PeerId::random(), PeerId::random()];
        let mut theirs = signed(&PrivateKey::generate(), &them, &us);
        theirs.proof.as_mut().unwrap().key = [0xff; 33];
        let refused = theirs
            .check(Magic(7), UInt256::ZERO, &us, &them)
            .unwrap_err();
        assert!(matches!(refused, Refusal::MalformedHello(_)), "{refused}");
    }
}
