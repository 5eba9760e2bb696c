use std::time::Duration;

use tandem_media::control::{Command, LegStats};
use tandem_model::Timestamp;

use super::contract::{LegEffect, LegInput, LegReport, RequestId};
use super::talking::Talking;
use super::{Leg, State};

/// How long media may take to give its port back before the leg goes without its statistics.
const MEDIA_CLOSE: Duration = Duration::from_secs(2);
/// Timer F (RFC 3261 section 17.1.2.2), and a little.
const BYE_ANSWER: Duration = Duration::from_secs(33);

/// The talk is over; media and the last transaction are being settled.
pub(super) struct Closing {
    bye: Option<RequestId>,
    /// The dialog our BYE ends: a 2xx of its INVITE may still come, again or from another fork.
    talk: Option<Box<Talking>>,
    media_closed: bool,
    until: Timestamp,
}

impl Closing {
    pub(super) fn deadline(&self) -> Timestamp {
        self.until
    }
}

impl Leg {
    /// Ends with no transaction of ours open.
    pub(super) fn close(&mut self, now: Timestamp) {
        self.close_after(now, None, None);
    }

    /// Ends once the BYE is answered, or given up, and the port is back.
    pub(super) fn close_after(&mut self, now: Timestamp, bye: Option<RequestId>, talk: Option<Box<Talking>>) {
        self.end_referrals();
        self.end_strangers();
        self.refer_over();
        let media_closed = self.media.begin_close();
        if !media_closed {
            self.emit(LegEffect::Media(Command::Close { leg: self.id }));
        }
        let wait = if bye.is_some() { BYE_ANSWER } else { MEDIA_CLOSE };
        // Within a step the state is taken out, which records as over; nothing may follow the `Stop` of settling.
        self.record();
        self.settle(Closing { bye, talk, media_closed, until: now + wait });
    }

    pub(super) fn step_closing(&mut self, _now: Timestamp, mut s: Closing, input: LegInput) {
        match input {
            LegInput::Media(_) => s.media_closed = s.media_closed || self.media.is_closed(),
            LegInput::Response { id, message, source } => {
                if let Some(talk) = s.talk.as_deref_mut() {
                    if let Some(invite) = talk.accepted_invite(id, &message) {
                        self.repeated_2xx(talk, &invite, &message, source);
                    } else if let Some(accepted) = self.ours.take_accepted(id, &message) {
                        // Our re-INVITE crossed the end: its 2xx must have its ACK even so.
                        talk.sent_again(accepted, &message);
                        self.acknowledge(talk, None);
                    } else if s.bye == Some(id) && self.proves_again(talk, id, &message, source) {
                        return self.state = State::Closing(s);
                    }
                }
                if s.bye == Some(id) && message.status().is_some_and(|c| c >= 200) {
                    s.bye = None;
                }
            }
            LegInput::RequestFailed { id, .. } => {
                if s.bye == Some(id) {
                    s.bye = None;
                }
            }
            // Their BYE crossed ours: it deserves its 200; anything else is for a dialog that is gone.
            LegInput::Request { key, message, source } => {
                let status = if message.method() == tandem_sip::message::Method::Bye { 200 } else { 481 };
                self.respond(key, &message, source, status, None, &[]);
            }
            LegInput::Cancelled { .. } | LegInput::Ack(_) | LegInput::Resolved { .. } | LegInput::Command(_) => {}
        }
        self.settle(s);
    }

    pub(super) fn expire_closing(&mut self, mut s: Closing) {
        s.bye = None;
        s.media_closed = true;
        self.settle(s);
    }

    fn settle(&mut self, s: Closing) {
        if s.bye.is_some() || !s.media_closed {
            self.state = State::Closing(s);
            return;
        }
        self.state = State::Over;
        let stats: LegStats = self.media.take_stats();
        self.report(LegReport::Closed(Box::new(stats)));
        self.emit(LegEffect::Stop);
    }
}
