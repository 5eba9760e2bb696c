use crate::{AgreedDtmf, AgreedFormat, AgreedNoise, Capabilities, CodecOffer, ComfortNoise, Format, Media, Preference};

/// Dynamic payload types (RFC 3551 section 6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;
const TELEPHONE_EVENT: &str = "telephone-event";
const COMFORT_NOISE: &str = "CN";
/// Digits 0-9, `*`, `#`, A-D (RFC 4733 section 3.2).
pub(crate) const DTMF_EVENTS: &str = "0-15";

/// What an offer of ours calls things: our codecs and events with the payload types they got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PayloadMap {
    pub codecs: Vec<CodecOffer>,
    /// Payload type and clock of each telephone-event.
    pub events: Vec<(u8, u32)>,
    /// The same of comfort noise.
    pub noises: Vec<(u8, u32)>,
}

impl PayloadMap {
    /// Gives every codec its pinned number, else the one it likes, else a free one.
    pub(crate) fn new(capabilities: &Capabilities) -> Self {
        let mut taken = Vec::new();
        let mut map = PayloadMap::default();
        for codec in &capabilities.codecs {
            if let Some(number) = assign(capabilities, &mut taken, &codec.name, codec.clock_hz, codec.payload_type) {
                map.codecs.push(CodecOffer { payload_type: number, ..codec.clone() });
            }
        }
        let mut clocks: Vec<u32> = Vec::new();
        for codec in map.codecs.iter().filter(|_| capabilities.dtmf) {
            if !clocks.contains(&codec.clock_hz) {
                clocks.push(codec.clock_hz);
            }
        }
        for clock_hz in clocks {
            // The numbers most phones use, and so the least surprising ones.
            let liked = if clock_hz == 8_000 { 101 } else { 110 };
            if let Some(number) = assign(capabilities, &mut taken, TELEPHONE_EVENT, clock_hz, liked) {
                map.events.push((number, clock_hz));
            }
        }
        let mut clocks: Vec<u32> = Vec::new();
        for codec in map.codecs.iter().filter(|c| c.comfort_noise && capabilities.comfort_noise == ComfortNoise::Offer)
        {
            if !clocks.contains(&codec.clock_hz) {
                clocks.push(codec.clock_hz);
            }
        }
        for clock_hz in clocks {
            // RFC 3551 table 4 has a number for 8 kHz alone.
            let liked = if clock_hz == 8_000 { 13 } else { 105 };
            if let Some(number) = assign(capabilities, &mut taken, COMFORT_NOISE, clock_hz, liked) {
                map.noises.push((number, clock_hz));
            }
        }
        map
    }
}

/// A number nobody has: None when all are gone.
fn assign(caps: &Capabilities, taken: &mut Vec<u8>, name: &str, clock_hz: u32, liked: u8) -> Option<u8> {
    let pin = caps.pins.iter().find(|p| p.name.eq_ignore_ascii_case(name) && p.clock_hz == clock_hz);
    let free =
        |number: &u8| *number < 128 && !taken.contains(number) && !caps.pins.iter().any(|p| p.payload_type == *number);
    let number = match pin {
        Some(pin) if !taken.contains(&pin.payload_type) => pin.payload_type,
        _ => std::iter::once(liked).chain(DYNAMIC).find(free)?,
    };
    taken.push(number);
    Some(number)
}

/// The codecs of `media` that are ours too, in the order of `preference`. `receive_as` tells what number the peer is to
/// send a format with, from ours and the peer's.
pub(crate) fn common(
    ours: &[CodecOffer],
    media: &Media,
    preference: Preference<'_>,
    receive_as: fn(&CodecOffer, &Format) -> u8,
) -> Vec<AgreedFormat> {
    let mut found: Vec<(usize, AgreedFormat)> = Vec::new();
    for format in &media.formats {
        let Some((i, codec)) = ours.iter().enumerate().find(|(_, codec)| matches(codec, format)) else { continue };
        if found.iter().any(|(j, _)| *j == i) {
            continue;
        }
        let agreed = AgreedFormat {
            name: codec.name.clone(),
            clock_hz: codec.clock_hz,
            channels: codec.channels,
            payload_type_send: format.payload_type,
            payload_type_receive: receive_as(codec, format),
            fmtp: format.fmtp.clone(),
        };
        found.push((i, agreed));
    }
    match preference {
        Preference::Offered => {}
        Preference::Ours => found.sort_by_key(|(i, _)| *i),
        Preference::First(wanted) => found.sort_by_key(|(_, f)| {
            let is = |(name, clock_hz): &(&str, u32)| name.eq_ignore_ascii_case(&f.name) && *clock_hz == f.clock_hz;
            wanted.iter().position(is).unwrap_or(wanted.len())
        }),
    }
    found.into_iter().map(|(_, format)| format).collect()
}

/// What we said of a codec that was agreed on.
pub(crate) fn ours<'a>(codecs: &'a [CodecOffer], agreed: &AgreedFormat) -> Option<&'a CodecOffer> {
    codecs.iter().find(|c| c.name == agreed.name && c.clock_hz == agreed.clock_hz && c.channels == agreed.channels)
}

/// Same encoding and clock, and channels where they tell anything.
fn matches(ours: &CodecOffer, theirs: &Format) -> bool {
    ours.name.eq_ignore_ascii_case(&theirs.name)
        && ours.clock_hz == theirs.clock_hz
        && (ours.channels == theirs.channels || ours.any_channels)
}

/// The peer's telephone-event for a codec of `clock_hz`: the one on the same clock (RFC 4733 section 2.1), else on
/// 8 kHz, else any. `receive_as` gives our number for a clock; without one there is nothing to agree on.
pub(crate) fn dtmf(media: &Media, clock_hz: u32, receive_as: impl Fn(&Format) -> Option<u8>) -> Option<AgreedDtmf> {
    let events = || media.formats.iter().filter(|f| f.is_telephone_event()).filter_map(|f| Some((f, receive_as(f)?)));
    let (format, payload_type_receive) = events()
        .find(|(f, _)| f.clock_hz == clock_hz)
        .or_else(|| events().find(|(f, _)| f.clock_hz == 8_000))
        .or_else(|| events().next())?;
    Some(AgreedDtmf { payload_type_send: format.payload_type, payload_type_receive, clock_hz: format.clock_hz })
}

/// The peer's comfort noise for `codec`: the one on its RTP clock, since both share one stream (RFC 3389 section 4). G.722
/// has it on 8 kHz, as its own clock is. `receive_as` gives our number for it.
pub(crate) fn comfort_noise(
    media: &Media,
    codec: Option<&CodecOffer>,
    receive_as: impl Fn(&Format) -> Option<u8>,
) -> Option<AgreedNoise> {
    let codec = codec.filter(|c| c.comfort_noise)?;
    let theirs = media.formats.iter().find(|f| f.is_comfort_noise() && f.clock_hz == codec.clock_hz)?;
    Some(AgreedNoise { payload_type_send: theirs.payload_type, payload_type_receive: receive_as(theirs)? })
}

/// Packet time to send with: what the peer likes, else what we like; never above its maximum, and one the codec has.
pub(crate) fn ptime_ms(media: &Media, ours: u8, codec: Option<&CodecOffer>) -> u8 {
    let liked = media.ptime.unwrap_or(u16::from(ours)).min(media.maxptime.unwrap_or(u16::MAX));
    codec.map_or(ours, |codec| codec.ptime_ms(liked))
}
