use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::store::CallStatus;

/// What this process counts. Clones share the numbers; no method waits for another thread longer than a label lookup.
#[derive(Clone)]
pub struct Metrics {
    numbers: Arc<Numbers>,
    registry: Arc<Registry>,
}

struct Numbers {
    calls_started: Family<Label, Counter>,
    calls_ended: Family<Label, Counter>,
    legs_live: Gauge,
    call_mos: Family<Label, Histogram>,
    registrations: Gauge,
    registrar: Family<Label, Counter>,
    logins_refused: Family<Label, Counter>,
    keepalives: Family<Label, Counter>,
    sip_requests: Family<Label, Counter>,
    sip_responses: Family<Label, Counter>,
    sip_shed: Counter,
    webhook_seconds: Histogram,
    webhooks: Family<Label, Counter>,
    drops: Family<Label, Counter>,
    overflows: Family<Label, Counter>,
    api_requests: Family<Label, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Label {
    kind: &'static str,
}

/// A number that some other part knows and is asked for at each scrape, e.g. of a media thread's snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Without the `tandem_` prefix; a counter's without `_total`.
    pub name: &'static str,
    pub help: &'static str,
    pub value: SampleValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SampleValue {
    Counter(u64),
    Gauge(f64),
    /// One number each of several like things: the label's name, whose values count up from 0.
    Gauges(&'static str, Vec<f64>),
    /// One number each of several things that have labels: names and values.
    Labelled(Vec<(Vec<(&'static str, String)>, f64)>),
    /// Each observation in one bucket, by its upper bound; the last bound is infinite.
    Histogram {
        buckets: Vec<(f64, u64)>,
        count: u64,
        sum: f64,
    },
}

/// Asked at each scrape; must not wait.
pub type SampleSource = Box<dyn Fn() -> Vec<Sample> + Send + Sync>;

impl Metrics {
    /// `sources` are asked at each scrape, in order.
    pub fn new(sources: Vec<SampleSource>) -> Self {
        let numbers = Numbers {
            calls_started: Family::default(),
            calls_ended: Family::default(),
            legs_live: Gauge::default(),
            call_mos: Family::new_with_constructor(mos_histogram as fn() -> Histogram),
            registrations: Gauge::default(),
            registrar: Family::default(),
            logins_refused: Family::default(),
            keepalives: Family::default(),
            sip_requests: Family::default(),
            sip_responses: Family::default(),
            sip_shed: Counter::default(),
            webhook_seconds: Histogram::new([0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0]),
            webhooks: Family::default(),
            drops: Family::default(),
            overflows: Family::default(),
            api_requests: Family::default(),
        };
        let mut registry = Registry::with_prefix("tandem");
        registry.register("calls_started", "Call legs begun, by direction", numbers.calls_started.clone());
        registry.register("calls_ended", "Call legs over, by final status", numbers.calls_ended.clone());
        registry.register("legs_live", "Call legs now", numbers.legs_live.clone());
        registry.register(
            "call_mos",
            "Mean opinion score of a call leg at its end, by direction",
            numbers.call_mos.clone(),
        );
        registry.register("registrations", "Registered contacts now", numbers.registrations.clone());
        registry.register("registrar", "Changes of registrations and refused ones, by kind", numbers.registrar.clone());
        registry.register(
            "logins_refused",
            "SIP requests whose credentials were not good, by reason",
            numbers.logins_refused.clone(),
        );
        registry.register(
            "nat_keepalives",
            "Questions to contacts behind a NAT, and what came of them",
            numbers.keepalives.clone(),
        );
        registry.register("sip_requests", "SIP requests received, by method", numbers.sip_requests.clone());
        registry.register("sip_responses", "SIP responses sent, by status code", numbers.sip_responses.clone());
        registry.register("sip_requests_shed", "SIP requests refused for overload", numbers.sip_shed.clone());
        registry.register("webhook_seconds", "Time a webhook took to answer", numbers.webhook_seconds.clone());
        registry.register("webhooks", "Webhooks sent, by result", numbers.webhooks.clone());
        registry.register("drops", "Packets and messages dropped, by reason", numbers.drops.clone());
        registry.register("mailbox_overflows", "Messages a full queue refused, by queue", numbers.overflows.clone());
        registry.register("api_requests", "REST requests answered, by status", numbers.api_requests.clone());
        registry.register_collector(Box::new(Sources(sources)));
        Metrics { numbers: Arc::new(numbers), registry: Arc::new(registry) }
    }

    /// `direction`: `inbound`, `outbound-api`, `outbound-dial`.
    pub fn call_started(&self, direction: &'static str) {
        self.numbers.calls_started.get_or_create(&label(direction)).inc();
        self.numbers.legs_live.inc();
    }

    /// One for each `call_started`.
    pub fn call_ended(&self, status: CallStatus) {
        self.numbers.calls_ended.get_or_create(&label(status.as_str())).inc();
        self.numbers.legs_live.dec();
    }

    /// Scores 1.0..=4.5 of a leg that ended: what we heard, and what the peer did, as far as they are known.
    pub fn call_quality(&self, mos_in: Option<f32>, mos_out: Option<f32>) {
        for (kind, mos) in [("in", mos_in), ("out", mos_out)] {
            if let Some(mos) = mos {
                self.numbers.call_mos.get_or_create(&label(kind)).observe(f64::from(mos));
            }
        }
    }

    pub fn registrations(&self, contacts: usize) {
        self.numbers.registrations.set(i64::try_from(contacts).unwrap_or(i64::MAX));
    }

    /// `kind`: `registered`, `refreshed`, `removed`, `expired`, `queried`, or a short fixed word for the failure.
    pub fn registration(&self, kind: &'static str) {
        self.numbers.registrar.get_or_create(&label(kind)).inc();
    }

    pub fn registrations_expired(&self, count: usize) {
        if count > 0 {
            self.numbers.registrar.get_or_create(&label("expired")).inc_by(count as u64);
        }
    }

    /// `reason`: a short fixed word.
    pub fn login_refused(&self, reason: &'static str) {
        self.numbers.logins_refused.get_or_create(&label(reason)).inc();
    }

    /// `kind`: `asked`, `answered`, `unanswered`, `dead`.
    pub fn keepalive(&self, kind: &'static str) {
        self.numbers.keepalives.get_or_create(&label(kind)).inc();
    }

    /// Methods no RFC names share the label `other`, so that a peer cannot make labels.
    pub fn sip_request(&self, method: &str) {
        const METHODS: [&str; 14] = [
            "INVITE",
            "ACK",
            "BYE",
            "CANCEL",
            "OPTIONS",
            "REGISTER",
            "PRACK",
            "UPDATE",
            "INFO",
            "REFER",
            "NOTIFY",
            "SUBSCRIBE",
            "PUBLISH",
            "MESSAGE",
        ];
        let kind = METHODS.iter().find(|m| **m == method).unwrap_or(&"other");
        self.numbers.sip_requests.get_or_create(&label(kind)).inc();
    }

    pub fn sip_response(&self, code: u16) {
        self.numbers.sip_responses.get_or_create(&label(status_label(code))).inc();
    }

    /// Refused for overload, before they were looked at.
    pub fn sip_shed(&self) {
        self.numbers.sip_shed.inc();
    }

    /// `result`: `ok`, or a short fixed word for the failure.
    pub fn webhook(&self, result: &'static str, took: Duration) {
        self.numbers.webhooks.get_or_create(&label(result)).inc();
        self.numbers.webhook_seconds.observe(took.as_secs_f64());
    }

    pub fn dropped(&self, reason: &'static str, count: u64) {
        self.numbers.drops.get_or_create(&label(reason)).inc_by(count);
    }

    pub fn overflow(&self, queue: &'static str) {
        self.numbers.overflows.get_or_create(&label(queue)).inc();
    }

    pub fn api_request(&self, status: u16) {
        self.numbers.api_requests.get_or_create(&label(status_label(status))).inc();
    }

    /// The exposition text of all of it.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        match prometheus_client::encoding::text::encode(&mut out, &self.registry) {
            Ok(()) => out,
            // Writing to a String fails only where a collector says so.
            Err(fmt::Error) => String::new(),
        }
    }
}

/// Bounds where G.107 annex B draws its lines: below 2.6 nearly all users are dissatisfied, from 4.34 on all are very satisfied.
fn mos_histogram() -> Histogram {
    Histogram::new([1.5, 2.0, 2.58, 3.1, 3.6, 4.03, 4.34])
}

fn label(kind: &'static str) -> Label {
    Label { kind }
}

/// Status codes are counted for every message: their labels are made once.
fn status_label(code: u16) -> &'static str {
    static CODES: LazyLock<Vec<&'static str>> =
        LazyLock::new(|| (100..700).map(|code: u16| &*Box::leak(code.to_string().into_boxed_str())).collect());
    code.checked_sub(100).and_then(|at| CODES.get(usize::from(at)).copied()).unwrap_or("other")
}

struct Sources(Vec<SampleSource>);

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sources({})", self.0.len())
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for sample in self.0.iter().flat_map(|source| source()) {
            match sample.value {
                SampleValue::Gauges(label, values) => {
                    let kind = prometheus_client::metrics::MetricType::Gauge;
                    let mut family = encoder.encode_descriptor(sample.name, sample.help, None, kind)?;
                    for (index, v) in values.into_iter().enumerate() {
                        ConstGauge::new(v).encode(family.encode_family(&[(label, index.to_string())])?)?;
                    }
                }
                SampleValue::Labelled(values) => {
                    let kind = prometheus_client::metrics::MetricType::Gauge;
                    let mut family = encoder.encode_descriptor(sample.name, sample.help, None, kind)?;
                    for (labels, v) in values {
                        ConstGauge::new(v).encode(family.encode_family(&labels)?)?;
                    }
                }
                SampleValue::Histogram { buckets, count, sum } => {
                    let kind = prometheus_client::metrics::MetricType::Histogram;
                    encoder
                        .encode_descriptor(sample.name, sample.help, None, kind)?
                        .encode_histogram::<[(&str, &str); 0]>(sum, count, &buckets, None)?;
                }
                SampleValue::Counter(v) => {
                    let metric = ConstCounter::new(v);
                    metric.encode(encoder.encode_descriptor(
                        sample.name,
                        sample.help,
                        None,
                        metric.metric_type(),
                    )?)?;
                }
                SampleValue::Gauge(v) => {
                    let metric = ConstGauge::new(v);
                    metric.encode(encoder.encode_descriptor(
                        sample.name,
                        sample.help,
                        None,
                        metric.metric_type(),
                    )?)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_shown_with_its_labels() {
        let media = || {
            vec![
                Sample { name: "media_ticks", help: "Ticks", value: SampleValue::Counter(7) },
                Sample { name: "media_legs", help: "Legs", value: SampleValue::Gauge(2.0) },
                Sample { name: "load", help: "Load", value: SampleValue::Gauges("thread", vec![0.5, 0.25]) },
                Sample {
                    name: "carrier_up",
                    help: "Up",
                    value: SampleValue::Labelled(vec![(vec![("id", "1".into()), ("carrier", "a\"b".into())], 1.0)]),
                },
                Sample {
                    name: "late_seconds",
                    help: "Lateness",
                    value: SampleValue::Histogram {
                        buckets: vec![(0.001, 3), (0.01, 1), (f64::INFINITY, 1)],
                        count: 5,
                        sum: 0.5,
                    },
                },
            ]
        };
        let m = Metrics::new(vec![Box::new(media)]);
        m.call_started("inbound");
        m.call_started("inbound");
        m.call_ended(CallStatus::Busy);
        m.sip_request("INVITE");
        m.sip_request("X-evil\"}");
        m.sip_response(486);
        m.webhook("ok", Duration::from_millis(30));
        m.dropped("late", 3);
        m.overflow("leg");
        m.registrations(5);
        m.registration("refreshed");
        m.registrations_expired(0);
        m.registrations_expired(2);
        m.login_refused("wrong_password");
        m.keepalive("asked");
        m.call_quality(Some(4.4), None);
        m.call_quality(Some(3.0), Some(2.0));
        let text = m.encode();
        for line in [
            r#"tandem_calls_started_total{kind="inbound"} 2"#,
            r#"tandem_calls_ended_total{kind="busy"} 1"#,
            "tandem_legs_live 1",
            r#"tandem_sip_requests_total{kind="INVITE"} 1"#,
            r#"tandem_sip_requests_total{kind="other"} 1"#,
            r#"tandem_sip_responses_total{kind="486"} 1"#,
            r#"tandem_webhooks_total{kind="ok"} 1"#,
            "tandem_webhook_seconds_count 1",
            r#"tandem_drops_total{kind="late"} 3"#,
            r#"tandem_mailbox_overflows_total{kind="leg"} 1"#,
            "tandem_registrations 5",
            r#"tandem_registrar_total{kind="refreshed"} 1"#,
            r#"tandem_registrar_total{kind="expired"} 2"#,
            r#"tandem_logins_refused_total{kind="wrong_password"} 1"#,
            r#"tandem_nat_keepalives_total{kind="asked"} 1"#,
            r#"tandem_call_mos_count{kind="in"} 2"#,
            r#"tandem_call_mos_bucket{le="3.1",kind="in"} 1"#,
            r#"tandem_call_mos_count{kind="out"} 1"#,
            "media_ticks_total 7",
            "media_legs 2.0",
            r#"load{thread="0"} 0.5"#,
            r#"load{thread="1"} 0.25"#,
            r#"carrier_up{id="1",carrier="a\"b"} 1.0"#,
            r#"late_seconds_bucket{le="0.001"} 3"#,
            r#"late_seconds_bucket{le="0.01"} 4"#,
            r#"late_seconds_bucket{le="+Inf"} 5"#,
            "late_seconds_sum 0.5",
            "late_seconds_count 5",
        ] {
            assert!(text.contains(line), "{line} is missing in:\n{text}");
        }
    }
}
