/// How numbers are dialled within one country: its country code (ITU-T E.164) and the prefixes of ITU-T E.129.
#[derive(Debug, PartialEq, Eq)]
pub struct DialPlan {
    /// ISO 3166-1 alpha-2, lower case.
    pub country: &'static str,
    /// Digits after the `+`.
    pub country_code: &'static str,
    /// Dialled before a national number; empty where there is none.
    pub national_prefix: &'static str,
    /// Dialled before a country code.
    pub international_prefix: &'static str,
}

/// In order of country.
const PLANS: &[DialPlan] = &[
    plan("ae", "971", "0", "00"),
    plan("ar", "54", "0", "00"),
    plan("at", "43", "0", "00"),
    plan("au", "61", "0", "0011"),
    plan("be", "32", "0", "00"),
    plan("bg", "359", "0", "00"),
    plan("br", "55", "0", "00"),
    plan("ca", "1", "1", "011"),
    plan("ch", "41", "0", "00"),
    plan("cl", "56", "", "00"),
    plan("cn", "86", "0", "00"),
    plan("co", "57", "", "00"),
    plan("cy", "357", "", "00"),
    plan("cz", "420", "", "00"),
    plan("de", "49", "0", "00"),
    plan("dk", "45", "", "00"),
    plan("ee", "372", "", "00"),
    plan("eg", "20", "0", "00"),
    plan("es", "34", "", "00"),
    plan("fi", "358", "0", "00"),
    plan("fr", "33", "0", "00"),
    plan("gb", "44", "0", "00"),
    plan("gr", "30", "", "00"),
    plan("hk", "852", "", "001"),
    plan("hr", "385", "0", "00"),
    plan("hu", "36", "06", "00"),
    plan("id", "62", "0", "001"),
    plan("ie", "353", "0", "00"),
    plan("il", "972", "0", "00"),
    plan("in", "91", "0", "00"),
    plan("is", "354", "", "00"),
    // The leading zero of an Italian number is part of it.
    plan("it", "39", "", "00"),
    plan("jp", "81", "0", "010"),
    plan("kr", "82", "0", "001"),
    plan("lt", "370", "0", "00"),
    plan("lu", "352", "", "00"),
    plan("lv", "371", "", "00"),
    plan("mt", "356", "", "00"),
    plan("mx", "52", "", "00"),
    plan("my", "60", "0", "00"),
    plan("nl", "31", "0", "00"),
    plan("no", "47", "", "00"),
    plan("nz", "64", "0", "00"),
    plan("pe", "51", "0", "00"),
    plan("ph", "63", "0", "00"),
    plan("pl", "48", "", "00"),
    plan("pt", "351", "", "00"),
    plan("ro", "40", "0", "00"),
    plan("rs", "381", "0", "00"),
    plan("ru", "7", "8", "810"),
    plan("sa", "966", "0", "00"),
    plan("se", "46", "0", "00"),
    plan("sg", "65", "", "001"),
    plan("si", "386", "0", "00"),
    plan("sk", "421", "0", "00"),
    plan("th", "66", "0", "001"),
    plan("tr", "90", "0", "00"),
    plan("tw", "886", "0", "002"),
    plan("ua", "380", "0", "00"),
    plan("uk", "44", "0", "00"),
    plan("us", "1", "1", "011"),
    plan("ve", "58", "0", "00"),
    plan("vn", "84", "0", "00"),
    plan("za", "27", "0", "00"),
];

const fn plan(
    country: &'static str,
    country_code: &'static str,
    national_prefix: &'static str,
    international_prefix: &'static str,
) -> DialPlan {
    DialPlan { country, country_code, national_prefix, international_prefix }
}

impl DialPlan {
    /// Whatever the case.
    pub fn of_country(country: &str) -> Option<&'static DialPlan> {
        PLANS.iter().find(|p| p.country.eq_ignore_ascii_case(country))
    }

    pub fn countries() -> impl Iterator<Item = &'static str> {
        PLANS.iter().map(|p| p.country)
    }

    /// `+<country code><number>` of a number dialled within the country, as it was dialled there.
    pub(super) fn e164_of(&self, dialled: &str) -> String {
        let number = match self.national_prefix {
            "" => dialled,
            // In North America the prefix is as often left out.
            prefix => dialled.strip_prefix(prefix).unwrap_or(dialled),
        };
        format!("+{}{number}", self.country_code)
    }

    /// The way to dial an E.164 number from within the country.
    pub(super) fn dial(&self, e164: &str) -> String {
        let digits = e164.trim_start_matches('+');
        match digits.strip_prefix(self.country_code) {
            Some(national) => format!("{}{national}", self.national_prefix),
            None => format!("{}{digits}", self.international_prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_listed_once_in_order_with_digits_alone() {
        assert!(PLANS.is_sorted_by(|a, b| a.country < b.country));
        for p in PLANS {
            for digits in [p.country_code, p.national_prefix, p.international_prefix] {
                assert!(digits.bytes().all(|b| b.is_ascii_digit()), "{p:?}");
            }
            assert!(p.country.len() == 2 && !p.country_code.is_empty() && p.international_prefix.len() >= 2, "{p:?}");
        }
        assert_eq!(DialPlan::of_country("DE").map(|p| p.country_code), Some("49"));
        assert_eq!(DialPlan::of_country("xx"), None);
    }
}
