use tandem_model::Timestamp;

use super::report::Reporter;
use super::{Leg, packet_time};
use crate::control::LegSpec;
use crate::rtcp::VoipMetrics;
use crate::stats::{
    CodecQuality, Conditions, GMIN, LossCounts, QUALITY_INTERVAL, QualityPoint, QualitySeries, mean_opinion_score, mos,
};

/// What a jitter buffer adds on average when ours does not say.
const BUFFER_MS_ASSUMED: f32 = 40.0;
/// What the network adds one way when no round trip is known.
const NETWORK_MS_ASSUMED: f32 = 20.0;

/// The quality of the leg through the call, one point an interval.
pub(super) struct QualityWatch {
    began: Timestamp,
    next: Timestamp,
    /// What was counted when the last point was made.
    before: LossCounts,
    series: QualitySeries,
}

impl QualityWatch {
    pub fn new(now: Timestamp) -> Self {
        QualityWatch {
            began: now,
            next: now + QUALITY_INTERVAL,
            before: LossCounts::default(),
            series: QualitySeries::default(),
        }
    }

    pub fn points(&self) -> Vec<QualityPoint> {
        self.series.points().collect()
    }
}

impl Leg {
    /// Makes a point when one is due.
    pub(super) fn watch_quality(&mut self, now: Timestamp) {
        if now < self.quality.next {
            return;
        }
        self.quality.next = now + QUALITY_INTERVAL;
        let Some(spec) = self.spec.as_deref() else { return };
        let counts = self.receiver.loss_counts();
        let interval = counts.since(self.quality.before);
        self.quality.before = counts;
        let codec = CodecQuality::of(spec.codec);
        let heard = Conditions::new(codec, interval, self.delay_ms());
        let point = QualityPoint {
            at_ms: now.since(self.quality.began).as_millis() as u64,
            mos_in: (interval.packets() > 0).then(|| mos(heard.r_conversation())),
            mos_out: self.reporter.mos_out(codec),
            loss_in: interval.unheard(),
            loss_out: self.reporter.remote_loss,
            jitter_ms: self.receiver.jitter_ms().0,
            round_trip_ms: self.reporter.round_trip_ms,
            buffer_ms: self.buffer_ms(),
        };
        self.quality.series.push(point);
    }

    /// What we heard so far, for the E-model: of all that came or was lost.
    pub(super) fn conditions(&self, spec: &LegSpec) -> Conditions {
        let (received, lost) = (self.receiver.packets, self.receiver.lost());
        let unheard = lost + self.receiver.late;
        Conditions {
            codec: CodecQuality::of(spec.codec),
            loss: unheard as f32 / (received + lost).max(1) as f32,
            burst_ratio: self.receiver.loss_counts().burst_ratio(),
            delay_ms: self.delay_ms(),
        }
    }

    /// What our jitter buffer adds; what the listener's probably does when packets go through.
    fn buffer_ms(&self) -> f32 {
        self.player.as_ref().and_then(|player| player.delay_ms().0).unwrap_or(BUFFER_MS_ASSUMED)
    }

    /// Mouth to ear, one way.
    fn delay_ms(&self) -> f32 {
        let network = self.reporter.round_trip_ms.map_or(NETWORK_MS_ASSUMED, |rtt| rtt / 2.0);
        network + self.buffer_ms() + 2.0 * self.receiver.jitter_ms().0
    }

    /// What we tell the peer of its stream (RFC 3611 section 4.7); None before there is one.
    pub(super) fn voip_metrics(&self, spec: &LegSpec) -> Option<VoipMetrics> {
        let stream = self.receiver.listened_to()?;
        let packet_ms = packet_time(spec).as_millis() as u32;
        let bursts = stream.bursts().metrics(packet_ms);
        let conditions = Conditions::new(CodecQuality::of(spec.codec), stream.bursts().counts, self.delay_ms());
        let (listening, conversation) = (conditions.r_listening(), conditions.r_conversation());
        let whole = |ms: f32| ms.round().clamp(0.0, f32::from(u16::MAX)) as u16;
        // A leg that only passes packets on has no buffer and conceals nothing: its listener does.
        let (configuration, buffer_ms) = match self.player {
            Some(_) => (VoipMetrics::CONCEALS_AND_ADAPTS, whole(self.buffer_ms())),
            None => (0, 0),
        };
        Some(VoipMetrics {
            ssrc: stream.ssrc(),
            loss_rate: bursts.loss_rate,
            discard_rate: bursts.discard_rate,
            burst_density: bursts.burst_density,
            gap_density: bursts.gap_density,
            burst_ms: bursts.burst_ms,
            gap_ms: bursts.gap_ms,
            round_trip_ms: self.reporter.round_trip_ms.map_or(0, whole),
            end_system_delay_ms: buffer_ms.saturating_add(packet_ms as u16),
            // Levels are not measured on this path, and no echo passes through a switch.
            signal_dbm0: None,
            noise_dbm0: None,
            echo_return_loss_db: None,
            gmin: GMIN as u8,
            r_factor: Some(conversation.round() as u8),
            external_r_factor: None,
            mos_listening: Some(mos(listening)),
            mos_conversation: Some(mos(conversation)),
            receiver_configuration: configuration,
            buffer_nominal_ms: buffer_ms,
            buffer_maximum_ms: buffer_ms,
            buffer_absolute_maximum_ms: buffer_ms,
        })
    }
}

impl Reporter {
    /// What the peer hears of us: as its extended report says, else estimated from its receiver report.
    pub(super) fn mos_out(&self, codec: CodecQuality) -> Option<f32> {
        if let Some(told) = &self.remote_metrics {
            let rated = told.r_factor.map(|r| mos(f32::from(r)));
            if let Some(score) = told.mos_conversation.or(rated).or(told.mos_listening) {
                return Some(score.min(4.5));
            }
        }
        let loss = self.remote_loss?;
        let network = self.round_trip_ms.map_or(NETWORK_MS_ASSUMED, |rtt| rtt / 2.0);
        let jitter = self.remote_jitter_ms.unwrap_or(0.0);
        let delay_ms = network + BUFFER_MS_ASSUMED + 2.0 * jitter;
        Some(mean_opinion_score(codec, loss, delay_ms))
    }
}
