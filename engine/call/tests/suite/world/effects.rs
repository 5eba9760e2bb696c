//! What legs and the call want done is done, and written into the log.

use std::sync::Arc;

use tandem_call::call::{
    AmdEffect, CallEffect, CallInput, CarriersBusy, ListenEffect, RecordingEffect, RecordingNews, SeizedCarrier,
    StreamEffect,
};
use tandem_call::carrier::{Availability, choose};
use tandem_call::directory::Carrier;
use tandem_call::leg::{Leg, LegCommand, LegEffect, LegInput, LegReport};
use tandem_call::room::conference::ConferenceCommand;
use tandem_call::room::queue::QueueAsk;
use tandem_media::control::{Clip, Command, Event, LegStats, MoveFailed};
use tandem_model::{LegId, SampleRate, SeedEntropy, WallTime};

use super::{Side, World, contact};
use crate::peer::{self, Peer};
use crate::rig;

/// Parameters that stand in the log.
fn is_shown(name: &str) -> bool {
    let starts = ["DialCall", "RecordingStatus", "RecordingDuration", "Refer", "Queue", "SpeechResult", "AnsweredBy"]
        .iter()
        .any(|p| name.starts_with(p));
    starts && !matches!(name, "DialCallSid" | "QueueSid")
        || matches!(
            name,
            "Digits" | "DialSipResponseCode" | "NotifySipResponseCode" | "CurrentQueueSize" | "AvgQueueTime"
        )
}

impl World {
    pub(super) fn carry_out(&mut self, id: LegId, effect: LegEffect) {
        let now = self.now;
        let Some(party) = self.parties.get_mut(&id) else { return };
        assert!(!party.stopped, "{effect:?} after Stop");
        let heard = party.peer.hears(&effect);
        match effect {
            LegEffect::Request { message, .. } if message.method_str() == "BYE" => {
                // Far ends are polite: each BYE has its 200 at once.
                self.log.push(format!("{id} BYE"));
                let answer = party.peer.says("200 bye");
                party.leg.handle(now, answer);
            }
            LegEffect::Request { message, .. } if message.method_str() == "NOTIFY" => {
                self.log.extend(heard.map(|h| format!("{id} {h}")));
                let answer = party.peer.says("200 notify");
                party.leg.handle(now, answer);
            }
            LegEffect::Resolve { .. } | LegEffect::LookUp { .. } => {
                let found = party.peer.says("resolved");
                party.leg.handle(now, found);
            }
            LegEffect::Request { .. }
            | LegEffect::Respond { .. }
            | LegEffect::SendAck { .. }
            | LegEffect::Cancel { .. } => {
                self.log.extend(heard.map(|h| format!("{id} {h}")));
            }
            LegEffect::Media(command) => self.command(command),
            LegEffect::Report(report) => {
                party.ended += u32::from(matches!(report, LegReport::Ended(_)));
                party.closed += u32::from(matches!(report, LegReport::Closed(_)));
                self.call.handle(
                    now,
                    WallTime::from_unix_millis(1_700_000_000_000 + now.as_millis() as i64),
                    CallInput::Leg { leg: id, report },
                );
            }
            LegEffect::Stop => party.stopped = true,
            LegEffect::Bind { .. } | LegEffect::Record(_) => {}
        }
    }

    fn command(&mut self, command: Command) {
        match &command {
            Command::Open { leg } => self.media.push_back(Event::Opened { leg: *leg, rtp_port: 20_000 }),
            Command::Close { leg } => {
                self.media.push_back(Event::Closed { leg: *leg, stats: Box::new(LegStats::default()) });
            }
            Command::Configure { .. } => {}
            Command::Play { leg, play, .. } | Command::SendDigits { leg, play, .. } => {
                self.log.push(peer::media(&command));
                if !self.hold_plays {
                    self.media.push_back(Event::PlayDone { leg: *leg, play: *play, completed: true });
                }
            }
            Command::StopPlay { leg, play } => {
                self.log.push(peer::media(&command));
                self.media.push_back(Event::PlayDone { leg: *leg, play: *play, completed: false });
            }
            // Media reports a digit that it was told of as one it heard.
            Command::HearDigit { leg, digit, .. } => {
                self.media.push_back(Event::Digit { leg: *leg, digit: *digit });
            }
            _ => self.log.push(peer::media(&command)),
        }
    }

    fn stream(&mut self, effect: StreamEffect) {
        self.log.push(match &effect {
            StreamEffect::Open(open) => format!("open {}", open.stream.url),
            StreamEffect::Tap { leg, tap, rate, .. } => format!("tap {leg} {} {}", tap.0, rate.0),
            StreamEffect::Digit { digit, duration_ms, .. } => format!("key {digit} {duration_ms}"),
            StreamEffect::Marked { mark, .. } => format!("marked {}", mark.0),
            StreamEffect::Close { .. } => "close".into(),
        });
        match effect {
            StreamEffect::Open(open) => {
                assert!(self.streams.insert(open.sid), "opened twice");
                self.last_stream = Some(*open);
            }
            StreamEffect::Close { sid } => assert!(self.streams.remove(&sid), "closed twice"),
            StreamEffect::Tap { sid, .. } | StreamEffect::Digit { sid, .. } | StreamEffect::Marked { sid, .. } => {
                assert!(self.streams.contains(&sid), "of a stream that does not run");
            }
        }
    }

    pub(super) fn call_effect(&mut self, effect: CallEffect) {
        assert_eq!(self.finished, 0, "{effect:?} after Finished");
        match effect {
            CallEffect::Leg { leg, command } => {
                if let LegCommand::Reject { headers, .. } = &command {
                    self.refusal = headers.clone();
                }
                if let Some(party) = self.parties.get_mut(&leg) {
                    party.leg.handle(self.now, LegInput::Command(command));
                } else {
                    assert!(self.crashed.contains(&leg), "{command:?} to {leg}, which does not exist");
                }
            }
            CallEffect::CreateLeg { leg, sid, spec } => {
                self.log
                    .push(format!("call {leg} {} from {} hops {}", spec.request_uri, spec.from_uri, spec.max_forwards));
                self.specs.insert(leg, (*spec).clone());
                let entropy = Box::new(SeedEntropy::new(leg.0));
                let party = Leg::new_outgoing(leg, sid, rig::env(), *spec, entropy);
                self.parties
                    .insert(leg, Side { leg: party, peer: Peer::new(leg), ended: 0, closed: 0, stopped: false });
            }
            CallEffect::Media(command) => self.command(command),
            CallEffect::Conference(command) => self.log.push(room_line(&command)),
            CallEffect::MoveMedia { beside } => {
                self.log.push(format!("move beside {beside}"));
                if !self.hold_moves {
                    let result = if self.cannot_move { Err(MoveFailed::Overloaded) } else { Ok(()) };
                    self.call.handle(self.now, self.wall(), CallInput::MediaMoved { result });
                }
            }
            CallEffect::Queue(ask) => self.queue_ask(ask),
            CallEffect::Stream(effect) => self.stream(effect),
            CallEffect::Fetch { run, url, params, .. } => {
                self.last_run = run;
                let shown: String =
                    params.iter().filter(|(n, _)| is_shown(n)).map(|(n, v)| format!(" {n}={v}")).collect();
                self.log.push(format!("fetch {url}{shown}"));
                self.fetched = params.clone();
                self.params = params;
            }
            CallEffect::CancelFetch { .. } => self.log.push("cancel-fetch".into()),
            CallEffect::LoadPrompt { .. } if self.hold_prompts => {}
            CallEffect::LoadPrompt { run, id, .. } => {
                let clip = Arc::new(Clip { rate: SampleRate(8000), samples: vec![0; 160] });
                self.call.handle(self.now, self.wall(), CallInput::PromptLoaded { run, id, result: Ok(clip) });
            }
            CallEffect::SeizeCarrier { ticket, carriers, draw } => {
                let standing =
                    |c: &Carrier| if self.down.contains(&c.name) { Availability::Down } else { Availability::Up };
                let order = choose(&carriers, standing, &mut SeedEntropy::new(draw));
                let seized = match order.iter().find(|c| !self.busy.contains(&c.name)) {
                    Some(c) => Ok(SeizedCarrier { carrier: c.id, route: self.service_route.clone() }),
                    None => Err(CarriersBusy { retry_after_secs: 3 }),
                };
                let wall = self.wall();
                self.call.handle(self.now, wall, CallInput::CarrierSeized { ticket, seized });
            }
            CallEffect::Recording(RecordingEffect::Start(order)) => {
                self.log.push(format!("record {} {:?}", order.leg, order.layout));
                self.recordings.push(order.sid);
                let news = RecordingNews::Begun;
                self.call.handle(self.now, self.wall(), CallInput::Recording { sid: order.sid, news });
            }
            CallEffect::Recording(RecordingEffect::Stop { sid }) => {
                self.log.push("stop-record".into());
                if !self.hold_recordings {
                    self.recording_ends(sid, true);
                }
            }
            CallEffect::Listen(ListenEffect::Start { run, leg, id, how }) => {
                self.last_run = run;
                self.log.push(format!("listen {leg} {} {}", id.0, how.language));
            }
            CallEffect::Listen(ListenEffect::Finish { run, id }) => {
                self.last_run = run;
                self.log.push(format!("finish-listening {}", id.0));
            }
            CallEffect::Listen(ListenEffect::Stop { id, .. }) => self.log.push(format!("stop-listening {}", id.0)),
            CallEffect::Amd(AmdEffect::Start { leg, config }) => {
                self.log.push(format!("detect {leg} {:?}", config.goal))
            }
            CallEffect::Amd(AmdEffect::Stop { leg }) => self.log.push(format!("stop-detecting {leg}")),
            CallEffect::Lookup { ticket, aor } => {
                self.log.push(format!("lookup {aor}"));
                self.last_ticket = ticket;
                if !self.hold_lookups {
                    let contacts = if aor == "carol" { vec![] } else { vec![contact(&aor)] };
                    self.call.handle(self.now, self.wall(), CallInput::Contacts { ticket, contacts });
                }
            }
            CallEffect::Notify { params, .. } if params.iter().any(|(n, _)| n == "StreamEvent") => {
                let value = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
                let error = value("StreamError").map(|error| format!(" {error}")).unwrap_or_default();
                self.log.push(format!("notify {}{error}", value("StreamEvent").unwrap_or_default()));
                self.params = params;
            }
            CallEffect::Notify { url, params, .. } if !params.iter().any(|(n, _)| n == "SequenceNumber") => {
                let shown: String =
                    params.iter().filter(|(n, _)| is_shown(n)).map(|(n, v)| format!(" {n}={v}")).collect();
                self.log.push(format!("tell {url}{shown}"));
                self.params = params;
            }
            CallEffect::Notify { params, .. } => {
                let value = |name: &str| params.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v);
                let code = value("SipResultCode");
                let code = if code.is_empty() { String::new() } else { format!(" {code}") };
                self.log.push(format!("notify {} {}{code}", value("SequenceNumber"), value("CallStatus")));
                self.params = params;
            }
            CallEffect::Record(row) => {
                self.rows.insert(format!("{}{}", row.direction.as_str(), row.sid), *row);
            }
            CallEffect::Audit { what, .. } => self.log.push(format!("audit {what}")),
            CallEffect::Warn { code, .. } => self.log.push(format!("warn {code}")),
            CallEffect::Finished => {
                self.log.push("finished".into());
                self.finished += 1;
            }
        }
    }

    fn queue_ask(&mut self, ask: QueueAsk) {
        self.queue_ticket = Some(ask.ticket());
        self.log.push(match ask {
            QueueAsk::Join { name, size_max, .. } => match size_max {
                Some(most) => format!("join {name} of {most}"),
                None => format!("join {name}"),
            },
            QueueAsk::Place { .. } => "place?".into(),
            QueueAsk::Dequeue { name, .. } => format!("dequeue {name}"),
            QueueAsk::Connected { agent, .. } => format!("connected {}", agent.leg),
            QueueAsk::Hold { hold, .. } => format!("tell {hold:?}"),
            QueueAsk::Leave { .. } => "leave".into(),
        });
    }
}

/// What a call says to its conference.
fn room_line(command: &ConferenceCommand) -> String {
    match command {
        ConferenceCommand::Join(joining) => format!("room {} joins {}", joining.leg, joining.conference.name),
        ConferenceCommand::Moved { leg, result } => format!("room {leg} moved {result:?}"),
        ConferenceCommand::Leave { leg } => format!("room {leg} leaves"),
        ConferenceCommand::WaitFailed { leg } => format!("room {leg} has no wait document"),
        ConferenceCommand::Announced { leg, completed } => format!("room {leg} announced {completed}"),
    }
}
