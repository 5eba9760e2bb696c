//! Reading attributes by a table: each verb and noun lists what it knows, with defaults, and the reference in
//! `docs/laml.md` is written from the same lists.

use std::ops::RangeInclusive;

use crate::address;
use crate::code;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::{Method, Repeat};

/// One attribute of a verb or noun.
#[derive(Debug)]
pub(crate) struct Attribute {
    pub name: &'static str,
    /// As it would be written; empty when leaving the attribute out means something of its own.
    pub default: &'static str,
    /// For people: the values taken, or why it is left out.
    pub values: &'static str,
    pub support: Support,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    Supported,
    /// Part of LaML; here it is warned about and has no effect, unless it asks for the default.
    LeftOut,
}

impl Attribute {
    pub const fn new(name: &'static str, default: &'static str, values: &'static str) -> Self {
        Attribute { name, default, values, support: Support::Supported }
    }

    /// Part of LaML that this server leaves out, with the reason; `default` is the value that asks for nothing.
    pub const fn left_out(name: &'static str, default: &'static str, why: &'static str) -> Self {
        Attribute { name, default, values: why, support: Support::LeftOut }
    }
}

/// An element's attributes, read by its table. Values that cannot be read are warned about and replaced by the default.
pub(crate) struct Attributes<'a> {
    node: &'a Node,
    table: &'static [Attribute],
    base: Option<&'a str>,
}

impl<'a> Attributes<'a> {
    /// Warns of each attribute that does not exist (20422) or does nothing here (10001).
    pub fn new(node: &'a Node, table: &'static [Attribute], base: Option<&'a str>, fx: &mut Effects) -> Self {
        for (name, value) in &node.attributes {
            let shown: String = name.chars().take(60).collect();
            match table.iter().find(|a| a.name == name) {
                Some(Attribute { support: Support::Supported, .. }) => {}
                Some(Attribute { support: Support::LeftOut, default, .. }) if value.trim() == *default => {}
                Some(Attribute { support: Support::LeftOut, values: why, .. }) => {
                    let message = format!("{}: the attribute {shown} is ignored: {why}", node.name);
                    fx.warn(code::ATTRIBUTE_UNSUPPORTED, Some(node.line), message);
                }
                None => {
                    let message = format!("{}: there is no attribute {shown}", node.name);
                    fx.warn(code::ATTRIBUTE, Some(node.line), message);
                }
            }
        }
        Attributes { node, table, base }
    }

    pub fn line(&self) -> Option<u32> {
        Some(self.node.line)
    }

    /// As written, or the default of the table.
    pub fn text(&self, name: &str) -> &'a str {
        self.node.attribute(name).unwrap_or_else(|| self.default(name))
    }

    /// As written; None when left out.
    pub fn given(&self, name: &str) -> Option<&'a str> {
        self.node.attribute(name)
    }

    pub fn flag(&self, name: &str, fx: &mut Effects) -> bool {
        let read = |value: &str| match value.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        read(self.text(name)).unwrap_or_else(|| {
            self.warn_value(name, "neither true nor false", fx);
            read(self.default(name)).unwrap_or(false)
        })
    }

    /// A whole number, moved into `range` with a warning.
    pub fn number(&self, name: &str, range: RangeInclusive<u32>, fx: &mut Effects) -> u32 {
        let read = |value: &str| value.trim().parse::<i64>().ok();
        let (low, high) = (*range.start(), *range.end());
        let Some(number) = read(self.text(name)) else {
            self.warn_value(name, "not a whole number", fx);
            return read(self.default(name)).map_or(low, |n| clamp(n, low, high));
        };
        let clamped = clamp(number, low, high);
        if i64::from(clamped) != number {
            self.warn_value(name, &format!("outside {low} to {high}, taken as {clamped}"), fx);
        }
        clamped
    }

    pub fn method(&self, name: &str, fx: &mut Effects) -> Method {
        let value = self.text(name).trim();
        if value.eq_ignore_ascii_case("GET") {
            Method::Get
        } else {
            if !value.eq_ignore_ascii_case("POST") {
                let message = format!("{}: {name} is neither GET nor POST, taken as POST", self.node.name);
                fx.warn(code::METHOD, self.line(), message);
            }
            Method::Post
        }
    }

    /// An absolute URL; None when left out, empty, or (with warning 21402) not usable.
    pub fn url(&self, name: &str, fx: &mut Effects) -> Option<String> {
        let value = self.given(name).filter(|v| !v.trim().is_empty())?;
        match address::resolve(self.base, value) {
            Ok(url) => Some(url),
            Err(bad) => {
                fx.warn(code::URL, self.line(), format!("{}: {name}: {}", self.node.name, bad.0));
                None
            }
        }
    }

    /// The `loop` attribute: 0 is for ever.
    pub fn repeat(&self, fx: &mut Effects) -> Repeat {
        match self.number("loop", 0..=1_000, fx) {
            0 => Repeat::Forever,
            times => Repeat::Times(times),
        }
    }

    pub fn warn_value(&self, name: &str, what: &str, fx: &mut Effects) {
        let shown: String = self.text(name).chars().filter(|c| !c.is_control()).take(60).collect();
        fx.warn(code::ATTRIBUTE, self.line(), format!("{}: {name}=\"{shown}\" is {what}", self.node.name));
    }

    /// The default of the table.
    pub fn standard(&self, name: &str) -> &'static str {
        self.default(name)
    }

    fn default(&self, name: &str) -> &'static str {
        debug_assert!(self.table.iter().any(|a| a.name == name), "{name} is not in the table of {}", self.node.name);
        self.table.iter().find(|a| a.name == name).map_or("", |a| a.default)
    }
}

fn clamp(number: i64, low: u32, high: u32) -> u32 {
    u32::try_from(number.clamp(i64::from(low), i64::from(high))).unwrap_or(low)
}
