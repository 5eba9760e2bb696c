//! Bridges between every two codecs: at the widest rate both have, resampled only where they have none in common.

mod common;

use common::*;
use tandem_codecs::{CODECS, CodecId, CodecSpec, Decoder, Encoder, EncoderSettings};
use tandem_media::control::{Command, DtmfFormat, Event, LegSpec};
use tandem_model::{LegId, Ptime, RtpTime, SampleRate, SeqNo};

/// A far end that speaks at its codec's natural rate, and hears at it.
struct Party {
    codec: &'static CodecSpec,
    n: u8,
    ptime: Ptime,
    encoder: Box<dyn Encoder>,
    hz: f32,
    sample: usize,
    seq: SeqNo,
    ts: RtpTime,
}

impl Party {
    fn new(id: CodecId, n: u8, hz: f32) -> Self {
        let codec = CodecSpec::by_id(id);
        let ptime = codec.ptime_for(Ptime(20));
        let encoder = (codec.encoder)(&EncoderSettings::new(codec.natural_rate, ptime)).expect("its own rate");
        Party { codec, n, ptime, encoder, hz, sample: 0, seq: SeqNo(7), ts: RtpTime(99) }
    }

    fn spec(&self, fmtp: &str) -> LegSpec {
        let clock_hz = self.codec.clock_hz;
        LegSpec {
            fmtp: fmtp.to_owned(),
            dtmf: Some(DtmfFormat { payload_type_send: 101, payload_type_receive: 101, clock_hz }),
            ..LegSpec::new(self.codec.id, Some(addr(self.n)))
        }
    }

    /// The packets of one tick.
    fn speak(&mut self, w: &mut World, leg: LegId) {
        let samples = self.codec.natural_rate.samples(self.ptime);
        for _ in 0..20 / self.ptime.0 {
            let pcm = tone(self.codec.natural_rate, self.hz, self.sample, samples);
            self.sample += samples;
            let mut payload = [0; 1_400];
            let bytes = self.encoder.encode(&pcm, &mut payload).expect("encodes");
            let units = self.codec.clock_hz / 1_000 * u32::from(self.ptime.0);
            self.send(w, leg, self.codec.default_payload_type, false, &payload[..bytes]);
            self.ts = self.ts.wrapping_add(units);
        }
    }

    fn send(&mut self, w: &mut World, leg: LegId, payload_type: u8, marker: bool, payload: &[u8]) {
        let header =
            tandem_media::rtp::RtpHeader { marker, payload_type, sequence: self.seq, timestamp: self.ts, ssrc: 9 };
        let mut packet = vec![0; 12];
        tandem_media::rtp::write_header(&mut packet, header);
        packet.extend(payload);
        self.seq = self.seq.next();
        w.packet(leg, addr(self.n), &packet);
    }

    fn hear(&self, packets: &[Packet]) -> Vec<i16> {
        let mut decoder: Box<dyn Decoder> = (self.codec.decoder)(self.codec.natural_rate).expect("its own rate");
        let mut pcm = [0; 5_760];
        let mut heard = Vec::new();
        for packet in packets {
            let n = decoder.decode(packet.view().payload(), &mut pcm).expect("decodes");
            heard.extend(&pcm[..n]);
        }
        heard
    }
}

fn share_at(rate: SampleRate, pcm: &[i16], hz: f32) -> f32 {
    // `share` counts in 8 kHz.
    share(pcm, hz * 8_000.0 / rate.0 as f32)
}

#[test]
fn a_tone_that_both_codecs_can_carry_crosses_between_every_two_of_them() {
    for from in CODECS {
        for to in CODECS {
            let both = from.natural_rate.min(to.natural_rate);
            // Three quarters of the band: a bridge narrower than it could be loses this.
            let opus = [from.id, to.id].contains(&CodecId::Opus);
            // At its bit rate Opus spends nothing on a lone tone far up.
            let hz = if opus { (both.0 as f32 * 0.375).min(6_000.0) } else { both.0 as f32 * 0.375 };
            let (mut speaker, listener) = (Party::new(from.id, 1, hz), Party::new(to.id, 2, hz));
            let mut w = World::new();
            let (a, b) = (w.open(1, speaker.spec("")), w.open(2, listener.spec("")));
            w.command(Command::Bridge { a, b });
            for _ in 0..60 {
                speaker.speak(&mut w, a);
                w.pass(TICK);
            }
            let out = w.take_rtp(addr(2));
            assert_continuous(&out);
            let heard = listener.hear(&out);
            let heard = &heard[heard.len() / 3..];
            let carried = share_at(to.natural_rate, heard, hz);
            let floor = if opus { 0.5 } else { 0.9 };
            assert!(carried > floor, "{} {} to {} {}: {carried:.2}", from.name, both.0, to.name, to.natural_rate.0);
            let units = to.clock_hz / 1_000 * u32::from(listener.ptime.0);
            let steps = out.windows(2).map(|p| p[1].view().timestamp().diff(p[0].view().timestamp()));
            assert!(steps.into_iter().all(|step| step == units as i32), "{} to {}", from.name, to.name);
            assert_eq!(w.shard.drops().total(), 0, "{} to {}", from.name, to.name);
        }
    }
}

#[test]
fn a_far_end_that_plays_only_telephone_audio_is_sent_no_more() {
    let (mut speaker, listener) = (Party::new(CodecId::L16At48k, 1, 1_000.0), Party::new(CodecId::Opus, 2, 0.0));
    let mut w = World::new();
    let (a, b) = (w.open(1, speaker.spec("")), w.open(2, listener.spec("maxplaybackrate=8000")));
    w.command(Command::Bridge { a, b });
    for _ in 0..50 {
        speaker.speak(&mut w, a);
        w.pass(TICK);
    }
    let out = w.take_rtp(addr(2));
    assert!(out.len() > 40);
    // RFC 6716 table 2: configurations 0 to 3 are narrowband speech.
    assert!(out.iter().all(|p| p.view().payload()[0] >> 3 < 4));
    let heard = listener.hear(&out);
    assert!(share_at(SampleRate::HZ_48000, &heard[heard.len() / 2..], 1_000.0) > 0.8);
}

#[test]
fn keys_are_understood_on_the_clock_of_every_codec() {
    for codec in CODECS {
        let mut party = Party::new(codec.id, 1, 400.0);
        let mut w = World::new();
        let (a, b) = (w.open(1, party.spec("")), w.open(2, spec(CodecId::Pcmu, addr(2))));
        w.command(Command::Bridge { a, b });
        for _ in 0..10 {
            party.speak(&mut w, a);
            w.pass(TICK);
        }
        // RFC 4733 section 2.3: duration in units of the codec's RTP clock, the start's timestamp on each packet.
        let units = codec.clock_hz / 50;
        for n in 1..=8_u32 {
            let duration = (n.min(6) * units) as u16;
            let end = if n >= 6 { 0x80 } else { 0 };
            let [high, low] = duration.to_be_bytes();
            party.send(&mut w, a, 101, n == 1, &[5, end | 10, high, low]);
            w.pass(TICK);
        }
        party.ts = party.ts.wrapping_add(6 * units);
        party.speak(&mut w, a);
        w.pass(TICK * 20);
        let digits: Vec<char> = w
            .take_events()
            .into_iter()
            .filter_map(|e| if let Event::Digit { digit, .. } = e { Some(digit) } else { None })
            .collect();
        assert_eq!(digits, ['5'], "{} at {} Hz", codec.name, codec.clock_hz);
        let events: Vec<Packet> = w.take_rtp(addr(2)).into_iter().filter(|p| p.view().payload_type() == 101).collect();
        assert!(!events.is_empty(), "{}: handed on, on the other's clock", codec.name);
        let last = events.last().expect("some").view().payload().to_vec();
        assert!(last[0] == 5 && last[1] & 0x80 != 0, "{}", codec.name);
    }
}
