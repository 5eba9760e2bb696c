//! Pages of the Compatibility lists (laml.md 3.12), newest first. A token names the record beside the page: `PA` the one
//! before its first, `PB` the one after its last.

use serde_json::{Map, Value, json};
use tandem_model::{Sid, WallTime};
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use url::form_urlencoded::Serializer;

use super::body::Form;
use super::error::LamlError;
use crate::store::{CallPage, TimeBound};

const SIZE_DEFAULT: u32 = 50;
const SIZE_MAX: u32 = 1_000;
const DAY_MS: i64 = 86_400_000;

/// Which page a query asks for.
#[derive(Debug)]
pub(super) struct PageAsked<'q> {
    query: &'q Form,
    number: u32,
    size: u32,
    beside: Option<(Side, Sid)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    After,
    Before,
}

impl<'q> PageAsked<'q> {
    pub fn of(query: &'q Form) -> Result<PageAsked<'q>, LamlError> {
        let number = integer(query, "Page", 0, 0, u32::MAX, 54453)?;
        let size = integer(query, "PageSize", SIZE_DEFAULT, 1, SIZE_MAX, 54454)?;
        let beside = match (number, query.get("PageToken")) {
            (0, _) => None,
            (_, None) => return Err(LamlError::bad(54453, "'PageToken' is required when 'Page' is above 0")),
            (_, Some(token)) => {
                let (side, sid) = token.split_at_checked(2).ok_or_else(bad_token)?;
                let side = match side {
                    "PA" => Side::After,
                    "PB" => Side::Before,
                    _ => return Err(bad_token()),
                };
                Some((side, sid.parse().map_err(|()| bad_token())?))
            }
        };
        Ok(PageAsked { query, number, size, beside })
    }

    /// The record that the page lies beside, for lists that are read from a database.
    pub fn beside(&self) -> Option<Sid> {
        self.beside.map(|(_, sid)| sid)
    }

    /// What to read of the database. `place` is that of [`Self::beside`]; one more than shown tells whether there is a next page.
    pub fn stretch(&self, place: Option<(WallTime, Sid)>) -> CallPage {
        let (after, before) = match self.beside {
            Some((Side::After, _)) => (place, None),
            Some((Side::Before, _)) => (None, place),
            None => (None, None),
        };
        CallPage { after, before, limit: self.size + 1 }
    }

    /// Cuts what [`Self::stretch`] gave to the page, and writes it.
    pub fn of_stretch<T>(
        &self,
        uri: &str,
        key: &str,
        mut items: Vec<T>,
        sid: impl Fn(&T) -> Sid,
        show: impl Fn(&T) -> Value,
    ) -> Value {
        let backwards = matches!(self.beside, Some((Side::Before, _)));
        let more = items.len() > self.size as usize;
        if more && backwards {
            items.remove(0);
        }
        items.truncate(self.size as usize);
        self.body(uri, key, &items, more || backwards, sid, show)
    }

    /// A page of a list that is held whole. When the record that it lies beside is gone since, it begins where its number says.
    pub fn of_all<T>(
        &self,
        uri: &str,
        key: &str,
        all: &[T],
        sid: impl Fn(&T) -> Sid,
        show: impl Fn(&T) -> Value,
    ) -> Value {
        let size = self.size as usize;
        let place = |sought: Sid| all.iter().position(|item| sid(item) == sought);
        let start = match self.beside {
            None => Some(0),
            Some((Side::After, sought)) => place(sought).map(|at| at + 1),
            Some((Side::Before, sought)) => place(sought).map(|at| at.saturating_sub(size)),
        };
        let start = start.unwrap_or((self.number as usize).saturating_mul(size)).min(all.len());
        let end = start.saturating_add(size).min(all.len());
        self.body(uri, key, &all[start..end], end < all.len(), sid, show)
    }

    /// The meta keys, and exactly one other: clients find the list by that (laml.md 4, rule 3).
    fn body<T>(
        &self,
        uri: &str,
        key: &str,
        items: &[T],
        has_next: bool,
        sid: impl Fn(&T) -> Sid,
        show: impl Fn(&T) -> Value,
    ) -> Value {
        let number = self.number;
        let link = |number: u32, token: Option<String>| {
            let mut out = Serializer::new(String::new());
            for (name, value) in self.query.pairs() {
                if !matches!(name.as_str(), "Page" | "PageSize" | "PageToken") {
                    out.append_pair(name, value);
                }
            }
            out.append_pair("Page", &number.to_string()).append_pair("PageSize", &self.size.to_string());
            if let Some(token) = token {
                out.append_pair("PageToken", &token);
            }
            format!("{uri}?{}", out.finish())
        };
        let last = items.last().filter(|_| has_next);
        let next = last.map(|item| link(number.saturating_add(1), Some(format!("PA{}", sid(item)))));
        let previous = match (number, items.first()) {
            (0, _) => None,
            (1, _) | (_, None) => Some(link(0, None)),
            (_, Some(first)) => Some(link(number - 1, Some(format!("PB{}", sid(first))))),
        };
        let here = self.query.get("PageToken").filter(|_| number > 0).map(str::to_owned);
        let mut body = Map::new();
        body.insert("uri".into(), json!(link(number, here)));
        body.insert("first_page_uri".into(), json!(link(0, None)));
        body.insert("next_page_uri".into(), json!(next));
        body.insert("previous_page_uri".into(), json!(previous));
        body.insert("page".into(), json!(number));
        body.insert("page_size".into(), json!(self.size));
        body.insert(key.into(), items.iter().map(show).collect());
        Value::Object(body)
    }
}

pub(super) fn bad_token() -> LamlError {
    LamlError::bad(21481, "'PageToken' is invalid")
}

/// `Name`, `Name<` and `Name>` together; both comparisons include the moment or the day they name. Some clients
/// write the sign's `=` into the name.
pub(super) fn bound(query: &Form, name: &str) -> Result<TimeBound, LamlError> {
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

/// A sid that must be one when it is given.
pub(super) fn sid_filter(query: &Form, name: &str) -> Result<Option<Sid>, LamlError> {
    let bad = || LamlError::bad(20422, format!("'{name}' is invalid"));
    query.get(name).map(|sid| sid.parse().map_err(|()| bad())).transpose()
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

    /// Walks a list of five by twos, there and back.
    #[test]
    fn a_list_that_is_held_whole_is_walked_in_both_directions() {
        let all = [1, 2, 3, 4, 5];
        let page = |uri: &str| {
            let query = Form::of_query(uri.split_once('?').map_or("", |(_, q)| q)).unwrap();
            let sid = |n: &u8| Sid::from_bytes([*n; 16]);
            PageAsked::of(&query).map(|asked| asked.of_all("/x", "things", &all, sid, |n| json!(n)))
        };
        let mut uri = "/x?PageSize=2&FriendlyName=a".to_owned();
        let mut seen = Vec::new();
        loop {
            let body = page(&uri).unwrap();
            seen.push(body["things"].clone());
            match body["next_page_uri"].as_str() {
                Some(next) => uri = next.to_owned(),
                None => break,
            }
            assert!(uri.contains("FriendlyName=a"), "{uri}");
        }
        assert_eq!(seen, [json!([1, 2]), json!([3, 4]), json!([5])]);
        let last = page(&uri).unwrap();
        let before = page(last["previous_page_uri"].as_str().unwrap()).unwrap();
        assert_eq!((&before["things"], &before["page"]), (&json!([3, 4]), &json!(1)));
        assert!(before["next_page_uri"].is_string());
        let first = page(before["previous_page_uri"].as_str().unwrap()).unwrap();
        assert_eq!((&first["things"], &first["previous_page_uri"]), (&json!([1, 2]), &Value::Null));
        for (bad, code) in [
            ("/x?Page=1", 54453),
            ("/x?PageSize=0", 54454),
            ("/x?PageSize=1001", 54454),
            ("/x?Page=1&PageToken=PAx", 21481),
            ("/x?Page=1&PageToken=\u{e9}", 21481),
        ] {
            assert_eq!(page(bad).unwrap_err().code, code, "{bad}");
        }
        let gone = page(&format!("/x?Page=1&PageSize=2&PageToken=PA{}", Sid::from_bytes([9; 16]))).unwrap();
        assert_eq!(gone["things"], json!([3, 4]));
    }
}
