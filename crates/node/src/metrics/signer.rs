//! The remote signer of a validator in numbers.

use std::fmt;
use std::sync::Arc;

use neo_signer::RemoteSigner;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        MetricType, counter::Counter, family::Family, gauge::ConstGauge, histogram::Histogram,
    },
};

use super::families::latency_buckets;

/// A request and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    call: &'static str,
    outcome: &'static str,
}

/// What a remote signer was asked since the start, and how long its answers took.
#[derive(Debug)]
pub struct SignerMetrics {
    signer: Arc<RemoteSigner>,
    requests: Family<Request, Counter>,
    answers: Histogram,
}

impl SignerMetrics {
    /// Counts what this signer is asked from now on.
    pub(crate) fn of(signer: &Arc<RemoteSigner>) -> Arc<Self> {
        let requests: Family<Request, Counter> = Family::default();
        let answers = Histogram::new(latency_buckets());
        let (counted, measured) = (requests.clone(), answers.clone());
        signer.watch(move |call, outcome, took| {
            counted.get_or_create(&Request { call, outcome }).inc();
            // Of one that is left alone there is nothing to measure.
            if outcome != "resting" {
                measured.observe(took.as_secs_f64());
            }
        });
        Arc::new(Self {
            signer: Arc::clone(signer),
            requests,
            answers,
        })
    }
}

/// Asked at each scrape.
#[derive(Debug)]
pub(super) struct Scraped(pub(super) Arc<SignerMetrics>);

impl Collector for Scraped {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let it = &self.0;
        let help = "Whether the remote signer has answered the last request; without it this validator does not vote.";
        let gauge = ConstGauge::new(i64::from(it.signer.answers()));
        gauge.encode(encoder.encode_descriptor(
            "signer_connected",
            help,
            None,
            gauge.metric_type(),
        )?)?;
        let help = "Requests to the remote signer, by call and outcome.";
        it.requests.encode(encoder.encode_descriptor(
            "signer_requests",
            help,
            None,
            MetricType::Counter,
        )?)?;
        let help = "From a request to the remote signer to its answer, or to giving up.";
        it.answers.encode(encoder.encode_descriptor(
            "signer_answer_seconds",
            help,
            None,
            MetricType::Histogram,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use neo_primitives::{Magic, PrivateKey};
    use prometheus_client::{encoding::text::encode_registry, registry::Registry};

    use super::*;

    #[tokio::test]
    async fn a_signer_that_is_gone_shows() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let key = PrivateKey::generate().public_key().clone();
        let signer = RemoteSigner::new(&endpoint, Duration::from_secs(20), Magic(9), key);
        let signer = Arc::new(signer.unwrap());
        let metrics = SignerMetrics::of(&signer);
        signer.check().await.unwrap_err();
        // It rests now.
        signer.check().await.unwrap_err();
        let mut registry = Registry::with_prefix("neo_dbft");
        registry.register_collector(Box::new(Scraped(metrics)));
        let mut text = String::new();
        encode_registry(&mut text, &registry).unwrap();
        for line in [
            "neo_dbft_signer_connected 0",
            "neo_dbft_signer_requests_total{call=\"GetAccountStatus\",outcome=\"unreachable\"} 1",
            "neo_dbft_signer_requests_total{call=\"GetAccountStatus\",outcome=\"resting\"} 1",
            "neo_dbft_signer_answer_seconds_count 1",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} in\n{text}");
        }
    }
}
