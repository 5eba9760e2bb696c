use std::net::SocketAddr;
use std::time::Duration;

use tandem_codecs::CodecId;
use tandem_media::control::{Command, LegSpec, SrtpPair};
use tandem_media::jitter::JitterConfig;
use tandem_media::rtp::{RtpHeader, write_header};
use tandem_media::shard::{Batch, Component, Shard, ShardConfig, Slot};
use tandem_model::{LegId, RtpTime, SeedEntropy, SeqNo, Timestamp, WallTime};

pub(crate) const TICK: Duration = Duration::from_millis(20);

pub fn addr(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 4_000))
}

/// A packet of one stream (SSRC 7) whose timestamp moves on by `units` a packet.
pub fn rtp_packet(seq: u16, payload_type: u8, units: u32, payload: &[u8]) -> Vec<u8> {
    let timestamp = RtpTime(u32::from(seq).wrapping_mul(units));
    let header = RtpHeader { marker: false, payload_type, sequence: SeqNo(seq), timestamp, ssrc: 7 };
    let mut packet = vec![0; 12];
    write_header(&mut packet, header);
    packet.extend(payload);
    packet
}

/// Two bridged legs in one shard, without sockets.
pub struct MediaPath {
    shard: Shard,
    batch: Batch,
    now: Timestamp,
    from: Slot,
}

impl MediaPath {
    /// Audio goes in at a leg that speaks `from` and out at one that speaks `to`, which encrypts with `srtp`.
    ///
    /// # Panics
    /// When the shard has no room for two legs, which it was made for.
    pub fn new(from: CodecId, to: CodecId, srtp: Option<SrtpPair>) -> Self {
        let mut shard = Shard::new(ShardConfig {
            legs_max: 2,
            wall_at_zero: WallTime::from_unix_millis(0),
            jitter: JitterConfig::default(),
        });
        let (mut batch, mut entropy, now) = (Batch::with_capacity(64), SeedEntropy::new(1), Timestamp::from_secs(1));
        let (a, b) = (LegId(1), LegId(2));
        let slot = shard.open(now, a, 10_000, &mut entropy).expect("room for two legs");
        shard.open(now, b, 10_002, &mut entropy).expect("room for two legs");
        for (leg, spec) in [(a, spec(from, addr(1), None)), (b, spec(to, addr(2), srtp))] {
            shard.handle_command(now, Command::Configure { leg, spec: Box::new(spec) }, &mut batch);
        }
        shard.handle_command(now, Command::Bridge { a, b }, &mut batch);
        MediaPath { shard, batch, now, from: slot }
    }

    /// One packet in, one tick of time; the packets sent.
    pub fn frame(&mut self, wire: &mut [u8]) -> usize {
        self.shard.handle_packet(self.now, self.from, Component::Rtp, addr(1), wire, &mut self.batch);
        self.now = self.now + TICK;
        while self.shard.tick(self.now, &mut self.batch) {}
        while self.shard.poll_event().is_some() {}
        let sent = self.batch.len();
        self.batch.clear();
        sent
    }
}

fn spec(codec: CodecId, remote: SocketAddr, srtp: Option<SrtpPair>) -> LegSpec {
    LegSpec { srtp, ..LegSpec::new(codec, Some(remote)) }
}
