use std::fmt::Write;

use super::tone;

/// The applications: their names are their identifiers and the paths of their first documents.
pub(super) const APPS: [&str; 3] = ["echo", "hello", "dial-bob"];

/// What a request for a document knows of its call, and whether it can be spoken to.
pub(super) struct Caller<'a> {
    pub params: &'a [(String, String)],
    /// Where bob is.
    pub domain: &'a str,
    /// Without speech the caller hears tones.
    pub speaks: bool,
}

/// The LaML document at `path`; None where there is none.
pub(super) fn document(path: &str, caller: &Caller<'_>) -> Option<String> {
    let body = match path {
        "/echo" => caller.says("greeting", "Speak, and you hear yourself. Hang up to end.") + "<Echo timeout=\"120\"/>",
        "/hello" => hello(caller),
        "/hello/key" => key(caller),
        "/dial-bob" => {
            format!("<Dial timeout=\"20\" action=\"/dial-bob/after\"><Sip>sip:bob@{}</Sip></Dial>", Xml(caller.domain))
        }
        "/dial-bob/after" => after(caller),
        _ => return None,
    };
    Some(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response>{body}</Response>\n"))
}

fn hello(caller: &Caller<'_>) -> String {
    let greeting = match user_of(caller.param("From")) {
        Some(user) => format!("Hello, {user}. This is Tandem."),
        None => "Hello. This is Tandem.".to_owned(),
    };
    let mut out = caller.says("greeting", &greeting);
    out += "<Gather action=\"/hello/key\" numDigits=\"1\" finishOnKey=\"\" timeout=\"4\">";
    out += &caller.says("question", "Press a key.");
    out += "</Gather>";
    out += &caller.says("goodbye", "You pressed no key. Goodbye.");
    out + "<Hangup/>"
}

fn key(caller: &Caller<'_>) -> String {
    let key = caller.param("Digits").and_then(|d| d.chars().next()).filter(|k| tone::of_key(*k).is_some());
    let mut out = match key {
        Some(key) => {
            let spoken = match key {
                '*' => "star".to_owned(),
                '#' => "pound".to_owned(),
                key => key.to_string(),
            };
            let tone = tone::of_key(key).unwrap_or_default();
            caller.says(&tone, &format!("You pressed {spoken}."))
        }
        None => caller.says("question", "I did not hear which key that was."),
    };
    out += &caller.says("goodbye", "Goodbye.");
    out + "<Hangup/>"
}

fn after(caller: &Caller<'_>) -> String {
    let (tone, text) = match caller.param("DialCallStatus") {
        Some("completed") => ("completed", "Bob hung up."),
        Some("busy") => ("busy", "Bob is busy."),
        Some("no-answer") => ("no-answer", "Bob does not answer."),
        Some("canceled") => ("canceled", "The call to Bob was given up."),
        _ => ("failed", "Bob cannot be reached. Is his phone registered?"),
    };
    // The tone tells the outcomes apart, so it is heard in any case.
    let mut out = play(tone);
    if caller.speaks {
        out += &say(text);
    }
    out + "<Hangup/>"
}

impl Caller<'_> {
    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The text, or the tone where nothing speaks.
    fn says(&self, tone: &str, text: &str) -> String {
        if self.speaks { say(text) } else { play(tone) }
    }
}

fn say(text: &str) -> String {
    format!("<Say>{}</Say>", Xml(text))
}

fn play(tone: &str) -> String {
    format!("<Play>/tones/{}.wav</Play>", Xml(tone))
}

/// The user part of a SIP URI, or a number as it is, as far as it can be read out.
fn user_of(from: Option<&str>) -> Option<String> {
    let from = from?;
    let bare = from.strip_prefix("sip:").or_else(|| from.strip_prefix("sips:")).unwrap_or(from);
    let user = bare.split_once('@').map_or(bare, |(user, _)| user);
    let user: String = user.chars().filter(|c| c.is_alphanumeric() || "+-_. ".contains(*c)).take(64).collect();
    (!user.trim().is_empty()).then_some(user)
}

/// Text as it stands in XML.
struct Xml<'a>(&'a str);

impl std::fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                c if c.is_control() => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
