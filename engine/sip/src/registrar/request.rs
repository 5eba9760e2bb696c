use tandem_model::limits;

use super::Policy;
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
    /// Zero removes; else within the policy's limits.
    pub expires_secs: u32,
    pub q_thousandths: u16,
    pub instance: Option<&'a str>,
    /// With an instance, and where the first hop keeps flows (RFC 5626 section 6).
    pub reg_id: Option<u32>,
}

impl<'a> Asked<'a> {
    pub fn read(request: &'a Message, policy: &Policy) -> Result<Asked<'a>, Refused> {
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
        if addresses.len() > policy.contacts_max {
            return Err(Refused::too_many());
        }
        let read = |address| AskedContact::read(address, default, policy);
        let mut contacts: Vec<AskedContact<'_>> = addresses.into_iter().map(read).collect::<Result<_, _>>()?;
        check_flows(&mut contacts, request)?;
        Ok(Asked::Contacts(contacts))
    }
}

/// RFC 5626 section 6: a reg-id counts for a client that says it keeps flows, and whose first hop does.
fn check_flows(contacts: &mut [AskedContact<'_>], request: &Message) -> Result<(), Refused> {
    if contacts.iter().all(|c| c.reg_id.is_none()) {
        return Ok(());
    }
    if !request.token_list("Supported").any(|tag| tag.eq_ignore_ascii_case("outbound")) {
        contacts.iter_mut().for_each(|c| c.reg_id = None);
        return Ok(());
    }
    if contacts.iter().filter(|c| c.reg_id.is_some() && c.expires_secs > 0).count() > 1 {
        return Err(Refused::bad_request("One reg-id At A Time"));
    }
    // A proxy adds itself on top (RFC 3327 section 5.2): the first hop of the client is at the bottom.
    let first_hop = request.token_list("Path").last();
    let keeps_flows = match first_hop {
        Some(path) => NameAddr::parse(path).is_ok_and(|p| p.uri().is_ok_and(|uri| uri.param("ob").is_some())),
        None => request.vias().count() == 1,
    };
    if keeps_flows { Ok(()) } else { Err(Refused::first_hop_lacks_outbound()) }
}

impl<'a> AskedContact<'a> {
    fn read(address: NameAddr<'a>, default: Option<u32>, policy: &Policy) -> Result<Self, Refused> {
        let uri = address.uri().map_err(|_| Refused::bad_request("Malformed Contact"))?;
        if !matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) || uri.host().is_empty() {
            return Err(Refused::bad_request("Contact Must Be A SIP URI"));
        }
        if uri.as_str().len() > limits::CONTACT_BYTES_MAX {
            return Err(Refused::bad_request("Contact Too Long"));
        }
        let asked = address.param("expires").map(read_expires).or(default);
        let expires_secs = match asked.unwrap_or(policy.expires_secs_default) {
            0 => 0,
            secs if secs < policy.expires_secs_min => return Err(Refused::too_brief(policy.expires_secs_min)),
            secs => secs.min(policy.expires_secs_max),
        };
        let q_thousandths = match address.param("q") {
            Some(q) => read_q(q).ok_or(Refused::bad_request("Malformed q"))?,
            None => 1000,
        };
        let instance = address.param("+sip.instance").map(|i| i.trim_matches('"')).filter(|i| !i.is_empty());
        if instance.is_some_and(|i| i.len() > limits::CONTACT_BYTES_MAX) {
            return Err(Refused::bad_request("Instance Too Long"));
        }
        let reg_id = match address.param("reg-id").filter(|_| instance.is_some()) {
            Some(text) => Some(read_reg_id(text).ok_or(Refused::bad_request("Malformed reg-id"))?),
            None => None,
        };
        Ok(AskedContact { uri: uri.as_str(), expires_secs, q_thousandths, instance, reg_id })
    }

    /// Names the flow among all of its address-of-record; empty for a contact without one.
    pub fn flow(&self) -> String {
        match (self.reg_id, self.instance) {
            (Some(reg_id), Some(instance)) => format!("{reg_id};{instance}"),
            _ => String::new(),
        }
    }
}

/// The Path of a REGISTER, one value each (RFC 3327 section 5.3).
pub(super) fn read_path(request: &Message) -> Result<Vec<String>, Refused> {
    let mut path = Vec::new();
    let mut bytes = 0;
    for value in request.token_list("Path") {
        let uri_reads = NameAddr::parse(value).is_ok_and(|p| {
            p.uri().is_ok_and(|uri| matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) && !uri.host().is_empty())
        });
        if !uri_reads {
            return Err(Refused::bad_request("Malformed Path"));
        }
        bytes += value.len();
        path.push(value.to_owned());
        if bytes > limits::PATH_BYTES_MAX {
            return Err(Refused::bad_request("Path Too Long"));
        }
    }
    Ok(path)
}

/// 1 to 2^31 - 1 (RFC 5626 section 4.2.1).
fn read_reg_id(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits && (1..1 << 31).contains(n))
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
