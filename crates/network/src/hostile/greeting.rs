//! Attacks before a peer is accepted.

use super::*;

#[tokio::test]
async fn an_impostor_is_refused_and_banned() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let stolen = victim.keys[1].public_key().clone();
    let mut hello = attacker.hello(Some(&PrivateKey::generate()));
    hello.proof.as_mut().unwrap().key = *stolen.as_bytes();
    let mut control = attacker.open(RawLane::Control).await;
    attacker
        .write(&mut control, &framed(&hello.to_bytes()))
        .await;
    attacker.meanwhile(victim.refuses("impostor")).await;
    assert_eq!(victim.handle.metrics().bans, 1);
    attacker.0.swarm.dial(victim.addresses[0].clone()).unwrap();
    attacker.meanwhile(victim.refuses("banned")).await;
    assert!(victim.handle.peers().is_empty());
    victim.still_serves().await;
}

#[tokio::test]
async fn the_proof_of_another_connection_is_worth_nothing() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 1).await;
    let mut hello = attacker.hello(None);
    hello.proof = Some(KeyProof::make(
        victim.keys[1].as_ref(),
        MAGIC,
        &PeerId::random(),
        &attacker.0.victim,
    ));
    let mut control = attacker.open(RawLane::Control).await;
    attacker
        .write(&mut control, &framed(&hello.to_bytes()))
        .await;
    attacker.meanwhile(victim.refuses("impostor")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn who_says_nothing_has_to_go() {
    let victim =
        Victim::start(|config| config.timing.hello_timeout = Duration::from_millis(100)).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    attacker.meanwhile(victim.refuses("hello_timeout")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn a_hello_in_drops_has_to_go() {
    let victim =
        Victim::start(|config| config.timing.frame_timeout = Duration::from_millis(100)).await;
    let mut attacker = Attacker::connect(&victim, 1).await;
    let mut control = attacker.open(RawLane::Control).await;
    attacker.write(&mut control, &[200, 0]).await;
    attacker.meanwhile(victim.refuses("slow_frame")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn garbage_instead_of_a_hello() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let mut control = attacker.open(RawLane::Control).await;
    attacker.write(&mut control, &framed(&[0xa5; 500])).await;
    attacker.meanwhile(victim.refuses("malformed_hello")).await;
    attacker.until_cut_off().await;
    victim.still_serves().await;
}

#[tokio::test]
async fn a_hello_of_another_version_is_named() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let mut hello = attacker.hello(None);
    hello.version = HELLO_VERSION + 1;
    let mut control = attacker.open(RawLane::Control).await;
    attacker
        .write(&mut control, &framed(&hello.to_bytes()))
        .await;
    attacker.meanwhile(victim.refuses("version")).await;
    victim.still_serves().await;
}

#[tokio::test]
async fn requests_before_the_hello_are_refused() {
    let victim = Victim::start(|_| {}).await;
    let mut attacker = Attacker::connect(&victim, 0).await;
    let to = attacker.0.victim;
    attacker
        .0
        .swarm
        .behaviour_mut()
        .sync
        .send_request(&to, SyncRequest::Body { hash: GENESIS });
    let refused = async {
        while victim.handle.metrics().requests_refused == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(attacker.meanwhile(refused)).await;
    victim.still_serves().await;
}

#[tokio::test]
async fn garbage_on_the_bare_sockets() {
    let victim = Victim::start(|_| {}).await;
    let port = |address: &Multiaddr, position: usize| -> u16 {
        address
            .to_string()
            .split('/')
            .nth(position)
            .unwrap()
            .parse()
            .unwrap()
    };
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for length in [1, 20, 1200] {
        for fill in [0x00, 0xc0, 0xff] {
            udp.send_to(
                &vec![fill; length],
                ("127.0.0.1", port(&victim.addresses[0], 4)),
            )
            .await
            .unwrap();
        }
    }
    for _ in 0..20 {
        let mut tcp = tokio::net::TcpStream::connect(("127.0.0.1", port(&victim.addresses[1], 4)))
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut tcp, &[0xff; 4000])
            .await
            .unwrap();
    }
    victim.still_serves().await;
}
