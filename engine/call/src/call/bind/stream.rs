use tandem_laml::instruction::{ConnectId, Input, Stream, StreamCommand, StreamEvent, StreamFault};
use tandem_media::control::{Command, MarkId, PlayId};
use tandem_model::{CallSid, LegId, Sid, Timestamp, WallTime, limits};

use super::super::Call;
use super::super::contract::{CallEffect, RunId};
use super::super::streams::{
    OpenStream, Running, Stage, StreamEffect, StreamInput, StreamProblem, StreamRefused, StreamView,
};

/// How long a key is held that a stream's server sends.
const DIGIT_MS: u32 = 100;
/// Twilio's and SignalWire's number for an argument in the wrong state (laml.md 3.13).
const WRONG_STATE: u32 = 10_000;

impl Call {
    /// What a document on this leg says of streams.
    pub(super) fn stream_command(&mut self, run: RunId, leg: LegId, command: StreamCommand) {
        match command {
            StreamCommand::Start(stream) => {
                let sid = self.new_sid();
                let _ = self.open_stream(leg, sid, *stream, None);
            }
            StreamCommand::Stop { name, line } => {
                let found = self.streams.of_leg(leg).find(|s| s.shown_name() == name).map(|s| s.sid);
                match found {
                    Some(sid) => self.close_stream(sid),
                    None => {
                        let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
                        let message = format!("Stop: there is no stream {shown}");
                        self.emit(CallEffect::Warn { code: WRONG_STATE, message, line: Some(line) });
                    }
                }
            }
            StreamCommand::Connect { id, stream } => {
                let sid = self.new_sid();
                let name = stream.name.clone().unwrap_or_else(|| sid.to_string());
                if let Err(fault) = self.open_stream(leg, sid, *stream, Some((run, id))) {
                    let ended = StreamEvent::Ended { id, sid: sid.to_string(), name, fault: Some(fault) };
                    self.run_input(run, Input::Stream(ended));
                }
            }
            StreamCommand::Disconnect { id } => {
                let found = self.streams.of_leg(leg).find(|s| s.connect == Some((run, id))).map(|s| s.sid);
                if let Some(sid) = found {
                    self.close_stream(sid);
                }
            }
        }
    }

    /// What came of a connection.
    pub(in super::super) fn stream_input(&mut self, input: StreamInput) {
        match input {
            StreamInput::Opened { sid } => self.stream_opened(sid),
            StreamInput::Audio { sid, audio } => {
                self.stream_media(sid, |leg, play| Command::Inject { leg, play, audio });
            }
            StreamInput::Mark { sid, mark } => {
                // Of one that has ended nobody waits for it; one that plays nothing has nothing to wait for.
                if self.streams.find(sid).is_some()
                    && !self.stream_media(sid, |leg, play| Command::Mark { leg, play, mark })
                {
                    self.emit(CallEffect::Stream(StreamEffect::Marked { sid, mark }));
                }
            }
            StreamInput::Clear { sid } => {
                self.stream_media(sid, |leg, play| Command::ClearStream { leg, play });
            }
            StreamInput::Digits { sid, digits } => {
                let Some(leg) = self.streams.find(sid).filter(|s| s.two_way).map(|s| s.leg) else { return };
                for digit in digits.chars().filter(|c| matches!(c, '0'..='9' | 'A'..='D' | '*' | '#')) {
                    self.emit(CallEffect::Media(Command::PressDigit { leg, digit, duration_ms: DIGIT_MS }));
                }
            }
            StreamInput::Ended { sid, problem } => self.stream_over(sid, problem),
        }
    }

    /// The far end of a leg let go of a key.
    pub(in super::super) fn stream_digit(&mut self, leg: LegId, digit: char, duration_ms: u32) {
        let hears = |s: &&Running| s.track.has_inbound() && matches!(s.stage, Stage::Open(_));
        let sids: Vec<Sid> = self.streams.of_leg(leg).filter(hears).map(|s| s.sid).collect();
        for sid in sids {
            self.emit(CallEffect::Stream(StreamEffect::Digit { sid, digit, duration_ms }));
        }
    }

    pub(in super::super) fn stream_marked(&mut self, leg: LegId, play: PlayId, mark: MarkId) {
        if let Some(sid) = self.streams.by_play(leg, play) {
            self.emit(CallEffect::Stream(StreamEffect::Marked { sid, mark }));
        }
    }

    /// Streams end with their leg.
    pub(in super::super) fn stream_leg_ended(&mut self, leg: LegId) {
        let sids: Vec<Sid> = self.streams.of_leg(leg).map(|s| s.sid).collect();
        for sid in sids {
            self.close_stream(sid);
        }
    }

    /// REST wants a stream of a leg that talks (laml.md 3.8).
    ///
    /// # Errors
    /// There is no such leg, it does not talk, or the stream cannot run.
    pub fn start_stream(
        &mut self,
        now: Timestamp,
        wall: WallTime,
        call_sid: CallSid,
        stream: Stream,
    ) -> Result<StreamView, StreamRefused> {
        self.clock = (now, wall);
        let leg = self.legs.values().find(|l| l.sid == call_sid).ok_or(StreamRefused::NoSuchCall)?;
        if !leg.is_answered() {
            return Err(StreamRefused::NotInProgress);
        }
        let leg = leg.id;
        let sid = self.new_sid();
        self.open_stream(leg, sid, stream, None).map_err(StreamRefused::Fault)?;
        self.stream_view(sid)
    }

    /// REST ends a stream, by its sid or name. One that is over stays over.
    ///
    /// # Errors
    /// There is no such leg, or it had no such stream.
    pub fn stop_stream(
        &mut self,
        now: Timestamp,
        wall: WallTime,
        call_sid: CallSid,
        which: &str,
    ) -> Result<StreamView, StreamRefused> {
        self.clock = (now, wall);
        if !self.legs.values().any(|l| l.sid == call_sid) {
            return Err(StreamRefused::NoSuchCall);
        }
        let named = |s: &&Running| s.call_sid == call_sid && (s.sid.to_string() == which || s.shown_name() == which);
        // Of several of one name only the last can run.
        let sid = self.streams.all.iter().rev().find(named).map(|s| s.sid).ok_or(StreamRefused::NoSuchStream)?;
        self.close_stream(sid);
        self.drive();
        self.stream_view(sid)
    }

    fn stream_view(&self, sid: Sid) -> Result<StreamView, StreamRefused> {
        self.streams.all.iter().find(|s| s.sid == sid).map(Running::view).ok_or(StreamRefused::NoSuchStream)
    }

    fn open_stream(
        &mut self,
        leg: LegId,
        sid: Sid,
        stream: Stream,
        connect: Option<(RunId, ConnectId)>,
    ) -> Result<(), StreamFault> {
        let call_sid = self.legs.get(&leg).map(|l| l.sid).ok_or(StreamFault::General)?;
        let running = Running {
            sid,
            leg,
            call_sid,
            name: stream.name.clone(),
            track: stream.track,
            rate: stream.codec.rate(),
            two_way: connect.is_some(),
            callback: stream.status_callback.clone(),
            connect,
            tap: self.streams.next_tap(),
            stage: Stage::Opening,
            updated: self.clock.1,
        };
        let fault = stream.fault.or_else(|| self.stream_fault(leg, &running));
        if let Some(fault) = fault {
            self.tell_stream(&running, "stream-error", Some(fault));
            return Err(fault);
        }
        let ended = self.streams.all.iter().filter(|s| s.stage == Stage::Over).count();
        if ended > limits::STREAMS_REMEMBERED_PER_CALL
            && let Some(at) = self.streams.all.iter().position(|s| s.stage == Stage::Over)
        {
            self.streams.all.remove(at);
        }
        let open = OpenStream {
            sid,
            account_sid: self.env.directory.project.id.clone(),
            call_sid,
            two_way: running.two_way,
            dialect: self.dialect(),
            stream,
        };
        self.streams.all.push(running);
        self.emit(CallEffect::Stream(StreamEffect::Open(Box::new(open))));
        Ok(())
    }

    /// What of the call stands against one more stream; it has been warned of.
    fn stream_fault(&mut self, leg: LegId, new: &Running) -> Option<StreamFault> {
        let name = new.shown_name();
        let (fault, message) = if self.streams.of_leg(leg).any(|s| s.shown_name() == name) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
            (StreamFault::DuplicateName, format!("Stream: one of the name {shown} runs already"))
        } else if self.streams.of_leg(leg).count() >= limits::STREAMS_PER_LEG_MAX {
            (StreamFault::General, format!("Stream: {} run already, which is the most", limits::STREAMS_PER_LEG_MAX))
        } else {
            return None;
        };
        self.emit(CallEffect::Warn { code: WRONG_STATE, message, line: None });
        Some(fault)
    }

    fn stream_opened(&mut self, sid: Sid) {
        let updated = self.clock.1;
        let plays = self.plays + 1;
        let Some(stream) = self.streams.find(sid).filter(|s| s.stage == Stage::Opening) else { return };
        let play = stream.two_way.then_some(PlayId(plays));
        (stream.stage, stream.updated) = (Stage::Open(play), updated);
        let (leg, tap, rate) = (stream.leg, stream.tap, stream.rate);
        if let Some(play) = play {
            self.plays = plays;
            self.emit(CallEffect::Media(Command::StartStream { leg, play, rate }));
        }
        self.emit(CallEffect::Stream(StreamEffect::Tap { sid, leg, tap, rate }));
        self.tell_stream_of(sid, "stream-started", None);
    }

    /// A media command of a stream that plays; False when it does not.
    fn stream_media(&mut self, sid: Sid, command: impl FnOnce(LegId, PlayId) -> Command) -> bool {
        let Some(Running { leg, stage: Stage::Open(Some(play)), .. }) = self.streams.find(sid) else { return false };
        let command = command(*leg, *play);
        self.emit(CallEffect::Media(command));
        true
    }

    /// We end it: who waits for it has been told, or does not want to know.
    fn close_stream(&mut self, sid: Sid) {
        let Some(stream) = self.streams.find(sid) else { return };
        stream.connect = None;
        self.stream_over(sid, None);
    }

    fn stream_over(&mut self, sid: Sid, problem: Option<StreamProblem>) {
        let updated = self.clock.1;
        let Some(stream) = self.streams.find(sid) else { return };
        let before = std::mem::replace(&mut stream.stage, Stage::Over);
        stream.updated = updated;
        let (leg, tap, connect, name) = (stream.leg, stream.tap, stream.connect.take(), stream.shown_name());
        self.emit(CallEffect::Stream(StreamEffect::Close { sid }));
        if let Stage::Open(play) = before {
            self.emit(CallEffect::Media(Command::Untap { leg, tap }));
            if let Some(play) = play {
                self.emit(CallEffect::Media(Command::StopPlay { leg, play }));
            }
        }
        let fault = problem.as_ref().map(|p| p.fault);
        self.tell_stream_of(sid, if fault.is_some() { "stream-error" } else { "stream-stopped" }, fault);
        if let Some(StreamProblem { code, message, .. }) = problem {
            self.emit(CallEffect::Warn { code, message: format!("Stream: {message}"), line: None });
        }
        if let Some((run, id)) = connect {
            self.run_input(run, Input::Stream(StreamEvent::Ended { id, sid: sid.to_string(), name, fault }));
        }
    }

    fn tell_stream_of(&mut self, sid: Sid, event: &str, fault: Option<StreamFault>) {
        let Some(at) = self.streams.all.iter().position(|s| s.sid == sid) else { return };
        let Some((url, method)) = self.streams.all[at].callback.clone() else { return };
        let params = self.stream_params(&self.streams.all[at], event, fault);
        self.emit(CallEffect::Notify { url, method, params });
    }

    fn tell_stream(&mut self, stream: &Running, event: &str, fault: Option<StreamFault>) {
        let Some((url, method)) = stream.callback.clone() else { return };
        let params = self.stream_params(stream, event, fault);
        self.emit(CallEffect::Notify { url, method, params });
    }

    /// laml.md 1.16: the time in ISO 8601, unlike that of all other callbacks.
    fn stream_params(&self, stream: &Running, event: &str, fault: Option<StreamFault>) -> Vec<(String, String)> {
        let mut params: Vec<(String, String)> = vec![
            ("AccountSid".into(), self.env.directory.project.id.clone()),
            ("CallSid".into(), stream.call_sid.to_string()),
            ("StreamSid".into(), stream.sid.to_string()),
            ("StreamName".into(), stream.shown_name()),
            ("StreamEvent".into(), event.into()),
            ("StreamTrack".into(), stream.track.as_str().into()),
            ("Timestamp".into(), self.clock.1.rfc3339()),
            ("Unique-ID".into(), stream.call_sid.to_string()),
        ];
        params.extend(fault.map(|fault| ("StreamError".into(), fault.as_str().into())));
        params
    }
}
