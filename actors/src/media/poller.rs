use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

const EVENTS_PER_WAIT: usize = 1_024;
/// Not a socket's: those count up from zero.
const WAKER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);

/// What a media thread waits for: its sockets, its timer, and whoever wakes it.
///
/// mio reports a socket when something comes, not while something is there. Whoever reads one until it is empty needs no more;
/// whoever leaves something in it says so by [`Poller::has_more`], and finds it among the next wait's, after everybody else.
pub(super) struct Poller {
    poll: Poll,
    events: Events,
    timer: TimerFd,
    waker: Waker,
    ready: Vec<Ready>,
    unread: Vec<Ready>,
}

/// One of the sockets of a pair of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Socket {
    Rtp,
    Rtcp,
    /// The connected one beside the RTP socket, on the same port.
    RtpPeer,
}

/// What there is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ready {
    Woken,
    Timer,
    /// A socket of the pair of ports that begins with this one.
    Readable(u16, Socket),
}

/// Ends the wait of a media thread, from another. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Waker {
    kernel: Arc<mio::Waker>,
    /// Woken, and not looked since: waking it again would only cost.
    woken: Arc<AtomicBool>,
    /// When the thread's own timer ends its wait, in nanoseconds since `origin`; the greatest number is never.
    looks_at: Arc<AtomicU64>,
    origin: Instant,
}

/// A thread that wakes by itself within this time is not woken. Threads with calls tick every two milliseconds, so what they are told
/// waits a millisecond on average, and a busy machine is spared most of its changes of thread.
const SOON: Duration = Duration::from_millis(2);

impl Waker {
    /// To be called after what it is woken for has been put in its place.
    ///
    /// # Errors
    /// The kernel's.
    pub fn wake(&self) -> io::Result<()> {
        // Pairs with the fence of `Poller::rests_until`: either the thread's new plan is seen here, or what was put there is seen by it.
        fence(Ordering::SeqCst);
        let soon = self.origin.elapsed() + SOON;
        if u128::from(self.looks_at.load(Ordering::Relaxed)) <= soon.as_nanos() {
            return Ok(());
        }
        // Whoever finds it woken already put theirs there before the thread looks: `Poller::looking` comes before the look.
        if self.woken.swap(true, Ordering::AcqRel) { Ok(()) } else { self.kernel.wake() }
    }
}

impl Poller {
    /// # Errors
    /// The kernel's, when it gives no more files.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        poll.registry().register(&mut SourceFd(&timer.as_fd().as_raw_fd()), TIMER, Interest::READABLE)?;
        let kernel = Arc::new(mio::Waker::new(poll.registry(), WAKER)?);
        let looks_at = Arc::new(AtomicU64::new(u64::MAX));
        let waker = Waker { kernel, woken: Arc::default(), looks_at, origin: Instant::now() };
        let events = Events::with_capacity(EVENTS_PER_WAIT);
        let (ready, unread) = (Vec::with_capacity(EVENTS_PER_WAIT), Vec::with_capacity(EVENTS_PER_WAIT));
        Ok(Poller { poll, events, timer, waker, ready, unread })
    }

    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// The thread looks at what it may be woken for, from now on: a wake-up after this ends the next wait.
    pub fn looking(&self) {
        self.waker.woken.swap(false, Ordering::AcqRel);
    }

    /// The thread is about to wait, and its timer rings after `wait`, or never. Whatever it can be woken for is to be looked at once
    /// more after this: whoever saw an earlier plan may have left it asleep.
    pub fn rests_until(&self, wait: Option<Duration>) {
        let at = wait.map_or(u64::MAX, |wait| {
            u64::try_from((self.waker.origin.elapsed() + wait).as_nanos()).unwrap_or(u64::MAX)
        });
        self.waker.looks_at.store(at, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Watches a socket until it is closed.
    ///
    /// # Errors
    /// The kernel's.
    pub fn watch(&self, port: u16, which: Socket, socket: impl AsFd) -> io::Result<()> {
        let fd = socket.as_fd().as_raw_fd();
        self.poll.registry().register(&mut SourceFd(&fd), key(port, which), Interest::READABLE)
    }

    /// Watches a socket no longer, which stays open.
    ///
    /// # Errors
    /// The kernel's.
    pub fn unwatch(&self, socket: impl AsFd) -> io::Result<()> {
        self.poll.registry().deregister(&mut SourceFd(&socket.as_fd().as_raw_fd()))
    }

    /// Something may be left in this socket.
    pub fn has_more(&mut self, port: u16, which: Socket) {
        self.unread.push(Ready::Readable(port, which));
    }

    /// Waits until something is ready, or with `look_only` not at all. Returns how many things are: see [`Poller::ready`].
    ///
    /// # Errors
    /// The kernel's; a signal is none.
    pub fn wait(&mut self, look_only: bool) -> io::Result<usize> {
        let at_once = look_only || !self.unread.is_empty();
        self.ready.clear();
        match self.poll.poll(&mut self.events, at_once.then_some(Duration::ZERO)) {
            Ok(()) => self.ready.extend(self.events.iter().filter_map(|event| from_key(event.token()))),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        self.ready.append(&mut self.unread);
        Ok(self.ready.len())
    }

    /// The `index`th thing the last wait found.
    pub fn ready(&self, index: usize) -> Option<Ready> {
        self.ready.get(index).copied()
    }

    /// Makes the timer ready after `wait`, once, or never.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_timer(&self, wait: Option<Duration>) -> io::Result<()> {
        match wait {
            Some(wait) => {
                // A zero would disarm it.
                let once = Expiration::OneShot(TimeSpec::from_duration(wait.max(Duration::from_nanos(1))));
                Ok(self.timer.set(once, TimerSetTimeFlags::empty())?)
            }
            None => Ok(self.timer.unset()?),
        }
    }
}

const SOCKETS: [Socket; 3] = [Socket::Rtp, Socket::Rtcp, Socket::RtpPeer];

fn key(port: u16, which: Socket) -> Token {
    Token(usize::from(port) * SOCKETS.len() + which as usize)
}

fn from_key(key: Token) -> Option<Ready> {
    match key {
        WAKER => Some(Ready::Woken),
        TIMER => Some(Ready::Timer),
        Token(key) => {
            let port = u16::try_from(key / SOCKETS.len()).ok()?;
            Some(Ready::Readable(port, *SOCKETS.get(key % SOCKETS.len())?))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn every_socket_of_every_port_has_a_key_of_its_own() {
        let mut keys = std::collections::BTreeSet::new();
        for port in (0..=u16::MAX).step_by(101) {
            for which in SOCKETS {
                assert!(keys.insert(key(port, which)));
                assert_eq!(from_key(key(port, which)), Some(Ready::Readable(port, which)));
            }
        }
    }

    #[test]
    fn what_is_said_to_be_left_in_a_socket_is_found_again_and_nothing_else_is() {
        let mut poller = Poller::new().unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        poller.watch(7, Socket::Rtcp, &socket).unwrap();
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        for _ in 0..3 {
            assert_eq!(poller.wait(false).unwrap(), 1);
            assert_eq!(poller.ready(0), Some(Ready::Readable(7, Socket::Rtcp)));
            poller.has_more(7, Socket::Rtcp);
        }
        assert_eq!(poller.wait(true).unwrap(), 1);
        assert_eq!(poller.wait(true).unwrap(), 0);
        assert_eq!(poller.ready(0), None);
    }

    #[test]
    fn a_wake_up_ends_one_wait_and_so_does_the_timer() {
        let mut poller = Poller::new().unwrap();
        let waker = poller.waker();
        waker.wake().unwrap();
        waker.wake().unwrap();
        assert_eq!(poller.wait(false).unwrap(), 1);
        assert_eq!(poller.ready(0), Some(Ready::Woken));
        assert_eq!(poller.wait(true).unwrap(), 0);
        // Until the thread has looked, it counts as woken.
        waker.wake().unwrap();
        assert_eq!(poller.wait(true).unwrap(), 0);
        poller.looking();
        waker.wake().unwrap();
        assert_eq!(poller.wait(false).unwrap(), 1);
        // Nor is it woken shortly before it wakes by itself.
        poller.looking();
        poller.rests_until(Some(SOON / 2));
        waker.wake().unwrap();
        assert_eq!(poller.wait(true).unwrap(), 0);
        poller.rests_until(Some(Duration::from_secs(3600)));
        waker.wake().unwrap();
        assert_eq!(poller.wait(false).unwrap(), 1);
        for _ in 0..2 {
            poller.set_timer(Some(Duration::ZERO)).unwrap();
            assert_eq!(poller.wait(false).unwrap(), 1);
            assert_eq!(poller.ready(0), Some(Ready::Timer));
        }
        poller.set_timer(None).unwrap();
        assert_eq!(poller.wait(true).unwrap(), 0);
    }
}
