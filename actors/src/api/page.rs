//! Pages of the Relay REST lists (laml.md 3.2): newest first; a page token names the last record of the page before.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tandem_model::Sid;
use url::form_urlencoded::Serializer;

use super::body::Form;
use super::error::{FieldError, RelayError};

const SIZE_DEFAULT: usize = 50;
const SIZE_MAX: usize = 1_000;

/// The page of `records` that `query` asks for, as the list's body.
pub(super) fn list<T>(
    path: &str,
    query: &str,
    filters: &[&str],
    records: Vec<Arc<T>>,
    id: impl Fn(&T) -> Sid,
    show: impl Fn(&T) -> Value,
) -> Result<Value, RelayError> {
    let query = Form::of_query(query).map_err(|_| RelayError::BadRequest)?;
    let number = number(&query, "page_number", 0, 0, usize::MAX)?;
    let size = self::number(&query, "page_size", SIZE_DEFAULT, 1, SIZE_MAX)?;
    let start = match (number, query.get("page_token")) {
        (0, _) => 0,
        (_, None) => return Err(invalid("page_token", "is required when page_number is above 0")),
        (_, Some(token)) => {
            let sid: Sid = token
                .strip_prefix("PA")
                .and_then(|sid| sid.parse().ok())
                .ok_or_else(|| invalid("page_token", "is invalid"))?;
            // The record may be gone since: then the page begins where its number says.
            let by_number = number.saturating_mul(size);
            records.iter().position(|r| id(r) == sid).map_or(by_number, |at| at + 1).min(records.len())
        }
    };
    let end = start.saturating_add(size).min(records.len());

    let link = |number: usize, first: usize| {
        let mut out = Serializer::new(String::new());
        for (name, value) in query.pairs().iter().filter(|(name, _)| filters.contains(&name.as_str())) {
            out.append_pair(name, value);
        }
        out.append_pair("page_number", &number.to_string()).append_pair("page_size", &size.to_string());
        if let Some(before) = first.checked_sub(1).and_then(|at| records.get(at)) {
            out.append_pair("page_token", &format!("PA{}", id(before)));
        }
        json!(format!("{path}?{}", out.finish()))
    };
    let mut links = Map::new();
    links.insert("self".into(), link(number, start));
    links.insert("first".into(), link(0, 0));
    if end < records.len() {
        links.insert("next".into(), link(number + 1, end));
    }
    if number > 0 {
        let first = if number == 1 { 0 } else { start.saturating_sub(size) };
        links.insert("prev".into(), link(number - 1, first));
    }
    let data: Vec<Value> = records[start..end].iter().map(|r| show(r)).collect();
    Ok(json!({"links": links, "data": data}))
}

/// The value of a filter, for comparing without regard to case.
pub(super) fn filter(query: &str, name: &str) -> Result<Option<String>, RelayError> {
    let query = Form::of_query(query).map_err(|_| RelayError::BadRequest)?;
    Ok(query.get(name).map(str::to_lowercase))
}

/// The value of a filter that is true or false, in any case.
pub(super) fn flag(query: &str, name: &str) -> Result<Option<bool>, RelayError> {
    let sent = filter(query, name)?;
    let read = |text: String| text.parse().map_err(|_| invalid(name, "must be true or false"));
    sent.map(read).transpose()
}

fn number(query: &Form, name: &str, default: usize, min: usize, max: usize) -> Result<usize, RelayError> {
    match query.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (min..=max).contains(n))
            .ok_or_else(|| invalid(name, &format!("must be an integer of {min} or more, at most {max}"))),
    }
}

fn invalid(field: &str, problem: &str) -> RelayError {
    RelayError::Invalid(vec![FieldError::new(field, problem)])
}
