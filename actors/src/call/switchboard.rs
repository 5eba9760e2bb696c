//! The table of calls: makes them, knows them by their sids, and settles those that died.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use tandem_call::call::{ApiCall, ApiDocument, Call, CallEnv, CallInput, CallUpdate, Origin};
use tandem_call::leg::{Credentials, IncomingInvite, Leg, LegCommand};
use tandem_model::{CallSid, LegId, OwnMap, Sid, limits};
use tandem_sip::message::Message as SipMessage;

use super::actor::{Arriving, CallActor, CallReports};
use super::caretaker::settle_leg;
use super::control::LiveCalls;
use super::message::{
    CallDied, CallFinished, Change, Create, Drain, Fault, FaultAt, InjectFault, LegAdded, LegDied, ToCall, command,
};
use super::recordings::recording_of;
use super::records::{INTERNAL_ERROR, Records};
use super::services::{Floor, Services, base_leg};
use crate::api::{CallControlError, CallDocument, CallView, EndCall};
use crate::signalling::{FromLeg, Gate, OfferCall};
use crate::store::CallStatus;
use crate::supervision::{Mailbox, Overflow};
use crate::world::SystemEntropy;

/// Enough to meet every media thread of a large machine.
const NUMBERS_TRIED: u64 = 256;

/// The legs of a call whose actor died have had their BYE answered by then, or given up on (RFC 3261 timer F).
const LEGS_CLOSE_WITHIN: Duration = Duration::from_secs(40);

/// Owns which calls there are.
pub struct Switchboard {
    services: Arc<Services>,
    floors: Vec<Arc<Floor>>,
    gate: Arc<Gate>,
    live: LiveCalls,
    calls: OwnMap<u64, LiveCall>,
    by_sid: OwnMap<CallSid, u64>,
    next_number: u64,
    entropy: SystemEntropy,
    reports: Option<Arc<CallReports>>,
}

struct LiveCall {
    actor: Addr<CallActor>,
    primary: CallSid,
    rows: Vec<CallSid>,
}

impl Switchboard {
    pub fn new(services: Services, floors: Vec<Floor>, gate: Arc<Gate>, live: LiveCalls) -> Self {
        assert!(!floors.is_empty(), "calls need an arbiter to live on");
        Switchboard {
            services: Arc::new(services),
            floors: floors.into_iter().map(Arc::new).collect(),
            gate,
            live,
            calls: OwnMap::default(),
            by_sid: OwnMap::default(),
            // Numbers of one run never meet those of the last: leg ids in logs stay apart.
            next_number: 1,
            entropy: SystemEntropy::new(),
            reports: None,
        }
    }

    fn open(&mut self, number: u64, sid: CallSid, call: Box<Call>, arriving: Option<Arriving>) {
        let Some(reports) = self.reports.clone() else { return };
        let floor = self.floors[number as usize % self.floors.len()].clone();
        let arbiter = floor.arbiter.clone();
        let actor = CallActor::new(number, sid, call, self.services.clone(), floor, reports, arriving);
        let actor = CallActor::start_in_arbiter(&arbiter, move |_| actor);
        self.calls.insert(number, LiveCall { actor, primary: sid, rows: vec![sid] });
        self.by_sid.insert(sid, number);
        self.gate.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of a new call. Its media thread follows from it: numbers whose thread has no room are passed over.
    fn take_number(&mut self) -> u64 {
        let from = self.next_number;
        let number = self.services.media.with_room(from..from + NUMBERS_TRIED).unwrap_or(from);
        self.next_number = number + 1;
        number
    }

    fn call_env(&self) -> CallEnv {
        CallEnv {
            directory: self.services.directory.borrow().clone(),
            own_address: self.services.own_address.clone(),
            call_duration_max: self.services.call_duration_max,
            own: self.services.env.own.clone(),
            redirect_targets_max: self.services.redirect_targets_max,
            hold: self.services.hold.clone(),
            dial_transport: self.services.dial_transport,
            public_url: self.services.public_url.clone(),
        }
    }

    /// The call of the leg that a dialog's tag of ours names.
    pub(super) fn call_of_tag(&self, tag: &str) -> Option<&Addr<CallActor>> {
        let leg = self.services.env.own.leg_of_tag(tag)?;
        self.calls.get(&leg.call_number()).map(|call| &call.actor)
    }

    /// The call that a leg belongs to.
    pub(super) fn call_of(&self, sid: CallSid) -> Option<&Addr<CallActor>> {
        self.by_sid.get(&sid).and_then(|number| self.calls.get(number)).map(|call| &call.actor)
    }

    fn records(&self) -> Records {
        let Services { store, metrics, .. } = &*self.services;
        Records { store: store.clone(), live: self.live.clone(), metrics: metrics.clone() }
    }

    fn close(&mut self, number: u64) {
        let Some(call) = self.calls.remove(&number) else { return };
        for sid in call.rows {
            self.by_sid.remove(&sid);
            self.live.remove(sid);
        }
        self.gate.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Actor for Switchboard {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::SHARD_MAILBOX);
        self.reports = Some(Arc::new(CallReports {
            finished: ctx.address().recipient(),
            added: ctx.address().recipient(),
            records: self.records(),
            leg_died: ctx.address().recipient(),
            call_died: ctx.address().recipient(),
        }));
    }
}

impl Handler<OfferCall> for Switchboard {
    type Result = ();

    fn handle(&mut self, msg: OfferCall, _: &mut Self::Context) {
        let Some(msg) = self.hand_over(msg) else { return };
        let OfferCall { key, message, source, unproved, plan, media, mut inbound, channel, shard } = msg;
        let number = self.take_number();
        let base = base_leg(number);
        let sid = Sid::ordered(self.services.clock.wall(), &mut self.entropy);
        let received = self.services.clock.now();
        let invite = IncomingInvite { key, message: message.clone(), source, received, unproved };
        let env = self.services.env.clone();
        let leg = match Leg::new_incoming(base, sid, env, media, invite, SystemEntropy::boxed()) {
            Ok(leg) => Box::new(leg),
            Err(refused) => {
                tracing::info!(%source, call_id = message.call_id(), refused.status, refused.why, "INVITE refused");
                let mut response = SipMessage::response(&message, source.addr, refused.status, None)
                    .to_tag(&tandem_model::hex_token(&mut self.entropy, 8));
                for (name, value) in &refused.headers {
                    response = response.header(name, value);
                }
                let response = response
                    .header("Warning", &format!("399 tandem \"{}\"", refused.why.replace(['"', '\\'], "'")))
                    .build();
                shard.offer(FromLeg::Respond { key, message: response }, Overflow::Warn);
                return;
            }
        };
        inbound.sid = sid;
        inbound.offered = leg.offered_codecs();
        tracing::info!(call = number, %sid, %source, call_id = inbound.call_id, "call begins");
        let origin = Origin::Inbound { leg: Box::new(inbound), plan };
        let call = Call::new(self.call_env(), base, origin, SystemEntropy::boxed());
        self.open(number, sid, Box::new(call), Some((leg, key, channel)));
    }
}

impl Handler<Create> for Switchboard {
    type Result = Result<CallView, CallControlError>;

    fn handle(&mut self, msg: Create, _: &mut Self::Context) -> Self::Result {
        if self.gate.draining.load(Ordering::Relaxed) {
            return Err(CallControlError::new(503, 20_504, "The server is draining"));
        }
        if !self.services.media.has_room() {
            return Err(CallControlError::new(503, 20_504, "The media threads have no room for another call"));
        }
        let create = msg.0;
        let number = self.take_number();
        let sid = Sid::ordered(self.services.clock.wall(), &mut self.entropy);
        let api = ApiCall {
            sid,
            to: create.to,
            from: create.from,
            caller_id: create.caller_id,
            document: document_of(create.document),
            fallback: create.fallback,
            status_callback: create.status_callback,
            timeout: create.timeout,
            send_digits: create.send_digits,
            amd: create.amd.map(Box::new),
            record: create.record.map(|what| Box::new(recording_of(what))),
            time_limit: create.time_limit,
            credentials: create.sip_auth.map(|(username, password)| Credentials { username, password }),
        };
        let wall = self.services.clock.wall();
        let direction = crate::store::CallDirection::OutboundApi;
        let view = CallView::new(sid, direction, api.from.clone(), api.to.clone(), wall);
        tracing::info!(call = number, %sid, "call begins by REST");
        let call = Call::new(self.call_env(), base_leg(number), Origin::Api(Box::new(api)), SystemEntropy::boxed());
        self.open(number, sid, Box::new(call), None);
        Ok(view)
    }
}

impl Handler<Change> for Switchboard {
    type Result = Result<CallView, CallControlError>;

    fn handle(&mut self, msg: Change, _: &mut Self::Context) -> Self::Result {
        let Change { sid, change } = msg;
        let gone = || CallControlError::new(404, 20_404, format!("No live call {sid}"));
        let call = self.by_sid.get(&sid).and_then(|n| self.calls.get(n)).ok_or_else(gone)?;
        let view = self.live.get(sid).ok_or_else(gone)?;
        let mut updates = Vec::new();
        if let Some((url, method)) = change.fallback {
            updates.push(CallUpdate::Fallback(url, method));
        }
        if let Some(callback) = change.status_callback {
            updates.push(CallUpdate::StatusCallback(callback.url, callback.method));
        }
        if let Some(document) = change.document {
            if view.status != CallStatus::InProgress {
                return Err(CallControlError::new(400, 21_220, "Call is not in-progress. Cannot redirect."));
            }
            updates.push(CallUpdate::Document(document_of(document)));
        }
        match change.end {
            Some(EndCall::Cancel) if view.status == CallStatus::InProgress => {
                return Err(CallControlError::new(400, 10_000, "Call is in-progress. Cannot cancel."));
            }
            Some(EndCall::Cancel) => updates.push(CallUpdate::Cancel),
            Some(EndCall::Complete) => updates.push(CallUpdate::Complete),
            None => {}
        }
        for update in updates {
            let input = if sid == call.primary {
                CallInput::Update(update)
            } else if matches!(update, CallUpdate::Cancel | CallUpdate::Complete) {
                CallInput::EndLeg { sid }
            } else {
                return Err(CallControlError::new(400, 10_000, "Only the parent call runs documents"));
            };
            if !call.actor.offer(ToCall(input), Overflow::Warn) {
                return Err(CallControlError::new(503, 20_504, "The call takes no messages now"));
            }
        }
        Ok(Arc::unwrap_or_clone(view))
    }
}

fn document_of(document: CallDocument) -> ApiDocument {
    match document {
        CallDocument::Url { url, method } => ApiDocument::Url(url, method),
        CallDocument::Inline(xml) => ApiDocument::Inline(xml),
    }
}

impl Handler<LegAdded> for Switchboard {
    type Result = ();

    fn handle(&mut self, LegAdded { number, sid }: LegAdded, _: &mut Self::Context) {
        if let Some(call) = self.calls.get_mut(&number)
            && !call.rows.contains(&sid)
        {
            call.rows.push(sid);
            self.by_sid.insert(sid, number);
        }
    }
}

impl Handler<CallFinished> for Switchboard {
    type Result = ();

    fn handle(&mut self, msg: CallFinished, _: &mut Self::Context) {
        tracing::info!(call = msg.number, "call is over");
        self.services.media.forget(msg.number);
        self.close(msg.number);
    }
}

impl Handler<LegDied> for Switchboard {
    type Result = ();

    fn handle(&mut self, died: LegDied, _: &mut Self::Context) {
        tracing::error!(leg = %died.record.leg, sid = %died.record.sid, "leg actor died: ending its call");
        settle_leg(&self.services, &died, &mut self.entropy);
        died.call.inputs.offer(ToCall(CallInput::LegCrashed { leg: died.record.leg }), Overflow::Warn);
    }
}

impl Handler<CallDied> for Switchboard {
    type Result = ();

    fn handle(&mut self, died: CallDied, ctx: &mut Self::Context) {
        tracing::error!(call = died.number, "call actor died: ending its legs");
        for (_, leg) in &died.legs {
            let reason = Some("SIP;cause=500;text=\"Internal error\"".to_owned());
            leg.offer(command(LegCommand::Hangup { reason }), Overflow::Count);
        }
        let wall = self.services.clock.wall();
        let records = self.records();
        // What is closed has left the live copy.
        for record in died.records.into_iter().filter(|record| self.live.contains(record.sid)) {
            let mut record = Arc::unwrap_or_clone(record);
            record.updated = wall;
            record.ended.get_or_insert(wall);
            if !record.status.is_final() {
                record.status = if record.answered.is_some() { CallStatus::Completed } else { CallStatus::Failed };
                record.duration_secs = record.answered.map_or(0, |a| ((wall.0 - a.0).max(0) as u64).div_ceil(1000));
            }
            record.sip_code.get_or_insert(500);
            record.sip_reason = Some(INTERNAL_ERROR.to_owned());
            record.end_reason = Some(INTERNAL_ERROR.to_owned());
            records.close(Arc::new(record));
        }
        self.close(died.number);
        // Its legs close by themselves, wherever their media is.
        ctx.run_later(LEGS_CLOSE_WITHIN, move |actor, _| actor.services.media.forget(died.number));
    }
}

/// The deadline has come: every call is told to end.
#[derive(Message)]
#[rtype(result = "()")]
struct EndAll;

impl Handler<EndAll> for Switchboard {
    type Result = ();

    fn handle(&mut self, _: EndAll, _: &mut Self::Context) {
        for call in self.calls.values() {
            call.actor.offer(ToCall(CallInput::Drain), Overflow::Warn);
        }
    }
}

impl Handler<Drain> for Switchboard {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, msg: Drain, ctx: &mut Self::Context) -> Self::Result {
        const LAST_WORDS: Duration = Duration::from_secs(5);
        const LOOK: Duration = Duration::from_millis(50);
        self.gate.draining.store(true, Ordering::Relaxed);
        let (gate, own) = (self.gate.clone(), ctx.address());
        Box::pin(async move {
            let empty = async || {
                while gate.calls.load(Ordering::Relaxed) > 0 {
                    tokio::time::sleep(LOOK).await;
                }
            };
            if tokio::time::timeout(msg.within, empty()).await.is_ok() {
                return;
            }
            tracing::warn!(calls = gate.calls.load(Ordering::Relaxed), "drain deadline: ending the calls left");
            own.offer(EndAll, Overflow::Warn);
            if tokio::time::timeout(LAST_WORDS, empty()).await.is_err() {
                tracing::error!(calls = gate.calls.load(Ordering::Relaxed), "calls did not end in time");
            }
        })
    }
}

impl Handler<InjectFault> for Switchboard {
    type Result = bool;

    fn handle(&mut self, msg: InjectFault, _: &mut Self::Context) -> bool {
        let Some((number, call)) = self.by_sid.get(&msg.sid).and_then(|n| self.calls.get(n).map(|c| (*n, c))) else {
            return false;
        };
        // A sid's place among the rows is its leg's place in the call.
        let index = call.rows.iter().position(|s| *s == msg.sid).unwrap_or(0) as u64;
        let leg = LegId(base_leg(number).0 + index);
        match msg.at {
            FaultAt::Leg | FaultAt::Call | FaultAt::Media => {
                call.actor.offer(Fault { leg, at: msg.at }, Overflow::Warn)
            }
        }
    }
}
