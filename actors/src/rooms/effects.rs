use actix::prelude::*;
use tandem_call::room::conference::RoomEffect;
use tandem_laml::instruction::{Method, Prompt, PromptFailure};
use tandem_media::control::Command;
use tandem_model::Sid;

use super::actor::RoomsActor;
use crate::store::{CallEvent, EventLevel};
use crate::webhook::{StatusJob, WebhookRequest};

impl RoomsActor {
    pub(super) fn carry_out(&mut self, sid: Sid, effect: RoomEffect, ctx: &mut Context<Self>) {
        match effect {
            RoomEffect::Tell { leg, event } => self.tell(leg, event),
            RoomEffect::Media(command) => {
                if let (Command::Join { leg, .. }, Some(open)) = (&command, self.rooms.get_mut(&sid)) {
                    open.thread = Some(self.services.media.thread_of(leg.call_number()));
                }
                self.command(sid, command);
            }
            RoomEffect::Notify { url, method, params } => {
                let job = StatusJob::new(sid.to_string(), WebhookRequest { url, method, params });
                // A refusal has been counted and logged where it happened.
                let _ = self.services.status.push(job);
            }
            RoomEffect::Fetch { url, method, params } => self.fetch(sid, url, method, params, ctx),
            RoomEffect::LoadPrompt { id, what } => self.load_prompt(sid, id, what, ctx),
            RoomEffect::Warn { call, code, message } => {
                let at = self.services.clock.wall();
                let event = CallEvent { call_sid: call, at, level: EventLevel::Warning, code, message, line: None };
                if !self.services.store.log_event(event) {
                    tracing::warn!(code, "call event not kept: the store's queue is full");
                }
            }
            RoomEffect::StartRecording { trim } => self.start_recording(sid, trim, ctx),
            RoomEffect::OpenStream(stream) => self.open_stream(sid, *stream, ctx),
            RoomEffect::CloseStream => self.close_stream(sid),
            RoomEffect::SteerRecording(steer) => self.steer_recording(sid, steer),
            RoomEffect::Changed => {
                if let Some(view) = self.rooms.get(&sid).map(|open| open.room.view()) {
                    self.keep(&view);
                }
            }
            RoomEffect::Over => self.close(sid),
        }
    }

    fn fetch(&mut self, sid: Sid, url: String, method: Method, params: Vec<(String, String)>, ctx: &mut Context<Self>) {
        let client = self.services.webhooks.clone();
        let request = WebhookRequest { url, method, params };
        let fetch = async move { client.fetch(&request).await }.into_actor(self);
        let handle = ctx.spawn(fetch.map(move |result, actor, ctx| {
            if let Some(open) = actor.rooms.get_mut(&sid) {
                open.fetch = None;
            }
            actor.step(sid, ctx, |room, now, wall| room.fetched(now, wall, result));
        }));
        // The one before belongs to an announcement that this one has ended.
        if let Some(before) = self.rooms.get_mut(&sid).and_then(|open| open.fetch.replace(handle)) {
            ctx.cancel_future(before);
        }
    }

    fn load_prompt(&mut self, sid: Sid, id: u64, what: Prompt, ctx: &mut Context<Self>) {
        let (loader, speech) = (self.services.prompts.clone(), self.services.speech.clone());
        let load = async move {
            match what {
                Prompt::Url(url) => loader.load_url(&url).await,
                Prompt::Speech { text, voice, language } => speech.synth(&text, &voice, &language).await,
                Prompt::Digits(_) | Prompt::Beep => {
                    Err(PromptFailure { code: 20_504, message: "tones are not loaded".to_owned() })
                }
            }
        };
        ctx.spawn(load.into_actor(self).map(move |result, actor, ctx| {
            actor.step(sid, ctx, |room, now, wall| room.prompt_loaded(now, wall, id, result));
        }));
    }
}
