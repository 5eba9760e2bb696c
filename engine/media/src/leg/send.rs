use std::time::Duration;

use tandem_codecs::{CodecId, CodecSpec};
use tandem_model::{DropReason, Entropy, Ptime, RtpTime, SampleRate, SeqNo};

use super::cursor::Cursor;
use super::encoding::Encoding;
use super::receive::{Content, Heard};
use super::relay::{Mapped, Relay};
use super::{Leg, Turn, clock_hz, packet_time};
use crate::control::LegSpec;
use crate::dtmf::TONE_MS;
use crate::noise::{SilenceSuppressor, Verdict};
use crate::rtp::{RTP_HEADER_BYTES, RtpHeader, write_header};
use crate::shard::{Component, PACKET_ROOM};
use crate::srtp::{Protector, SrtpError, TAIL_ROOM};

/// Silence after which audio starts a new talk spurt: marker set, timestamp moved on (RFC 3551 section 4.1).
const SPURT_GAP: Duration = Duration::from_millis(60);

/// What goes out: one continuous stream, whatever it is made of.
pub(super) struct Sender {
    pub cursor: Cursor,
    protector: Option<Protector>,
    encoding: Option<Box<Encoding>>,
    /// Nothing was sent for the last packet time, because nobody spoke: what comes next begins a talk spurt.
    silent: bool,
    /// Where comfort noise is sent instead of silence.
    suppressor: Option<Box<SilenceSuppressor>>,
    relay: Option<Relay>,
    pub digits: u64,
}

impl Sender {
    pub fn new(entropy: &mut dyn Entropy) -> Self {
        Sender {
            cursor: Cursor::new(entropy),
            protector: None,
            encoding: None,
            silent: false,
            suppressor: None,
            relay: None,
            digits: 0,
        }
    }

    pub fn configure(&mut self, before: Option<&LegSpec>, spec: &LegSpec) {
        match (&mut self.protector, spec.srtp.as_ref().map(|pair| &pair.outbound)) {
            (Some(protector), Some(key)) => protector.rekey(key),
            (protector, key) => *protector = key.map(Protector::new),
        }
        let same = before.is_some_and(|b| {
            (b.codec, b.ptime, &b.fmtp, b.tuning) == (spec.codec, spec.ptime, &spec.fmtp, spec.tuning)
        });
        if !same {
            self.encoding = None;
            self.relay = None;
        }
        let suppresses = |s: &LegSpec| s.suppress_silence && s.comfort_noise.is_some();
        if !same || before.map(suppresses) != Some(suppresses(spec)) {
            self.suppressor = suppresses(spec).then(|| Box::new(SilenceSuppressor::new(spec_ptime(spec))));
        }
    }

    /// Spends redundancy where it is of use: `loss_percent` is what the peer is known to lose.
    pub fn protect_against(&mut self, loss_percent: u8) {
        if let Some(encoding) = &mut self.encoding {
            encoding.expect_loss(loss_percent);
        }
    }

    /// Drops audio that waits for a whole packet.
    pub fn forget_pending(&mut self) {
        if let Some(encoding) = &mut self.encoding {
            encoding.clear();
        }
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
        self.encoding = None;
        self.relay = None;
    }

    /// Little is left of the lifetime of our key.
    pub fn key_expiring(&self) -> bool {
        self.protector.as_ref().is_some_and(Protector::is_expiring)
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
            (Content::Noise, _) => match spec.comfort_noise {
                Some(agreed) => agreed.send,
                None => {
                    // The shard decodes for such a peer from now on; this one description it will not miss.
                    if let Some(relay) = &mut self.sender.relay {
                        relay.skip(heard);
                    }
                    return;
                }
            },
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

    /// Audio of our own or a partner's at any rate; it waits until a packet is full.
    pub(super) fn send_pcm(&mut self, turn: &mut Turn<'_>, pcm: &[i16], rate: SampleRate) {
        let Some(spec) = self.spec.as_deref() else { return };
        if !spec.send || self.source.remote().is_none() {
            if let Some(encoding) = &mut self.sender.encoding {
                encoding.clear();
            }
            return;
        }
        self.taps.outbound(pcm, rate);
        if self.sender.encoding.as_ref().is_none_or(|e| e.input() != rate) {
            self.sender.encoding = Encoding::new(spec, rate).map(Box::new);
            self.sender.protect_against(self.reporter.protection_percent());
        }
        self.sender.relay = None;
        // It leaves the sender for the time of the call, so that packetise may borrow that whole.
        let Some(mut encoding) = self.sender.encoding.take() else { return };
        encoding.push(pcm);
        while encoding.next_frame() {
            self.send_frame(turn, &mut encoding);
        }
        self.sender.encoding = Some(encoding);
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
        if let Some(encoding) = &mut self.sender.encoding {
            encoding.clear();
        }
        self.sender.silent = payload.is_empty();
        if payload.is_empty() {
            return self.sender.cursor.pass(turn.now, frame.timestamp, frame.units);
        }
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
            marker: next.is_none() || self.sender.silent,
            sequence: cursor.sequence,
            timestamp: next.unwrap_or_else(|| cursor.timestamp_at(turn.now, clock_hz(spec))),
            units: packet_units(spec),
        }
    }

    /// Encodes one packet's worth straight into the batch, unless there is nothing to say.
    fn send_frame(&mut self, turn: &mut Turn<'_>, encoding: &mut Encoding) {
        let Some(spec) = self.spec.as_deref() else { return };
        let frame = self.next_frame(turn, spec);
        let verdict = self.sender.suppressor.as_mut().map_or(Verdict::Speech, |s| s.judge(turn.now, encoding.frame()));
        match (verdict, spec.comfort_noise) {
            (Verdict::Describe(noise), Some(agreed)) => {
                let frame = Frame { payload_type: agreed.send, marker: false, ..frame };
                self.packetise(turn, frame, |room| noise.write(room).ok_or(DropReason::SendFailed));
                self.sender.silent = true;
                return;
            }
            (Verdict::Nothing, Some(_)) => {
                self.sender.cursor.pass(turn.now, frame.timestamp, frame.units);
                self.sender.silent = true;
                return;
            }
            (Verdict::Speech | Verdict::Describe(_) | Verdict::Nothing, _) => {}
        }
        let mut silent = false;
        let sent = self.try_packetise(turn, frame, |room| match encoding.encode(room) {
            Some(0) => {
                silent = true;
                Err(DropReason::SendFailed)
            }
            Some(bytes) => Ok(bytes),
            None => Err(DropReason::Undecodable),
        });
        self.sender.silent = silent;
        match sent {
            Err(_) if silent => self.sender.cursor.pass(turn.now, frame.timestamp, frame.units),
            Err(reason) => self.drop_packet(turn, reason),
            Ok(_) => {}
        }
    }

    /// Sends one packet; what hinders it is a counted drop. False when nothing was sent.
    pub(super) fn packetise(
        &mut self,
        turn: &mut Turn<'_>,
        frame: Frame,
        payload: impl FnOnce(&mut [u8]) -> Result<usize, DropReason>,
    ) -> bool {
        self.try_packetise(turn, frame, payload).unwrap_or_else(|reason| {
            self.drop_packet(turn, reason);
            false
        })
    }

    /// Writes header and payload into the batch, protects them in place and moves the cursor. False when nobody is to be sent
    /// anything.
    fn try_packetise(
        &mut self,
        turn: &mut Turn<'_>,
        frame: Frame,
        payload: impl FnOnce(&mut [u8]) -> Result<usize, DropReason>,
    ) -> Result<bool, DropReason> {
        let Some(to) = self.source.remote().filter(|_| self.spec.as_ref().is_some_and(|s| s.send)) else {
            return Ok(false);
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
                Some(protector) => protector.protect_rtp(packet, len).map_err(unsent),
                None => Ok(len),
            }
        });
        let bytes = added.unwrap_or(Err(DropReason::SendFailed))?;
        sender.cursor.sent(turn.now, frame.sequence, frame.timestamp, frame.units, bytes, octets);
        Ok(true)
    }
}

/// Why a packet of ours could not be protected: its key is used up, or it is not one we should have made.
pub(super) fn unsent(error: SrtpError) -> DropReason {
    if error == SrtpError::KeyExhausted { DropReason::KeyExhausted } else { DropReason::SendFailed }
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
    CodecSpec::by_id(codec).rate_for(wanted)
}

/// The packet time to send with: what was agreed where the codec can, else the nearest it has.
pub(super) fn spec_ptime(spec: &LegSpec) -> Ptime {
    CodecSpec::by_id(spec.codec).ptime_for(spec.ptime)
}

pub(super) fn packet_units(spec: &LegSpec) -> u32 {
    clock_hz(spec) / 1_000 * u32::from(spec_ptime(spec).0)
}
