use tandem_model::limits;

use super::{DialogId, DialogSnapshot, DialogState};
use crate::message::{Builder, Contact, Message, Method, NameAddr, Scheme, Uri};

/// One dialog: what every request within it has in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    data: DialogSnapshot,
}

/// Why no dialog was made of a message, or none changed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogError {
    /// Neither 101-199 nor 2xx.
    NotDialogForming,
    NoTag,
    /// No Contact with a SIP URI: the peer could not be reached. Answer such a request with 400.
    NoContact,
    /// Another Call-ID, or other tags.
    OtherDialog,
}

/// The response an in-dialog request deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    pub status: u16,
    pub reason: &'static str,
}

impl Dialog {
    /// The UAC's side: from our request and a 101-199 or 2xx response with a To tag (RFC 3261 section 12.1.2).
    /// One INVITE may make several, told apart by the To tag.
    pub fn uac(request: &Message, response: &Message) -> Result<Dialog, DialogError> {
        let state = state_of(response)?;
        let remote_tag = non_empty(response.to_tag()).ok_or(DialogError::NoTag)?;
        let local_tag = non_empty(request.from_tag()).ok_or(DialogError::NoTag)?;
        // A provisional response may leave Contact out. A 2xx may not, but it must have its ACK even so.
        let remote_target = contact_uri(response).or_else(|| request_uri(request)).ok_or(DialogError::NoContact)?;
        let id = DialogId {
            call_id: request.call_id().to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: remote_tag.to_owned(),
        };
        let data = DialogSnapshot {
            id,
            state,
            secure: request.request_uri().is_some_and(|u| u.scheme() == Scheme::Sips),
            local: request.header("From").unwrap_or_default().to_owned(),
            remote: response.header("To").unwrap_or_default().to_owned(),
            local_seq: Some(request.cseq().number),
            remote_seq: None,
            remote_target,
            route_set: recorded_route(response, true),
        };
        Ok(Dialog { data })
    }

    /// The UAS's side: when a response with `local_tag` goes out (RFC 3261 section 12.1.1). Early until
    /// [`confirm`](Self::confirm).
    pub fn uas(request: &Message, local_tag: &str) -> Result<Dialog, DialogError> {
        let local_tag = non_empty(Some(local_tag)).ok_or(DialogError::NoTag)?;
        let id = DialogId {
            call_id: request.call_id().to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: request.from_tag().unwrap_or_default().to_owned(),
        };
        let to = request.header("To").unwrap_or_default();
        let local = if request.to_tag().is_some() { to.to_owned() } else { format!("{to};tag={local_tag}") };
        let data = DialogSnapshot {
            id,
            state: DialogState::Early,
            secure: request.request_uri().is_some_and(|u| u.scheme() == Scheme::Sips),
            local,
            remote: request.header("From").unwrap_or_default().to_owned(),
            local_seq: None,
            remote_seq: Some(request.cseq().number),
            remote_target: contact_uri(request).ok_or(DialogError::NoContact)?,
            route_set: recorded_route(request, false),
        };
        Ok(Dialog { data })
    }

    /// A dialog as it was.
    pub fn restore(snapshot: DialogSnapshot) -> Dialog {
        Dialog { data: snapshot }
    }

    /// UAC: a further response to a request of ours in this dialog.
    ///
    /// The 2xx that confirms takes the route set anew (RFC 3261 section 13.2.2.4); each 2xx to a target refresh request
    /// (INVITE, UPDATE, SUBSCRIBE, NOTIFY, REFER) takes the remote target (section 12.2.1.2).
    pub fn handle_response(&mut self, response: &Message) -> Result<(), DialogError> {
        let state = state_of(response)?;
        if !self.matches_response(response) {
            return Err(DialogError::OtherDialog);
        }
        let target = contact_uri(response).filter(|_| refreshes_target(response.cseq().method));
        let confirms = self.data.state == DialogState::Early
            && state == DialogState::Confirmed
            && response.cseq().method == Method::Invite;
        if confirms {
            self.data.route_set = recorded_route(response, true);
            self.data.state = DialogState::Confirmed;
        }
        if let Some(target) = target {
            self.data.remote_target = target;
        }
        Ok(())
    }

    /// UAS: our 2xx goes out.
    pub fn confirm(&mut self) {
        self.data.state = DialogState::Confirmed;
    }

    /// Whether a message received belongs here (RFC 3261 section 12.2.2).
    pub fn matches(&self, message: &Message) -> bool {
        if message.is_request() { self.matches_request(message) } else { self.matches_response(message) }
    }

    /// A request received: of another dialog 481, older than the last one 500 (RFC 3261 section 12.2.2). Otherwise takes
    /// its CSeq and, from a target refresh request, its Contact.
    ///
    /// ACK and CANCEL carry the number of their INVITE and change nothing.
    pub fn accept(&mut self, request: &Message) -> Result<(), Reject> {
        if !self.matches_request(request) {
            return Err(Reject { status: 481, reason: "Call/Transaction Does Not Exist" });
        }
        let (number, method) = (request.cseq().number, request.method());
        if matches!(method, Method::Ack | Method::Cancel) {
            return Ok(());
        }
        if self.data.remote_seq.is_some_and(|last| number <= last) {
            return Err(Reject { status: 500, reason: "CSeq Out Of Order" });
        }
        self.data.remote_seq = Some(number);
        if let Some(target) = contact_uri(request).filter(|_| refreshes_target(method)) {
            self.data.remote_target = target;
        }
        Ok(())
    }

    /// A request of ours (RFC 3261 section 12.2.1.1): Request-URI, Route, Max-Forwards, From, To, Call-ID and the next
    /// CSeq. The caller adds Via, Contact and body. Not for ACK ([`ack_for`](Self::ack_for)) nor CANCEL.
    pub fn request(&mut self, method: Method) -> Builder {
        let number = self.data.local_seq.map_or(1, |n| n.saturating_add(1));
        self.data.local_seq = Some(number);
        self.builder(method, number)
    }

    /// A request of ours of this dialog once more, as one of its own: with the next CSeq, and all that `request` said
    /// beyond what places it in the dialog, but without its credentials. The caller adds Via and Contact, and the body
    /// is there.
    pub fn repeat(&mut self, request: &Message) -> Builder {
        let mut builder = self.request(request.method());
        for (name, value) in request.all_headers() {
            if !PLACES_OR_PROVES.iter().any(|own| own.eq_ignore_ascii_case(name)) {
                builder = builder.header(name, value);
            }
        }
        match request.content_type() {
            Some(kind) => builder.body(kind, request.body()),
            None => builder,
        }
    }

    /// The ACK of a 2xx to `invite`: its CSeq number and credentials (RFC 3261 section 13.2.2.4). The caller adds Via.
    pub fn ack_for(&self, invite: &Message) -> Builder {
        let mut builder = self.builder(Method::Ack, invite.cseq().number);
        for name in ["Authorization", "Proxy-Authorization"] {
            for value in invite.headers(name) {
                builder = builder.header(name, value);
            }
        }
        builder
    }

    /// The URI to send the next request to: the first route, else the remote target (RFC 3261 section 8.1.2).
    pub fn next_hop(&self) -> &str {
        self.data.route_set.first().map_or(&self.data.remote_target, |route| uri_of(route))
    }

    pub fn id(&self) -> &DialogId {
        &self.data.id
    }

    pub fn state(&self) -> DialogState {
        self.data.state
    }

    /// Whether every request must go over TLS (RFC 3261 section 12.1).
    pub fn is_secure(&self) -> bool {
        self.data.secure
    }

    pub fn remote_target(&self) -> &str {
        &self.data.remote_target
    }

    /// A target refresh that was refused leaves the old target (RFC 6141 section 4.1).
    pub fn keep_target(&mut self, uri: String) {
        self.data.remote_target = uri;
    }

    /// The URIs the peer is known by in this dialog: its target and the route set.
    pub fn peer_uris(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.data.remote_target.as_str()).chain(self.data.route_set.iter().map(|route| uri_of(route)))
    }

    /// CSeq number of our last request.
    /// Our own address in it, as From or To named us.
    pub fn local_uri(&self) -> &str {
        NameAddr::parse(&self.data.local).map_or("", |address| address.uri_str())
    }

    pub fn local_seq(&self) -> Option<u32> {
        self.data.local_seq
    }

    pub fn snapshot(&self) -> DialogSnapshot {
        self.data.clone()
    }

    fn matches_request(&self, request: &Message) -> bool {
        self.is(request.call_id(), request.to_tag(), request.from_tag())
    }

    fn matches_response(&self, response: &Message) -> bool {
        self.is(response.call_id(), response.from_tag(), response.to_tag())
    }

    fn is(&self, call_id: &str, local_tag: Option<&str>, remote_tag: Option<&str>) -> bool {
        let id = &self.data.id;
        id.call_id == call_id
            && local_tag == Some(id.local_tag.as_str())
            && remote_tag.unwrap_or_default() == id.remote_tag
    }

    fn builder(&self, method: Method, number: u32) -> Builder {
        let (request_uri, routes) = self.request_uri_and_routes();
        let mut builder = Message::request(method, request_uri);
        for route in routes {
            builder = builder.header("Route", &route);
        }
        builder
            .header("Max-Forwards", &limits::MAX_FORWARDS.to_string())
            .header("From", &self.data.local)
            .header("To", &self.data.remote)
            .header("Call-ID", &self.data.id.call_id)
            .header("CSeq", &format!("{number} {}", method.as_str()))
    }

    fn request_uri_and_routes(&self) -> (String, Vec<String>) {
        route_to(&self.data.remote_target, &self.data.route_set)
    }
}

/// In messages of ours, which use long names: what says where a request stands in its dialog or on its way, who sends it, or that it may.
const PLACES_OR_PROVES: [&str; 13] = [
    "Via",
    "Route",
    "Max-Forwards",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "User-Agent",
    "Authorization",
    "Proxy-Authorization",
    "Content-Type",
    "Content-Length",
];

/// Request-URI and Route values of a request to `target` by `route_set` (RFC 3261 section 12.2.1.1). A strict router
/// (no `lr`) wants itself as Request-URI, and the target as last route.
pub fn route_to(target: &str, route_set: &[String]) -> (String, Vec<String>) {
    let strict = route_set.first().map(|r| uri_of(r)).filter(|uri| !is_loose(uri));
    let Some(strict) = strict else { return (target.to_owned(), route_set.to_vec()) };
    let mut routes = route_set[1..].to_vec();
    routes.push(format!("<{target}>"));
    (without_forbidden_parts(strict), routes)
}

fn state_of(response: &Message) -> Result<DialogState, DialogError> {
    match response.status() {
        Some(101..200) => Ok(DialogState::Early),
        Some(200..300) => Ok(DialogState::Confirmed),
        _ => Err(DialogError::NotDialogForming),
    }
}

fn non_empty(tag: Option<&str>) -> Option<&str> {
    tag.filter(|t| !t.is_empty())
}

fn request_uri(request: &Message) -> Option<String> {
    request.request_uri().map(|u| u.as_str().to_owned())
}

/// The URI of the first Contact, if it is one a request can be sent to.
fn contact_uri(message: &Message) -> Option<String> {
    match message.contacts().next()?.ok()? {
        Contact::Address(address) => {
            let uri = address.uri().ok()?;
            matches!(uri.scheme(), Scheme::Sip | Scheme::Sips).then(|| uri.as_str().to_owned())
        }
        Contact::Any => None,
    }
}

/// The Record-Route values: in order for the UAS, in reverse for the UAC (RFC 3261 sections 12.1.1 and 12.1.2).
fn recorded_route(message: &Message, reverse: bool) -> Vec<String> {
    let mut routes: Vec<String> = message.record_routes().map(|route| format!("<{}>", route.uri_str())).collect();
    if reverse {
        routes.reverse();
    }
    routes
}

fn refreshes_target(method: Method) -> bool {
    matches!(method, Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer)
}

/// The URI of a route value.
fn uri_of(route: &str) -> &str {
    NameAddr::parse(route).map_or(route, |address| address.uri_str())
}

fn is_loose(uri: &str) -> bool {
    Uri::parse(uri).is_ok_and(|u| u.param("lr").is_some())
}

/// A Request-URI carries no `method` parameter and no headers (RFC 3261 section 19.1.1, table 1).
fn without_forbidden_parts(uri: &str) -> String {
    let (address, _headers) = uri.split_once('?').unwrap_or((uri, ""));
    let is_method = |part: &str| part.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("method"));
    let parts: Vec<&str> =
        address.split(';').enumerate().filter(|(i, p)| *i == 0 || !is_method(p)).map(|(_, p)| p).collect();
    parts.join(";")
}
