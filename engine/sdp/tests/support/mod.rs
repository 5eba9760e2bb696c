#![allow(dead_code, reason = "each test file uses its part")]

use std::net::{IpAddr, Ipv4Addr};

use tandem_model::{SeedEntropy, SrtpSuite};
use tandem_sdp::*;

pub const KEY_80: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0e";

pub fn codec(name: &str) -> CodecOffer {
    let plain: &[u8] = &[10, 20, 30, 40, 50, 60];
    let (name, clock_hz, channels, payload_type, fmtp, ptimes_ms) = match name {
        "PCMU" => (name, 8_000, 1, 0, "", plain),
        "PCMA" => (name, 8_000, 1, 8, "", plain),
        "G722" => (name, 8_000, 1, 9, "", plain),
        "L16@16" => ("L16", 16_000, 1, 98, "", &[10, 20, 30, 40][..]),
        "L16@48" => ("L16", 48_000, 1, 100, "", &[10][..]),
        _ => (name, 48_000, 2, 96, "useinbandfec=1", &[10, 20, 40, 60][..]),
    };
    let opus = name == "opus";
    CodecOffer {
        name: name.to_owned(),
        clock_hz,
        channels,
        any_channels: opus,
        ptimes_ms,
        comfort_noise: !opus,
        payload_type,
        fmtp: fmtp.to_owned(),
    }
}

pub fn capabilities(encryption: Encryption) -> Capabilities {
    Capabilities {
        codecs: ["opus", "PCMU", "PCMA"].map(codec).to_vec(),
        dtmf: true,
        comfort_noise: ComfortNoise::Accept,
        ptime_ms: 20,
        encryption,
        suites: SrtpSuite::ALL.to_vec(),
        rtcp_mux: true,
        rtcp_rsize: true,
        rtcp_xr: RtcpXr { voip_metrics: true, receiver_rtt: true },
        pins: Vec::new(),
    }
}

pub fn local() -> LocalMedia {
    LocalMedia::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 20_000, 42)
}

pub fn entropy() -> SeedEntropy {
    SeedEntropy::new(1)
}

/// An offer of one audio line: `m=` without its kind, then attributes.
pub fn audio(line: &str, attributes: &[&str]) -> Description {
    let mut text = format!("v=0\no=- 1 1 IN IP4 198.51.100.1\ns=-\nc=IN IP4 198.51.100.1\nt=0 0\nm=audio {line}\n");
    for attribute in attributes {
        text.push_str(&format!("a={attribute}\n"));
    }
    parse(text.as_bytes()).expect("the test's own text")
}

pub fn answered(capabilities: &Capabilities, remote: &Description) -> Result<(String, Agreement), Refusal> {
    let (text, agreement) = answer(capabilities, &local(), remote, Preference::Offered, &mut entropy())?;
    Ok((String::from_utf8(text.to_vec()).expect("we write text"), agreement))
}
