//! Valid messages, and what becomes of them: each field spoilt in each way, and random damage from a seed.

use crate::common::phone::unique;

/// Who writes a message to whom.
pub struct Place {
    /// Via's transport.
    pub transport: &'static str,
    /// The writer's address.
    pub from: String,
    /// The server's.
    pub server: String,
    pub domain: String,
    /// Bytes of the longest value that still fits.
    pub long: usize,
}

/// A message to be spoilt: start line and header fields, and a body.
#[derive(Clone)]
pub struct Sample {
    pub name: &'static str,
    lines: Vec<Vec<u8>>,
    body: Vec<u8>,
}

/// A spoilt message, and how it came about.
pub struct Mutant {
    pub what: String,
    pub bytes: Vec<u8>,
}

impl std::fmt::Display for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)
    }
}

pub const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "PUBLISH",
    "MESSAGE",
];

/// One valid message of each method, with every header that is read somewhere, and three responses.
pub fn samples(place: &Place) -> Vec<Sample> {
    let requests = METHODS.iter().map(|method| request(place, method));
    let responses =
        [("SIP/2.0 180 Ringing", "INVITE"), ("SIP/2.0 200 OK", "INVITE"), ("SIP/2.0 401 Unauthorized", "REGISTER")];
    let responses = responses.map(|(start, method)| {
        let mut sample = request(place, method);
        sample.name = start;
        sample.lines[0] = start.as_bytes().to_vec();
        sample
    });
    requests.chain(responses).collect()
}

fn request(place: &Place, method: &'static str) -> Sample {
    let Place { transport, from, server, domain, .. } = place;
    let target = if method == "REGISTER" { format!("sip:{domain}") } else { format!("sip:bob@{domain}") };
    let mut lines = vec![
        format!("{method} {target} SIP/2.0"),
        format!("Via: SIP/2.0/{transport} {from};rport;branch=z9hG4bK{}", unique("m")),
        "Max-Forwards: 70".into(),
        format!("From: \"A. Mutant\" <sip:alice@{domain}>;tag={}", unique("t")),
        format!("To: \"Bob\" <sip:bob@{domain}>"),
        format!("Call-ID: {}@{from}", unique("mutant")),
        format!("CSeq: 4711 {method}"),
        format!(
            "Contact: <sip:alice@{from};ob>;expires=60;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000a95a0e128>\""
        ),
        "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, PRACK, REFER, NOTIFY".into(),
        "Supported: timer, 100rel, replaces, path, outbound".into(),
        "Expires: 300".into(),
        "Session-Expires: 1800;refresher=uac".into(),
        "Min-SE: 90".into(),
        "User-Agent: Mutant/1.0".into(),
        format!("P-Asserted-Identity: <sip:alice@{domain}>"),
        "Privacy: id".into(),
        format!("Diversion: <sip:bob@{domain}>;reason=unconditional;counter=1"),
        "Reason: Q.850;cause=16;text=\"done\"".into(),
        format!(
            "Authorization: Digest username=\"alice\", realm=\"{domain}\", nonce=\"00\", uri=\"{target}\", \
             response=\"00000000000000000000000000000000\", algorithm=MD5, cnonce=\"1\", qop=auth, nc=00000001"
        ),
        format!(
            "Proxy-Authorization: Digest username=\"alice\", realm=\"{domain}\", nonce=\"00\", uri=\"{target}\", \
             response=\"00000000000000000000000000000000\", algorithm=MD5, cnonce=\"1\", qop=auth, nc=00000001"
        ),
    ];
    lines.extend(match method {
        "PRACK" => vec!["RAck: 1 4711 INVITE".into()],
        "REFER" => vec![format!("Refer-To: <sip:+15551234567@{server}>"), format!("Referred-By: <sip:alice@{domain}>")],
        "NOTIFY" | "SUBSCRIBE" | "PUBLISH" => {
            vec!["Event: presence".into(), "Subscription-State: active;expires=60".into()]
        }
        "REGISTER" => vec!["Path: <sip:proxy.invalid;lr>".into()],
        "INVITE" => {
            vec![format!("Replaces: {}@{from};to-tag=1;from-tag=2", unique("r")), "Accept: application/sdp".into()]
        }
        _ => Vec::new(),
    });
    let body = match method {
        "INVITE" | "UPDATE" | "PRACK" | "ACK" => description(from),
        "INFO" => "Signal=5\r\nDuration=160\r\n".into(),
        _ => String::new(),
    };
    lines.push(
        if method == "INFO" { "Content-Type: application/dtmf-relay" } else { "Content-Type: application/sdp" }.into(),
    );
    lines.push(format!("Content-Length: {}", body.len()));
    Sample { name: method, lines: lines.into_iter().map(String::into_bytes).collect(), body: body.into_bytes() }
}

/// A description with everything that is read somewhere.
pub fn description(from: &str) -> String {
    let ip = from.rsplit_once(':').map_or(from, |(ip, _)| ip);
    format!(
        "v=0\r\no=alice 2890844526 2890844526 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nb=AS:84\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
         m=audio 49170 RTP/AVP 0 8 9 96 101\r\nb=TIAS:64000\r\na=mid:0\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:9 G722/8000\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;maxaveragebitrate=24000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=maxptime:60\r\na=rtcp:49171 IN IP4 {ip}\r\n\
         a=rtcp-mux\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4\r\n\
         a=candidate:1 1 UDP 2130706431 {ip} 49170 typ host\r\na=sendrecv\r\nm=video 0 RTP/AVP 31\r\n"
    )
}

const NUMBERS: [&str; 7] =
    ["2147483648", "4294967296", "18446744073709551616", "-1", "99999999999999999999999999999999", "0", "1e9"];

impl Sample {
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.lines.join(&b"\r\n"[..]);
        out.extend(b"\r\n\r\n");
        out.extend(&self.body);
        out
    }

    /// Every header in every way of the list, and every part of the start line.
    pub fn field_by_field(&self, long: usize) -> Vec<Mutant> {
        let mut out = Vec::new();
        for at in 0..self.lines.len() {
            let line = &self.lines[at];
            let (name, value) = match (at, line.iter().position(|b| *b == b':')) {
                (1.., Some(colon)) => line.split_at(colon + 1),
                _ => (&b""[..], &line[..]),
            };
            let mut put = |how: &str, lines: Vec<Vec<u8>>| {
                let mut spoilt = self.clone();
                spoilt.lines.splice(at..=at, lines);
                let what = format!("{}: {} {how}", self.name, String::from_utf8_lossy(&line[..line.len().min(20)]));
                out.push(Mutant { what, bytes: spoilt.bytes() });
            };
            let with = |value: &[u8]| vec![[name, b" ", value].concat()];
            put("empty", with(b""));
            put("one byte", with(b"x"));
            put("long", with(&vec![b'a'; long]));
            put("of 10,000 parameters", vec![[line, &b";p=1".repeat(long.min(40_000) / 4)[..]].concat()]);
            put("with NUL", vec![[name, &value[..value.len() / 2], b"\0", &value[value.len() / 2..]].concat()]);
            put(
                "with bad UTF-8",
                vec![[name, &value[..value.len() / 2], b"\xff\xc0\xaf", &value[value.len() / 2..]].concat()],
            );
            put("folded", vec![[name, b"\r\n ", value].concat()]);
            put("folded in the middle", vec![[line, &b"\r\n\t;x"[..]].concat()]);
            put("twice", vec![line.clone(), line.clone()]);
            put("a hundred times", vec![line.clone(); 100]);
            put("missing", Vec::new());
            put("without a colon", vec![line.iter().filter(|b| **b != b':').copied().collect()]);
            put(
                "with a blank before the colon",
                vec![[&name[..name.len().saturating_sub(1)], b" \t:", value].concat()],
            );
            for number in NUMBERS {
                put(number, with(number.as_bytes()));
                put(&format!("digits {number}"), vec![with_digits(line, number.as_bytes())]);
            }
        }
        out
    }

    /// One to four kinds of damage.
    pub fn damaged(&self, seed: u64) -> Mutant {
        let mut dice = Dice(seed);
        let mut bytes = self.bytes();
        for _ in 0..=dice.below(4) {
            damage(&mut bytes, &mut dice);
        }
        bytes.truncate(65_000);
        Mutant { what: format!("{} damaged with seed {seed}", self.name), bytes }
    }
}

/// A body whose numbers, lines and bytes are damaged.
pub fn damaged_description(from: &str, seed: u64) -> String {
    let mut dice = Dice(seed);
    let mut bytes = description(from).into_bytes();
    // Where media would go stays as it is: nothing may leave this machine.
    let fixed = |line: &[u8]| {
        line.starts_with(b"c=")
            || line.starts_with(b"o=")
            || line.starts_with(b"a=rtcp:")
            || line.starts_with(b"a=cand")
    };
    let mut lines: Vec<Vec<u8>> =
        bytes.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l).to_vec()).collect();
    for _ in 0..=dice.below(3) {
        let at = dice.below(lines.len());
        match dice.below(6) {
            _ if fixed(&lines[at]) => {}
            0 => {
                lines.remove(at);
            }
            1 => lines[at] = with_digits(&lines[at], NUMBERS[dice.below(NUMBERS.len())].as_bytes()),
            2 => {
                let copy = lines[at].clone();
                let many = [1, 10, 1_000][dice.below(3)];
                lines.splice(at..at, std::iter::repeat_n(copy, many));
            }
            3 => lines[at].extend(std::iter::repeat_n(b'9', [1, 100, 10_000][dice.below(3)])),
            4 if lines[at].len() > 2 => {
                let end = dice.below(lines[at].len());
                lines[at].truncate(end);
            }
            _ => damage(&mut lines[at], &mut dice),
        }
        if lines.is_empty() {
            break;
        }
    }
    bytes = lines.join(&b"\r\n"[..]);
    bytes.truncate(50_000);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.is_empty() {
        return;
    }
    let at = dice.below(bytes.len());
    let end = (at + 1 + dice.below(40)).min(bytes.len());
    match dice.below(9) {
        0 => bytes[at] = dice.next() as u8,
        1 => bytes[at] ^= 1 << dice.below(8),
        2 => {
            bytes.drain(at..end);
        }
        3 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece.repeat([1, 2, 50][dice.below(3)]));
        }
        4 => bytes.truncate(at),
        5 => {
            const TOKENS: [&[u8]; 16] = [
                b"\0",
                b"\r\n",
                b"\r\n\r\n",
                b"\n",
                b"\r",
                b"\"",
                b"<",
                b">",
                b";",
                b",",
                b":",
                b"@",
                b"%00",
                b"%",
                b"\xff\xfe",
                b" ",
            ];
            bytes.splice(at..at, TOKENS[dice.below(TOKENS.len())].iter().copied());
        }
        6 => *bytes = with_digits_at(bytes, at, NUMBERS[dice.below(NUMBERS.len())].as_bytes()),
        7 => {
            let mut lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
            let (a, b) = (dice.below(lines.len()), dice.below(lines.len()));
            lines.swap(a, b);
            *bytes = lines.join(&b'\n');
        }
        _ => bytes[at..end].fill(b'A'),
    }
}

/// The first number of a line as another.
fn with_digits(line: &[u8], number: &[u8]) -> Vec<u8> {
    with_digits_at(line, 0, number)
}

/// The first number after `at` as another.
fn with_digits_at(line: &[u8], at: usize, number: &[u8]) -> Vec<u8> {
    let Some(start) = line[at..].iter().position(u8::is_ascii_digit).map(|i| at + i) else { return line.to_vec() };
    let end = line[start..].iter().position(|b| !b.is_ascii_digit()).map_or(line.len(), |i| start + i);
    [&line[..start], number, &line[end..]].concat()
}

/// SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}
