//! re-INVITE and UPDATE of the far end in a confirmed dialog (RFC 3261 section 14.2, RFC 3311 section 5.2, RFC 6141).
//! What we refuse leaves the session, and where the dialog leads, as they were. Offers of ours are in `ours.rs`.

use bytes::Bytes;
use tandem_codecs::CodecId;
use tandem_model::{Endpoint, Timestamp};
use tandem_sip::message::{Message, Method};
use tandem_sip::transaction::ServerKey;

use super::body::description_or_refusal;
use super::contract::LegEffect;
use super::media::{Reshape, parse};
use super::talking::Talking;
use super::{Leg, LegRecord, Refused};

impl Leg {
    /// `target` is where the dialog led before this request.
    pub(super) fn renegotiate(
        &mut self,
        now: Timestamp,
        s: &mut Talking,
        key: ServerKey,
        request: &Message,
        source: Endpoint,
        target: String,
    ) {
        self.note_allow(request);
        match self.answer_to(s, request) {
            Err(refused) => {
                s.dialog.keep_target(target);
                self.refuse(key, request, source, &refused);
            }
            Ok(answer) => {
                let (sdp, codec) = answer.map_or((None, None), |(sdp, codec)| (Some(sdp), codec));
                let offers = sdp.is_some() && codec.is_none();
                let timer = self.grant_interval(now, request);
                let headers: Vec<_> = timer.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let response = self.respond_in_dialog(key, request, source, 200, None, &headers, sdp);
                s.flow = source;
                self.known.add(source);
                if request.method() == Method::Invite {
                    s.wait_for_ack(key, request.cseq().number, response, offers, now);
                }
                if let Some(codec) = codec {
                    self.report_session(codec);
                }
                let stage = s.stage();
                let record = LegRecord { leg: self.id, sid: self.sid, stage };
                self.emit(LegEffect::Record(Box::new(record)));
            }
        }
    }

    /// Our description for the 2xx, with the codec agreed on when it is an answer.
    fn answer_to(&mut self, s: &Talking, request: &Message) -> Result<Option<(Bytes, Option<CodecId>)>, Refused> {
        let body = description_or_refusal(request)?;
        let (invite, offers) = (request.method() == Method::Invite, !body.is_empty());
        if invite && (s.is_negotiating() || self.ours.inviting()) || (invite || offers) && self.media.has_offer() {
            return Err(Refused::new(491, "another offer is under way"));
        }
        if let Some(min) = self.timer.too_small_in(request) {
            let mut refused = Refused::new(422, "the session interval is too small");
            refused.headers.push(("Min-SE", min));
            return Err(refused);
        }
        match body {
            [] if invite => Ok(Some((self.make_reoffer(Reshape::default()), None))),
            [] => Ok(None),
            body => {
                let offer = parse(body)?;
                let (sdp, codec) = self.negotiate_answer(&offer, self.current_codec())?;
                Ok(Some((sdp, Some(codec))))
            }
        }
    }
}
