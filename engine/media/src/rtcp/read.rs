use tandem_model::DropReason;

use super::{
    ExtendedBlocks, REPORT_BLOCK_BYTES, ReportBlock, SenderInfo, TYPE_BYE, TYPE_EXTENDED_REPORT, TYPE_RECEIVER_REPORT,
    TYPE_SENDER_REPORT, TYPE_SOURCE_DESCRIPTION,
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
    /// These sources send no more.
    Bye(Sources<'a>),
    /// RFC 3611.
    ExtendedReport {
        ssrc: u32,
        blocks: ExtendedBlocks<'a>,
    },
    /// Feedback, APP: valid, and of no use to us.
    Other(u8),
}

impl<'a> Compound<'a> {
    /// Checks the whole compound before anything of it is used (RFC 3550 appendix A.2).
    ///
    /// # Errors
    /// [`DropReason::MalformedRtcp`] when the first packet is no report, a version is not 2, padding stands anywhere but in the
    /// last packet, the lengths do not add up to the datagram, or a count does not fit its packet.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, DropReason> {
        match datagram {
            [_, TYPE_SENDER_REPORT | TYPE_RECEIVER_REPORT, ..] => Self::parse_reduced(datagram),
            _ => Err(DropReason::MalformedRtcp),
        }
    }

    /// As [`parse`](Self::parse), for a peer that agreed to reduced size: the first packet may be of any type (RFC 5506
    /// section 4.1).
    ///
    /// # Errors
    /// [`DropReason::MalformedRtcp`] as above, but for the first packet's type.
    pub fn parse_reduced(datagram: &'a [u8]) -> Result<Self, DropReason> {
        let bad = Err(DropReason::MalformedRtcp);
        if datagram.is_empty() {
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
                TYPE_EXTENDED_REPORT => 8,
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
            TYPE_BYE => {
                let bytes = 4 * usize::from(packet[0] & 0x1f);
                Packet::Bye(Sources { rest: packet.get(4..4 + bytes).unwrap_or(&[]) })
            }
            TYPE_EXTENDED_REPORT if packet.len() >= 8 => {
                let padding = if packet[0] & 0x20 != 0 { usize::from(packet[packet.len() - 1]) } else { 0 };
                let end = packet.len().saturating_sub(padding).max(8);
                Packet::ExtendedReport { ssrc: word(packet, 4), blocks: ExtendedBlocks::new(&packet[8..end]) }
            }
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

/// The sources that a BYE names.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    rest: &'a [u8],
}

impl Iterator for Sources<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (ssrc, after) = self.rest.split_first_chunk::<4>()?;
        self.rest = after;
        Some(u32::from_be_bytes(*ssrc))
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

pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
