use tandem_model::DropReason;

use super::{
    REPORT_BLOCK_BYTES, ReportBlock, SenderInfo, TYPE_BYE, TYPE_RECEIVER_REPORT, TYPE_SENDER_REPORT,
    TYPE_SOURCE_DESCRIPTION,
};

/// A validated compound packet: every packet in it lies within bounds. Iterate for its parts.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    rest: &'a [u8],
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    SenderReport {
        ssrc: u32,
        info: SenderInfo,
        blocks: ReportBlocks<'a>,
    },
    ReceiverReport {
        ssrc: u32,
        blocks: ReportBlocks<'a>,
    },
    SourceDescription,
    Bye,
    /// Feedback, APP, XR: valid, and of no use to us.
    Other(u8),
}

impl<'a> Compound<'a> {
    /// Checks the whole compound before anything of it is used (RFC 3550 appendix A.2).
    ///
    /// # Errors
    /// [`DropReason::MalformedRtcp`] when the first packet is no report, a version is not 2, padding stands anywhere but in the
    /// last packet, the lengths do not add up to the datagram, or a count does not fit its packet.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DropReason> {
        let bad = Err(DropReason::MalformedRtcp);
        if !matches!(datagram, [_, TYPE_SENDER_REPORT | TYPE_RECEIVER_REPORT, ..]) {
            return bad;
        }
        let mut rest = datagram;
        while !rest.is_empty() {
            let Some((packet, after)) = split_first(rest) else { return bad };
            let mut len = packet.len();
            if packet[0] & 0x20 != 0 {
                let padding = usize::from(packet[len - 1]);
                if !after.is_empty() || padding == 0 || !padding.is_multiple_of(4) || padding > len - 4 {
                    return bad;
                }
                len -= padding;
            }
            let count = usize::from(packet[0] & 0x1f);
            let needed = match packet[1] {
                TYPE_SENDER_REPORT => 28 + count * REPORT_BLOCK_BYTES,
                TYPE_RECEIVER_REPORT => 8 + count * REPORT_BLOCK_BYTES,
                TYPE_BYE => 4 + count * 4,
                _ => 4,
            };
            if len < needed {
                return bad;
            }
            rest = after;
        }
        Ok(Compound { rest: datagram })
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        let (packet, after) = split_first(self.rest)?;
        self.rest = after;
        let blocks = |at: usize| {
            let bytes = usize::from(packet[0] & 0x1f) * REPORT_BLOCK_BYTES;
            ReportBlocks { rest: packet.get(at..at + bytes).unwrap_or(&[]) }
        };
        Some(match packet[1] {
            TYPE_SENDER_REPORT if packet.len() >= 28 => Packet::SenderReport {
                ssrc: word(packet, 4),
                info: SenderInfo {
                    ntp: u64::from(word(packet, 8)) << 32 | u64::from(word(packet, 12)),
                    rtp_time: word(packet, 16),
                    packets: word(packet, 20),
                    octets: word(packet, 24),
                },
                blocks: blocks(28),
            },
            TYPE_RECEIVER_REPORT if packet.len() >= 8 => {
                Packet::ReceiverReport { ssrc: word(packet, 4), blocks: blocks(8) }
            }
            TYPE_SOURCE_DESCRIPTION => Packet::SourceDescription,
            TYPE_BYE => Packet::Bye,
            other => Packet::Other(other),
        })
    }
}

/// The report blocks of one report.
#[derive(Clone, Copy, Debug)]
pub struct ReportBlocks<'a> {
    rest: &'a [u8],
}

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, after) = self.rest.split_at_checked(REPORT_BLOCK_BYTES)?;
        self.rest = after;
        let lost = word(block, 4);
        Some(ReportBlock {
            ssrc: word(block, 0),
            fraction_lost: block[4],
            // Sign-extends 24 bits.
            cumulative_lost: (lost << 8) as i32 >> 8,
            highest_sequence: word(block, 8),
            jitter: word(block, 12),
            last_sr: word(block, 16),
            delay_since_last_sr: word(block, 20),
        })
    }
}

fn split_first(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let head = bytes.first_chunk::<4>()?;
    if head[0] >> 6 != 2 {
        return None;
    }
    let len = 4 * (usize::from(u16::from_be_bytes([head[2], head[3]])) + 1);
    bytes.split_at_checked(len)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
