use bytes::Bytes;
use tandem_model::{Entropy, SrtpKey, SrtpSuite};

use crate::crypto;
use crate::formats::{self, PayloadMap};
use crate::transport::Transport;
use crate::write::{AudioLine, Writer, WrittenFormat};
use crate::{
    AgreedSrtp, Agreement, Capabilities, Description, Direction, Encryption, Layout, LineShape, LocalMedia, Media,
    Preference, Refusal, RtcpXr,
};

/// An offer of ours, with what is needed to understand its answer.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The body, `application/sdp`.
    pub text: Bytes,
    payloads: PayloadMap,
    /// By crypto tag; empty in a plain offer.
    keys: Vec<(u32, SrtpKey)>,
    layout: Layout,
    direction: Direction,
    ptime_ms: u8,
    rtcp_mux: bool,
    rtcp_rsize: bool,
    rtcp_xr: RtcpXr,
}

/// Offers our audio (RFC 3264 section 5): all codecs, telephone-event on each of their clocks, and keys for each suite
/// when the line is SRTP. See [`Encryption`] for when it is.
pub fn offer(capabilities: &Capabilities, local: &LocalMedia, entropy: &mut dyn Entropy) -> Offer {
    let payloads = PayloadMap::new(capabilities);
    let keys = offered_keys(capabilities, local, entropy);
    let proto = if keys.is_empty() { "RTP/AVP" } else { "RTP/SAVP" };
    // One value for the whole line (RFC 8866 section 6.4): what all its codecs can do.
    let liked = u16::from(capabilities.ptime_ms);
    let ptime_ms = payloads.codecs.iter().map(|c| c.ptime_ms(liked)).min().unwrap_or(capabilities.ptime_ms);
    let written = written(&payloads);
    let layout = layout(local, proto, &written);

    // A session without bounds, as RFC 3264 section 5 wants it of an offer.
    let mut writer = Writer::new(local, (0, 0));
    for (i, line) in layout.lines.iter().enumerate() {
        if i != layout.audio {
            writer.declined(line);
            continue;
        }
        let audio = AudioLine {
            proto,
            formats: &written,
            direction: local.direction,
            ptime_ms,
            keys: &keys,
            rtcp_mux: capabilities.rtcp_mux,
            rtcp_rsize: capabilities.rtcp_rsize,
            rtcp_xr: capabilities.rtcp_xr,
        };
        writer.audio(local.rtp_port, &audio);
    }
    Offer {
        text: writer.finish(),
        keys,
        layout,
        direction: local.direction,
        ptime_ms,
        rtcp_mux: capabilities.rtcp_mux,
        rtcp_rsize: capabilities.rtcp_rsize,
        rtcp_xr: capabilities.rtcp_xr,
        payloads,
    }
}

/// What the peer's answer to `offer` agrees to (RFC 3264 section 7). The first codec it names is taken.
pub fn accept_answer(offer: &Offer, remote: &Description) -> Result<Agreement, Refusal> {
    let media_index = offer.layout.audio;
    let media = remote.media.get(media_index).ok_or(Refusal::not_acceptable("answer lacks our media line"))?;
    if !media.is_audio() || media.port == 0 || !media.proto.is_rtp() {
        return Err(Refusal::not_acceptable("answer declines the audio"));
    }
    let rtcp_mux = offer.rtcp_mux && media.rtcp_mux;
    let transport = Transport::new(remote, media, offer.direction, rtcp_mux)?;
    let srtp = answered_keys(offer, media)?;
    let common = formats::common(&offer.payloads.codecs, media, Preference::Offered, |ours, _| ours.payload_type);
    let codec = common.first().cloned().ok_or(Refusal::not_acceptable("no codec in common"))?;
    let dtmf = formats::dtmf(media, codec.clock_hz, |theirs| {
        offer.payloads.events.iter().find(|(_, clock_hz)| *clock_hz == theirs.clock_hz).map(|(number, _)| *number)
    });
    let ours = formats::ours(&offer.payloads.codecs, &codec);
    let comfort_noise = formats::comfort_noise(media, ours, |theirs| {
        offer.payloads.noises.iter().find(|(_, clock_hz)| *clock_hz == theirs.clock_hz).map(|(number, _)| *number)
    });
    Ok(Agreement {
        remote_rtp: transport.remote_rtp,
        remote_rtcp: transport.remote_rtcp,
        rtcp_mux,
        rtcp_rsize: offer.rtcp_rsize && media.rtcp_rsize,
        rtcp_xr: offer.rtcp_xr.and(media.rtcp_xr),
        ptime_ms: formats::ptime_ms(media, offer.ptime_ms, ours),
        codec,
        common,
        dtmf,
        comfort_noise,
        send: transport.send,
        receive: transport.receive,
        peer: transport.peer,
        put_away: false,
        srtp,
        media_index,
        layout: offer.layout.clone(),
    })
}

/// The answer to an offer within a session that had agreed on `current`: as [`accept_answer`], but a hold that is answered
/// with port 0 stops media both ways, as `inactive` would, and no more. Some telephones put the stream of a call on hold
/// away so; the next offer takes the line up again (RFC 3264 section 8.2). What the peer does by itself it does not say.
/// A line that the peer's own offer has put away may stay so, whatever ours asks for.
pub fn accept_next_answer(offer: &Offer, remote: &Description, current: &Agreement) -> Result<Agreement, Refusal> {
    let media_index = offer.layout.audio;
    let put_away = remote.media.get(media_index).is_some_and(|media| media.is_audio() && media.port == 0);
    if !put_away || offer.direction.receives() && !current.put_away {
        return accept_answer(offer, remote);
    }
    Ok(Agreement {
        remote_rtp: None,
        remote_rtcp: None,
        send: false,
        receive: false,
        // Where ours asked for audio, that it stays away is the peer's own doing.
        peer: if offer.direction.receives() { Direction::Inactive } else { current.peer },
        media_index,
        layout: offer.layout.clone(),
        ..current.clone()
    })
}

/// One fresh key per suite, tags from 1; the suite in use comes first and keeps its key.
fn offered_keys(caps: &Capabilities, local: &LocalMedia, entropy: &mut dyn Entropy) -> Vec<(u32, SrtpKey)> {
    let current = local.outbound_key.as_ref();
    let secure = match caps.encryption {
        Encryption::Off => false,
        Encryption::Optional => current.is_some(),
        Encryption::Required => true,
    };
    let mut suites: Vec<SrtpSuite> = if secure { allowed_suites(caps).to_vec() } else { Vec::new() };
    suites.sort_by_key(|suite| current.map(|key| key.suite) != Some(*suite));
    suites.into_iter().zip(1..).map(|(suite, tag)| (tag, crypto::outbound_key(suite, current, entropy))).collect()
}

/// Ours, or the one every SDES peer must have (RFC 4568 section 6.2) when none is named.
pub(crate) fn allowed_suites(capabilities: &Capabilities) -> &[SrtpSuite] {
    if capabilities.suites.is_empty() { &[SrtpSuite::AesCm128HmacSha1_80] } else { &capabilities.suites }
}

/// The answer names one of our tags with its suite (RFC 4568 section 7.1.3), or the line is plain as we offered it.
fn answered_keys(offer: &Offer, media: &Media) -> Result<Option<AgreedSrtp>, Refusal> {
    if offer.keys.is_empty() {
        return match media.proto.is_secure() {
            true => Err(Refusal::not_acceptable("answer is SRTP, the offer was not")),
            false => Ok(None),
        };
    }
    let agreed = media.cryptos.iter().filter(|c| c.is_acceptable()).find_map(|theirs| {
        let (_, outbound) = offer.keys.iter().find(|(tag, key)| *tag == theirs.tag && key.suite == theirs.suite)?;
        AgreedSrtp::new(outbound.clone(), theirs)
    });
    agreed.map(Some).ok_or(Refusal::not_acceptable("answer takes none of our SRTP keys"))
}

fn written(payloads: &PayloadMap) -> Vec<WrittenFormat<'_>> {
    let codecs = payloads.codecs.iter().map(|c| WrittenFormat {
        payload_type: c.payload_type,
        name: &c.name,
        clock_hz: c.clock_hz,
        channels: c.channels,
        fmtp: &c.fmtp,
    });
    let events = payloads.events.iter().map(|(number, clock_hz)| WrittenFormat::telephone_event(*number, *clock_hz));
    let noises = payloads.noises.iter().map(|(number, clock_hz)| WrittenFormat::comfort_noise(*number, *clock_hz));
    codecs.chain(events).chain(noises).collect()
}

/// The session's lines with our audio in its place.
fn layout(local: &LocalMedia, proto: &str, formats: &[WrittenFormat<'_>]) -> Layout {
    let audio = LineShape {
        kind: "audio".to_owned(),
        proto: proto.to_owned(),
        format: formats.first().map_or(0, |f| f.payload_type).to_string(),
    };
    let mut layout = local.layout.clone();
    match layout.lines.get_mut(layout.audio) {
        Some(line) => *line = audio,
        None => layout = Layout { lines: vec![audio], audio: 0 },
    }
    layout
}
