use actix::prelude::*;
use tandem_call::call::{CallInput, RunId};
use tandem_laml::instruction::{Prompt, PromptId};

use super::super::actor::CallActor;
use crate::prompt::code;

/// Of the speech engine, on one call.
const REMARKS_MAX: usize = 16;

impl CallActor {
    pub(super) fn load_prompt(&mut self, run: RunId, id: PromptId, what: Prompt, ctx: &mut Context<Self>) {
        let (loader, speech) = (self.services.prompts.clone(), self.services.speech.clone());
        let load = async move {
            let mut remark = None;
            let result = match what {
                Prompt::Url(url) => loader.load_url(&url).await,
                Prompt::Speech { text, voice, language } => {
                    let spoken = speech.synth(&text, &voice, &language).await;
                    remark = speech.remark(&voice, &language);
                    spoken
                }
                // Tones are the media engine's own; the call does not ask for them here.
                Prompt::Digits(_) | Prompt::Beep => Err(tandem_laml::instruction::PromptFailure {
                    code: 20_504,
                    message: "tones are not loaded".to_owned(),
                }),
            };
            (result, remark)
        };
        ctx.spawn(load.into_actor(self).map(move |(result, remark), actor, ctx| {
            if let Some(remark) = remark {
                actor.remark(remark);
            }
            actor.step(CallInput::PromptLoaded { run, id, result }, ctx);
        }));
    }

    /// Into the call's log, once.
    fn remark(&mut self, remark: String) {
        if self.remarks.len() < REMARKS_MAX && self.remarks.insert(remark.clone()) {
            self.warn(code::VOICE, remark, None);
        }
    }
}
