use crate::{AgreedDtmf, AgreedFormat, Capabilities, CodecOffer, Format, Media, Preference};

/// Dynamic payload types (RFC 3551 section 6).
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;
const TELEPHONE_EVENT: &str = "telephone-event";
/// Digits 0-9, `*`, `#`, A-D (RFC 4733 section 3.2).
pub(crate) const DTMF_EVENTS: &str = "0-15";

/// What an offer of ours calls things: our codecs and events with the payload types they got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PayloadMap {
    pub codecs: Vec<CodecOffer>,
    /// Payload type and clock of each telephone-event.
    pub events: Vec<(u8, u32)>,
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
        Preference::First(names) => found
            .sort_by_key(|(_, f)| names.iter().position(|n| n.eq_ignore_ascii_case(&f.name)).unwrap_or(names.len())),
    }
    found.into_iter().map(|(_, format)| format).collect()
}

/// Same encoding and clock. Opus has one form only (RFC 7587 section 4.1), so its channel count cannot tell anything.
fn matches(ours: &CodecOffer, theirs: &Format) -> bool {
    ours.name.eq_ignore_ascii_case(&theirs.name)
        && ours.clock_hz == theirs.clock_hz
        && (ours.channels == theirs.channels || is_opus(&ours.name))
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

/// Packet time to send with: what the peer likes, else what we like; never above its maximum, within 10..60 ms, and
/// one the codec has.
pub(crate) fn ptime_ms(media: &Media, ours: u8, codec: &str) -> u8 {
    let liked = media.ptime.unwrap_or(u16::from(ours)).min(media.maxptime.unwrap_or(u16::MAX));
    match liked {
        0..20 => 10,
        20..30 => 20,
        30..40 if !is_opus(codec) => 30,
        30..40 => 20,
        40..50 => 40,
        50..60 if !is_opus(codec) => 50,
        50..60 => 40,
        _ => 60,
    }
}

fn is_opus(name: &str) -> bool {
    name.eq_ignore_ascii_case("opus")
}
