use std::collections::BTreeSet;

use serde_json::{Value, json};
use tandem_model::{Sid, WallTime};
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use url::form_urlencoded::Serializer;

use super::show;
use crate::api::auth::LAML_PREFIXES;
use crate::api::body::Form;
use crate::api::error::LamlError;
use crate::api::{ApiState, CallView};
use crate::store::{CallFilter, CallPage, CallStatus, TimeBound};

const SIZE_DEFAULT: u32 = 50;
const SIZE_MAX: u32 = 1_000;
const DAY_MS: i64 = 86_400_000;

/// A page of the list, newest first. A token names the call beside the page: `PA` the one before its first, `PB` the
/// one after its last.
pub(super) async fn page(state: &ApiState, query: &str) -> Result<Value, LamlError> {
    let query = Form::of_query(query)?;
    let filter = filter(&query)?;
    let number: u32 = integer(&query, "Page", 0, 0, u32::MAX, 54453)?;
    let size = integer(&query, "PageSize", SIZE_DEFAULT, 1, SIZE_MAX, 54454)?;
    let bad_token = || LamlError::bad(21481, "'PageToken' is invalid");
    let (mut after, mut before) = (None, None);
    match (number, query.get("PageToken")) {
        (0, _) => {}
        (_, None) => return Err(LamlError::bad(54453, "'PageToken' is required when 'Page' is above 0")),
        (_, Some(token)) => {
            let (side, sid) = token.split_at_checked(2).ok_or_else(bad_token)?;
            let sid: Sid = sid.parse().map_err(|()| bad_token())?;
            let call = super::known(state, sid).await.map_err(|_| bad_token())?;
            match side {
                "PA" => after = Some((call.created, sid)),
                "PB" => before = Some((call.created, sid)),
                _ => return Err(bad_token()),
            }
        }
    }
    // One more than shown tells whether there is a next page.
    let mut calls = merged(state, &filter, CallPage { after, before, limit: size + 1 }).await?;
    let more = calls.len() > size as usize;
    if more && before.is_some() {
        calls.remove(0);
    }
    calls.truncate(size as usize);
    let has_next = more || before.is_some();

    let base = format!("{}/Accounts/{}/Calls", LAML_PREFIXES[0], state.store.project().project.id);
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
    let next = calls.last().filter(|_| has_next).map(|c| uri(number.saturating_add(1), Some(format!("PA{}", c.sid))));
    let previous = match (number, calls.first()) {
        (0, _) => None,
        (1, _) | (_, None) => Some(uri(0, None)),
        (_, Some(first)) => Some(uri(number - 1, Some(format!("PB{}", first.sid)))),
    };
    let here = query.get("PageToken").filter(|_| number > 0).map(str::to_owned);
    Ok(json!({
        "uri": uri(number, here),
        "first_page_uri": uri(0, None),
        "next_page_uri": next,
        "previous_page_uri": previous,
        "page": number,
        "page_size": size,
        "calls": calls.iter().map(|c| show::call(c, state)).collect::<Vec<_>>(),
    }))
}

/// Live and stored calls that hold to the filter, in order, cut to the page.
pub(super) async fn merged(state: &ApiState, filter: &CallFilter, page: CallPage) -> Result<Vec<CallView>, LamlError> {
    let live = state.calls.live_all();
    let sids: BTreeSet<Sid> = live.iter().map(|c| c.sid).collect();
    // A stored call that lives is replaced by its live self, so that many more may have to be read.
    let extra = u32::try_from(live.len()).unwrap_or(u32::MAX);
    let stored = state.store.calls(filter, CallPage { limit: page.limit.saturating_add(extra), ..page }).await?;
    let mut calls: Vec<CallView> = live.into_iter().filter(|c| filter.holds(c) && page.holds(c)).collect();
    calls.extend(stored.into_iter().filter(|c| !sids.contains(&c.sid)));
    calls.sort_by_key(|c| std::cmp::Reverse((c.created, c.sid)));
    let limit = page.limit as usize;
    if page.before.is_some() && calls.len() > limit {
        calls.drain(..calls.len() - limit);
    }
    calls.truncate(limit);
    Ok(calls)
}

fn filter(query: &Form) -> Result<CallFilter, LamlError> {
    let bad = |name: &str| LamlError::bad(20422, format!("'{name}' is invalid"));
    let status = match query.get("Status") {
        None => None,
        Some(name) => Some(CallStatus::from_name(name).ok_or_else(|| bad("Status"))?),
    };
    let parent_sid =
        query.get("ParentCallSid").map(|sid| sid.parse().map_err(|()| bad("ParentCallSid"))).transpose()?;
    Ok(CallFilter {
        status,
        to: query.get("To").map(str::to_owned),
        from: query.get("From").map(str::to_owned),
        parent_sid,
        started: bound(query, "StartTime")?,
        ended: bound(query, "EndTime")?,
    })
}

/// `Name`, `Name<` and `Name>` together; both comparisons include the moment or the day they name. Some clients
/// write the sign's `=` into the name.
fn bound(query: &Form, name: &str) -> Result<TimeBound, LamlError> {
    let mut bound = TimeBound::default();
    for (sign, lower, upper) in [("", true, true), (">", true, false), ("<", false, true)] {
        let key = format!("{name}{sign}");
        let Some(text) = query.get(&key) else { continue };
        let (from, length_ms) = moment(text).ok_or_else(|| LamlError::bad(20422, format!("'{key}' is not a date")))?;
        if lower {
            bound.from = Some(bound.from.map_or(from, |f| f.max(from)));
        }
        if upper {
            let end = WallTime(from.0 + length_ms);
            bound.before = Some(bound.before.map_or(end, |b| b.min(end)));
        }
    }
    Ok(bound)
}

/// A day, or a second in one of two forms: its beginning and its length in milliseconds.
fn moment(text: &str) -> Option<(WallTime, i64)> {
    let text = text.trim().trim_start_matches('=');
    if let Ok(day) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        return Some((WallTime(day.midnight().assume_utc().unix_timestamp() * 1000), DAY_MS));
    }
    let second = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| OffsetDateTime::parse(text, &Rfc2822)).ok()?;
    Some((WallTime(second.unix_timestamp() * 1000), 1000))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_days_or_seconds() {
        assert_eq!(moment("2023-11-09"), Some((WallTime(1_699_488_000_000), DAY_MS)));
        assert_eq!(moment("=2023-11-09"), moment("2023-11-09"));
        assert_eq!(moment("Thu, 09 Nov 2023 17:05:04 +0000"), Some((WallTime(1_699_549_504_000), 1000)));
        assert_eq!(moment("2023-11-09T17:05:04Z"), Some((WallTime(1_699_549_504_000), 1000)));
        for bad in ["", "yesterday", "2023-13-01", "2023-11-9999"] {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }
}
