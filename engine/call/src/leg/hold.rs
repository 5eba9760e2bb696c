use tandem_codecs::CodecId;

use super::Leg;
use super::contract::LegReport;

impl Leg {
    /// Offer and answer have changed the session.
    pub(super) fn report_session(&mut self, codec: CodecId) {
        self.report(LegReport::Renegotiated { codec });
        self.report_hold();
    }

    /// Says so when the far end has put us on hold, or taken us back (RFC 3264 section 8.4). The other leg of a call is not
    /// told by SIP: it hears what the far end sends meanwhile, or nothing.
    fn report_hold(&mut self) {
        let held = self.media.is_held();
        if held != self.held {
            self.held = held;
            self.report(LegReport::Held(held));
        }
    }
}
