//! A thread that every packet wakes, as a phone's would be: what that costs is charged to whoever sent the packet.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::ends::Ends;

const LOOK_MS: u16 = 200;

/// Ends with its drop.
pub struct Waker {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Waker {
    /// Waits at the RTP sockets without reading them.
    ///
    /// # Errors
    /// No thread, or epoll's.
    pub fn start(ends: &Ends) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::empty())?;
        for socket in &ends.rtp {
            // Edge-triggered: each arrival wakes once, whatever still lies there.
            epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0))?;
        }
        let ended = Arc::new(AtomicBool::new(false));
        let flag = ended.clone();
        let wait = move || {
            let mut events = [EpollEvent::empty(); 2];
            let mut woken = 0;
            loop {
                woken += epoll.wait(&mut events, EpollTimeout::from(LOOK_MS)).unwrap_or(0) as u64;
                if flag.load(Ordering::Acquire) {
                    return woken;
                }
            }
        };
        let thread = std::thread::Builder::new().name("woken".into()).spawn(wait)?;
        Ok(Waker { ended, thread: Some(thread) })
    }

    /// How often it was woken.
    pub fn finish(mut self) -> u64 {
        self.ended.store(true, Ordering::Release);
        self.thread.take().and_then(|t| t.join().ok()).unwrap_or(0)
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::Kind;
    use super::*;

    #[test]
    fn a_packet_that_nobody_reads_wakes_it_once() {
        let ends = Ends::open(Ipv4Addr::LOCALHOST.into(), Kind::Relay, None).expect("ports");
        let to = ends.addresses().expect("bound")[0];
        let waker = Waker::start(&ends).expect("a thread");
        ends.rtp[1].send_to(b"one", to).expect("sent");
        assert_eq!(waker.finish(), 1);
    }
}
