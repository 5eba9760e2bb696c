use tandem_codecs::{CodecId, CodecSpec, EncoderSettings};
use tandem_media::control::{Command, LegSpec, MixId, Seat};
use tandem_media::jitter::JitterConfig;
use tandem_media::shard::{Batch, Component, Shard, ShardConfig, Slot};
use tandem_model::{LegId, Ptime, SampleRate, SeedEntropy, Timestamp, WallTime};

use crate::media_path::{TICK, addr, rtp_packet};

/// A conference in one shard, without sockets: some members speak, all send packets, as phones do that do not suppress silence.
pub struct Conference {
    shard: Shard,
    batch: Batch,
    now: Timestamp,
    members: Vec<(Slot, CodecId)>,
    speakers: usize,
    payloads: Vec<Payloads>,
    sequence: u16,
}

/// A second of a voice and one of silence.
struct Payloads {
    codec: CodecId,
    voice: Vec<Vec<u8>>,
    silence: Vec<Vec<u8>>,
}

impl Conference {
    /// `members` speak these codecs in turn; the first `speakers` of them make sound.
    ///
    /// # Panics
    /// When a codec does not run at 8 kHz, which those that are measured do.
    pub fn new(members: usize, codecs: &[CodecId], speakers: usize) -> Self {
        let mut shard = Shard::new(ShardConfig {
            legs_max: members,
            wall_at_zero: WallTime::from_unix_millis(0),
            jitter: JitterConfig::default(),
        });
        let (mut batch, mut entropy, now) = (Batch::with_capacity(128), SeedEntropy::new(1), Timestamp::from_secs(1));
        let codecs_of = codecs.iter().copied().cycle();
        let members = (0..members as u64).zip(codecs_of).map(|(n, codec)| {
            let leg = LegId(n);
            let slot = shard.open(now, leg, 10_000, &mut entropy).expect("there is room");
            let spec = Box::new(LegSpec::new(codec, Some(addr(n as u8))));
            shard.handle_command(now, Command::Configure { leg, spec }, &mut batch);
            shard.handle_command(now, Command::Join { leg, mix: MixId(1), seat: Seat::MEMBER }, &mut batch);
            (slot, codec)
        });
        let members = members.collect();
        let payloads =
            |&codec: &CodecId| Payloads { codec, voice: encoded(codec, 9_000.0), silence: encoded(codec, 0.0) };
        let payloads = codecs.iter().map(payloads).collect();
        Conference { shard, batch, now, members, speakers, payloads, sequence: 0 }
    }

    /// 20 ms: a packet from every member, every tick; the packets sent.
    pub fn tick(&mut self) -> usize {
        self.sequence = self.sequence.wrapping_add(1);
        for (n, (slot, codec)) in self.members.iter().enumerate() {
            let Some(payloads) = self.payloads.iter().find(|payloads| payloads.codec == *codec) else { continue };
            let payloads = if n < self.speakers { &payloads.voice } else { &payloads.silence };
            let payload = &payloads[usize::from(self.sequence) % payloads.len()];
            let spec = CodecSpec::by_id(*codec);
            let mut packet = rtp_packet(self.sequence, spec.default_payload_type, spec.clock_hz / 50, payload);
            self.shard.handle_packet(self.now, *slot, Component::Rtp, addr(n as u8), &mut packet, &mut self.batch);
        }
        self.now = self.now + TICK;
        let mut sent = 0;
        loop {
            let more = self.shard.tick(self.now, &mut self.batch);
            sent += self.batch.len();
            self.batch.clear();
            if !more {
                break;
            }
        }
        while self.shard.poll_event().is_some() {}
        sent
    }
}

/// A second of a steady voice.
fn encoded(codec: CodecId, amplitude: f32) -> Vec<Vec<u8>> {
    let settings = EncoderSettings::new(SampleRate::HZ_8000, Ptime(20));
    let mut encoder = (CodecSpec::by_id(codec).encoder)(&settings).expect("8 kHz");
    let sample = |n: usize| (((n as f32 * 0.35).sin() + (n as f32 * 0.7).sin()) * amplitude / 2.0) as i16;
    (0..50)
        .map(|frame| {
            let pcm: Vec<i16> = (frame * 160..(frame + 1) * 160).map(sample).collect();
            let mut payload = [0; 400];
            let n = encoder.encode(&pcm, &mut payload).expect("encodes");
            payload[..n].to_vec()
        })
        .collect()
}
