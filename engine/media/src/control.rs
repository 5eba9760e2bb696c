//! What an actor may ask of a media thread, and what the thread reports: the whole contract between call and media.
//! Nothing here moves a packet. A command for an unknown leg is ignored: it crossed the leg's end on its way.

use std::net::SocketAddr;
use std::sync::Arc;

use tandem_codecs::{CodecId, CodecSpec, Tuning};
use tandem_model::{LegId, Ptime, SampleRate, SrtpKey};

use crate::rtcp::VoipMetrics;
use crate::stats::{BurstMetrics, QualityPoint, Spread};
use crate::tap::{TapId, TapSink};

/// Downward: call → media.
#[derive(Clone, Debug)]
pub enum Command {
    /// Take an RTP/RTCP port pair. Answered by [`Event::Opened`] or [`Event::OpenFailed`].
    Open {
        leg: LegId,
    },
    /// What offer and answer agreed. Sent again after each re-offer; SSRC, sequence and ROC go on.
    Configure {
        leg: LegId,
        spec: Box<LegSpec>,
    },
    /// Each hears the other; replaces earlier bridges of both. Ends any prompt of either.
    Bridge {
        a: LegId,
        b: LegId,
    },
    /// Take a seat in a mix, which begins with its first member, or another seat in the same. Ends the leg's bridge.
    Join {
        leg: LegId,
        mix: MixId,
        seat: Seat,
    },
    /// Play a clip to all members of a mix, over their voices.
    PlayMix {
        mix: MixId,
        play: PlayId,
        clip: Arc<Clip>,
        repeat: Repeat,
    },
    StopPlayMix {
        mix: MixId,
        play: PlayId,
    },
    /// Copy the whole mix: the frames' inbound side.
    TapMix {
        mix: MixId,
        tap: TapId,
        rate: SampleRate,
        sink: Arc<dyn TapSink>,
    },
    UntapMix {
        mix: MixId,
        tap: TapId,
    },
    /// Ends the leg's bridge, for both sides, or takes it out of its mix, which ends with its last member.
    Unbridge {
        leg: LegId,
    },
    /// Play a clip to the leg (a running one is replaced, its `PlayDone` comes first with `completed: false`).
    Play {
        leg: LegId,
        play: PlayId,
        clip: Arc<Clip>,
        repeat: Repeat,
    },
    /// Stop what plays, if it is this one. `PlayDone { completed: false }` follows.
    StopPlay {
        leg: LegId,
        play: PlayId,
    },
    /// Whether the peer may send nothing for as long as it likes, as one that is on hold may. It stays so over `Configure`.
    AllowSilence {
        leg: LegId,
        allowed: bool,
    },
    /// Send digits as telephone-events (RFC 4733), or as in-band tones where the leg agreed none.
    /// `0-9 A-D * #`, `w` pauses 500 ms, `W` 1 s. Ends with `PlayDone`.
    SendDigits {
        leg: LegId,
        play: PlayId,
        digits: String,
    },
    /// Digits that stand for a key of the far end, pressed elsewhere and held for `duration_ms`: queued behind what is being
    /// sent and sent in this leg's way, with the audio going on behind it.
    PressDigit {
        leg: LegId,
        digit: char,
        duration_ms: u32,
    },
    /// The far end pressed a key and told it in signalling (SIP INFO): reported and handed on to the partner as if it had
    /// been heard here.
    HearDigit {
        leg: LegId,
        digit: char,
        duration_ms: u32,
    },
    /// Send the leg its own audio back.
    Echo {
        leg: LegId,
        on: bool,
    },
    /// Take steady noise out of what the leg's peer says, for its partner, its mix and its taps; off at first. A leg whose noise is
    /// taken out is decoded, never relayed.
    Denoise {
        leg: LegId,
        on: bool,
    },
    /// Begin to play audio that comes by [`Command::Inject`], at this rate (8 to 48 kHz). A stream plays while nothing else does,
    /// and lets the partner through while it has nothing; it ends with `StopPlay`, or when another begins.
    StartStream {
        leg: LegId,
        play: PlayId,
        rate: SampleRate,
    },
    /// More audio for the stream, if it is this one. What exceeds `limits::STREAM_SECS_MAX` is left out and counted.
    Inject {
        leg: LegId,
        play: PlayId,
        audio: Vec<i16>,
    },
    /// Answered by [`Event::Marked`] when all audio before it was played.
    Mark {
        leg: LegId,
        play: PlayId,
        mark: MarkId,
    },
    /// Drop what was not played yet. Its marks are answered.
    ClearStream {
        leg: LegId,
        play: PlayId,
    },
    /// Copy what the leg hears and is told, each tick, at one of [`TAP_RATES`](crate::tap::TAP_RATES), whatever else it does. A
    /// tap of the same id is replaced; beyond `limits::TAPS_PER_LEG_MAX` the sink is ended at once.
    Tap {
        leg: LegId,
        tap: TapId,
        rate: SampleRate,
        sink: Arc<dyn TapSink>,
    },
    /// Take a tap off: its sink is ended.
    Untap {
        leg: LegId,
        tap: TapId,
    },
    /// Give the ports back. Answered by [`Event::Closed`] with the final statistics.
    Close {
        leg: LegId,
    },
    /// Report the statistics now: [`Event::Stats`].
    Query {
        leg: LegId,
    },
    /// Fail-point for the containment tests: the leg's next media step panics.
    InjectPanic {
        leg: LegId,
    },
}

impl Command {
    /// The leg it is for; None for those of a mix.
    pub fn leg(&self) -> Option<LegId> {
        match self {
            Command::Open { leg }
            | Command::Configure { leg, .. }
            | Command::Bridge { a: leg, .. }
            | Command::Join { leg, .. }
            | Command::Unbridge { leg }
            | Command::Play { leg, .. }
            | Command::StopPlay { leg, .. }
            | Command::AllowSilence { leg, .. }
            | Command::SendDigits { leg, .. }
            | Command::PressDigit { leg, .. }
            | Command::HearDigit { leg, .. }
            | Command::Echo { leg, .. }
            | Command::Denoise { leg, .. }
            | Command::StartStream { leg, .. }
            | Command::Inject { leg, .. }
            | Command::Mark { leg, .. }
            | Command::ClearStream { leg, .. }
            | Command::Tap { leg, .. }
            | Command::Untap { leg, .. }
            | Command::Close { leg }
            | Command::Query { leg }
            | Command::InjectPanic { leg } => Some(*leg),
            Command::PlayMix { .. }
            | Command::StopPlayMix { .. }
            | Command::TapMix { .. }
            | Command::UntapMix { .. } => None,
        }
    }
}

/// Names one playback on one leg; chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlayId(pub u64);

/// Names a place in a stream; chosen by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MarkId(pub u64);

/// Names a mix on one media thread; chosen by the caller. All its legs must be on that thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MixId(pub u64);

/// What a member of a mix may do. Who is on hold neither speaks nor hears, and may be played music by [`Command::Play`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Others hear it: not muted.
    pub speaks: bool,
    /// It hears others.
    pub hears: bool,
    /// Only this member hears it (a whisper); while it is not there, nobody does.
    pub coaches: Option<LegId>,
}

impl Seat {
    /// Speaks to all and hears all.
    pub const MEMBER: Seat = Seat { speaks: true, hears: true, coaches: None };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    Times(u32),
    Forever,
}

/// Decoded mono audio, shared by every leg that plays it.
#[derive(Debug, PartialEq, Eq)]
pub struct Clip {
    pub rate: SampleRate,
    pub samples: Vec<i16>,
}

/// One leg's agreed media.
#[derive(Clone, Debug)]
pub struct LegSpec {
    /// Where SDP says to send RTP; None while on hold at 0.0.0.0. Symmetric RTP may move it (promises row 13).
    pub remote_rtp: Option<SocketAddr>,
    /// `a=rtcp` or RTP port + 1; equal to `remote_rtp` with rtcp-mux.
    pub remote_rtcp: Option<SocketAddr>,
    pub rtcp_mux: bool,
    /// The peer may send RTCP packets that are no whole compound (RFC 5506).
    pub rtcp_reduced_size: bool,
    /// The peer takes VoIP metrics of its stream (RFC 3611 section 4.7).
    pub xr_voip_metrics: bool,
    /// The peer takes and answers receiver reference times (RFC 3611 sections 4.4 and 4.5).
    pub xr_receiver_rtt: bool,
    pub codec: CodecId,
    /// Payload type to send with, and the one we expect to receive with.
    pub payload_type_send: u8,
    pub payload_type_receive: u8,
    /// The remote's fmtp for the codec, as it stood in the description ("" when absent).
    pub fmtp: String,
    /// How we encode where the remote leaves it open.
    pub tuning: Tuning,
    /// Packet time to send with.
    pub ptime: Ptime,
    pub dtmf: Option<DtmfFormat>,
    /// Comfort noise (RFC 3389) beside the codec, on its clock: what comes is played.
    pub comfort_noise: Option<PayloadTypes>,
    /// Where comfort noise was agreed, we too send it instead of silence.
    pub suppress_silence: bool,
    /// Listen for digits in the audio too (ITU-T Q.24). Each packet is decoded for it, until the far end sends a
    /// telephone-event.
    pub dtmf_in_band: bool,
    /// Digits for the far end go out in signalling: each is [`Event::DigitForPeer`] instead of packets.
    pub dtmf_in_signalling: bool,
    /// We send to the remote (its direction allows it).
    pub send: bool,
    /// We take what it sends.
    pub receive: bool,
    /// SDES keys; None is plain RTP.
    pub srtp: Option<SrtpPair>,
    /// Further keys of the peer beside `srtp.inbound`; the identifier in each packet says which it is under (RFC 3711 section 3.1).
    pub srtp_inbound_more: Vec<SrtpKey>,
}

impl LegSpec {
    /// Plain RTP both ways, packets of 20 ms (or the most the codec has) under the codec's usual payload type, without telephone-events; rtcp-mux at `remote`.
    pub fn new(codec: CodecId, remote: Option<SocketAddr>) -> Self {
        let payload_type = CodecSpec::by_id(codec).default_payload_type;
        LegSpec {
            remote_rtp: remote,
            remote_rtcp: remote,
            rtcp_mux: true,
            rtcp_reduced_size: false,
            xr_voip_metrics: false,
            xr_receiver_rtt: false,
            codec,
            payload_type_send: payload_type,
            payload_type_receive: payload_type,
            fmtp: String::new(),
            tuning: Tuning::default(),
            ptime: CodecSpec::by_id(codec).ptime_for(Ptime(20)),
            dtmf: None,
            comfort_noise: None,
            suppress_silence: false,
            dtmf_in_band: false,
            dtmf_in_signalling: false,
            send: true,
            receive: true,
            srtp: None,
            srtp_inbound_more: Vec::new(),
        }
    }
}

/// The numbers of one format, each as its receiver gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadTypes {
    pub send: u8,
    pub receive: u8,
}

/// telephone-event payload types (RFC 4733).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtmfFormat {
    pub payload_type_send: u8,
    pub payload_type_receive: u8,
    pub clock_hz: u32,
}

#[derive(Clone, Debug)]
pub struct SrtpPair {
    /// Protects what we send.
    pub outbound: SrtpKey,
    /// Protects what we receive.
    pub inbound: SrtpKey,
}

/// Upward: media → call, in the order in which it happened. Never waits: what a full queue has no room for is counted as lost, but
/// `Closed` and `Failed` have room always, and nothing of their leg follows them.
#[derive(Clone, Debug)]
pub enum Event {
    Opened {
        leg: LegId,
        rtp_port: u16,
    },
    OpenFailed {
        leg: LegId,
        reason: OpenFailed,
    },
    /// A key was pressed: reported once per press, at its start, however it was told.
    Digit {
        leg: LegId,
        digit: char,
    },
    /// That key came up again. Follows each `Digit` once.
    DigitEnded {
        leg: LegId,
        digit: char,
        duration_ms: u32,
    },
    /// A digit for the far end of a leg whose digits go out in signalling.
    DigitForPeer {
        leg: LegId,
        digit: char,
        duration_ms: u32,
    },
    PlayDone {
        leg: LegId,
        play: PlayId,
        completed: bool,
    },
    /// The mix has as many members as it may (`limits::MIX_MEMBERS_MAX`); the leg stays as it was.
    JoinRefused {
        leg: LegId,
        mix: MixId,
    },
    /// A member of a mix began, or ceased, to speak.
    Speaking {
        leg: LegId,
        mix: MixId,
        speaking: bool,
    },
    /// The floor of a mix passed to this member: it is the loudest speaker for a while now.
    Floor {
        leg: LegId,
        mix: MixId,
    },
    /// A mark was reached: `played` when the audio before it was played, not when it was cleared or found no room.
    Marked {
        leg: LegId,
        play: PlayId,
        mark: MarkId,
        played: bool,
    },
    /// First authenticated packet of the leg arrived.
    Started {
        leg: LegId,
    },
    /// No packet for `limits::RTP_TIMEOUT` though the leg should send and receive: neither side is on hold.
    TimedOut {
        leg: LegId,
    },
    /// Little is left of an SRTP key's lifetime (RFC 4568 section 6.1): told once a key, while media still flows. Beyond the
    /// lifetime packets are dropped as `KeyExhausted`.
    KeyExpiring {
        leg: LegId,
        direction: KeyDirection,
    },
    /// A media step of this leg panicked and the leg could not be rebuilt; its ports are closed.
    Failed {
        leg: LegId,
        stats: Box<LegStats>,
    },
    Stats {
        leg: LegId,
        stats: Box<LegStats>,
    },
    Closed {
        leg: LegId,
        stats: Box<LegStats>,
    },
}

impl Event {
    /// The leg it is about.
    pub fn leg(&self) -> LegId {
        match self {
            Event::Opened { leg, .. }
            | Event::OpenFailed { leg, .. }
            | Event::Digit { leg, .. }
            | Event::DigitEnded { leg, .. }
            | Event::DigitForPeer { leg, .. }
            | Event::PlayDone { leg, .. }
            | Event::JoinRefused { leg, .. }
            | Event::Speaking { leg, .. }
            | Event::Floor { leg, .. }
            | Event::Marked { leg, .. }
            | Event::Started { leg }
            | Event::TimedOut { leg }
            | Event::KeyExpiring { leg, .. }
            | Event::Failed { leg, .. }
            | Event::Stats { leg, .. }
            | Event::Closed { leg, .. } => *leg,
        }
    }
}

/// Whose key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyDirection {
    /// Ours, which protects what we send.
    Outbound,
    /// The peer's.
    Inbound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFailed {
    PortsExhausted,
    /// The thread's share of load is used up.
    Overloaded,
    Socket,
}

/// Why the legs of a call did not move to another media thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveFailed {
    /// The other thread has no room; they are where they were.
    Overloaded,
    /// A thread did not take the order, or they are moving already; they are where they were.
    Busy,
    /// A thread has ended; they are where they were.
    Dead,
    /// They were lost on their way: each has failed.
    Lost,
}

/// What a leg's media did, for the CDR, REST and metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LegStats {
    pub packets_received: u64,
    pub packets_sent: u64,
    pub bytes_received: u64,
    pub bytes_sent: u64,
    /// Expected less received (RFC 3550 appendix A.3), never negative here.
    pub packets_lost: u64,
    pub packets_dropped: u64,
    /// Packets something was made up for, because they were lost or late.
    pub packets_concealed: u64,
    /// Packets recovered from the in-band redundancy of the next.
    pub packets_recovered: u64,
    /// Packets that came after their turn.
    pub packets_late: u64,
    /// Packets that came in time and were left out to keep the delay within its maximum.
    pub packets_discarded: u64,
    /// PCM played to the listener, at the rate the listener takes; 0 where packets are passed through.
    pub samples_played: u64,
    /// Of these, made up for what did not come.
    pub samples_concealed: u64,
    /// Left out, or added, to bring the delay to its target.
    pub samples_accelerated: u64,
    pub samples_expanded: u64,
    /// What the jitter buffer adds to the best path's delay, now, and what it aims at, in milliseconds; None without one.
    pub buffer_ms: Option<f32>,
    pub buffer_target_ms: Option<f32>,
    /// Interarrival jitter in milliseconds (RFC 3550 section 6.4.1): now, and the largest seen.
    pub jitter_ms: f32,
    pub jitter_ms_max: f32,
    /// From RTCP; None until a report came back.
    pub round_trip_ms: Option<f32>,
    /// What the remote reports of our stream, as a share 0..1.
    pub remote_loss: Option<f32>,
    pub dtmf_received: u64,
    pub dtmf_sent: u64,
    /// Samples of streams that found no room.
    pub stream_samples_lost: u64,
    /// E-model estimate (G.107) of what we heard, 1.0..4.5; None with no packet.
    pub mos_in: Option<f32>,
    /// And of what the peer heard: by its extended reports, else estimated from its receiver reports; None without either.
    pub mos_out: Option<f32>,
    /// Round trips of all reports, in milliseconds.
    pub round_trips: Option<Spread>,
    /// What the remote reports of our stream: packets lost in all, and jitter in milliseconds over all reports.
    pub remote_lost: Option<u64>,
    pub remote_jitter: Option<Spread>,
    /// The last VoIP metrics the remote sent of our stream (RFC 3611 section 4.7).
    pub remote_metrics: Option<VoipMetrics>,
    /// Mean length of our bursts of loss, and of the gaps between them, in milliseconds (RFC 3611 section 4.7.2).
    pub bursts: Option<BurstMetrics>,
    /// The quality through the call, oldest first; long calls are thinned out.
    pub quality: Vec<QualityPoint>,
}
