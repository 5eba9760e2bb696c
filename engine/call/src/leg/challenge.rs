//! Our credentials: whom they are proved to, and requests sent again with them (RFC 3261 section 22.2 and 22.3).
//!
//! Credentials belong to whoever the INVITE was for, and a digest lets its reader try passwords at leisure. So only an
//! address that we sent the request to may ask, and for one realm alone: the carrier's own, else that of the first challenge to our INVITE. A
//! dialog that somebody called us in has none.

use tandem_model::{Endpoint, limits};
use tandem_sip::auth::{Account, Challenge, Role};
use tandem_sip::dialog::Dialog;
use tandem_sip::message::{Message, Method};

use super::Leg;
use super::contract::{Credentials, LegEffect, RequestId};

/// Credentials are tried this often: once, and once more for a stale nonce.
const TRIES_MAX: u8 = 2;

/// What we prove ourselves with.
#[derive(Default)]
pub(super) struct Proof {
    credentials: Option<Credentials>,
    /// The one realm they are proved to, once there is one.
    realm: Option<String>,
    /// Requests within the dialog that could still be challenged.
    in_flight: Vec<InFlight>,
}

struct InFlight {
    id: RequestId,
    request: Message,
    tries: u8,
}

impl Proof {
    /// `realm` is the one they are for, where that is known from the start.
    pub(super) fn new(credentials: Option<Credentials>, realm: Option<String>) -> Self {
        Proof { credentials, realm, ..Proof::default() }
    }

    /// Keeps a request for the case that it is challenged.
    pub(super) fn keep(&mut self, id: RequestId, request: &Message) {
        if self.credentials.is_none() {
            return;
        }
        if self.in_flight.len() >= limits::REQUESTS_IN_FLIGHT_MAX {
            self.in_flight.remove(0);
        }
        self.in_flight.push(InFlight { id, request: request.clone(), tries: 0 });
    }

    /// The strongest challenge that may be answered.
    fn challenge(&self, response: &Message, asked: Endpoint, source: Endpoint) -> Option<Challenge> {
        let role = Role::from_status(response.status()?)?;
        if asked.addr.ip().to_canonical() != source.addr.ip().to_canonical() {
            return None;
        }
        let each = response.headers(role.challenge_header());
        let readable = each.filter_map(|value| Challenge::strongest(role, std::iter::once(value)));
        let ours = readable.filter(|c| self.realm.as_ref().is_none_or(|realm| *realm == c.realm));
        ours.fold(None, |best: Option<Challenge>, c| match best {
            Some(best) if best.algorithm >= c.algorithm => Some(best),
            _ => Some(c),
        })
    }
}

impl Leg {
    /// The header field that answers a challenge to `request`, the leg's INVITE outside its dialog, sent to `asked`.
    /// None when we have no credentials for it, have tried them, or it is no digest.
    pub(super) fn prove(
        &mut self,
        request: &Message,
        tries: u8,
        response: &Message,
        asked: Endpoint,
        source: Endpoint,
    ) -> Option<(&'static str, String)> {
        let challenge = self.proof.challenge(response, asked, source)?;
        if tries >= TRIES_MAX || tries > 0 && !challenge.stale {
            return None;
        }
        let credentials = self.proof.credentials.clone()?;
        let account = Account { username: &credentials.username, password: &credentials.password };
        let uri = request.request_uri().map_or(String::new(), |u| u.as_str().to_owned());
        let answer = challenge.answer(request.method_str(), &uri, account, 1, &mut *self.entropy);
        self.proof.realm = Some(challenge.realm);
        Some(answer)
    }

    /// The final response to a request within a dialog. When it is a challenge that we answer, the request goes again under the
    /// same id, and is returned.
    pub(super) fn prove_again(
        &mut self,
        dialog: &mut Dialog,
        hop: Endpoint,
        id: RequestId,
        response: &Message,
        source: Endpoint,
    ) -> Option<Message> {
        let status = response.status().filter(|s| *s >= 200)?;
        let at = self.proof.in_flight.iter().position(|sent| sent.id == id)?;
        let InFlight { request, tries, .. } = self.proof.in_flight.remove(at);
        // Only the realm that is known to be the peer's, or that our INVITE has been proved to.
        if !matches!(status, 401 | 407) || self.proof.realm.is_none() {
            return None;
        }
        let challenge = self.proof.challenge(response, hop, source)?;
        if tries >= TRIES_MAX || tries > 0 && !challenge.stale {
            return None;
        }
        let credentials = self.proof.credentials.clone()?;
        let account = Account { username: &credentials.username, password: &credentials.password };
        let again = dialog.repeat(&request);
        let again = self.dress(again, hop);
        // Built once without the answer, for the Request-URI that the route set makes of the target.
        let uri = again.clone().build().request_uri().map_or(String::new(), |u| u.as_str().to_owned());
        let (name, value) = challenge.answer(request.method_str(), &uri, account, 1, &mut *self.entropy);
        let message = again.header(name, &value).build();
        self.emit(LegEffect::Request { id, message: message.clone(), destination: hop });
        self.proof.in_flight.push(InFlight { id, request: message.clone(), tries: tries + 1 });
        debug_assert!(message.method() != Method::Ack, "an ACK is not answered");
        Some(message)
    }
}
