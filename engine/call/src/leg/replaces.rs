use std::fmt;

use tandem_sip::dialog::DialogId;

/// Which dialog a new one takes the place of (RFC 3891 section 6.1). Tags are named from the side of whoever receives it:
/// `to_tag` is the receiver's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaces {
    pub call_id: String,
    pub to_tag: String,
    pub from_tag: String,
    /// Only while the dialog is early.
    pub early_only: bool,
}

impl Replaces {
    /// The value of a Replaces header field. None where a tag is missing or comes twice.
    pub fn parse(value: &str) -> Option<Replaces> {
        let mut parts = value.split(';').map(str::trim);
        let call_id = parts.next().filter(|id| !id.is_empty() && !id.contains([' ', '\t', ',']))?.to_owned();
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for part in parts {
            let (name, tag) = part.split_once('=').map_or((part, ""), |(n, v)| (n.trim(), v.trim()));
            let place = if name.eq_ignore_ascii_case("to-tag") {
                &mut to_tag
            } else if name.eq_ignore_ascii_case("from-tag") {
                &mut from_tag
            } else {
                early_only |= name.eq_ignore_ascii_case("early-only");
                continue;
            };
            if tag.is_empty() || place.replace(tag.to_owned()).is_some() {
                return None;
            }
        }
        Some(Replaces { call_id, to_tag: to_tag?, from_tag: from_tag?, early_only })
    }

    /// Whether this dialog is the one (RFC 3891 section 3). A far end without a tag is named by `0`.
    pub fn names(&self, dialog: &DialogId) -> bool {
        let remote = if dialog.remote_tag.is_empty() { "0" } else { &dialog.remote_tag };
        self.call_id == dialog.call_id && self.to_tag == dialog.local_tag && self.from_tag == remote
    }
}

impl fmt::Display for Replaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};to-tag={};from-tag={}", self.call_id, self.to_tag, self.from_tag)?;
        if self.early_only { f.write_str(";early-only") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back_as_written_and_broken_ones_are_refused() {
        for value in ["a@b;to-tag=1;from-tag=2", "a@b;to-tag=1;from-tag=2;early-only"] {
            assert_eq!(Replaces::parse(value).expect(value).to_string(), value);
        }
        let loose =
            Replaces::parse("12@h ; From-Tag = 2 ; x=y;TO-TAG=1").expect("blanks, order and case do not matter");
        assert_eq!(loose.to_string(), "12@h;to-tag=1;from-tag=2");
        for bad in ["", "a@b", "a@b;to-tag=1", "a@b;from-tag=1", ";to-tag=1;from-tag=2", "a;to-tag=;from-tag=2"] {
            assert_eq!(Replaces::parse(bad), None, "{bad}");
        }
        assert_eq!(Replaces::parse("a;to-tag=1;to-tag=2;from-tag=3"), None);
        assert_eq!(Replaces::parse("a,b;to-tag=1;from-tag=3"), None);
    }

    #[test]
    fn a_dialog_is_named_by_call_id_and_both_tags() {
        let dialog = DialogId { call_id: "c".into(), local_tag: "l".into(), remote_tag: "r".into() };
        let names = |value: &str| Replaces::parse(value).expect(value).names(&dialog);
        assert!(names("c;to-tag=l;from-tag=r"));
        for other in
            ["x;to-tag=l;from-tag=r", "c;to-tag=r;from-tag=l", "c;to-tag=l;from-tag=x", "C;to-tag=l;from-tag=r"]
        {
            assert!(!names(other), "{other}");
        }
        let old = DialogId { remote_tag: String::new(), ..dialog };
        assert!(Replaces::parse("c;to-tag=l;from-tag=0").expect("a value").names(&old));
    }
}
