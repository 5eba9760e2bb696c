use std::net::SocketAddr;
use std::ops::Range;

use tandem_model::limits::SSRCS_PER_LEG_MAX;
use tandem_model::{DropReason, LegId, RtpTime, SampleRate, SeqNo, Timestamp};

use super::keys::{AudioPacket, Keys};
use super::noise::HeardNoise;
use super::{Leg, Listener, Turn, clock_hz};
use crate::control::{Event, LegSpec, PayloadTypes};
use crate::dtmf::{EventPacket, Key, digit_named};
use crate::jitter::Insert;
use crate::rtcp::{Compound, ReportBlock};
use crate::rtp::{PacketKind, RtpView, classify};
use crate::shard::EventQueue;
use crate::srtp::{SrtpCursor, SrtpError, Unprotector};
use crate::stats::{Arrival, LossCounts, StreamAccount};

/// A stream that goes on within this time keeps its place against new SSRCs.
const STREAM_ALIVE: std::time::Duration = std::time::Duration::from_millis(100);
/// A place of the stream table may be given away after this much silence.
const STREAM_FORGOTTEN: std::time::Duration = std::time::Duration::from_secs(5);

/// A packet that was taken, and what of it the partner may want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub content: Content,
    pub marker: bool,
    pub sequence: SeqNo,
    pub timestamp: RtpTime,
    pub ssrc: u32,
    pub tone: Tone,
    /// Where the payload stands in the buffer the packet came in.
    pub payload: Range<usize>,
}

impl Heard {
    pub fn is_noise(&self) -> bool {
        self.content == Content::Noise
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Audio,
    /// Comfort noise: a description of the background instead of audio (RFC 3389).
    Noise,
    /// A telephone-event; the digit on the first packet of each.
    Event {
        clock_hz: u32,
        digit: Option<char>,
    },
}

/// A key heard in an audio packet (only where the leg listens for them).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tone {
    /// It sounds in this packet.
    pub sounds: bool,
    /// It is new in this packet.
    pub digit: Option<char>,
}

/// What came in so far, stream by stream.
pub(super) struct Receiver {
    unprotector: Option<Unprotector>,
    streams: [Option<StreamAccount>; SSRCS_PER_LEG_MAX],
    /// Index of the stream that is listened to.
    current: usize,
    /// Losses of streams that gave up their place.
    lost_before: u64,
    counts_before: LossCounts,
    jitter_ms_max_before: f32,
    pub noise: Option<Box<HeardNoise>>,
    pub keys: Keys,
    pub listener: Listener,
    /// The rate at which taps want what is heard.
    pub observed: Option<SampleRate>,
    pub packets: u64,
    pub bytes: u64,
    /// Came, but after their turn.
    pub late: u64,
    started: bool,
}

impl Default for Receiver {
    fn default() -> Self {
        Receiver {
            unprotector: None,
            streams: [const { None }; SSRCS_PER_LEG_MAX],
            current: 0,
            lost_before: 0,
            counts_before: LossCounts::default(),
            jitter_ms_max_before: 0.0,
            noise: None,
            keys: Keys::default(),
            listener: Listener::Nobody,
            observed: None,
            packets: 0,
            bytes: 0,
            late: 0,
            started: false,
        }
    }
}

impl Leg {
    /// The receive spine for a packet on the RTP port. RTCP that comes here (rtcp-mux, RFC 5761) takes its own way.
    pub fn receive(&mut self, turn: &mut Turn<'_>, src: SocketAddr, packet: &mut [u8]) -> Option<Heard> {
        self.fail_point();
        let heard = match classify(packet) {
            PacketKind::Rtp => self.receive_rtp(turn, src, packet).map(Some),
            PacketKind::Rtcp if self.is_marked_rtp(packet) => self.receive_rtp(turn, src, packet).map(Some),
            PacketKind::Rtcp => self.receive_rtcp(turn, src, packet).map(|()| None),
            PacketKind::Other => Err(DropReason::NotRtp),
        };
        heard.unwrap_or_else(|reason| {
            self.drop_packet(turn, reason);
            None
        })
    }

    /// An RTP packet with its marker set whose payload type, one of 64..=95, makes it look like RTCP. Where RTCP has a port of
    /// its own such a type may be agreed; with rtcp-mux it is not (RFC 5761 section 4).
    fn is_marked_rtp(&self, packet: &[u8]) -> bool {
        let payload_type = packet.get(1).map(|second| second & 0x7f);
        self.spec.as_deref().is_some_and(|spec| !spec.rtcp_mux && payload_type == Some(spec.payload_type_receive))
    }

    /// The receive spine for a packet on the RTCP port.
    pub fn receive_on_rtcp_port(&mut self, turn: &mut Turn<'_>, src: SocketAddr, packet: &mut [u8]) {
        self.fail_point();
        let result = match classify(packet) {
            PacketKind::Rtcp => self.receive_rtcp(turn, src, packet),
            PacketKind::Rtp | PacketKind::Other => Err(DropReason::MalformedRtcp),
        };
        if let Err(reason) = result {
            self.drop_packet(turn, reason);
        }
    }

    pub(super) fn drop_packet(&mut self, turn: &mut Turn<'_>, reason: DropReason) {
        self.dropped += 1;
        turn.count(reason);
    }

    fn receive_rtp(&mut self, turn: &mut Turn<'_>, src: SocketAddr, packet: &mut [u8]) -> Result<Heard, DropReason> {
        let spec = self.spec.as_deref().ok_or(DropReason::NotConfigured)?;
        if !spec.receive {
            return Err(DropReason::NotConfigured);
        }
        let len = packet.len();
        let plain = match &mut self.receiver.unprotector {
            Some(unprotector) => {
                let plain = unprotector.unprotect_rtp(packet, len).map_err(drop_reason)?;
                self.source.authenticated(turn.now, src);
                plain
            }
            None => {
                let view = RtpView::parse(packet)?;
                if !self.source.admit(turn.now, src, view.ssrc(), view.sequence()) {
                    return Err(DropReason::WrongSource);
                }
                len
            }
        };
        let view = RtpView::parse(&packet[..plain])?;
        let kind = route(spec, view.payload_type())?;
        self.receiver.account(turn.now, &view, clock_hz(spec), kind)?;
        self.receiver.packets += 1;
        self.receiver.bytes += len as u64;
        if !std::mem::replace(&mut self.receiver.started, true) {
            turn.events.push(Event::Started { leg: self.id });
        }
        let mut tone = Tone::default();
        let content = match kind {
            Kind::Audio => {
                tone = self.hear_tone(turn, &view);
                Content::Audio
            }
            Kind::Noise => Content::Noise,
            Kind::Event { clock_hz } => Content::Event { clock_hz, digit: self.hear_event(turn, &view, clock_hz) },
        };
        self.heard(turn.now);
        let heard = Heard {
            content,
            marker: view.marker(),
            sequence: view.sequence(),
            timestamp: view.timestamp(),
            ssrc: view.ssrc(),
            tone,
            payload: view.payload_range(),
        };
        self.buffer(turn, &heard, &packet[heard.payload.clone()]);
        Ok(heard)
    }

    fn hear_event(&mut self, turn: &mut Turn<'_>, view: &RtpView<'_>, clock_hz: u32) -> Option<char> {
        let packet = EventPacket { ts: view.timestamp().0, marker: view.marker(), clock_hz, payload: view.payload() };
        let (leg, mut digit) = (self.id, None);
        self.receiver.keys.event(turn.now, packet, |key| report_key(leg, key, &mut digit, turn.events));
        digit
    }

    fn hear_tone(&mut self, turn: &mut Turn<'_>, view: &RtpView<'_>) -> Tone {
        let packet = AudioPacket {
            ssrc: view.ssrc(),
            sequence: view.sequence(),
            timestamp: view.timestamp(),
            payload: view.payload(),
        };
        let (leg, mut digit, events) = (self.id, None, &mut *turn.events);
        let report = |key| report_key(leg, key, &mut digit, events);
        let sounds = self.receiver.keys.audio(turn.now, packet, &mut turn.scratch.frame, report);
        Tone { sounds: sounds || digit.is_some(), digit }
    }

    /// A key that signalling told of. The digit when it is to be handed on: it was not heard in another way before.
    pub fn hear_signalled(&mut self, turn: &mut Turn<'_>, digit: char, duration_ms: u32) -> Option<char> {
        let (leg, digit, mut new) = (self.id, digit_named(digit)?, None);
        self.receiver.keys.signalled(turn.now, digit, duration_ms, |key| {
            report_key(leg, key, &mut new, turn.events);
        });
        new
    }

    /// Reports keys that came up unseen.
    pub(super) fn expire_keys(&mut self, turn: &mut Turn<'_>) {
        let leg = self.id;
        self.receiver.keys.expire(turn.now, |key| report_key(leg, key, &mut None, turn.events));
    }

    /// Jitter insert, when somebody listens through a decoder. An event takes its place there as a packet without audio.
    fn buffer(&mut self, turn: &mut Turn<'_>, heard: &Heard, payload: &[u8]) {
        match heard.content {
            Content::Noise => self.hear_noise(payload),
            Content::Audio => self.receiver.noise.iter_mut().for_each(|noise| noise.audio_came()),
            Content::Event { .. } => {}
        }
        let Some(player) = &mut self.player else { return };
        let audio = match heard.content {
            Content::Audio | Content::Noise => payload,
            Content::Event { .. } => &[],
        };
        let reason = match player.insert(turn.now, heard, audio) {
            Insert::Stored => return,
            Insert::Duplicate => DropReason::Duplicate,
            Insert::Late => {
                self.receiver.discard(heard);
                DropReason::Late
            }
            Insert::Full => DropReason::BufferFull,
        };
        self.drop_packet(turn, reason);
    }

    fn receive_rtcp(&mut self, turn: &mut Turn<'_>, src: SocketAddr, packet: &mut [u8]) -> Result<(), DropReason> {
        let spec = self.spec.as_deref().ok_or(DropReason::NotConfigured)?;
        let len = packet.len();
        let plain = match &mut self.receiver.unprotector {
            Some(unprotector) => unprotector.unprotect_rtcp(packet, len).map_err(drop_reason)?,
            None if self.source.is_peer_host(src) || spec.remote_rtcp == Some(src) => len,
            None => return Err(DropReason::WrongSource),
        };
        let compound = match spec.rtcp_reduced_size {
            true => Compound::parse_reduced(&packet[..plain])?,
            false => Compound::parse(&packet[..plain])?,
        };
        let now_ntp = turn.clock.at(turn.now);
        let own = (self.sender.cursor.ssrc, clock_hz(spec));
        self.reporter.hear(turn.now, now_ntp, compound, own, &mut self.receiver);
        self.sender.protect_against(self.reporter.protection_percent());
        Ok(())
    }
}

impl Receiver {
    pub fn configure(&mut self, now: Timestamp, before: Option<&LegSpec>, spec: &LegSpec) {
        match (&mut self.unprotector, &spec.srtp) {
            (Some(unprotector), Some(pair)) => unprotector.rekey(now, &pair.inbound, &spec.srtp_inbound_more),
            (unprotector, _) => *unprotector = unprotector_of(spec),
        }
        let noise_before = before.map(|s| (s.codec, s.comfort_noise));
        if noise_before != Some((spec.codec, spec.comfort_noise)) {
            self.noise = HeardNoise::new(spec);
        }
        self.keys.configure(before, spec);
        for stream in self.streams.iter_mut().flatten() {
            stream.set_clock(clock_hz(spec));
        }
    }

    pub fn rebuild(&mut self, spec: &LegSpec) {
        let cursor: Option<SrtpCursor> = self.unprotector.as_ref().map(Unprotector::cursor);
        self.unprotector = unprotector_of(spec);
        if let (Some(unprotector), Some(cursor)) = (&mut self.unprotector, &cursor) {
            unprotector.restore(cursor);
        }
        self.keys.rebuild(spec);
        self.noise = HeardNoise::new(spec);
    }

    /// Nothing of what came waits for a tick.
    pub fn is_at_rest(&self) -> bool {
        !self.unprotector.as_ref().is_some_and(|unprotector| unprotector.has_old_keys()) && self.keys.is_at_rest()
    }

    /// Keys from before a re-keying go when their time is over; true when the key in use will soon be used up.
    pub fn key_expiring(&mut self, now: Timestamp) -> bool {
        self.unprotector.as_mut().is_some_and(|unprotector| {
            unprotector.expire(now);
            unprotector.is_expiring()
        })
    }

    /// RFC 3550 accounting; refuses what was heard before.
    fn account(&mut self, now: Timestamp, view: &RtpView<'_>, clock_hz: u32, kind: Kind) -> Result<(), DropReason> {
        let stream = self.stream(now, view.ssrc(), view.sequence(), clock_hz)?;
        match stream.packet(now, view.sequence(), view.timestamp(), !matches!(kind, Kind::Event { .. })) {
            Arrival::New => Ok(()),
            Arrival::Duplicate => Err(DropReason::Duplicate),
            Arrival::Old | Arrival::Suspect => Err(DropReason::Late),
        }
    }

    /// The account of this SSRC, which becomes the one listened to. A second stream beside a living one is refused: two voices
    /// on one leg are not mixed.
    fn stream(
        &mut self,
        now: Timestamp,
        ssrc: u32,
        sequence: SeqNo,
        clock_hz: u32,
    ) -> Result<&mut StreamAccount, DropReason> {
        let found = self.streams.iter().position(|s| s.as_ref().is_some_and(|s| s.ssrc() == ssrc));
        if found != Some(self.current) {
            let current_alive = self
                .current_stream()
                .is_some_and(|current| !current.has_ended() && now.since(current.last_arrival()) < STREAM_ALIVE);
            // A stream never heard may take over at once (a transfer behind the peer); a known one must wait its turn.
            if current_alive && found.is_some() {
                return Err(DropReason::TooManySources);
            }
            self.current = match found {
                Some(place) => place,
                None => self.place_for(now, StreamAccount::new(ssrc, clock_hz, sequence))?,
            };
        }
        self.streams[self.current].as_mut().ok_or(DropReason::TooManySources)
    }

    fn place_for(&mut self, now: Timestamp, account: StreamAccount) -> Result<usize, DropReason> {
        // A free place, else that of a stream that ended, else that of the one heard longest ago.
        let order = |s: &Option<StreamAccount>| {
            s.as_ref().map_or((0, Timestamp::ZERO), |s| (if s.has_ended() { 1 } else { 2 }, s.last_arrival()))
        };
        let place = (0..SSRCS_PER_LEG_MAX).min_by_key(|&i| order(&self.streams[i]));
        let place = place.ok_or(DropReason::TooManySources)?;
        if let Some(old) = &self.streams[place] {
            if !old.has_ended() && now.since(old.last_arrival()) < STREAM_FORGOTTEN {
                return Err(DropReason::TooManySources);
            }
            self.lost_before += old.lost();
            self.counts_before = self.counts_before.plus(old.bursts().counts);
            self.jitter_ms_max_before = self.jitter_ms_max_before.max(old.jitter_ms().1);
        }
        self.streams[place] = Some(account);
        Ok(place)
    }

    pub fn current_stream(&mut self) -> Option<&mut StreamAccount> {
        self.streams[self.current].as_mut()
    }

    pub fn listened_to(&self) -> Option<&StreamAccount> {
        self.streams[self.current].as_ref()
    }

    pub fn stream_of(&mut self, ssrc: u32) -> Option<&mut StreamAccount> {
        self.streams.iter_mut().flatten().find(|stream| stream.ssrc() == ssrc)
    }

    /// Came, but after its turn.
    fn discard(&mut self, heard: &Heard) {
        self.late += 1;
        if let Some(stream) = self.stream_of(heard.ssrc) {
            stream.discard(heard.sequence);
        }
    }

    /// A block for the stream listened to, and for each other that was heard `since` (RFC 3550 section 6.4); how many.
    pub fn reports(&mut self, now: Timestamp, since: Timestamp) -> ([ReportBlock; SSRCS_PER_LEG_MAX], usize) {
        let mut blocks = [ReportBlock::default(); SSRCS_PER_LEG_MAX];
        let mut count = 0;
        let current = self.current;
        let others = (0..SSRCS_PER_LEG_MAX).filter(|&i| i != current);
        for i in std::iter::once(current).chain(others) {
            let Some(stream) = &mut self.streams[i] else { continue };
            if i == current || (!stream.has_ended() && stream.last_arrival() > since) {
                blocks[count] = stream.report(now);
                count += 1;
            }
        }
        (blocks, count)
    }

    /// What became of the packets of all streams, as far as it is settled.
    pub fn loss_counts(&self) -> LossCounts {
        self.streams.iter().flatten().fold(self.counts_before, |sum, stream| sum.plus(stream.bursts().counts))
    }

    pub fn lost(&self) -> u64 {
        self.lost_before + self.streams.iter().flatten().map(StreamAccount::lost).sum::<u64>()
    }

    /// Of the stream listened to now, and the largest of all.
    pub fn jitter_ms(&self) -> (f32, f32) {
        let now = self.streams[self.current].as_ref().map_or(0.0, |s| s.jitter_ms().0);
        let max = self.streams.iter().flatten().map(|s| s.jitter_ms().1).fold(self.jitter_ms_max_before, f32::max);
        (now, max)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Audio,
    Noise,
    Event { clock_hz: u32 },
}

/// What the payload type stands for. Peers that send with the number they gave us, instead of ours, are understood too.
fn route(spec: &LegSpec, payload_type: u8) -> Result<Kind, DropReason> {
    let noise = |pt: fn(&PayloadTypes) -> u8| spec.comfort_noise.is_some_and(|n| pt(&n) == payload_type);
    let event = |pt: fn(&crate::control::DtmfFormat) -> u8| spec.dtmf.filter(|d| pt(d) == payload_type);
    if payload_type == spec.payload_type_receive {
        Ok(Kind::Audio)
    } else if let Some(dtmf) = event(|d| d.payload_type_receive) {
        Ok(Kind::Event { clock_hz: dtmf.clock_hz })
    } else if noise(|n| n.receive) {
        Ok(Kind::Noise)
    } else if payload_type == spec.payload_type_send {
        Ok(Kind::Audio)
    } else if let Some(dtmf) = event(|d| d.payload_type_send) {
        Ok(Kind::Event { clock_hz: dtmf.clock_hz })
    } else if noise(|n| n.send) {
        Ok(Kind::Noise)
    } else {
        Err(DropReason::UnknownPayloadType)
    }
}

/// Tells what a key did; a key that went down is the digit to hand on.
fn report_key(leg: LegId, key: Key, digit: &mut Option<char>, events: &mut EventQueue) {
    match key {
        Key::Down { digit: pressed } => {
            *digit = Some(pressed);
            events.push(Event::Digit { leg, digit: pressed });
        }
        Key::Up { digit, duration_ms } => events.push(Event::DigitEnded { leg, digit, duration_ms }),
    }
}

fn unprotector_of(spec: &LegSpec) -> Option<Unprotector> {
    spec.srtp.as_ref().map(|pair| Unprotector::with_keys(&pair.inbound, &spec.srtp_inbound_more))
}

pub(super) fn drop_reason(error: SrtpError) -> DropReason {
    match error {
        SrtpError::AuthFailed => DropReason::AuthFailed,
        SrtpError::Replayed => DropReason::Replayed,
        SrtpError::TooManySources => DropReason::TooManySources,
        SrtpError::KeyExhausted => DropReason::KeyExhausted,
        SrtpError::Malformed | SrtpError::NoRoom => DropReason::MalformedRtp,
    }
}
