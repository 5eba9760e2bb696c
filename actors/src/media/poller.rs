use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tandem_media::shard::Slot;

const EVENTS_PER_WAIT: usize = 1_024;
/// Not a socket's: those count up from zero.
const WAKER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// What a media thread waits for: its sockets, its timer, and whoever wakes it.
///
/// Level-triggered: what is left in a socket is reported again at the next wait. So one read a report is enough, the read that would
/// only say that the socket is empty is saved, and a flood on one port takes its turn like any other socket.
pub(super) struct Poller {
    epoll: Epoll,
    timer: TimerFd,
    waker: Waker,
    events: Vec<EpollEvent>,
    reported: usize,
}

/// One of a leg's sockets.
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
    Readable(Slot, Socket),
}

/// Ends the wait of a media thread, from another. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Waker(Arc<EventFd>);

impl Waker {
    /// # Errors
    /// The kernel's.
    pub fn wake(&self) -> io::Result<()> {
        match self.0.write(1) {
            // A counter that is full wakes as well.
            Ok(_) | Err(Errno::EAGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Poller {
    /// # Errors
    /// The kernel's, when it gives no more files.
    pub fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        let waker = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        epoll.add(timer.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        epoll.add(waker.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, WAKER))?;
        let events = vec![EpollEvent::empty(); EVENTS_PER_WAIT];
        Ok(Poller { epoll, timer, waker: Waker(Arc::new(waker)), events, reported: 0 })
    }

    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Watches a socket until it is closed.
    ///
    /// # Errors
    /// The kernel's.
    pub fn watch(&self, slot: Slot, which: Socket, socket: impl AsFd) -> io::Result<()> {
        Ok(self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, key(slot, which)))?)
    }

    /// Waits until something is ready, or with `look_only` not at all. Returns how many things are: see [`Poller::ready`].
    ///
    /// # Errors
    /// The kernel's; a signal is none.
    pub fn wait(&mut self, look_only: bool) -> io::Result<usize> {
        let timeout = if look_only { EpollTimeout::ZERO } else { EpollTimeout::NONE };
        self.reported = match self.epoll.wait(&mut self.events, timeout) {
            Ok(n) => n,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(self.reported)
    }

    /// The `index`th thing the last wait found. A wake-up is taken by that; the timer stays ready until it is set again.
    pub fn ready(&self, index: usize) -> Option<Ready> {
        match self.events[..self.reported].get(index)?.data() {
            WAKER => {
                // Empty when somebody asks twice.
                let _ = self.waker.0.read();
                Some(Ready::Woken)
            }
            TIMER => Some(Ready::Timer),
            key => from_key(key),
        }
    }

    /// Makes the timer ready after `wait`, or never. Setting it also takes back that it is ready.
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

fn key(slot: Slot, which: Socket) -> u64 {
    slot.0 as u64 * SOCKETS.len() as u64 + which as u64
}

fn from_key(key: u64) -> Option<Ready> {
    let n = SOCKETS.len() as u64;
    let slot = Slot(usize::try_from(key / n).ok()?);
    Some(Ready::Readable(slot, *SOCKETS.get((key % n) as usize)?))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use super::*;

    #[test]
    fn every_socket_of_every_slot_has_a_key_of_its_own() {
        let mut keys = std::collections::BTreeSet::new();
        for slot in (0..1_000).map(Slot) {
            for which in SOCKETS {
                assert!(keys.insert(key(slot, which)));
                assert_eq!(from_key(key(slot, which)), Some(Ready::Readable(slot, which)));
            }
        }
    }

    #[test]
    fn what_is_left_in_a_socket_is_reported_again() {
        let mut poller = Poller::new().unwrap();
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        poller.watch(Slot(7), Socket::Rtcp, &socket).unwrap();
        for _ in 0..2 {
            socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        }
        for _ in 0..2 {
            assert_eq!(poller.wait(false).unwrap(), 1);
            assert_eq!(poller.ready(0), Some(Ready::Readable(Slot(7), Socket::Rtcp)));
            socket.recv_from(&mut [0; 8]).unwrap();
        }
        assert_eq!(poller.wait(true).unwrap(), 0);
        assert_eq!(poller.ready(0), None);
    }

    #[test]
    fn a_wake_up_ends_one_wait_and_the_timer_is_ready_until_it_is_set() {
        let mut poller = Poller::new().unwrap();
        let waker = poller.waker();
        waker.wake().unwrap();
        waker.wake().unwrap();
        assert_eq!(poller.wait(false).unwrap(), 1);
        assert_eq!(poller.ready(0), Some(Ready::Woken));
        assert_eq!(poller.wait(true).unwrap(), 0);
        poller.set_timer(Some(Duration::ZERO)).unwrap();
        for _ in 0..2 {
            assert_eq!(poller.wait(false).unwrap(), 1);
            assert_eq!(poller.ready(0), Some(Ready::Timer));
        }
        poller.set_timer(None).unwrap();
        assert_eq!(poller.wait(true).unwrap(), 0);
    }
}
