//! A conference over real sockets, for its cost and its punctuality: `conference [members] [seconds] [pcmu|opus]`.
//!
//! One media thread mixes; as many phones as members send a packet every 20 ms, three of them a voice. Told are the thread's CPU
//! time, how late its ticks came, and what every phone received. The media thread is pinned to CPU 1, the phones to CPU 0.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};
use tandem_actors::media::{self, EventSink, MediaConfig};
use tandem_codecs::{CodecId, CodecSpec, EncoderSettings};
use tandem_media::control::{Command, Event, LegSpec, MixId, Seat};
use tandem_media::rtp::{RtpHeader, write_header};
use tandem_model::{LegId, Ptime, RtpTime, SampleRate, SeqNo};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SPEAKERS: usize = 3;
const PTIME: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let members: usize = arguments.next().map_or(Ok(100), |n| n.parse())?;
    let secs: u64 = arguments.next().map_or(Ok(20), |n| n.parse())?;
    let codec = if arguments.next().as_deref() == Some("opus") { CodecId::Opus } else { CodecId::Pcmu };

    core_affinity::set_for_current(core_affinity::CoreId { id: 0 });
    let (sender, events) = bounded::<Event>(16_384);
    let config = MediaConfig { load_max: 1.0, ..MediaConfig::new(LOOPBACK, 20_000..=25_999, vec![1]) };
    let pool = media::start(&config, move |_| {
        let sender = sender.clone();
        Box::new(move |event: Event| sender.try_send(event).is_ok()) as Box<dyn EventSink>
    })?;
    let thread = pool.handle().thread_for("conference");

    let mut phones = Vec::new();
    for n in 0..members {
        let leg = LegId(n as u64);
        let socket = UdpSocket::bind((LOOPBACK, 0))?;
        socket.set_nonblocking(true)?;
        thread.send(Command::Open { leg })?;
        let port = opened(&events)?;
        let spec = Box::new(LegSpec::new(codec, Some(socket.local_addr()?)));
        thread.send(Command::Configure { leg, spec })?;
        thread.send(Command::Join { leg, mix: MixId(1), seat: Seat::MEMBER })?;
        socket.connect(SocketAddr::new(LOOPBACK, port))?;
        phones.push(Phone { socket, received: 0 });
    }

    let (voice, silence) = (encoded(codec, 9_000.0)?, encoded(codec, 0.0)?);
    let began = Instant::now();
    let (mut before, mut cpu_before, mut sent) = (thread.snapshot(), cpu_secs()?, 0_u64);
    let warm_up = 50;
    for tick in 0..warm_up + secs * 50 {
        for (n, phone) in phones.iter_mut().enumerate() {
            // Spread over the packet time.
            let due = PTIME * tick as u32 + PTIME * n as u32 / members as u32;
            while began.elapsed() < due {
                std::thread::sleep(Duration::from_micros(200));
            }
            let payloads = if n < SPEAKERS { &voice } else { &silence };
            let _ = phone.socket.send(&packet(codec, tick as u16, n as u32, &payloads[tick as usize % payloads.len()]));
            phone.drain();
        }
        if tick == warm_up {
            (before, cpu_before) = (thread.snapshot(), cpu_secs()?);
            phones.iter_mut().for_each(|phone| phone.received = 0);
        }
        sent += u64::from(tick > warm_up);
    }
    let (after, cpu) = (thread.snapshot(), cpu_secs()? - cpu_before);
    let least = phones.iter().map(|phone| phone.received).min().unwrap_or(0);
    println!("members          {members}, {SPEAKERS} speak, {}", CodecSpec::by_id(codec).name);
    println!("media thread     {:.1} % of a core", cpu * 100.0 / secs as f64);
    println!(
        "ticks            {} late by {:.2} ms at most since the start, {} left out",
        after.ticks - before.ticks,
        after.tick_late_max.as_secs_f64() * 1e3,
        after.ticks_skipped - before.ticks_skipped
    );
    println!("packets          {sent} sent by each phone, {least} received by the least served");
    pool.shutdown();
    Ok(())
}

struct Phone {
    socket: UdpSocket,
    received: u64,
}

impl Phone {
    fn drain(&mut self) {
        let mut buf = [0; 2_048];
        while self.socket.recv(&mut buf).is_ok() {
            self.received += 1;
        }
    }
}

fn opened(events: &Receiver<Event>) -> Result<u16, String> {
    loop {
        match events.recv_timeout(Duration::from_secs(5)) {
            Ok(Event::Opened { rtp_port, .. }) => return Ok(rtp_port),
            Ok(Event::OpenFailed { reason, .. }) => return Err(format!("no port: {reason:?}")),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn packet(codec: CodecId, sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let spec = CodecSpec::by_id(codec);
    let header = RtpHeader {
        marker: false,
        payload_type: spec.default_payload_type,
        sequence: SeqNo(sequence),
        timestamp: RtpTime(u32::from(sequence).wrapping_mul(spec.clock_hz / 50)),
        ssrc,
    };
    let mut packet = vec![0; 12];
    write_header(&mut packet, header);
    packet.extend(payload);
    packet
}

fn encoded(codec: CodecId, amplitude: f32) -> Result<Vec<Vec<u8>>, tandem_codecs::CodecError> {
    let settings = EncoderSettings::new(SampleRate::HZ_8000, Ptime(20));
    let mut encoder = (CodecSpec::by_id(codec).encoder)(&settings)?;
    let sample = |n: usize| ((n as f32 * 0.35).sin() * amplitude) as i16;
    (0..50)
        .map(|frame| {
            let pcm: Vec<i16> = (frame * 160..(frame + 1) * 160).map(sample).collect();
            let mut payload = vec![0; 400];
            let len = encoder.encode(&pcm, &mut payload)?;
            payload.truncate(len);
            Ok(payload)
        })
        .collect()
}

/// What the media thread spent so far: user and system time of `media-0`, in hundredths of a second in `/proc`.
fn cpu_secs() -> std::io::Result<f64> {
    for task in std::fs::read_dir("/proc/self/task")?.flatten() {
        let stat = std::fs::read_to_string(task.path().join("stat"))?;
        if let Some((head, tail)) = stat.rsplit_once(')')
            && head.ends_with("(media-0")
        {
            let ticks: u64 = tail.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
            return Ok(ticks as f64 / 100.0);
        }
    }
    Ok(0.0)
}
