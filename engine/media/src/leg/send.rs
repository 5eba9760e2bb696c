use std::time::Duration;

use tandem_codecs::{CodecId, CodecSpec, Encoder, EncoderSettings};
use tandem_model::{DropReason, Entropy, Ptime, RtpTime, SampleRate, SeqNo};

use super::cursor::Cursor;
use super::receive::{Content, Heard};
use super::relay::{Mapped, Relay};
use super::turn::TICK_SAMPLES_MAX;
use super::{Leg, Turn, clock_hz, packet_time};
use crate::control::LegSpec;
use crate::dtmf::TONE_MS;
use crate::resample::RateFifo;
use crate::rtp::{RTP_HEADER_BYTES, RtpHeader, write_header};
use crate::shard::{Component, PACKET_ROOM};
use crate::srtp::{Protector, SrtpError, TAIL_ROOM};

/// Longest packet time we send, in milliseconds.
const PTIME_MS_MAX: u8 = 60;
/// One such packet and one tick more, at 48 kHz.
const FIFO_SAMPLES_MAX: usize = 48 * (PTIME_MS_MAX as usize + 20);
/// Silence after which audio starts a new talk spurt: marker set, timestamp moved on (RFC 3551 section 4.1).
const SPURT_GAP: Duration = Duration::from_millis(60);
/// Encoder effort: near transparent at a third of the cost of the highest.
pub(crate) const COMPLEXITY: u8 = 5;

/// What goes out: one continuous stream, whatever it is made of.
pub(super) struct Sender {
    pub cursor: Cursor,
    protector: Option<Protector>,
    encoder: Option<(SampleRate, Box<dyn Encoder>)>,
    /// PCM that waits for a whole packet, at the encoder's rate.
    fifo: Vec<i16>,
    /// On the way there from a rate the codec does not take.
    matched: Option<RateFifo>,
    relay: Option<Relay>,
    pub digits: u64,
}

impl Sender {
    pub fn new(entropy: &mut dyn Entropy) -> Self {
        Sender {
            cursor: Cursor::new(entropy),
            protector: None,
            encoder: None,
            fifo: Vec::new(),
            matched: None,
            relay: None,
            digits: 0,
        }
    }

    pub fn configure(&mut self, before: Option<&LegSpec>, spec: &LegSpec) {
        let key_before = before.and_then(|s| s.srtp.as_ref()).map(|pair| &pair.outbound);
        let key = spec.srtp.as_ref().map(|pair| &pair.outbound);
        if key != key_before {
            self.protector = key.map(Protector::new);
        }
        let same = before.is_some_and(|b| (b.codec, b.ptime, &b.fmtp) == (spec.codec, spec.ptime, &spec.fmtp));
        if !same {
            self.encoder = None;
            self.fifo.clear();
            self.relay = None;
        }
    }

    /// Spends redundancy where it is of use: `loss_percent` is what the peer is known to lose.
    pub fn protect_against(&mut self, loss_percent: u8) {
        if let Some((_, encoder)) = &mut self.encoder {
            encoder.set_expected_loss_percent(loss_percent);
        }
    }

    /// Drops audio that waits for a whole packet.
    pub fn forget_pending(&mut self) {
        self.fifo.clear();
    }

    pub fn rebuild(&mut self, spec: &LegSpec) {
        let cursor = self.protector.as_ref().map(Protector::cursor);
        self.protector = spec.srtp.as_ref().map(|pair| {
            let mut protector = Protector::new(&pair.outbound);
            if let Some(cursor) = &cursor {
                protector.restore(cursor);
            }
            protector
        });
        self.encoder = None;
        self.fifo.clear();
        self.relay = None;
    }

    /// Protects a report in place.
    pub fn protect_rtcp(&mut self, buf: &mut [u8], len: usize) -> Result<usize, SrtpError> {
        match &mut self.protector {
            Some(protector) => protector.protect_rtcp(buf, len),
            None => Ok(len),
        }
    }
}

impl Leg {
    /// Pass-through: a packet the partner heard, sent at once with our SSRC, sequence, timestamp and payload types.
    pub fn relay(&mut self, turn: &mut Turn<'_>, heard: &Heard, payload: &[u8]) {
        self.fail_point();
        let Some(spec) = self.spec.as_deref() else { return };
        if !spec.send || self.source.remote().is_none() {
            // On hold: what comes meanwhile is no gap in what we send.
            self.sender.relay = None;
            return;
        }
        if heard.tone.sounds && self.takes_digits_apart() {
            // The digit goes out as an event or in signalling: the far end must not hear it twice.
            if let Some(relay) = &mut self.sender.relay {
                relay.skip(heard);
            }
            if let Some(digit) = heard.tone.digit {
                self.forward_digit(turn, digit, TONE_MS);
            }
            return;
        }
        if self.is_speaking() {
            // A prompt or digits take the stream; the partner's packets are mapped anew behind them.
            self.sender.relay = None;
            if let Content::Event { digit: Some(digit), .. } = heard.content {
                self.forward_digit(turn, digit, TONE_MS);
            }
            return;
        }
        let dtmf = spec.dtmf.filter(|_| !spec.dtmf_in_signalling);
        let payload_type = match (heard.content, dtmf) {
            (Content::Audio, _) => spec.payload_type_send,
            (Content::Event { clock_hz, .. }, Some(dtmf)) if dtmf.clock_hz == clock_hz => dtmf.payload_type_send,
            (Content::Event { digit, .. }, _) => {
                if let Some(relay) = &mut self.sender.relay {
                    relay.skip(heard);
                }
                if let Some(digit) = digit {
                    self.forward_digit(turn, digit, TONE_MS);
                }
                return;
            }
        };
        let units = packet_units(spec);
        let clock_hz = clock_hz(spec);
        let cursor = &self.sender.cursor;
        let mapped = self.sender.relay.as_mut().map_or(Mapped::Lost, |relay| relay.map(heard, clock_hz));
        let (sequence, timestamp, fresh) = match mapped {
            Mapped::Here { sequence, timestamp } => (sequence, timestamp, false),
            Mapped::Old => return self.drop_packet(turn, DropReason::Late),
            Mapped::Lost => {
                let (sequence, timestamp) = (cursor.sequence, cursor.timestamp_at(turn.now, clock_hz));
                self.sender.relay = Some(Relay::start(heard, sequence, timestamp));
                (sequence, timestamp, true)
            }
        };
        let digit = matches!(heard.content, Content::Event { digit: Some(_), .. });
        let running = self.sender.cursor.timestamp_at(turn.now, clock_hz);
        let frame = Frame { payload_type, marker: heard.marker || fresh, sequence, timestamp, units };
        let sent = self.packetise(turn, frame, |room| {
            room.get_mut(..payload.len()).ok_or(DropReason::SendFailed)?.copy_from_slice(payload);
            Ok(payload.len())
        });
        if sent && let Content::Event { .. } = heard.content {
            self.sender.digits += u64::from(digit);
            // The packets of an event all bear its start; what comes behind it goes on from where it stands.
            let stands = timestamp.wrapping_add(event_duration(payload));
            let stands = if stands.diff(running) > 0 { stands } else { running };
            self.sender.cursor.pass(turn.now, stands, 0);
        }
    }

    /// Audio for the peer at `rate`, of any length up to a tick: a partner's, while nothing of our own plays.
    pub fn send_partner_pcm(&mut self, turn: &mut Turn<'_>, pcm: &[i16], rate: SampleRate) {
        self.fail_point();
        if !self.is_speaking() {
            self.send_pcm(turn, pcm, rate);
        }
    }

    pub(super) fn send_pcm(&mut self, turn: &mut Turn<'_>, pcm: &[i16], rate: SampleRate) {
        let Some(spec) = self.spec.as_deref() else { return };
        if !spec.send || self.source.remote().is_none() {
            self.sender.fifo.clear();
            return;
        }
        self.taps.outbound(pcm, rate);
        let wanted = encoder_rate(spec.codec, rate);
        if wanted == rate {
            self.sender.matched = None;
            return self.encode_pcm(turn, pcm, rate);
        }
        let matched = self.sender.matched.get_or_insert_with(|| RateFifo::new(rate, wanted, 2 * TICK_SAMPLES_MAX));
        if matched.rate() != wanted {
            *matched = RateFifo::new(rate, wanted, 2 * TICK_SAMPLES_MAX);
        }
        matched.set_source(rate);
        matched.push(pcm);
        let mut pcm = [0; 2 * TICK_SAMPLES_MAX];
        let samples = matched.take(&mut pcm);
        self.encode_pcm(turn, &pcm[..samples], wanted);
    }

    /// `rate` is one the codec takes.
    fn encode_pcm(&mut self, turn: &mut Turn<'_>, pcm: &[i16], rate: SampleRate) {
        let Some(spec) = self.spec.as_deref() else { return };
        let ptime = spec_ptime(spec);
        if self.sender.encoder.as_ref().is_none_or(|(at, _)| *at != rate) {
            let settings = EncoderSettings { rate, ptime, fmtp: &spec.fmtp, complexity: COMPLEXITY };
            self.sender.encoder = (CodecSpec::by_id(spec.codec).encoder)(&settings).ok().map(|e| (rate, e));
            self.sender.protect_against(self.reporter.protection_percent());
            self.sender.fifo.clear();
            self.sender.fifo.reserve_exact(FIFO_SAMPLES_MAX);
        }
        self.sender.relay = None;
        let samples = rate.samples(ptime);
        if samples == 0 || self.sender.fifo.len() + pcm.len() > FIFO_SAMPLES_MAX {
            self.sender.fifo.clear();
            return;
        }
        self.sender.fifo.extend_from_slice(pcm);
        let mut taken = 0;
        while self.sender.fifo.len() - taken >= samples {
            self.send_frame(turn, taken, samples);
            taken += samples;
        }
        self.sender.fifo.copy_within(taken.., 0);
        let left = self.sender.fifo.len() - taken;
        self.sender.fifo.truncate(left);
    }

    /// A packet's payload that others of a mix get too, and the sound in it.
    pub fn send_shared(&mut self, turn: &mut Turn<'_>, payload: &[u8], pcm: &[i16], rate: SampleRate) {
        self.fail_point();
        let Some(spec) = self.spec.as_deref() else { return };
        if self.is_speaking() || !spec.send || self.source.remote().is_none() {
            return;
        }
        let frame = self.next_frame(turn, spec);
        self.taps.outbound(pcm, rate);
        self.sender.relay = None;
        self.sender.fifo.clear();
        self.packetise(turn, frame, |room| {
            room.get_mut(..payload.len()).ok_or(DropReason::SendFailed)?.copy_from_slice(payload);
            Ok(payload.len())
        });
    }

    /// Where encoded audio goes on: behind the last packet, or with a marker after a silence.
    fn next_frame(&self, turn: &Turn<'_>, spec: &LegSpec) -> Frame {
        let cursor = &self.sender.cursor;
        let next = cursor.timestamp_next(turn.now, SPURT_GAP + packet_time(spec));
        Frame {
            payload_type: spec.payload_type_send,
            marker: next.is_none(),
            sequence: cursor.sequence,
            timestamp: next.unwrap_or_else(|| cursor.timestamp_at(turn.now, clock_hz(spec))),
            units: packet_units(spec),
        }
    }

    /// Encodes one packet's worth of the fifo straight into the batch.
    fn send_frame(&mut self, turn: &mut Turn<'_>, from: usize, samples: usize) {
        let Some(spec) = self.spec.as_deref() else { return };
        let frame = self.next_frame(turn, spec);
        // Both leave the sender for the time of the call, so that packetise may borrow it whole.
        let Some((rate, mut encoder)) = self.sender.encoder.take() else { return };
        let fifo = std::mem::take(&mut self.sender.fifo);
        self.packetise(turn, frame, |room| {
            encoder.encode(&fifo[from..from + samples], room).map_err(|_| DropReason::Undecodable)
        });
        self.sender.fifo = fifo;
        self.sender.encoder = Some((rate, encoder));
    }

    /// Writes header and payload into the batch, protects them in place and moves the cursor. False when nothing was sent.
    pub(super) fn packetise(
        &mut self,
        turn: &mut Turn<'_>,
        frame: Frame,
        payload: impl FnOnce(&mut [u8]) -> Result<usize, DropReason>,
    ) -> bool {
        let Some(to) = self.source.remote().filter(|_| self.spec.as_ref().is_some_and(|s| s.send)) else {
            return false;
        };
        let sender = &mut self.sender;
        let header = RtpHeader {
            marker: frame.marker,
            payload_type: frame.payload_type,
            sequence: frame.sequence,
            timestamp: frame.timestamp,
            ssrc: sender.cursor.ssrc,
        };
        let protector = &mut sender.protector;
        let mut octets = 0;
        let added = turn.batch.add(turn.slot, Component::Rtp, to, |packet| {
            write_header(packet, header).ok_or(DropReason::SendFailed)?;
            octets = payload(&mut packet[RTP_HEADER_BYTES..PACKET_ROOM - TAIL_ROOM])?;
            let len = RTP_HEADER_BYTES + octets;
            match protector {
                Some(protector) => protector.protect_rtp(packet, len).map_err(|_| DropReason::SendFailed),
                None => Ok(len),
            }
        });
        match added.unwrap_or(Err(DropReason::SendFailed)) {
            Ok(bytes) => {
                sender.cursor.sent(turn.now, frame.sequence, frame.timestamp, frame.units, bytes, octets);
                true
            }
            Err(reason) => {
                self.drop_packet(turn, reason);
                false
            }
        }
    }
}

/// Where a packet stands in our stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub payload_type: u8,
    pub marker: bool,
    pub sequence: SeqNo,
    pub timestamp: RtpTime,
    pub units: u32,
}

/// What the event in this payload has lasted (RFC 4733 section 2.3.5).
fn event_duration(payload: &[u8]) -> u32 {
    payload.first_chunk::<4>().map_or(0, |event| u32::from(u16::from_be_bytes([event[2], event[3]])))
}

/// The rate at which a codec's encoder is best fed audio that has `wanted`.
pub(crate) fn encoder_rate(codec: CodecId, wanted: SampleRate) -> SampleRate {
    match codec {
        CodecId::Pcmu | CodecId::Pcma => SampleRate::HZ_8000,
        CodecId::Opus => SampleRate(match wanted.0 {
            0..=8_000 => 8_000,
            8_001..=12_000 => 12_000,
            12_001..=16_000 => 16_000,
            16_001..=24_000 => 24_000,
            _ => 48_000,
        }),
    }
}

/// The packet time to send with: what was agreed where we can, else 20 ms.
pub(super) fn spec_ptime(spec: &LegSpec) -> Ptime {
    match spec.ptime.0 {
        10 | 20 | 40 | PTIME_MS_MAX => spec.ptime,
        30 if spec.codec != CodecId::Opus => spec.ptime,
        _ => Ptime(20),
    }
}

pub(super) fn packet_units(spec: &LegSpec) -> u32 {
    clock_hz(spec) / 1_000 * u32::from(spec_ptime(spec).0)
}
