//! What `<Conference>` says (laml.md 1.8).

use super::{Method, Stream};

/// The room a leg goes into, and how it is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Conference {
    /// Unique inside the project; whoever names the same is in the same room.
    pub name: String,
    pub muted: bool,
    pub beep: Beep,
    pub start_on_enter: bool,
    pub end_on_exit: bool,
    pub max_participants: usize,
    pub wait: WaitMusic,
    /// From the start, mixed to one channel.
    pub record: bool,
    pub trim: bool,
    /// The call that this member alone speaks to.
    pub coach: Option<String>,
    pub label: Option<String>,
    pub status_callback: Option<ConferenceCallback>,
    pub recording_callback: Option<ConferenceRecordingCallback>,
    /// Asked once, at the end.
    pub event_callback: Option<String>,
    /// Where a copy of the whole conference goes.
    pub stream: Option<Box<Stream>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beep {
    #[default]
    Both,
    Enter,
    Exit,
    Never,
}

impl Beep {
    pub fn on_enter(self) -> bool {
        matches!(self, Beep::Both | Beep::Enter)
    }

    pub fn on_exit(self) -> bool {
        matches!(self, Beep::Both | Beep::Exit)
    }
}

/// What a member hears while it waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WaitMusic {
    #[default]
    BuiltIn,
    Silence,
    Document(String, Method),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConferenceCallback {
    /// Absolute.
    pub url: String,
    pub method: Method,
    pub events: ConferenceEvents,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConferenceEvents {
    pub start: bool,
    pub end: bool,
    pub join: bool,
    pub leave: bool,
    pub mute: bool,
    pub hold: bool,
    pub speaker: bool,
    pub modify: bool,
    pub announcement: bool,
}

impl ConferenceEvents {
    /// The event of that name, to be set. Two are of the twilio dialect alone.
    pub fn slot(&mut self, name: &str, twilio: bool) -> Option<&mut bool> {
        Some(match name {
            "start" => &mut self.start,
            "end" => &mut self.end,
            "join" => &mut self.join,
            "leave" => &mut self.leave,
            "mute" => &mut self.mute,
            "hold" => &mut self.hold,
            "speaker" => &mut self.speaker,
            "modify" if twilio => &mut self.modify,
            "announcement" if twilio => &mut self.announcement,
            _ => return None,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConferenceRecordingCallback {
    /// Absolute.
    pub url: String,
    pub method: Method,
    pub in_progress: bool,
    pub completed: bool,
    pub failed: bool,
}
