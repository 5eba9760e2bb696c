use serde_json::{Map, Value, json};

use super::fields::{Fields, is_web_url};
use crate::store::{Catalog, HandlerFields};

/// Handlers and what each cannot do without.
pub(super) const HANDLERS: &[(&str, &[&str])] = &[
    ("laml_webhooks", &["call_request_url"]),
    ("laml_application", &["call_laml_application_id"]),
    ("relay_context", &["call_relay_context"]),
    ("relay_topic", &["call_relay_topic"]),
    ("relay_application", &["call_relay_application"]),
    ("relay_connector", &[]),
    ("relay_script", &["call_relay_script_url"]),
    ("dialogflow", &["call_dialogflow_agent_id"]),
    ("video_room", &["call_video_room_id"]),
    ("call_flow", &["call_flow_id"]),
    ("ai_agent", &["call_ai_agent_id"]),
];

/// Takes the `call_*` fields of an endpoint or an application.
pub(super) fn take(fields: &mut Fields, handler: &mut HandlerFields, catalog: &Catalog) {
    let names: Vec<&str> = HANDLERS.iter().map(|(name, _)| *name).collect();
    take_from(fields, handler, catalog, &names);
}

/// The same, of what may have other handlers.
pub(super) fn take_from(fields: &mut Fields, handler: &mut HandlerFields, catalog: &Catalog, names: &[&str]) {
    for name in HandlerFields::NAMES {
        let Some(slot) = handler.slot(name) else { continue };
        if *name == "call_handler" {
            fields.optional_choice(name, slot, names);
        } else if *name == "call_flow_version" {
            fields.optional_choice(name, slot, &["working_copy", "current_deployed"]);
        } else if name.ends_with("_method") {
            fields.optional_choice(name, slot, &["GET", "POST"]);
        } else {
            fields.text(name, slot);
        }
        if name.ends_with("_url") && fields.was_sent(name) && slot.as_deref().is_some_and(|url| !is_web_url(url)) {
            fields.wrong(name, "is not a valid http or https URL");
        }
    }
    if fields.was_sent("call_laml_application_id")
        && let Some(sent) = &handler.call_laml_application_id
        && !sent.parse().is_ok_and(|id| catalog.applications.get(id).is_some())
    {
        fields.wrong("call_laml_application_id", "is not the id of an application");
    }
    let chosen = HANDLERS.iter().find(|(name, _)| Some(*name) == handler.call_handler.as_deref());
    for needed in chosen.map_or(&[][..], |(_, needed)| needed) {
        if handler.slot(needed).is_some_and(|slot| slot.is_none()) {
            fields.wrong(needed, "can't be blank");
        }
    }
}

/// Writes them, nulls included; methods that were never set are POST.
pub(super) fn show(handler: &HandlerFields, out: &mut Map<String, Value>) {
    for (name, value) in handler.entries() {
        let value = match value {
            None if name.ends_with("_method") => Some("POST"),
            other => other,
        };
        out.insert(name.to_owned(), json!(value));
    }
}
