use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tandem_call::call::OpenStream;
use tandem_laml::Dialect;

/// Writes what a stream tells its server (laml.md 1.16). Numbers are strings, but for the two of the media format.
pub(super) struct Speaker {
    sid: String,
    account_sid: String,
    call_sid: String,
    dialect: Dialect,
    /// Of the message before: the first, `start`, is 1.
    sequence: u64,
}

/// One of the two directions, as messages name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Inbound,
    Outbound,
}

impl Direction {
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        }
    }
}

impl Speaker {
    pub fn new(open: &OpenStream) -> Self {
        Speaker {
            sid: open.sid.to_string(),
            account_sid: open.account_sid.clone(),
            call_sid: open.call_sid.to_string(),
            dialect: open.dialect,
            sequence: 0,
        }
    }

    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The first message; it has no number.
    pub fn connected(&self) -> String {
        let version = match self.dialect {
            Dialect::SignalWire => "0.2.0",
            Dialect::Twilio => "1.0.0",
        };
        json!({"event": "connected", "protocol": "Call", "version": version}).to_string()
    }

    pub fn start(&mut self, open: &OpenStream, encoding: &str, rate_hz: u32) -> String {
        let track = open.stream.track;
        let tracks: Vec<&str> =
            [(track.has_inbound(), Direction::Inbound), (track.has_outbound(), Direction::Outbound)]
                .into_iter()
                .filter(|(has, _)| *has)
                .map(|(_, direction)| direction.as_str())
                .collect();
        let parameters: Map<String, Value> =
            open.stream.parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let start = json!({
            "streamSid": self.sid,
            "accountSid": self.account_sid,
            "callSid": self.call_sid,
            "tracks": tracks,
            "customParameters": parameters,
            "mediaFormat": {"encoding": encoding, "sampleRate": rate_hz, "channels": 1},
        });
        let named = self.dialect == Dialect::Twilio;
        self.message("start", named, start)
    }

    pub fn media(&mut self, direction: Direction, chunk: u64, timestamp_ms: u64, audio: &[u8]) -> String {
        let media = json!({
            "track": direction.as_str(),
            "chunk": chunk.to_string(),
            "timestamp": timestamp_ms.to_string(),
            "payload": STANDARD.encode(audio),
        });
        let named = self.dialect == Dialect::Twilio;
        self.message("media", named, media)
    }

    pub fn dtmf(&mut self, digit: char, duration_ms: u32) -> String {
        let mut dtmf = json!({"digit": digit.to_string(), "duration": duration_ms.to_string()});
        if self.dialect == Dialect::Twilio {
            dtmf["track"] = json!("inbound_track");
        }
        self.message("dtmf", true, dtmf)
    }

    pub fn mark(&mut self, name: &str) -> String {
        self.message("mark", true, json!({ "name": name }))
    }

    pub fn stop(&mut self) -> String {
        let stop = json!({"accountSid": self.account_sid, "callSid": self.call_sid});
        let named = self.dialect == Dialect::Twilio;
        self.message("stop", named, stop)
    }

    /// `named`: with the stream's sid beside the event.
    fn message(&mut self, event: &str, named: bool, content: Value) -> String {
        self.sequence += 1;
        let mut message = Map::new();
        message.insert("event".into(), json!(event));
        message.insert("sequenceNumber".into(), json!(self.sequence.to_string()));
        if named {
            message.insert("streamSid".into(), json!(self.sid));
        }
        message.insert(event.into(), content);
        Value::Object(message).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tandem_laml::instruction::{Stream, StreamCodec, Track};
    use tandem_model::Sid;

    fn open(dialect: Dialect) -> OpenStream {
        OpenStream {
            sid: Sid::from_bytes([7; 16]),
            account_sid: "acc".into(),
            call_sid: Sid::from_bytes([1; 16]),
            stream: Stream {
                url: "wss://a.example/".into(),
                name: None,
                track: Track::Both,
                codec: StreamCodec::Pcmu,
                realtime: false,
                bearer_token: None,
                status_callback: None,
                parameters: vec![("b".into(), "\"2\"".into()), ("a".into(), "1".into())],
                fault: None,
            },
            two_way: false,
            dialect,
        }
    }

    const ME: &str = "07070707-0707-0707-0707-070707070707";
    const CALL: &str = "01010101-0101-0101-0101-010101010101";

    #[test]
    fn messages_are_those_of_laml_md_1_16_in_both_dialects() {
        for dialect in [Dialect::SignalWire, Dialect::Twilio] {
            let (open, twilio) = (open(dialect), dialect == Dialect::Twilio);
            let mut speaker = Speaker::new(&open);
            let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
            // The documented difference: who names the stream beside the event.
            let named = |mut message: Value, always: bool| {
                if always || twilio {
                    message["streamSid"] = json!(ME);
                }
                message
            };
            let version = if twilio { "1.0.0" } else { "0.2.0" };
            assert_eq!(
                read(speaker.connected()),
                json!({"event": "connected", "protocol": "Call", "version": version})
            );
            let start = json!({"event": "start", "sequenceNumber": "1", "start": {
                "streamSid": ME, "accountSid": "acc", "callSid": CALL, "tracks": ["inbound", "outbound"],
                "customParameters": {"a": "1", "b": "\"2\""},
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}});
            assert_eq!(read(speaker.start(&open, "audio/x-mulaw", 8_000)), named(start, false));
            let media = json!({"event": "media", "sequenceNumber": "2", "media": {
                "track": "outbound", "chunk": "3", "timestamp": "40", "payload": "AQI="}});
            assert_eq!(read(speaker.media(Direction::Outbound, 3, 40, &[1, 2])), named(media, false));
            let mut dtmf = json!({"event": "dtmf", "sequenceNumber": "3", "dtmf": {"digit": "5", "duration": "120"}});
            if twilio {
                dtmf["dtmf"]["track"] = json!("inbound_track");
            }
            assert_eq!(read(speaker.dtmf('5', 120)), named(dtmf, true));
            let mark = json!({"event": "mark", "sequenceNumber": "4", "mark": {"name": "end \""}});
            assert_eq!(read(speaker.mark("end \"")), named(mark, true));
            let stop = json!({"event": "stop", "sequenceNumber": "5", "stop": {"accountSid": "acc", "callSid": CALL}});
            assert_eq!(read(speaker.stop()), named(stop, false));
        }
    }
}
