//! A copy of the whole conference for a customer's WebSocket server: what the first member's `<Stream>` or `streamUrl` asks for (laml.md
//! 1.8 and 1.16). It begins with the conference and ends with it.

use tandem_laml::instruction::{Stream, StreamFault};
use tandem_model::{Sid, Timestamp, WallTime};

use super::Room;
use super::contract::{RoomEffect, RoomStatus};
use crate::call::StreamProblem;

#[derive(Debug, Default)]
pub(super) enum Streaming {
    #[default]
    No,
    Wanted(Box<Stream>),
    Running(Box<Running>),
    Over,
}

#[derive(Debug)]
pub(super) struct Running {
    sid: Option<Sid>,
    stream: Box<Stream>,
    is_open: bool,
}

impl Streaming {
    /// The first to ask wins.
    pub fn want(&mut self, stream: Option<Box<Stream>>) {
        if let (Streaming::No, Some(stream)) = (&self, stream) {
            *self = Streaming::Wanted(stream);
        }
    }
}

impl Room {
    pub(super) fn start_stream(&mut self) {
        if self.status != RoomStatus::InProgress || !matches!(self.streaming, Streaming::Wanted(_)) {
            return;
        }
        let Streaming::Wanted(stream) = std::mem::take(&mut self.streaming) else { return };
        match stream.fault {
            Some(fault) => {
                self.tell_stream(&stream, None, "stream-error", Some(fault));
                self.streaming = Streaming::Over;
            }
            None => {
                self.emit(RoomEffect::OpenStream(stream.clone()));
                self.streaming = Streaming::Running(Box::new(Running { sid: None, stream, is_open: false }));
            }
        }
    }

    /// Answers [`RoomEffect::OpenStream`].
    pub fn stream_began(&mut self, named: Sid) {
        if let Streaming::Running(running) = &mut self.streaming {
            running.sid = Some(named);
        }
    }

    /// It is connected. False when it is not wanted any more.
    pub fn stream_opened(&mut self, now: Timestamp, wall: WallTime) -> bool {
        self.clock = (now, wall);
        let Streaming::Running(running) = &mut self.streaming else { return false };
        running.is_open = true;
        let (stream, sid) = (running.stream.clone(), running.sid);
        self.tell_stream(&stream, sid, "stream-started", None);
        true
    }

    /// The far side closed, or something went wrong.
    pub fn stream_ended(&mut self, now: Timestamp, wall: WallTime, problem: Option<StreamProblem>) {
        self.clock = (now, wall);
        let Streaming::Running(running) = std::mem::replace(&mut self.streaming, Streaming::Over) else { return };
        let fault = problem.map(|p| p.fault);
        let event = if fault.is_some() { "stream-error" } else { "stream-stopped" };
        self.tell_stream(&running.stream, running.sid, event, fault);
        self.emit(RoomEffect::CloseStream);
    }

    pub(super) fn stop_stream(&mut self) {
        let Streaming::Running(running) = std::mem::replace(&mut self.streaming, Streaming::Over) else { return };
        if running.is_open {
            self.tell_stream(&running.stream, running.sid, "stream-stopped", None);
        }
        self.emit(RoomEffect::CloseStream);
    }

    /// As a call's streams tell it, with the conference in the place of the call.
    fn tell_stream(&mut self, stream: &Stream, sid: Option<Sid>, event: &str, fault: Option<StreamFault>) {
        let Some((url, method)) = stream.status_callback.clone() else { return };
        let named = sid.map(|sid| sid.to_string()).unwrap_or_default();
        let mut params: Vec<(String, String)> = vec![
            ("AccountSid".into(), self.spec.account.clone()),
            ("ConferenceSid".into(), self.spec.sid.to_string()),
            ("StreamSid".into(), named.clone()),
            ("StreamName".into(), stream.name.clone().unwrap_or(named)),
            ("StreamEvent".into(), event.into()),
            ("StreamTrack".into(), stream.track.as_str().into()),
            ("Timestamp".into(), self.clock.1.rfc3339()),
            ("Unique-ID".into(), self.spec.sid.to_string()),
        ];
        params.extend(fault.map(|fault| ("StreamError".into(), fault.as_str().into())));
        self.emit(RoomEffect::Notify { url, method, params });
    }
}
