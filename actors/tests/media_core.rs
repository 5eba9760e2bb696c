//! The RTP core on real sockets of this host: packets, ports, threads that die.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};
use tandem_actors::media::{self, EventSink, MediaConfig, MediaPool, MediaThread, StartError};
use tandem_codecs::CodecId;
use tandem_media::control::{Command, Event, LegSpec, OpenFailed};
use tandem_model::{DropReason, LegId};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(10);

struct Core {
    pool: MediaPool,
    thread: MediaThread,
    events: Receiver<Event>,
}

fn core(first: u16, last: u16, threads: usize) -> Core {
    core_with(MediaConfig::new(LOOPBACK, first..=last, (0..threads).collect()))
}

fn core_with(config: MediaConfig) -> Core {
    let (sender, events) = bounded::<Event>(1_024);
    let sink = move |_: usize| {
        let sender = sender.clone();
        Box::new(move |event: Event| sender.try_send(event).is_ok()) as Box<dyn EventSink>
    };
    let pool = media::start(&config, sink).expect("starts");
    let thread = pool.handle().thread_for("a call");
    Core { pool, thread, events }
}

impl Core {
    fn event(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("an event comes")
    }

    fn open(&self, id: u64) -> u16 {
        self.thread.send(Command::Open { leg: LegId(id) }).unwrap();
        match self.event() {
            Event::Opened { leg, rtp_port } if leg == LegId(id) => rtp_port,
            other => panic!("{other:?}"),
        }
    }

    /// Returns once every command sent before it was done.
    fn sync(&self, id: u64) {
        self.thread.send(Command::Query { leg: LegId(id) }).unwrap();
        while !matches!(self.event(), Event::Stats { leg, .. } if leg == LegId(id)) {}
    }

    fn open_to(&self, id: u64, phone: &UdpSocket) -> SocketAddr {
        let port = self.open(id);
        let spec = Box::new(spec(phone.local_addr().unwrap()));
        self.thread.send(Command::Configure { leg: LegId(id), spec }).unwrap();
        SocketAddr::new(LOOPBACK, port)
    }
}

fn spec(remote: SocketAddr) -> LegSpec {
    LegSpec { rtcp_mux: false, remote_rtcp: None, ..LegSpec::new(CodecId::Pcmu, Some(remote)) }
}

fn phone() -> UdpSocket {
    let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn rtp(seq: u16, ssrc: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ssrc];
    packet[2..4].copy_from_slice(&seq.to_be_bytes());
    packet[4..8].copy_from_slice(&(u32::from(seq) * 160).to_be_bytes());
    packet.extend([ssrc; 160]);
    packet
}

#[test]
fn two_phones_hear_each_other_and_the_statistics_say_so() {
    let core = core(21_000, 21_019, 1);
    let (pa, pb) = (phone(), phone());
    let (a, b) = (core.open_to(1, &pa), core.open_to(2, &pb));
    assert_eq!((a.port() % 2, b.port() % 2), (0, 0));
    core.thread.send(Command::Bridge { a: LegId(1), b: LegId(2) }).unwrap();
    core.sync(1);
    let mut buf = [0; 2_048];
    for seq in 0..50 {
        pa.send_to(&rtp(seq, 7), a).unwrap();
        let (n, from) = pb.recv_from(&mut buf).expect("relayed");
        assert_eq!((&buf[12..n], from), (&[7; 160][..], b));
        pb.send_to(&rtp(seq, 9), b).unwrap();
        let (n, from) = pa.recv_from(&mut buf).expect("relayed");
        assert_eq!((&buf[12..n], from), (&[9; 160][..], a));
    }
    pa.send_to(b"hello", a).unwrap();
    core.thread.send(Command::Query { leg: LegId(1) }).unwrap();
    let mut stats = None;
    while stats.is_none() {
        if let Event::Stats { leg: LegId(1), stats: s } = core.event() {
            stats = Some(s);
        }
    }
    let stats = stats.unwrap();
    assert_eq!((stats.packets_received, stats.packets_sent, stats.packets_lost), (50, 50, 0));
    for leg in [1, 2] {
        core.thread.send(Command::Close { leg: LegId(leg) }).unwrap();
        assert!(matches!(core.event(), Event::Closed { leg: l, .. } if l == LegId(leg)));
    }
    let until = Instant::now() + PATIENCE;
    while core.thread.snapshot().legs > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let snapshot = core.thread.snapshot();
    assert_eq!((snapshot.legs, snapshot.port_pairs_free, snapshot.events_lost), (0, 10, 0));
    assert!(snapshot.packets_in >= 101 && snapshot.packets_out >= 100);
    assert_eq!(snapshot.drops.iter().find(|(r, _)| *r == DropReason::NotRtp).unwrap().1, 1);
}

#[test]
fn a_prompt_comes_every_twenty_milliseconds() {
    use std::sync::Arc;
    use tandem_media::control::{Clip, PlayId, Repeat};
    use tandem_model::SampleRate;
    let core = core(21_100, 21_119, 1);
    let pa = phone();
    core.open_to(1, &pa);
    let clip = Arc::new(Clip { rate: SampleRate::HZ_8000, samples: vec![1_000; 8_000] });
    let started = Instant::now();
    core.thread.send(Command::Play { leg: LegId(1), play: PlayId(1), clip, repeat: Repeat::Times(1) }).unwrap();
    let mut buf = [0; 2_048];
    for _ in 0..50 {
        let (n, _) = pa.recv_from(&mut buf).expect("the prompt");
        assert_eq!(n, 172);
    }
    let took = started.elapsed();
    assert!((Duration::from_millis(950)..Duration::from_millis(1_500)).contains(&took), "{took:?}");
    assert!(matches!(core.event(), Event::PlayDone { completed: true, .. }));
    assert!(core.thread.snapshot().ticks >= 50);
}

#[test]
fn ports_run_out_rest_and_skip_those_that_others_hold() {
    let taken = UdpSocket::bind((LOOPBACK, 21_202)).unwrap();
    let core = core(21_200, 21_207, 1);
    let ports: Vec<u16> = (1..=3).map(|id| core.open(id)).collect();
    assert_eq!(ports, [21_200, 21_204, 21_206]);
    core.thread.send(Command::Open { leg: LegId(4) }).unwrap();
    assert!(matches!(core.event(), Event::OpenFailed { leg: LegId(4), reason: OpenFailed::PortsExhausted }));
    drop(taken);
    core.thread.send(Command::Close { leg: LegId(1) }).unwrap();
    assert!(matches!(core.event(), Event::Closed { leg: LegId(1), .. }));
    core.thread.send(Command::Open { leg: LegId(5) }).unwrap();
    assert!(matches!(core.event(), Event::OpenFailed { .. }), "a freed pair rests");
    std::thread::sleep(Duration::from_millis(2_100));
    assert!([21_200, 21_202].contains(&core.open(6)));
    core.pool.shutdown();
}

#[test]
fn a_port_keeps_its_sockets_while_it_rests_and_nothing_that_came_to_them() {
    let core = core(21_950, 21_951, 1);
    let pa = phone();
    let a = core.open_to(1, &pa);
    for seq in 0..300 {
        pa.send_to(&rtp(seq, 7), a).unwrap();
    }
    // Most of it is unread when the leg goes.
    core.thread.send(Command::Close { leg: LegId(1) }).unwrap();
    while !matches!(core.event(), Event::Closed { leg: LegId(1), .. }) {}
    let rested = Instant::now() + Duration::from_millis(2_100);
    assert!(UdpSocket::bind(a).is_err(), "the port is open still");
    for seq in 300..600 {
        pa.send_to(&rtp(seq, 7), a).unwrap();
    }
    std::thread::sleep(rested.saturating_duration_since(Instant::now()));
    assert_eq!(core.open_to(2, &pa), a, "the same port");
    core.thread.send(Command::Query { leg: LegId(2) }).unwrap();
    let Event::Stats { stats, .. } = core.event() else { panic!("packets of the last leg were heard") };
    assert_eq!(stats.packets_received, 0);
    for seq in 0..5 {
        pa.send_to(&rtp(seq, 9), a).unwrap();
    }
    assert!(matches!(core.event(), Event::Started { leg: LegId(2) }));
}

#[test]
fn a_dead_thread_reports_its_legs_and_serves_the_next_ones() {
    let core = core(21_300, 21_339, 2);
    let pa = phone();
    core.open_to(1, &pa);
    core.thread.inject_panic().unwrap();
    assert!(matches!(core.event(), Event::Failed { leg: LegId(1), .. }));
    let a = core.open_to(2, &pa);
    core.thread.send(Command::Echo { leg: LegId(2), on: true }).unwrap();
    core.sync(2);
    pa.send_to(&rtp(1, 5), a).unwrap();
    let mut buf = [0; 2_048];
    assert_eq!(pa.recv_from(&mut buf).expect("the echo").0, 172);
    let all = core.pool.handle().snapshot();
    assert_eq!(all.iter().map(|s| s.restarts).sum::<u64>(), 1);
    assert!(all.iter().all(|s| !s.dead));
}

#[test]
fn a_thread_that_keeps_dying_stays_down_and_says_so() {
    let core = core(21_400, 21_403, 1);
    let until = Instant::now() + PATIENCE;
    while !core.thread.snapshot().dead && Instant::now() < until {
        let _ = core.thread.inject_panic();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(core.thread.send(Command::Query { leg: LegId(1) }), Err(media::SendError::Dead));
    core.pool.shutdown();
}

#[test]
fn a_call_always_meets_the_same_thread() {
    let core = core(21_500, 21_539, 2);
    let handle = core.pool.handle();
    let threads: Vec<usize> = (0..64).map(|call| handle.thread_for(call).index()).collect();
    assert!(threads.contains(&0) && threads.contains(&1));
    assert!((0..64).all(|call| handle.thread_for(call).index() == threads[call as usize]));
    assert_eq!(handle.advertised_address(), LOOPBACK.into());
}

#[test]
fn an_event_nobody_takes_is_counted_and_stops_nothing() {
    let config = MediaConfig::new(LOOPBACK, 21_800..=21_809, vec![0]);
    let pool = media::start(&config, |_| Box::new(|_: Event| false) as Box<dyn EventSink>).unwrap();
    let thread = pool.handle().thread_for(1);
    thread.send(Command::Open { leg: LegId(1) }).unwrap();
    thread.send(Command::Close { leg: LegId(1) }).unwrap();
    let until = Instant::now() + PATIENCE;
    while thread.snapshot().events_lost < 2 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((thread.snapshot().events_lost, thread.snapshot().legs), (2, 0));
}

#[test]
fn configurations_that_cannot_work_are_refused() {
    let sink = |_: usize| Box::new(|_: Event| true) as Box<dyn EventSink>;
    let config = |ports, cpus| MediaConfig::new(LOOPBACK, ports, cpus);
    assert!(matches!(media::start(&config(21_600..=21_610, vec![]), sink), Err(StartError::NoCpus)));
    assert!(matches!(media::start(&config(21_601..=21_602, vec![0]), sink), Err(StartError::TooFewPorts)));
}

#[test]
fn an_ipv6_leg_works_like_any_other() {
    let Ok(pa) = UdpSocket::bind("[::1]:0") else { return };
    pa.set_read_timeout(Some(PATIENCE)).unwrap();
    let (sender, events) = bounded::<Event>(16);
    let config = MediaConfig::new("::1".parse().unwrap(), 21_700..=21_709, vec![0]);
    let pool = media::start(&config, move |_| {
        let sender = sender.clone();
        Box::new(move |event: Event| sender.try_send(event).is_ok())
    })
    .unwrap();
    let thread = pool.handle().thread_for(1);
    thread.send(Command::Open { leg: LegId(1) }).unwrap();
    let Ok(Event::Opened { rtp_port, .. }) = events.recv_timeout(PATIENCE) else { panic!("opens") };
    let spec = Box::new(spec(pa.local_addr().unwrap()));
    thread.send(Command::Configure { leg: LegId(1), spec }).unwrap();
    thread.send(Command::Echo { leg: LegId(1), on: true }).unwrap();
    // The commands above may still be on their way when the first packet comes: phones send more than one.
    let mut buf = [0; 2_048];
    pa.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let heard = (0..20u16).any(|seq| {
        pa.send_to(&rtp(seq, 3), ("::1", rtp_port)).unwrap();
        pa.recv_from(&mut buf).is_ok_and(|(n, _)| buf[12..n] == [3; 160])
    });
    assert!(heard);
}

/// Sends a packet to each leg and hears it from the other, so often.
fn talk(from: u16, packets: u16, [pa, pb]: [&UdpSocket; 2], [a, b]: [SocketAddr; 2]) {
    let mut buf = [0; 2_048];
    for seq in from..from + packets {
        pa.send_to(&rtp(seq, 7), a).unwrap();
        let (n, src) = pb.recv_from(&mut buf).expect("relayed");
        assert_eq!((&buf[12..n], src), (&[7; 160][..], b));
        pb.send_to(&rtp(seq, 9), b).unwrap();
        let (n, src) = pa.recv_from(&mut buf).expect("relayed");
        assert_eq!((&buf[12..n], src), (&[9; 160][..], a));
    }
}

#[test]
fn a_peer_whose_address_changes_in_the_middle_of_its_stream_is_heard_and_followed() {
    let core = core(21_900, 21_919, 1);
    let (pa, pb) = (phone(), phone());
    let (a, b) = (core.open_to(1, &pa), core.open_to(2, &pb));
    core.thread.send(Command::Bridge { a: LegId(1), b: LegId(2) }).unwrap();
    core.sync(1);
    // Long enough for both legs to have a connected socket.
    talk(0, 120, [&pa, &pb], [a, b]);
    // A NAT gives the stream another port: its first packets are nobody's, until the old address was silent for long enough.
    let moved = phone();
    pb.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut buf = [0; 2_048];
    let heard = (120..1_000).find(|&seq| {
        moved.send_to(&rtp(seq, 7), a).unwrap();
        pb.recv_from(&mut buf).is_ok_and(|(n, _)| buf[12..n] == [7; 160])
    });
    let from = heard.expect("the stream goes on from its new address") + 1;
    pb.set_read_timeout(Some(PATIENCE)).unwrap();
    talk(from, 120, [&moved, &pb], [a, b]);
    assert_eq!(core.thread.snapshot().kernel_drops, 0);
}

#[test]
fn a_peer_that_does_not_listen_for_a_while_is_heard_all_the_same() {
    let core = core(21_940, 21_959, 1);
    let (pa, pb) = (phone(), phone());
    let (a, b) = (core.open_to(1, &pa), core.open_to(2, &pb));
    core.thread.send(Command::Bridge { a: LegId(1), b: LegId(2) }).unwrap();
    core.sync(1);
    talk(0, 120, [&pa, &pb], [a, b]);
    // Whoever sends to a closed port is told so by ICMP: that must neither end the leg nor cost a packet afterwards.
    let at = pb.local_addr().unwrap();
    drop(pb);
    for seq in 120..140 {
        pa.send_to(&rtp(seq, 7), a).unwrap();
    }
    core.sync(1);
    let pb = UdpSocket::bind(at).unwrap();
    pb.set_read_timeout(Some(PATIENCE)).unwrap();
    pb.send_to(&rtp(120, 9), b).unwrap();
    let mut buf = [0; 2_048];
    assert_eq!(pa.recv_from(&mut buf).expect("heard").0, 172);
    // What was on its way before it listened again.
    pb.set_nonblocking(true).unwrap();
    let until = Instant::now() + PATIENCE;
    let mut seq = 140;
    loop {
        seq += 1;
        pa.send_to(&rtp(seq, 7), a).unwrap();
        let answered = (0..1_000).any(|_| {
            std::thread::yield_now();
            pb.recv_from(&mut buf).is_ok_and(|(n, _)| n == 172)
        });
        if answered || Instant::now() > until {
            break;
        }
    }
    core.sync(1);
    while pb.recv_from(&mut buf).is_ok() {}
    pb.set_nonblocking(false).unwrap();
    talk(seq + 1, 120, [&pa, &pb], [a, b]);
}

#[test]
fn a_flood_on_one_port_costs_the_others_no_packet() {
    let core = core(22_000, 22_019, 1);
    let (pa, pb) = (phone(), phone());
    let (a, b) = (core.open_to(1, &pa), core.open_to(2, &pb));
    core.thread.send(Command::Bridge { a: LegId(1), b: LegId(2) }).unwrap();
    let flooded = SocketAddr::new(LOOPBACK, core.open(3));
    core.sync(1);
    let (done, flood) = (AtomicBool::new(false), AtomicU64::new(0));
    let until = Instant::now() + PATIENCE;
    let mut packets = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let socket = phone();
            while !done.load(Relaxed) && Instant::now() < until {
                flood.fetch_add(u64::from(socket.send_to(&[0x80; 1_600], flooded).is_ok()), Relaxed);
            }
        });
        // On a machine with other work the flood may be late: it has to be more than the conversation.
        while flood.load(Relaxed) <= u64::from(packets) || packets == 0 {
            assert!(Instant::now() < until, "{flood:?} packets of flood beside {packets}");
            talk(packets, 200, [&pa, &pb], [a, b]);
            packets += 200;
        }
        done.store(true, Relaxed);
    });
    core.thread.send(Command::Query { leg: LegId(1) }).unwrap();
    let stats = loop {
        if let Event::Stats { leg: LegId(1), stats } = core.event() {
            break stats;
        }
    };
    assert_eq!((stats.packets_received, stats.packets_lost), (u64::from(packets), 0));
    // Each was longer than any packet of RTP, and seen to be.
    let drops = core.thread.snapshot().drops;
    assert!(drops.iter().find(|(r, _)| *r == DropReason::MalformedRtp).unwrap().1 > 0);
}

#[test]
fn above_its_load_a_thread_takes_no_new_call_and_those_it_has_lose_nothing() {
    let config = MediaConfig { load_max: 0.005, ..MediaConfig::new(LOOPBACK, 22_100..=22_499, vec![0]) };
    let core = core_with(config);
    let handle = core.pool.handle();
    let leg = |call: u64, n: u64| LegId(LegId::first_of(call).0 + n);
    let open = |leg: LegId| {
        core.thread.send(Command::Open { leg }).unwrap();
        loop {
            match core.event() {
                Event::Opened { leg: l, rtp_port } if l == leg => return Ok(SocketAddr::new(LOOPBACK, rtp_port)),
                Event::OpenFailed { leg: l, reason } if l == leg => return Err(reason),
                _ => {}
            }
        }
    };
    let (pa, pb) = (phone(), phone());
    let configure = |leg: LegId, phone: &UdpSocket| {
        let spec = Box::new(spec(phone.local_addr().unwrap()));
        core.thread.send(Command::Configure { leg, spec }).unwrap();
    };
    assert!(handle.has_room());
    let a = open(leg(1, 0)).unwrap();
    let refused = (2..100).find_map(|call| open(leg(call, 0)).err().map(|reason| (call, reason)));
    let (call, reason) = refused.expect("the limit is met");
    assert_eq!(reason, OpenFailed::Overloaded);
    assert!(!handle.has_room() && handle.with_room(0..100).is_none());
    // A call that was let in makes its other leg.
    let until = Instant::now() + PATIENCE;
    let b = loop {
        // A machine that is stolen from its threads looks busy for a moment.
        match open(leg(1, 1)) {
            Ok(b) => break b,
            Err(reason) => assert!(Instant::now() < until, "{reason:?}"),
        }
    };
    let refused_before = core.thread.snapshot().opens_refused;
    configure(leg(1, 0), &pa);
    configure(leg(1, 1), &pb);
    core.thread.send(Command::Bridge { a: leg(1, 0), b: leg(1, 1) }).unwrap();
    core.thread.send(Command::Query { leg: leg(1, 0) }).unwrap();
    while !matches!(core.event(), Event::Stats { .. }) {}
    for n in 0..10 {
        assert_eq!(open(leg(call + u64::from(n), 0)), Err(OpenFailed::Overloaded));
        talk(n * 20, 20, [&pa, &pb], [a, b]);
    }
    let snapshot = core.thread.snapshot();
    assert_eq!((snapshot.opens_refused - refused_before, snapshot.kernel_drops), (10, 0));
    // Calls that end make room.
    for ended in 2..call {
        core.thread.send(Command::Close { leg: leg(ended, 0) }).unwrap();
    }
    for n in 0..2 {
        core.thread.send(Command::Close { leg: leg(1, n) }).unwrap();
    }
    let until = Instant::now() + PATIENCE;
    while !handle.has_room() && Instant::now() < until {
        std::thread::yield_now();
    }
    while core.events.try_recv().is_ok() {}
    assert!(open(leg(call, 0)).is_ok());
}

#[test]
fn a_thread_that_polls_without_sleeping_moves_packets_and_counts_no_load_for_it() {
    let config = MediaConfig {
        busy_poll: Duration::from_millis(10),
        sockets: media::SocketOptions { busy_poll_us: 50, ..Default::default() },
        ..MediaConfig::new(LOOPBACK, 22_500..=22_519, vec![0])
    };
    let core = core_with(config);
    let (pa, pb) = (phone(), phone());
    let (a, b) = (core.open_to(1, &pa), core.open_to(2, &pb));
    core.thread.send(Command::Bridge { a: LegId(1), b: LegId(2) }).unwrap();
    core.sync(1);
    talk(0, 100, [&pa, &pb], [a, b]);
    let snapshot = core.thread.snapshot();
    assert!(snapshot.load < 0.9, "{}", snapshot.load);
    assert_eq!(snapshot.tick_lateness.count(), snapshot.ticks);
}
