//! Phones over TLS and WebSocket: they register and call, and are called over the connection they made.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::common::address::{free_port, own_ip};
use crate::common::link::{Link, Secure, Tls, Web};
use crate::common::listeners::Listeners;
use crate::common::phone::{Call, media_of};
use crate::common::tandem::{Options, PASSWORD};
use crate::common::{Phone, Tandem, eventually};

/// A server that listens on everything.
struct Site {
    tandem: Tandem,
    listeners: Listeners,
}

impl Site {
    fn start() -> Site {
        let listeners = Listeners::new();
        Site { tandem: Tandem::start_with(listeners.options()), listeners }
    }

    fn phone(&self, transport: &'static str, user: &str) -> Phone {
        self.tandem.endpoint(user, json!({}));
        let connect = |to| {
            let stream = TcpStream::connect(to).expect("to connect on loopback");
            let address = stream.local_addr().expect("its address");
            (stream, address)
        };
        let plain = |stream: &TcpStream, patience| _ = stream.set_read_timeout(Some(patience));
        let page = format!("https://{}", "server.test");
        let (link, address): (Box<dyn Link>, SocketAddr) = match transport {
            "TLS" => {
                let (stream, address) = connect(self.listeners.tls);
                (Box::new(Tls::new(self.listeners.secure(stream))), address)
            }
            "WS" => {
                let (stream, address) = connect(self.listeners.ws);
                (Box::new(Web::new(stream, &page, plain)), address)
            }
            "WSS" => {
                let (stream, address) = connect(self.listeners.wss);
                let patient = move |stream: &Secure, patience| plain(&stream.sock, patience);
                (Box::new(Web::new(self.listeners.secure(stream), &page, patient)), address)
            }
            other => panic!("no phone talks over {other} here"),
        };
        let mut phone = Phone::over(transport, link, address, &self.tandem, user, PASSWORD);
        assert_eq!(phone.register().status(), 200);
        phone
    }
}

fn hear_each_other(call: &Call, rung: &Call) {
    call.media.dial("42#");
    rung.media.dial("17*");
    eventually("each hears the other's digits", Duration::from_secs(20), || {
        let heard = (call.media.heard_digits(), rung.media.heard_digits());
        (heard == ("17*".to_owned(), "42#".to_owned())).then_some(())
    });
}

/// One registers over `transport`, calls a phone on UDP and is called by it; each hears the other's digits.
fn call_and_be_called(transport: &'static str) {
    let site = Site::start();
    let mut here = site.phone(transport, "alice");
    site.tandem.endpoint("bob", json!({}));
    let mut there = Phone::new(&site.tandem, "bob", PASSWORD);
    assert_eq!(there.register().status(), 200);

    let mut call = here.invite(&there.uri());
    let mut rung = there.ringing();
    there.answer_call(&mut rung);
    let answer = here.connected(&mut call);
    assert!(
        answer.contact().to_ascii_lowercase().contains(match transport {
            "TLS" => "sips:",
            _ => "transport=ws",
        }),
        "{}",
        answer.contact()
    );
    hear_each_other(&call, &rung);
    // A request of ours within the dialog, over the phone's own connection.
    assert_eq!(there.hang_up(&mut rung).status(), 200);
    here.hung_up(&call);

    let mut call = there.invite(&here.uri());
    let mut rung = here.ringing();
    assert!(rung.invite.header("Via").starts_with(&format!("SIP/2.0/{transport} ")), "{}", rung.invite.header("Via"));
    here.answer_call(&mut rung);
    there.connected(&mut call);
    assert_eq!(here.hang_up(&mut rung).status(), 200);
    there.hung_up(&call);
    let gauge = format!("tandem_sip_connections_{}", transport.to_ascii_lowercase());
    assert!((site.tandem.metric(&gauge, "") - 1.0).abs() < 0.1);
}

#[test]
fn a_phone_over_tls_calls_and_is_called() {
    call_and_be_called("TLS");
}

#[test]
fn a_browsers_phone_calls_and_is_called() {
    call_and_be_called("WS");
}

#[test]
fn a_browsers_phone_over_tls_calls_and_is_called() {
    call_and_be_called("WSS");
}

/// One server listens on both families; a telephone of IPv6 and one of IPv4 call each other. Each is told addresses of its own
/// family, in Contact and in SDP, so that its ACK, its BYE and its voice arrive.
#[test]
fn phones_of_ipv4_and_ipv6_call_each_other() {
    let localhost = IpAddr::from(Ipv6Addr::LOCALHOST);
    if UdpSocket::bind((localhost, 0)).is_err() {
        return eprintln!("this machine has no IPv6");
    }
    let also = SocketAddr::new(localhost, free_port(localhost));
    let media_address = Some(IpAddr::from(Ipv6Addr::UNSPECIFIED));
    // On all addresses, so at ports that no other test has.
    let media_ports = Some([19_000, 19_099]);
    let tandem = Tandem::start_with(Options { also: vec![also], media_address, media_ports, ..Options::default() });
    tandem.endpoint("six", json!({}));
    let mut six = Phone::at(localhost, &tandem, "six", PASSWORD);
    six.server = also;
    assert_eq!(six.register().status(), 200);
    let mut four = Phone::registered(&tandem, "four", json!({}));

    let talk = |here: &mut Phone, there: &mut Phone, here_server: SocketAddr, there_server: SocketAddr| {
        let mut call = here.invite(&there.uri());
        let mut rung = there.ringing();
        there.answer_call(&mut rung);
        let answer = here.connected(&mut call);
        for (said, server) in [(&answer, here_server), (&rung.invite, there_server)] {
            assert!(said.contact().contains(&format!("@{server}")), "{} is not of {server}", said.contact());
            let media = media_of(said).expect("where our media is");
            assert_eq!(media.is_ipv6(), server.is_ipv6(), "{media} for a phone of {server}");
        }
        let via = rung.invite.header("Via");
        assert!(via.starts_with(&format!("SIP/2.0/UDP {there_server};")), "{via}");
        hear_each_other(&call, &rung);
        assert_eq!(there.hang_up(&mut rung).status(), 200);
        here.hung_up(&call);
    };
    talk(&mut six, &mut four, also, tandem.sip);
    talk(&mut four, &mut six, tandem.sip, also);
}

#[test]
fn a_certificate_that_cannot_be_used_is_named_at_the_start() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("no-certificate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let ip = own_ip();
    let config = format!(
        "[sip]\nudp = [\"{ip}:5060\"]\ntcp = []\ntls = [\"{ip}:5061\"]\ntls_certificate = \"missing.pem\"\ntls_key = \"key.pem\"\n\
         [http]\nlisten = \"{ip}:8080\"\n[media]\naddress = \"{ip}\"\nports = [21000, 21099]\n"
    );
    std::fs::write(folder.join("tandem.toml"), config).expect("to write");
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_tandem"))
        .args(["serve", "--config", "tandem.toml"])
        .current_dir(&folder)
        .output()
        .expect("to start tandem");
    let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
    assert!(!out.status.success() && said.contains("[sip] missing.pem: "), "{said}");
    let _ = std::fs::remove_dir_all(&folder);
}
