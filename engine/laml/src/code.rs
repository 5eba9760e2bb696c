//! The documented error and warning numbers a script reports.

/// Redirects, actions and falls between documents without end.
pub(crate) const TOO_MANY_DOCUMENTS: u32 = 11_215;
pub(crate) const DOCUMENT_TOO_BIG: u32 = 11_750;
pub(crate) const DOCUMENT_PARSE: u32 = 12_100;
pub(crate) const CONTENT_TYPE: u32 = 12_300;
/// `<Conference>` beside other nouns, or twice.
pub(crate) const CONFERENCE_MIXED: u32 = 13_000;
/// An attribute of `<Conference>`.
pub(crate) const CONFERENCE: u32 = 16_002;
/// An element where it may not be, or too many of them.
pub(crate) const NESTING: u32 = 13_215;
pub(crate) const METHOD: u32 = 13_221;
pub(crate) const SEND_DIGITS: u32 = 13_222;
pub(crate) const DIAL_NUMBER: u32 = 13_223;
/// A verb that this kind of document may not hold.
pub(crate) const VERB_FORBIDDEN: u32 = 13_238;
pub(crate) const SIP_MALFORMED: u32 = 13_243;
pub(crate) const SIP_MISSING: u32 = 13_254;
/// Part of LaML, but not of this server yet.
pub(crate) const VERB_UNSUPPORTED: u32 = 13_750;
pub(crate) const ATTRIBUTE_UNSUPPORTED: u32 = 10_001;
pub(crate) const RECORDING_EVENT: u32 = 13_621;
pub(crate) const TRIM: u32 = 13_699;
pub(crate) const WRONG_STATE: u32 = 10_000;
/// An attribute that does not exist or whose value cannot be read.
pub(crate) const ATTRIBUTE: u32 = 20_422;
pub(crate) const CALLER_ID: u32 = 21_212;
pub(crate) const URL: u32 = 21_402;
pub(crate) const PLAY_URL: u32 = 21_455;
pub(crate) const CALLBACK_EVENT: u32 = 21_626;
/// Where a stream cannot go.
pub(crate) const STREAM_URL: u32 = 31_922;
pub(crate) const CODECS: u32 = 53_404;
