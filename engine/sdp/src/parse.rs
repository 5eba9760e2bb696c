use std::net::IpAddr;

use tandem_model::limits::{SDP_BYTES_MAX, SDP_FORMATS_MAX, SDP_LINES_MAX, SDP_MEDIA_MAX};

use crate::crypto;
use crate::static_types;
use crate::{Connection, Description, Direction, Format, Media, Origin, Proto, Rtcp, RtcpXr, SdpError};

/// Crypto lines read from one media line; more are passed over.
const CRYPTOS_MAX: usize = 16;

/// Reads a description: RFC 4566 and RFC 8866, leniently. Missing `v=`, `o=`, `s=`, `t=`, bare LF line ends, and unknown
/// lines, attributes and formats are taken, and what is no line of a description is passed over; what would make us send
/// media to a wrong place is not.
///
/// Total: any bytes give a description or an error, within `limits::SDP_*`.
pub fn parse(text: &[u8]) -> Result<Description, SdpError> {
    if text.len() > SDP_BYTES_MAX {
        return Err(SdpError { line: 0, what: "longer than we read" });
    }
    let mut reader = Reader::default();
    for (i, line) in text.split(|b| *b == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line.trim_ascii_end());
        let line = line.trim_end_matches('\0');
        if !line.is_empty() {
            reader.line(line).map_err(|what| SdpError { line: i + 1, what })?;
        }
    }
    reader.finish()
}

/// Lines so far. Directions of media lines are settled at the end, because the session's may come late.
#[derive(Default)]
struct Reader {
    lines: usize,
    /// One of them was `type=value`.
    is_description: bool,
    rtcp_xr: RtcpXr,
    description: Description,
    media: Vec<MediaReader>,
}

struct MediaReader {
    media: Media,
    direction: Option<Direction>,
    payload_types: Vec<u8>,
    maps: Vec<(u8, Format)>,
    fmtps: Vec<(u8, String)>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        if self.lines == SDP_LINES_MAX {
            return Err("more lines than we read");
        }
        self.lines += 1;
        let Some((kind, value)) = line.split_once('=') else { return Ok(()) };
        let kind = kind.trim();
        if kind.len() != 1 || !kind.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Ok(());
        }
        self.is_description = true;
        if kind == "m" {
            if self.media.len() == SDP_MEDIA_MAX {
                return Err("more media lines than we read");
            }
            self.media.push(media(value)?);
            return Ok(());
        }
        match (kind, self.media.last_mut()) {
            ("v", _) if value.trim() != "0" => Err("a version other than 0"),
            ("o", _) => {
                self.description.origin = Some(origin(value).ok_or("origin lacks a field")?);
                Ok(())
            }
            ("t", _) => {
                self.description.timing = self.description.timing.or(timing(value));
                Ok(())
            }
            ("c", None) => {
                self.description.connection = Some(connection(value)?);
                Ok(())
            }
            // Nothing is sent to where a declined line leads.
            ("c", Some(media)) if media.media.port == 0 => {
                media.media.connection = media.media.connection.take().or(connection(value).ok());
                Ok(())
            }
            ("c", Some(media)) => {
                // Several c= lines are layered multicast; the first counts.
                let connection = connection(value)?;
                media.media.connection.get_or_insert(connection);
                Ok(())
            }
            ("a", None) => {
                if let Some(direction) = Direction::from_name(value.trim()) {
                    self.description.direction = direction;
                }
                // Of the session, for all its media lines that say nothing of their own (RFC 3611 section 5.1).
                if let Some(("rtcp-xr", formats)) = value.split_once(':') {
                    rtcp_xr(formats, &mut self.rtcp_xr);
                }
                Ok(())
            }
            ("a", Some(media)) => {
                media.attribute(value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> Result<Description, SdpError> {
        if self.lines == 0 {
            return Err(SdpError { line: 0, what: "empty" });
        }
        if !self.is_description {
            return Err(SdpError { line: 0, what: "no type=value line" });
        }
        let mut description = self.description;
        description.media = self.media.into_iter().map(|m| m.finish(description.direction, self.rtcp_xr)).collect();
        Ok(description)
    }
}

impl MediaReader {
    fn attribute(&mut self, attribute: &str) {
        let (name, value) = match attribute.split_once(':') {
            Some((name, value)) => (name.trim(), value.trim()),
            None => (attribute.trim(), ""),
        };
        match name {
            "rtpmap" => self.maps.extend(rtpmap(value).filter(|_| self.maps.len() < SDP_FORMATS_MAX)),
            "fmtp" => self.fmtps.extend(fmtp(value).filter(|_| self.fmtps.len() < SDP_FORMATS_MAX)),
            "ptime" => self.media.ptime = self.media.ptime.or(milliseconds(value)),
            "maxptime" => self.media.maxptime = self.media.maxptime.or(milliseconds(value)),
            "rtcp" => self.media.rtcp = self.media.rtcp.or(rtcp(value)),
            "rtcp-mux" => self.media.rtcp_mux = true,
            "rtcp-rsize" => self.media.rtcp_rsize = true,
            "rtcp-xr" => rtcp_xr(value, &mut self.media.rtcp_xr),
            "crypto" if self.media.cryptos.len() < CRYPTOS_MAX => self.media.cryptos.extend(crypto::parse(value)),
            _ => self.direction = Direction::from_name(name).or(self.direction),
        }
    }

    fn finish(self, session: Direction, session_xr: RtcpXr) -> Media {
        let MediaReader { mut media, direction, payload_types, maps, fmtps } = self;
        media.direction = direction.unwrap_or(session);
        if media.rtcp_xr == RtcpXr::default() {
            media.rtcp_xr = session_xr;
        }
        for payload_type in payload_types {
            let mapped = maps.iter().find(|(pt, _)| *pt == payload_type).map(|(_, format)| format.clone());
            let Some(mut format) = mapped.or_else(|| static_types::format(payload_type)) else { continue };
            if let Some((_, parameters)) = fmtps.iter().find(|(pt, _)| *pt == payload_type) {
                format.fmtp.clone_from(parameters);
            }
            media.formats.push(format);
        }
        media
    }
}

fn origin(value: &str) -> Option<Origin> {
    let mut fields = value.split_ascii_whitespace();
    let username = fields.next()?.to_owned();
    let session_id = fields.next()?.to_owned();
    let session_version = fields.next()?.to_owned();
    let address = fields.nth(2)?.to_owned();
    Some(Origin { username, session_id, session_version, address })
}

/// `0 0`: start and stop in NTP seconds. None for what is no pair of numbers.
fn timing(value: &str) -> Option<(u64, u64)> {
    let mut fields = value.split_ascii_whitespace();
    let times = (number(fields.next()?)?, number(fields.next()?)?);
    fields.next().is_none().then_some(times)
}

/// `IN IP4 192.0.2.1`; a multicast `/ttl` is cut off.
fn connection(value: &str) -> Result<Connection, &'static str> {
    let mut fields = value.split_ascii_whitespace();
    let (Some(_), Some(family), Some(address)) = (fields.next(), fields.next(), fields.next()) else {
        return Err("connection lacks a field");
    };
    let address = address.split('/').next().unwrap_or(address);
    match address.parse::<IpAddr>() {
        Ok(ip) => Ok(Connection::Address(ip)),
        // An address of digits and dots that does not parse is a wrong address, not a name.
        Err(_) if family.eq_ignore_ascii_case("IP6") && address.contains(':') => Err("no such address"),
        Err(_) if address.bytes().all(|b| b.is_ascii_digit() || b == b'.') => Err("no such address"),
        Err(_) => Ok(Connection::Name(address.to_owned())),
    }
}

/// `audio 49170/2 RTP/AVP 0 8 101`
fn media(value: &str) -> Result<MediaReader, &'static str> {
    let mut fields = value.split_ascii_whitespace();
    let (Some(kind), Some(port), Some(proto)) = (fields.next(), fields.next(), fields.next()) else {
        return Err("media line lacks a field");
    };
    let port = port.split('/').next().and_then(number::<u16>).ok_or("no such port")?;
    let kind = kind.to_ascii_lowercase();
    let mut fields = fields.peekable();
    let first_format = match fields.peek() {
        Some(format) => *format,
        // Where nothing is to flow some leave it out. We say the line again with port 0 and a format, as RFC 3264
        // section 6 wants of a declined one.
        None if port == 0 || kind != "audio" => "0",
        None => return Err("media line lacks a field"),
    };
    if ![&kind, proto, first_format].iter().all(|token| token.bytes().all(|b| b.is_ascii_graphic())) {
        return Err("media line has a character no token has");
    }
    let proto = Proto::from_name(proto);
    let mut payload_types = Vec::new();
    if proto.is_rtp() {
        for token in fields.take(SDP_FORMATS_MAX) {
            match number::<u8>(token) {
                Some(payload_type @ 0..128) if !payload_types.contains(&payload_type) => {
                    payload_types.push(payload_type);
                }
                _ => {}
            }
        }
    }
    let media = Media {
        kind,
        port,
        proto,
        first_format: first_format.to_owned(),
        formats: Vec::new(),
        direction: Direction::default(),
        ptime: None,
        maxptime: None,
        rtcp: None,
        rtcp_mux: false,
        rtcp_rsize: false,
        rtcp_xr: RtcpXr::default(),
        cryptos: Vec::new(),
        connection: None,
    };
    Ok(MediaReader { media, direction: None, payload_types, maps: Vec::new(), fmtps: Vec::new() })
}

/// `96 opus/48000/2`. None for what cannot be a format: it is then as if the line were missing.
fn rtpmap(value: &str) -> Option<(u8, Format)> {
    let (payload_type, encoding) = value.split_once(|c: char| c.is_ascii_whitespace())?;
    let payload_type = number::<u8>(payload_type).filter(|pt| *pt < 128)?;
    let mut parts = encoding.trim().split('/');
    let name = parts.next().filter(|n| !n.is_empty())?.to_owned();
    let clock_hz = number::<u32>(parts.next()?).filter(|hz| *hz > 0)?;
    let channels = match parts.next() {
        Some(channels) => number::<u8>(channels).filter(|n| *n > 0)?,
        None => 1,
    };
    Some((payload_type, Format { payload_type, name, clock_hz, channels, fmtp: String::new() }))
}

/// `101 0-15`
fn fmtp(value: &str) -> Option<(u8, String)> {
    let (payload_type, parameters) = value.split_once(|c: char| c.is_ascii_whitespace())?;
    Some((number::<u8>(payload_type)?, parameters.trim().to_owned()))
}

/// Whole milliseconds, as peers write them: `20`, sometimes `20.0`. None for what is no sensible packet time.
fn milliseconds(value: &str) -> Option<u16> {
    number::<u16>(value.split('.').next()?).filter(|ms| *ms > 0)
}

/// `49171`, or `49171 IN IP4 192.0.2.1`
fn rtcp(value: &str) -> Option<Rtcp> {
    let mut fields = value.split_ascii_whitespace();
    let port = fields.next().and_then(number::<u16>)?;
    let address = fields.nth(2).and_then(|a| a.parse().ok());
    Some(Rtcp { port, address })
}

/// `voip-metrics rcvr-rtt=all:10`; formats we do not know are passed over.
fn rtcp_xr(value: &str, xr: &mut RtcpXr) {
    for format in value.split_ascii_whitespace() {
        match format.split('=').next() {
            Some("voip-metrics") => xr.voip_metrics = true,
            Some("rcvr-rtt") => xr.receiver_rtt = true,
            _ => {}
        }
    }
}

/// Digits alone: no sign, no blank, no overflow.
fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}
