use serde::{Deserialize, Serialize};
use tandem_call::directory::{Handler, WebhookMethod, WebhookSet};
use tandem_model::Sid;

use super::{ApplicationRecord, Table};

macro_rules! handler_fields {
    ($($name:ident),* $(,)?) => {
        /// What runs when a call meets this resource, in REST's words. `call_handler` chooses; the rest belongs to
        /// one handler or another and is kept whichever is chosen.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct HandlerFields {
            $(pub $name: Option<String>,)*
        }

        impl HandlerFields {
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// The field named so.
            pub fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }

            /// All fields with their names, in REST's order.
            pub fn entries(&self) -> Vec<(&'static str, Option<&str>)> {
                vec![$((stringify!($name), self.$name.as_deref())),*]
            }
        }
    };
}

handler_fields!(
    call_handler,
    calling_handler_resource_id,
    call_request_url,
    call_request_method,
    call_fallback_url,
    call_fallback_method,
    call_status_callback_url,
    call_status_callback_method,
    call_laml_application_id,
    call_dialogflow_agent_id,
    call_relay_topic,
    call_relay_topic_status_callback_url,
    call_relay_context,
    call_relay_context_status_callback_url,
    call_relay_application,
    call_relay_connector_id,
    call_relay_script_url,
    call_video_room_id,
    call_flow_id,
    call_flow_version,
    call_ai_agent_id,
);

impl HandlerFields {
    /// The handler as call processing knows it. An application that is gone, or has no document, is a webhook without a URL: such a
    /// call is not picked up, and above all does not leave as if there were no handler.
    pub fn handler(&self, applications: &Table<ApplicationRecord>) -> Handler {
        match self.call_handler.as_deref() {
            None => Handler::None,
            Some("laml_webhooks") => match &self.call_request_url {
                Some(url) => Handler::LamlWebhooks(WebhookSet {
                    request_url: url.clone(),
                    request_method: method_or_post(&self.call_request_method),
                    fallback_url: self.call_fallback_url.clone(),
                    fallback_method: method_or_post(&self.call_fallback_method),
                    status_callback_url: self.call_status_callback_url.clone(),
                    status_callback_method: method_or_post(&self.call_status_callback_method),
                }),
                None => Handler::None,
            },
            Some("laml_application") => self
                .application()
                .and_then(|id| applications.get(id)?.webhooks())
                .map_or_else(|| Handler::LamlWebhooks(WebhookSet::default()), Handler::LamlWebhooks),
            Some(other) => Handler::Unsupported(other.to_owned()),
        }
    }

    /// The application it names, where that is chosen.
    pub fn application(&self) -> Option<Sid> {
        let chosen = self.call_handler.as_deref() == Some("laml_application");
        self.call_laml_application_id.as_deref().filter(|_| chosen)?.parse().ok()
    }
}

fn method_or_post(name: &Option<String>) -> WebhookMethod {
    name.as_deref().map_or(WebhookMethod::Post, method)
}

pub(super) fn method(name: &str) -> WebhookMethod {
    match name {
        "GET" => WebhookMethod::Get,
        _ => WebhookMethod::Post,
    }
}
