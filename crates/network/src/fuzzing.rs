//! What arbitrary bytes are read as (feature `fuzzing`, for the fuzz targets): the decoders of this crate are its own
//! business otherwise.

use std::time::Duration;

use bytes::Bytes;
use neo_primitives::{Decode, Encode};

use crate::{
    control::Control,
    evidence::MAX_EVIDENCE,
    frame::{CONTROL_FRAME, MAX_BATCH, Messages, decode_batch, encode_batch},
    hello::Hello,
    kind::Kind,
    priority::Priority,
    pulse::{Pulse, patience},
    relay::{MAX_RELAYED, Relay},
};

/// Reads a frame of the express or bulk lane, and every relay and batch in it. Returns how many messages it has.
///
/// # Panics
/// When a message is read that has other bytes than those it was read from.
pub fn frame(body: &Bytes) -> usize {
    let mut count = 0;
    let mut length = 0;
    for message in Messages::new(body.clone()) {
        let Ok((kind, payload)) = message else { break };
        count += 1;
        length += payload.len();
        assert_eq!(Kind::from_byte(kind.byte()), Some(kind));
        match kind {
            Kind::Relay | Kind::Relayed => relay(&payload),
            Kind::Own(Priority::Transactions) => batch(&payload),
            Kind::Own(_) | Kind::Evidence => {}
        }
    }
    assert!(length <= body.len(), "{length} bytes of {}", body.len());
    count
}

fn relay(payload: &Bytes) {
    if let Ok(relay) = Relay::decode(payload) {
        assert!(relay.priority.is_consensus());
        assert!((1..=MAX_RELAYED).contains(&relay.message.len()));
        assert_eq!(relay.encode(), *payload, "another encoding of the relay");
    }
}

fn batch(payload: &Bytes) {
    if let Ok(transactions) = decode_batch(payload) {
        assert!(payload.len() <= MAX_BATCH);
        let again = encode_batch(&transactions);
        assert_eq!(again, *payload, "another encoding of the batch");
    }
}

/// Reads what follows the hello on the control lane, and takes it as a connection does. `arrivals` are the moments,
/// microseconds of the own clock, at which it arrives.
///
/// # Panics
/// When a frame is read that has other bytes than those it was read from, or a round trip is no measurement.
pub fn control(bytes: &[u8], arrivals: [u64; 2]) {
    let Ok(control) = Control::from_bytes(bytes) else {
        return;
    };
    assert_eq!(control.to_bytes(), bytes, "another encoding of the frame");
    assert!(bytes.len() <= CONTROL_FRAME);
    if let Control::Heartbeat {
        stamp_us,
        echo_us,
        held_us,
        wanted_ms,
    } = control
    {
        let pulse = Pulse::default();
        pulse.wanted(wanted_ms);
        let usual = Duration::from_millis(100);
        assert!((Duration::from_millis(20)..=usual).contains(&pulse.pace(usual)));
        for at in arrivals {
            let trip = pulse.heard(stamp_us, echo_us, held_us, at);
            assert!(trip.is_none_or(|trip| trip <= at));
            let _ = patience(usual, trip.map(Duration::from_micros));
            let answer = pulse.beat(at, Some(Duration::from_micros(stamp_us)));
            assert_eq!(Control::from_bytes(&answer.to_bytes()), Ok(answer));
        }
    }
}

/// Reads the first message of a connection.
///
/// # Panics
/// When a hello is read that has other bytes than those it was read from.
pub fn hello(bytes: &[u8]) {
    if let Ok(hello) = Hello::from_bytes(bytes) {
        assert_eq!(hello.to_bytes(), bytes, "another encoding of the hello");
        assert!(bytes.len() <= CONTROL_FRAME);
    }
}

/// Valid frames of each kind, as seeds: of the lanes, of the control lane, hellos.
#[must_use]
pub fn seeds() -> [Vec<Vec<u8>>; 3] {
    let message = |kind: Kind, payload: &[u8]| {
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let mut bytes = vec![kind.byte()];
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(payload);
        bytes
    };
    let relay = Relay {
        priority: Priority::Recovery,
        validator: [2; 33],
        message: Bytes::from_static(b"an envelope"),
    };
    let batch = encode_batch(&[Bytes::from_static(&[1; 60]), Bytes::from_static(&[2; 80])]);
    let lanes: Vec<_> = [
        message(Kind::Relay, &relay.encode()),
        message(Kind::Relayed, &relay.encode()),
        message(Kind::Evidence, &[7; 100]),
        message(Kind::Own(Priority::Transactions), &batch),
        message(Kind::Own(Priority::Recovery), b"votes"),
    ]
    .into();
    let all = lanes.concat();
    let control = [
        Control::Heartbeat {
            stamp_us: 5,
            echo_us: 3,
            held_us: 1,
            wanted_ms: 50,
        },
        Control::Role { consensus: true },
        Control::Reach {
            validators: vec![[1; 6], [2; 6]],
        },
        Control::Status {
            height: neo_primitives::Height(9),
            tip: neo_primitives::UInt256::ZERO,
        },
    ];
    let hello = Hello {
        magic: neo_primitives::Magic(7),
        version: crate::hello::HELLO_VERSION,
        genesis: neo_primitives::UInt256::ZERO,
        instance: 1,
        height: neo_primitives::Height(3),
        tip: neo_primitives::UInt256::ZERO,
        proof: Some(crate::hello::KeyProof {
            key: [2; 33],
            signature: neo_primitives::Signature([3; 64]),
        }),
        listen: vec![vec![4; 10]],
        agent: "/neo/".to_owned(),
    };
    [
        lanes.into_iter().chain([all]).collect(),
        control.iter().map(Encode::to_bytes).collect(),
        vec![
            hello.to_bytes(),
            Hello {
                proof: None,
                ..hello
            }
            .to_bytes(),
        ],
    ]
}

/// Longest proof that a frame may carry.
pub const LONGEST_EVIDENCE: usize = MAX_EVIDENCE;
