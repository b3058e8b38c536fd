//! Every message there and back, every cut of it refused, and what real nodes have sent.

use std::{fs, path::PathBuf};

use bytes::Bytes;
use neo_primitives::{
    Block, Decode, ExtensiblePayload, Header, Height, Magic, SignedHeader, UInt160, UInt256,
    ValidatorIndex, Witness, genesis_block,
};
use proptest::{collection::vec, prelude::*};

use super::{capability::tests::capabilities, command::NAMED, *};

fn hash() -> impl Strategy<Value = UInt256> {
    any::<[u8; 32]>().prop_map(UInt256::from_wire)
}

fn inventory() -> impl Strategy<Value = Inventory> {
    let kind = prop_oneof![
        Just(InventoryKind::Transaction),
        Just(InventoryKind::Block),
        Just(InventoryKind::Extensible),
    ];
    (kind, vec(hash(), 0..40)).prop_map(|(kind, hashes)| Inventory { kind, hashes })
}

fn header() -> impl Strategy<Value = SignedHeader> {
    (
        any::<[u8; 32]>(),
        any::<u64>(),
        any::<u32>(),
        vec(any::<u8>(), 0..80),
    )
        .prop_map(|(seed, number, index, script)| SignedHeader {
            header: Header {
                version: 0,
                prev_hash: UInt256::from_wire(seed),
                merkle_root: UInt256::from_wire(seed),
                timestamp: number,
                nonce: number,
                index: Height(index),
                primary_index: ValidatorIndex(seed[0]),
                next_consensus: UInt160::from_wire([seed[1]; 20]),
            },
            witness: Witness {
                invocation: script.clone(),
                verification: script,
            },
        })
}

fn ping() -> impl Strategy<Value = Ping> {
    any::<(u32, u32, u32)>().prop_map(|(height, timestamp, nonce)| Ping {
        last_block: Height(height),
        timestamp,
        nonce,
    })
}

fn range() -> impl Strategy<Value = IndexRange> {
    (any::<u32>(), prop::option::of(1u16..=2000)).prop_map(|(start, count)| IndexRange {
        start: Height(start),
        count,
    })
}

fn address() -> impl Strategy<Value = NodeAddress> {
    (any::<u32>(), any::<std::net::IpAddr>(), capabilities()).prop_map(
        |(timestamp, ip, capabilities)| NodeAddress {
            timestamp,
            ip: ip.to_canonical(),
            capabilities,
        },
    )
}

fn version() -> impl Strategy<Value = Version> {
    (any::<(u32, u32, u32, u32)>(), "[ -~]{0,60}", capabilities()).prop_map(
        |((magic, version, timestamp, nonce), user_agent, capabilities)| Version {
            magic: Magic(magic),
            version,
            timestamp,
            nonce,
            user_agent,
            capabilities,
        },
    )
}

fn extensible() -> impl Strategy<Value = ExtensiblePayload> {
    ("[a-zA-Z]{0,32}", 1u32.., vec(any::<u8>(), 0..400)).prop_map(|(category, end, data)| {
        ExtensiblePayload {
            category,
            valid_block_start: Height(0),
            valid_block_end: Height(end),
            sender: UInt160::from_wire([9; 20]),
            data,
            witness: Witness {
                invocation: vec![1; 66],
                verification: vec![2; 40],
            },
        }
    })
}

fn message() -> impl Strategy<Value = Message> {
    let bytes = || vec(any::<u8>(), 0..300).prop_map(Bytes::from);
    let merkle = (header(), vec(hash(), 0..9)).prop_map(|(header, hashes)| {
        Message::MerkleBlock(Box::new(MerkleBlock {
            header,
            transactions: hashes.len() as u16,
            flags: vec![7; hashes.len().max(1).div_ceil(8)],
            hashes,
        }))
    });
    prop_oneof![
        version().prop_map(Message::Version),
        prop::sample::select(vec![
            Message::Verack,
            Message::GetAddr,
            Message::Mempool,
            Message::FilterClear,
        ]),
        vec(address(), 0..5).prop_map(Message::Addr),
        ping().prop_map(Message::Ping),
        ping().prop_map(Message::Pong),
        range().prop_map(Message::GetHeaders),
        range().prop_map(Message::GetBlockByIndex),
        vec(header(), 1..6).prop_map(Message::Headers),
        (hash(), prop::option::of(1u16..=32767))
            .prop_map(|(after, count)| Message::GetBlocks(HashRange { after, count })),
        inventory().prop_map(Message::Inv),
        inventory().prop_map(Message::GetData),
        inventory().prop_map(Message::NotFound),
        extensible().prop_map(|payload| Message::Extensible(Box::new(payload))),
        Just(Message::Block(Box::new(genesis_block(&[])))),
        bytes().prop_map(Message::Reject),
        bytes().prop_map(Message::Alert),
        (0x50u8..0x60, bytes()).prop_map(|(code, payload)| Message::Other { code, payload }),
        vec(any::<u8>(), 0..=520).prop_map(Message::FilterAdd),
        (vec(any::<u8>(), 0..900), 0u8..=50, any::<u32>()).prop_map(
            |(filter, functions, tweak)| Message::FilterLoad(FilterLoad {
                filter,
                functions,
                tweak
            })
        ),
        merkle,
    ]
}

/// Whether a cut of the payload is a payload, too.
fn has_any_bytes(message: &Message) -> bool {
    matches!(
        message,
        Message::Reject(_) | Message::Alert(_) | Message::Other { .. }
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn messages_come_back(message in message(), compress: bool) {
        let bytes = frame(&message, compress);
        let (read, used) = read_frame(&bytes).unwrap().unwrap();
        prop_assert_eq!(used, bytes.len());
        prop_assert_eq!(&read, &message);
        for cut in 0..bytes.len() {
            prop_assert_eq!(read_frame(&bytes[..cut]), Ok(None), "a part of a frame waits for the rest");
        }
        prop_assert!(message.payload().len() <= message.command().limit());
    }

    #[test]
    fn every_cut_of_a_payload_is_refused(message in message()) {
        let payload = message.payload();
        prop_assume!(!has_any_bytes(&message));
        for cut in 0..payload.len() {
            prop_assert!(Message::from_payload(message.command(), &payload[..cut]).is_err());
        }
        let mut longer = payload;
        longer.push(0);
        prop_assert!(Message::from_payload(message.command(), &longer).is_err());
    }

    #[test]
    fn any_payload_is_read_or_refused(
        command in prop::sample::select(NAMED),
        compressed: bool,
        bytes in vec(any::<u8>(), 0..300),
    ) {
        let head = FrameHead { compressed, command, length: bytes.len() };
        if let (Ok(message), false) = (head.open(&bytes), compressed) {
            prop_assert_eq!(message.payload(), bytes);
        }
    }

    #[test]
    fn any_stream_is_read_or_refused(bytes in vec(any::<u8>(), 0..64)) {
        if let Ok(Some((_, used))) = read_frame(&bytes) {
            prop_assert!(used <= bytes.len());
        }
    }
}

#[test]
fn a_length_above_the_limit_is_refused_from_the_head_alone() {
    for &command in NAMED {
        let mut bytes = vec![0, command.code(), 0xff];
        bytes.extend_from_slice(&(command.limit() as u64 + 1).to_le_bytes());
        assert_eq!(
            FrameHead::read(&bytes),
            Err(FrameError::Oversized {
                command,
                length: command.limit() as u64 + 1,
                limit: command.limit(),
            })
        );
    }
}

#[test]
fn counts_are_refused_before_they_are_believed() {
    let huge = [0xfe, 0xff, 0xff, 0xff, 0xff];
    for command in [Command::Addr, Command::Headers] {
        let error = Message::from_payload(command, &huge).unwrap_err();
        assert!(error.to_string().contains("limit"), "{command}: {error}");
    }
    let mut inventory = vec![InventoryKind::Block.code()];
    inventory.extend_from_slice(&huge);
    assert!(Message::from_payload(Command::Inv, &inventory).is_err());
    let missing = [0xfd, 0xd0, 0x07];
    let error = Message::from_payload(Command::Headers, &missing).unwrap_err();
    assert!(
        error.to_string().contains("224000 bytes"),
        "2000 headers in no bytes: {error}"
    );
}

#[test]
fn the_frame_of_csharp() {
    assert_eq!(frame(&Message::Verack, true).as_ref(), [0, 1, 0]);
    let ping = Message::Ping(Ping {
        last_block: Height(1),
        timestamp: 2,
        nonce: 3,
    });
    assert_eq!(
        hex::encode(frame(&ping, true)),
        "00180c010000000200000003000000"
    );
    let long_form = [0, 0x01, 0xfd, 0, 0];
    assert_eq!(read_frame(&long_form), Ok(Some((Message::Verack, 5))));
}

/// Payloads that live neo-go validators sent, as frames there and back.
#[test]
fn payloads_of_neo_go_come_back() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../primitives/tests/vectors");
    let mut seen = 0;
    for file in files(&folder.join("neo-go-0.120")) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let Some(bytes) = name
            .ends_with(".hex")
            .then(|| hex::decode(fs::read_to_string(&file).unwrap().trim()).unwrap())
        else {
            continue;
        };
        let message = if name.starts_with("Block") {
            Message::Block(Box::new(Block::from_bytes(&bytes).unwrap()))
        } else {
            Message::Extensible(Box::new(ExtensiblePayload::from_bytes(&bytes).unwrap()))
        };
        assert_eq!(message.payload(), bytes, "{name}");
        for compress in [false, true] {
            let framed = frame(&message, compress);
            let (read, _) = read_frame(&framed).unwrap().unwrap();
            assert_eq!(read, message, "{name}");
        }
        seen += 1;
    }
    assert!(seen > 30, "{seen} payloads in {}", folder.display());
}

fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}
