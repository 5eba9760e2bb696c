use tandem_sip::message::Uri;

use super::DialPlan;
use crate::routing::{is_number, named};

/// How a carrier writes numbers, both ways.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NumberPlan {
    pub format: NumberFormat,
    /// Where the carrier is, for what it writes without a country code.
    pub country: Option<&'static DialPlan>,
    /// Tried in order on numbers to the carrier, after `format`; the first that matches is applied.
    pub outbound: Vec<PrefixRule>,
    /// The same for numbers from the carrier, before anything else is made of them.
    pub inbound: Vec<PrefixRule>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NumberFormat {
    /// `+4930123456`.
    #[default]
    E164,
    /// `4930123456`.
    Digits,
    /// As dialled in the carrier's country: `030123456`, `0044…`.
    National,
}

/// Replaces the beginning of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixRule {
    /// Empty: every number.
    pub prefix: String,
    pub replacement: String,
    /// Only for numbers of so many digits.
    pub digits: Option<u8>,
}

impl NumberPlan {
    /// An E.164 number as this carrier wants it.
    pub fn to_carrier(&self, e164: &str) -> String {
        rewritten(&self.outbound, self.written(e164))
    }

    /// As [`NumberPlan::to_carrier`] without the rules, which are for the number called; what is no number stays.
    pub fn written(&self, number: &str) -> String {
        match (self.format, self.country) {
            _ if !is_number(number) => number.to_owned(),
            (NumberFormat::E164, _) | (NumberFormat::National, None) => number.to_owned(),
            (NumberFormat::Digits, _) => number.trim_start_matches('+').to_owned(),
            (NumberFormat::National, Some(plan)) => plan.dial(number),
        }
    }

    /// The E.164 number that the carrier means; what is none stays as it is.
    pub fn from_carrier(&self, text: &str) -> String {
        let plain: String = text.chars().filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' ')).collect();
        if plain.is_empty() || !plain.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit()) {
            return text.to_owned();
        }
        let number = rewritten(&self.inbound, plain);
        let e164 = self.e164(&number);
        if is_number(&e164) { e164 } else { number }
    }

    /// The number that a URI of the carrier names.
    pub fn of_uri(&self, uri: &Uri<'_>) -> String {
        self.from_carrier(&named(uri))
    }

    fn e164(&self, number: &str) -> String {
        if number.starts_with('+') {
            return number.to_owned();
        }
        // Of two prefixes that match the country's own is meant.
        let international = self.country.map(|p| p.international_prefix).into_iter().chain(["00", "011"]);
        if self.format != NumberFormat::Digits
            && let Some(rest) = international.filter_map(|p| number.strip_prefix(p)).next()
        {
            return format!("+{rest}");
        }
        match (self.format, self.country) {
            (NumberFormat::Digits, _) => format!("+{number}"),
            (_, Some(plan)) => plan.e164_of(number),
            (_, None) => number.to_owned(),
        }
    }
}

fn rewritten(rules: &[PrefixRule], number: String) -> String {
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    let fits = |rule: &&PrefixRule| {
        number.starts_with(&rule.prefix) && rule.digits.is_none_or(|wanted| usize::from(wanted) == digits)
    };
    match rules.iter().find(fits) {
        Some(rule) => format!("{}{}", rule.replacement, &number[rule.prefix.len()..]),
        None => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(format: NumberFormat, country: &str) -> NumberPlan {
        NumberPlan { format, country: DialPlan::of_country(country), ..NumberPlan::default() }
    }

    fn rule(prefix: &str, replacement: &str, digits: Option<u8>) -> PrefixRule {
        PrefixRule { prefix: prefix.into(), replacement: replacement.into(), digits }
    }

    #[test]
    fn numbers_to_a_carrier_are_written_its_way() {
        use NumberFormat::{Digits, E164, National};
        for (format, country, number, want) in [
            (E164, "", "+4930123456", "+4930123456"),
            (Digits, "", "+4930123456", "4930123456"),
            (National, "de", "+4930123456", "030123456"),
            (National, "de", "+442071234567", "00442071234567"),
            (National, "us", "+15551234567", "15551234567"),
            (National, "us", "+4930123456", "0114930123456"),
            (National, "hu", "+3612345678", "0612345678"),
            (National, "it", "+390612345678", "0612345678"),
            (National, "", "+4930123456", "+4930123456"),
        ] {
            assert_eq!(plan(format, country).to_carrier(number), want, "{format:?} {country}");
        }
    }

    #[test]
    fn numbers_from_a_carrier_become_e164() {
        use NumberFormat::{Digits, E164, National};
        for (format, country, said, want) in [
            (E164, "", "+4930123456", "+4930123456"),
            (E164, "", "004930123456", "+4930123456"),
            (E164, "", "0114930123456", "+4930123456"),
            (E164, "", "030123456", "030123456"),
            (E164, "de", "030123456", "+4930123456"),
            (National, "de", "0044 20 7123-4567", "+442071234567"),
            (National, "us", "5551234567", "+15551234567"),
            (National, "us", "15551234567", "+15551234567"),
            (National, "us", "0114930123456", "+4930123456"),
            (National, "au", "00114930123456", "+4930123456"),
            (National, "it", "0612345678", "+390612345678"),
            (Digits, "", "4930123456", "+4930123456"),
            (Digits, "", "+4930123456", "+4930123456"),
            (National, "de", "alice", "alice"),
            (National, "de", "anonymous", "anonymous"),
            (National, "de", "", ""),
            (National, "de", "+", "+"),
            (Digits, "", "0030", "0030"),
            (National, "de", "110", "+49110"),
        ] {
            assert_eq!(plan(format, country).from_carrier(said), want, "{format:?} {country} {said}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_rewrites_the_number() {
        let numbers = NumberPlan {
            outbound: vec![rule("+49", "0", None), rule("+1", "9991", Some(11)), rule("+", "00", None)],
            inbound: vec![rule("", "+4930", Some(6)), rule("9", "", None)],
            ..NumberPlan::default()
        };
        assert_eq!(numbers.to_carrier("+4930123456"), "030123456");
        assert_eq!(numbers.to_carrier("+15551234567"), "99915551234567");
        assert_eq!(numbers.to_carrier("+15551"), "0015551");
        assert_eq!(numbers.to_carrier("+442071234567"), "00442071234567");
        assert_eq!(numbers.from_carrier("123456"), "+4930123456");
        assert_eq!(numbers.from_carrier("90044201234567"), "+44201234567");
    }

    #[test]
    fn a_local_number_in_a_global_context_is_a_global_number() {
        let numbers = plan(NumberFormat::E164, "");
        for (uri, want) in [
            ("tel:+1-201-555-0123", "+12015550123"),
            ("tel:7042;phone-context=+1914555", "+19145557042"),
            ("tel:7042;phone-context=example.com", "7042"),
            ("sip:7042;phone-context=+1914555@gw.example;user=phone", "+19145557042"),
            ("sip:+12015550123@gw.example", "+12015550123"),
            ("sip:%2B12015550123@gw.example", "+12015550123"),
            ("sip:alice;x=y@gw.example", "alice"),
            ("sip:gw.example", ""),
        ] {
            assert_eq!(numbers.of_uri(&Uri::parse(uri).unwrap()), want, "{uri}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_goes_out_comes_back(country in 0..60usize, digits in "[1-9][0-9]{6,13}") {
            let country = DialPlan::countries().nth(country).unwrap();
            let number = format!("+{digits}");
            let (digits_only, e164) = (plan(NumberFormat::Digits, country), plan(NumberFormat::E164, country));
            proptest::prop_assert_eq!(digits_only.from_carrier(&digits_only.to_carrier(&number)), number.clone());
            proptest::prop_assert_eq!(e164.from_carrier(&e164.to_carrier(&number)), number);
        }

        #[test]
        fn any_text_is_taken(text in ".{0,40}") {
            plan(NumberFormat::National, "de").from_carrier(&text);
        }
    }
}
