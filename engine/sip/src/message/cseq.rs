use super::method::Method;

/// Sequence number and method of a request, which its responses repeat (RFC 3261 section 20.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// Below 2^31.
    pub number: u32,
    pub method: Method,
    /// The method as written; tells one `Method::Other` from another.
    pub method_str: &'a str,
}
