//! Bencode, the encoding of the NG protocol: integers, byte strings, lists, and dictionaries in the order of their keys.

use std::collections::BTreeMap;

/// Deeper than any answer goes; a reply that nests further is refused.
const DEPTH_MAX: usize = 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Int(i64),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Dict(BTreeMap<Vec<u8>, Value>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Bytes(text.as_bytes().to_vec())
    }
}

impl Value {
    pub fn list(items: &[&str]) -> Self {
        Value::List(items.iter().map(|i| Value::from(*i)).collect())
    }

    pub fn dict<'a>(pairs: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Value::Dict(pairs.into_iter().map(|(k, v)| (k.as_bytes().to_vec(), v)).collect())
    }

    /// A string of a dictionary.
    pub fn text(&self, key: &str) -> Option<&str> {
        let Value::Dict(pairs) = self else { return None };
        let Value::Bytes(bytes) = pairs.get(key.as_bytes())? else { return None };
        std::str::from_utf8(bytes).ok()
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        let string = |bytes: &[u8], out: &mut Vec<u8>| {
            out.extend_from_slice(format!("{}:", bytes.len()).as_bytes());
            out.extend_from_slice(bytes);
        };
        match self {
            Value::Int(n) => out.extend_from_slice(format!("i{n}e").as_bytes()),
            Value::Bytes(bytes) => string(bytes, out),
            Value::List(items) => {
                out.push(b'l');
                items.iter().for_each(|i| i.encode(out));
                out.push(b'e');
            }
            Value::Dict(pairs) => {
                out.push(b'd');
                for (key, value) in pairs {
                    string(key, out);
                    value.encode(out);
                }
                out.push(b'e');
            }
        }
    }

    /// None for anything that is not one whole value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (value, rest) = any(bytes, DEPTH_MAX)?;
        rest.is_empty().then_some(value)
    }
}

fn any(bytes: &[u8], depth: usize) -> Option<(Value, &[u8])> {
    let depth = depth.checked_sub(1)?;
    let (first, mut rest) = bytes.split_first()?;
    match first {
        b'i' => number(rest, b'e').map(|(n, rest)| (Value::Int(n), rest)),
        b'l' => {
            let mut items = Vec::new();
            loop {
                if let Some(rest) = rest.strip_prefix(b"e") {
                    return Some((Value::List(items), rest));
                }
                let (item, after) = any(rest, depth)?;
                items.push(item);
                rest = after;
            }
        }
        b'd' => {
            let mut pairs = BTreeMap::new();
            loop {
                if let Some(rest) = rest.strip_prefix(b"e") {
                    return Some((Value::Dict(pairs), rest));
                }
                let (key, after) = string(rest)?;
                let (value, after) = any(after, depth)?;
                pairs.insert(key.to_vec(), value);
                rest = after;
            }
        }
        _ => string(bytes).map(|(s, rest)| (Value::Bytes(s.to_vec()), rest)),
    }
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = number(bytes, b':')?;
    rest.split_at_checked(usize::try_from(len).ok()?)
}

fn number(bytes: &[u8], end: u8) -> Option<(i64, &[u8])> {
    let at = bytes.iter().position(|b| *b == end)?;
    let text = std::str::from_utf8(&bytes[..at]).ok()?;
    // `parse` would take a plus sign.
    if text.starts_with('+') {
        return None;
    }
    Some((text.parse().ok()?, &bytes[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_keys_are_in_order() {
        let value = Value::dict([
            ("sdp", "v=0\r\n".into()),
            ("flags", Value::list(&["a", ""])),
            ("n", Value::Int(-7)),
            ("codec", Value::dict([("mask", Value::List(Vec::new()))])),
        ]);
        let mut out = Vec::new();
        value.encode(&mut out);
        assert_eq!(String::from_utf8_lossy(&out), "d5:codecd4:masklee5:flagsl1:a0:e1:ni-7e3:sdp5:v=0\r\ne");
        assert_eq!(Value::decode(&out).as_ref(), Some(&value));
        assert_eq!((value.text("sdp"), value.text("n"), value.text("x")), (Some("v=0\r\n"), None, None));
        for len in 0..out.len() {
            assert_eq!(Value::decode(&out[..len]), None, "cut at {len}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        let deep = [b"l".repeat(1_000), b"e".repeat(1_000)].concat();
        for bytes in [
            &b""[..],
            b"e",
            b"i+1e",
            b"ie",
            b"i1e1:a",
            b"-1:a",
            b"5:abc",
            b"99999999999999999999:a",
            b"9223372036854775807:a",
            b"di1ei2ee",
            b"d1:ae",
            &deep,
        ] {
            assert_eq!(Value::decode(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
