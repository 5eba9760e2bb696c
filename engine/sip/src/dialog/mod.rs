//! Dialogs (RFC 3261 section 12) as values: identity, sequence numbers, route set and remote target.
//! Not here: what a dialog means (see `engine/call`), nor its transactions. Start at [`Dialog`].

use tandem_model::Timestamp;

use crate::message::{Builder, Message, Method};

fn soon<T>() -> T {
    unreachable!("filled in by the next commit")
}

/// Call-ID and both tags (RFC 3261 section 12).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogId {
    pub call_id: String,
    pub local_tag: String,
    /// Empty for a peer of RFC 2543 that sends none.
    pub remote_tag: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogState {
    Early,
    Confirmed,
}

/// One dialog as plain data: a supervisor keeps it and rebuilds the [`Dialog`] from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialogSnapshot {
    pub id: DialogId,
    pub state: DialogState,
    pub secure: bool,
    /// Our From (To) value without tag parameter.
    pub local: String,
    pub remote: String,
    pub local_seq: Option<u32>,
    pub remote_seq: Option<u32>,
    pub remote_target: String,
    /// Route values in the order to send.
    pub route_set: Vec<String>,
}

pub struct Dialog {}

/// Why no dialog was made of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogError {
    /// Neither 101-199 nor 2xx.
    NotDialogForming,
    NoTag,
    NoContact,
    /// Not of this dialog.
    OtherDialog,
}

/// The response an in-dialog request deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    pub status: u16,
    pub reason: &'static str,
}

impl Dialog {
    /// The UAC's side, from an INVITE (SUBSCRIBE, REFER) and a 101-199 or 2xx response with a To tag.
    pub fn uac(_request: &Message, _response: &Message) -> Result<Dialog, DialogError> {
        soon()
    }
    /// The UAS's side, when a 101-199 (early) or 2xx (`confirm`) with `local_tag` goes out.
    pub fn uas(_request: &Message, _local_tag: &str) -> Result<Dialog, DialogError> {
        soon()
    }
    /// UAC: a further response of this dialog; a 2xx confirms it and sets route set and target anew
    /// (RFC 3261 section 13.2.2.4).
    pub fn handle_response(&mut self, _response: &Message) -> Result<(), DialogError> {
        soon()
    }
    /// UAS: our 2xx goes out.
    pub fn confirm(&mut self) {
        soon()
    }
    /// Whether a message received belongs here.
    pub fn matches(&self, _message: &Message) -> bool {
        soon()
    }
    /// A request received: tags (481), order (500); takes its CSeq and, for target refreshes, its Contact.
    pub fn accept(&mut self, _request: &Message) -> Result<(), Reject> {
        soon()
    }
    /// A request of ours: next CSeq, tags, Call-ID, Route, Max-Forwards. The caller adds Via, Contact and body.
    /// Method ACK and CANCEL are not for here.
    pub fn request(&mut self, _method: Method) -> Builder {
        soon()
    }
    /// The ACK of a 2xx to `invite` (its CSeq and credentials). The caller adds Via.
    pub fn ack_for(&self, _invite: &Message) -> Builder {
        soon()
    }
    /// The URI to send to: first route if it is a loose router or strict, else remote target.
    pub fn next_hop(&self) -> &str {
        soon()
    }
    pub fn id(&self) -> &DialogId {
        soon()
    }
    pub fn state(&self) -> DialogState {
        soon()
    }
    pub fn remote_target(&self) -> &str {
        soon()
    }
    pub fn snapshot(&self) -> DialogSnapshot {
        soon()
    }
    pub fn restore(_snapshot: DialogSnapshot) -> Dialog {
        soon()
    }
}

/// Repeats a 2xx to an INVITE until its ACK comes (RFC 3261 section 13.3.1.4).
pub struct Retransmit2xx {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retransmit {
    /// Send the 2xx again, over any transport.
    Again,
    /// 64*T1 passed without ACK: send BYE.
    GiveUp,
}

impl Retransmit2xx {
    /// The 2xx was just sent.
    pub fn start(_now: Timestamp) -> Self {
        soon()
    }
    /// The ACK came.
    pub fn acknowledged(&mut self) {
        soon()
    }
    pub fn deadline(&self) -> Option<Timestamp> {
        soon()
    }
    pub fn expire(&mut self, _now: Timestamp) -> Option<Retransmit> {
        soon()
    }
}
