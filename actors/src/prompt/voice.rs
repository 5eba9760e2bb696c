use std::collections::BTreeMap;

/// The languages of the installed engine: tag → the voice to ask for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Voices {
    by_tag: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sex {
    #[default]
    Woman,
    Man,
}

impl Voices {
    /// From the table the engine prints: priority, language, age/gender, name, file, other languages in brackets.
    pub fn parse(table: &str) -> Voices {
        let mut by_tag = BTreeMap::new();
        let mut others = Vec::new();
        for line in table.lines().skip(1) {
            let Some(language) = line.split_whitespace().nth(1).filter(|tag| is_tag(tag)) else { continue };
            by_tag.entry(language.to_owned()).or_insert_with(|| language.to_owned());
            for other in line.split('(').skip(1) {
                let tag = other.split_whitespace().next().unwrap_or_default();
                if is_tag(tag) {
                    others.push((tag.to_owned(), language.to_owned()));
                }
            }
        }
        for (tag, language) in others {
            by_tag.entry(tag).or_insert(language);
        }
        Voices { by_tag }
    }

    pub fn is_empty(&self) -> bool {
        self.by_tag.is_empty()
    }

    /// The closest voice to LaML's `voice` and `language` (laml.md 1.9), as the engine's voice argument. A product voice
    /// (`Polly.Joanna`, `gcloud.de-DE-Wavenet-A`) brings its own language. Only names from the engine's table come out.
    pub fn choose(&self, voice: &str, language: &str) -> String {
        let (_, own_language) = product(voice).unwrap_or_default();
        self.choose_speaking(voice, own_language.as_deref().unwrap_or(language))
    }

    /// The same, speaking this language whatever its own is.
    pub fn choose_speaking(&self, voice: &str, language: &str) -> String {
        let variant = match product(voice).unwrap_or_default().0 {
            Sex::Woman => "f2",
            Sex::Man => "m3",
        };
        format!("{}+{variant}", self.closest(&tag_of(language)).or_else(|| self.american()).unwrap_or("en"))
    }

    /// What is heard in place of what was asked for.
    pub fn remark(&self, voice: &str, language: &str) -> Option<String> {
        let shown: String = voice.chars().filter(|c| !c.is_control()).take(60).collect();
        let Some((_, own_language)) = product(voice) else {
            return Some(format!("the voice {shown} is not known here, a woman's voice is heard"));
        };
        let wanted = own_language.unwrap_or_else(|| language.to_owned());
        if self.closest(&tag_of(&wanted)).is_some() {
            return None;
        }
        let shown: String = wanted.chars().filter(|c| !c.is_control()).take(40).collect();
        Some(format!("no voice here speaks {shown}, American English is heard"))
    }

    fn american(&self) -> Option<&str> {
        self.by_tag.get("en-us").map(String::as_str)
    }

    /// The tag itself, its usual other name, its language without the region, any region of it.
    fn closest(&self, wanted: &str) -> Option<&str> {
        let primary = wanted.split('-').next().unwrap_or_default();
        let known = |tag: &str| self.by_tag.get(tag).map(String::as_str);
        let region_of = || {
            let prefix = format!("{primary}-");
            self.by_tag
                .range(prefix.clone()..)
                .next()
                .filter(|(tag, _)| tag.starts_with(&prefix))
                .map(|(_, v)| v.as_str())
        };
        known(renamed(wanted))
            .or_else(|| known(renamed(primary)))
            .or_else(|| if is_tag(primary) { region_of() } else { None })
    }
}

/// Tags that are known under another name, or whose region is nearest to another.
fn renamed(tag: &str) -> &str {
    match tag {
        "en" | "en-ca" => "en-us",
        "en-au" | "en-nz" | "en-in" | "en-ie" | "en-za" | "en-gb-wls" => "en-gb",
        "zh" | "zh-cn" | "zh-tw" | "cmn-cn" | "cmn-tw" => "cmn",
        "zh-hk" | "yue-hk" | "yue-cn" => "yue",
        "no" | "no-no" | "nb-no" => "nb",
        "arb" | "arb-ae" | "ar-xa" => "ar",
        "fr" | "fr-ca" => "fr-fr",
        "es-us" => "es-419",
        other => other,
    }
}

fn is_tag(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.starts_with('-')
}

fn tag_of(language: &str) -> String {
    language.to_ascii_lowercase().replace('_', "-")
}

/// Who a voice sounds like, and the language its name brings; None for a name nobody knows.
fn product(voice: &str) -> Option<(Sex, Option<String>)> {
    let voice = voice.trim();
    if let Some(name) = strip_prefix_ignoring_case(voice, "polly.") {
        let name = name.split('-').next().unwrap_or_default();
        let found = POLLY.iter().find(|(have, ..)| have.eq_ignore_ascii_case(name));
        return found.map(|(_, language, sex)| (*sex, Some((*language).to_owned())));
    }
    let google = strip_prefix_ignoring_case(voice, "gcloud.").or_else(|| strip_prefix_ignoring_case(voice, "google."));
    if let Some(name) = google {
        let mut parts = name.split('-');
        let language = parts.next().zip(parts.next()).map(|(language, region)| format!("{language}-{region}"));
        // The last letter names the speaker; B and D are men in most of that product's languages.
        let man = matches!(name.rsplit('-').next(), Some("B" | "D"));
        return Some((if man { Sex::Man } else { Sex::Woman }, language));
    }
    match voice.to_ascii_lowercase().as_str() {
        "man" => Some((Sex::Man, None)),
        "woman" | "alice" | "" => Some((Sex::Woman, None)),
        _ => None,
    }
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

use Sex::{Man, Woman};
/// The speakers of one vendor's catalogue.
const POLLY: &[(&str, &str, Sex)] = &[
    ("Joanna", "en-us", Woman),
    ("Salli", "en-us", Woman),
    ("Kendra", "en-us", Woman),
    ("Kimberly", "en-us", Woman),
    ("Ivy", "en-us", Woman),
    ("Ruth", "en-us", Woman),
    ("Danielle", "en-us", Woman),
    ("Matthew", "en-us", Man),
    ("Joey", "en-us", Man),
    ("Justin", "en-us", Man),
    ("Kevin", "en-us", Man),
    ("Stephen", "en-us", Man),
    ("Gregory", "en-us", Man),
    ("Amy", "en-gb", Woman),
    ("Emma", "en-gb", Woman),
    ("Brian", "en-gb", Man),
    ("Arthur", "en-gb", Man),
    ("Geraint", "en-gb", Man),
    ("Nicole", "en-gb", Woman),
    ("Olivia", "en-gb", Woman),
    ("Russell", "en-gb", Man),
    ("Niamh", "en-gb", Woman),
    ("Ayanda", "en-gb", Woman),
    ("Aria", "en-gb", Woman),
    ("Raveena", "en-gb", Woman),
    ("Aditi", "hi", Woman),
    ("Kajal", "hi", Woman),
    ("Marlene", "de", Woman),
    ("Vicki", "de", Woman),
    ("Hannah", "de", Woman),
    ("Hans", "de", Man),
    ("Daniel", "de", Man),
    ("Celine", "fr-fr", Woman),
    ("Lea", "fr-fr", Woman),
    ("Mathieu", "fr-fr", Man),
    ("Remi", "fr-fr", Man),
    ("Chantal", "fr-fr", Woman),
    ("Gabrielle", "fr-fr", Woman),
    ("Liam", "fr-fr", Man),
    ("Conchita", "es", Woman),
    ("Lucia", "es", Woman),
    ("Enrique", "es", Man),
    ("Sergio", "es", Man),
    ("Mia", "es-419", Woman),
    ("Andres", "es-419", Man),
    ("Lupe", "es-419", Woman),
    ("Penelope", "es-419", Woman),
    ("Miguel", "es-419", Man),
    ("Pedro", "es-419", Man),
    ("Carla", "it", Woman),
    ("Bianca", "it", Woman),
    ("Giorgio", "it", Man),
    ("Adriano", "it", Man),
    ("Camila", "pt-br", Woman),
    ("Vitoria", "pt-br", Woman),
    ("Ricardo", "pt-br", Man),
    ("Thiago", "pt-br", Man),
    ("Ines", "pt", Woman),
    ("Cristiano", "pt", Man),
    ("Lotte", "nl", Woman),
    ("Laura", "nl", Woman),
    ("Lisa", "nl", Woman),
    ("Ruben", "nl", Man),
    ("Naja", "da", Woman),
    ("Sofie", "da", Woman),
    ("Mads", "da", Man),
    ("Astrid", "sv", Woman),
    ("Elin", "sv", Woman),
    ("Liv", "nb", Woman),
    ("Ida", "nb", Woman),
    ("Suvi", "fi", Woman),
    ("Dora", "is", Woman),
    ("Karl", "is", Man),
    ("Ewa", "pl", Woman),
    ("Maja", "pl", Woman),
    ("Ola", "pl", Woman),
    ("Jacek", "pl", Man),
    ("Jan", "pl", Man),
    ("Carmen", "ro", Woman),
    ("Tatyana", "ru", Woman),
    ("Maxim", "ru", Man),
    ("Filiz", "tr", Woman),
    ("Burcu", "tr", Woman),
    ("Gwyneth", "cy", Woman),
    ("Arlet", "ca", Woman),
    ("Mizuki", "ja", Woman),
    ("Kazuha", "ja", Woman),
    ("Tomoko", "ja", Woman),
    ("Takumi", "ja", Man),
    ("Seoyeon", "ko", Woman),
    ("Zhiyu", "cmn", Woman),
    ("Hiujin", "yue", Woman),
    ("Zeina", "ar", Woman),
    ("Hala", "ar", Woman),
    ("Zayd", "ar", Man),
];

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "Pty Language       Age/Gender VoiceName          File                 Other Languages
 5  cmn             --/M      Chinese            sit/cmn              (zh-cmn 5)(zh 5)
 5  de              --/M      German             gmw/de
 2  en-gb           --/M      English            gmw/en               (en 2)
 2  en-us           --/M      English_(America)  gmw/en-US            (en 3)
 5  es              --/M      Spanish_(Spain)    roa/es
 5  es-419          --/M      Spanish            roa/es-419           (es-mx 6)(es 6)
 5  fr-be           --/M      French_(Belgium)   roa/fr-BE            (fr 8)
 5  fr-fr           --/M      French_(France)    roa/fr               (fr 5)
 5  nb              --/M      Norwegian          gmq/nb               (no 5)
 5  pt-br           --/M      Portuguese         roa/pt-BR            (pt 6)
 5  -x;rm           --/M      Odd                odd";

    #[test]
    fn each_voice_and_language_gets_its_closest() {
        let voices = Voices::parse(TABLE);
        for (voice, language, expected) in [
            ("woman", "en-US", "en-us+f2"),
            ("man", "en-GB", "en-gb+m3"),
            ("alice", "de-DE", "de+f2"),
            ("Man", "en", "en-us+m3"),
            ("woman", "en-AU", "en-gb+f2"),
            ("woman", "es-MX", "es-419+f2"),
            ("woman", "es-AR", "es+f2"),
            ("woman", "fr-CA", "fr-fr+f2"),
            ("woman", "no-NO", "nb+f2"),
            ("woman", "pt_PT", "pt-br+f2"),
            ("woman", "zh-TW", "cmn+f2"),
            ("Polly.Joanna", "de-DE", "en-us+f2"),
            ("polly.hans-Neural", "en-US", "de+m3"),
            ("Polly.Nobody", "de-DE", "de+f2"),
            ("gcloud.de-DE-Wavenet-B", "en-US", "de+m3"),
            ("gcloud.cmn-CN-Standard-A", "en-US", "cmn+f2"),
            ("gcloud.", "de", "de+f2"),
            ("", "", "en-us+f2"),
            ("woman", "tlh", "en-us+f2"),
            ("woman", "../../etc", "en-us+f2"),
            ("woman", "-w/tmp/x", "en-us+f2"),
            ("ä", "日本", "en-us+f2"),
        ] {
            assert_eq!(voices.choose(voice, language), expected, "{voice} {language}");
        }
        assert!(!voices.by_tag.contains_key("-x;rm"));
    }
}
