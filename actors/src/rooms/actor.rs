use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use actix::prelude::*;
use tandem_call::call::CallInput;
use tandem_call::directory::Directory;
use tandem_call::room::conference::{
    ConferenceCommand, ConferenceEvent, EndReason, Refused, Room, RoomSpec, RoomStatus, Sounds,
};
use tandem_media::control::{Command, MixId};
use tandem_model::{LegId, SampleRate, Sid, Timestamp, WallTime, limits};
use tokio::sync::watch;

use super::message::{Ask, AskRefused, Asked, Fault, FromCall, Seen, Spoke};
use super::recording::Taped;
use crate::call::ToCall;
use crate::media::{MediaHandle, MediaThread};
use crate::prompt::{PromptLoader, SpeechEngine};
use crate::recording::RecordingService;
use crate::store::{ConferenceRecord, ConferenceStatus, Store};
use crate::stream::{StreamHandle, StreamHub};
use crate::supervision::{Alarm, Mailbox, Overflow};
use crate::webhook::{StatusQueue, WebhookClient};
use crate::world::{Clock, SystemEntropy};

/// What conferences reach outside themselves.
#[derive(Clone)]
pub struct RoomServices {
    pub clock: Clock,
    pub directory: watch::Receiver<Arc<Directory>>,
    pub media: MediaHandle,
    pub webhooks: WebhookClient,
    pub status: StatusQueue,
    pub prompts: PromptLoader,
    pub speech: Arc<dyn SpeechEngine>,
    pub recordings: RecordingService,
    pub streams: StreamHub,
    pub store: Store,
    /// Scheme, host and port under which REST is reached, without a slash at the end.
    pub public_url: String,
}

/// Owns the conferences.
pub struct RoomsActor {
    pub(super) services: RoomServices,
    pub(super) rooms: BTreeMap<Sid, Open>,
    /// Those that somebody can come into.
    by_name: HashMap<String, Sid>,
    legs: HashMap<LegId, Seated>,
    mixes: u64,
    sounds: Sounds,
    pub(super) entropy: SystemEntropy,
}

pub(super) struct Open {
    pub room: Room,
    pub mix: MixId,
    /// The one its mix is on.
    pub thread: Option<MediaThread>,
    pub recording: Option<Taped>,
    /// Its sid, and the rate of its audio.
    pub stream: Option<(Sid, SampleRate, StreamHandle)>,
    /// The document of an announcement that is being fetched.
    pub fetch: Option<SpawnHandle>,
    alarm: Alarm,
}

struct Seated {
    room: Sid,
    call: Recipient<ToCall>,
}

impl RoomsActor {
    pub fn new(services: RoomServices) -> Self {
        RoomsActor {
            services,
            rooms: BTreeMap::new(),
            by_name: HashMap::new(),
            legs: HashMap::new(),
            mixes: 0,
            sounds: Sounds::new(),
            entropy: SystemEntropy::new(),
        }
    }

    /// One step of one conference, contained (I4). None when it is gone, or fell over the step.
    pub(super) fn step<R>(
        &mut self,
        sid: Sid,
        ctx: &mut Context<Self>,
        step: impl FnOnce(&mut Room, Timestamp, WallTime) -> R,
    ) -> Option<R> {
        let clock = self.services.clock;
        let open = self.rooms.get_mut(&sid)?;
        // Unwind safe: a machine that panicked is thrown away.
        match catch_unwind(AssertUnwindSafe(|| step(&mut open.room, clock.now(), clock.wall()))) {
            Ok(result) => {
                self.settle(sid, ctx);
                Some(result)
            }
            Err(_) => {
                self.failed(sid, ctx);
                None
            }
        }
    }

    fn settle(&mut self, sid: Sid, ctx: &mut Context<Self>) {
        while let Some(effect) = self.rooms.get_mut(&sid).and_then(|open| open.room.poll()) {
            self.carry_out(sid, effect, ctx);
        }
        let clock = self.services.clock;
        if let Some(open) = self.rooms.get_mut(&sid) {
            let next = open.room.deadline();
            open.alarm.set(
                ctx,
                next,
                |at| clock.until(at),
                move |actor: &mut Self, ctx| {
                    if let Some(open) = actor.rooms.get_mut(&sid) {
                        open.alarm.rang();
                    }
                    actor.step(sid, ctx, |room, now, wall| room.expire(now, wall));
                },
            );
        }
    }

    /// A conference whose machine fell: its members go on with their documents.
    fn failed(&mut self, sid: Sid, ctx: &mut Context<Self>) {
        tracing::error!(conference = %sid, "a conference failed: its members are let go");
        let members: Vec<LegId> = self.legs.iter().filter(|(_, s)| s.room == sid).map(|(&leg, _)| leg).collect();
        for leg in members {
            self.command(sid, Command::Unbridge { leg });
            self.tell(leg, ConferenceEvent::Ended);
        }
        let Some(open) = self.rooms.remove(&sid) else { return };
        if let Some(handle) = open.fetch {
            ctx.cancel_future(handle);
        }
        if let Some(taped) = open.recording {
            taped.stop();
        }
        self.by_name.retain(|_, named| *named != sid);
        // What it was is asked of it once more; a machine that cannot say that much is closed as it was last kept.
        if let Ok(mut view) = catch_unwind(AssertUnwindSafe(|| open.room.view())) {
            view.status = RoomStatus::Completed;
            view.updated = self.services.clock.wall();
            view.reason = Some(EndReason::Internal);
            self.keep(&view);
        }
    }

    pub(super) fn tell(&mut self, leg: LegId, event: ConferenceEvent) {
        let is_out = matches!(event, ConferenceEvent::Ended | ConferenceEvent::Refused(_));
        if let Some(seated) = self.legs.get(&leg) {
            seated.call.offer(ToCall(CallInput::Conference { leg, event }), Overflow::Warn);
        }
        if is_out {
            self.legs.remove(&leg);
        }
    }

    pub(super) fn command(&mut self, sid: Sid, command: Command) {
        let media = &self.services.media;
        let thread = match command.leg() {
            Some(leg) => Some(media.thread_of(leg.call_number())),
            None => self.rooms.get(&sid).and_then(|open| open.thread.clone()),
        };
        if thread.is_none_or(|thread| thread.send(command).is_err()) {
            tracing::warn!(conference = %sid, "media thread takes no commands of a conference");
        }
    }

    pub(super) fn keep(&mut self, view: &tandem_call::room::conference::RoomView) {
        if view.status == RoomStatus::Completed {
            self.by_name.retain(|_, named| *named != view.sid);
        }
        let record = ConferenceRecord {
            sid: view.sid,
            friendly_name: view.name.clone(),
            status: match view.status {
                RoomStatus::Init => ConferenceStatus::Init,
                RoomStatus::InProgress => ConferenceStatus::InProgress,
                RoomStatus::Completed => ConferenceStatus::Completed,
            },
            created: view.created,
            updated: view.updated,
            reason_ended: view.reason.map(|reason| reason.as_str().to_owned()),
            call_sid_ending: view.ended_by,
        };
        if !self.services.store.put_conference(record) {
            tracing::error!(conference = %view.sid, "record of a conference lost: the store's queue is full");
        }
    }

    /// The conference of that name, made if need be. None when there are too many.
    fn room_named(&mut self, name: &str) -> Option<Sid> {
        if let Some(sid) = self.by_name.get(name) {
            return Some(*sid);
        }
        if self.rooms.len() >= limits::CONFERENCES_MAX {
            return None;
        }
        let clock = self.services.clock;
        let sid = Sid::ordered(clock.wall(), &mut self.entropy);
        self.mixes += 1;
        let mix = MixId(self.mixes);
        let directory = self.services.directory.borrow().clone();
        let spec = RoomSpec {
            sid,
            name: name.to_owned(),
            account: directory.project.id.clone(),
            dialect: directory.project.dialect,
            mix,
            sounds: self.sounds.clone(),
        };
        let room = Room::new(spec, clock.now(), clock.wall());
        let open =
            Open { room, mix, thread: None, recording: None, stream: None, fetch: None, alarm: Alarm::default() };
        self.rooms.insert(sid, open);
        self.by_name.insert(name.to_owned(), sid);
        tracing::info!(conference = %sid, "conference begins");
        Some(sid)
    }

    pub(super) fn close(&mut self, sid: Sid) {
        tracing::info!(conference = %sid, "conference is over");
        self.rooms.remove(&sid);
    }
}

impl Actor for RoomsActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(limits::ROOMS_MAILBOX);
    }
}

impl Handler<FromCall> for RoomsActor {
    type Result = ();

    fn handle(&mut self, msg: FromCall, ctx: &mut Self::Context) {
        let FromCall { command, call } = msg;
        let leg = command.leg();
        if let ConferenceCommand::Join(joining) = &command {
            let Some(room) = self.room_named(&joining.conference.name) else {
                let event = ConferenceEvent::Refused(Refused::Full);
                call.offer(ToCall(CallInput::Conference { leg, event }), Overflow::Warn);
                return;
            };
            self.legs.insert(leg, Seated { room, call });
        }
        let Some(sid) = self.legs.get(&leg).map(|seated| seated.room) else { return };
        let leaves = matches!(command, ConferenceCommand::Leave { .. });
        self.step(sid, ctx, |room, now, wall| room.handle(now, wall, command));
        if leaves {
            self.legs.remove(&leg);
        }
    }
}

impl Handler<Spoke> for RoomsActor {
    type Result = ();

    fn handle(&mut self, msg: Spoke, ctx: &mut Self::Context) {
        if let Some(sid) = self.legs.get(&msg.leg).map(|seated| seated.room) {
            self.step(sid, ctx, |room, now, wall| room.speaking(now, wall, msg.leg, msg.speaking));
        }
    }
}

impl Handler<Ask> for RoomsActor {
    type Result = Result<Seen, AskRefused>;

    fn handle(&mut self, msg: Ask, ctx: &mut Self::Context) -> Self::Result {
        let Ask { conference: sid, what } = msg;
        if self.rooms.get(&sid).is_none_or(|open| open.room.is_over()) {
            return Err(AskRefused::Conference);
        }
        let seen = |room: &Room| Seen { room: room.view(), members: room.members() };
        let done = self.step(sid, ctx, |room, now, wall| {
            match what {
                Asked::View => {}
                Asked::Change { call, change } => room.change(now, wall, call, change)?,
                Asked::Kick { call } => {
                    if !room.kick(now, wall, call) {
                        return Err(AskRefused::Member);
                    }
                }
                Asked::Complete => room.complete(now, wall, EndReason::Api),
                Asked::Announce { url, method } => room.announce(now, wall, url, method),
                Asked::Steer { recording, steer } => {
                    if !room.steer_recording(now, wall, recording, steer) {
                        return Err(AskRefused::Recording);
                    }
                }
            }
            Ok(seen(room))
        });
        done.unwrap_or(Err(AskRefused::Conference))
    }
}

impl Handler<Fault> for RoomsActor {
    type Result = ();

    #[expect(clippy::panic, reason = "a fail-point: the containment of exactly this is under test")]
    fn handle(&mut self, msg: Fault, ctx: &mut Self::Context) {
        self.step(msg.conference, ctx, |_, _, _| panic!("injected into a conference"));
    }
}
