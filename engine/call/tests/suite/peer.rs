//! The far end of a leg: says SIP from short words, and turns what it hears into short words.

use bytes::Bytes;
use tandem_call::leg::{
    EndedBy, Hold, LegCommand, LegEffect, LegInput, LegReport, RecordStage, RequestFailure, RequestId,
};
use tandem_media::control::{Command, Event, LegSpec, LegStats, OpenFailed, PlayId};
use tandem_model::{Endpoint, LegId, Timestamp, Transport};
use tandem_sip::message::{Builder, Message};
use tandem_sip::transaction::{Config, Event as SipEvent, ServerKey, TransactionLayer};

pub fn address() -> Endpoint {
    Endpoint::new(Transport::Udp, "203.0.113.9:5060".parse().unwrap())
}

/// What names a request of the leg's other than INVITE and INFO; the last of them is meant.
const OTHERS: [&str; 4] = ["bye", "prack", "update", "referral"];

/// Where a message comes from: this far end, or what `source=` says.
fn source(words: &str) -> Endpoint {
    let named = words.split(' ').find_map(|w| w.strip_prefix("source="));
    named.map_or(address(), |ip| Endpoint::new(Transport::Udp, format!("{ip}:5060").parse().expect("an address")))
}

/// Names server transactions, as only a transaction layer can.
pub struct Keys(TransactionLayer, u32);

impl Keys {
    pub fn new() -> Self {
        Keys(TransactionLayer::new(Config::new([1; 16])), 0)
    }

    pub fn next(&mut self) -> ServerKey {
        self.1 += 1;
        let request = Message::request("OPTIONS", "sip:h")
            .header("Via", &format!("SIP/2.0/UDP 203.0.113.9;branch=z9hG4bKkey{}", self.1))
            .header("From", "<sip:k@h>;tag=k")
            .header("To", "<sip:h>")
            .header("Call-ID", &format!("k{}", self.1))
            .header("CSeq", "1 OPTIONS")
            .build();
        self.0.handle_message(Timestamp::ZERO, request, address(), address());
        while let Some(event) = self.0.poll_event() {
            if let SipEvent::Request { key, .. } = event {
                return key;
            }
        }
        panic!("a request makes a transaction");
    }
}

/// A description by name: `sdp` is G.711 at port 4000; the others differ in what their name says.
pub fn description(name: &str) -> Option<Bytes> {
    let (host, port, formats, direction) = match name {
        "sdp" => ("203.0.113.9", 4000, "0 8 101", "sendrecv"),
        "notones" => ("203.0.113.9", 4000, "0 8", "sendrecv"),
        "pcma" => ("203.0.113.9", 4000, "8", "sendrecv"),
        "six-g729" => ("2001:db8::9", 4000, "18", "sendrecv"),
        "six" => ("2001:db8::9", 4000, "0 8 101", "sendrecv"),
        "fork" => ("203.0.113.77", 7000, "0", "sendrecv"),
        "hold" => ("203.0.113.9", 4000, "0 8 101", "sendonly"),
        "recvonly" => ("203.0.113.9", 4000, "0 8 101", "recvonly"),
        "inactive" => ("203.0.113.9", 4000, "0 8 101", "inactive"),
        "declined" => ("203.0.113.9", 0, "0 8 101", "inactive"),
        // Hold as RFC 2543 had it (RFC 3264 section 8.4).
        "hold-2543" => ("0.0.0.0", 4000, "0 8 101", "sendrecv"),
        "g729" => ("203.0.113.9", 4000, "18", "sendrecv"),
        // AEAD_AES_256_GCM with a key of zeros, or another.
        "secure" | "rekeyed" => {
            let key = if name == "secure" { "A" } else { "B" }.repeat(59);
            let text = format!(
                "v=0\r\no=- 7 7 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 0\r\n\
                 a=crypto:1 AEAD_AES_256_GCM inline:{key}=\r\na=sendrecv\r\n"
            );
            return Some(text.into());
        }
        // T.38 in place of audio.
        "fax" => {
            let text = "v=0\r\no=- 7 8 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n\
                        m=image 4000 udptl t38\r\n";
            return Some(text.into());
        }
        "junk" => return Some(Bytes::from_static(b"this is no description")),
        _ => return None,
    };
    let family = if host.contains(':') { "IP6" } else { "IP4" };
    let text = format!(
        "v=0\r\no=- 7 7 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n\
         a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
    );
    Some(text.into())
}

/// An INVITE from this far end; `words` as in [`Peer::says`].
pub fn invite(to: &str, words: &str) -> Message {
    let mut b = Message::request("INVITE", to)
        .header("Via", "SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKinvite")
        .header("Max-Forwards", "70")
        .header("From", "\"Alice\" <sip:alice@acme-main.sip.example.test>;tag=theirs")
        .header("To", &format!("<{to}>"))
        .header("Call-ID", "incoming-1")
        .header("CSeq", "1 INVITE");
    if !words.contains("nocontact") {
        b = b.header("Contact", "<sip:alice@203.0.113.9:5060>");
    }
    with_words(b, words).build()
}

pub struct Peer {
    leg: LegId,
    keys: Keys,
    local_tag: String,
    call_id: String,
    cseq: u32,
    /// Of the last INVITE it sent, which its ACK repeats.
    invite_cseq: u32,
    /// INVITEs we were sent, and their ids.
    invites: Vec<(RequestId, Message)>,
    /// BYE, PRACK, UPDATE of the leg's, in order.
    others: Vec<(RequestId, Message)>,
    infos: Vec<(RequestId, Message)>,
    notifies: Vec<(RequestId, Message)>,
    resolving: Option<RequestId>,
    pub record: Option<RecordStage>,
    pub last_response: Option<Message>,
    /// What the leg's CANCEL says of its reason.
    pub cancel_reason: Option<String>,
    /// RSeq of the last reliable response.
    rseq: u32,
    /// Every request the leg sent, and where to.
    pub requests: Vec<(Message, Endpoint)>,
    /// What media was last configured with.
    pub last_spec: Option<LegSpec>,
}

impl Peer {
    pub fn new(leg: LegId) -> Self {
        Peer {
            leg,
            keys: Keys::new(),
            local_tag: String::new(),
            call_id: "incoming-1".into(),
            cseq: 1,
            invite_cseq: 1,
            invites: vec![],
            others: vec![],
            cancel_reason: None,
            rseq: 0,
            requests: vec![],
            infos: vec![],
            notifies: vec![],
            last_spec: None,
            resolving: None,
            record: None,
            last_response: None,
        }
    }

    /// Call-ID, and the tag of our side.
    pub fn dialog(&self) -> (String, String) {
        (self.call_id.clone(), self.local_tag.clone())
    }

    pub fn notify(&self) -> &Message {
        &self.notifies.last().expect("a NOTIFY was sent").1
    }

    pub fn invite(&self) -> &Message {
        &self.invites.last().expect("an INVITE was sent").1
    }

    /// `180`, `200 sdp tag=b`, `200 bye`, `401 stale` are responses to the last INVITE or BYE; `BYE`, `INVITE hold`,
    /// `UPDATE`, `PRACK rack=last`, `ACK sdp` requests; the rest is media, commands and the transaction layer's reports.
    pub fn says(&mut self, line: &str) -> LegInput {
        let mut words = line.split(' ');
        let first = words.next().unwrap_or_default();
        let rest = line[first.len()..].trim();
        if let Ok(status) = first.parse::<u16>() {
            return self.response(status, rest);
        }
        if first.chars().all(|c| c.is_ascii_uppercase()) {
            return self.request(first, rest);
        }
        let (leg, stats) = (self.leg, Box::new(LegStats::default()));
        let last = |sent: &[(RequestId, Message)]| sent.last().expect("a request was sent").0;
        match first {
            "opened" => LegInput::Media(Event::Opened { leg, rtp_port: 20_000 }),
            "open-failed" => LegInput::Media(Event::OpenFailed { leg, reason: OpenFailed::PortsExhausted }),
            "closed" => LegInput::Media(Event::Closed { leg, stats }),
            "failed" => LegInput::Media(Event::Failed { leg, stats }),
            "key-expiring" => {
                LegInput::Media(Event::KeyExpiring { leg, direction: tandem_media::control::KeyDirection::Outbound })
            }
            "rtp" => LegInput::Media(Event::Started { leg }),
            "rtp-timeout" => LegInput::Media(Event::TimedOut { leg }),
            "digit-for-peer" => {
                let digit = rest.chars().next().expect("a digit");
                LegInput::Media(Event::DigitForPeer { leg, digit, duration_ms: 100 })
            }
            "digit-ended" => {
                let digit = rest.chars().next().expect("a digit");
                LegInput::Media(Event::DigitEnded { leg, digit, duration_ms: 100 })
            }
            "digit" => LegInput::Media(Event::Digit { leg, digit: rest.chars().next().expect("a digit") }),
            "play-done" => {
                LegInput::Media(Event::PlayDone { leg, play: PlayId(rest.parse().expect("a number")), completed: true })
            }
            "cancelled" => LegInput::Cancelled { reason: (!rest.is_empty()).then(|| rest.to_owned()) },
            "timeout" => LegInput::RequestFailed { id: last(&self.invites), failure: RequestFailure::Timeout },
            "update-timeout" => LegInput::RequestFailed { id: last(&self.others), failure: RequestFailure::Timeout },
            "unreachable" => LegInput::RequestFailed { id: last(&self.invites), failure: RequestFailure::Transport },
            "info-timeout" => LegInput::RequestFailed { id: last(&self.infos), failure: RequestFailure::Timeout },
            "bye-timeout" => LegInput::RequestFailed { id: last(&self.others), failure: RequestFailure::Timeout },
            "resolved" => {
                let at = |ip: &str| Endpoint::new(Transport::Udp, format!("{ip}:5060").parse().expect("an address"));
                let hops: Vec<_> = rest.split(' ').filter(|ip| !ip.is_empty()).map(at).collect();
                let hops = if hops.is_empty() { vec![address()] } else { hops };
                LegInput::Resolved { id: self.resolving.expect("a lookup"), hops: Ok(hops) }
            }
            "unresolved" => {
                LegInput::Resolved { id: self.resolving.expect("a lookup"), hops: Err("no such host".into()) }
            }
            "ring" => LegInput::Command(LegCommand::Ring),
            "early" => LegInput::Command(LegCommand::EarlyMedia { prefer: None }),
            "answer" => LegInput::Command(LegCommand::Answer { prefer: None }),
            "answer-pcma" => LegInput::Command(LegCommand::Answer { prefer: Some(tandem_codecs::CodecId::Pcma) }),
            "hold" => LegInput::Command(LegCommand::Reoffer { hold: Hold::SendOnly, prefer: None }),
            "mute" => LegInput::Command(LegCommand::Reoffer { hold: Hold::Inactive, prefer: None }),
            "resume" => LegInput::Command(LegCommand::Reoffer { hold: Hold::Off, prefer: None }),
            "to-pcma" => {
                LegInput::Command(LegCommand::Reoffer { hold: Hold::Off, prefer: Some(tandem_codecs::CodecId::Pcma) })
            }
            "refer-to" => {
                let (to, headers) = (rest.to_owned(), vec![("X-Why".to_owned(), "tea time".to_owned())]);
                LegInput::Command(LegCommand::Refer { to, headers })
            }
            "referral-timeout" => LegInput::RequestFailed { id: last(&self.others), failure: RequestFailure::Timeout },
            "accept-refer" => LegInput::Command(LegCommand::AnswerRefer { status: 202 }),
            "refuse-refer" => LegInput::Command(LegCommand::AnswerRefer { status: 403 }),
            "progress" | "outcome" => {
                let status = rest.parse().expect("a status");
                LegInput::Command(LegCommand::Notify { status, reason: "So".into(), last: first == "outcome" })
            }
            "notify-timeout" => LegInput::RequestFailed { id: last(&self.notifies), failure: RequestFailure::Timeout },
            "reject" => {
                let status = rest.parse().expect("a status");
                LegInput::Command(LegCommand::Reject { status, reason: None, headers: vec![] })
            }
            "hangup" => {
                let reason = (!rest.is_empty()).then(|| rest.to_owned());
                LegInput::Command(LegCommand::Hangup { reason })
            }
            _ => panic!("{line:?} means nothing"),
        }
    }

    /// Whether [`Peer::says`] can: what answers a request needs one.
    pub fn can_say(&self, line: &str) -> bool {
        let first = line.split(' ').next().unwrap_or_default();
        match first {
            "timeout" | "unreachable" => !self.invites.is_empty(),
            "bye-timeout" | "update-timeout" | "referral-timeout" => !self.others.is_empty(),
            "info-timeout" => !self.infos.is_empty(),
            "notify-timeout" => !self.notifies.is_empty(),
            _ if first.parse::<u16>().is_ok() && line.contains("notify") => !self.notifies.is_empty(),
            _ if first.parse::<u16>().is_ok() && line.contains("info") => !self.infos.is_empty(),
            "resolved" | "unresolved" => self.resolving.is_some(),
            _ if first.parse::<u16>().is_ok() && OTHERS.iter().any(|word| line.contains(word)) => {
                !self.others.is_empty()
            }
            _ if first.parse::<u16>().is_ok() => !self.invites.is_empty(),
            _ => true,
        }
    }

    fn response(&self, status: u16, words: &str) -> LegInput {
        let to_bye = OTHERS.iter().any(|word| words.contains(word));
        let nth = if words.contains("first") { 0 } else { self.invites.len().saturating_sub(1) };
        let (id, request) = if to_bye {
            self.others.last().expect("a BYE, PRACK or UPDATE")
        } else if words.contains("info") {
            self.infos.last().expect("an INFO")
        } else if words.contains("notify") {
            self.notifies.last().expect("a NOTIFY")
        } else {
            self.invites.get(nth).expect("an INVITE")
        };
        let tag = words.split(' ').find_map(|w| w.strip_prefix("tag=")).unwrap_or("theirs");
        let mut b = Message::response(request, address().addr, status, None);
        if status > 100 && !words.contains("notag") {
            b = b.to_tag(tag);
        }
        if !to_bye && (101..300).contains(&status) {
            b = b.header("Contact", &format!("<sip:{tag}@203.0.113.9:5060>"));
        }
        let stale = if words.contains("stale") { ", stale=true" } else { "" };
        let realm = words.split(' ').find_map(|w| w.strip_prefix("realm=")).unwrap_or("there");
        let challenge = format!("Digest realm=\"{realm}\", nonce=\"n{}\", qop=\"auth\"{stale}", self.invites.len());
        match status {
            401 => b = b.header("WWW-Authenticate", &challenge),
            407 => b = b.header("Proxy-Authenticate", &challenge),
            _ => {}
        }
        LegInput::Response { id: *id, message: with_words(b, words).build(), source: source(words) }
    }

    /// Words: a description's name, `cseq=N`, `tag=T`, `call-id=C`, and header fields as `Name:value`.
    fn request(&mut self, method: &str, words: &str) -> LegInput {
        let value = |name: &str| words.split(' ').find_map(|w| w.strip_prefix(name));
        self.cseq += u32::from(method != "ACK");
        if method == "INVITE" {
            self.invite_cseq = self.cseq;
        }
        let next = if method == "ACK" { self.invite_cseq } else { self.cseq };
        let cseq = value("cseq=").map_or(next, |n| n.parse().expect("a number"));
        let b = Message::request(method, "sip:tandem@198.51.100.1:5060")
            .header("Via", &format!("SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK{method}{cseq}"))
            .header("Max-Forwards", "70")
            .header("From", &format!("<sip:alice@h>;tag={}", value("tag=").unwrap_or("theirs")))
            .header("To", &format!("<sip:tandem@h>;tag={}", self.local_tag))
            .header("Call-ID", value("call-id=").unwrap_or(&self.call_id))
            .header("CSeq", &format!("{cseq} {method}"))
            .header("Contact", value("contact=").unwrap_or("<sip:alice@203.0.113.9:5060>"));
        let b = match value("rack=") {
            Some("last") => b.header("RAck", &format!("{} 1 INVITE", self.rseq)),
            Some(rack) => b.header("RAck", &rack.replace('_', " ")),
            None => b,
        };
        let message = with_words(b, words).build();
        if method == "ACK" {
            return LegInput::Ack(message);
        }
        LegInput::Request { key: self.keys.next(), message, source: source(words) }
    }

    pub fn key(&mut self) -> ServerKey {
        self.keys.next()
    }

    /// What an effect looks like from here; None for bookkeeping.
    pub fn hears(&mut self, effect: &LegEffect) -> Option<String> {
        Some(match effect {
            LegEffect::Bind { local_tag } => {
                self.local_tag.clone_from(local_tag);
                return None;
            }
            LegEffect::Record(record) => {
                self.record = Some(record.stage.clone());
                return None;
            }
            LegEffect::Request { id, message, destination } => {
                self.requests.push((message.clone(), *destination));
                let at = if *destination == address() { String::new() } else { format!(" @{destination}") };
                let sent = (*id, message.clone());
                let cseq = message.cseq().number;
                let auth = ["Authorization", "Proxy-Authorization"].into_iter().find(|n| message.header(n).is_some());
                let auth = auth.map(|n| format!(" {n}")).unwrap_or_default();
                let reason = message.header("Reason").map(|r| format!(" [{r}]")).unwrap_or_default();
                match message.method_str() {
                    "INVITE" => {
                        self.call_id = message.call_id().to_owned();
                        self.invites.push(sent);
                    }
                    "INFO" => {
                        self.infos.push(sent);
                        let body = String::from_utf8_lossy(message.body()).replace("\r\n", " ");
                        return Some(format!("INFO {cseq} {}", body.trim()));
                    }
                    "NOTIFY" => {
                        let state = message.header("Subscription-State").unwrap_or_default();
                        let fragment = String::from_utf8_lossy(message.body()).trim().to_owned();
                        let event = message.header("Event").unwrap_or_default();
                        let id = event.strip_prefix("refer").unwrap_or(event);
                        let heard = format!(
                            "NOTIFY{id} {} {}",
                            &state[..state.find(';').unwrap_or(state.len())],
                            &fragment[8..11]
                        );
                        self.notifies.push(sent);
                        return Some(heard);
                    }
                    _ => self.others.push(sent),
                }
                format!("{} {cseq}{auth}{}{reason}{at}", message.method_str(), shape(message.body()))
            }
            LegEffect::Cancel { reason, .. } => {
                self.cancel_reason.clone_from(reason);
                "CANCEL".into()
            }
            LegEffect::SendAck { message, .. } => format!("ACK {}{}", message.cseq().number, shape(message.body())),
            LegEffect::Respond { message, .. } => {
                self.last_response = Some(message.clone());
                let reason = message.header("Reason").map(|r| format!(" [{r}]")).unwrap_or_default();
                let rseq = message.header("RSeq").and_then(|rseq| rseq.parse().ok());
                self.rseq = rseq.unwrap_or(self.rseq);
                let reliable = if rseq.is_some() { " reliable" } else { "" };
                format!("{}{reliable}{}{reason}", message.status().unwrap_or(0), shape(message.body()))
            }
            LegEffect::Resolve { id, uri } => {
                self.resolving = Some(*id);
                format!("resolve {uri}")
            }
            LegEffect::LookUp { id, uri } => {
                self.resolving = Some(*id);
                format!("look-up {uri}")
            }
            LegEffect::Media(command) => {
                if let Command::Configure { spec, .. } = command {
                    self.last_spec = Some((**spec).clone());
                }
                media(command)
            }
            LegEffect::Report(LegReport::Dialog(_) | LegReport::Held(_)) => return None,
            LegEffect::Report(report) => reported(report),
            LegEffect::Stop => "stop".into(),
        })
    }
}

/// A media command as text, without the leg's name.
pub fn media(command: &Command) -> String {
    match command {
        Command::Open { .. } => "open".into(),
        Command::Close { .. } => "close".into(),
        Command::Configure { spec, .. } => {
            let to = spec.remote_rtp.map_or("nowhere".into(), |a| a.to_string());
            let (send, receive) = (if spec.send { 's' } else { '-' }, if spec.receive { 'r' } else { '-' });
            let digits = if spec.dtmf_in_signalling { " info" } else { "" };
            format!("configure {:?} {to} {send}{receive}{digits}", spec.codec)
        }
        Command::Bridge { a, b } => format!("bridge {a} {b}"),
        Command::Unbridge { leg } => format!("unbridge {leg}"),
        Command::Play { leg, play, .. } => format!("play {leg} {}", play.0),
        Command::AllowSilence { leg, allowed } => format!("allow-silence {leg} {allowed}"),
        Command::StopPlay { leg, play } => format!("stop-play {leg} {}", play.0),
        Command::SendDigits { leg, digits, .. } => format!("digits {leg} {digits}"),
        Command::HearDigit { digit, duration_ms, .. } => format!("hear-digit {digit} {duration_ms}"),
        Command::PressDigit { digit, duration_ms, .. } => format!("press-digit {digit} {duration_ms}"),
        Command::Echo { leg, on } => format!("echo {leg} {on}"),
        Command::Denoise { leg, on } => format!("denoise {leg} {on}"),
        Command::StartStream { leg, play, rate } => format!("start-stream {leg} {} {}", play.0, rate.0),
        Command::Inject { leg, play, audio } => format!("inject {leg} {} {}", play.0, audio.len()),
        Command::Mark { leg, play, mark } => format!("mark {leg} {} {}", play.0, mark.0),
        Command::ClearStream { leg, play } => format!("clear {leg} {}", play.0),
        Command::Untap { leg, tap } => format!("untap {leg} {}", tap.0),
        other => format!("unexpected {other:?}"),
    }
}

fn reported(report: &LegReport) -> String {
    match report {
        LegReport::Progress { status, early_media: None } => format!("progress {status}"),
        LegReport::Progress { status, early_media: Some(codec) } => format!("progress {status} {codec:?}"),
        LegReport::Answered { codec, .. } => format!("answered {codec:?}"),
        LegReport::Renegotiated { codec } => format!("renegotiated {codec:?}"),
        LegReport::Dialog(_) => "dialog".into(),
        LegReport::Held(held) => format!("held {held:?}"),
        LegReport::Refer(refer) => format!("refer {}", refer.to),
        LegReport::ReferEnded(r) => format!("refer-ended {:?} {:?}", r.response_code, r.notified_code),
        LegReport::Redirected { targets } => format!("redirected {}", targets.join(" ")),
        LegReport::Digit(digit) => format!("digit {digit}"),
        LegReport::DigitEnded { digit, duration_ms } => format!("digit-ended {digit} {duration_ms}"),
        LegReport::PlayDone { play, .. } => format!("play-done {}", play.0),
        LegReport::Marked { play, mark } => format!("marked {} {}", play.0, mark.0),
        LegReport::Ended(end) => {
            let by = match end.by {
                EndedBy::Remote => "remote",
                EndedBy::Local => "local",
                EndedBy::MediaTimeout => "media-timeout",
                EndedBy::Failure => "failure",
            };
            let headers: String = end.headers.iter().map(|(n, v)| format!(" {n}:{v}")).collect();
            let cause = end.cause.as_ref().map(|cause| format!(" [{cause}]")).unwrap_or_default();
            let retry = end.retry_after.map(|d| format!(" retry-after {}", d.as_secs())).unwrap_or_default();
            let silent = if end.was_silent { " silent" } else { "" };
            format!("ended {} {by}{silent}{headers}{cause}{retry}", end.status)
        }
        LegReport::Closed(_) => "closed".into(),
    }
}

fn with_words(mut b: Builder, words: &str) -> Builder {
    for word in words.split(' ') {
        if let Some(sdp) = description(word) {
            let kind = if words.contains("isup") { "application/isup" } else { "application/sdp" };
            b = b.body(kind, sdp);
        } else if let Some(signal) = word.strip_prefix("signal=") {
            let kind = if words.contains("plain") { "text/plain" } else { "application/dtmf-relay" };
            b = b.body(kind, format!("Signal={signal}\r\nDuration=160\r\n"));
        } else if let Some(status) = word.strip_prefix("frag=") {
            b = b.body("message/sipfrag;version=2.0", format!("SIP/2.0 {status} So\r\n"));
        } else if let Some((name, value)) = word.split_once(':') {
            b = b.header(name, value);
        }
    }
    b
}

/// The direction of the description in a body.
fn shape(body: &[u8]) -> String {
    if body.is_empty() {
        return String::new();
    }
    let text = String::from_utf8_lossy(body);
    let direction = ["sendrecv", "sendonly", "recvonly", "inactive"].into_iter().find(|d| text.contains(d));
    format!(" {}", direction.unwrap_or("sdp"))
}
