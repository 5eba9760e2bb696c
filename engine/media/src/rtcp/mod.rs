//! RTCP on the wire (RFC 3550 section 6, RFC 3611, RFC 5506): validating and reading a compound packet, and writing ours.
//! When a report is due and what it says of a stream is decided in `leg`. Start at [`Compound::parse`].

mod read;
mod write;
mod xr;

pub use read::{Compound, Packet, ReportBlocks, Sources};
pub use write::{OwnReport, write_compound, write_report};
pub use xr::{Dlrr, DlrrBlocks, ExtendedBlock, ExtendedBlocks, ExtendedReport, VoipMetrics};

/// What one receiver says of one stream it hears (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ReportBlock {
    pub ssrc: u32,
    /// Lost since the previous report, in 1/256.
    pub fraction_lost: u8,
    /// 24 bits signed; negative when duplicates were counted.
    pub cumulative_lost: i32,
    /// Cycles in the upper 16 bits.
    pub highest_sequence: u32,
    /// In units of the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report heard; 0 when none was.
    pub last_sr: u32,
    /// Since that report came, in 1/65536 s.
    pub delay_since_last_sr: u32,
}

/// What a sender says of its stream (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// 64-bit NTP time: seconds since 1900 in the upper half.
    pub ntp: u64,
    pub rtp_time: u32,
    pub packets: u32,
    pub octets: u32,
}

pub(crate) const TYPE_SENDER_REPORT: u8 = 200;
pub(crate) const TYPE_RECEIVER_REPORT: u8 = 201;
pub(crate) const TYPE_SOURCE_DESCRIPTION: u8 = 202;
pub(crate) const TYPE_BYE: u8 = 203;
/// RFC 3611 section 2.
pub(crate) const TYPE_EXTENDED_REPORT: u8 = 207;
pub(crate) const REPORT_BLOCK_BYTES: usize = 24;
