//! Extended reports (RFC 3611): the blocks we speak.

use super::read::word;

const BLOCK_REFERENCE_TIME: u8 = 4;
const BLOCK_DLRR: u8 = 5;
const BLOCK_VOIP_METRICS: u8 = 7;
/// What a value that is not known is written as (section 4.7).
const UNKNOWN: u8 = 127;

/// How a stream sounds to who reports it (section 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct VoipMetrics {
    /// The stream that is reported.
    pub ssrc: u32,
    /// Shares in 1/256: lost, discarded, and of packets missed within bursts and within gaps.
    pub loss_rate: u8,
    pub discard_rate: u8,
    pub burst_density: u8,
    pub gap_density: u8,
    /// Mean lengths.
    pub burst_ms: u16,
    pub gap_ms: u16,
    pub round_trip_ms: u16,
    /// Capture, encoding, decoding and the jitter buffer, at the end that reports.
    pub end_system_delay_ms: u16,
    pub signal_dbm0: Option<i8>,
    pub noise_dbm0: Option<i8>,
    pub echo_return_loss_db: Option<u8>,
    pub gmin: u8,
    /// Ratings 0..=100, of this end and of a network behind it.
    pub r_factor: Option<u8>,
    pub external_r_factor: Option<u8>,
    /// 1.0..=5.0 in tenths.
    pub mos_listening: Option<f32>,
    pub mos_conversation: Option<f32>,
    /// Concealment, adaptivity and rate of the jitter buffer, as section 4.7.6 packs them.
    pub receiver_configuration: u8,
    pub buffer_nominal_ms: u16,
    pub buffer_maximum_ms: u16,
    pub buffer_absolute_maximum_ms: u16,
}

impl VoipMetrics {
    const BYTES: usize = 36;
    /// Standard concealment, adaptive buffer (section 4.7.6).
    pub const CONCEALS_AND_ADAPTS: u8 = 0b1111_0000;

    /// None when the block has another length than the standard's; values out of range are unknown.
    fn read(block: &[u8]) -> Option<Self> {
        let block: &[u8; Self::BYTES] = block.try_into().ok()?;
        let half = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
        let level = |byte: u8| (byte != UNKNOWN).then_some(byte as i8);
        let rating = |byte: u8| (byte <= 100).then_some(byte);
        let score = |byte: u8| (10..=50).contains(&byte).then(|| f32::from(byte) / 10.0);
        Some(VoipMetrics {
            ssrc: word(block, 4),
            loss_rate: block[8],
            discard_rate: block[9],
            burst_density: block[10],
            gap_density: block[11],
            burst_ms: half(12),
            gap_ms: half(14),
            round_trip_ms: half(16),
            end_system_delay_ms: half(18),
            signal_dbm0: level(block[20]),
            noise_dbm0: level(block[21]),
            echo_return_loss_db: (block[22] != UNKNOWN).then_some(block[22]),
            gmin: block[23],
            r_factor: rating(block[24]),
            external_r_factor: rating(block[25]),
            mos_listening: score(block[26]),
            mos_conversation: score(block[27]),
            receiver_configuration: block[28],
            buffer_nominal_ms: half(30),
            buffer_maximum_ms: half(32),
            buffer_absolute_maximum_ms: half(34),
        })
    }

    fn write(&self) -> [u8; Self::BYTES] {
        let mut block = [0; Self::BYTES];
        let score = |mos: Option<f32>| mos.map_or(UNKNOWN, |m| (m * 10.0).round().clamp(10.0, 50.0) as u8);
        let level = |dbm0: Option<i8>| dbm0.map_or(UNKNOWN, |level| level.min(126) as u8);
        block[..4].copy_from_slice(&[BLOCK_VOIP_METRICS, 0, 0, (Self::BYTES / 4 - 1) as u8]);
        block[4..8].copy_from_slice(&self.ssrc.to_be_bytes());
        block[8..12].copy_from_slice(&[self.loss_rate, self.discard_rate, self.burst_density, self.gap_density]);
        for (at, half) in [
            (12, self.burst_ms),
            (14, self.gap_ms),
            (16, self.round_trip_ms),
            (18, self.end_system_delay_ms),
            (30, self.buffer_nominal_ms),
            (32, self.buffer_maximum_ms),
            (34, self.buffer_absolute_maximum_ms),
        ] {
            block[at..at + 2].copy_from_slice(&half.to_be_bytes());
        }
        block[20..28].copy_from_slice(&[
            level(self.signal_dbm0),
            level(self.noise_dbm0),
            self.echo_return_loss_db.unwrap_or(UNKNOWN),
            self.gmin,
            self.r_factor.map_or(UNKNOWN, |r| r.min(100)),
            self.external_r_factor.map_or(UNKNOWN, |r| r.min(100)),
            score(self.mos_listening),
            score(self.mos_conversation),
        ]);
        block[28] = self.receiver_configuration;
        block
    }
}

/// What a receiver that sends nothing gets for its reference time, so that it can tell the round trip (section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Dlrr {
    /// The receiver it is for.
    pub ssrc: u32,
    /// Middle 32 bits of its reference time.
    pub last_rr: u32,
    /// Since that came, in 1/65536 s.
    pub delay_since_last_rr: u32,
}

/// The blocks of an extended report of ours; empty without any.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct ExtendedReport {
    /// Our time as a receiver, in NTP form (section 4.4).
    pub reference_time: Option<u64>,
    pub dlrr: Option<Dlrr>,
    pub voip_metrics: Option<VoipMetrics>,
}

impl ExtendedReport {
    pub fn is_empty(&self) -> bool {
        *self == ExtendedReport::default()
    }

    /// Hands each block to `put`, ready for the wire; None as soon as `put` gives none.
    pub(super) fn write(&self, mut put: impl FnMut(&[u8]) -> Option<()>) -> Option<()> {
        if let Some(ntp) = self.reference_time {
            put(&[BLOCK_REFERENCE_TIME, 0, 0, 2])?;
            put(&ntp.to_be_bytes())?;
        }
        if let Some(dlrr) = &self.dlrr {
            put(&[BLOCK_DLRR, 0, 0, 3])?;
            for word in [dlrr.ssrc, dlrr.last_rr, dlrr.delay_since_last_rr] {
                put(&word.to_be_bytes())?;
            }
        }
        if let Some(metrics) = &self.voip_metrics {
            put(&metrics.write())?;
        }
        Some(())
    }
}

/// One block of a peer's extended report.
#[derive(Clone, Copy, Debug)]
pub enum ExtendedBlock<'a> {
    ReferenceTime {
        ntp: u64,
    },
    Dlrr(DlrrBlocks<'a>),
    VoipMetrics(VoipMetrics),
    /// A type we do not use, or one of ours with a length it cannot have.
    Other(u8),
}

/// The blocks of a peer's extended report. One that does not lie within the packet ends them.
#[derive(Clone, Copy, Debug)]
pub struct ExtendedBlocks<'a> {
    rest: &'a [u8],
}

impl<'a> ExtendedBlocks<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        ExtendedBlocks { rest }
    }
}

impl<'a> Iterator for ExtendedBlocks<'a> {
    type Item = ExtendedBlock<'a>;

    fn next(&mut self) -> Option<ExtendedBlock<'a>> {
        let [kind, _, high, low] = *self.rest.first_chunk::<4>()?;
        let len = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
        let Some((block, after)) = self.rest.split_at_checked(len) else {
            self.rest = &[];
            return None;
        };
        self.rest = after;
        Some(match (kind, block.len()) {
            (BLOCK_REFERENCE_TIME, 12) => {
                ExtendedBlock::ReferenceTime { ntp: u64::from(word(block, 4)) << 32 | u64::from(word(block, 8)) }
            }
            (BLOCK_DLRR, _) => ExtendedBlock::Dlrr(DlrrBlocks { rest: &block[4..] }),
            (BLOCK_VOIP_METRICS, _) => {
                VoipMetrics::read(block).map_or(ExtendedBlock::Other(kind), ExtendedBlock::VoipMetrics)
            }
            _ => ExtendedBlock::Other(kind),
        })
    }
}

/// The sub-blocks of a DLRR block.
#[derive(Clone, Copy, Debug)]
pub struct DlrrBlocks<'a> {
    rest: &'a [u8],
}

impl Iterator for DlrrBlocks<'_> {
    type Item = Dlrr;

    fn next(&mut self) -> Option<Dlrr> {
        let (block, after) = self.rest.split_at_checked(12)?;
        self.rest = after;
        Some(Dlrr { ssrc: word(block, 0), last_rr: word(block, 4), delay_since_last_rr: word(block, 8) })
    }
}
