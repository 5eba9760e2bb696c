use std::collections::BTreeSet;

use serde_json::Value;
use tandem_model::Sid;

use super::show;
use crate::api::body::Form;
use crate::api::error::LamlError;
use crate::api::laml_page::{PageAsked, bad_token, bound, sid_filter};
use crate::api::writing::Writing;
use crate::api::{ApiState, CallView};
use crate::store::{CallFilter, CallPage, CallStatus};

/// A page of the list, newest first.
pub(super) async fn page(state: &ApiState, query: &str) -> Result<Value, LamlError> {
    let query = Form::of_query(query)?;
    let filter = filter(&query)?;
    let asked = PageAsked::of(&query)?;
    let place = match asked.beside() {
        Some(sid) => Some((super::known(state, sid).await.map_err(|_| bad_token())?.created, sid)),
        None => None,
    };
    let calls = merged(state, &filter, asked.stretch(place)).await?;
    let writing = Writing::of(state);
    Ok(asked.of_stretch(&writing.path("/Calls"), "calls", calls, |c| c.sid, |c| show::call(c, &writing, state)))
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
    let status = match query.get("Status") {
        None => None,
        Some(name) => Some(CallStatus::from_name(name).ok_or_else(|| LamlError::bad(20422, "'Status' is invalid"))?),
    };
    Ok(CallFilter {
        status,
        to: query.get("To").map(str::to_owned),
        from: query.get("From").map(str::to_owned),
        parent_sid: sid_filter(query, "ParentCallSid")?,
        started: bound(query, "StartTime")?,
        ended: bound(query, "EndTime")?,
    })
}
