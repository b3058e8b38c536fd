//! What the node adjusts itself: the values in use and how often they changed.

use neo_consensus::engine::Status;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The parameter that a metric is about.
type Parameter = Vec<(String, String)>;

/// The adjusted parameters.
#[derive(Debug, Default)]
pub(super) struct Tuned {
    base_timeout_us: Gauge,
    max_transactions: Gauge,
    failed_views: Gauge,
    view_change_frequency: Gauge,
    average_block_time_us: Gauge,
    fan_out: Gauge,
    verification_threads: Gauge,
    adjustments: Family<Parameter, Counter>,
}

impl Tuned {
    pub(super) fn register(&self, r: &mut Registry) {
        let gauges = [
            (
                "base_timeout_microseconds",
                "How long a view may take from the moment its block is due",
                &self.base_timeout_us,
            ),
            (
                "block_transaction_limit",
                "Most transactions that this node puts into its blocks now",
                &self.max_transactions,
            ),
            (
                "failed_views",
                "Views that this node gave up because their timer ran out, since its start",
                &self.failed_views,
            ),
            (
                "view_change_frequency_per_mille",
                "View changes per thousand blocks, over recent blocks",
                &self.view_change_frequency,
            ),
            (
                "average_block_time_microseconds",
                "Mean time between decisions, over recent blocks",
                &self.average_block_time_us,
            ),
            (
                "gossip_fan_out",
                "Peers that a batch of transactions goes to first",
                &self.fan_out,
            ),
            (
                "verification_threads",
                "Threads that check the signatures of consensus messages",
                &self.verification_threads,
            ),
        ];
        for (name, help, gauge) in gauges {
            r.register(name, help, gauge.clone());
        }
        r.register(
            "adjustments",
            "Changes of a parameter that the node adjusts itself",
            self.adjustments.clone(),
        );
    }

    pub(super) fn set(&self, status: &Status) {
        let number = |value: u128| i64::try_from(value).unwrap_or(i64::MAX);
        let performance = &status.performance;
        self.base_timeout_us
            .set(number(status.base_timeout.as_micros()));
        self.max_transactions
            .set(i64::from(status.max_transactions));
        self.failed_views
            .set(number(u128::from(performance.failed_views)));
        self.view_change_frequency
            .set(i64::from(performance.view_change_frequency));
        self.average_block_time_us
            .set(number(performance.avg_block_time.as_micros()));
    }

    pub(super) fn set_node(&self, fan_out: u64, threads: u64) {
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.fan_out.set(number(fan_out));
        self.verification_threads.set(number(threads));
    }

    pub(super) fn adjusted(&self, parameter: &str) {
        let labels = vec![("parameter".to_owned(), parameter.to_owned())];
        self.adjustments.get_or_create(&labels).inc();
    }
}
