use super::body::Form;
use super::error::LamlError;
use super::fields::is_web_url;
use crate::store::SmsFields;

/// Characters of a name at most (laml.md 6).
pub(super) const NAME_CHARS_MAX: usize = 64;

/// The fields of a Compatibility resource as a form changes them: what was not sent stays, and an empty value takes away.
pub(super) struct Changes<'f>(pub &'f Form);

impl Changes<'_> {
    pub fn sent(&self, name: &str) -> Option<&str> {
        self.0.pairs().iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn was_sent(&self, name: &str) -> bool {
        self.sent(name).is_some()
    }

    /// A name for people (20002 when it is none).
    pub fn name(&self, name: &str, target: &mut Option<String>) -> Result<(), LamlError> {
        match self.sent(name) {
            None => {}
            Some(text) if text.chars().count() > NAME_CHARS_MAX || text.contains(char::is_control) => {
                let what = format!("'{name}' must have at most {NAME_CHARS_MAX} printable characters");
                return Err(LamlError::bad(20002, what));
            }
            Some(text) => *target = Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        }
        Ok(())
    }

    pub fn url(&self, name: &str, target: &mut Option<String>) -> Result<(), LamlError> {
        match self.sent(name) {
            None => {}
            Some("") => *target = None,
            Some(url) if is_web_url(url) => *target = Some(url.to_owned()),
            Some(_) => return Err(LamlError::bad(21402, format!("'{name}' is not a valid http or https URL"))),
        }
        Ok(())
    }

    /// `GET` or `POST` (13221 otherwise); an empty one is the default.
    pub fn method(&self, name: &str, target: &mut String) -> Result<(), LamlError> {
        match self.sent(name) {
            None => {}
            Some("") => *target = "POST".into(),
            Some(method) if ["GET", "POST"].iter().any(|m| m.eq_ignore_ascii_case(method)) => {
                *target = method.to_ascii_uppercase();
            }
            Some(_) => return Err(LamlError::bad(13221, format!("'{name}' must be GET or POST"))),
        }
        Ok(())
    }

    /// What this server has no use for: refused, unless it asks for nothing.
    pub fn not_enabled(&self, names: &[(&str, &str)]) -> Result<(), LamlError> {
        for (name, nothing) in names {
            if self.sent(name).is_some_and(|value| !value.is_empty() && !value.eq_ignore_ascii_case(nothing)) {
                return Err(LamlError::bad(10001, format!("{name} is not enabled on this server")));
            }
        }
        Ok(())
    }

    pub fn sms(&self, sms: &mut SmsFields) -> Result<(), LamlError> {
        self.url("SmsUrl", &mut sms.sms_url)?;
        self.method("SmsMethod", &mut sms.sms_method)?;
        self.url("SmsFallbackUrl", &mut sms.sms_fallback_url)?;
        self.method("SmsFallbackMethod", &mut sms.sms_fallback_method)?;
        self.url("SmsStatusCallback", &mut sms.sms_status_callback)?;
        self.method("SmsStatusCallbackMethod", &mut sms.sms_status_callback_method)
    }
}
