use tandem_model::limits;

use super::outcome::Refused;
use crate::message::{Contact, Message, NameAddr, Scheme};

/// Taken for an expiry that is not a number (RFC 3261 section 10.3, step 7).
const EXPIRES_SECS_MALFORMED: u32 = 3_600;

/// What a REGISTER asks for, its syntax checked (RFC 3261 section 10.3, steps 6 and 7).
pub(super) enum Asked<'a> {
    Query,
    RemoveAll,
    /// At least one, no two alike.
    Contacts(Vec<AskedContact<'a>>),
}

pub(super) struct AskedContact<'a> {
    pub uri: &'a str,
    /// Zero removes; else within the limits.
    pub expires_secs: u32,
    pub q_thousandths: u16,
    pub instance: Option<&'a str>,
}

impl<'a> Asked<'a> {
    pub fn read(request: &'a Message) -> Result<Asked<'a>, Refused> {
        let mut any = false;
        let mut addresses = Vec::new();
        for contact in request.contacts() {
            match contact.map_err(|_| Refused::bad_request("Malformed Contact"))? {
                Contact::Any => any = true,
                Contact::Address(address) => addresses.push(address),
            }
        }
        let default = request.header("Expires").map(read_expires);
        if any {
            let alone = addresses.is_empty() && request.contacts().count() == 1;
            return match default {
                Some(0) if alone => Ok(Asked::RemoveAll),
                _ => Err(Refused::bad_request("Contact * Needs Expires 0 And No Other Contact")),
            };
        }
        if addresses.is_empty() {
            return Ok(Asked::Query);
        }
        if addresses.len() > limits::CONTACTS_PER_AOR_MAX {
            return Err(Refused::too_many());
        }
        addresses.into_iter().map(|a| AskedContact::read(a, default)).collect::<Result<_, _>>().map(Asked::Contacts)
    }
}

impl<'a> AskedContact<'a> {
    fn read(address: NameAddr<'a>, default: Option<u32>) -> Result<Self, Refused> {
        let uri = address.uri().map_err(|_| Refused::bad_request("Malformed Contact"))?;
        if !matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) || uri.host().is_empty() {
            return Err(Refused::bad_request("Contact Must Be A SIP URI"));
        }
        let asked = address.param("expires").map(read_expires).or(default);
        let expires_secs = match asked.unwrap_or(limits::REGISTER_EXPIRES_SECS_DEFAULT) {
            0 => 0,
            secs if secs < limits::REGISTER_EXPIRES_SECS_MIN => return Err(Refused::too_brief()),
            secs => secs.min(limits::REGISTER_EXPIRES_SECS_MAX),
        };
        let q_thousandths = match address.param("q") {
            Some(q) => read_q(q).ok_or(Refused::bad_request("Malformed q"))?,
            None => 1000,
        };
        let instance = address.param("+sip.instance").map(|i| i.trim_matches('"')).filter(|i| !i.is_empty());
        Ok(AskedContact { uri: uri.as_str(), expires_secs, q_thousandths, instance })
    }
}

/// Seconds; a number too large for the grammar is as long as it gets.
fn read_expires(text: &str) -> u32 {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return EXPIRES_SECS_MALFORMED;
    }
    text.parse().unwrap_or(u32::MAX)
}

/// `0`, `0.5`, `1.000`: at most three decimals (RFC 3261 section 25.1, qvalue).
fn read_q(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(thousandths),
        "1" if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_has_at_most_three_decimals_and_ends_at_one() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0.", Some(0)),
            ("0.5", Some(500)),
            ("0.123", Some(123)),
            ("1", Some(1000)),
            ("1.000", Some(1000)),
            ("1.001", None),
            ("0.1234", None),
            ("2", None),
            ("-0.5", None),
            ("0.+1", None),
            ("", None),
            (".5", None),
        ] {
            assert_eq!(read_q(text), expected, "{text}");
        }
    }

    #[test]
    fn an_expiry_that_is_no_number_counts_as_an_hour() {
        for (text, expected) in
            [("60", 60), (" 0 ", 0), ("4294967296", u32::MAX), ("", 3600), ("-1", 3600), ("1h", 3600)]
        {
            assert_eq!(read_expires(text), expected, "{text}");
        }
    }
}
