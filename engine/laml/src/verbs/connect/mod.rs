//! `<Connect>`: the call's audio both ways with a WebSocket server, until that closes; then the action, or the next verb.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Verb};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::effects::Effects;
use crate::instruction::{ConnectId, Instruction, Method, Stream, StreamCommand, StreamEvent};
use crate::nouns::stream::{self, Ways};

pub(crate) static SPEC: Spec = Spec {
    name: "Connect",
    attributes: &[
        Attribute::new("action", "", "URL; left out: the next verb"),
        Attribute::new("method", "POST", "GET, POST"),
    ],
    parse: |node, around, fx| {
        let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
        let method = attributes.method("method", fx);
        let action = attributes.url("action", fx).map(|url| (url, method));
        let mut stream = None;
        for child in node.elements() {
            match child.name.as_str() {
                "Stream" if stream.is_some() => {
                    fx.warn(code::NESTING, Some(child.line), "Connect: one Stream at a time, this one is passed over");
                }
                "Stream" => stream = Some(stream::read(child, around, Ways::Both, fx)),
                other => super::refuse_noun("Connect", other, NOUNS_NOT_RUN, child.line, fx),
            }
        }
        if node.elements().next().is_none() {
            fx.warn(code::NESTING, Some(node.line), "Connect: there is nothing to connect to");
        }
        stream.map(|stream| Box::new(Connect { stream: Some(Box::new(stream)), action, id: None }) as Box<dyn Verb>)
    },
};

/// Other vendors' services, which have no place to run here.
pub(crate) const NOUNS_NOT_RUN: &[&str] = &[
    "Room",
    "VirtualAgent",
    "AI",
    "AiSession",
    "Conversation",
    "ConversationRelay",
    "Autopilot",
    "Assistant",
    "WhatsApp",
];

#[derive(Debug)]
struct Connect {
    /// Until it starts.
    stream: Option<Box<Stream>>,
    action: Option<(String, Method)>,
    id: Option<ConnectId>,
}

impl Verb for Connect {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        let Some(stream) = self.stream.take() else { return Step::Done(Done::Next) };
        fx.answer();
        let id = fx.connect_id();
        self.id = Some(id);
        fx.push(Instruction::Stream(StreamCommand::Connect { id, stream }));
        Step::Wait
    }

    fn handle(&mut self, _now: Timestamp, event: &Event, _fx: &mut Effects) -> Step {
        let Event::Stream(StreamEvent::Ended { id, sid, name, fault }) = event else { return Step::Wait };
        if self.id.take_if(|own| own == id).is_none() {
            return Step::Wait;
        }
        let Some((url, method)) = self.action.take() else { return Step::Done(Done::Next) };
        let event = if fault.is_some() { "stream-error" } else { "stream-stopped" };
        let mut params = vec![
            ("StreamSid".to_owned(), sid.clone()),
            ("StreamName".to_owned(), name.clone()),
            ("StreamEvent".to_owned(), event.to_owned()),
        ];
        params.extend(fault.map(|fault| ("StreamError".to_owned(), fault.as_str().to_owned())));
        Step::Done(Done::Fetch { url, method, params })
    }

    fn cancel(&mut self, fx: &mut Effects) {
        if let Some(id) = self.id.take() {
            fx.push(Instruction::Stream(StreamCommand::Disconnect { id }));
        }
    }
}
