use opus::{Application, Bitrate, Channels, ErrorCode};
use tandem_model::{Ptime, SampleRate};

use super::fmtp::OpusParameters;
use super::{OpusTuning, check_rate};
use crate::{CodecError, Encoder, EncoderSettings};

/// What the far end is taken to lose until its reports say otherwise, in percent. With 0 libopus sends no redundancy;
/// above 5 it gives up bandwidth for it where the bit rate is short.
const EXPECTED_LOSS_PERCENT: u8 = 5;
/// Effort spent on telephone bandwidth while nothing has to be protected: a third of what 5 costs, with the same likeness
/// to the source (docs/performance.md). Below 2 libopus makes no redundancy, so a lossy path gets the effort asked for.
const COMPLEXITY_CLEAN_NARROWBAND: u8 = 1;
/// What libopus takes (RFC 7587 section 6.1), in bits per second.
const BITRATE_MIN: u32 = 6_000;
const BITRATE_MAX: u32 = 510_000;
const REDUNDANCY_BITRATE: u32 = 4_000;
/// What libopus writes for silence when it is let: a packet that "need not be transmitted".
const SILENT_BYTES_MAX: usize = 2;
/// The most one call may write: the packet must fit a datagram whatever the buffer holds.
const PAYLOAD_BYTES_MAX: usize = 1_275;

/// A mono encoder at the rate of its source, so that libopus neither resamples up nor codes an empty band.
pub(super) struct OpusEncoder {
    state: opus::Encoder,
    rate: SampleRate,
    complexity: u8,
    /// The far end takes nothing for silence.
    discontinuous: bool,
}

impl OpusEncoder {
    pub(super) fn new(settings: &EncoderSettings<'_>) -> Result<Self, CodecError> {
        let rate = settings.rate;
        check_rate(rate)?;
        if !matches!(settings.ptime, Ptime(10 | 20 | 40 | 60)) {
            return Err(CodecError::FrameSize { samples: rate.samples(settings.ptime) });
        }
        let wish = OpusParameters::parse(settings.fmtp);
        let complexity = settings.tuning.opus.complexity.min(10);
        configured(settings, &wish)
            .map(|state| OpusEncoder { state, rate, complexity, discontinuous: wish.discontinuous })
            .map_err(|_| CodecError::Rate(rate))
    }
}

fn configured(settings: &EncoderSettings<'_>, wish: &OpusParameters) -> opus::Result<opus::Encoder> {
    let audible_hz = settings.rate.0.min(wish.max_playback_rate);
    let tuning = &settings.tuning.opus;
    let bitrate =
        wished_bitrate(tuning, audible_hz, wish.in_band_fec).min(wish.max_average_bitrate.unwrap_or(BITRATE_MAX));
    let mut state = opus::Encoder::new(settings.rate.0, Channels::Mono, Application::Voip)?;
    state.set_complexity(i32::from(tuning.complexity.min(10)))?;
    state.set_bitrate(Bitrate::Bits(bitrate as i32))?;
    state.set_max_bandwidth(OpusParameters::bandwidth_of(audible_hz))?;
    state.set_vbr(!wish.constant_bitrate)?;
    state.set_dtx(wish.discontinuous)?;
    state.set_inband_fec(wish.in_band_fec)?;
    state.set_packet_loss_perc(i32::from(EXPECTED_LOSS_PERCENT))?;
    Ok(state)
}

/// Bits per second. Redundancy costs 4,000 more: below about 18, 25 and 34 kb/s libopus either sends none or narrows the
/// band to afford it.
fn wished_bitrate(tuning: &OpusTuning, audible_hz: u32, in_band_fec: bool) -> u32 {
    let plain = match audible_hz {
        0..12_000 => tuning.bitrate_narrowband,
        12_000..24_000 => tuning.bitrate_wideband,
        _ => tuning.bitrate_fullband,
    };
    let redundancy = if in_band_fec { REDUNDANCY_BITRATE } else { 0 };
    plain.clamp(BITRATE_MIN, BITRATE_MAX - redundancy) + redundancy
}

impl Encoder for OpusEncoder {
    fn rate(&self) -> SampleRate {
        self.rate
    }

    fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> Result<usize, CodecError> {
        let room = payload.len().min(PAYLOAD_BYTES_MAX);
        let bytes = self.state.encode(pcm, &mut payload[..room]).map_err(|error| match error.code() {
            ErrorCode::BufferTooSmall => CodecError::OutputTooSmall { needed: PAYLOAD_BYTES_MAX },
            _ if room < 3 => CodecError::OutputTooSmall { needed: PAYLOAD_BYTES_MAX },
            _ => CodecError::FrameSize { samples: pcm.len() },
        })?;
        Ok(if self.discontinuous && bytes <= SILENT_BYTES_MAX { 0 } else { bytes })
    }

    fn set_expected_loss_percent(&mut self, percent: u8) {
        let narrow = self.rate <= SampleRate::HZ_8000;
        let complexity =
            if percent == 0 && narrow { self.complexity.min(COMPLEXITY_CLEAN_NARROWBAND) } else { self.complexity };
        // Both fail only out of their ranges, 0..100 and 0..10.
        let _ = self.state.set_packet_loss_perc(i32::from(percent.min(100)));
        let _ = self.state.set_complexity(i32::from(complexity));
    }

    fn reset(&mut self) {
        // Fails only for a null encoder, which `new` does not give.
        let _ = self.state.reset_state();
        self.set_expected_loss_percent(EXPECTED_LOSS_PERCENT);
    }
}
