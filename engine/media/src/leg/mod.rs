//! One leg's media: three spines that share its sockets.
//!
//! ```text
//! receive  classify → parse → admit or unprotect → route → account ─┬─ relay ──────────────→ partner's send
//!                                                                  ├─ digit (telephone-event)
//!                                                                  └─ jitter insert
//! play     tick: pop → decode or conceal → partner's rate ─────────────────────────────────→ partner's send
//! send     relay map │ clip, tone or partner PCM → encode ─┬─ packetise → protect → batch
//!          telephone-event ──────────────────────────────┘
//! ```
//!
//! Each step is one function of that name. A leg knows nothing of its neighbours: the shard carries what one hears to the other.

mod cursor;
mod encoding;
mod keys;
mod noise;
mod play;
mod playback;
mod quality;
mod receive;
mod relay;
mod report;
mod send;
mod stream;
mod taps;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use tandem_codecs::{CodecId, CodecSpec};
use tandem_model::limits::{RTP_TIMEOUT, TICK};
use tandem_model::{Entropy, LegId, SampleRate, Timestamp};

use crate::control::{Clip, Event, KeyDirection, LegSpec, LegStats, MarkId, PlayId, Repeat};
use crate::denoise::Denoiser;
use crate::dtmf::TONE_MS;
use crate::jitter::JitterConfig;
use crate::playout::PlayoutCounts;
use crate::source::SourcePolicy;
use crate::stats::{CodecQuality, mos};
use crate::tap::{TapId, TapSink};
use play::Player;
pub(crate) use playback::ClipReader;
use playback::Playback;
use quality::QualityWatch;
pub(crate) use receive::Heard;
use receive::Receiver;
use report::Reporter;
use send::Sender;
pub(crate) use send::encoder_rate;
use stream::Stream;
pub(crate) use taps::Taps;
pub(crate) use turn::{NtpClock, Scratch, Turn};

pub(crate) struct Leg {
    id: LegId,
    spec: Option<Box<LegSpec>>,
    source: SourcePolicy,
    receiver: Receiver,
    player: Option<Box<Player>>,
    sender: Sender,
    playback: Playback,
    stream: Option<Box<Stream>>,
    stream_samples_lost: u64,
    taps: Taps,
    denoise: bool,
    /// At the rate heard last.
    denoiser: Option<Box<Denoiser>>,
    reporter: Reporter,
    quality: QualityWatch,
    /// When the silence began that `RTP_TIMEOUT` measures; None when it does not, or was reported.
    silent_since: Option<Timestamp>,
    silence_allowed: bool,
    /// Whether [`Event::KeyExpiring`] was told of the key in use: outbound, inbound.
    keys_told: [bool; 2],
    jitter: JitterConfig,
    /// Of all players this leg had.
    played: PlayoutCounts,
    dropped: u64,
    panic_next: bool,
}

/// How what this leg hears goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Nobody,
    /// Packets go on as they come.
    Relay,
    /// Decoded to this rate at each tick.
    Transcode(SampleRate),
}

impl Listener {
    /// The rate to decode to; `observed` is what taps want, who take what the listener takes.
    fn rate(self, observed: Option<SampleRate>) -> Option<SampleRate> {
        match self {
            Listener::Transcode(rate) => Some(rate),
            Listener::Relay | Listener::Nobody => observed,
        }
    }
}

impl Leg {
    pub fn new(now: Timestamp, id: LegId, jitter: JitterConfig, entropy: &mut dyn Entropy) -> Self {
        Leg {
            id,
            spec: None,
            source: SourcePolicy::new(None),
            receiver: Receiver::default(),
            player: None,
            sender: Sender::new(entropy),
            playback: Playback::Idle,
            stream: None,
            stream_samples_lost: 0,
            taps: Taps::default(),
            denoise: false,
            denoiser: None,
            reporter: Reporter::new(now, entropy),
            quality: QualityWatch::new(now),
            silent_since: None,
            silence_allowed: false,
            keys_told: [false; 2],
            jitter,
            played: PlayoutCounts::default(),
            dropped: 0,
            panic_next: false,
        }
    }

    pub fn id(&self) -> LegId {
        self.id
    }

    pub fn spec(&self) -> Option<&LegSpec> {
        self.spec.as_deref()
    }

    /// Applies what offer and answer agreed, first or again. SSRC, sequence, timestamp and, with the same keys, the roll-over
    /// counters go on.
    pub fn configure(&mut self, now: Timestamp, spec: Box<LegSpec>) {
        self.source.renegotiate(now, spec.remote_rtp);
        self.receiver.configure(now, self.spec.as_deref(), &spec);
        self.sender.configure(self.spec.as_deref(), &spec);
        let could = self.may_time_out();
        let codec_changed = self.spec.as_ref().is_none_or(|s| s.codec != spec.codec || s.fmtp != spec.fmtp);
        if codec_changed {
            self.player = None;
        }
        self.spec = Some(spec);
        self.settle_silence(now, could);
    }

    pub fn allow_silence(&mut self, now: Timestamp, allowed: bool) {
        let could = self.may_time_out();
        self.silence_allowed = allowed;
        self.settle_silence(now, could);
    }

    /// Says who listens from now on, and at which rate taps on either end of the bridge want what this leg hears.
    pub fn set_listener(&mut self, listener: Listener, observed: Option<SampleRate>) {
        self.receiver.listener = listener;
        self.receiver.observed = observed;
        match (listener.rate(observed), &self.spec) {
            (Some(rate), Some(spec)) => {
                // The nearest the codec has: who takes it may have to match rates.
                let rate = encoder_rate(spec.codec, rate);
                if self.player.as_ref().is_none_or(|p| p.rate() != rate) {
                    self.player = Player::new(spec, rate, self.jitter).map(Box::new);
                }
            }
            _ => self.player = None,
        }
    }

    /// What the peer reports to lose, for who encodes for several.
    pub fn protection_percent(&self) -> u8 {
        self.reporter.protection_percent()
    }

    pub fn listener(&self) -> Listener {
        self.receiver.listener
    }

    pub fn tap(&mut self, tap: TapId, rate: SampleRate, sink: Arc<dyn TapSink>) {
        self.taps.add(tap, rate, sink);
    }

    pub fn untap(&mut self, tap: TapId) {
        self.taps.remove(tap);
    }

    /// What its taps want; None without one.
    pub fn tap_rate(&self) -> Option<SampleRate> {
        self.taps.rate()
    }

    /// Somebody wants what this leg hears as PCM.
    pub fn is_heard(&self) -> bool {
        self.player.is_some() || self.taps.rate().is_some()
    }

    /// The play spine, for the listener and the taps: one tick of what this leg hears into `turn.scratch.tick`.
    pub fn hear_tick(&mut self, turn: &mut Turn<'_>) -> Option<(usize, SampleRate)> {
        let heard = match self.play_out(turn) {
            Some(played) => {
                self.audio_was_played();
                Some(played)
            }
            None => self.play_noise(turn),
        };
        if let Some((samples, rate)) = heard {
            self.reduce_noise(&mut turn.scratch.tick[..samples], rate);
            self.taps.inbound(&turn.scratch.tick[..samples], rate);
        }
        self.taps.hand_over(turn.now);
        heard
    }

    pub fn set_denoise(&mut self, on: bool) {
        (self.denoise, self.denoiser) = (on, None);
    }

    pub fn denoises(&self) -> bool {
        self.denoise
    }

    fn reduce_noise(&mut self, pcm: &mut [i16], rate: SampleRate) {
        if !self.denoise {
            return;
        }
        if self.denoiser.as_ref().is_none_or(|denoiser| denoiser.rate() != rate) {
            self.denoiser = Some(Box::new(Denoiser::new(rate)));
        }
        self.denoiser.iter_mut().for_each(|denoiser| denoiser.process(pcm));
    }

    /// What a relayed partner says, for the taps: its packets go to the peer as they are.
    pub fn overhear(&mut self, pcm: &[i16], rate: SampleRate) {
        if !self.is_speaking() && self.spec.as_ref().is_some_and(|s| s.send) {
            self.taps.outbound(pcm, rate);
        }
    }

    pub fn play(&mut self, play: PlayId, clip: Arc<Clip>, repeat: Repeat) -> Option<Event> {
        let ended = self.stop_playing(None);
        self.playback = Playback::clip(play, clip, repeat, self.spec());
        ended
    }

    /// Digits for the far end. `PlayDone { completed: false }` at once when they are not digits.
    pub fn send_digits(&mut self, play: PlayId, digits: &str) -> [Option<Event>; 2] {
        let ended = self.stop_playing(None);
        match Playback::digits(Some(play), digits, self.spec()) {
            Some(playback) => {
                self.playback = playback;
                [ended, None]
            }
            None => [ended, Some(Event::PlayDone { leg: self.id, play, completed: false })],
        }
    }

    /// Hands on a digit that did not come in packets we could relay.
    pub fn forward_digit(&mut self, turn: &mut Turn<'_>, digit: char, duration_ms: u32) {
        self.fail_point();
        if self.spec().is_some_and(|spec| spec.dtmf_in_signalling) {
            turn.events.push(Event::DigitForPeer { leg: self.id, digit, duration_ms });
            self.sender.digits += 1;
        } else if self.playback.is_idle() {
            self.playback = Playback::key(digit, duration_ms, self.spec()).unwrap_or(Playback::Idle);
        } else {
            self.playback.push_key(digit, duration_ms);
        }
    }

    /// A packet of a partner that is decoded: only its digits go on from here.
    pub fn take_event(&mut self, turn: &mut Turn<'_>, heard: &Heard) {
        self.fail_point();
        let in_audio = heard.tone.digit.filter(|_| self.takes_digits_apart());
        let in_event = match heard.content {
            receive::Content::Event { digit, .. } => digit,
            receive::Content::Audio | receive::Content::Noise => None,
        };
        if let Some(digit) = in_event.or(in_audio) {
            self.forward_digit(turn, digit, TONE_MS);
        }
    }

    /// Whether digits for our peer leave beside the audio: then they must not sound in it as well.
    fn takes_digits_apart(&self) -> bool {
        self.spec().is_some_and(|spec| spec.dtmf.is_some() || spec.dtmf_in_signalling)
    }

    /// Ends what plays (if it is `only`, when given); the event tells its owner.
    pub fn stop_playing(&mut self, only: Option<PlayId>) -> Option<Event> {
        if only.is_some() && self.playback.id() != only {
            return None;
        }
        let ended = std::mem::replace(&mut self.playback, Playback::Idle).id();
        ended.map(|play| Event::PlayDone { leg: self.id, play, completed: false })
    }

    /// Begins a stream; the one before it ends.
    pub fn start_stream(&mut self, play: PlayId, rate: SampleRate) -> Option<Event> {
        let ended = self.end_stream(None);
        self.stream = Some(Box::new(Stream::new(play, rate)));
        ended
    }

    pub fn inject(&mut self, play: PlayId, audio: Vec<i16>) {
        let samples = audio.len() as u64;
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.id() == play)
            && !stream.push(audio)
        {
            self.stream_samples_lost += samples;
        }
    }

    /// The event when it is refused: there is no such stream, or no room in it.
    pub fn mark(&mut self, play: PlayId, mark: MarkId) -> Option<Event> {
        let taken = self.stream.as_mut().filter(|stream| stream.id() == play).is_some_and(|stream| stream.mark(mark));
        (!taken).then_some(Event::Marked { leg: self.id, play, mark, played: false })
    }

    pub fn clear_stream(&mut self, turn: &mut Turn<'_>, play: PlayId) {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.id() == play) else { return };
        for mark in stream.clear() {
            turn.events.push(Event::Marked { leg: self.id, play, mark, played: false });
        }
    }

    /// Ends the stream (if it is `only`, when given); the event tells its owner.
    pub fn end_stream(&mut self, only: Option<PlayId>) -> Option<Event> {
        let play = self.stream.as_ref()?.id();
        if only.is_some_and(|only| only != play) {
            return None;
        }
        self.stream = None;
        Some(Event::PlayDone { leg: self.id, play, completed: false })
    }

    pub fn inject_panic(&mut self) {
        self.panic_next = true;
    }

    /// Replaces everything a panic may have left half-done. What the far end can notice goes on: SSRC, sequence, timestamp,
    /// roll-over counters, source lock and accounts.
    pub fn rebuild(&mut self) -> Option<Event> {
        let ended = self.stop_playing(None);
        (self.player, self.denoiser) = (None, None);
        let (listener, observed) = (self.receiver.listener, self.receiver.observed);
        if let Some(spec) = self.spec.as_deref() {
            self.receiver.rebuild(spec);
            self.sender.rebuild(spec);
        }
        self.set_listener(listener, observed);
        ended
    }

    pub fn stats(&self) -> LegStats {
        let (jitter_ms, jitter_ms_max) = self.receiver.jitter_ms();
        let received = self.receiver.packets;
        let lost = self.receiver.lost();
        let spec = self.spec.as_deref();
        let heard = spec.filter(|_| received > 0);
        LegStats {
            packets_received: received,
            packets_sent: self.sender.cursor.packets,
            bytes_received: self.receiver.bytes,
            bytes_sent: self.sender.cursor.bytes,
            packets_lost: lost,
            packets_dropped: self.dropped,
            packets_concealed: self.played.packets_concealed,
            packets_recovered: self.played.packets_recovered,
            packets_late: self.receiver.late,
            packets_discarded: self.played.packets_discarded,
            samples_played: self.played.played,
            samples_concealed: self.played.concealed,
            samples_accelerated: self.played.accelerated,
            samples_expanded: self.played.expanded,
            buffer_ms: self.player.as_ref().and_then(|player| player.delay_ms().0),
            buffer_target_ms: self.player.as_ref().map(|player| player.delay_ms().1),
            jitter_ms,
            jitter_ms_max,
            round_trip_ms: self.reporter.round_trip_ms,
            remote_loss: self.reporter.remote_loss,
            dtmf_received: self.receiver.keys.pressed,
            dtmf_sent: self.sender.digits,
            stream_samples_lost: self.stream_samples_lost,
            mos_in: heard.map(|spec| mos(self.conditions(spec).r_conversation())),
            mos_out: spec.and_then(|spec| self.reporter.mos_out(CodecQuality::of(spec.codec))),
            round_trips: self.reporter.round_trips.get(),
            remote_lost: self.reporter.remote_lost,
            remote_jitter: self.reporter.remote_jitters.get(),
            remote_metrics: self.reporter.remote_metrics,
            bursts: heard.and_then(|spec| {
                let packet_ms = packet_time(spec).as_millis() as u32;
                Some(self.receiver.listened_to()?.bursts().metrics(packet_ms))
            }),
            quality: self.quality.points(),
        }
    }

    /// One tick's own work: time-outs, reports, and what this leg plays to its peer.
    pub fn tick(&mut self, turn: &mut Turn<'_>) {
        self.fail_point();
        if let Some(since) = self.silent_since
            && turn.now.since(since) >= RTP_TIMEOUT
        {
            self.silent_since = None;
            turn.events.push(Event::TimedOut { leg: self.id });
        }
        self.watch_keys(turn);
        self.watch_quality(turn.now);
        if self.reporter.is_due(turn.now) {
            self.send_report(turn, false);
        }
        self.expire_keys(turn);
        if !self.playback.is_idle() {
            self.advance_playback(turn);
        } else if self.stream.is_some() {
            self.advance_stream(turn);
        }
    }

    /// Its ticks play nothing, hear nothing and wait for no end of a key or of an old SRTP key: they watch for what takes seconds.
    pub fn only_watches(&self) -> bool {
        self.playback.is_idle() && self.stream.is_none() && !self.is_heard() && self.receiver.is_at_rest()
    }

    /// Something of our own is played to the peer: the partner is not heard meanwhile.
    fn is_speaking(&self) -> bool {
        !self.playback.is_idle() || self.stream.as_ref().is_some_and(|stream| !stream.is_silent())
    }

    /// Says once a key that it will soon be used up.
    fn watch_keys(&mut self, turn: &mut Turn<'_>) {
        let expiring = [self.sender.key_expiring(), self.receiver.key_expiring(turn.now)];
        for (i, direction) in [KeyDirection::Outbound, KeyDirection::Inbound].into_iter().enumerate() {
            if expiring[i] && !self.keys_told[i] {
                turn.events.push(Event::KeyExpiring { leg: self.id, direction });
            }
        }
        self.keys_told = expiring;
    }

    /// A panic here is the containment tests' (`Command::InjectPanic`).
    fn fail_point(&mut self) {
        if std::mem::take(&mut self.panic_next) {
            panic!("injected into {}", self.id);
        }
    }

    fn heard(&mut self, now: Timestamp) {
        if self.may_time_out() {
            self.silent_since = Some(now);
        }
    }

    /// Silence tells that the peer is gone only while both talk: who holds may send nothing at all, whatever it announced
    /// (RFC 3264 section 8.4), and who is held is not to send, or may be told nothing of it.
    fn may_time_out(&self) -> bool {
        !self.silence_allowed && self.spec.as_deref().is_some_and(|spec| spec.send && spec.receive)
    }

    /// Silence is measured from when it began to count; `could` is whether it counted before.
    fn settle_silence(&mut self, now: Timestamp, could: bool) {
        match (could, self.may_time_out()) {
            (_, false) => self.silent_since = None,
            (false, true) => self.silent_since = Some(now),
            (true, true) => _ = self.silent_since.get_or_insert(now),
        }
    }
}

/// Samples of one tick.
fn tick_samples(rate: SampleRate) -> usize {
    (u64::from(rate.0) * TICK.as_millis() as u64 / 1_000) as usize
}

/// The rate a codec's audio has by nature.
pub(crate) fn natural_rate(codec: CodecId) -> SampleRate {
    CodecSpec::by_id(codec).natural_rate
}

fn clock_hz(spec: &LegSpec) -> u32 {
    CodecSpec::by_id(spec.codec).clock_hz
}

fn packet_time(spec: &LegSpec) -> Duration {
    Duration::from_millis(u64::from(spec.ptime.0))
}
