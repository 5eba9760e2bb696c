/// A request method (RFC 3261 section 27.4 and its extensions). Names are case-sensitive.
///
/// `Other` carries no text, so that a method stays a small `Copy` key; [`super::Message::method_str`] and
/// [`super::CSeq::method_str`] have the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Prack,
    Update,
    Info,
    Refer,
    Notify,
    Subscribe,
    Message,
    Publish,
    Other,
}

impl Method {
    /// Methods with a name of their own, in declaration order.
    pub const NAMED: [Method; 14] = [
        Method::Invite,
        Method::Ack,
        Method::Bye,
        Method::Cancel,
        Method::Options,
        Method::Register,
        Method::Prack,
        Method::Update,
        Method::Info,
        Method::Refer,
        Method::Notify,
        Method::Subscribe,
        Method::Message,
        Method::Publish,
    ];

    /// The method a token names; `Other` for one this switch does not know.
    pub fn parse(token: &str) -> Method {
        match token {
            "INVITE" => Method::Invite,
            "ACK" => Method::Ack,
            "BYE" => Method::Bye,
            "CANCEL" => Method::Cancel,
            "OPTIONS" => Method::Options,
            "REGISTER" => Method::Register,
            "PRACK" => Method::Prack,
            "UPDATE" => Method::Update,
            "INFO" => Method::Info,
            "REFER" => Method::Refer,
            "NOTIFY" => Method::Notify,
            "SUBSCRIBE" => Method::Subscribe,
            "MESSAGE" => Method::Message,
            "PUBLISH" => Method::Publish,
            _ => Method::Other,
        }
    }

    /// The token, empty for `Other`.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Invite => "INVITE",
            Method::Ack => "ACK",
            Method::Bye => "BYE",
            Method::Cancel => "CANCEL",
            Method::Options => "OPTIONS",
            Method::Register => "REGISTER",
            Method::Prack => "PRACK",
            Method::Update => "UPDATE",
            Method::Info => "INFO",
            Method::Refer => "REFER",
            Method::Notify => "NOTIFY",
            Method::Subscribe => "SUBSCRIBE",
            Method::Message => "MESSAGE",
            Method::Publish => "PUBLISH",
            Method::Other => "",
        }
    }

    /// Whether a response to it may form a dialog, and so carries Record-Route back (RFC 3261 section 12.1.1,
    /// RFC 6665 section 4.1, RFC 3515 section 2.4.4).
    pub fn forms_dialog(self) -> bool {
        matches!(self, Method::Invite | Method::Subscribe | Method::Refer | Method::Notify)
    }
}

impl AsRef<str> for Method {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_method_reads_back_as_itself() {
        for method in Method::NAMED {
            assert_eq!(Method::parse(method.as_str()), method);
        }
    }

    #[test]
    fn method_names_are_case_sensitive() {
        assert_eq!(Method::parse("invite"), Method::Other);
    }
}
