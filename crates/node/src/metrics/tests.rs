use std::time::Duration;

use neo_consensus::engine::Status;

use super::*;
use crate::rpc::testing;

/// Value of the one sample with this name and these labels.
fn sample(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse().ok()
}

#[test]
fn what_happened_is_in_the_text() {
    let metrics = Metrics::new();
    metrics.block_stored(Height(1), 3, None);
    metrics.block_stored(Height(2), 4, Some(Duration::from_millis(1_000)));
    metrics.decision(Duration::from_millis(20));
    metrics.witness(Duration::from_millis(25));
    metrics.set_status(&Status {
        voting: true,
        base_timeout: Duration::from_millis(375),
        max_transactions: 512,
        ..Status::default()
    });
    metrics.set_tuning(12, 3);
    metrics.adjusted("max_transactions");
    metrics.view_change(View(2));
    metrics.message_sent("prepare", 150);
    metrics.message_sent("prepare", 151);
    metrics.message_received("commit", 90);
    metrics.dropped("queue full");
    metrics.verification_failed("prepare");
    metrics.evidence();
    metrics.vote_log_sync(Duration::from_micros(300));
    metrics.block_store(Duration::from_micros(900));
    metrics.rpc_call("getversion", 0);
    metrics.rpc_request(Duration::from_micros(80));
    metrics.admission_batch(2);
    metrics.admission(0);
    metrics.admission(-511);
    let text = metrics.encode(None);
    for (name, value) in [
        ("neo_dbft_blocks_total", 2.0),
        ("neo_dbft_transactions_committed_total", 7.0),
        ("neo_dbft_block_interval_seconds_count", 1.0),
        ("neo_dbft_decision_latency_seconds_sum", 0.02),
        ("neo_dbft_witness_latency_seconds_count", 1.0),
        ("neo_dbft_voting", 1.0),
        ("neo_dbft_base_timeout_microseconds", 375_000.0),
        ("neo_dbft_block_transaction_limit", 512.0),
        ("neo_dbft_gossip_fan_out", 12.0),
        ("neo_dbft_verification_threads", 3.0),
        (
            "neo_dbft_adjustments_total{parameter=\"max_transactions\"}",
            1.0,
        ),
        ("neo_dbft_height", 2.0),
        ("neo_dbft_view", 2.0),
        ("neo_dbft_view_changes_total", 1.0),
        (
            "neo_dbft_consensus_messages_sent_total{kind=\"prepare\"}",
            2.0,
        ),
        (
            "neo_dbft_consensus_bytes_sent_total{kind=\"prepare\"}",
            301.0,
        ),
        (
            "neo_dbft_consensus_messages_received_total{kind=\"commit\"}",
            1.0,
        ),
        (
            "neo_dbft_consensus_bytes_received_total{kind=\"commit\"}",
            90.0,
        ),
        ("neo_dbft_dropped_total{kind=\"queue full\"}", 1.0),
        (
            "neo_dbft_verification_failures_total{kind=\"prepare\"}",
            1.0,
        ),
        ("neo_dbft_evidence_total", 1.0),
        ("neo_dbft_vote_log_sync_seconds_count", 1.0),
        ("neo_dbft_block_store_seconds_count", 1.0),
        (
            "neo_dbft_rpc_calls_total{method=\"getversion\",code=\"0\"}",
            1.0,
        ),
        ("neo_dbft_rpc_latency_seconds_count", 1.0),
        ("neo_dbft_admission_batch_transactions_sum", 2.0),
        ("neo_dbft_admissions_total{code=\"-511\"}", 1.0),
    ] {
        assert_eq!(sample(&text, name), Some(value), "{name}\n{text}");
    }
    assert!(sample(&text, "neo_dbft_process_cpu_seconds_total").is_some());
    assert!(sample(&text, "neo_dbft_process_resident_memory_bytes").unwrap() > 0.0);
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn every_name_has_the_prefix() {
    let chain = testing::Chain::new();
    let text = Metrics::new().encode(Some(&chain.sources()));
    for line in text.lines().filter(|line| *line != "# EOF") {
        let name = line
            .strip_prefix("# HELP ")
            .or_else(|| line.strip_prefix("# TYPE "))
            .unwrap_or(line);
        assert!(name.starts_with("neo_dbft_"), "{line}");
    }
}

#[test]
fn sources_are_asked_at_each_scrape() {
    let chain = testing::Chain::new();
    let metrics = Metrics::new();
    let text = metrics.encode(Some(&chain.sources()));
    assert_eq!(sample(&text, "neo_dbft_height"), Some(0.0));
    chain.grow(vec![]);
    let text = metrics.encode(Some(&chain.sources()));
    assert_eq!(sample(&text, "neo_dbft_height"), Some(1.0));
    assert_eq!(sample(&text, "neo_dbft_mempool_transactions"), Some(0.0));
    assert_eq!(sample(&text, "neo_dbft_peers_connected"), Some(2.0));
    assert_eq!(sample(&text, "neo_dbft_validators_connected"), Some(1.0));
    let rtt = format!(
        "neo_dbft_peer_rtt_seconds{{validator=\"{}\"}}",
        testing::keys()[1].public_key()
    );
    assert_eq!(sample(&text, &rtt), Some(0.0015), "{text}");
}

#[tokio::test]
async fn it_is_served_over_http() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let chain = testing::Chain::new();
    let server = tokio::spawn(serve(
        listener,
        std::sync::Arc::new(Metrics::new()),
        chain.sources(),
        async {
            let _ = stopped.await;
        },
    ));
    let (status, body) = testing::http(address, "GET", "/metrics", b"").await;
    assert_eq!(status, 200);
    assert!(
        String::from_utf8(body)
            .unwrap()
            .contains("neo_dbft_height 0")
    );
    let (status, _) = testing::http(address, "GET", "/", b"").await;
    assert_eq!(status, 404);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}
