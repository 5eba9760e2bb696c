//! One call: its facts, its warnings, and its webhooks.

use std::fmt::Write;

use super::html::{STYLE, TABLE, TABLE_END, Text, none};
use crate::api::CallView;
use crate::store::{CallEvent, WebhookEntry};

/// The page. Every text that comes from outside goes through [`Text`].
pub(super) fn page(call: &CallView, events: &[CallEvent], webhooks: &[WebhookEntry]) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let done = write_page(&mut out, call, events, webhooks);
    debug_assert!(done.is_ok(), "writing to a String does not fail");
    out
}

fn write_page(out: &mut String, call: &CallView, events: &[CallEvent], webhooks: &[WebhookEntry]) -> std::fmt::Result {
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Call {sid}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\
         <p><a href=\"/\">Tandem</a></p><h1>Call <code>{sid}</code></h1>\
         <p>{} to {}, {}, {}, {} s</p>",
        Text(&call.from),
        Text(&call.to),
        call.direction.as_str(),
        call.status.as_str(),
        call.duration_secs,
        sid = call.sid,
    )?;
    write!(out, "<h2>Warnings and errors ({})</h2>", events.len())?;
    if events.is_empty() {
        none(out, "None.")?;
    } else {
        write!(out, "{TABLE}<tr><th>At (UTC)<th>Level<th>Code<th>What<th>Line</tr>")?;
        for e in events {
            let line = e.line.map(|l| l.to_string()).unwrap_or_default();
            let (level, at) = (e.level.as_str(), moment(e.at));
            write!(
                out,
                "<tr><td class=\"short\">{at}<td>{level}<td>{}<td>{}<td>{line}</tr>",
                e.code,
                Text(&e.message)
            )?;
        }
        write!(out, "{TABLE_END}")?;
    }
    write!(out, "<h2>Webhooks ({})</h2>", webhooks.len())?;
    if webhooks.is_empty() {
        return write!(out, "<p class=\"none\">None.</p></body></html>");
    }
    write!(out, "{TABLE}<tr><th>At (UTC)<th>Kind<th>Request<th>Response<th>Milliseconds</tr>")?;
    for w in webhooks {
        webhook(out, w)?;
    }
    write!(out, "{TABLE_END}</body></html>")
}

fn webhook(out: &mut String, w: &WebhookEntry) -> std::fmt::Result {
    write!(
        out,
        "<tr><td class=\"short\">{}<td>{}, try {}<td><code>{} {}</code>",
        moment(w.at),
        w.kind.as_str(),
        w.attempt,
        Text(&w.method),
        Text(&w.url),
    )?;
    if let Some(to) = &w.final_url {
        write!(out, "<div>redirected to <code>{}</code></div>", Text(to))?;
    }
    details(out, "parameters", &w.params, "")?;
    write!(out, "<td>")?;
    if let Some(e) = &w.error {
        write!(out, "<div class=\"off\">{} {}</div>", e.code, Text(&e.message))?;
    }
    if let Some(status) = w.status {
        let class = if (200..300).contains(&status) { "on" } else { "off" };
        write!(out, "<div class=\"{class}\">{status}, {} bytes</div>", w.response_bytes)?;
        details(out, "headers and body", &w.response_headers, &w.response_body)?;
    }
    let first = w.timings.first_byte_ms.map(|ms| format!("{ms} to the first byte, ")).unwrap_or_default();
    let dns = w.timings.dns_ms.map(|ms| format!("{ms} for DNS, ")).unwrap_or_default();
    let queued = match w.timings.queued_ms {
        0 => String::new(),
        ms => format!("{ms} waiting, "),
    };
    write!(out, "<td>{queued}{dns}{first}{} in all</tr>", w.timings.total_ms)
}

fn details(out: &mut String, what: &str, pairs: &[(String, String)], body: &str) -> std::fmt::Result {
    if pairs.is_empty() && body.is_empty() {
        return Ok(());
    }
    write!(out, "<details><summary>{what}</summary>")?;
    for (name, value) in pairs {
        write!(out, "<div>{}: {}</div>", Text(name), Text(value))?;
    }
    // Line by line, since a page shows control characters as what they are.
    for line in body.lines() {
        write!(out, "<div><code>{}</code></div>", Text(line))?;
    }
    write!(out, "</details>")
}

fn moment(at: tandem_model::WallTime) -> String {
    at.rfc3339().trim_end_matches('Z').replace('T', " ")
}
