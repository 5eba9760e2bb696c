//! The least a relay in user space can be: one thread, one socket a leg, epoll, one recvfrom and one sendto a packet.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// How often a relay that hears nothing looks whether it is to end.
const LOOK_MS: u16 = 200;

#[derive(Args, Clone, Debug)]
pub struct RelayArgs {
    /// Address of the first of its ports; two a call, the caller's first.
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    calls: u16,
    /// Where the callers are.
    #[arg(long)]
    caller: SocketAddr,
    /// Where the callees are.
    #[arg(long)]
    callee: SocketAddr,
    /// Sockets are connected to their end, which saves the kernel a look-up a packet.
    #[arg(long)]
    connected: bool,
}

pub struct MinimalRelay {
    epoll: Epoll,
    /// Two a call; the partner of socket n is n ^ 1.
    sockets: Vec<UdpSocket>,
    /// Where even and odd sockets send to; None when they are connected.
    to: Option<[SocketAddr; 2]>,
}

impl MinimalRelay {
    /// # Errors
    /// A port is taken, or there are not enough descriptors.
    pub fn open(args: &RelayArgs) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::empty())?;
        let ends = [args.caller, args.callee];
        let mut sockets = Vec::new();
        for n in 0..usize::from(args.calls) * 2 {
            let port = u16::try_from(n).ok().and_then(|n| args.listen.port().checked_add(n));
            let port = port.ok_or_else(|| io::Error::other("more calls than ports"))?;
            let socket = UdpSocket::bind((args.listen.ip(), port))?;
            if args.connected {
                socket.connect(ends[n % 2])?;
            }
            socket.set_nonblocking(true)?;
            epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, n as u64))?;
            sockets.push(socket);
        }
        Ok(MinimalRelay { epoll, sockets, to: (!args.connected).then_some(ends) })
    }

    /// Until `ended`.
    ///
    /// # Errors
    /// epoll's.
    pub fn run(&self, ended: &AtomicBool) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); 64];
        let mut buffer = [0; 2_048];
        while !ended.load(Ordering::Relaxed) {
            let ready = match self.epoll.wait(&mut events, EpollTimeout::from(LOOK_MS)) {
                Ok(ready) => ready,
                Err(nix::Error::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            for event in &events[..ready] {
                let n = event.data() as usize;
                // One packet an event: what else waits there is reported again.
                let Ok((len, _)) = self.sockets[n].recv_from(&mut buffer) else { continue };
                let partner = &self.sockets[n ^ 1];
                // A full buffer or an ICMP error loses a packet, as in any relay.
                let _ = match self.to {
                    Some(ends) => partner.send_to(&buffer[..len], ends[(n ^ 1) % 2]),
                    None => partner.send(&buffer[..len]),
                };
            }
        }
        Ok(())
    }
}

/// Relays until the process is ended.
///
/// # Errors
/// Those of `open` and `run`.
pub fn serve(args: &RelayArgs) -> io::Result<()> {
    let relay = MinimalRelay::open(args)?;
    println!("ready");
    relay.run(&AtomicBool::new(false))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn localhost(port: u16) -> SocketAddr {
        (std::net::Ipv4Addr::LOCALHOST, port).into()
    }

    fn end() -> UdpSocket {
        let socket = UdpSocket::bind(localhost(0)).expect("a port");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
        socket
    }

    /// A relay of two calls on ports that are free.
    fn open(ends: &[UdpSocket; 2], connected: bool) -> (MinimalRelay, u16) {
        let [caller, callee] = [0, 1].map(|n| ends[n].local_addr().expect("bound"));
        (20_000..32_000)
            .step_by(4)
            .find_map(|port| {
                let args = RelayArgs { listen: localhost(port), calls: 2, caller, callee, connected };
                MinimalRelay::open(&args).ok().map(|relay| (relay, port))
            })
            .expect("four free ports")
    }

    #[test]
    fn each_party_hears_its_peer_from_the_port_it_sends_to() {
        for connected in [false, true] {
            let ends = [end(), end()];
            let (relay, first) = open(&ends, connected);
            let ended = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| relay.run(&ended));
                let mut buffer = [0; 64];
                for (from, port, heard_at, heard_from) in [(0, 0, 1, 1), (1, 1, 0, 0), (0, 2, 1, 3), (1, 3, 0, 2)] {
                    let text = format!("{from} by {port}");
                    ends[from].send_to(text.as_bytes(), localhost(first + port)).expect("sent");
                    let (len, source) = ends[heard_at].recv_from(&mut buffer).expect("relayed");
                    assert_eq!(&buffer[..len], text.as_bytes());
                    assert_eq!(source, localhost(first + heard_from), "connected {connected}");
                }
                ended.store(true, Ordering::Relaxed);
            });
        }
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let ends = [end(), end()];
        let (_relay, first) = open(&ends, false);
        let to = ends[0].local_addr().expect("bound");
        let args = RelayArgs { listen: localhost(first), calls: 1, caller: to, callee: to, connected: false };
        assert!(MinimalRelay::open(&args).is_err());
        assert!(MinimalRelay::open(&RelayArgs { listen: localhost(65_534), calls: 2, ..args }).is_err());
    }
}
