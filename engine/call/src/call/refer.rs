//! `<Refer>`: what a document has the far end of its leg asked for, and what came of it. Transfers that a far end asks for are in
//! `transfer.rs`.

use tandem_laml::instruction::{Input, Refer, ReferOutcome, ReferStatus};
use tandem_media::control::Command;
use tandem_model::LegId;

use super::contract::{CallEffect, RunId};
use super::run::{Purpose, RunDocument};
use super::{Call, DocumentSource, Driver};
use crate::leg::{EndedBy, LegCommand, ReferReport, ReferRequest};

/// The one `<Refer>` under way.
pub(super) struct Referring {
    run: RunId,
    leg: LegId,
    /// For the leg's answer.
    waits: Option<Box<Refer>>,
}

impl Call {
    pub(super) fn refer_out(&mut self, run: RunId, leg: LegId, refer: Refer) {
        match self.legs.get(&leg) {
            Some(l) if l.is_answered() => {
                self.referring = Some(Referring { run, leg, waits: None });
                self.command(leg, LegCommand::Refer { to: refer.to, headers: refer.headers });
            }
            // REFER is for a conversation: it waits for the answer that is on its way.
            Some(l) if l.is_pending() => self.referring = Some(Referring { run, leg, waits: Some(Box::new(refer)) }),
            Some(_) | None => self.refer_told(run, ReferReport::default(), false),
        }
    }

    pub(super) fn refer_when_answered(&mut self, leg: LegId) {
        let waiting = self.referring.as_mut().filter(|r| r.leg == leg).and_then(|r| r.waits.take());
        if let Some(refer) = waiting {
            self.command(leg, LegCommand::Refer { to: refer.to, headers: refer.headers });
        }
    }

    /// The leg has ended; a REFER that was never sent came to nothing.
    pub(super) fn refer_leg_ended(&mut self, leg: LegId) {
        if let Some(r) = self.referring.take_if(|r| r.leg == leg && r.waits.is_some()) {
            self.refer_told(r.run, ReferReport::default(), false);
        }
    }

    /// A party of a bridge asks for a transfer, and the Dial that made the bridge has a document for that: whoever is left goes on
    /// with it (`referUrl`, laml.md 1.14). False when there is none.
    pub(super) fn refer_to_document(&mut self, by: LegId, refer: &ReferRequest) -> bool {
        let Some((partner, document)) =
            self.dial.as_ref().filter(|_| !self.ending).and_then(|d| Some((d.bridged()?, d.dial.refer.clone()?)))
        else {
            return false;
        };
        if by != self.primary && by != partner {
            return false;
        }
        self.audit("transfer to a document", by, refer.to.clone());
        self.command(by, LegCommand::AnswerRefer { status: 202 });
        self.command(by, LegCommand::Notify { status: 200, reason: "OK".to_owned(), last: true });
        if by == self.primary {
            self.let_callee_go_on(partner);
        } else {
            self.abandon_dial();
            if let Some(run) = self.main_run().map(|run| run.id) {
                self.stop_run(run);
            }
        }
        self.emit(CallEffect::Media(Command::Unbridge { leg: self.primary }));
        self.command(by, LegCommand::Hangup { reason: None });
        self.driver = Driver::Document { source: DocumentSource::Running };
        let mut first = vec![("ReferTransferTarget".to_owned(), refer.to.clone())];
        for (name, value) in &refer.headers {
            let name = format!("SipHeader_{name}");
            if !first.iter().any(|(n, _)| *n == name) {
                first.push((name, value.clone()));
            }
        }
        let (url, method) = document;
        self.start_run(self.primary, Purpose::Main, RunDocument { first, ..RunDocument::at(url, method) });
        true
    }

    pub(super) fn referred(&mut self, leg: LegId, report: ReferReport) {
        let Some(Referring { run, .. }) = self.referring.take_if(|r| r.leg == leg) else { return };
        let has_left = self.legs.get(&leg).and_then(|l| l.end.as_ref()).is_some_and(|end| end.by == EndedBy::Remote);
        self.refer_told(run, report, has_left);
    }

    fn refer_told(&mut self, run: RunId, report: ReferReport, has_left: bool) {
        let ReferReport { response_code, notified_code } = report;
        let accepted = response_code.is_some_and(|code| code < 300);
        // laml.md 1.14. A telephone that takes a transfer and hangs up without another word has gone where it was sent.
        let status = match (accepted, notified_code) {
            (true, Some(200..=299)) => ReferStatus::InProgress,
            (true, None | Some(100..=199)) if has_left => ReferStatus::InProgress,
            (_, Some(486 | 600)) | (false, None) if matches!(notified_code.or(response_code), Some(486 | 600)) => {
                ReferStatus::Busy
            }
            (_, Some(487)) => ReferStatus::NoAnswer,
            (_, Some(_) | None) => ReferStatus::Failed,
        };
        self.run_input(run, Input::ReferEnded(ReferOutcome { status, response_code, notified_code }));
    }
}
