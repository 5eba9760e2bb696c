use std::sync::Arc;

use actix::prelude::*;
use futures_util::stream;
use tandem_call::call::{CallInput, ListenEffect, RunId, SpeechNews};
use tandem_laml::instruction::{ListenId, Listening, Transcribe};
use tandem_media::control::Command;
use tandem_media::tap::TapId;
use tandem_model::{LegId, Sid};
use tokio::sync::{mpsc, watch};

use super::super::actor::CallActor;
use crate::listen::{self, Order};
use crate::media::TapQueue;
use crate::recording::{Outcome, RecordingReport};
use crate::transcription::TranscriptionJob;

/// Taps of speech have the numbers from here on, and go round before those of others begin.
const FIRST_TAP: u64 = 100;
const TAPS: u64 = 100;
/// News of one listening on their way to the call.
const NEWS: usize = 16;

/// A listening that runs.
pub(in super::super) struct Hearing {
    leg: LegId,
    tap: TapId,
    orders: watch::Sender<Order>,
}

impl CallActor {
    pub(super) fn listen(&mut self, effect: ListenEffect, ctx: &mut Context<Self>) {
        match effect {
            ListenEffect::Start { run, leg, id, how } => self.start_listening(run, leg, id, how, ctx),
            ListenEffect::Finish { run, id } => self.order(run, id, Order::Finish),
            ListenEffect::Stop { run, id } => self.order(run, id, Order::Stop),
        }
    }

    fn start_listening(&mut self, run: RunId, leg: LegId, id: ListenId, how: Box<Listening>, ctx: &mut Context<Self>) {
        let (news, told) = mpsc::channel(NEWS);
        match self.services.recogniser.clone() {
            None => {
                // The channel is empty: there is room.
                let _ = news.try_send(SpeechNews::Ended(Err(listen::none_configured())));
            }
            Some(recogniser) => {
                let rate = recogniser.rate();
                let queue = Arc::new(TapQueue::new(rate, listen::QUEUE_FRAMES));
                let tap = TapId(FIRST_TAP + self.ears % TAPS);
                self.ears += 1;
                self.command_media(Command::Tap { leg, tap, rate, sink: queue.clone() });
                let (orders, control) = watch::channel(Order::Listen);
                self.listening.insert((run, id), Hearing { leg, tap, orders });
                let limits = self.services.listen_limits.clone();
                let hearing = listen::hear(recogniser, limits, how, queue, control, news);
                ctx.spawn(hearing.into_actor(self));
            }
        }
        let told = stream::unfold(told, |mut told| async move { told.recv().await.map(|news| (news, told)) });
        let told = told.into_actor(self).map(move |news, actor, ctx| actor.hear_speech(run, id, news, ctx));
        ctx.spawn(told.finish());
    }

    /// What a recording was asked for besides (laml.md 1.11).
    pub(super) fn transcribe(&self, call: Option<Sid>, what: &Transcribe, report: &RecordingReport) {
        let (Outcome::Complete(wav) | Outcome::Partial(wav, _)) = &report.outcome else { return };
        self.services.transcriber.transcribe(TranscriptionJob {
            recording_sid: report.sid,
            call: call.map(|sid| (sid, self.number.to_string())),
            wav: wav.clone(),
            duration: report.duration,
            // The verb has no attribute for it.
            language: "en-US".to_owned(),
            callback: what.callback.clone(),
        });
    }

    fn order(&mut self, run: RunId, id: ListenId, order: Order) {
        if let Some(hearing) = self.listening.get(&(run, id)) {
            // One that has ended meanwhile takes no orders.
            let _ = hearing.orders.send(order);
        }
    }

    fn hear_speech(&mut self, run: RunId, id: ListenId, news: SpeechNews, ctx: &mut Context<Self>) {
        if matches!(news, SpeechNews::Ended(_))
            && let Some(Hearing { leg, tap, .. }) = self.listening.remove(&(run, id))
        {
            self.command_media(Command::Untap { leg, tap });
        }
        self.step(CallInput::Heard { run, id, news }, ctx);
    }
}
