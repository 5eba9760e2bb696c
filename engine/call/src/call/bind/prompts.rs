use std::collections::VecDeque;
use std::sync::Arc;

use tandem_laml::instruction::{Input, Prompt, PromptFailure, PromptId, Repeat};
use tandem_media::control::{self, Clip, Command, PlayId};
use tandem_model::LegId;

use super::super::Call;
use super::super::contract::CallEffect;

/// The prompt a script is at: one at a time.
pub(in super::super) struct Playing {
    id: PromptId,
    repeat: Repeat,
    stage: Stage,
}

enum Stage {
    /// Its audio is being fetched or made.
    Loading,
    /// Ready; the leg is not answered so far.
    Ready(Source),
    Running(PlayId),
}

#[derive(Clone)]
enum Source {
    Clip(Arc<Clip>),
    /// Sent this often more.
    Digits(VecDeque<String>),
}

impl Call {
    pub(super) fn start_prompt(&mut self, id: PromptId, what: Prompt, repeat: Repeat) {
        let stage = match what {
            Prompt::Digits(digits) => {
                let times = match repeat {
                    Repeat::Times(n) => n.clamp(1, 1_000) as usize,
                    Repeat::Forever => 1_000,
                };
                Stage::Ready(Source::Digits(vec![digits; times].into()))
            }
            what => {
                self.emit(CallEffect::LoadPrompt { id, what });
                Stage::Loading
            }
        };
        // One that was stopped and is still dying away ends here: its `PlayDone` would find its successor.
        if let Some(stopped) = self.playing.replace(Playing { id, repeat, stage }) {
            self.script_input(Input::PromptEnded { id: stopped.id, result: Ok(()) });
        }
        self.play_when_answered();
    }

    pub(in super::super) fn prompt_loaded(&mut self, id: PromptId, result: Result<Arc<Clip>, PromptFailure>) {
        let Some(playing) = self.playing.as_mut().filter(|p| p.id == id) else { return };
        if !matches!(playing.stage, Stage::Loading) {
            return;
        }
        match result {
            Ok(clip) => {
                playing.stage = Stage::Ready(Source::Clip(clip));
                self.play_when_answered();
            }
            Err(failure) => {
                self.playing = None;
                self.emit(CallEffect::Warn { code: failure.code, message: failure.message.clone(), line: None });
                self.script_input(Input::PromptEnded { id, result: Err(failure) });
            }
        }
    }

    pub(super) fn play_when_answered(&mut self) {
        let leg = self.primary;
        if !self.legs.get(&leg).is_some_and(|l| l.is_answered()) {
            return;
        }
        let Some(playing) = &mut self.playing else { return };
        let Stage::Ready(source) = &mut playing.stage else { return };
        self.plays += 1;
        let play = PlayId(self.plays);
        let command = match source {
            Source::Clip(clip) => {
                let repeat = match playing.repeat {
                    Repeat::Times(n) => control::Repeat::Times(n),
                    Repeat::Forever => control::Repeat::Forever,
                };
                Command::Play { leg, play, clip: clip.clone(), repeat }
            }
            Source::Digits(rounds) => {
                let digits = Vec::from(std::mem::take(rounds)).concat();
                Command::SendDigits { leg, play, digits }
            }
        };
        playing.stage = Stage::Running(play);
        self.emit(CallEffect::Media(command));
    }

    pub(super) fn stop_prompt(&mut self, id: PromptId) {
        let Some(playing) = self.playing.as_ref().filter(|p| p.id == id) else { return };
        match playing.stage {
            Stage::Running(play) => {
                let leg = self.primary;
                self.emit(CallEffect::Media(Command::StopPlay { leg, play }));
            }
            Stage::Loading | Stage::Ready(_) => {
                self.playing = None;
                self.script_input(Input::PromptEnded { id, result: Ok(()) });
            }
        }
    }

    pub(in super::super) fn play_done(&mut self, leg: LegId, play: PlayId) {
        self.dial_play_done(leg, play);
        self.api_play_done(leg, play);
        let ours = |p: &Playing| matches!(p.stage, Stage::Running(running) if running == play);
        if leg != self.primary || !self.playing.as_ref().is_some_and(ours) {
            return;
        }
        if let Some(playing) = self.playing.take() {
            self.script_input(Input::PromptEnded { id: playing.id, result: Ok(()) });
        }
    }
}
