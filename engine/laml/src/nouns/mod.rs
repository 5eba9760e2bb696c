//! The nouns of `<Dial>`: each a folder with its grammar. What is dialled is a [`Target`].

mod callback;
pub(crate) mod client;
pub(crate) mod conference;
pub(crate) mod digits;
mod machine_detection;
pub(crate) mod number;
pub(crate) mod queue;
pub(crate) mod recording;
pub(crate) mod sip;
pub(crate) mod stream;
pub(crate) mod verto;

pub use sip::sip_address;

use crate::attributes::Attribute;
use crate::document::Node;
use crate::effects::Effects;
use crate::instruction::Target;
use crate::verbs::Surroundings;

/// The nouns that can be dialled. A noun is its folder and its line here.
pub(crate) static NOUNS: &[&Spec] = &[&number::SPEC, &sip::SPEC, &client::SPEC, &verto::SPEC];

/// Nouns of LaML that this server does not dial yet: warned about (13750) and passed over.
pub(crate) static NOUNS_NOT_YET: &[&str] = &["Sim", "WhatsApp", "Application"];

pub(crate) struct Spec {
    pub name: &'static str,
    pub attributes: &'static [Attribute],
    /// None when it cannot be dialled; it has warned.
    pub parse: fn(&Node, &Surroundings<'_>, &mut Effects) -> Option<Target>,
}
