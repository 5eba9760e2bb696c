use std::fmt::Write;
use std::net::IpAddr;

use bytes::Bytes;
use tandem_model::SrtpKey;

use crate::formats::DTMF_EVENTS;
use crate::{Direction, LineShape, LocalMedia, RtcpXr, crypto};

/// What a description of a few formats takes.
const USUAL_BYTES: usize = 512;

/// One description of ours: the session lines, then media lines in order.
pub(crate) struct Writer {
    text: String,
}

/// The audio line as we write it.
pub(crate) struct AudioLine<'a> {
    pub proto: &'a str,
    pub formats: &'a [WrittenFormat<'a>],
    pub direction: Direction,
    pub ptime_ms: u8,
    pub keys: &'a [(u32, SrtpKey)],
    pub rtcp_mux: bool,
    pub rtcp_rsize: bool,
    pub rtcp_xr: RtcpXr,
}

pub(crate) struct WrittenFormat<'a> {
    pub payload_type: u8,
    pub name: &'a str,
    pub clock_hz: u32,
    pub channels: u8,
    pub fmtp: &'a str,
}

impl WrittenFormat<'_> {
    pub(crate) fn telephone_event(payload_type: u8, clock_hz: u32) -> Self {
        WrittenFormat { payload_type, name: "telephone-event", clock_hz, channels: 1, fmtp: DTMF_EVENTS }
    }
}

impl WrittenFormat<'_> {
    /// RFC 3389 section 4: without parameters.
    pub(crate) fn comfort_noise(payload_type: u8, clock_hz: u32) -> Self {
        WrittenFormat { payload_type, name: "CN", clock_hz, channels: 1, fmtp: "" }
    }
}

impl Writer {
    /// `v=` to `t=` (RFC 8866 section 5); `s=-` as RFC 3264 section 5 has it.
    pub(crate) fn new(local: &LocalMedia, (start, stop): (u64, u64)) -> Self {
        let family = |ip| if matches!(ip, IpAddr::V4(_)) { "IP4" } else { "IP6" };
        let (id, version) = (local.session_id, local.session_version);
        let (origin, address) = (local.origin, local.address);
        let mut writer = Writer { text: String::with_capacity(USUAL_BYTES) };
        writer.line(format_args!("v=0"));
        writer.line(format_args!("o=- {id} {version} IN {} {origin}", family(origin)));
        writer.line(format_args!("s=-"));
        writer.line(format_args!("c=IN {} {address}", family(address)));
        writer.line(format_args!("t={start} {stop}"));
        writer
    }

    pub(crate) fn declined(&mut self, line: &LineShape) {
        self.line(format_args!("m={} 0 {} {}", line.kind, line.proto, line.format));
    }

    pub(crate) fn audio(&mut self, port: u16, audio: &AudioLine<'_>) {
        self.put(format_args!("m=audio {port} {}", audio.proto));
        for f in audio.formats {
            self.put(format_args!(" {}", f.payload_type));
        }
        self.end_line();
        for f in audio.formats {
            self.put(format_args!("a=rtpmap:{} {}/{}", f.payload_type, f.name, f.clock_hz));
            if f.channels > 1 {
                self.put(format_args!("/{}", f.channels));
            }
            self.end_line();
            if !f.fmtp.is_empty() {
                self.line(format_args!("a=fmtp:{} {}", f.payload_type, f.fmtp));
            }
        }
        self.line(format_args!("a=ptime:{}", audio.ptime_ms));
        for (tag, key) in audio.keys {
            self.line(format_args!("a=crypto:{}", crypto::write(*tag, key)));
        }
        // Said even where it is the next port: a NAT between may map it elsewhere (RFC 3605 section 2.1). A declined or
        // multiplexed line has no other port to tell.
        if let (false, Some(rtcp)) = (audio.rtcp_mux, port.checked_add(1).filter(|_| port != 0)) {
            self.line(format_args!("a=rtcp:{rtcp}"));
        }
        if audio.rtcp_mux {
            self.line(format_args!("a=rtcp-mux"));
        }
        if audio.rtcp_rsize {
            self.line(format_args!("a=rtcp-rsize"));
        }
        let formats = [(audio.rtcp_xr.voip_metrics, " voip-metrics"), (audio.rtcp_xr.receiver_rtt, " rcvr-rtt=all")];
        let formats: String = formats.into_iter().filter_map(|(taken, name)| taken.then_some(name)).collect();
        if !formats.is_empty() {
            self.line(format_args!("a=rtcp-xr:{}", formats.trim_start()));
        }
        self.line(format_args!("a={}", audio.direction.as_str()));
    }

    pub(crate) fn finish(self) -> Bytes {
        Bytes::from(self.text)
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        self.put(text);
        self.end_line();
    }

    fn end_line(&mut self) {
        self.text.push_str("\r\n");
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = self.text.write_fmt(text);
    }
}
