//! `<Verto>`: a user by `name@domain`, which is a registered endpoint here, whatever the domain.

use super::Spec;
use super::client::user;
use crate::attributes::Attributes;
use crate::code;
use crate::instruction::Target;

pub(crate) static SPEC: Spec = Spec {
    name: "Verto",
    attributes: &[],
    parse: |node, around, fx| {
        let attributes = Attributes::new(node, SPEC.attributes, around.url, fx);
        for child in node.elements() {
            fx.warn(code::NESTING, Some(child.line), "Verto: no element may stand inside");
        }
        let to = user(&node.text(), SPEC.name, attributes.line(), fx)?;
        Some(Target { to, status_callback: None, url: None, send_digits: None, amd: None })
    },
};
