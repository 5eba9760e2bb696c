//! A leg's side of offer and answer, and its port's life. It decides no codec policy beyond the order given to it.

use std::net::IpAddr;

use bytes::Bytes;
use tandem_codecs::{CodecId, CodecSpec};
use tandem_media::control::{Command, DtmfFormat, LegSpec, LegStats, PayloadTypes, SrtpPair};
use tandem_model::{Entropy, Ptime, SrtpKey};
use tandem_sdp::{
    Agreement, Capabilities, CodecOffer, ComfortNoise, Description, Direction, LocalMedia, Offer, Preference, Refusal,
    RtcpXr,
};

use super::contract::{CodecUse, ComfortNoiseUse, Hold, LegEffect, MediaPolicy};
use super::{Leg, Refused};
use crate::directory::{DtmfMethod, Encryption};

pub(super) struct LegMedia {
    policy: MediaPolicy,
    port: Port,
    session_id: u64,
    /// Of the dialog that media follows: each early dialog of a forked INVITE has its own.
    pub(super) session: Session,
    stats: LegStats,
}

/// What offer and answer have come to in one dialog.
#[derive(Clone, Default)]
pub(super) struct Session {
    local: Option<LocalMedia>,
    /// Ours, without an answer so far.
    offer: Option<PendingOffer>,
    agreement: Option<Agreement>,
    /// The answer last given: repeated in the 2xx when it was given early.
    answered: Option<(Bytes, CodecId)>,
    /// Our last description, when it was an offer: what refreshes the session without changing it.
    described: Option<Offer>,
}

#[derive(Clone)]
struct PendingOffer {
    offer: Offer,
    /// Our end as it was before, should the offer fail.
    before: Option<LocalMedia>,
}

/// What an offer within a session changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reshape {
    /// The far end is put on hold, or taken back.
    pub hold: Option<Hold>,
    pub prefer: Option<CodecId>,
    pub fresh_keys: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Port {
    Opening,
    Open(u16),
    Closing,
    Closed,
}

impl LegMedia {
    pub(super) fn new(policy: MediaPolicy, entropy: &mut dyn Entropy) -> Self {
        LegMedia {
            policy,
            port: Port::Opening,
            // Kept within 63 bits: some peers read it as a signed number.
            session_id: entropy.next_u64() >> 1,
            session: Session::default(),
            stats: LegStats::default(),
        }
    }

    pub(super) fn is_opening(&self) -> bool {
        self.port == Port::Opening
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.port, Port::Open(_))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.port == Port::Closed
    }

    pub(super) fn opened(&mut self, rtp_port: u16) {
        if self.port == Port::Opening {
            self.port = Port::Open(rtp_port);
        }
    }

    pub(super) fn never_opened(&mut self) {
        self.port = Port::Closed;
    }

    pub(super) fn closed(&mut self, stats: LegStats) {
        self.port = Port::Closed;
        self.stats = stats;
    }

    /// True when there is nothing left to close.
    pub(super) fn begin_close(&mut self) -> bool {
        if self.port != Port::Closed {
            self.port = Port::Closing;
        }
        self.port == Port::Closed
    }

    pub(super) fn take_stats(&mut self) -> LegStats {
        std::mem::take(&mut self.stats)
    }

    pub(super) fn early_answer(&self) -> Option<(Bytes, CodecId)> {
        self.session.answered.clone()
    }

    pub(super) fn is_agreed(&self) -> bool {
        self.session.agreement.is_some()
    }

    /// Whether an offer of ours waits for its answer.
    pub(super) fn has_offer(&self) -> bool {
        self.session.offer.is_some()
    }

    /// The answer that was previewed is the answer.
    pub(super) fn settle_offer(&mut self) {
        self.session.offer = None;
    }

    /// Our offer came to nothing: the session is what it was before (RFC 3261 section 14.1). Only the version of our
    /// description goes on, as what it counted was seen.
    pub(super) fn forget_offer(&mut self) {
        let Some(PendingOffer { before: Some(before), .. }) = self.session.offer.take() else { return };
        let version = self.session.local.as_ref().map_or(before.session_version, |l| l.session_version);
        self.session.local = Some(LocalMedia { session_version: version, ..before });
        self.session.described = None;
    }

    /// What each side says it does: the far end, and we.
    pub(super) fn directions(&self) -> Option<(Direction, Direction)> {
        Some((self.session.agreement.as_ref()?.peer, self.direction()))
    }

    /// What we say that we do, as far as it is agreed or offered.
    pub(super) fn direction(&self) -> Direction {
        self.session.local.as_ref().map(|local| local.direction).unwrap_or_default()
    }

    pub(super) fn dtmf_method(&self) -> DtmfMethod {
        self.policy.dtmf
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.session.agreement.as_ref().is_some_and(|a| a.srtp.is_some())
    }

    fn local(&mut self, address: IpAddr) -> LocalMedia {
        let port = match self.port {
            Port::Open(port) => port,
            Port::Opening | Port::Closing | Port::Closed => 0,
        };
        match (&self.session.local, &self.session.agreement) {
            // A far end may move from one family of addresses to the other.
            (Some(local), Some(agreement)) => LocalMedia { address, ..local.next(agreement) },
            (Some(local), None) => LocalMedia { address, origin: address, ..local.clone() },
            (None, _) => LocalMedia::new(address, port, self.session_id),
        }
    }

    fn capabilities(&self, prefer: Option<CodecId>, codec_use: CodecUse) -> Capabilities {
        let mut ids = self.policy.codecs.clone();
        if let Some(at) = prefer.and_then(|p| ids.iter().position(|c| *c == p)) {
            ids[..=at].rotate_right(1);
        }
        let codecs = ids.iter().map(|id| CodecSpec::by_id(*id)).map(|spec| CodecOffer {
            name: spec.name.to_owned(),
            clock_hz: spec.clock_hz,
            channels: spec.channels,
            any_channels: spec.any_channels,
            ptimes_ms: spec.ptimes_ms,
            comfort_noise: spec.comfort_noise,
            payload_type: spec.default_payload_type,
            fmtp: (spec.fmtp)(&codec_use.tuning),
        });
        let mut capabilities = Capabilities {
            codecs: codecs.collect(),
            dtmf: matches!(self.policy.dtmf, DtmfMethod::Auto | DtmfMethod::Rfc4733),
            comfort_noise: match codec_use.comfort_noise {
                ComfortNoiseUse::Off => ComfortNoise::Off,
                ComfortNoiseUse::Receive => ComfortNoise::Accept,
                ComfortNoiseUse::Send => ComfortNoise::Offer,
            },
            ptime_ms: 20,
            encryption: match self.policy.encryption {
                Encryption::Required => tandem_sdp::Encryption::Required,
                Encryption::Forbidden => tandem_sdp::Encryption::Off,
                Encryption::Default | Encryption::Optional => tandem_sdp::Encryption::Optional,
            },
            suites: self.policy.suites.clone(),
            rtcp_mux: true,
            rtcp_rsize: true,
            rtcp_xr: RtcpXr { voip_metrics: true, receiver_rtt: true },
            pins: Vec::new(),
        };
        if let Some(agreement) = &self.session.agreement {
            capabilities.pin(agreement);
        }
        capabilities
    }
}

impl Session {
    pub(super) fn is_agreed(&self) -> bool {
        self.agreement.is_some()
    }

    fn offered(&mut self, offer: Offer, local: LocalMedia) -> Bytes {
        let text = offer.text.clone();
        let before = self.local.replace(local);
        self.described = Some(offer.clone());
        self.offer = Some(PendingOffer { offer, before });
        text
    }
}

impl Leg {
    /// Media is for a peer at this address from here on: of its family is the address that our next description of a session
    /// names. True when that is another one than before.
    pub(super) fn face(&mut self, peer: IpAddr) -> bool {
        let ours = self.env.media_address.towards(peer);
        std::mem::replace(&mut self.media_address, ours) != ours
    }

    /// Our offer, kept until its answer comes.
    pub(super) fn make_offer(&mut self, prefer: Option<CodecId>) -> Bytes {
        let local = self.media.local(self.media_address);
        let offer = tandem_sdp::offer(&self.media.capabilities(prefer, self.env.codecs), &local, &mut *self.entropy);
        self.media.session.offered(offer, local)
    }

    /// An offer within the session. Fresh keys are of the suite in use, and none where media is not encrypted.
    pub(super) fn make_reoffer(&mut self, reshape: Reshape) -> Bytes {
        let mut local = self.media.local(self.media_address);
        if let Some(hold) = reshape.hold {
            local.direction = hold.direction();
        }
        if reshape.fresh_keys
            && let Some(srtp) = self.media.session.agreement.as_ref().and_then(|a| a.srtp.as_ref())
        {
            let suite = srtp.outbound.suite;
            let mut key_and_salt = vec![0; suite.key_len() + suite.salt_len()];
            self.entropy.fill(&mut key_and_salt);
            local.outbound_key = SrtpKey::new(suite, key_and_salt);
        }
        let capabilities = self.media.capabilities(reshape.prefer.or(self.facts.codec), self.env.codecs);
        let offer = tandem_sdp::offer(&capabilities, &local, &mut *self.entropy);
        self.media.session.offered(offer, local)
    }

    /// An offer that changes nothing: our last one, word for word with its version (RFC 4028 section 7.4), or where our
    /// last description was an answer, one with the same codec first.
    pub(super) fn make_same_offer(&mut self) -> Bytes {
        let Some(offer) = self.media.session.described.clone() else {
            return self.make_reoffer(Reshape::default());
        };
        let text = offer.text.clone();
        self.media.session.offer = Some(PendingOffer { offer, before: self.media.session.local.clone() });
        text
    }

    /// Takes the answer to our offer and configures media. Ok(None): there was no offer to answer. An answer that will not
    /// do leaves the offer, for [`LegMedia::forget_offer`].
    pub(super) fn take_answer(&mut self, body: &[u8]) -> Result<Option<CodecId>, Refused> {
        let Some(pending) = self.media.session.offer.take() else { return Ok(None) };
        let accepted = self.accept_answer(&pending.offer, body);
        if accepted.is_err() {
            self.media.session.offer = Some(pending);
        }
        accepted.map(Some)
    }

    /// An answer in a provisional response: media may start with it, but the 2xx, of this fork or another, has the
    /// final say (RFC 3261 section 13.2.1), so the offer stays open.
    pub(super) fn preview_answer(&mut self, body: &[u8]) -> Result<Option<CodecId>, Refused> {
        let Some(pending) = self.media.session.offer.clone() else { return Ok(None) };
        self.accept_answer(&pending.offer, body).map(Some)
    }

    fn accept_answer(&mut self, offer: &Offer, body: &[u8]) -> Result<CodecId, Refused> {
        let description = parse(body)?;
        let agreement = match &self.media.session.agreement {
            Some(current) => tandem_sdp::accept_next_answer(offer, &description, current),
            None => tandem_sdp::accept_answer(offer, &description),
        };
        let agreement = agreement.map_err(|r| Refused::new(r.status, r.why))?;
        self.configure(agreement)
    }

    /// Answers their offer and configures media. The codec named is taken when it is common, else their first.
    pub(super) fn negotiate_answer(
        &mut self,
        offer: &Description,
        prefer: Option<CodecId>,
    ) -> Result<(Bytes, CodecId), Refused> {
        let before = self.media_address;
        if let Some(peer) = offer.peer() {
            self.face(peer);
        }
        let answered = self.answer_facing(offer, prefer);
        if answered.is_err() {
            self.media_address = before;
        }
        answered
    }

    fn answer_facing(&mut self, offer: &Description, prefer: Option<CodecId>) -> Result<(Bytes, CodecId), Refused> {
        let local = self.media.local(self.media_address);
        let current = self.media.session.agreement.as_ref();
        let put_away = current.and_then(|current| tandem_sdp::answer_put_away(&local, offer, current));
        let answer = put_away.map_or_else(|| self.answer_with_audio(&local, offer, prefer), Ok);
        let (text, agreement) = answer.map_err(|r| Refused::new(r.status, r.why))?;
        let codec = self.configure(agreement)?;
        self.media.session.local = Some(local);
        self.media.session.described = None;
        self.media.session.answered = Some((text.clone(), codec));
        Ok((text, codec))
    }

    fn answer_with_audio(
        &mut self,
        local: &LocalMedia,
        offer: &Description,
        prefer: Option<CodecId>,
    ) -> Result<(Bytes, Agreement), Refusal> {
        let wanted = prefer.map(CodecSpec::by_id).map(|codec| [(codec.name, codec.clock_hz)]);
        let preference = wanted.as_ref().map_or(Preference::Offered, |one| Preference::First(one));
        let capabilities = self.media.capabilities(None, self.env.codecs);
        tandem_sdp::answer(&capabilities, local, offer, preference, &mut *self.entropy)
    }

    /// The codec now agreed.
    pub(super) fn current_codec(&self) -> Option<CodecId> {
        self.facts.codec
    }

    /// Media again as it was agreed, for what is not in the agreement.
    pub(super) fn configure_again(&mut self) {
        if let Some(agreement) = self.media.session.agreement.clone() {
            // It was agreed before, so its codec is ours.
            let _ = self.configure(agreement);
        }
    }

    fn configure(&mut self, agreement: Agreement) -> Result<CodecId, Refused> {
        let format = &agreement.codec;
        let spec = CodecSpec::by_rtpmap(&format.name, format.clock_hz, format.channels)
            .ok_or_else(|| Refused::new(488, format!("no codec {}", format.name)))?;
        let leg_spec = LegSpec {
            remote_rtcp: agreement.remote_rtcp,
            rtcp_mux: agreement.rtcp_mux,
            rtcp_reduced_size: agreement.rtcp_rsize,
            xr_voip_metrics: agreement.rtcp_xr.voip_metrics,
            xr_receiver_rtt: agreement.rtcp_xr.receiver_rtt,
            payload_type_send: format.payload_type_send,
            payload_type_receive: format.payload_type_receive,
            fmtp: format.fmtp.clone(),
            tuning: self.env.codecs.tuning,
            ptime: Ptime(agreement.ptime_ms),
            dtmf: agreement.dtmf.map(|d| DtmfFormat {
                payload_type_send: d.payload_type_send,
                payload_type_receive: d.payload_type_receive,
                clock_hz: d.clock_hz,
            }),
            comfort_noise: agreement
                .comfort_noise
                .map(|n| PayloadTypes { send: n.payload_type_send, receive: n.payload_type_receive }),
            suppress_silence: self.env.codecs.comfort_noise == ComfortNoiseUse::Send,
            dtmf_in_band: match self.media.dtmf_method() {
                DtmfMethod::InBand => true,
                DtmfMethod::Auto => agreement.dtmf.is_none(),
                DtmfMethod::Rfc4733 | DtmfMethod::Info => false,
            },
            dtmf_in_signalling: self.sends_info(agreement.dtmf.is_some()),
            send: agreement.send && !self.unproved,
            receive: agreement.receive,
            srtp: agreement
                .srtp
                .as_ref()
                .map(|s| SrtpPair { outbound: s.outbound.clone(), inbound: s.inbound.clone() }),
            srtp_inbound_more: agreement.srtp.as_ref().map_or(Vec::new(), |s| s.inbound_more.clone()),
            ..LegSpec::new(spec.id, agreement.remote_rtp)
        };
        self.facts.codec = Some(spec.id);
        self.facts.encrypted = leg_spec.srtp.is_some();
        self.media.session.agreement = Some(agreement);
        self.emit(LegEffect::Media(Command::Configure { leg: self.id, spec: Box::new(leg_spec) }));
        Ok(spec.id)
    }
}

pub(super) fn parse(body: &[u8]) -> Result<Description, Refused> {
    tandem_sdp::parse(body).map_err(|e| Refused::new(400, format!("SDP: {e}")))
}
