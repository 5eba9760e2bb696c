use std::net::SocketAddr;
use std::time::Duration;

use tandem_model::{DropReason, Entropy, SeedEntropy, Timestamp, hex_token};

use super::receive::Receiver;
use super::send::unsent;
use super::{Leg, Turn, clock_hz};
use crate::rtcp::{
    Compound, Dlrr, ExtendedBlock, ExtendedReport, OwnReport, Packet, ReportBlock, SenderInfo, VoipMetrics,
    write_report,
};
use crate::shard::{Component, PACKET_ROOM};
use crate::srtp::TAIL_ROOM;
use crate::stats::Spreading;

/// Mean time between our reports (RFC 3550 section 6.2); each is drawn from half to one and a half of it.
const INTERVAL_MS: u64 = 5_000;
/// Bytes of one compound packet of ours, with room to spare.
const REPORT_ROOM: usize = 512;

/// Our reports, and what the peer's reports tell.
pub(super) struct Reporter {
    next: Timestamp,
    /// Only spreads the reports in time: seeded from the leg's entropy.
    spread: SeedEntropy,
    cname: String,
    packets_reported: u64,
    last_report: Timestamp,
    /// Of the last report that told; and of all.
    pub round_trip_ms: Option<f32>,
    pub round_trips: Spreading,
    /// What the peer says of our stream: share lost lately, packets lost in all, jitter.
    pub remote_loss: Option<f32>,
    pub remote_lost: Option<u64>,
    pub remote_jitter_ms: Option<f32>,
    pub remote_jitters: Spreading,
    pub remote_metrics: Option<VoipMetrics>,
    /// A receiver's reference time, to be answered: who, the middle of its NTP time, and when it came (RFC 3611 section 4.5).
    reference_time: Option<(u32, u32, Timestamp)>,
    protection_percent: u8,
    /// Reports in a row that told of no loss.
    clean_reports: u8,
}

impl Reporter {
    pub fn new(now: Timestamp, entropy: &mut dyn Entropy) -> Self {
        let mut reporter = Reporter {
            next: now,
            spread: SeedEntropy::new(entropy.next_u64()),
            // 96 random bits, as RFC 7022 section 4.2 asks for a short-term name.
            cname: hex_token(entropy, 12),
            packets_reported: 0,
            last_report: now,
            round_trip_ms: None,
            round_trips: Spreading::default(),
            remote_loss: None,
            remote_lost: None,
            remote_jitter_ms: None,
            remote_jitters: Spreading::default(),
            remote_metrics: None,
            reference_time: None,
            protection_percent: 0,
            clean_reports: 0,
        };
        // The first report comes after half the interval (RFC 3550 section 6.2).
        reporter.schedule(now, INTERVAL_MS / 2);
        reporter
    }

    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.next
    }

    fn schedule(&mut self, now: Timestamp, mean_ms: u64) {
        self.next = now + Duration::from_millis(mean_ms / 2 + self.spread.next_u64() % mean_ms.max(1));
    }

    /// Reads the peer's reports. `own` is our stream's SSRC and clock.
    pub fn hear(
        &mut self,
        now: Timestamp,
        now_ntp: u64,
        compound: Compound<'_>,
        own: (u32, u32),
        receiver: &mut Receiver,
    ) {
        let (own_ssrc, clock_hz) = own;
        for packet in compound {
            match packet {
                Packet::SenderReport { ssrc, info, blocks } => {
                    if let Some(stream) = receiver.stream_of(ssrc) {
                        stream.sender_report(now, info.ntp);
                    }
                    blocks.filter(|b| b.ssrc == own_ssrc).for_each(|b| self.hear_block(now_ntp, clock_hz, &b));
                }
                Packet::ReceiverReport { blocks, .. } => {
                    blocks.filter(|b| b.ssrc == own_ssrc).for_each(|b| self.hear_block(now_ntp, clock_hz, &b));
                }
                Packet::Bye(sources) => sources.for_each(|ssrc| {
                    if let Some(stream) = receiver.stream_of(ssrc) {
                        stream.end();
                    }
                }),
                Packet::ExtendedReport { ssrc, blocks } => {
                    blocks.for_each(|block| self.hear_extended(now, now_ntp, ssrc, own_ssrc, block));
                }
                Packet::SourceDescription | Packet::Other(_) => {}
            }
        }
    }

    fn hear_extended(&mut self, now: Timestamp, now_ntp: u64, ssrc: u32, own_ssrc: u32, block: ExtendedBlock<'_>) {
        match block {
            ExtendedBlock::VoipMetrics(metrics) if metrics.ssrc == own_ssrc => self.remote_metrics = Some(metrics),
            ExtendedBlock::ReferenceTime { ntp } => self.reference_time = Some((ssrc, (ntp >> 16) as u32, now)),
            ExtendedBlock::Dlrr(blocks) => blocks.filter(|b| b.ssrc == own_ssrc).for_each(|b| {
                self.hear_round_trip(now_ntp, b.last_rr, b.delay_since_last_rr);
            }),
            ExtendedBlock::VoipMetrics(_) | ExtendedBlock::Other(_) => {}
        }
    }

    /// The loss that what we send is to be protected against: none until the peer reports some, for redundancy costs
    /// bits and time; then what it last reported, until some reports in a row told of none.
    pub fn protection_percent(&self) -> u8 {
        self.protection_percent
    }

    fn learn_loss(&mut self, fraction_lost: u8) {
        const CLEAN_ENOUGH: u8 = 3;
        if fraction_lost > 0 {
            self.clean_reports = 0;
            self.protection_percent = (u32::from(fraction_lost) * 100).div_ceil(256) as u8;
        } else {
            self.clean_reports = self.clean_reports.saturating_add(1);
            if self.clean_reports >= CLEAN_ENOUGH {
                self.protection_percent = 0;
            }
        }
    }

    fn hear_block(&mut self, now_ntp: u64, clock_hz: u32, block: &ReportBlock) {
        self.remote_loss = Some(f32::from(block.fraction_lost) / 256.0);
        self.remote_lost = Some(u64::try_from(block.cumulative_lost).unwrap_or(0));
        let jitter_ms = block.jitter as f32 * 1_000.0 / clock_hz.max(1) as f32;
        self.remote_jitter_ms = Some(jitter_ms);
        self.remote_jitters.push(jitter_ms);
        self.learn_loss(block.fraction_lost);
        self.hear_round_trip(now_ntp, block.last_sr, block.delay_since_last_sr);
    }

    /// Round trip as in RFC 3550 section 6.4.1, and alike in RFC 3611 section 4.5.
    fn hear_round_trip(&mut self, now_ntp: u64, last: u32, delay_since_last: u32) {
        if last == 0 {
            return;
        }
        let middle = (now_ntp >> 16) as u32;
        let round_trip = middle.wrapping_sub(last).wrapping_sub(delay_since_last) as i32;
        // A minute is no round trip but a clock or a liar.
        if (0..60 * 65_536).contains(&round_trip) {
            let ms = round_trip as f32 * 1_000.0 / 65_536.0;
            self.round_trip_ms = Some(ms);
            self.round_trips.push(ms);
        }
    }

    /// The answer to a receiver's reference time, once each.
    fn take_dlrr(&mut self, now: Timestamp) -> Option<Dlrr> {
        let (ssrc, last_rr, at) = self.reference_time.take()?;
        let delay = now.since(at).as_nanos() * 65_536 / 1_000_000_000;
        Some(Dlrr { ssrc, last_rr, delay_since_last_rr: u32::try_from(delay).unwrap_or(u32::MAX) })
    }
}

impl Leg {
    /// Sends our report, with BYE when the leg ends.
    pub fn send_report(&mut self, turn: &mut Turn<'_>, bye: bool) {
        self.reporter.schedule(turn.now, INTERVAL_MS);
        let Some((component, to)) = self.report_destination() else { return };
        let Some(spec) = self.spec.as_deref() else { return };
        let cursor = &self.sender.cursor;
        let sent_since = cursor.packets != self.reporter.packets_reported;
        let sender = sent_since.then(|| SenderInfo {
            ntp: turn.clock.at(turn.now),
            rtp_time: cursor.timestamp_at(turn.now, clock_hz(spec)).0,
            packets: cursor.packets as u32,
            octets: cursor.octets as u32,
        });
        let (blocks, heard) = self.receiver.reports(turn.now, self.reporter.last_report);
        if sender.is_none() && heard == 0 {
            return;
        }
        let extended = ExtendedReport {
            // Who sends no sender report learns the round trip this way (RFC 3611 section 4.4).
            reference_time: (spec.xr_receiver_rtt && sender.is_none()).then(|| turn.clock.at(turn.now)),
            dlrr: if spec.xr_receiver_rtt { self.reporter.take_dlrr(turn.now) } else { None },
            voip_metrics: if spec.xr_voip_metrics { self.voip_metrics(spec) } else { None },
        };
        let (block, more) = match &blocks[..heard] {
            [first, more @ ..] => (Some(*first), more),
            [] => (None, &[][..]),
        };
        self.reporter.packets_reported = cursor.packets;
        self.reporter.last_report = turn.now;
        let report = OwnReport { ssrc: cursor.ssrc, sender, block, cname: &self.reporter.cname, bye };
        let own = &mut self.sender;
        const _: () = assert!(REPORT_ROOM + TAIL_ROOM <= PACKET_ROOM);
        let added = turn.batch.add(turn.slot, component, to, |packet| {
            let len =
                write_report(&mut packet[..REPORT_ROOM], &report, more, &extended).ok_or(DropReason::SendFailed)?;
            own.protect_rtcp(packet, len).map_err(unsent)
        });
        if let Err(reason) = added.unwrap_or(Err(DropReason::SendFailed)) {
            self.drop_packet(turn, reason);
        }
    }

    /// Where reports go: as signalled, or beside the RTP source when the peer turned out to be elsewhere (a NAT).
    fn report_destination(&self) -> Option<(Component, SocketAddr)> {
        let spec = self.spec.as_deref()?;
        let rtp = self.source.remote()?;
        if spec.rtcp_mux {
            return Some((Component::Rtp, rtp));
        }
        let moved = spec.remote_rtp.is_some_and(|signalled| signalled.ip() != rtp.ip());
        match spec.remote_rtcp {
            Some(rtcp) if !moved => Some((Component::Rtcp, rtcp)),
            _ => Some((Component::Rtcp, SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redundancy_follows_the_peers_reports_and_ends_after_three_clean_ones() {
        let mut reporter = Reporter::new(Timestamp::ZERO, &mut SeedEntropy::new(1));
        assert_eq!(reporter.protection_percent(), 0);
        let mut told = |fraction_lost| {
            reporter.hear_block(0, 8_000, &ReportBlock { fraction_lost, ..ReportBlock::default() });
            reporter.protection_percent()
        };
        assert_eq!([0, 13, 0, 0, 255, 0, 0, 0].map(&mut told), [0, 6, 6, 6, 100, 100, 100, 0]);
    }
}
