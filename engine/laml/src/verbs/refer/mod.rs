//! `<Refer>`: the caller's own telephone is asked to call somebody else, and its action is told how that went.

use tandem_model::Timestamp;

use super::{Done, Event, Spec, Step, Surroundings, Verb};
use crate::attributes::{Attribute, Attributes};
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{Instruction, Method, Refer, ReferOutcome, ReferStatus};
use crate::nouns::sip_address;
use crate::role::Dialect;

pub(crate) static SPEC: Spec = Spec {
    name: "Refer",
    attributes: &[
        Attribute::new("action", "", "URL; left out: the next verb"),
        Attribute::new("method", "POST", "GET, POST"),
    ],
    parse: |node, around, fx| parse(node, around, fx).map(|verb| Box::new(verb) as Box<dyn Verb>),
};

fn parse(node: &Node, around: &Surroundings<'_>, fx: &mut Effects) -> Option<ReferVerb> {
    let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
    let method = attributes.method("method", fx);
    let action = attributes.url("action", fx).map(|url| (url, method));
    let mut targets = node.elements().filter(|n| matches!(n.name.as_str(), "Sip" | "ReferSip"));
    let (first, second) = (targets.next(), targets.next());
    let Some(target) = first.filter(|_| second.is_none() && node.elements().count() == 1) else {
        fx.warn(code::NESTING, Some(node.line), "Refer: one <Sip> is to stand inside, it is passed over");
        return None;
    };
    for (name, _) in &target.attributes {
        let shown: String = name.chars().take(60).collect();
        fx.warn(code::ATTRIBUTE, Some(target.line), format!("Refer: its <Sip> has no attribute {shown}"));
    }
    match sip_address(&target.text()) {
        Ok((to, headers)) => Some(ReferVerb {
            what: Some(Box::new(Refer { to, headers })),
            action,
            dialect: around.dialect,
            is_asked: false,
        }),
        Err(why) => {
            fx.warn(code::SIP_MALFORMED, Some(target.line), format!("Refer: {why}"));
            None
        }
    }
}

#[derive(Debug)]
struct ReferVerb {
    what: Option<Box<Refer>>,
    action: Option<(String, Method)>,
    dialect: Dialect,
    is_asked: bool,
}

impl Verb for ReferVerb {
    fn start(&mut self, _now: Timestamp, fx: &mut Effects) -> Step {
        fx.answer();
        if let Some(what) = self.what.take() {
            fx.push(Instruction::Refer(what));
            self.is_asked = true;
        }
        Step::Wait
    }

    fn handle(&mut self, _now: Timestamp, event: &Event, fx: &mut Effects) -> Step {
        match event {
            Event::ReferEnded(outcome) if self.is_asked => self.done(outcome, fx),
            _ => Step::Wait,
        }
    }

    fn cancel(&mut self, fx: &mut Effects) {
        fx.refers_given_up += u32::from(self.is_asked);
    }

    /// A telephone that took the transfer hangs up: the action is told all the same.
    fn hung_up(&mut self, _fx: &mut Effects) -> Step {
        if self.is_asked && self.action.is_some() { Step::Wait } else { Step::Done(Done::Ended) }
    }
}

impl ReferVerb {
    fn done(&mut self, outcome: &ReferOutcome, fx: &mut Effects) -> Step {
        match self.action.take() {
            Some((url, method)) => Step::Done(Done::Fetch { url, method, params: params(outcome) }),
            // laml.md 1.14: without an action, Twilio's call is over once it was sent elsewhere.
            None if self.dialect == Dialect::Twilio && outcome.status == ReferStatus::InProgress => {
                fx.push(Instruction::Hangup);
                Step::Done(Done::Ended)
            }
            None => Step::Done(Done::Next),
        }
    }
}

/// What the action is told (laml.md 1.14).
fn params(outcome: &ReferOutcome) -> Vec<(String, String)> {
    let status = match outcome.status {
        ReferStatus::InProgress => "in-progress",
        ReferStatus::Busy => "busy",
        ReferStatus::NoAnswer => "no-answer",
        ReferStatus::Canceled => "canceled",
        ReferStatus::Failed => "failed",
    };
    let mut params = vec![("ReferCallStatus".to_owned(), status.to_owned())];
    if let Some(code) = outcome.response_code {
        params.push(("ReferSipResponseCode".to_owned(), code.to_string()));
    }
    if let Some(code) = outcome.notified_code {
        params.push(("NotifySipResponseCode".to_owned(), code.to_string()));
    }
    params
}
