use tandem_model::limits;

/// What an address-of-record may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A shorter wish is refused with 423, a longer one cut.
    pub expires_secs_min: u32,
    pub expires_secs_max: u32,
    /// Where none is wished for.
    pub expires_secs_default: u32,
    /// Contacts at a time.
    pub contacts_max: usize,
    pub overflow: Overflow,
}

/// What becomes of a contact for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// 403, unless the same flow has older contacts: those go. A client behind a NAT that restarts comes with a new
    /// contact each time.
    #[default]
    Refuse,
    /// The contact that was refreshed least recently goes.
    ReplaceOldest,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            expires_secs_min: limits::REGISTER_EXPIRES_SECS_MIN,
            expires_secs_max: limits::REGISTER_EXPIRES_SECS_MAX,
            expires_secs_default: limits::REGISTER_EXPIRES_SECS_DEFAULT,
            contacts_max: limits::CONTACTS_PER_AOR_DEFAULT,
            overflow: Overflow::Refuse,
        }
    }
}

impl Overflow {
    pub fn as_str(self) -> &'static str {
        match self {
            Overflow::Refuse => "refuse",
            Overflow::ReplaceOldest => "replace_oldest",
        }
    }

    pub fn from_name(name: &str) -> Option<Overflow> {
        [Overflow::Refuse, Overflow::ReplaceOldest].into_iter().find(|o| o.as_str() == name)
    }
}
