use actix::prelude::*;
use tandem_call::call::{CallInput, RunId};
use tandem_laml::instruction::{Prompt, PromptId};

use super::super::actor::CallActor;

impl CallActor {
    pub(super) fn load_prompt(&mut self, run: RunId, id: PromptId, what: Prompt, ctx: &mut Context<Self>) {
        let (loader, speech) = (self.services.prompts.clone(), self.services.speech.clone());
        let load = async move {
            match what {
                Prompt::Url(url) => loader.load_url(&url).await,
                Prompt::Speech { text, voice, language } => speech.synth(&text, &voice, &language).await,
                // Tones are the media engine's own; the call does not ask for them here.
                Prompt::Digits(_) | Prompt::Beep => Err(tandem_laml::instruction::PromptFailure {
                    code: 20_504,
                    message: "tones are not loaded".to_owned(),
                }),
            }
        };
        ctx.spawn(load.into_actor(self).map(move |result, actor, ctx| {
            actor.step(CallInput::PromptLoaded { run, id, result }, ctx);
        }));
    }
}
