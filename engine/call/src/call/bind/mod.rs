//! Binds what a script says to what the call does. One file per family of instructions; no verb knows SIP or media.

mod api;
mod prompts;

pub(super) use prompts::Playing;

use tandem_laml::instruction::{Input, Instruction, RejectReason};
use tandem_laml::{Script, ScriptConfig};
use tandem_media::control::Command;
use tandem_model::{LegId, Timestamp};

use super::contract::CallEffect;
use super::{Call, LegStatus};
use crate::directory::WebhookSet;
use crate::leg::LegCommand;

impl Call {
    /// An inbound call whose document is fetched.
    pub(super) fn start_webhook(&mut self, hooks: &WebhookSet) {
        let mut script = Script::new(ScriptConfig::default());
        let fallback = hooks.fallback_url.clone().map(|url| (url, hooks.fallback_method));
        script.start_fetch(self.clock.0, hooks.request_url.clone(), hooks.request_method, fallback);
        self.script = Some(Box::new(script));
    }

    pub(super) fn script_input(&mut self, input: Input) {
        let now = self.clock.0;
        if let Some(script) = &mut self.script {
            script.handle(now, input);
        }
    }

    /// Carries out what the script says until it waits.
    pub(super) fn run_script(&mut self, _now: Timestamp) {
        while let Some(instruction) = self.script.as_mut().and_then(|s| s.poll()) {
            self.carry_out(instruction);
        }
    }

    fn carry_out(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::Answer => self.answer_primary(),
            Instruction::Fetch { url, method, params } => {
                let mut all = self.request_params();
                // A repeated name would break signature checks: the verb's own value counts (laml.md 2.6).
                all.retain(|(name, _)| !params.iter().any(|(n, _)| n == name));
                all.extend(params);
                self.emit(CallEffect::Fetch { url, method, params: all });
            }
            Instruction::CancelFetch => self.emit(CallEffect::CancelFetch),
            Instruction::Prompt { id, what, repeat } => self.start_prompt(id, what, repeat),
            Instruction::StopPrompt { id } => self.stop_prompt(id),
            Instruction::Dial(dial) => self.start_dial(*dial),
            Instruction::CancelDial => self.cancel_dial(),
            Instruction::Echo { on } => self.echo(on),
            Instruction::Reject { reason } => {
                // laml.md 1.13: the codes of the field's other provider, since none are documented.
                let status = match reason {
                    RejectReason::Busy => 486,
                    RejectReason::Rejected => 404,
                };
                self.command(self.primary, LegCommand::Reject { status, reason: None, headers: vec![] });
            }
            Instruction::Hangup => self.hang_up_primary(),
            Instruction::Finished => self.out_of_verbs(),
            Instruction::Warn { code, message, line } => self.emit(CallEffect::Warn { code, message, line }),
        }
    }

    fn answer_primary(&mut self) {
        if self.legs[&self.primary].is_pending() && !self.answering {
            self.answering = true;
            self.command(self.primary, LegCommand::Answer { prefer: None });
        }
    }

    fn hang_up_primary(&mut self) {
        if self.answering && self.legs[&self.primary].is_pending() {
            // Answered first, then ended: the BYE follows the ACK.
            self.hang_up_when_answered = true;
            return;
        }
        self.command(self.primary, LegCommand::Hangup { reason: None });
    }

    /// A document that rang through (`answerOnBridge`) and ended unanswered: the caller is told what its Dial came to.
    fn out_of_verbs(&mut self) {
        let unanswered = !self.answering && self.legs.get(&self.primary).is_some_and(|l| l.is_pending());
        match self.refusal.take().filter(|_| unanswered) {
            Some((status, reason)) => {
                let command = LegCommand::Reject { status, reason: Some(reason), headers: vec![] };
                self.command(self.primary, command);
            }
            None => self.hang_up_primary(),
        }
    }

    fn echo(&mut self, on: bool) {
        if !self.legs[&self.primary].is_answered() {
            self.echo_when_answered = on;
            return;
        }
        self.emit(CallEffect::Media(Command::Echo { leg: self.primary, on }));
    }

    /// What waited for the answer happens now.
    pub(super) fn script_leg_answered(&mut self) {
        if std::mem::take(&mut self.echo_when_answered) {
            self.emit(CallEffect::Media(Command::Echo { leg: self.primary, on: true }));
        }
        self.api_answered();
        self.play_when_answered();
        if std::mem::take(&mut self.hang_up_when_answered) {
            self.command(self.primary, LegCommand::Hangup { reason: None });
        }
    }

    pub(super) fn digit(&mut self, id: LegId, digit: char) {
        if id == self.primary {
            self.script_input(Input::Digit(digit));
        }
    }

    /// Standard parameters, and those of a call that came in by SIP (laml.md 2.2 and 2.3).
    fn request_params(&self) -> Vec<(String, String)> {
        let leg = &self.legs[&self.primary];
        let mut p = leg.standard_params(&self.env.directory.project.id);
        if let Some(i) = &self.inbound {
            p.push(("SipUser".into(), i.request_user.clone()));
            p.push(("SipDomain".into(), i.request_host.clone()));
            p.push(("SipCallId".into(), i.call_id.clone()));
            p.push(("SipSourceIp".into(), i.source.addr.ip().to_canonical().to_string()));
            if let Some(user) = &i.username {
                p.push(("SipUsername".into(), user.clone()));
            }
            for (name, value) in &i.headers {
                let name = format!("SipHeader_{name}");
                if !p.iter().any(|(n, _)| *n == name) {
                    p.push((name, value.clone()));
                }
            }
        }
        debug_assert!(leg.status != LegStatus::Queued, "a script runs on a leg that exists");
        p
    }
}
