pub(super) mod resources;

use std::fmt::Write;

use crate::api::{CallView, CarrierState, CarrierStates, ContactView};
use crate::store::Catalog;

pub(super) const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1f24}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d8dee4;vertical-align:top}\
th{font-weight:600;color:#57606a}.on{color:#116329}.off{color:#82071e}.problem{background:#ffebe9;padding:.5rem .8rem}\
nav a{margin-right:1rem}textarea{width:100%;font:13px/1.4 ui-monospace,monospace}pre{background:#f6f8fa;padding:.6rem;overflow-x:auto}\
form{display:inline}input,select{padding:.3rem;margin-right:.5rem}code,td{overflow-wrap:anywhere}.short{white-space:nowrap}\
.none{color:#57606a}.scroll{overflow-x:auto}";

pub(super) const TABLE: &str = "<div class=\"scroll\"><table>";
pub(super) const TABLE_END: &str = "</table></div>";

/// The page. Every text that comes from outside goes through [`Text`].
pub(super) fn page(
    catalog: &Catalog,
    contacts: &dyn Fn(&str) -> Vec<ContactView>,
    states: &dyn CarrierStates,
    calls: &[CallView],
    problems: &[String],
    endpoints_max: usize,
) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let done = write_page(&mut out, catalog, contacts, states, calls, problems, endpoints_max);
    debug_assert!(done.is_ok(), "writing to a String does not fail");
    out
}

fn write_page(
    out: &mut String,
    catalog: &Catalog,
    contacts: &dyn Fn(&str) -> Vec<ContactView>,
    states: &dyn CarrierStates,
    calls: &[CallView],
    problems: &[String],
    endpoints_max: usize,
) -> std::fmt::Result {
    begin(out, "Tandem", problems)?;
    write!(
        out,
        "<p>Project <code>{}</code>, SIP domain <code>{}</code></p>",
        Text(&catalog.project.id),
        Text(&catalog.profile_domain()),
    )?;
    resources::project(out, catalog)?;
    endpoints(out, catalog, contacts, endpoints_max)?;

    domain_applications(out, catalog)?;
    carriers(out, catalog, states)?;
    recent_calls(out, calls)?;
    write!(out, "{PAGE_END}")
}

const PAGE_END: &str = "</body></html>";

/// Everything before what a page is about.
fn begin(out: &mut String, title: &str, problems: &[String]) -> std::fmt::Result {
    let title = Text(title);
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body><h1>{title}</h1><nav>"
    )?;
    for (path, name) in PAGES {
        write!(out, "<a href=\"{path}\">{name}</a> ")?;
    }
    write!(out, "</nav>")?;
    for problem in problems {
        write!(out, "<p class=\"problem\" role=\"alert\">{}</p>", Text(problem))?;
    }
    Ok(())
}

const PAGES: &[(&str, &str)] = &[
    ("/", "Overview"),
    ("/dashboard/applications", "Applications"),
    ("/dashboard/bins", "LaML bins"),
    ("/dashboard/numbers", "Numbers"),
    ("/dashboard/recordings", "Recordings"),
];

fn endpoints(
    out: &mut String,
    catalog: &Catalog,
    contacts: &dyn Fn(&str) -> Vec<ContactView>,
    endpoints_max: usize,
) -> std::fmt::Result {
    let total = catalog.endpoints.len();
    write!(out, "<h2>Endpoints ({total})</h2>")?;
    if total > endpoints_max {
        write!(out, "<p>The newest {endpoints_max} are shown; REST lists all.</p>")?;
    }
    if total == 0 {
        none(out, "No endpoint yet. Make one below and register a phone with its user and password.")?;
    } else {
        write!(out, "{TABLE}<tr><th>User<th>Address<th>Caller ID<th>Registered from<th></tr>")?;
    }
    for endpoint in catalog.endpoints.newest_first().take(endpoints_max) {
        write!(
            out,
            "<tr><td>{}<td><code>sip:{}@{}</code><td>{}<td>",
            Text(&endpoint.username),
            Text(&endpoint.username),
            Text(&catalog.profile_domain()),
            Text(endpoint.caller_id.as_deref().unwrap_or("")),
        )?;
        let contacts = contacts(&endpoint.username);
        if contacts.is_empty() {
            write!(out, "<span class=\"off\">not registered</span>")?;
        }
        for c in &contacts {
            let agent = c.user_agent.as_deref().unwrap_or("");
            let (class, silent) = if c.reachable { ("on", "") } else { ("off", ", does not answer") };
            let (transport, source, agent) = (Text(&c.transport), Text(&c.source), Text(agent));
            write!(out, "<div class=\"{class}\">{transport} {source} {agent}{silent}</div>")?;
        }
        write!(
            out,
            "<td><form method=\"post\" action=\"/dashboard/endpoints/{}/delete\"><button>Delete</button></form></tr>",
            endpoint.id
        )?;
    }
    if total > 0 {
        write!(out, "{TABLE_END}")?;
    }
    write!(
        out,
        "<h2>New endpoint</h2><form method=\"post\" action=\"/dashboard/endpoints\" autocomplete=\"off\">\
         <input name=\"username\" placeholder=\"User\" aria-label=\"User\" required>\
         <input name=\"password\" type=\"password\" placeholder=\"Password\" aria-label=\"Password\" required \
         autocomplete=\"new-password\"><input name=\"caller_id\" placeholder=\"Caller ID (optional)\" aria-label=\"Caller ID\">\
         <button>Create</button></form>"
    )
}

fn domain_applications(out: &mut String, catalog: &Catalog) -> std::fmt::Result {
    let total = catalog.domain_apps.len();
    write!(out, "<h2>Domain applications ({total})</h2>")?;
    if total == 0 {
        return none(out, "No domain application yet. Make one by REST: POST /api/relay/rest/domain_applications");
    }
    write!(out, "{TABLE}<tr><th>Name<th>Address<th>Calls run<th>Allowed from</tr>")?;
    for app in catalog.domain_apps.newest_first() {
        // As REST names it: any user part reaches it.
        let user = if app.user == "*" { "anything" } else { &app.user };
        write!(
            out,
            "<tr><td>{}<td><code>sip:{}@{}-{}.dapp.{}</code><td>{}<td>{}</tr>",
            Text(&app.name),
            Text(user),
            Text(&catalog.project.space.to_ascii_lowercase()),
            Text(&app.identifier.to_ascii_lowercase()),
            Text(&catalog.project.domain),
            Text(app.handler.call_request_url.as_deref().or(app.handler.call_handler.as_deref()).unwrap_or("nothing")),
            Text(&if app.ip_auth_enabled { app.ip_auth.join(", ") } else { "anywhere".into() }),
        )?;
    }
    write!(out, "{TABLE_END}")
}

fn carriers(out: &mut String, catalog: &Catalog, states: &dyn CarrierStates) -> std::fmt::Result {
    let total = catalog.carriers.len();
    write!(out, "<h2>Carriers ({total})</h2>")?;
    if total == 0 {
        return none(
            out,
            "No carrier yet, so phone numbers cannot be called. Make one by REST: POST /api/tandem/carriers",
        );
    }
    write!(
        out,
        "{TABLE}<tr><th>Name<th>Address<th>Numbers<th>Priority<th>Weight<th>State<th>Registered<th>Calls</tr>"
    )?;
    for carrier in catalog.carriers.newest_first() {
        write!(
            out,
            "<tr><td>{}<td><code>{}</code><td>{}<td>{}<td>{}",
            Text(&carrier.name),
            Text(&carrier.uri),
            Text(&carrier.patterns.join(", ")),
            carrier.priority,
            carrier.policy.weight,
        )?;
        match states.state(carrier.id) {
            Some(state) => carrier_state(out, &state, carrier.policy.channels)?,
            None => write!(out, "<td><td><td></tr>")?,
        }
    }
    write!(out, "{TABLE_END}")
}

fn carrier_state(out: &mut String, state: &CarrierState, channels: Option<i32>) -> std::fmt::Result {
    let (class, word) = if state.up { ("on", "up") } else { ("off", "down") };
    write!(out, "<td class=\"{class}\">{word} for {} s", state.since_secs)?;
    if let Some(secs) = state.retry_after_secs {
        write!(out, ", left alone for {secs} s")?;
    }
    write!(out, "<td>")?;
    if let Some(r) = &state.registration {
        let class = if r.state == "registered" { "on" } else { "off" };
        write!(out, "<span class=\"{class}\">{}</span> {}", r.state, Text(r.error.as_deref().unwrap_or("")))?;
    }
    let of = channels.map(|max| format!(" of {max}")).unwrap_or_default();
    write!(out, "<td>{}{of}</tr>", state.channels)
}

fn recent_calls(out: &mut String, calls: &[CallView]) -> std::fmt::Result {
    write!(out, "<h2>Recent calls</h2>")?;
    if calls.is_empty() {
        return none(out, "No call yet.");
    }
    write!(out, "{TABLE}<tr><th>Begun (UTC)<th>From<th>To<th>Direction<th>Status<th>Seconds<th>SIP answer</tr>")?;
    for call in calls {
        write!(
            out,
            "<tr><td class=\"short\"><a href=\"/dashboard/calls/{}\">{}</a><td>{}<td>{}<td class=\"short\">{}\
             <td class=\"short\">{}<td>{}<td>{} {}</tr>",
            call.sid,
            call.created.rfc3339().trim_end_matches('Z').replace('T', " "),
            Text(&call.from),
            Text(&call.to),
            call.direction.as_str(),
            call.status.as_str(),
            call.duration_secs,
            call.sip_code.map(|c| c.to_string()).unwrap_or_default(),
            Text(call.sip_reason.as_deref().unwrap_or("")),
        )?;
    }
    write!(out, "{TABLE_END}")
}

pub(super) fn none(out: &mut String, text: &str) -> std::fmt::Result {
    write!(out, "<p class=\"none\">{}</p>", Text(text))
}

/// Text as HTML shows it, in content and in quoted attributes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() => f.write_str("\u{fffd}")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
