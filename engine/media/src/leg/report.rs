use std::net::SocketAddr;
use std::time::Duration;

use tandem_model::{DropReason, Entropy, SeedEntropy, Timestamp, hex_token};

use super::send::unsent;
use super::{Leg, Turn, clock_hz};
use crate::rtcp::{Compound, OwnReport, Packet, ReportBlock, SenderInfo, write_compound};
use crate::shard::{Component, PACKET_ROOM};
use crate::srtp::TAIL_ROOM;
use crate::stats::StreamAccount;

/// Mean time between our reports (RFC 3550 section 6.2); each is drawn from half to one and a half of it.
const INTERVAL_MS: u64 = 5_000;
/// Bytes of one compound packet of ours, with room to spare.
const REPORT_ROOM: usize = 256;

/// Our reports, and what the peer's reports tell.
pub(super) struct Reporter {
    next: Timestamp,
    /// Only spreads the reports in time: seeded from the leg's entropy.
    spread: SeedEntropy,
    cname: String,
    packets_reported: u64,
    pub round_trip_ms: Option<f32>,
    pub remote_loss: Option<f32>,
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
            round_trip_ms: None,
            remote_loss: None,
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

    /// Reads the peer's reports. `own_ssrc` is ours, `stream` what we hear.
    pub fn hear(
        &mut self,
        now: Timestamp,
        now_ntp: u64,
        compound: Compound<'_>,
        own_ssrc: u32,
        mut stream: Option<&mut StreamAccount>,
    ) {
        for packet in compound {
            match packet {
                Packet::SenderReport { ssrc, info, blocks } => {
                    if let Some(stream) = stream.as_deref_mut().filter(|s| s.ssrc() == ssrc) {
                        stream.sender_report(now, info.ntp);
                    }
                    blocks.filter(|b| b.ssrc == own_ssrc).for_each(|b| self.hear_block(now_ntp, &b));
                }
                Packet::ReceiverReport { blocks, .. } => {
                    blocks.filter(|b| b.ssrc == own_ssrc).for_each(|b| self.hear_block(now_ntp, &b));
                }
                Packet::SourceDescription | Packet::Bye | Packet::Other(_) => {}
            }
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

    /// Round trip as in RFC 3550 section 6.4.1.
    fn hear_block(&mut self, now_ntp: u64, block: &ReportBlock) {
        self.remote_loss = Some(f32::from(block.fraction_lost) / 256.0);
        self.learn_loss(block.fraction_lost);
        if block.last_sr == 0 {
            return;
        }
        let middle = (now_ntp >> 16) as u32;
        let round_trip = middle.wrapping_sub(block.last_sr).wrapping_sub(block.delay_since_last_sr) as i32;
        // A minute is no round trip but a clock or a liar.
        if (0..60 * 65_536).contains(&round_trip) {
            self.round_trip_ms = Some(round_trip as f32 * 1_000.0 / 65_536.0);
        }
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
        let block = self.receiver.current_stream().map(|stream| stream.report(turn.now));
        if sender.is_none() && block.is_none() {
            return;
        }
        self.reporter.packets_reported = cursor.packets;
        let report = OwnReport { ssrc: cursor.ssrc, sender, block, cname: &self.reporter.cname, bye };
        let own = &mut self.sender;
        const _: () = assert!(REPORT_ROOM + TAIL_ROOM <= PACKET_ROOM);
        let added = turn.batch.add(turn.slot, component, to, |packet| {
            let len = write_compound(&mut packet[..REPORT_ROOM], &report).ok_or(DropReason::SendFailed)?;
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
            reporter.hear_block(0, &ReportBlock { fraction_lost, ..ReportBlock::default() });
            reporter.protection_percent()
        };
        assert_eq!([0, 13, 0, 0, 255, 0, 0, 0].map(&mut told), [0, 6, 6, 6, 100, 100, 100, 0]);
    }
}
