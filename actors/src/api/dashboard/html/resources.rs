//! Pages of applications, bins, numbers and recordings.

use std::collections::BTreeMap;
use std::fmt::Write;

use tandem_laml::Dialect;
use tandem_model::Sid;

use super::{PAGE_END, TABLE, TABLE_END, Text, begin, none};
use crate::store::{BinUse, Catalog, LamlBinRecord, NUMBER_RINGS_ENDPOINT, PhoneNumberRecord, RecordingRecord};

/// Records shown of each kind; REST lists all.
pub(in super::super) const SHOWN: usize = 500;

/// What is chosen for the whole project.
pub(super) fn project(out: &mut String, catalog: &Catalog) -> std::fmt::Result {
    write!(
        out,
        "<form method=\"post\" action=\"/dashboard/project\">Dialect <select name=\"dialect\" aria-label=\"Dialect\">"
    )?;
    for dialect in Dialect::ALL {
        let chosen = if catalog.project.dialect == dialect { " selected" } else { "" };
        write!(out, "<option{chosen}>{}</option>", dialect.as_str())?;
    }
    let checked = if catalog.media_protected { " checked" } else { "" };
    write!(
        out,
        "</select><label><input type=\"checkbox\" name=\"media_url_protection\" value=\"true\"{checked}>Recordings need \
         credentials</label> <button>Save</button></form>"
    )
}

pub(in super::super) fn applications(catalog: &Catalog, problems: &[String]) -> String {
    page("Applications", problems, |out| {
        let total = catalog.applications.len();
        more_than_shown(out, total)?;
        if total == 0 {
            none(
                out,
                "No application yet: a name for the URLs that calls ask, to be used by numbers, endpoints and domains.",
            )?;
        } else {
            write!(out, "{TABLE}<tr><th>Name<th>Sid<th>Voice URL, fallback, status callback<th></tr>")?;
        }
        for app in catalog.applications.newest_first().take(SHOWN) {
            let id = app.id;
            write!(
                out,
                "<tr><td>{}<td><code>{id}</code><td><form method=\"post\" action=\"/dashboard/applications/{id}\">",
                Text(&app.friendly_name)
            )?;
            for (name, value) in [
                ("VoiceUrl", &app.voice.voice_url),
                ("VoiceFallbackUrl", &app.voice.voice_fallback_url),
                ("StatusCallback", &app.voice.status_callback),
            ] {
                input(out, name, value.as_deref().unwrap_or_default(), name)?;
            }
            write!(out, "<button>Save</button></form><td>")?;
            delete_button(out, "applications", id)?;
            write!(out, "</tr>")?;
        }
        if total > 0 {
            write!(out, "{TABLE_END}")?;
        }
        write!(out, "<h2>New application</h2><form method=\"post\" action=\"/dashboard/applications\">")?;
        input(out, "FriendlyName", "", "Name")?;
        input(out, "VoiceUrl", "", "Voice URL")?;
        input(out, "StatusCallback", "", "Status callback (optional)")?;
        write!(out, "<button>Create</button></form>")
    })
}

pub(in super::super) fn bins(
    catalog: &Catalog,
    uses: &BTreeMap<Sid, BinUse>,
    base: &str,
    problems: &[String],
) -> String {
    page("LaML bins", problems, |out| {
        let total = catalog.laml_bins.len();
        more_than_shown(out, total)?;
        if total == 0 {
            none(out, "No bin yet: a document that is kept here, for calls that need no server of their own.")?;
        } else {
            write!(out, "{TABLE}<tr><th>Name<th>URL<th>Requests<th>Last<th></tr>")?;
        }
        for bin in catalog.laml_bins.newest_first().take(SHOWN) {
            let used = uses.get(&bin.id).copied().unwrap_or_default();
            write!(
                out,
                "<tr><td><a href=\"/dashboard/bins/{id}\">{}</a><td><code>{}/laml-bins/{id}</code><td>{}<td class=\"short\">{}<td>",
                Text(&bin.name),
                Text(base),
                used.requests,
                used.last.map(|t| t.rfc3339()).unwrap_or_default(),
                id = bin.id,
            )?;
            delete_button(out, "bins", bin.id)?;
            write!(out, "</tr>")?;
        }
        if total > 0 {
            write!(out, "{TABLE_END}")?;
        }
        write!(out, "<h2>New bin</h2><form method=\"post\" action=\"/dashboard/bins\">")?;
        input(out, "Name", "", "Name")?;
        contents(out, "<Response>\n  <Say>Hello, {{From}}</Say>\n</Response>\n")?;
        write!(out, "<button>Create</button></form>")
    })
}

/// One bin, to be changed, and what it becomes for a request with `params`.
pub(in super::super) fn bin(
    bin: &LamlBinRecord,
    params: &str,
    rendered: &Result<String, String>,
    base: &str,
    problems: &[String],
) -> String {
    page(&bin.name, problems, |out| {
        let id = bin.id;
        write!(out, "<p><code>{}/laml-bins/{id}</code></p>", Text(base))?;
        write!(out, "<form method=\"post\" action=\"/dashboard/bins/{id}\">")?;
        input(out, "Name", &bin.name, "Name")?;
        contents(out, &bin.contents)?;
        write!(out, "<button>Save</button></form><h2>Preview</h2>")?;
        write!(out, "<form method=\"get\" action=\"/dashboard/bins/{id}\">")?;
        input(out, "params", params, "Parameters, as in a URL")?;
        write!(out, "<button>Render</button></form>")?;
        match rendered {
            Ok(document) => write!(out, "<pre>{}</pre>", Lines(document)),
            Err(why) => write!(out, "<p class=\"problem\" role=\"alert\">{}</p>", Text(why)),
        }
    })
}

pub(in super::super) fn numbers(catalog: &Catalog, problems: &[String]) -> String {
    page("Numbers", problems, |out| {
        let total = catalog.numbers.len();
        more_than_shown(out, total)?;
        if total == 0 {
            none(out, "No number yet: those that a carrier brings to this server run what stands here.")?;
        } else {
            write!(out, "{TABLE}<tr><th>Number<th>Name<th>Calls run<th></tr>")?;
        }
        for number in catalog.numbers.newest_first().take(SHOWN) {
            write!(
                out,
                "<tr><td class=\"short\">{}<td>{}<td>{}<td>",
                Text(&number.number),
                Text(number.name.as_deref().unwrap_or_default()),
                Text(&runs(number, catalog)),
            )?;
            delete_button(out, "numbers", number.id)?;
            write!(out, "</tr>")?;
        }
        if total > 0 {
            write!(out, "{TABLE_END}")?;
        }
        write!(out, "<h2>New number</h2><form method=\"post\" action=\"/dashboard/numbers\">")?;
        input(out, "PhoneNumber", "", "+15551234567")?;
        input(out, "FriendlyName", "", "Name (optional)")?;
        input(out, "VoiceUrl", "", "Voice URL")?;
        write!(
            out,
            "<select name=\"VoiceApplicationSid\" aria-label=\"Application\"><option value=\"\">no application</option>"
        )?;
        for app in catalog.applications.newest_first().take(SHOWN) {
            write!(out, "<option value=\"{}\">{}</option>", app.id, Text(&app.friendly_name))?;
        }
        write!(out, "</select><button>Create</button></form>")
    })
}

/// What a number does, in words.
fn runs(number: &PhoneNumberRecord, catalog: &Catalog) -> String {
    let handler = &number.handler;
    match handler.call_handler.as_deref() {
        Some("laml_webhooks") => handler.call_request_url.clone().unwrap_or_default(),
        Some("laml_application") => {
            let name = handler.application().and_then(|id| catalog.applications.get(id)).map(|a| &a.friendly_name);
            name.map_or_else(|| "an application that is gone".to_owned(), |name| format!("application {name}"))
        }
        Some(NUMBER_RINGS_ENDPOINT) => {
            let name = number.call_sip_endpoint_id.and_then(|id| catalog.endpoints.get(id)).map(|e| &e.username);
            name.map_or_else(|| "an endpoint that is gone".to_owned(), |name| format!("endpoint {name}"))
        }
        Some(other) => format!("{other}, which this server does not run"),
        None => "nothing".to_owned(),
    }
}

pub(in super::super) fn recordings(recordings: &[RecordingRecord], account: &str, problems: &[String]) -> String {
    page("Recordings", problems, |out| {
        if recordings.is_empty() {
            return none(out, "No recording yet.");
        }
        write!(out, "{TABLE}<tr><th>Begun (UTC)<th>Of<th>Source<th>Status<th>Seconds<th><th></tr>")?;
        for r in recordings {
            let of = r.call_sid.or(r.conference_sid).map(|sid| sid.to_string()).unwrap_or_default();
            write!(
                out,
                "<tr><td class=\"short\">{}<td><code>{of}</code><td>{:?}<td>{}<td>{}<td>",
                r.started.unwrap_or(r.created).rfc3339().trim_end_matches('Z').replace('T', " "),
                r.source,
                r.status.as_str(),
                r.duration_secs.map(|secs| secs.to_string()).unwrap_or_default(),
            )?;
            if r.status == crate::store::RecordingStatus::Completed {
                let path = format!("/api/laml/2010-04-01/Accounts/{account}/Recordings/{}.wav", r.sid);
                write!(out, "<audio controls preload=\"none\" src=\"{}\"></audio>", Text(&path))?;
            }
            write!(out, "<td>")?;
            if r.status.is_final() {
                delete_button(out, "recordings", r.sid)?;
            }
            write!(out, "</tr>")?;
        }
        write!(out, "{TABLE_END}")
    })
}

fn page(title: &str, problems: &[String], body: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut out = String::with_capacity(8 * 1024);
    let done = begin(&mut out, title, problems).and_then(|()| body(&mut out)).and_then(|()| write!(out, "{PAGE_END}"));
    debug_assert!(done.is_ok(), "writing to a String does not fail");
    out
}

fn more_than_shown(out: &mut String, total: usize) -> std::fmt::Result {
    if total > SHOWN { write!(out, "<p>The newest {SHOWN} of {total} are shown; REST lists all.</p>") } else { Ok(()) }
}

fn input(out: &mut String, name: &str, value: &str, hint: &str) -> std::fmt::Result {
    let (value, hint) = (Text(value), Text(hint));
    write!(out, "<input name=\"{name}\" value=\"{value}\" placeholder=\"{hint}\" aria-label=\"{hint}\">")
}

fn contents(out: &mut String, text: &str) -> std::fmt::Result {
    // A browser drops the first line break of a text area.
    write!(
        out,
        "<textarea name=\"Contents\" rows=\"12\" aria-label=\"Document\" spellcheck=\"false\">\n{}</textarea>",
        Lines(text)
    )
}

fn delete_button(out: &mut String, kind: &str, id: Sid) -> std::fmt::Result {
    write!(out, "<form method=\"post\" action=\"/dashboard/{kind}/{id}/delete\"><button>Delete</button></form>")
}

/// As [`Text`], with line breaks.
struct Lines<'a>(&'a str);

impl std::fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, line) in self.0.lines().enumerate() {
            let before = if n == 0 { "" } else { "\n" };
            write!(f, "{before}{}", Text(&line.replace('\t', "    ")))?;
        }
        Ok(())
    }
}
