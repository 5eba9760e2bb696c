//! Calls that go from one media thread to another, on real sockets of this host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};
use tandem_actors::media::{self, EventSink, MediaConfig, MediaHandle, MediaPool, MediaThread};
use tandem_codecs::CodecId;
use tandem_media::control::{Command, Event, LegSpec, MoveFailed, PlayId};
use tandem_model::LegId;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PATIENCE: Duration = Duration::from_secs(10);

struct Core {
    pool: MediaPool,
    events: Receiver<Event>,
    runtime: tokio::runtime::Runtime,
}

/// A leg with its phone.
struct Talker {
    leg: LegId,
    phone: UdpSocket,
    to: SocketAddr,
}

impl Core {
    fn start(config: MediaConfig) -> Self {
        let (sender, events) = bounded::<Event>(4_096);
        let sink = move |_: usize| {
            let sender = sender.clone();
            Box::new(move |event: Event| sender.try_send(event).is_ok()) as Box<dyn EventSink>
        };
        let pool = media::start(&config, sink).expect("starts");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Core { pool, events, runtime }
    }

    fn handle(&self) -> MediaHandle {
        self.pool.handle()
    }

    /// The first call from `from` whose number gives that thread.
    fn call_on(&self, thread: usize, from: u64) -> u64 {
        (from..).find(|&call| self.handle().thread_for(call).index() == thread).unwrap()
    }

    fn send(&self, command: Command) {
        let call = command.leg().expect("of a leg").call_number();
        self.handle().thread_for(call).send(command).expect("taken");
    }

    fn event(&self, wanted: impl Fn(&Event) -> bool) -> Event {
        let until = Instant::now() + PATIENCE;
        loop {
            let event = self.events.recv_timeout(until - Instant::now()).expect("it comes");
            if wanted(&event) {
                return event;
            }
        }
    }

    fn talker(&self, call: u64, nth: u64) -> Talker {
        let leg = LegId(LegId::first_of(call).0 + nth);
        let phone = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        phone.set_read_timeout(Some(PATIENCE)).unwrap();
        self.send(Command::Open { leg });
        let opened = self.event(|e| matches!(e, Event::Opened { leg: l, .. } if *l == leg));
        let Event::Opened { rtp_port, .. } = opened else { unreachable!() };
        let spec = LegSpec::new(CodecId::Pcmu, Some(phone.local_addr().unwrap()));
        self.send(Command::Configure { leg, spec: Box::new(LegSpec { rtcp_mux: false, remote_rtcp: None, ..spec }) });
        Talker { leg, phone, to: SocketAddr::new(LOOPBACK, rtp_port) }
    }

    /// Begins a move; its end comes out.
    fn begin(&self, call: u64, to: &MediaThread) -> mpsc::Receiver<Result<(), MoveFailed>> {
        let (done, moved) = mpsc::sync_channel(1);
        let _in = self.runtime.enter();
        self.handle().move_call(call, to, move |result| done.send(result).unwrap());
        moved
    }

    fn move_to(&self, call: u64, thread: usize) -> Result<(), MoveFailed> {
        let to = self.handle().threads()[thread].clone();
        self.begin(call, &to).recv_timeout(PATIENCE).expect("it ends")
    }

    fn legs(&self, thread: usize) -> u64 {
        self.handle().threads()[thread].snapshot().legs
    }

    /// Both threads have all their ports. A thread that sleeps counts what came back when it wakes.
    fn has_all_ports(&self, of: u64) -> bool {
        for thread in 0..2 {
            let somebody = LegId::first_of(self.call_on(thread, 1_000));
            self.send(Command::Query { leg: somebody });
        }
        self.handle().threads().iter().all(|thread| thread.snapshot().port_pairs_free == of)
    }

    /// Everything sent before is done.
    fn sync(&self, leg: LegId) {
        self.send(Command::Query { leg });
        self.event(|e| matches!(e, Event::Stats { leg: l, .. } if *l == leg));
    }
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::yield_now();
    }
}

fn rtp(seq: u16, ssrc: u8) -> Vec<u8> {
    let mut packet = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ssrc];
    packet[2..4].copy_from_slice(&seq.to_be_bytes());
    packet[4..8].copy_from_slice(&(u32::from(seq) * 160).to_be_bytes());
    packet.extend([ssrc; 160]);
    packet
}

/// `a` speaks so many packets, which `b` hears one by one; gives SSRC and sequence of what `b` heard.
fn talk(a: &Talker, b: &Talker, from: u16, packets: u16) -> Vec<(u32, u16)> {
    let mut heard = Vec::new();
    let mut buf = [0; 2_048];
    for seq in from..from + packets {
        a.phone.send_to(&rtp(seq, 7), a.to).unwrap();
        let (n, src) = b.phone.recv_from(&mut buf).expect("heard");
        assert_eq!((&buf[12..n], src), (&[7; 160][..], b.to));
        heard.push((
            u32::from_be_bytes(buf[8..12].try_into().unwrap()),
            u16::from_be_bytes(buf[2..4].try_into().unwrap()),
        ));
    }
    heard
}

fn assert_goes_on(heard: &[(u32, u16)]) {
    for pair in heard.windows(2) {
        assert_eq!((pair[1].0, pair[1].1), (pair[0].0, pair[0].1.wrapping_add(1)));
    }
}

#[test]
fn a_conversation_moves_there_and_back_with_its_ports_and_its_sequence() {
    let core = Core::start(MediaConfig::new(LOOPBACK, 25_000..=25_039, vec![0, 0]));
    let call = core.call_on(0, 1);
    let (a, b) = (core.talker(call, 0), core.talker(call, 1));
    core.send(Command::Bridge { a: a.leg, b: b.leg });
    core.sync(a.leg);
    let mut heard = talk(&a, &b, 0, 60);
    for (round, thread) in [1, 0, 1].into_iter().enumerate() {
        assert_eq!(core.move_to(call, thread), Ok(()));
        assert_eq!(core.handle().thread_of(call).index(), thread);
        until("counted where they are", || (core.legs(thread), core.legs(1 - thread)) == (2, 0));
        heard.extend(talk(&a, &b, 60 * (round as u16 + 1), 60));
    }
    assert_goes_on(&heard);
    assert_eq!(heard.len(), 240);
    // Moving to where it is is no move.
    assert_eq!(core.move_to(call, 1), Ok(()));
    for talker in [&a, &b] {
        core.send(Command::Close { leg: talker.leg });
        let closed = core.event(|e| matches!(e, Event::Closed { leg, .. } if *leg == talker.leg));
        let Event::Closed { stats, .. } = closed else { unreachable!() };
        assert_eq!(stats.packets_lost, 0);
    }
    core.handle().forget(call);
    assert_eq!(core.handle().thread_of(call).index(), 0);
    // The ports are back in the pool they are of.
    until("all ports are back", || core.has_all_ports(10));
}

#[test]
fn each_command_sent_during_moves_has_its_answer_and_in_its_turn() {
    let core = Core::start(MediaConfig::new(LOOPBACK, 25_200..=25_239, vec![0, 0]));
    let call = core.call_on(0, 1);
    let a = core.talker(call, 0);
    let mut told = Vec::new();
    for round in 0..40_u64 {
        let to = core.handle().threads()[usize::from(round % 2 == 0)].clone();
        let moved = core.begin(call, &to);
        // Before it is over a second is refused; after it there is nowhere to go.
        let again = core.begin(call, &to);
        for n in 0..3 {
            let play = PlayId(round * 3 + n);
            core.send(Command::SendDigits { leg: a.leg, play, digits: "x".to_owned() });
        }
        for _ in 0..3 {
            match core.event(|e| matches!(e, Event::PlayDone { .. })) {
                Event::PlayDone { play, completed: false, .. } => told.push(play.0),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(moved.recv_timeout(PATIENCE), Ok(Ok(())));
        assert!(matches!(again.recv_timeout(PATIENCE), Ok(Ok(()) | Err(MoveFailed::Busy))));
    }
    assert_eq!(told, (0..120).collect::<Vec<_>>());
}

#[test]
fn a_thread_without_room_sends_a_call_back_to_where_it_goes_on() {
    // Nothing but the first call of a thread.
    let config = MediaConfig { load_max: 1e-9, ..MediaConfig::new(LOOPBACK, 25_300..=25_339, vec![0, 0]) };
    let core = Core::start(config);
    let call = core.call_on(0, 1);
    let other = core.call_on(1, 1);
    let (a, b) = (core.talker(call, 0), core.talker(call, 1));
    let _c = core.talker(other, 0);
    core.send(Command::Bridge { a: a.leg, b: b.leg });
    core.sync(a.leg);
    let mut heard = talk(&a, &b, 0, 20);
    assert_eq!(core.move_to(call, 1), Err(MoveFailed::Overloaded));
    assert_eq!(core.handle().thread_of(call).index(), 0);
    heard.extend(talk(&a, &b, 20, 20));
    assert_goes_on(&heard);
    until("they are counted where they were", || (core.legs(0), core.legs(1)) == (2, 1));
}

#[test]
fn legs_that_moved_fail_with_the_thread_they_are_on_and_not_with_the_one_they_left() {
    let core = Core::start(MediaConfig::new(LOOPBACK, 25_400..=25_439, vec![0, 0]));
    let call = core.call_on(0, 1);
    let (a, b) = (core.talker(call, 0), core.talker(call, 1));
    core.send(Command::Bridge { a: a.leg, b: b.leg });
    core.sync(a.leg);
    assert_eq!(core.move_to(call, 1), Ok(()));
    core.handle().threads()[0].inject_panic().unwrap();
    until("it is restarted", || core.handle().threads()[0].snapshot().restarts == 1);
    assert_eq!(talk(&a, &b, 0, 20).len(), 20);
    core.handle().threads()[1].inject_panic().unwrap();
    for _ in 0..2 {
        core.event(|e| matches!(e, Event::Failed { .. }));
    }
    until("both threads have all their ports", || core.has_all_ports(10));
    // And a new call comes by the number.
    core.handle().forget(call);
    core.talker(call, 2);
}

#[test]
fn a_call_without_a_leg_yet_opens_its_first_where_it_moved_to() {
    let core = Core::start(MediaConfig::new(LOOPBACK, 25_500..=25_539, vec![0, 0]));
    let call = core.call_on(0, 1);
    assert_eq!(core.move_to(call, 1), Ok(()));
    core.talker(call, 0);
    until("it is there", || (core.legs(0), core.legs(1)) == (0, 1));
}
