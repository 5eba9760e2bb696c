//! Many connections: who is let in, and what the silent cost.

use std::time::Duration;

use tandem_actors::transport::{ConnectionLimits, Timing};
use tandem_model::Transport;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::common::server::{hasty, patient};
use super::common::{Peer, Server, options};

#[actix::test]
async fn silent_connections_make_room_for_one_that_speaks() {
    let limits = ConnectionLimits { all: 100, per_source: 3 };
    let server = Server::with(patient(), limits, |_| {});
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(Peer::connect(&server, Transport::Tcp).await);
    }
    let mut phone = Peer::connect(&server, Transport::Tcp).await;
    phone.send(&options("phone")).await;
    phone.answered("phone", 200).await;
    // The first that came, and no other.
    silent.remove(0).closed().await;
    let mut second = silent.remove(0);
    second.send(&options("second")).await;
    second.answered("second", 200).await;
}

#[actix::test]
async fn connections_that_speak_are_never_sent_away_for_others() {
    let limits = ConnectionLimits { all: 100, per_source: 2 };
    let timing = Timing { half_close: Duration::from_millis(100), ..patient() };
    let mut server = Server::with(timing, limits, |_| {});
    let mut phones = Vec::new();
    for n in 0..2 {
        let mut phone = Peer::connect(&server, Transport::Tcp).await;
        phone.send(&options(&format!("phone{n}"))).await;
        phone.answered(&format!("phone{n}"), 200).await;
        phones.push(phone);
    }
    // Accepted by the system, closed by us.
    Peer::raw(&server, Transport::Tcp).await.closed().await;
    for (n, phone) in phones.iter_mut().enumerate() {
        phone.send(&options(&format!("again{n}"))).await;
        phone.answered(&format!("again{n}"), 200).await;
    }
    // One that leaves makes room.
    let left = phones.pop().unwrap();
    drop(left);
    server.unreachable().await;
    let mut next = Peer::connect(&server, Transport::Tcp).await;
    next.send(&options("next")).await;
    next.answered("next", 200).await;
}

#[actix::test]
async fn a_proxy_of_ours_may_bring_more_connections_than_one_client() {
    let limits = ConnectionLimits { all: 6, per_source: 2 };
    let server = Server::with(patient(), limits, |s| s.proxies = vec!["127.0.0.1".parse().unwrap()]);
    let mut flows = Vec::new();
    for n in 0..6 {
        let mut flow = Peer::connect(&server, Transport::Tcp).await;
        flow.send(&options(&format!("flow{n}"))).await;
        flow.answered(&format!("flow{n}"), 200).await;
        flows.push(flow);
    }
    Peer::raw(&server, Transport::Tcp).await.closed().await;
    for (n, flow) in flows.iter_mut().enumerate() {
        flow.send(&options(&format!("again{n}"))).await;
        flow.answered(&format!("again{n}"), 200).await;
    }
}

/// Promises row 2, at a size that a test machine's descriptors allow.
#[actix::test]
async fn thousands_of_idle_and_dribbling_connections_are_closed_and_others_served() {
    let limits = ConnectionLimits { all: 8_192, per_source: 8_192 };
    let mut timing = hasty();
    timing.first_message = Duration::from_secs(3);
    let server = Server::with(timing, limits, |_| {});
    let address = server.address(Transport::Tcp);
    // Two descriptors each.
    let (soft, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
    let count = (soft / 2).saturating_sub(200).min(1_500) as usize;
    let mut crowd = Vec::new();
    for n in 0..count {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if n % 2 == 0 {
            let _ = stream.write_all(b"OPTIONS sip:server.test SIP/2.0\r\nVia").await;
        }
        crowd.push(stream);
        if n % 100 == 0 {
            let mut phone = Peer::connect(&server, Transport::Tcp).await;
            phone.send(&options(&format!("phone{n}"))).await;
            phone.answered(&format!("phone{n}"), 200).await;
        }
    }
    for stream in &mut crowd {
        let mut byte = [0];
        assert!(matches!(stream.read(&mut byte).await, Ok(0) | Err(_)));
    }
    let mut phone = Peer::connect(&server, Transport::Tcp).await;
    phone.send(&options("after")).await;
    phone.answered("after", 200).await;
}
