macro_rules! countries {
    ($($name:ident => $code:literal,)*) => {
        /// A country whose tones a caller may hear (laml.md 1.3, `ringTone`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Country {
            $($name,)*
        }

        impl Country {
            pub const ALL: &[Country] = &[$(Country::$name,)*];

            /// As LaML writes it: lower case.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Country::$name => $code,)*
                }
            }
        }
    };
}

countries! {
    At => "at",
    Au => "au",
    Bg => "bg",
    Br => "br",
    Be => "be",
    Ch => "ch",
    Cl => "cl",
    Cn => "cn",
    Cz => "cz",
    De => "de",
    Dk => "dk",
    Ee => "ee",
    Es => "es",
    Fi => "fi",
    Fr => "fr",
    Gr => "gr",
    Hu => "hu",
    Il => "il",
    In => "in",
    It => "it",
    Lt => "lt",
    Jp => "jp",
    Mx => "mx",
    My => "my",
    Nl => "nl",
    No => "no",
    Nz => "nz",
    Ph => "ph",
    Pl => "pl",
    Pt => "pt",
    Ru => "ru",
    Se => "se",
    Sg => "sg",
    Th => "th",
    Uk => "uk",
    Us => "us",
    UsOld => "us-old",
    Tw => "tw",
    Ve => "ve",
    Za => "za",
}

impl Country {
    /// Whatever the case.
    pub fn from_code(code: &str) -> Option<Self> {
        Country::ALL.iter().copied().find(|country| country.code().eq_ignore_ascii_case(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_found_by_its_code() {
        assert_eq!(Country::ALL.len(), 40);
        for country in Country::ALL {
            assert_eq!(Country::from_code(country.code()), Some(*country));
        }
        assert_eq!(Country::from_code("US-Old"), Some(Country::UsOld));
        assert_eq!(Country::from_code("xx"), None);
    }
}
