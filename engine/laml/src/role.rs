/// Whose way is followed where the two providers of the field document different things (laml.md, columns SW and TW).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    #[default]
    SignalWire,
    Twilio,
}

impl Dialect {
    pub const ALL: [Dialect; 2] = [Dialect::SignalWire, Dialect::Twilio];

    /// As settings and REST write it.
    pub fn from_name(name: &str) -> Option<Dialect> {
        match name {
            "signalwire" => Some(Dialect::SignalWire),
            "twilio" => Some(Dialect::Twilio),
            _ => None,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Dialect::SignalWire => "signalwire",
            Dialect::Twilio => "twilio",
        }
    }
}

/// What a document is run for, which decides the verbs it may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It drives the call.
    #[default]
    Main,
    /// The `url` of a `<Number>` or `<Sip>`: run on the callee before the bridge (laml.md 1.4).
    Whisper,
    /// The `waitUrl` of an `<Enqueue>`, or what the `url` of a `<Queue>` tells the queued caller (laml.md 1.7, 1.12).
    QueueWait,
    /// The `waitUrl` or hold music of a conference (laml.md 1.8).
    ConferenceWait,
    /// What REST has said to a conference or one of its members (laml.md 3.9).
    Announce,
}

impl Role {
    /// Whether a document of this role may hold the verb; others are warned about (13238) and passed over.
    pub(crate) fn allows(self, verb: &str) -> bool {
        match self {
            Role::Main => verb != "Leave",
            Role::Whisper => !matches!(verb, "Dial" | "Enqueue" | "Leave" | "Refer" | "Connect" | "Reject"),
            Role::QueueWait => {
                matches!(verb, "Play" | "Say" | "Pause" | "Hangup" | "Redirect" | "Leave" | "Gather")
            }
            Role::ConferenceWait | Role::Announce => matches!(verb, "Play" | "Say" | "Pause" | "Redirect"),
        }
    }

    /// Whether a caller hears an apology when there is no document: else whoever runs it decides what is heard.
    pub(crate) fn apologises(self) -> bool {
        match self {
            Role::Main | Role::Whisper => true,
            Role::QueueWait | Role::ConferenceWait | Role::Announce => false,
        }
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Main => "outside a queue",
            Role::Whisper => "in a document for the callee",
            Role::QueueWait => "in the document of a queue",
            Role::ConferenceWait => "in the wait document of a conference",
            Role::Announce => "in an announcement",
        }
    }
}
