//! From what a Say says to what the espeak-ng program takes: its own dialect of SSML, with all that it lacks or gets wrong
//! written out.

use super::markup::{Element, Piece, escaped, pieces};
use super::phonemes;

/// What one run of the program is given.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rendering {
    /// Silence before all else: the program leaves out a break that nothing stands before.
    pub lead_ms: u32,
    /// For its option `-m`; empty when there is nothing but silence.
    pub ssml: String,
}

/// `voice_of` gives the program's voice for a language tag.
pub(super) fn render(text: &str, language: &str, voice_of: &dyn Fn(&str) -> String) -> Rendering {
    let mut r = Renderer { lead_ms: 0, ssml: String::new(), spoken: false, open: Vec::new(), language, voice_of };
    let pieces = pieces(text);
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(words) => r.text(words),
            Piece::Alone(e) => r.pause(e),
            Piece::Open(e) => r.open(e, &pieces[at + 1..]),
            Piece::Close(name) => r.close(name),
        }
    }
    while let Some(open) = r.open.pop() {
        r.ssml.push_str(&open.end);
    }
    Rendering { lead_ms: r.lead_ms, ssml: if r.spoken { r.ssml } else { String::new() } }
}

struct Renderer<'a> {
    lead_ms: u32,
    ssml: String,
    spoken: bool,
    open: Vec<Open>,
    language: &'a str,
    voice_of: &'a dyn Fn(&str) -> String,
}

struct Open {
    name: String,
    end: String,
    /// How the text inside is read.
    reading: Option<(String, String)>,
    language: Option<String>,
    /// The text inside is not read: phonemes stand for it.
    hidden: bool,
}

/// All that leads in, however many breaks a document puts there.
const LEAD_MS_MAX: u32 = 60_000;

impl Renderer<'_> {
    fn text(&mut self, words: &str) {
        if self.open.iter().any(|o| o.hidden) {
            return;
        }
        let language = self.language().to_owned();
        let reading = self.open.iter().rev().find_map(|o| o.reading.clone());
        let words = match reading {
            Some((kind, format)) => read_as(&kind, &format, words, &language),
            None => escaped(&spoken(words)),
        };
        self.spoken |= words.contains(|c: char| !c.is_whitespace());
        self.ssml.push_str(&words);
    }

    fn language(&self) -> &str {
        self.open.iter().rev().find_map(|o| o.language.as_deref()).unwrap_or(self.language)
    }

    fn pause(&mut self, element: &Element<'_>) {
        if element.name != "break" {
            return;
        }
        let ms = match element.attribute("time") {
            Some(time) => time.parse().unwrap_or(0),
            None => match element.attribute("strength") {
                Some("none") => 0,
                Some("x-weak") => 100,
                Some("weak") => 200,
                Some("strong") => 700,
                Some("x-strong") => 1_000,
                _ => 400,
            },
        };
        if self.spoken {
            self.ssml.push_str(&format!("<break time=\"{ms}ms\"/>"));
        } else {
            self.lead_ms = self.lead_ms.saturating_add(ms).min(LEAD_MS_MAX);
        }
    }

    fn open(&mut self, element: &Element<'_>, _rest: &[Piece<'_>]) {
        let attribute = |name: &str| element.attribute(name).unwrap_or_default();
        let mut open =
            Open { name: element.name.to_owned(), end: String::new(), reading: None, language: None, hidden: false };
        match element.name {
            "p" | "s" => {
                self.ssml.push_str(&format!("<{}>", element.name));
                open.end = format!("</{}>", element.name);
            }
            "emphasis" => {
                self.ssml.push_str(&format!("<emphasis level=\"{}\">", escaped(attribute("level"))));
                open.end = "</emphasis>".to_owned();
            }
            "lang" => {
                // By name the program finds no voice within a text.
                let own = (self.voice_of)(attribute("tag"));
                let (language, variant) = own.split_once('+').unwrap_or((&own, ""));
                let gender = if variant.starts_with('m') { "male" } else { "female" };
                self.ssml.push_str(&format!("<voice xml:lang=\"{}\" gender=\"{gender}\">", escaped(language)));
                open.end = "</voice>".to_owned();
                open.language = Some(attribute("tag").to_owned());
            }
            "prosody" => {
                self.ssml.push_str(&prosody(element));
                open.end = "</prosody>".to_owned();
            }
            "say-as" => open.reading = Some((attribute("as").to_owned(), attribute("format").to_owned())),
            "phoneme" => {
                if let Some(own) = phonemes::translate(attribute("alphabet"), attribute("ph")) {
                    self.ssml.push_str(&format!("[[{}]]", escaped(&own)));
                    self.spoken = true;
                    open.hidden = true;
                }
            }
            _ => {}
        }
        self.open.push(open);
    }

    fn close(&mut self, name: &str) {
        // As the grammar writes them they are closed in order; what is not open cannot be closed.
        if self.open.last().is_some_and(|o| o.name == name)
            && let Some(open) = self.open.pop()
        {
            self.ssml.push_str(&open.end);
        }
    }
}

/// The program takes names and percentages. Decibels, hertz and semitones become percentages; a rate of nothing is none.
fn prosody(element: &Element<'_>) -> String {
    let mut out = "<prosody".to_owned();
    let mut write = |name: &str, value: String| out.push_str(&format!(" {name}=\"{}\"", escaped(&value)));
    if let Some(rate) = element.attribute("rate") {
        match number(rate, "%") {
            Some(n) => {
                let whole = if rate.starts_with(['+', '-']) { 100.0 + n } else { n };
                write("rate", format!("{:.0}%", whole.clamp(20.0, 400.0)));
            }
            None => write("rate", rate.to_owned()),
        }
    }
    if let Some(volume) = element.attribute("volume") {
        let relative = volume.starts_with(['+', '-']);
        let whole = number(volume, "db")
            .map(|db| 100.0 * 10f64.powf(db / 20.0))
            .or_else(|| number(volume, "%").map(|n| if relative { 100.0 + n } else { n }))
            .or_else(|| number(volume, "").map(|n| if relative { 100.0 + n } else { n }));
        match whole {
            Some(n) => write("volume", format!("{:.0}", n.clamp(0.0, 300.0))),
            None => write("volume", volume.to_owned()),
        }
    }
    if let Some(pitch) = element.attribute("pitch") {
        // A voice of the program lies at about 150 Hz.
        const MIDDLE_HZ: f64 = 150.0;
        let relative = pitch.starts_with(['+', '-']);
        let change = number(pitch, "hz")
            .map(|hz| 100.0 * (if relative { hz } else { hz - MIDDLE_HZ }) / MIDDLE_HZ)
            .or_else(|| number(pitch, "st").map(|st| 100.0 * (2f64.powf(st / 12.0) - 1.0)))
            .or_else(|| number(pitch, "%").map(|n| if relative { n } else { n - 100.0 }));
        match change {
            Some(n) => write("pitch", format!("{:+.0}%", n.clamp(-90.0, 200.0))),
            None => write("pitch", pitch.to_owned()),
        }
    }
    out + ">"
}

fn number(text: &str, unit: &str) -> Option<f64> {
    text.strip_suffix(unit)?.parse().ok().filter(|n: &f64| n.is_finite())
}

/// What `say-as` makes of its text, escaped.
fn read_as(kind: &str, format: &str, text: &str, language: &str) -> String {
    let words = spoken(text);
    let english = language.to_ascii_lowercase().starts_with("en");
    match kind {
        "characters" | "spell-out" | "verbatim" => {
            format!("<say-as interpret-as=\"characters\">{}</say-as>", escaped(&words))
        }
        "digits" => escaped(&apart(&words)),
        "telephone" => escaped(&telephone(&words)),
        "ordinal" if english => escaped(&ordinal(&words)),
        "ordinal" if words.trim().bytes().all(|b| b.is_ascii_digit()) => format!("{}.", escaped(words.trim())),
        "fraction" if english => escaped(&words.replace('/', " over ").replace('+', " and ")),
        "date" => escaped(&date(&words, format, english)),
        "expletive" | "bleep" => "<prosody pitch=\"x-high\">beep</prosody>".to_owned(),
        // Read by the program as they are written.
        _ => escaped(&words),
    }
}

/// Each digit by itself.
fn apart(words: &str) -> String {
    let mut out = String::new();
    for c in words.chars() {
        if c.is_ascii_digit() && out.ends_with(|d: char| d.is_ascii_digit()) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// Digits one by one, with a short rest where the number was written in groups.
fn telephone(words: &str) -> String {
    let mut out = String::new();
    for c in words.chars() {
        match c {
            '+' => out.push_str("plus "),
            c if c.is_ascii_digit() || c.is_alphabetic() => {
                out.push(c);
                out.push(' ');
            }
            _ => {
                let kept = out.trim_end().len();
                out.truncate(kept);
                if !out.is_empty() && !out.ends_with(',') {
                    out.push(',');
                }
                out.push(' ');
            }
        }
    }
    out.trim_end_matches([' ', ',']).to_owned()
}

fn ordinal(words: &str) -> String {
    let number = words.trim();
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return words.to_owned();
    }
    let ending =
        match (number.ends_with("11") || number.ends_with("12") || number.ends_with("13"), number.as_bytes().last()) {
            (false, Some(b'1')) => "st",
            (false, Some(b'2')) => "nd",
            (false, Some(b'3')) => "rd",
            _ => "th",
        };
    format!("{number}{ending}")
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// By the letters of `format`: m, d and y in some order; yyyymmdd without one.
fn date(words: &str, format: &str, english: bool) -> String {
    let mut parts: Vec<String> =
        words.split(|c: char| !c.is_alphanumeric() && c != '?').filter(|p| !p.is_empty()).map(str::to_owned).collect();
    let format = match (format, parts.as_slice()) {
        ("", [all]) | ("ymd" | "yyyymmdd", [all]) if all.len() == 8 && all.is_ascii() => {
            parts = vec![all[..4].to_owned(), all[4..6].to_owned(), all[6..].to_owned()];
            "ymd"
        }
        ("", [first, ..]) if first.len() == 4 => "ymd",
        ("", _) => "mdy",
        ("yyyymmdd", _) => "ymd",
        (other, _) => other,
    };
    if parts.len() != format.len() {
        return words.to_owned();
    }
    let part = |letter: char| format.find(letter).and_then(|at| parts.get(at)).filter(|p| !p.contains('?')).cloned();
    let plain = |p: String| p.trim_start_matches('0').to_owned();
    let (month, day, year) = (part('m').map(plain), part('d').map(plain), part('y'));
    if !english {
        return [day, month, year].into_iter().flatten().collect::<Vec<_>>().join(" ");
    }
    let month = month.map(|m| match m.parse::<usize>().ok().and_then(|n| MONTHS.get(n.wrapping_sub(1))) {
        Some(name) => (*name).to_owned(),
        None => m,
    });
    [month, day.map(|d| ordinal(&d)), year].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Without what the program would take for commands: control characters, and phonemes in double brackets.
fn spoken(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.replace("[[", "[ [")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, lead_ms: u32, ssml: &str) {
        let found = render(text, "en-US", &|tag| format!("{}+f2", tag.to_ascii_lowercase()));
        assert_eq!(found, Rendering { lead_ms, ssml: ssml.to_owned() }, "{text}");
    }

    #[test]
    fn each_element_becomes_what_the_program_understands() {
        check("a &amp; &lt;b&gt;", 0, "a &amp; &lt;b&gt;");
        check(r#"a<break time="2000"/>b"#, 0, r#"a<break time="2000ms"/>b"#);
        check(r#"<break time="2000"/><break strength="medium"/>b"#, 2_400, "b");
        check(r#"<break time="700"/>"#, 700, "");
        check(r#"<p>One</p><s>Two</s>"#, 0, "<p>One</p><s>Two</s>");
        check(r#"<emphasis level="strong">x</emphasis>"#, 0, r#"<emphasis level="strong">x</emphasis>"#);
        check(r#"<lang tag="de-DE">Tag</lang> day"#, 0, r#"<voice xml:lang="de-de" gender="female">Tag</voice> day"#);
        check(
            r#"<prosody rate="50%" volume="+6db" pitch="+2st">x</prosody>"#,
            0,
            r#"<prosody rate="50%" volume="200" pitch="+12%">x</prosody>"#,
        );
        check(
            r#"<prosody rate="0%" volume="x-loud">x</prosody>"#,
            0,
            r#"<prosody rate="20%" volume="x-loud">x</prosody>"#,
        );
        check(r#"<phoneme alphabet="ipa" ph="pɪˈkɑːn">pecan</phoneme>!"#, 0, "[[pI'kA:n]]!");
        check(r#"<phoneme alphabet="x-sampa" ph="!!">pecan</phoneme>"#, 0, "pecan");
    }

    #[test]
    fn say_as_writes_out_how_something_is_read() {
        let say = |kind: &str, text: &str, out: &str| check(&format!("<say-as as=\"{kind}\">{text}</say-as>"), 0, out);
        say("characters", "A1", r#"<say-as interpret-as="characters">A1</say-as>"#);
        say("digits", "1234", "1 2 3 4");
        say("telephone", "+1 (555) 123-4567", "plus 1, 5 5 5, 1 2 3, 4 5 6 7");
        say("ordinal", "21", "21st");
        say("ordinal", "112", "112th");
        say("fraction", "3/4", "3 over 4");
        say("cardinal", "42", "42");
        say("date", "20260203", "February 3rd 2026");
        say("date", "2026-02-03", "February 3rd 2026");
        check(r#"<say-as as="date" format="dmy">1/2/2026</say-as>"#, 0, "February 1st 2026");
        check(
            r#"<lang tag="de"><say-as as="ordinal">3</say-as></lang>"#,
            0,
            r#"<voice xml:lang="de" gender="female">3.</voice>"#,
        );
    }

    #[test]
    fn nothing_in_the_text_commands_the_program() {
        check("a [[h@loU]] \u{1}b", 0, "a [ [h@loU]]  b");
        check("&lt;voice name=\"x\"&gt;", 0, "&lt;voice name=&quot;x&quot;&gt;");
        check("a</p><p>b", 0, "a<p>b</p>");
        check(r#"<phoneme alphabet="ipa" ph="]]a">x</phoneme>"#, 0, "x");
    }
}
