use tandem_codecs::CodecId;
use tandem_laml::instruction::Method;
use tandem_media::control::{Command, PlayId, Repeat};
use tandem_media::tone::ringback;
use tandem_model::{Country, LegId};

use super::super::Call;
use super::super::contract::CallEffect;
use super::super::run::{Purpose, RunDocument, RunEnd};
use super::Phase;
use crate::leg::LegCommand;

impl Call {
    /// A dialled leg rings or speaks early.
    pub(in super::super) fn dialled_progress(&mut self, id: LegId, status: u16, early_media: Option<CodecId>) {
        if self.transfer_progress(id, status, early_media.is_some()) {
            return;
        }
        let Some(d) = &mut self.dial else { return };
        if !d.is_ringing() || d.cancelled.is_some() || !d.attempts.iter().any(|a| a.leg == id) {
            return;
        }
        let a = self.primary;
        let pending = self.legs[&a].is_pending();
        match early_media {
            // The first to speak is heard; the others only ring.
            Some(codec) if d.early.is_none() => {
                d.early = Some(id);
                // The bridge ends it.
                d.ringback = None;
                if pending {
                    self.command(a, LegCommand::EarlyMedia { prefer: Some(codec) });
                }
                self.bridge(a, id);
            }
            Some(_) => {}
            None => self.ring_back(pending),
        }
        self.record_dial(true);
    }

    /// Lets the caller hear that it rings: one that is answered by a tone of ours, one that is not by its own telephone, or
    /// by early media when the document asks for a country's tone.
    fn ring_back(&mut self, pending: bool) {
        let (a, Some(d)) = (self.primary, &mut self.dial) else { return };
        if d.ringback.is_some() || d.early.is_some() {
            return;
        }
        let country = match (pending, d.dial.ring_tone) {
            (true, None) => return self.command(a, LegCommand::Ring),
            (_, Some(country)) => country,
            (false, None) => Country::Us,
        };
        self.plays += 1;
        let play = PlayId(self.plays);
        d.ringback = Some(play);
        if pending {
            self.command(a, LegCommand::EarlyMedia { prefer: None });
        }
        let clip = ringback(country);
        self.emit(CallEffect::Media(Command::Play { leg: a, play, clip, repeat: Repeat::Forever }));
    }

    pub(super) fn stop_ringback(&mut self, ringback: Option<PlayId>) {
        if let Some(play) = ringback {
            self.emit(CallEffect::Media(Command::StopPlay { leg: self.primary, play }));
        }
    }

    pub(in super::super) fn dialled_answered(&mut self, id: LegId) {
        if self.transfer_answered(id) || self.replacement_answered(id) {
            return;
        }
        let Some(d) = &mut self.dial else { return self.command(id, LegCommand::Hangup { reason: None }) };
        let Some(attempt) = d.attempts.iter().find(|a| a.leg == id) else {
            return self.command(id, LegCommand::Hangup { reason: None });
        };
        let digits = d.dial.targets().get(attempt.branch.target).and_then(|t| t.send_digits.clone());
        if !d.is_ringing() || d.cancelled.is_some() {
            // Two answered at once: the second is let go (RFC 3261 section 16.7 leaves it to us).
            return self.command(id, LegCommand::Hangup { reason: None });
        }
        d.lookups.clear();
        let amd = d.dial.targets().get(attempt.branch.target).and_then(|t| t.amd.clone());
        let losers: Vec<_> = d.attempts.iter().filter(|a| a.leg != id && !a.over).map(|a| a.leg).collect();
        match digits {
            Some(digits) => {
                self.plays += 1;
                let play = PlayId(self.plays);
                d.phase = Phase::Greeting { leg: id, play };
                self.emit(CallEffect::Media(Command::SendDigits { leg: id, play, digits }));
            }
            None => self.screen(id),
        }
        if let Some(amd) = amd {
            self.dial_detect(id, &amd);
        }
        for loser in losers {
            let reason = Some("SIP;cause=200;text=\"Call completed elsewhere\"".to_owned());
            self.command(loser, LegCommand::Hangup { reason });
        }
    }

    /// Lets the callee hear the document of its noun, if it has one, before the bridge (laml.md 1.4). The caller goes on
    /// hearing it ring.
    fn screen(&mut self, leg: LegId) {
        let Some((url, method)) = self.whisper_of(leg) else { return self.join(leg) };
        let document = RunDocument { params: self.answer_params(leg), ..RunDocument::at(url, method) };
        self.start_run(leg, Purpose::Whisper, document);
        if let Some(d) = &mut self.dial {
            d.phase = Phase::Screening { leg };
        }
    }

    fn whisper_of(&self, leg: LegId) -> Option<(String, Method)> {
        let d = self.dial.as_ref()?;
        let attempt = d.attempts.iter().find(|a| a.leg == leg)?;
        d.dial.targets().get(attempt.branch.target)?.url.clone()
    }

    /// What a callee's document is told of its 200 (laml.md 1.5).
    fn answer_params(&self, leg: LegId) -> Vec<(String, String)> {
        let Some(answer) = self.legs.get(&leg).and_then(|l| l.answer.as_ref()) else { return Vec::new() };
        let mut params = vec![("SipCallId".to_owned(), answer.call_id.clone())];
        for (name, value) in &answer.headers {
            let name = format!("SipHeader_{name}");
            if !params.iter().any(|(n, _)| *n == name) {
                params.push((name, value.clone()));
            }
        }
        params
    }

    /// The callee's document has come to its end: it takes the call, unless the document hung up.
    pub(in super::super) fn whispered(&mut self, leg: LegId, end: RunEnd) {
        let Some(d) = &mut self.dial else { return };
        if !matches!(d.phase, Phase::Screening { leg: l } if l == leg) {
            return;
        }
        match end {
            RunEnd::Finished | RunEnd::Left => self.join(leg),
            RunEnd::HungUp | RunEnd::NoDocument => {
                // Its end settles the run, which may go on with the next target.
                d.phase = Phase::Ringing { until: self.clock.0 + d.dial.timeout };
                if let Some(attempt) = d.attempts.iter_mut().find(|a| a.leg == leg) {
                    attempt.declined = true;
                }
                let reason = Some("SIP;cause=603;text=\"Declined\"".to_owned());
                self.command(leg, LegCommand::Hangup { reason });
            }
        }
    }

    /// Answers the caller with the callee's codec if it can, so that nothing need be transcoded, then bridges.
    fn join(&mut self, id: LegId) {
        if let Some(d) = &mut self.dial {
            d.phase = Phase::Joining { leg: id };
        }
        let primary = &self.legs[&self.primary];
        if primary.is_pending() {
            let prefer = self.legs[&id].codec;
            self.command(self.primary, LegCommand::Answer { prefer });
        } else {
            self.dial_caller_answered();
        }
    }

    pub(in super::super) fn dial_caller_answered(&mut self) {
        let Some(d) = &mut self.dial else { return };
        let Phase::Joining { leg } = d.phase else { return };
        let since = self.clock.0;
        d.phase = Phase::Bridged { leg, since, until: since + d.dial.time_limit };
        let a = self.primary;
        self.bridge(a, leg);
        self.record_dial(false);
    }

    pub(in super::super) fn dial_play_done(&mut self, leg: LegId, play: PlayId) {
        let Some(d) = &self.dial else { return };
        if matches!(d.phase, Phase::Greeting { leg: l, play: p } if l == leg && p == play) {
            self.screen(leg);
        }
    }
}
