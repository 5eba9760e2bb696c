//! An announcement to all: a document that runs on the conference itself. What it says is mixed into what the members hear.

use std::sync::Arc;
use std::time::Duration;

use tandem_laml::instruction::{
    Document, FetchFailure, Input, Instruction, Method, Prompt, PromptFailure, PromptId, Repeat,
};
use tandem_laml::{Role, Script, ScriptConfig};
use tandem_media::control::{self, Clip, Command, PlayId};
use tandem_model::{Timestamp, WallTime};

use super::Room;
use super::contract::RoomEffect;

/// What `loop="0"` means here: an announcement ends.
const REPEATS_MAX: u32 = 100;

pub(super) struct Announcement {
    script: Box<Script>,
    url: String,
    playing: Option<Playing>,
    /// Its document came and said something.
    fetched: bool,
    failed: bool,
    /// Which announcement a prompt was loaded for.
    number: u64,
}

struct Playing {
    id: PromptId,
    play: Option<PlayId>,
    repeat: Repeat,
    until: Option<Timestamp>,
}

impl Announcement {
    pub fn deadline(&self) -> Option<Timestamp> {
        let playing = self.playing.as_ref().and_then(|playing| playing.until);
        [playing, self.script.deadline()].into_iter().flatten().min()
    }
}

/// Prompts of an announcement are told from those of the one before by this.
const PROMPTS_PER_ANNOUNCEMENT: u64 = 1 << 32;

impl Room {
    /// Everybody who is seated hears it. One that runs is ended by it.
    pub fn announce(&mut self, now: Timestamp, wall: WallTime, url: String, method: Method) {
        self.clock = (now, wall);
        self.end_announcement(false);
        let mut script = Script::new(ScriptConfig {
            answered: true,
            role: Role::Announce,
            dialect: self.spec.dialect,
            ..ScriptConfig::default()
        });
        script.start_fetch(now, url.clone(), method, None);
        self.plays += 1;
        let number = self.plays;
        self.announcement =
            Some(Announcement { script: Box::new(script), url, playing: None, fetched: false, failed: false, number });
        self.run_announcement();
    }

    /// Answers [`RoomEffect::Fetch`].
    pub fn fetched(&mut self, now: Timestamp, wall: WallTime, result: Result<Document, FetchFailure>) {
        self.clock = (now, wall);
        let Some(announcement) = &mut self.announcement else { return };
        announcement.fetched |= result.is_ok();
        announcement.failed |= result.is_err();
        announcement.script.handle(now, Input::Document(result));
        self.run_announcement();
    }

    /// Answers [`RoomEffect::LoadPrompt`].
    pub fn prompt_loaded(&mut self, now: Timestamp, wall: WallTime, id: u64, result: Result<Arc<Clip>, PromptFailure>) {
        self.clock = (now, wall);
        let mix = self.spec.mix;
        self.plays += 1;
        let play = PlayId(self.plays);
        let Some(announcement) = &mut self.announcement else { return };
        let Some(playing) = announcement.playing.as_mut() else { return };
        if announcement.number.wrapping_mul(PROMPTS_PER_ANNOUNCEMENT).wrapping_add(playing.id.0) != id {
            return;
        }
        match result {
            Ok(clip) => {
                let times = match playing.repeat {
                    Repeat::Times(times) => times.clamp(1, REPEATS_MAX),
                    Repeat::Forever => REPEATS_MAX,
                };
                let length = Duration::from_secs_f64(clip.samples.len() as f64 / f64::from(clip.rate.0.max(1)));
                playing.until = Some(now + length * times);
                playing.play = Some(play);
                self.media(Command::PlayMix { mix, play, clip, repeat: control::Repeat::Times(times) });
            }
            Err(failure) => {
                let id = playing.id;
                announcement.playing = None;
                announcement.failed = true;
                announcement.script.handle(now, Input::PromptEnded { id, result: Err(failure) });
            }
        }
        self.run_announcement();
    }

    pub(super) fn expire_announcement(&mut self) {
        let now = self.clock.0;
        let Some(announcement) = &mut self.announcement else { return };
        if announcement.script.deadline().is_some_and(|at| at <= now) {
            announcement.script.expire(now);
        }
        if announcement.playing.as_ref().is_some_and(|playing| playing.until.is_some_and(|at| at <= now))
            && let Some(playing) = announcement.playing.take()
        {
            announcement.script.handle(now, Input::PromptEnded { id: playing.id, result: Ok(()) });
        }
        self.run_announcement();
    }

    fn run_announcement(&mut self) {
        while let Some(instruction) = self.announcement.as_mut().and_then(|a| a.script.poll()) {
            match instruction {
                Instruction::Fetch { url, method, params } => {
                    let mut all = self.own_params();
                    all.push(("AccountSid".to_owned(), self.spec.account.clone()));
                    all.extend(params);
                    self.emit(RoomEffect::Fetch { url, method, params: all });
                }
                Instruction::Prompt { id, what, repeat } => self.start_prompt(id, what, repeat),
                Instruction::StopPrompt { id } => self.stop_prompt(id),
                Instruction::Finished | Instruction::NoDocument => {
                    return self.end_announcement(true);
                }
                Instruction::Warn { code, message, .. } => {
                    if let Some(call) = self.members.first().map(|member| member.sid) {
                        self.emit(RoomEffect::Warn { call, code, message });
                    }
                }
                // A document of this role holds no verb that says anything else.
                _ => {}
            }
        }
    }

    fn start_prompt(&mut self, id: PromptId, what: Prompt, repeat: Repeat) {
        let now = self.clock.0;
        let Some(announcement) = &mut self.announcement else { return };
        if let Prompt::Digits(_) = what {
            // Digits are for one far end; a mix has none.
            announcement.script.handle(now, Input::PromptEnded { id, result: Ok(()) });
            return;
        }
        announcement.playing = Some(Playing { id, play: None, repeat, until: None });
        let id = announcement.number.wrapping_mul(PROMPTS_PER_ANNOUNCEMENT).wrapping_add(id.0);
        self.emit(RoomEffect::LoadPrompt { id, what });
    }

    fn stop_prompt(&mut self, id: PromptId) {
        let (now, mix) = (self.clock.0, self.spec.mix);
        let Some(announcement) = &mut self.announcement else { return };
        let Some(playing) = announcement.playing.take_if(|playing| playing.id == id) else { return };
        announcement.script.handle(now, Input::PromptEnded { id, result: Ok(()) });
        if let Some(play) = playing.play {
            self.media(Command::StopPlayMix { mix, play });
        }
    }

    fn end_announcement(&mut self, completed: bool) {
        let Some(announcement) = self.announcement.take() else { return };
        let mix = self.spec.mix;
        if let Some(play) = announcement.playing.and_then(|playing| playing.play) {
            self.media(Command::StopPlayMix { mix, play });
        }
        let completed = completed && announcement.fetched && !announcement.failed;
        self.tell_announcement(completed, &announcement.url, None);
    }
}
