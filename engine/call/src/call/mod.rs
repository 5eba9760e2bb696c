//! A call: its legs, the script that drives it, dialling and bridging, and the facts it leaves. It speaks neither
//! SIP nor HTTP: legs do the one, effects the other. Start at [`Call::handle`].
//!
//! ```text
//!   Inbound + Connect ─► Dialling ─► bridged ─► ends with either leg
//!   Inbound + App ─────► script ─► prompts, digits, Dial, … ─► ends with the document or the caller
//!   Api ───────────────► rings out ─► answered ─► script ─► …
//! ```

mod amd;
mod bind;
mod callback;
mod carriers;
mod conference;
pub mod contract;
mod dial;
mod hold;
mod hops;
mod identity;
mod invite;
mod legs;
mod queue;
mod recording;
mod redirect;
mod refer;
mod replace;
mod run;
mod streams;
mod transfer;

pub use amd::{AmdEffect, AmdNews, ApiAmd, AsyncAmd};
pub use bind::{ListenEffect, PartialSpeech, SpeechNews};
pub use carriers::{CarriersBusy, SeizedCarrier};
pub use contract::{
    ApiCall, ApiDocument, CallEffect, CallEnv, CallInput, CallUpdate, Direction, InboundLeg, LegRow, LegStatus, Origin,
    Party, Plan, RegisteredContact, RunId, carrier_media, policy_of,
};
pub use hold::HoldUse;
pub use hops::{HOPS, Hops, Looped};
pub use identity::{Asserted, Identity};
pub use invite::endpoint_media;
pub use recording::{RecordingEffect, RecordingNews, RecordingOrder, RecordingOutcome, RecordingSource};
pub use streams::{OpenStream, StreamEffect, StreamInput, StreamProblem, StreamRefused, StreamStatus, StreamView};
pub use transfer::{VOUCHER, party_of_badge};

use std::collections::{BTreeMap, VecDeque};

use tandem_model::{CallSid, Entropy, LegId, Sid, Timestamp, WallTime};

use conference::InConference;
use dial::Dialling;
use hold::Told;
use legs::{CallLeg, StatusNotice, StatusTarget, final_status};

use crate::leg::{EndedBy, Hold, LegCommand, LegEnd, LegReport};
use crate::routing::Caller;
use recording::Recorded;
use refer::Referring;
use replace::Replacement;
use run::Run;
use transfer::Transfer;

/// Poll [`Call::poll`] until None after every [`Call::start`], [`Call::handle`] and [`Call::expire`].
pub struct Call {
    env: CallEnv,
    entropy: Box<dyn Entropy + Send>,
    /// Leg ids of this call start here; the primary leg has the first.
    base: LegId,
    created_legs: u64,
    primary: LegId,
    /// Boxed: a node of the map has room for eleven, and a call has two.
    legs: BTreeMap<LegId, Box<CallLeg>>,
    runs: Vec<Run>,
    runs_started: u64,
    /// The document whose leg is asked to go elsewhere.
    referring: Option<Referring>,
    /// Those that are not over.
    recordings: Vec<Recorded>,
    /// Legs that are listened to for who answered.
    detections: Vec<amd::Detection>,
    /// The call is over but for its recordings, which are given up then.
    settle_until: Option<Timestamp>,
    driver: Driver,
    dial: Option<Dialling>,
    /// The caller waits in a queue, or talks to who took it from there.
    queued: Option<Box<queue::Queued>>,
    /// The document dials a queue.
    serving: Option<Box<queue::Serving>>,
    queue_tickets: u64,
    conference: Option<InConference>,
    /// The media of this call is on its way there, for a bridge.
    moving_beside: Option<LegId>,
    transfer: Option<Transfer>,
    replacement: Option<Replacement>,
    plays: u64,
    streams: streams::Streams,
    /// Lookups so far: an answer names its own, also when it comes after the next run of dialling has begun.
    tickets: u64,
    /// The caller's side, for what is dialled on its behalf.
    inbound: Option<InboundLeg>,
    /// Who that is, by whose rules it dials.
    caller: Caller,
    offered: Vec<tandem_codecs::CodecId>,
    /// How the last Dial of the document failed: the final response of a caller whom nothing answered.
    refusal: Option<(u16, String)>,
    ring_until: Option<Timestamp>,
    /// The longest call is over then.
    talk_until: Option<Timestamp>,
    answering: bool,
    echo_when_answered: bool,
    hang_up_when_answered: bool,
    /// REST's digits to the called party, before its document.
    api_digits: Option<tandem_media::control::PlayId>,
    next_document: Option<ApiDocument>,
    /// The carrier that REST's own call rings through, and where its number may go after that.
    api_number: Option<carriers::Fallback>,
    ending: bool,
    finished: bool,
    clock: (Timestamp, WallTime),
    effects: VecDeque<CallEffect>,
}

/// What drives the call.
enum Driver {
    /// An endpoint's own dialling.
    Connect {
        caller: Party,
        route: Option<crate::routing::Route>,
    },
    Document {
        source: DocumentSource,
    },
}

/// Where a script starts.
enum DocumentSource {
    Webhook(crate::directory::WebhookSet),
    Api(Box<ApiCall>),
    /// Started already.
    Running,
}

impl Call {
    /// A call whose legs are numbered from `base`. `entropy` names its legs.
    pub fn new(env: CallEnv, base: LegId, origin: Origin, entropy: Box<dyn Entropy + Send>) -> Call {
        let mut caller = Caller::Stranger;
        let (inbound, driver, offered) = match origin {
            Origin::Inbound { leg, plan } => {
                let offered = leg.offered.clone();
                caller = who_calls(&plan);
                let driver = match plan {
                    Plan::Connect { caller, route } => Driver::Connect { caller, route: Some(route) },
                    Plan::App { app } => Driver::Document { source: source_of(&app.handler) },
                    Plan::Handler { endpoint } => Driver::Document { source: source_of(&endpoint.handler) },
                    Plan::Number { number, .. } => Driver::Document { source: source_of_number(&number.handler) },
                    // Replacing is for a call that is there; a call of its own has nothing to do.
                    Plan::Replace { .. } => Driver::Document { source: DocumentSource::Running },
                };
                (Some(*leg), driver, offered)
            }
            Origin::Api(api) => (None, Driver::Document { source: DocumentSource::Api(api) }, Vec::new()),
        };
        Call {
            env,
            entropy,
            base,
            created_legs: 0,
            primary: base,
            legs: BTreeMap::new(),
            runs: Vec::new(),
            runs_started: 0,
            referring: None,
            recordings: Vec::new(),
            detections: Vec::new(),
            settle_until: None,
            driver,
            dial: None,
            queued: None,
            serving: None,
            queue_tickets: 0,
            conference: None,
            moving_beside: None,
            transfer: None,
            replacement: None,
            plays: 0,
            streams: streams::Streams::default(),
            tickets: 0,
            inbound,
            caller,
            offered,
            refusal: None,
            ring_until: None,
            talk_until: None,
            answering: false,
            echo_when_answered: false,
            hang_up_when_answered: false,
            api_digits: None,
            next_document: None,
            api_number: None,
            ending: false,
            finished: false,
            clock: (Timestamp::ZERO, WallTime::default()),
            effects: VecDeque::new(),
        }
    }

    pub fn primary(&self) -> LegId {
        self.primary
    }

    /// Begins. For an inbound call the primary leg's actor exists already.
    pub fn start(&mut self, now: Timestamp, wall: WallTime) {
        self.clock = (now, wall);
        match self.inbound.clone() {
            Some(inbound) => self.start_inbound(&inbound),
            None => self.start_api(),
        }
        self.drive();
    }

    pub fn handle(&mut self, now: Timestamp, wall: WallTime, input: CallInput) {
        if self.finished {
            return;
        }
        self.clock = (now, wall);
        match input {
            CallInput::Leg { leg, report } => self.leg_report(leg, report),
            CallInput::LegCrashed { leg } => self.leg_crashed(leg),
            CallInput::Document { run, result } => {
                self.run_input(run, tandem_laml::instruction::Input::Document(result));
            }
            CallInput::PromptLoaded { run, id, result } => self.prompt_loaded(run, id, result),
            CallInput::Contacts { ticket, contacts } if Self::is_api_ticket(ticket) => self.contacts_for_api(&contacts),
            CallInput::Contacts { ticket, contacts } => self.contacts_found(ticket, &contacts),
            CallInput::CarrierSeized { ticket, seized } => self.carrier_seized(ticket, seized),
            CallInput::Recording { sid, news } => self.recording_news(sid, news),
            CallInput::Conference { leg, event } => self.conference_event(leg, event),
            CallInput::Queue(news) => self.queue_news(news),
            // Each who asked for a move knows it.
            CallInput::MediaMoved { result } if self.moving_beside.is_none() => self.conference_media_moved(result),
            CallInput::MediaMoved { result } => self.queue_media_moved(result),
            CallInput::Heard { run, id, news } => self.heard(run, id, news),
            CallInput::Amd { leg, news } => self.amd_news(leg, news),
            CallInput::Stream(input) => self.stream_input(input),
            CallInput::Update(update) => self.update(update),
            CallInput::Replace { replaced, inbound, by } => self.replace(replaced, &inbound, by),
            CallInput::EndLeg { sid } => {
                if let Some(leg) = self.legs.values_mut().find(|l| l.sid == sid) {
                    leg.canceled = leg.is_pending();
                    let id = leg.id;
                    self.command(id, LegCommand::Hangup { reason: None });
                }
            }
            CallInput::Drain => self.hang_up_all("SIP;cause=503;text=\"Server going down\""),
        }
        self.drive();
    }

    pub fn poll(&mut self) -> Option<CallEffect> {
        let effect = self.effects.pop_front();
        if effect.is_none() {
            // Between events a call holds no room for them.
            self.effects.shrink_to_fit();
        }
        effect
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        [
            self.ring_until,
            self.talk_until,
            self.settle_until,
            self.runs_deadline(),
            self.dial.as_ref().and_then(Dialling::deadline),
            self.queue_deadline(),
            self.conference.as_ref().map(InConference::deadline),
            self.transfer.as_ref().map(Transfer::deadline),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub fn expire(&mut self, now: Timestamp, wall: WallTime) {
        self.clock = (now, wall);
        if self.talk_until.is_some_and(|at| at <= now) {
            self.talk_until = None;
            self.hang_up_all("SIP;cause=200;text=\"Call duration limit\"");
        }
        if self.ring_until.is_some_and(|at| at <= now) {
            self.ring_until = None;
            self.command(self.primary, LegCommand::Hangup { reason: None });
        }
        self.expire_dial(now);
        self.expire_queue(now);
        self.expire_conference(now);
        self.expire_transfer(now);
        self.expire_runs(now);
        self.expire_recordings(now);
        self.drive();
    }

    /// A live leg's row, for REST.
    pub fn rows(&self) -> Vec<LegRow> {
        self.legs.values().map(|l| l.row(self.clock.0)).collect()
    }

    /// The leg of that sid, and how it stands.
    pub fn leg_of(&self, sid: CallSid) -> Option<(LegId, LegStatus)> {
        self.legs.values().find(|l| l.sid == sid).map(|l| (l.id, l.status))
    }

    fn start_inbound(&mut self, inbound: &InboundLeg) {
        let callback = match &self.driver {
            Driver::Document { source: DocumentSource::Webhook(hooks) } => {
                hooks.status_callback_url.clone().map(|url| {
                    // For a call that came in, only the end is told (laml.md 2.4).
                    let events = tandem_laml::instruction::StatusEvents {
                        initiated: false,
                        ringing: false,
                        answered: false,
                        completed: true,
                    };
                    StatusTarget { url, method: hooks.status_callback_method, events, sequence: 0 }
                })
            }
            Driver::Document { .. } | Driver::Connect { .. } => None,
        };
        let leg = self.new_leg(inbound.sid, Direction::Inbound, &inbound.from_uri, &inbound.to_uri, LegStatus::Ringing);
        leg.caller_name = inbound.from_display.clone();
        leg.forwarded_from = inbound.asserted.forwarded_from.clone();
        leg.withheld = inbound.asserted.withheld;
        leg.callback = callback;
        let id = leg.id;
        self.primary = id;
        let caller = self.caller.clone();
        self.legs.entry(id).and_modify(|l| l.who = caller);
        self.record(id);
        match &mut self.driver {
            Driver::Connect { caller, route } => {
                let caller = caller.clone();
                if let Some(route) = route.take() {
                    self.connect(&caller, route);
                }
            }
            Driver::Document { source } => match std::mem::replace(source, DocumentSource::Running) {
                DocumentSource::Webhook(hooks) if !hooks.request_url.is_empty() => self.start_webhook(&hooks),
                _ => self.reject(480, "no handler picks up"),
            },
        }
    }

    fn reject(&mut self, status: u16, reason: &str) {
        let command = LegCommand::Reject { status, reason: Some(reason.to_owned()), headers: vec![] };
        self.command(self.primary, command);
    }

    fn new_leg(&mut self, sid: CallSid, direction: Direction, from: &str, to: &str, status: LegStatus) -> &mut CallLeg {
        let id = LegId(self.base.0 + self.created_legs);
        self.created_legs += 1;
        let parent = (direction == Direction::OutboundDial).then(|| self.legs[&self.primary].sid);
        let leg = CallLeg {
            id,
            sid,
            parent,
            direction,
            from: from.to_owned(),
            to: to.to_owned(),
            caller_name: None,
            forwarded_from: None,
            status,
            created_at: self.clock.1,
            answered_at: None,
            ended_at: None,
            answer: None,
            answered_by: None,
            end: None,
            codec: None,
            encrypted: false,
            stats: None,
            closed: false,
            canceled: false,
            spawned: direction != Direction::OutboundApi,
            callback: None,
            who: Caller::Stranger,
            withheld: false,
            dialog: None,
            held: Hold::Off,
            told: Told::NOT_HELD,
            leaving: false,
            redirect: Vec::new(),
        };
        self.legs.entry(id).or_insert(Box::new(leg))
    }

    fn new_sid(&mut self) -> CallSid {
        Sid::ordered(self.clock.1, &mut *self.entropy)
    }

    fn leg_report(&mut self, id: LegId, report: LegReport) {
        let Some(leg) = self.legs.get_mut(&id).filter(|l| !l.closed) else { return };
        match report {
            // What was under way when the leg ended.
            LegReport::Progress { .. } | LegReport::Answered { .. } if leg.end.is_some() => {}
            LegReport::Progress { status, early_media } => {
                if leg.status == LegStatus::Initiated || leg.status == LegStatus::Queued {
                    leg.status = LegStatus::Ringing;
                    self.status_changed(id);
                }
                if let Some(codec) = early_media {
                    self.legs.entry(id).and_modify(|l| l.codec = Some(codec));
                }
                self.dialled_progress(id, status, early_media);
            }
            LegReport::Answered { codec, encrypted, answer } => {
                leg.codec = Some(codec);
                leg.answer = answer;
                leg.encrypted = encrypted;
                leg.answered_at = Some(self.clock);
                leg.status = LegStatus::InProgress;
                self.status_changed(id);
                if id == self.primary { self.primary_answered() } else { self.dialled_answered(id) }
            }
            LegReport::Renegotiated { codec } => leg.codec = Some(codec),
            LegReport::Held(held) => leg.held = held,
            LegReport::Dialog(dialog) => leg.dialog = Some(dialog),
            LegReport::Refer(refer) => self.refer(id, *refer),
            LegReport::ReferEnded(report) => self.referred(id, report),
            LegReport::Redirected { targets } => self.redirected(id, targets),
            LegReport::Digit(digit) => self.digit(id, digit),
            // For who wants to know how long: no verb does.
            LegReport::DigitEnded { digit, duration_ms } => self.stream_digit(id, digit, duration_ms),
            LegReport::Marked { play, mark } => self.stream_marked(id, play, mark),
            LegReport::PlayDone { play, .. } => self.play_done(id, play),
            LegReport::Ended(end) => self.leg_ended(id, end),
            LegReport::Closed(stats) => {
                leg.stats = Some(*stats);
                leg.closed = true;
                self.leg_settled(id);
            }
        }
    }

    /// The leg stops counting: its status is final, the other side of the call is told. The final callback waits for
    /// the statistics.
    fn leg_ended(&mut self, id: LegId, end: LegEnd) {
        if self.api_next_carrier(id, &end) {
            return;
        }
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.end.is_some() {
            return;
        }
        leg.ended_at = Some(self.clock);
        leg.status = final_status(leg, &end);
        leg.end = Some(end.clone());
        self.record(id);
        self.amd_leg_ended(id);
        self.recordings_leg_ended(id);
        self.refer_leg_ended(id);
        self.stream_leg_ended(id);
        self.runs_leg_ended(id);
        if id == self.primary { self.primary_ended() } else { self.dialled_ended(id, &end) }
    }

    fn leg_settled(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if leg.end.is_none() {
            let call_id = String::new();
            let end = LegEnd {
                status: 500,
                reason: "internal error".into(),
                by: EndedBy::Failure,
                call_id,
                cause: None,
                retry_after: None,
                was_silent: false,
                headers: vec![],
            };
            self.leg_ended(id, end);
        }
        self.status_changed(id);
    }

    /// The machine of a leg is lost: its end is known without it.
    fn leg_crashed(&mut self, id: LegId) {
        let Some(leg) = self.legs.get_mut(&id).filter(|l| !l.closed) else { return };
        leg.closed = true;
        let end = LegEnd {
            status: 500,
            reason: "internal error".into(),
            by: EndedBy::Failure,
            call_id: String::new(),
            cause: None,
            retry_after: None,
            was_silent: false,
            headers: vec![],
        };
        self.leg_ended(id, end);
        self.leg_settled(id);
    }

    fn status_changed(&mut self, id: LegId) {
        self.record(id);
        let (now, wall) = self.clock;
        let account = self.env.directory.project.id.clone();
        let dialect = self.dialect();
        let Some(leg) = self.legs.get_mut(&id) else { return };
        if let Some(StatusNotice { url, method, mut params }) = leg.status_notice(&account, now, wall) {
            callback::add_of_dialect(&mut params, dialect);
            self.emit(CallEffect::Notify { url, method, params });
        }
    }

    fn record(&mut self, id: LegId) {
        let row = self.legs[&id].row(self.clock.0);
        self.emit(CallEffect::Record(Box::new(row)));
    }

    fn primary_answered(&mut self) {
        self.ring_until = None;
        let limit = match &self.driver {
            Driver::Document { source: DocumentSource::Api(api) } => api.time_limit,
            Driver::Document { .. } | Driver::Connect { .. } => None,
        };
        let longest = self.env.call_duration_max;
        self.talk_until = Some(self.clock.0 + limit.map_or(longest, |limit| limit.min(longest)));
        self.dial_caller_answered();
        self.script_leg_answered();
        self.queue_leg_answered();
    }

    fn primary_ended(&mut self) {
        let id = self.primary;
        if self.transferor_left(id) {
            return;
        }
        self.end_transfer(487, "Request Terminated");
        self.replacement = None;
        self.ending = true;
        self.ring_until = None;
        self.talk_until = None;
        self.dial_caller_left();
        self.queue_leg_ended();
        // Why the caller went: "completed elsewhere" leaves no missed call (RFC 3326 section 2).
        let cause = self.legs.get(&id).and_then(|leg| leg.end.as_ref()?.cause.clone());
        self.hang_up_all(&cause.filter(|cause| is_reason(cause)).unwrap_or_default());
    }

    fn hang_up_all(&mut self, reason: &str) {
        self.end_transfer(487, "Request Terminated");
        let reason = (!reason.is_empty()).then(|| reason.to_owned());
        let live: Vec<_> = self.legs.values().filter(|l| l.end.is_none()).map(|l| l.id).collect();
        for id in live {
            self.command(id, LegCommand::Hangup { reason: reason.clone() });
        }
    }

    fn update(&mut self, update: CallUpdate) {
        match update {
            CallUpdate::Cancel => {
                // Its answer may have crossed the request.
                if let Some(leg) = self.legs.get_mut(&self.primary).filter(|l| l.is_pending()) {
                    leg.canceled = true;
                    self.hang_up_all("");
                }
            }
            CallUpdate::Record { sid, call, what } => {
                if let Some((leg, _)) = self.leg_of(call) {
                    self.record_leg_as(sid, leg, RecordingSource::StartCallRecordingApi, what, None);
                }
            }
            CallUpdate::StopRecording { sid } => self.stop_recording(sid),
            CallUpdate::Complete => self.hang_up_all(""),
            CallUpdate::StatusCallback(url, method) => {
                if let Some(leg) = self.legs.get_mut(&self.primary) {
                    let events = leg.callback.as_ref().map_or(
                        tandem_laml::instruction::StatusEvents {
                            initiated: false,
                            ringing: false,
                            answered: false,
                            completed: true,
                        },
                        |c| c.events,
                    );
                    let sequence = leg.callback.as_ref().map_or(0, |c| c.sequence);
                    leg.callback = Some(StatusTarget { url, method, events, sequence });
                }
            }
            CallUpdate::Fallback(url, method) => self.set_fallback(url, method),
            CallUpdate::Document(document) => self.take_over(document),
        }
    }

    fn drive(&mut self) {
        self.settle_transfer();
        self.drive_runs();
        self.settle_holds();
        if !self.finished && self.ending && self.legs.values().all(|l| l.closed) && !self.await_recordings() {
            self.finished = true;
            self.emit(CallEffect::Finished);
        }
    }

    fn command(&mut self, leg: LegId, command: LegCommand) {
        if let Some(known) = self.legs.get_mut(&leg) {
            known.leaving |= matches!(command, LegCommand::Hangup { .. });
            if !known.spawned {
                // Nobody would hear the command.
                return self.primary_unreachable(487, "Request Terminated", EndedBy::Local);
            }
        }
        self.emit(CallEffect::Leg { leg, command });
    }

    fn emit(&mut self, effect: CallEffect) {
        self.effects.push_back(effect);
    }
}

/// By whose rules a caller dials. An application's caller has proved nothing, but a phone its password.
fn who_calls(plan: &Plan) -> Caller {
    match plan {
        Plan::Connect { caller: Party::Endpoint(e), .. } | Plan::Handler { endpoint: e } => Caller::Endpoint(e.clone()),
        Plan::Connect { caller: Party::Carrier(c), .. } | Plan::Number { carrier: c, .. } => Caller::Carrier(c.clone()),
        Plan::Connect { caller: Party::Stranger, .. } | Plan::App { .. } => Caller::Stranger,
        Plan::Replace { by, .. } => by.clone(),
    }
}

fn source_of(handler: &crate::directory::Handler) -> DocumentSource {
    match handler {
        crate::directory::Handler::LamlWebhooks(hooks) => DocumentSource::Webhook(hooks.clone()),
        crate::directory::Handler::None | crate::directory::Handler::Unsupported(_) => DocumentSource::Running,
    }
}

fn source_of_number(handler: &crate::directory::NumberHandler) -> DocumentSource {
    use crate::directory::NumberHandler;
    match handler {
        NumberHandler::Laml(hooks) => DocumentSource::Webhook(hooks.clone()),
        NumberHandler::None | NumberHandler::Endpoint(_) | NumberHandler::Unsupported(_) => DocumentSource::Running,
    }
}

/// A Reason that may be handed on: of the protocols that telephones know, and no longer than it need be.
fn is_reason(value: &str) -> bool {
    const BYTES_MAX: usize = 200;
    let protocol = value.split(';').next().unwrap_or_default().trim();
    value.len() <= BYTES_MAX && (protocol.eq_ignore_ascii_case("SIP") || protocol.eq_ignore_ascii_case("Q.850"))
}
