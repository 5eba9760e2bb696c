use actix_web::error::PayloadError;
use actix_web::{Error, web};
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::error::{LamlError, RelayError};

/// The JSON object in a body; an empty body is an empty object.
pub(super) fn json_object(body: Result<web::Bytes, Error>) -> Result<Map<String, Value>, RelayError> {
    let bytes = body.map_err(|_| RelayError::BadRequest)?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(RelayError::BadRequest),
    }
}

/// Names and values of a form or a query, in order; names may repeat.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub fn of_body(body: Result<web::Bytes, Error>) -> Result<Form, LamlError> {
        let bytes = body.map_err(|e| match e.as_error::<PayloadError>() {
            Some(PayloadError::Overflow) => LamlError::new(413, 20422, "The body is too large"),
            _ => LamlError::bad(20422, "The body does not read"),
        })?;
        Form::parse(&bytes)
    }

    pub fn of_query(query: &str) -> Result<Form, LamlError> {
        Form::parse(query.as_bytes())
    }

    /// Strict where leniency would lose data: escapes must be whole and the text UTF-8 without NUL.
    fn parse(bytes: &[u8]) -> Result<Form, LamlError> {
        let bad = || LamlError::bad(20422, "The parameters are not well-formed application/x-www-form-urlencoded text");
        let decode = |part: &[u8]| {
            let whole =
                part.iter().enumerate().filter(|(_, b)| **b == b'%').all(|(at, _)| {
                    part.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
                });
            let spaced: Vec<u8> = part.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
            let text = String::from_utf8(percent_decode(&spaced).collect()).ok()?;
            (whole && !text.contains('\0')).then_some(text)
        };
        let pairs = bytes.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
            let at = pair.iter().position(|b| *b == b'=');
            let (name, value) = at.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
            Some((decode(name)?, decode(value)?))
        });
        pairs.collect::<Option<Vec<_>>>().map(Form).ok_or_else(bad)
    }

    /// The first value of this name that is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.iter().filter(move |(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_decode_strictly() {
        let form = Form::parse(b"To=%2B1555&a=b+c&a=d&e&StartTime%3E=2020-01-01").unwrap();
        assert_eq!(form.get("To"), Some("+1555"));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["b c", "d"]);
        assert_eq!(form.get("e"), None);
        assert_eq!(form.get("StartTime>"), Some("2020-01-01"));
        for bad in [&b"a=%"[..], b"a=%2", b"a=%zz", b"a=%ff", b"a=%00", b"\xff=1"] {
            assert_eq!(Form::parse(bad).unwrap_err().code, 20422, "{bad:?}");
        }
    }
}
