//! Addresses nobody else uses: all of 127.0.0.0/8 is this machine, so that each party of each test gets its own.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// A loopback address of this process alone, never given twice.
pub fn own_ip() -> IpAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let (block, host) = ((n / 250) as u8, (n % 250) as u8 + 1);
    assert!(block < 4, "too many addresses in one test process");
    let [_, _, high, low] = std::process::id().to_be_bytes();
    // 127.0.x.x stays free: it is what people and programs take by hand.
    Ipv4Addr::new(127, 1 + (high & 0x1f) + 32 * block, low, host).into()
}

/// A port nobody listens at, for UDP and TCP alike.
pub fn free_port(ip: IpAddr) -> u16 {
    for _ in 0..100 {
        let udp = UdpSocket::bind((ip, 0)).expect("a UDP port");
        let port = udp.local_addr().expect("its address").port();
        if TcpListener::bind((ip, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port at {ip}");
}

/// Two UDP sockets for RTP and RTCP: an even port and the next (RFC 3550 section 11).
pub fn rtp_pair(ip: IpAddr) -> (UdpSocket, UdpSocket) {
    for _ in 0..200 {
        let rtp = UdpSocket::bind((ip, 0)).expect("a UDP port");
        let port = rtp.local_addr().expect("its address").port();
        if port.is_multiple_of(2)
            && port < u16::MAX
            && let Ok(rtcp) = UdpSocket::bind((ip, port + 1))
        {
            return (rtp, rtcp);
        }
    }
    panic!("no free port pair at {ip}");
}
