use bytes::Bytes;
use tandem_model::Entropy;

use crate::crypto;
use crate::formats;
use crate::offer::allowed_suites;
use crate::transport::Transport;
use crate::write::{AudioLine, Writer, WrittenFormat};
use crate::{
    AgreedFormat, AgreedSrtp, Agreement, Capabilities, ComfortNoise, Crypto, Description, Direction, Encryption,
    Layout, LineShape, LocalMedia, Media, Preference, Refusal,
};

/// Answers the peer's offer (RFC 3264 section 6): one audio line is taken with one codec and its telephone-event, all
/// other lines are declined with port 0. An SRTP line goes before a plain one unless encryption is off.
///
/// The refusal is of the first audio line, when none will do.
pub fn answer(
    capabilities: &Capabilities,
    local: &LocalMedia,
    remote: &Description,
    preference: Preference<'_>,
    entropy: &mut dyn Entropy,
) -> Result<(Bytes, Agreement), Refusal> {
    let (media_index, choice) = choose(capabilities, local, remote, preference)?;
    let media = &remote.media[media_index];
    let srtp = choice.crypto.and_then(|theirs| {
        let outbound = crypto::outbound_key(theirs.suite, local.outbound_key.as_ref(), entropy);
        Some((theirs.tag, AgreedSrtp::new(outbound, theirs)?))
    });
    let codec = choice.codec;
    let ours = formats::ours(&capabilities.codecs, &codec);
    let dtmf = formats::dtmf(media, codec.clock_hz, |theirs| capabilities.dtmf.then_some(theirs.payload_type));
    let noise = capabilities.comfort_noise != ComfortNoise::Off;
    let comfort_noise = formats::comfort_noise(media, ours, |theirs| noise.then_some(theirs.payload_type));
    let agreement = Agreement {
        remote_rtp: choice.transport.remote_rtp,
        remote_rtcp: choice.transport.remote_rtcp,
        rtcp_mux: choice.rtcp_mux,
        rtcp_rsize: capabilities.rtcp_rsize && media.rtcp_rsize,
        rtcp_xr: capabilities.rtcp_xr.and(media.rtcp_xr),
        ptime_ms: formats::ptime_ms(media, capabilities.ptime_ms, ours),
        codec,
        common: choice.common,
        dtmf,
        comfort_noise,
        send: choice.transport.send,
        receive: choice.transport.receive,
        peer: choice.transport.peer,
        put_away: false,
        srtp: srtp.as_ref().map(|(_, keys)| keys.clone()),
        media_index,
        layout: Layout { lines: remote.media.iter().map(shape).collect(), audio: media_index },
    };
    let tag = srtp.map(|(tag, _)| tag);
    // The offer's times hold (RFC 3264 section 6).
    let writer = Writer::new(local, remote.timing.unwrap_or_default());
    Ok((write(writer, capabilities, local.rtp_port, media, &agreement, tag), agreement))
}

/// The answer to an offer within a session that had agreed on `current`, where it puts our audio away: every line has port 0, but for
/// video that the session had and never got, and gets it back (RFC 3264 section 8.2). It stops media both ways, as `inactive` would,
/// and no more; the next offer takes the line up again. None: the offer is one for [`answer`], as where it asks for something in place
/// of audio (a fax gateway does, for T.38): refused, it goes on with audio.
pub fn answer_put_away(local: &LocalMedia, remote: &Description, current: &Agreement) -> Option<(Bytes, Agreement)> {
    let is_video = |line: &LineShape| line.kind.eq_ignore_ascii_case("video");
    // A line that was declined may come back as another (section 8.1).
    let declined = |i: usize, media| is_video(&shape(media)) && current.layout.lines.get(i).is_some_and(is_video);
    if remote.media.iter().enumerate().any(|(i, media)| media.port != 0 && !declined(i, media)) {
        return None;
    }
    let audio = || remote.media.iter().enumerate().filter(|(_, media)| media.is_audio());
    let (media_index, _) = audio().find(|(i, _)| *i == local.layout.audio).or_else(|| audio().next())?;
    let layout = Layout { lines: remote.media.iter().map(shape).collect(), audio: media_index };
    let mut writer = Writer::new(local, remote.timing.unwrap_or_default());
    for line in &layout.lines {
        writer.declined(line);
    }
    // Whoever is held may put its own line away: of what it does by itself, that says nothing.
    let by_itself = local.direction.receives();
    let agreement = Agreement {
        remote_rtp: None,
        remote_rtcp: None,
        send: false,
        receive: false,
        peer: if by_itself { Direction::Inactive } else { current.peer },
        put_away: true,
        media_index,
        layout,
        ..current.clone()
    };
    Some((writer.finish(), agreement))
}

/// What one audio line would come to.
struct Choice<'a> {
    transport: Transport,
    rtcp_mux: bool,
    crypto: Option<&'a Crypto>,
    codec: AgreedFormat,
    common: Vec<AgreedFormat>,
}

/// The first audio line that will do: the session's current one before others, SRTP before plain, then in order.
fn choose<'a>(
    capabilities: &Capabilities,
    local: &LocalMedia,
    remote: &'a Description,
    preference: Preference<'_>,
) -> Result<(usize, Choice<'a>), Refusal> {
    let current = (!local.layout.lines.is_empty()).then_some(local.layout.audio);
    let mut lines: Vec<(usize, &Media)> =
        remote.media.iter().enumerate().filter(|(_, m)| m.is_audio() && m.port != 0).collect();
    lines.sort_by_key(|(i, media)| (current != Some(*i), !matches!(keys(capabilities, media), Ok(Some(_)))));
    let mut refusal = Refusal::not_acceptable("no audio line");
    for (nth, (i, media)) in lines.into_iter().enumerate() {
        match consider(capabilities, local, remote, media, preference) {
            Ok(choice) => return Ok((i, choice)),
            Err(why) if nth == 0 => refusal = why,
            Err(_) => {}
        }
    }
    Err(refusal)
}

fn consider<'a>(
    capabilities: &Capabilities,
    local: &LocalMedia,
    remote: &Description,
    media: &'a Media,
    preference: Preference<'_>,
) -> Result<Choice<'a>, Refusal> {
    if !media.proto.is_rtp() {
        return Err(Refusal::not_acceptable("transport is neither RTP/AVP nor RTP/SAVP with SDES keys"));
    }
    let crypto = keys(capabilities, media)?;
    let rtcp_mux = capabilities.rtcp_mux && media.rtcp_mux && can_share_a_port(media);
    let transport = Transport::new(remote, media, local.direction, rtcp_mux)?;
    let common = formats::common(&capabilities.codecs, media, preference, |_, theirs| theirs.payload_type);
    let codec = common.first().cloned().ok_or(Refusal::not_acceptable("no codec in common"))?;
    Ok(Choice { transport, rtcp_mux, crypto, codec, common })
}

/// On one port, an RTP packet with its marker set and one of these payload types would look like RTCP (RFC 5761 section 4).
fn can_share_a_port(media: &Media) -> bool {
    !media.formats.iter().any(|format| (64..=95).contains(&format.payload_type))
}

/// The first crypto line we can take (RFC 4568 section 7.1.2); None for plain RTP. `RTP/AVP` with crypto lines is
/// best-effort SRTP: taken when it can be, else plain, as peers that send it mean it.
fn keys<'a>(capabilities: &Capabilities, media: &'a Media) -> Result<Option<&'a Crypto>, Refusal> {
    let acceptable =
        media.cryptos.iter().find(|c| c.is_acceptable() && allowed_suites(capabilities).contains(&c.suite));
    match (capabilities.encryption, acceptable, media.proto.is_secure()) {
        (Encryption::Off, _, true) => Err(Refusal::not_acceptable("SRTP is off here")),
        (Encryption::Off, _, false) => Ok(None),
        (_, Some(crypto), _) => Ok(Some(crypto)),
        (_, None, true) => Err(Refusal::not_acceptable("no SRTP suite in common")),
        (Encryption::Optional, None, false) => Ok(None),
        (Encryption::Required, None, false) => Err(Refusal::not_acceptable("SRTP is required here")),
    }
}

fn shape(media: &Media) -> LineShape {
    LineShape { kind: media.kind.clone(), proto: media.proto.as_str().to_owned(), format: media.first_format.clone() }
}

fn write(
    mut writer: Writer,
    capabilities: &Capabilities,
    rtp_port: u16,
    media: &Media,
    agreement: &Agreement,
    tag: Option<u32>,
) -> Bytes {
    let codec = &agreement.codec;
    // Our own parameters: they speak of our receiver.
    let fmtp = formats::ours(&capabilities.codecs, codec).map_or("", |c| &c.fmtp);
    let mut formats = vec![WrittenFormat {
        payload_type: codec.payload_type_receive,
        name: &codec.name,
        clock_hz: codec.clock_hz,
        channels: codec.channels,
        fmtp,
    }];
    formats.extend(agreement.dtmf.map(|d| WrittenFormat::telephone_event(d.payload_type_receive, d.clock_hz)));
    let noise = agreement.comfort_noise;
    formats.extend(noise.map(|n| WrittenFormat::comfort_noise(n.payload_type_receive, codec.clock_hz)));
    let keys: Vec<_> = tag.into_iter().zip(agreement.srtp.iter().map(|s| s.outbound.clone())).collect();
    let audio = AudioLine {
        proto: media.proto.as_str(),
        formats: &formats,
        direction: Direction::new(agreement.send, agreement.receive),
        ptime_ms: agreement.ptime_ms,
        keys: &keys,
        rtcp_mux: agreement.rtcp_mux,
        rtcp_rsize: agreement.rtcp_rsize,
        rtcp_xr: agreement.rtcp_xr,
    };
    for (i, line) in agreement.layout.lines.iter().enumerate() {
        if i == agreement.media_index { writer.audio(rtp_port, &audio) } else { writer.declined(line) }
    }
    writer.finish()
}
