//! Pages of what is all in memory (laml.md 3.12). A token names the last record of the page before.

use serde_json::{Map, Value, json};
use tandem_model::Sid;

use crate::api::body::Form;
use crate::api::error::LamlError;

const SIZE_DEFAULT: usize = 50;
const SIZE_MAX: usize = 1_000;

/// The page of `records` that `query` asks for, as the body of the list `key` at `base`.
pub(super) fn of<T>(
    base: &str,
    query: &str,
    key: &str,
    records: &[T],
    id: impl Fn(&T) -> Sid,
    show: impl Fn(&T) -> Value,
) -> Result<Value, LamlError> {
    let query = Form::of_query(query)?;
    let number = integer(&query, "Page", 0, 0, 1_000_000, 54453)?;
    let size = integer(&query, "PageSize", SIZE_DEFAULT, 1, SIZE_MAX, 54454)?;
    let start = match (number, query.get("PageToken")) {
        (0, _) => 0,
        (_, None) => return Err(LamlError::bad(54453, "'PageToken' is required when 'Page' is above 0")),
        (_, Some(token)) => {
            let sid: Option<Sid> = token.strip_prefix("PA").and_then(|sid| sid.parse().ok());
            let sid = sid.ok_or_else(|| LamlError::bad(21481, "'PageToken' is invalid"))?;
            // The record may be gone since: then the page begins where its number says.
            let by_number = number.saturating_mul(size);
            records.iter().position(|r| id(r) == sid).map_or(by_number, |at| at + 1).min(records.len())
        }
    };
    let end = start.saturating_add(size).min(records.len());
    let uri = |number: usize, first: usize| {
        let token = first.checked_sub(1).and_then(|at| records.get(at)).filter(|_| number > 0);
        let token = token.map(|before| format!("&PageToken=PA{}", id(before))).unwrap_or_default();
        format!("{base}?Page={number}&PageSize={size}{token}")
    };
    let mut body = Map::new();
    body.insert("uri".into(), json!(uri(number, start)));
    body.insert("first_page_uri".into(), json!(uri(0, 0)));
    body.insert("next_page_uri".into(), json!((end < records.len()).then(|| uri(number + 1, end))));
    let before = start.saturating_sub(size);
    let previous = (number > 0).then(|| if before == 0 { uri(0, 0) } else { uri(number - 1, before) });
    body.insert("previous_page_uri".into(), json!(previous));
    body.insert("page".into(), json!(number));
    body.insert("page_size".into(), json!(size));
    body.insert(key.into(), records[start..end].iter().map(show).collect());
    Ok(Value::Object(body))
}

fn integer(query: &Form, name: &str, default: usize, min: usize, max: usize, code: u32) -> Result<usize, LamlError> {
    match query.get(name) {
        None => Ok(default),
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (min..=max).contains(n))
            .ok_or_else(|| LamlError::bad(code, format!("'{name}' must be an integer of {min} to {max}"))),
    }
}
