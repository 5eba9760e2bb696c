use serde_json::{Value, json};
use tandem_model::{Sid, WallTime};
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use url::form_urlencoded::Serializer;

use super::{seq_of, show, sid_of};
use crate::api::ApiState;
use crate::api::auth::LAML_PREFIXES;
use crate::api::body::Form;
use crate::api::error::LamlError;
use crate::store::{EventLevel, NotificationFilter};

const SIZE_DEFAULT: u32 = 50;
const SIZE_MAX: u32 = 1_000;
const DAY_MS: i64 = 86_400_000;

/// A page of the list, newest first (laml.md 3.12).
pub(super) async fn page(state: &ApiState, query: &str, call_sid: Option<Sid>) -> Result<Value, LamlError> {
    let query = Form::of_query(query)?;
    let number = integer(&query, "Page", 0, 0, u32::MAX, 54453)?;
    let size = integer(&query, "PageSize", SIZE_DEFAULT, 1, SIZE_MAX, 54454)?;
    let mut filter = filter(&query)?;
    filter.call_sid = call_sid;
    // One more than shown tells whether there is a next page.
    filter.limit = size + 1;
    let bad_token = || LamlError::bad(21481, "'PageToken' is invalid");
    match (number, query.get("PageToken")) {
        (0, _) => {}
        (_, None) => return Err(LamlError::bad(54453, "'PageToken' is required when 'Page' is above 0")),
        (_, Some(token)) => {
            let (side, sid) = token.split_at_checked(2).ok_or_else(bad_token)?;
            let seq = sid.parse().ok().and_then(seq_of).ok_or_else(bad_token)?;
            match side {
                "PA" => filter.after_seq = Some(seq),
                "PB" => filter.before_seq = Some(seq),
                _ => return Err(bad_token()),
            }
        }
    }
    let mut records = state.store.notifications(&filter).await?;
    let more = records.len() > size as usize;
    if more && filter.before_seq.is_some() {
        records.remove(0);
    }
    records.truncate(size as usize);
    let has_next = more || filter.before_seq.is_some();

    let account = &state.store.project().project.id;
    let base = match call_sid {
        Some(call) => format!("{}/Accounts/{account}/Calls/{call}/Notifications", LAML_PREFIXES[0]),
        None => format!("{}/Accounts/{account}/Notifications", LAML_PREFIXES[0]),
    };
    let uri = |number: u32, token: Option<String>| {
        let mut out = Serializer::new(String::new());
        for (name, value) in query.pairs() {
            if !matches!(name.as_str(), "Page" | "PageSize" | "PageToken") {
                out.append_pair(name, value);
            }
        }
        out.append_pair("Page", &number.to_string()).append_pair("PageSize", &size.to_string());
        if let Some(token) = token {
            out.append_pair("PageToken", &token);
        }
        format!("{base}?{}", out.finish())
    };
    let next = records.last().filter(|_| has_next);
    let next = next.map(|r| uri(number.saturating_add(1), Some(format!("PA{}", sid_of(r.seq)))));
    let previous = match (number, records.first()) {
        (0, _) => None,
        (1, _) | (_, None) => Some(uri(0, None)),
        (_, Some(first)) => Some(uri(number - 1, Some(format!("PB{}", sid_of(first.seq))))),
    };
    let here = query.get("PageToken").filter(|_| number > 0).map(str::to_owned);
    Ok(json!({
        "uri": uri(number, here),
        "first_page_uri": uri(0, None),
        "next_page_uri": next,
        "previous_page_uri": previous,
        "page": number,
        "page_size": size,
        "notifications": records.iter().map(|r| show(r, state)).collect::<Vec<_>>(),
    }))
}

fn filter(query: &Form) -> Result<NotificationFilter, LamlError> {
    let bad = |name: &str| LamlError::bad(20422, format!("'{name}' is invalid"));
    let level = match query.get("Log") {
        None => None,
        Some("0") => Some(EventLevel::Error),
        Some("1") => Some(EventLevel::Warning),
        Some(_) => return Err(bad("Log")),
    };
    let mut filter = NotificationFilter { level, ..NotificationFilter::default() };
    // Each includes the day or second it names; some clients write the sign's `=` into the name.
    for (name, lower, upper) in
        [("MessageDate", true, true), ("MessageDate>", true, false), ("MessageDate<", false, true)]
    {
        let Some(text) = query.get(name) else { continue };
        let (from, end) = moment(text).ok_or_else(|| bad(name))?;
        if lower {
            filter.from = Some(filter.from.map_or(from, |f| f.max(from)));
        }
        if upper {
            filter.before = Some(filter.before.map_or(end, |b| b.min(end)));
        }
    }
    Ok(filter)
}

fn moment(text: &str) -> Option<(WallTime, WallTime)> {
    let text = text.trim().trim_start_matches('=');
    if let Ok(day) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        let begin = day.midnight().assume_utc().unix_timestamp() * 1_000;
        return Some((WallTime(begin), WallTime(begin + DAY_MS)));
    }
    let second = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(text, &Rfc2822)).ok()?;
    let begin = second.unix_timestamp() * 1_000;
    Some((WallTime(begin), WallTime(begin + 1_000)))
}

fn integer(query: &Form, name: &str, default: u32, min: u32, max: u32, code: u32) -> Result<u32, LamlError> {
    match query.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (min..=max).contains(n))
            .ok_or_else(|| LamlError::bad(code, format!("'{name}' must be an integer of {min} to {max}"))),
    }
}
