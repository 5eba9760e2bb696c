//! The policy fields of a carrier: checked here, so that whatever is stored can be followed.

use serde_json::Value;
use tandem_call::carrier::DialPlan;
use tandem_call::directory::StatusClass;
use tandem_sip::message::Uri;

use super::is_carrier_uri;
use crate::api::fields::{CIPHERS, CODECS, Fields};
use crate::store::{CarrierPolicy, NumberRule};

const RULES_MAX: usize = 100;
const HEADERS_MAX: usize = 20;
/// Header fields that the switch writes itself, or that would change what a request means.
const RESERVED: &[&str] = &[
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "Max-Forwards",
    "Route",
    "Record-Route",
    "Content-Length",
    "Content-Type",
    "Content-Encoding",
    "Authorization",
    "Proxy-Authorization",
    "Require",
    "Proxy-Require",
    "Supported",
    "Allow",
    "Expires",
    "Min-Expires",
    "Session-Expires",
    "Min-SE",
    "Replaces",
    "Refer-To",
    "Refer-Sub",
    "User-Agent",
    "RAck",
    "RSeq",
    "Event",
    "P-Asserted-Identity",
    "Remote-Party-ID",
    "Privacy",
];

pub(super) fn change(fields: &mut Fields, policy: &mut CarrierPolicy) {
    fields.text("realm", &mut policy.realm);
    fields.boolean("register", &mut policy.register);
    fields.text("registrar", &mut policy.registrar);
    if policy.registrar.as_deref().is_some_and(|uri| !is_carrier_uri(uri)) {
        fields.wrong("registrar", "must be a SIP URI such as sip:host:port;transport=udp");
    }
    within(fields, "register_expires", &mut policy.register_expires, 60..=86_400);
    fields.boolean("tls_verify", &mut policy.tls_verify);
    within(fields, "weight", &mut policy.weight, 0..=65_535);
    fields.texts("failover_on", &mut policy.failover_on, |class| class.parse::<StatusClass>().map(drop));
    fields.words("codecs", &mut policy.codecs, CODECS);
    if policy.codecs.is_empty() {
        fields.wrong("codecs", "can't be empty");
    }
    fields.words("ciphers", &mut policy.ciphers, CIPHERS);
    fields.choice("encryption", &mut policy.encryption, &["optional", "required", "forbidden"]);
    session(fields, policy);
    fields.choice("identity", &mut policy.identity, &["from", "pai", "rpid"]);
    fields.boolean("trusted", &mut policy.trusted);
    from_parts(fields, policy);
    fields.texts("headers", &mut policy.headers, header);
    if policy.headers.len() > HEADERS_MAX {
        fields.wrong("headers", &format!("has more than {HEADERS_MAX} entries"));
    }
    fields.choice("number_format", &mut policy.number_format, &["e164", "digits", "national"]);
    country(fields, policy);
    rules(fields, "outbound_rules", &mut policy.outbound_rules);
    rules(fields, "inbound_rules", &mut policy.inbound_rules);
    limit(fields, "calls_per_second", &mut policy.calls_per_second, 10_000);
    limit(fields, "channels", &mut policy.channels, 1_000_000);
    let off = policy.options_interval;
    fields.integer("options_interval", &mut policy.options_interval);
    if policy.options_interval != 0 && !(1..=3_600).contains(&policy.options_interval) {
        policy.options_interval = off;
        fields.wrong("options_interval", "must be 0, or 1 to 3600 seconds");
    }
    within(fields, "down_after", &mut policy.down_after, 1..=20);
    within(fields, "up_after", &mut policy.up_after, 1..=20);
}

/// RFC 4028 sections 4 and 5: nothing is shorter than 90 seconds.
fn session(fields: &mut Fields, policy: &mut CarrierPolicy) {
    seconds(fields, "session_expires", &mut policy.session_expires, true);
    seconds(fields, "min_se", &mut policy.min_se, false);
    if policy.session_expires.zip(policy.min_se).is_some_and(|(expires, min)| expires != 0 && expires < min) {
        fields.wrong("session_expires", "must be 0, or min_se at least");
    }
}

fn seconds(fields: &mut Fields, field: &str, target: &mut Option<i32>, may_be_off: bool) {
    let good = |n: &i32| (90..=86_400).contains(n) || may_be_off && *n == 0;
    *target = match fields.raw(field) {
        None => return,
        Some(Value::Null) => None,
        Some(sent) => match sent.as_i64().and_then(|n| i32::try_from(n).ok()).filter(good) {
            Some(secs) => Some(secs),
            None => {
                return fields
                    .wrong(field, if may_be_off { "must be 0, or 90 to 86400" } else { "must be 90 to 86400" });
            }
        },
    };
}

fn from_parts(fields: &mut Fields, policy: &mut CarrierPolicy) {
    fields.text("from_user", &mut policy.from_user);
    if policy
        .from_user
        .as_deref()
        .is_some_and(|user| Uri::parse(&format!("sip:{user}@h")).is_err() || user.contains('@'))
    {
        fields.wrong("from_user", "must be the user part of a SIP URI");
    }
    fields.text("from_domain", &mut policy.from_domain);
    let whole = |domain: &str| Uri::parse(&format!("sip:{domain}")).is_ok_and(|uri| uri.host() == domain);
    if policy.from_domain.as_deref().is_some_and(|domain| !whole(domain)) {
        fields.wrong("from_domain", "must be a host name or an IPv4 address");
    }
}

fn country(fields: &mut Fields, policy: &mut CarrierPolicy) {
    fields.text("country", &mut policy.country);
    match policy.country.as_deref().map(|c| (c, DialPlan::of_country(c))) {
        Some((_, Some(plan))) => policy.country = Some(plan.country.to_owned()),
        Some((_, None)) => {
            let known: Vec<_> = DialPlan::countries().collect();
            fields.wrong("country", &format!("must be one of {}", known.join(", ")));
        }
        None if policy.number_format == "national" => {
            fields.wrong("country", "can't be blank when number_format is national");
        }
        None => {}
    }
}

fn header(line: &str) -> Result<(), String> {
    let Some((name, value)) = line.split_once(':') else {
        return Err(format!("{line:?} is not of the form Name: value"));
    };
    let name = name.trim();
    let is_token = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b));
    if !is_token || value.trim().is_empty() {
        return Err(format!("{line:?} is not of the form Name: value"));
    }
    // Compact forms are one letter (RFC 3261 section 7.3.3).
    if name.len() == 1 || RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err(format!("{name} is written by the server"));
    }
    Ok(())
}

fn within(fields: &mut Fields, field: &str, target: &mut i32, range: std::ops::RangeInclusive<i32>) {
    let before = *target;
    fields.integer(field, target);
    if !range.contains(target) {
        *target = before;
        fields.wrong(field, &format!("must be {} to {}", range.start(), range.end()));
    }
}

fn limit(fields: &mut Fields, field: &str, target: &mut Option<i32>, max: i32) {
    match fields.raw(field) {
        None => {}
        Some(Value::Null) => *target = None,
        Some(_) => {
            let mut value = target.unwrap_or(0);
            within(fields, field, &mut value, 0..=max);
            *target = Some(value);
        }
    }
}

fn rules(fields: &mut Fields, field: &str, target: &mut Vec<NumberRule>) {
    let sent = match fields.raw(field) {
        None => return,
        Some(Value::Null) => Vec::new(),
        Some(Value::Array(rules)) => rules.clone(),
        Some(_) => return fields.wrong(field, "must be a list of rules"),
    };
    if sent.len() > RULES_MAX {
        return fields.wrong(field, &format!("has more than {RULES_MAX} entries"));
    }
    match sent.iter().map(rule).collect() {
        Ok(rules) => *target = rules,
        Err(why) => fields.wrong(field, &why),
    }
}

fn rule(sent: &Value) -> Result<NumberRule, String> {
    let Some(map) = sent.as_object() else {
        return Err("must hold objects such as {\"prefix\": \"+49\", \"replacement\": \"0\"}".to_owned());
    };
    if let Some(unknown) = map.keys().find(|k| !["prefix", "replacement", "digits"].contains(&k.as_str())) {
        return Err(format!("has a rule with {unknown:?}, which is none of prefix, replacement, digits"));
    }
    let part = |name: &str| match map.get(name) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => {
            let digits = text.strip_prefix('+').unwrap_or(text);
            let good = digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'#'));
            if good {
                Ok(text.clone())
            } else {
                Err(format!("has the {name} {text:?}: digits, *, # and a leading + are allowed"))
            }
        }
        Some(_) => Err(format!("has a {name} that is no string")),
    };
    let digits = match map.get("digits") {
        None | Some(Value::Null) => None,
        Some(n) => match n.as_u64().and_then(|n| u8::try_from(n).ok()).filter(|n| (1..=20).contains(n)) {
            Some(n) => Some(n),
            None => return Err("has digits that are not 1 to 20".to_owned()),
        },
    };
    Ok(NumberRule { prefix: part("prefix")?, replacement: part("replacement")?, digits })
}
