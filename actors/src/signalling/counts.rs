use crate::api::Metrics;
use tandem_sip::message::Message;

/// What a shard counts.
pub(super) fn received(metrics: &Metrics, message: &Message) {
    if message.is_request() {
        metrics.sip_request(message.method_str());
    }
}

pub(super) fn answered(metrics: &Metrics, message: &Message) {
    if let Some(code) = message.status() {
        metrics.sip_response(code);
    }
}

pub(super) fn shed(metrics: &Metrics, message: &Message) {
    received(metrics, message);
    metrics.sip_response(503);
    metrics.sip_shed();
}
