use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::stream;
use tandem_call::call::{AmdEffect, AmdNews, CallInput};
use tandem_media::amd::{AmdConfig, AnsweredBy, Detector, Finding};
use tandem_media::control::Command;
use tandem_media::tap::TapId;
use tandem_model::{LegId, SampleRate};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::super::actor::CallActor;
use crate::media::TapQueue;

/// One leg has one of these.
const TAP: TapId = TapId(200);
const RATE: SampleRate = SampleRate::HZ_8000;
/// A second, emptied sixteen times in it.
const QUEUE_FRAMES: usize = 50;
const ROUND: Duration = Duration::from_millis(60);

impl CallActor {
    pub(super) fn detect(&mut self, effect: AmdEffect, ctx: &mut Context<Self>) {
        match effect {
            AmdEffect::Start { leg, config } => self.start_detecting(leg, config, ctx),
            AmdEffect::Stop { leg } => self.stop_detecting(leg, ctx),
        }
    }

    fn start_detecting(&mut self, leg: LegId, config: AmdConfig, ctx: &mut Context<Self>) {
        let queue = Arc::new(TapQueue::new(RATE, QUEUE_FRAMES));
        self.command_media(Command::Tap { leg, tap: TAP, rate: RATE, sink: queue.clone() });
        let findings = stream::unfold(Some(Watch::new(config, queue)), |watch| async move {
            let mut watch = watch?;
            let news = watch.next().await;
            let goes_on = matches!(news, AmdNews::Machine { .. });
            Some((news, goes_on.then_some(watch)))
        });
        let findings = findings.into_actor(self).map(move |news, actor, ctx| actor.found(leg, news, ctx));
        let handle = ctx.spawn(findings.finish());
        self.detecting.insert(leg, handle);
    }

    fn stop_detecting(&mut self, leg: LegId, ctx: &mut Context<Self>) {
        if let Some(handle) = self.detecting.remove(&leg) {
            ctx.cancel_future(handle);
            self.command_media(Command::Untap { leg, tap: TAP });
        }
    }

    fn found(&mut self, leg: LegId, news: AmdNews, ctx: &mut Context<Self>) {
        if let AmdNews::Over { by, took } = news {
            tracing::info!(%leg, by = by.as_str(), ?took, "who answered");
            self.detecting.remove(&leg);
            self.command_media(Command::Untap { leg, tap: TAP });
        }
        self.step(CallInput::Amd { leg, news }, ctx);
    }
}

/// The detector at its tap.
struct Watch {
    detector: Detector,
    queue: Arc<TapQueue>,
    round: Interval,
    next_tick: u64,
    machine_told: bool,
}

impl Watch {
    fn new(config: AmdConfig, queue: Arc<TapQueue>) -> Self {
        let mut round = interval(ROUND);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Watch { detector: Detector::new(config, RATE), queue, round, next_tick: 0, machine_told: false }
    }

    async fn next(&mut self) -> AmdNews {
        loop {
            self.round.tick().await;
            let ended = self.queue.has_ended();
            let (mut machine, mut over, mut any) = (false, None, false);
            let (detector, next_tick) = (&mut self.detector, &mut self.next_tick);
            self.queue.drain(|frame| {
                any = true;
                let missing = frame.tick.saturating_sub(*next_tick);
                *next_tick = frame.tick + 1;
                for finding in [detector.gap(missing), detector.hear(frame.inbound)].into_iter().flatten() {
                    match finding {
                        Finding::Machine => machine = true,
                        Finding::Final(by) => over = Some((by, detector.elapsed())),
                    }
                }
            });
            // The leg is gone: what is known is the answer.
            if ended && !any && over.is_none() {
                over = Some((detector.finish().unwrap_or(AnsweredBy::Unknown), detector.elapsed()));
            }
            if let Some((by, took)) = over {
                return AmdNews::Over { by, took };
            }
            if machine && !self.machine_told {
                self.machine_told = true;
                return AmdNews::Machine { took: self.detector.elapsed() };
            }
        }
    }
}
