//! Datagrams on the sockets of a plain leg, an encrypted one and their partners, with time passing between: no packet
//! panics a leg, and no leg ends.
//!
//! The input is records: one byte that chooses leg, socket and time, one for the length, then the datagram.
#![no_main]

use std::net::SocketAddr;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use tandem_codecs::CodecId;
use tandem_media::control::{Command, DtmfFormat, LegSpec, PayloadTypes, SrtpPair};
use tandem_media::jitter::JitterConfig;
use tandem_media::shard::{Batch, Component, Shard, ShardConfig};
use tandem_media::srtp::{Protector, TAIL_ROOM};
use tandem_model::{LegId, SeedEntropy, SrtpKey, SrtpSuite, Timestamp, WallTime};

fn key(n: u8) -> SrtpKey {
    let suite = SrtpSuite::AeadAes128Gcm;
    SrtpKey::new(suite, vec![n; suite.key_len() + suite.salt_len()]).expect("fits its suite")
}

fuzz_target!(|input: &[u8]| {
    let mut now = Timestamp::from_secs(100);
    let mut shard = Shard::new(ShardConfig {
        legs_max: 8,
        wall_at_zero: WallTime(1_700_000_000_000),
        jitter: JitterConfig::default(),
    });
    let mut batch = Batch::with_capacity(64);
    let mut entropy = SeedEntropy::new(1);
    let mut protector = Protector::new(&key(2));
    let addr = |n: u64| SocketAddr::from(([192, 0, 2, n as u8], 4_000));
    for (n, codec) in [(1, CodecId::Pcmu), (2, CodecId::Opus), (3, CodecId::Pcma), (4, CodecId::G722)] {
        let leg = LegId(n);
        shard.open(now, leg, 10_000 + 2 * n as u16, &mut entropy).expect("room");
        let spec = LegSpec {
            dtmf: Some(DtmfFormat { payload_type_send: 101, payload_type_receive: 101, clock_hz: 8_000 }),
            comfort_noise: (n == 1).then_some(PayloadTypes { send: 13, receive: 13 }),
            suppress_silence: n == 1,
            rtcp_reduced_size: n > 2,
            xr_voip_metrics: true,
            xr_receiver_rtt: true,
            srtp: (n == 3).then(|| SrtpPair { outbound: key(1), inbound: key(2) }),
            ..LegSpec::new(codec, Some(addr(n)))
        };
        shard.handle_command(now, Command::Configure { leg, spec: Box::new(spec) }, &mut batch);
    }
    for (a, b) in [(1, 2), (3, 4)] {
        shard.handle_command(now, Command::Bridge { a: LegId(a), b: LegId(b) }, &mut batch);
    }
    let mut rest = input;
    while let Some((&[what, len], after)) = rest.split_first_chunk::<2>() {
        let (datagram, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        let leg = u64::from(what & 3) + 1;
        let component = if what & 4 == 0 { Component::Rtp } else { Component::Rtcp };
        let mut packet = datagram.to_vec();
        // Half of what the encrypted leg gets is authentic, whatever it holds.
        if leg == 3 && what & 8 != 0 {
            let len = packet.len();
            packet.resize(len + TAIL_ROOM, 0);
            let sealed = match component {
                Component::Rtp => protector.protect_rtp(&mut packet, len),
                Component::Rtcp => protector.protect_rtcp(&mut packet, len),
            };
            packet.truncate(sealed.unwrap_or(len));
        }
        let slot = shard.slot(LegId(leg)).expect("the leg lives");
        shard.handle_packet(now, slot, component, addr(leg), &mut packet, &mut batch);
        batch.clear();
        now = now + Duration::from_millis(u64::from(what >> 4) * 5);
        while shard.tick(now, &mut batch) {
            batch.clear();
        }
        batch.clear();
        while shard.poll_event().is_some() {}
    }
    assert_eq!(shard.rebuilt(), 0, "a caught panic is a bug");
    assert_eq!(shard.legs(), 4);
});
