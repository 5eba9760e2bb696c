use std::collections::VecDeque;
use std::sync::Arc;

use tandem_laml::instruction::{Input, Prompt, PromptFailure, PromptId, Repeat};
use tandem_media::control::{self, Clip, Command, PlayId};
use tandem_media::tone::record_beep;
use tandem_model::LegId;

use super::super::Call;
use super::super::contract::{CallEffect, RunId};

/// The prompt a document is at: one at a time.
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
    pub(super) fn start_prompt(&mut self, run: RunId, id: PromptId, what: Prompt, repeat: Repeat) {
        let stage = match what {
            Prompt::Digits(digits) => {
                let times = match repeat {
                    Repeat::Times(n) => n.clamp(1, 1_000) as usize,
                    Repeat::Forever => 1_000,
                };
                Stage::Ready(Source::Digits(vec![digits; times].into()))
            }
            Prompt::Beep => Stage::Ready(Source::Clip(Arc::new(record_beep()))),
            what => {
                self.emit(CallEffect::LoadPrompt { run, id, what });
                Stage::Loading
            }
        };
        let Some(of) = self.run_mut(run) else { return };
        // One that was stopped and is still dying away ends here: its `PlayDone` would find its successor.
        if let Some(stopped) = of.playing.replace(Playing { id, repeat, stage }) {
            self.run_input(run, Input::PromptEnded { id: stopped.id, result: Ok(()) });
        }
        self.play_when_answered(run);
    }

    pub(in super::super) fn prompt_loaded(
        &mut self,
        run: RunId,
        id: PromptId,
        result: Result<Arc<Clip>, PromptFailure>,
    ) {
        let Some(of) = self.run_mut(run) else { return };
        let Some(playing) = of.playing.as_mut().filter(|p| p.id == id) else { return };
        if !matches!(playing.stage, Stage::Loading) {
            return;
        }
        match result {
            Ok(clip) => {
                playing.stage = Stage::Ready(Source::Clip(clip));
                self.play_when_answered(run);
            }
            Err(failure) => {
                of.playing = None;
                self.emit(CallEffect::Warn { code: failure.code, message: failure.message.clone(), line: None });
                self.run_input(run, Input::PromptEnded { id, result: Err(failure) });
            }
        }
    }

    pub(super) fn play_when_answered(&mut self, run: RunId) {
        let Some(at) = self.runs.iter().position(|r| r.id == run) else { return };
        let leg = self.runs[at].leg;
        if !self.legs.get(&leg).is_some_and(|l| l.is_answered()) {
            return;
        }
        let Some(playing) = &mut self.runs[at].playing else { return };
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

    pub(super) fn stop_prompt(&mut self, run: RunId, id: PromptId) {
        let Some(of) = self.run_mut(run) else { return };
        let Some(playing) = of.playing.as_ref().filter(|p| p.id == id) else { return };
        match playing.stage {
            Stage::Running(play) => {
                let leg = of.leg;
                self.emit(CallEffect::Media(Command::StopPlay { leg, play }));
            }
            Stage::Loading | Stage::Ready(_) => {
                of.playing = None;
                self.run_input(run, Input::PromptEnded { id, result: Ok(()) });
            }
        }
    }

    pub(in super::super) fn play_done(&mut self, leg: LegId, play: PlayId) {
        self.dial_play_done(leg, play);
        self.api_play_done(leg, play);
        let plays = |p: &Playing| matches!(p.stage, Stage::Running(running) if running == play);
        let Some(run) = self.runs.iter_mut().find(|r| r.leg == leg && r.playing.as_ref().is_some_and(plays)) else {
            return;
        };
        let id = run.id;
        if let Some(playing) = run.playing.take() {
            self.run_input(id, Input::PromptEnded { id: playing.id, result: Ok(()) });
        }
    }
}
