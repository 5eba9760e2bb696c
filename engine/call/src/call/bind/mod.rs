//! Binds what a script says to what the call does. One file per family of instructions; no verb knows SIP or media.

mod api;
mod prompts;
mod speech;
mod stream;

pub(super) use prompts::Playing;
pub(super) use speech::Ear;
pub use speech::{ListenEffect, PartialSpeech, SpeechNews};

use tandem_laml::instruction::{Instruction, RejectReason};
use tandem_media::control::Command;
use tandem_model::LegId;

use super::contract::{CallEffect, RunId};
use super::run::{Purpose, RunDocument, RunEnd};
use super::{Call, Direction, LegStatus, callback};
use crate::directory::WebhookSet;
use crate::leg::LegCommand;

impl Call {
    /// An inbound call whose document is fetched.
    pub(super) fn start_webhook(&mut self, hooks: &WebhookSet) {
        let fallback = hooks.fallback_url.clone().map(|url| (url, hooks.fallback_method));
        let document = RunDocument { fallback, ..RunDocument::at(hooks.request_url.clone(), hooks.request_method) };
        self.start_run(self.primary, Purpose::Main, document);
    }

    /// Does what a document says, on its leg.
    pub(super) fn carry_out(&mut self, id: RunId, instruction: Instruction) {
        let Some((leg, purpose)) = self.run(id).map(|run| (run.leg, run.purpose)) else { return };
        match instruction {
            Instruction::Answer => self.answer_primary(),
            Instruction::Fetch { url, method, params } if self.hold_for_place(id, &url, method, &params) => {}
            Instruction::Fetch { url, method, params } => {
                let params = self.with_standard(id, params);
                self.emit(CallEffect::Fetch { run: id, url, method, params });
            }
            Instruction::CancelFetch if self.drop_held(id) => {}
            Instruction::CancelFetch => self.emit(CallEffect::CancelFetch { run: id }),
            Instruction::Prompt { id: prompt, what, repeat } => self.start_prompt(id, prompt, what, repeat),
            Instruction::StopPrompt { id: prompt } => self.stop_prompt(id, prompt),
            Instruction::Listen(command) => self.listen_command(id, command),
            Instruction::Dial(dial) => self.start_dial(*dial),
            Instruction::CancelDial => self.cancel_dial(),
            Instruction::Echo { on } => self.echo(leg, on),
            Instruction::Denoise { on } => self.emit(CallEffect::Media(Command::Denoise { leg, on })),
            Instruction::Stream(command) => self.stream_command(id, leg, command),
            Instruction::Reject { reason } => {
                // laml.md 1.13: the codes of the field's other provider, since none are documented.
                let status = match reason {
                    RejectReason::Busy => 486,
                    RejectReason::Rejected => 404,
                };
                self.command(self.primary, LegCommand::Reject { status, reason: None, headers: vec![] });
            }
            Instruction::Recording(command) => self.recording_command(id, leg, command),
            Instruction::Refer(refer) => self.refer_out(id, leg, *refer),
            Instruction::Queue(command) => self.queue_command(command),
            Instruction::Leave => self.end_run(id, RunEnd::Left),
            Instruction::NoDocument => self.end_run(id, RunEnd::NoDocument),
            Instruction::Tell { url, method, params } => {
                let params = self.with_standard(id, params);
                self.emit(CallEffect::Notify { url, method, params });
            }
            Instruction::Hangup if purpose == Purpose::Main => self.hang_up_primary(),
            Instruction::Hangup => self.end_run(id, RunEnd::HungUp),
            Instruction::Finished if purpose == Purpose::Main => self.out_of_verbs(),
            Instruction::Finished => self.end_run(id, RunEnd::Finished),
            Instruction::Warn { code, message, line } => self.emit(CallEffect::Warn { code, message, line }),
        }
    }

    pub(super) fn answer_primary(&mut self) {
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

    fn echo(&mut self, leg: LegId, on: bool) {
        if !self.legs.get(&leg).is_some_and(|l| l.is_answered()) {
            self.echo_when_answered = on;
            return;
        }
        self.emit(CallEffect::Media(Command::Echo { leg, on }));
    }

    /// What waited for the answer happens now.
    pub(super) fn script_leg_answered(&mut self) {
        if std::mem::take(&mut self.echo_when_answered) {
            self.emit(CallEffect::Media(Command::Echo { leg: self.primary, on: true }));
        }
        self.begin_recordings(self.primary);
        self.refer_when_answered(self.primary);
        self.conference_leg_answered();
        self.api_answered();
        if let Some(run) = self.main_run().map(|run| run.id) {
            self.play_when_answered(run);
            self.listen_when_answered(run);
        }
        if std::mem::take(&mut self.hang_up_when_answered) {
            self.command(self.primary, LegCommand::Hangup { reason: None });
        }
    }

    /// A request's own parameters behind those of all.
    pub(super) fn with_standard(&self, id: RunId, own: Vec<(String, String)>) -> Vec<(String, String)> {
        let mut all = self.request_params(id);
        // A repeated name would break signature checks: the verb's own value counts (laml.md 2.6).
        all.retain(|(name, _)| !own.iter().any(|(n, _)| n == name));
        all.extend(own);
        all
    }

    /// Standard parameters, those of a call that came in by SIP (laml.md 2.2 and 2.3), and the run's own.
    fn request_params(&self, id: RunId) -> Vec<(String, String)> {
        let Some(run) = self.run(id) else { return Vec::new() };
        let leg = &self.legs[&run.leg];
        let mut p = leg.standard_params(&self.env.directory.project.id);
        if let Some(i) =
            self.inbound.as_ref().filter(|_| leg.direction == Direction::Inbound && run.leg == self.primary)
        {
            p.push(("SipUser".into(), i.request_user.clone()));
            p.push(("SipDomain".into(), i.request_host.clone()));
            if let Some(sid) = callback::domain_sid(&self.env.directory, i) {
                p.push(("SipDomainSid".into(), sid.to_string()));
            }
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
        callback::add_of_dialect(&mut p, self.dialect());
        p.extend(run.params.iter().cloned());
        debug_assert!(leg.status != LegStatus::Queued, "a script runs on a leg that exists");
        p
    }
}
