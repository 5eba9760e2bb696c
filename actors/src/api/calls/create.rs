use std::time::Duration;

use tandem_laml::instruction::{Method, StatusCallback, StatusEvents};

use super::machine_detection;
use crate::api::body::Form;
use crate::api::error::LamlError;
use crate::api::fields::{is_e164, is_web_url};
use crate::api::recordings::settings;
use crate::api::{CallDocument, CreateCall, StartRecording};
use crate::store::Catalog;

/// What is documented but not run here. Refused rather than ignored; the second is the value that asks for nothing.
const NOT_ENABLED: &[(&str, &str)] =
    &[("Byoc", ""), ("CallReason", ""), ("CallToken", ""), ("ClientNotificationUrl", "")];
const TIMEOUT_SECS_DEFAULT: u64 = 60;

/// Checks a request for a call, in the order of the documented errors.
pub(in crate::api) fn parse(form: &Form, catalog: &Catalog) -> Result<CreateCall, LamlError> {
    let to = form.get("To").map(str::trim).filter(|to| !to.is_empty());
    let to = to.ok_or_else(|| LamlError::bad(21201, "No 'To' number is specified"))?;
    let to = destination(to, catalog)?;
    let from = form.get("From").map(str::trim).filter(|from| !from.is_empty());
    let from = from.ok_or_else(|| LamlError::bad(21213, "'From' is required"))?.to_owned();
    caller("From", &from, &to)?;
    let caller_id = form.get("CallerId").map(str::to_owned);
    if let Some(id) = &caller_id {
        caller("CallerId", id, &to)?;
    }
    for (name, nothing) in NOT_ENABLED {
        if let Some(value) = form.get(name)
            && !value.eq_ignore_ascii_case(nothing)
        {
            return Err(LamlError::bad(10001, format!("{name} is not enabled on this server")));
        }
    }
    let Run { document, fallback, status_callback } = run(form, catalog)?;
    let timeout = match form.get("Timeout") {
        None => TIMEOUT_SECS_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|secs| (1..=600).contains(secs))
            .ok_or_else(|| LamlError::bad(21208, "'Timeout' must be an integer of 1 to 600"))?,
    };
    let send_digits = form.get("SendDigits").map(str::to_owned);
    if let Some(digits) = &send_digits {
        let known = digits.bytes().all(|b| b.is_ascii_digit() || b"#*wW".contains(&b));
        if !known || digits.len() > 32 {
            return Err(LamlError::bad(13222, "'SendDigits' must be 1 to 32 of 0-9 # * w W"));
        }
    }
    let sip_auth = match (form.get("SipAuthUsername"), form.get("SipAuthPassword")) {
        (None, None) => None,
        (Some(user), Some(password)) if !user.contains(char::is_control) && !password.contains(char::is_control) => {
            Some((user.to_owned(), password.to_owned()))
        }
        _ => return Err(LamlError::bad(20422, "'SipAuthUsername' and 'SipAuthPassword' must be given together")),
    };
    max_price(form)?;
    Ok(CreateCall {
        to,
        from,
        caller_id,
        document,
        fallback,
        status_callback,
        timeout: Duration::from_secs(timeout),
        send_digits,
        sip_auth,
        amd: machine_detection::parse(form)?,
        record: record(form)?,
        time_limit: time_limit(form)?,
    })
}

/// What a call runs, and whom it tells.
struct Run {
    document: CallDocument,
    fallback: Option<(String, Method)>,
    status_callback: Option<StatusCallback>,
}

/// An application's webhooks take the place of all that is named beside it (laml.md 3.6).
fn run(form: &Form, catalog: &Catalog) -> Result<Run, LamlError> {
    let Some(sid) = form.get("ApplicationSid") else {
        let none = || LamlError::bad(21205, "One of 'Url', 'ApplicationSid', 'Laml' or 'Twiml' is required");
        let document = document(form)?.ok_or_else(none)?;
        return Ok(Run { document, fallback: fallback(form)?, status_callback: status_callback(form)? });
    };
    let bad = |what| LamlError::bad(21218, what);
    let application = sid.parse().ok().and_then(|sid| catalog.applications.get(sid));
    let application = application.ok_or_else(|| bad("'ApplicationSid' names no application"))?;
    let hooks = application.webhooks().ok_or_else(|| bad("The application has no 'VoiceUrl'"))?;
    let events = StatusEvents { initiated: false, ringing: false, answered: false, completed: true };
    Ok(Run {
        document: CallDocument::Url { url: hooks.request_url, method: hooks.request_method },
        fallback: hooks.fallback_url.map(|url| (url, hooks.fallback_method)),
        status_callback: hooks.status_callback_url.map(|url| StatusCallback {
            url,
            method: hooks.status_callback_method,
            events,
        }),
    })
}

/// What a recording is to be is checked whether there is to be one or not.
fn record(form: &Form) -> Result<Option<StartRecording>, LamlError> {
    let settings = settings(form, true)?;
    let wanted = match form.get("Record") {
        None => false,
        Some(text) => boolean(text).ok_or_else(|| LamlError::bad(20422, "'Record' must be true or false"))?,
    };
    Ok(wanted.then_some(settings))
}

/// As client libraries write them.
fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn time_limit(form: &Form) -> Result<Option<Duration>, LamlError> {
    let Some(text) = form.get("TimeLimit") else { return Ok(None) };
    let secs = text.parse().ok().filter(|secs| (1..=86_400).contains(secs));
    let secs = secs.ok_or_else(|| LamlError::bad(20422, "'TimeLimit' must be an integer of 1 to 86400"))?;
    Ok(Some(Duration::from_secs(secs)))
}

/// Calls have no price here, so that none exceeds what is allowed; what is no price is told.
fn max_price(form: &Form) -> Result<(), LamlError> {
    let Some(text) = form.get("MaxPricePerMinute") else { return Ok(()) };
    let price: Option<f64> = text.parse().ok();
    match price.filter(|price| price.is_finite() && *price >= 0.0) {
        Some(_) => Ok(()),
        None => Err(LamlError::bad(20422, "'MaxPricePerMinute' must be a price, 0 or more")),
    }
}

/// A number, a SIP URI (the scheme may be missing), or the name of an endpoint.
fn destination(to: &str, catalog: &Catalog) -> Result<String, LamlError> {
    let bad = || LamlError::bad(21211, "'To' is neither a number in E.164 form, a SIP URI nor an endpoint");
    if is_e164(to) || catalog.endpoint_by_username(to).is_some() {
        return Ok(to.to_owned());
    }
    let scheme_len = match to.get(..5) {
        Some(s) if s.eq_ignore_ascii_case("sips:") => 5,
        _ if to.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("sip:")) => 4,
        _ => 0,
    };
    if scheme_len > 0 || to.contains('@') {
        let (address, headers) = to[scheme_len..].split_once('?').unwrap_or((&to[scheme_len..], ""));
        let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
        let graphic = to.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"\\".contains(&b));
        let hosted = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        if !graphic || !hosted || address.len() > 255 || headers.len() > 1024 {
            return Err(bad());
        }
        return Ok(if scheme_len == 0 { format!("sip:{to}") } else { to.to_owned() });
    }
    if to.bytes().all(|b| b.is_ascii_digit() || b"+-(). ".contains(&b)) {
        return Err(LamlError::bad(21217, "'To' is not a phone number in E.164 form"));
    }
    Err(bad())
}

/// Towards numbers E.164; towards SIP anything that a From header can carry.
fn caller(field: &str, from: &str, to: &str) -> Result<(), LamlError> {
    if is_e164(to) && !is_e164(from) {
        return Err(LamlError::bad(21212, format!("'{field}' must be a number in E.164 form to call a number")));
    }
    let bare = from.strip_prefix("sip:").or_else(|| from.strip_prefix("sips:")).unwrap_or(from);
    let good = bare.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-_.,@:[];=*#".contains(&b));
    if good && !bare.is_empty() && from.len() <= 255 {
        Ok(())
    } else {
        Err(LamlError::bad(21212, format!("'{field}' may have letters, digits and + - _ . , only")))
    }
}

/// `Url` before inline text.
pub(super) fn document(form: &Form) -> Result<Option<CallDocument>, LamlError> {
    let method = method(form, "Method", 21209)?;
    if let Some(url) = form.get("Url") {
        if !is_web_url(url) {
            return Err(LamlError::bad(21205, "'Url' is not a valid http or https URL"));
        }
        return Ok(Some(CallDocument::Url { url: url.to_owned(), method }));
    }
    let Some(text) = form.get("Laml").or_else(|| form.get("Twiml")) else { return Ok(None) };
    if !(11..=4_000).contains(&text.chars().count()) {
        return Err(LamlError::bad(20422, "An inline document must have 11 to 4000 characters"));
    }
    Ok(Some(CallDocument::Inline(text.to_owned())))
}

pub(super) fn fallback(form: &Form) -> Result<Option<(String, Method)>, LamlError> {
    let method = method(form, "FallbackMethod", 21209)?;
    Ok(web_url(form, "FallbackUrl")?.map(|url| (url, method)))
}

/// Events as repeated keys or as one list with spaces; `completed` when none is named.
pub(super) fn status_callback(form: &Form) -> Result<Option<StatusCallback>, LamlError> {
    let method = method(form, "StatusCallbackMethod", 21209)?;
    let mut events = StatusEvents { initiated: false, ringing: false, answered: false, completed: false };
    let mut named = false;
    for event in form.all("StatusCallbackEvent").flat_map(str::split_whitespace) {
        named = true;
        match event {
            "initiated" => events.initiated = true,
            "ringing" => events.ringing = true,
            "answered" => events.answered = true,
            "completed" => events.completed = true,
            // Known, and never due on this server.
            "ringing_forwarded" | "ringing_queued" => {}
            _ => return Err(LamlError::bad(21626, format!("'StatusCallbackEvent' {event:?} is not known"))),
        }
    }
    events.completed |= !named;
    Ok(web_url(form, "StatusCallback")?.map(|url| StatusCallback { url, method, events }))
}

pub(super) fn web_url(form: &Form, name: &str) -> Result<Option<String>, LamlError> {
    match form.get(name) {
        None => Ok(None),
        Some(url) if is_web_url(url) => Ok(Some(url.to_owned())),
        Some(_) => Err(LamlError::bad(21402, format!("'{name}' is not a valid http or https URL"))),
    }
}

pub(in crate::api) fn method(form: &Form, name: &str, code: u32) -> Result<Method, LamlError> {
    match form.get(name) {
        None => Ok(Method::Post),
        Some(m) if m.eq_ignore_ascii_case("POST") => Ok(Method::Post),
        Some(m) if m.eq_ignore_ascii_case("GET") => Ok(Method::Get),
        Some(_) => Err(LamlError::bad(code, format!("'{name}' must be GET or POST"))),
    }
}
