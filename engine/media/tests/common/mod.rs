//! A shard with emulated far ends: packets in, packets out, tones by ear. No sockets, no sleeps.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod tape;

use std::f32::consts::TAU;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tandem_codecs::{CodecId, CodecSpec, Decoder, Encoder, EncoderSettings};
use tandem_media::control::{Clip, Command, DtmfFormat, Event, LegSpec};
use tandem_media::jitter::JitterConfig;
use tandem_media::rtp::{RtpHeader, RtpView, write_header};
use tandem_media::shard::{Batch, Component, Shard, ShardConfig, Slot};
use tandem_model::{LegId, Ptime, RtpTime, SampleRate, SeedEntropy, SeqNo, Timestamp, WallTime};

pub const TICK: Duration = Duration::from_millis(20);

#[derive(Clone, Debug)]
pub struct Packet {
    pub at: Timestamp,
    pub slot: Slot,
    pub component: Component,
    pub to: SocketAddr,
    pub bytes: Vec<u8>,
}

impl Packet {
    pub fn view(&self) -> RtpView<'_> {
        RtpView::parse(&self.bytes).expect("we send valid RTP")
    }
}

pub struct World {
    pub shard: Shard,
    pub now: Timestamp,
    pub batch: Batch,
    pub entropy: SeedEntropy,
    pub sent: Vec<Packet>,
    pub events: Vec<Event>,
    pub released: Vec<Slot>,
}

impl World {
    pub fn new() -> Self {
        let config = ShardConfig {
            legs_max: 64,
            wall_at_zero: WallTime::from_unix_millis(1_700_000_000_000),
            jitter: JitterConfig::default(),
        };
        World {
            shard: Shard::new(config),
            now: Timestamp::from_secs(100),
            batch: Batch::with_capacity(64),
            entropy: SeedEntropy::new(42),
            sent: Vec::new(),
            events: Vec::new(),
            released: Vec::new(),
        }
    }

    pub fn open(&mut self, id: u64, spec: LegSpec) -> LegId {
        let leg = LegId(id);
        self.shard.open(self.now, leg, 10_000u16.wrapping_add(2 * id as u16), &mut self.entropy).expect("room");
        self.command(Command::Configure { leg, spec: Box::new(spec) });
        leg
    }

    pub fn command(&mut self, command: Command) {
        self.shard.handle_command(self.now, command, &mut self.batch);
        self.collect();
    }

    pub fn packet(&mut self, leg: LegId, src: SocketAddr, packet: &[u8]) {
        self.packet_on(leg, Component::Rtp, src, packet);
    }

    pub fn packet_on(&mut self, leg: LegId, component: Component, src: SocketAddr, packet: &[u8]) {
        let slot = self.shard.slot(leg).expect("the leg is open");
        let mut packet = packet.to_vec();
        self.shard.handle_packet(self.now, slot, component, src, &mut packet, &mut self.batch);
        self.collect();
    }

    /// Lets time pass, with every tick at its moment.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.shard.deadline().filter(|&at| at <= end) {
            self.now = at.max(self.now);
            while self.shard.tick(self.now, &mut self.batch) {
                self.collect();
            }
            self.collect();
        }
        self.now = end;
    }

    fn collect(&mut self) {
        for out in self.batch.iter() {
            let (slot, component, to, bytes) = (out.slot, out.component, out.to, out.bytes().to_vec());
            self.sent.push(Packet { at: self.now, slot, component, to, bytes });
        }
        self.batch.clear();
        self.events.extend(std::iter::from_fn(|| self.shard.poll_event()));
        self.released.extend(std::iter::from_fn(|| self.shard.poll_released()));
    }

    /// RTP sent to `to` so far, taken out.
    pub fn take_rtp(&mut self, to: SocketAddr) -> Vec<Packet> {
        let (taken, rest): (Vec<_>, Vec<_>) =
            self.sent.drain(..).partition(|p| p.to == to && p.component == Component::Rtp);
        self.sent = rest;
        taken
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

pub fn addr(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 4_000))
}

pub fn spec(codec: CodecId, remote: SocketAddr) -> LegSpec {
    LegSpec {
        remote_rtcp: Some(SocketAddr::new(remote.ip(), remote.port() + 1)),
        rtcp_mux: false,
        dtmf: Some(DtmfFormat { payload_type_send: 101, payload_type_receive: 101, clock_hz: 8_000 }),
        ..LegSpec::new(codec, Some(remote))
    }
}

/// A far end that speaks: one tone, one codec, 20 ms packets.
pub struct Phone {
    pub addr: SocketAddr,
    pub ssrc: u32,
    pub seq: SeqNo,
    pub ts: RtpTime,
    pub payload_type: u8,
    units: u32,
    rate: SampleRate,
    encoder: Box<dyn Encoder>,
    hz: f32,
    sample: usize,
}

impl Phone {
    pub fn new(codec: CodecId, addr: SocketAddr, hz: f32) -> Self {
        let spec = CodecSpec::by_id(codec);
        let rate = SampleRate::HZ_8000;
        let settings = EncoderSettings::new(rate, Ptime(20));
        Phone {
            addr,
            ssrc: 0x1000 + u32::from(hz as u16),
            seq: SeqNo(65_500),
            ts: RtpTime(u32::MAX - 5_000),
            payload_type: spec.default_payload_type,
            units: spec.clock_hz / 50,
            rate,
            encoder: (spec.encoder)(&settings).expect("8 kHz"),
            hz,
            sample: 0,
        }
    }

    pub fn hz(&self) -> f32 {
        self.hz
    }

    pub fn speak(&mut self) -> Vec<u8> {
        let pcm = tone(self.rate, self.hz, self.sample, 160);
        self.sample += 160;
        self.say(&pcm)
    }

    /// 20 ms of its own words, at 8 kHz.
    pub fn say(&mut self, pcm: &[i16]) -> Vec<u8> {
        let mut payload = [0; 400];
        let n = self.encoder.encode(pcm, &mut payload).expect("encodes");
        let packet = self.packet(false, self.payload_type, &payload[..n]);
        self.ts = self.ts.wrapping_add(self.units);
        packet
    }

    pub fn packet(&mut self, marker: bool, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let header = RtpHeader { marker, payload_type, sequence: self.seq, timestamp: self.ts, ssrc: self.ssrc };
        let mut packet = vec![0; 12];
        write_header(&mut packet, header);
        packet.extend(payload);
        self.seq = self.seq.next();
        packet
    }
}

pub fn tone(rate: SampleRate, hz: f32, from: usize, samples: usize) -> Vec<i16> {
    (from..from + samples).map(|i| ((i as f32 * hz * TAU / rate.0 as f32).sin() * 10_000.0) as i16).collect()
}

/// A tone to play.
pub fn clip(hz: f32, rate: u32, ms: usize) -> Arc<Clip> {
    let rate = SampleRate(rate);
    Arc::new(Clip { rate, samples: tone(rate, hz, 0, rate.0 as usize * ms / 1_000) })
}

/// What a far end hears in these packets, at 8 kHz.
pub fn listen(codec: CodecId, packets: &[Packet]) -> Vec<i16> {
    let mut decoder: Box<dyn Decoder> = (CodecSpec::by_id(codec).decoder)(SampleRate::HZ_8000).expect("8 kHz");
    let mut pcm = [0; 2_000];
    let mut heard = Vec::new();
    for packet in packets {
        let n = decoder.decode(packet.view().payload(), &mut pcm).expect("decodes");
        heard.extend(&pcm[..n]);
    }
    heard
}

/// The share of the energy at `hz`, 0..=1 (Goertzel).
pub fn share(pcm: &[i16], hz: f32) -> f32 {
    let (mut re, mut im, mut energy) = (0f64, 0f64, 0f64);
    for (i, &s) in pcm.iter().enumerate() {
        let phase = f64::from(hz) * std::f64::consts::TAU * i as f64 / 8_000.0;
        re += f64::from(s) * phase.cos();
        im += f64::from(s) * phase.sin();
        energy += f64::from(s) * f64::from(s);
    }
    if energy == 0.0 { 0.0 } else { ((re * re + im * im) * 2.0 / (energy * pcm.len() as f64)) as f32 }
}

/// SSRC is one, sequence numbers follow one another, timestamps only go forward.
pub fn assert_continuous(packets: &[Packet]) {
    for pair in packets.windows(2) {
        let (a, b) = (pair[0].view(), pair[1].view());
        assert_eq!(a.ssrc(), b.ssrc(), "one SSRC");
        assert_eq!(b.sequence(), a.sequence().next(), "sequence goes on at {:?}", pair[1].at);
        let event = a.payload_type() == 101 && b.payload_type() == 101;
        assert!(b.timestamp().diff(a.timestamp()) > 0 || event, "time goes on at {:?}", pair[1].at);
    }
}
