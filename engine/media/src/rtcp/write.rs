use super::{
    ExtendedReport, ReportBlock, SenderInfo, TYPE_BYE, TYPE_EXTENDED_REPORT, TYPE_RECEIVER_REPORT, TYPE_SENDER_REPORT,
    TYPE_SOURCE_DESCRIPTION,
};

/// Report blocks that one report holds (RFC 3550 section 6.4.1); more are left out.
const BLOCKS_MAX: usize = 31;

/// What one compound packet of ours says.
#[derive(Clone, Copy, Debug)]
pub struct OwnReport<'a> {
    pub ssrc: u32,
    /// A sender report when present, a receiver report otherwise.
    pub sender: Option<SenderInfo>,
    /// What we hear, once we heard something.
    pub block: Option<ReportBlock>,
    /// 1..=255 bytes (RFC 7022).
    pub cname: &'a str,
    pub bye: bool,
}

/// Writes SR or RR, SDES with CNAME, and BYE when asked, into `out` (RFC 3550 section 6.1); returns the length.
/// None when `out` is too short.
pub fn write_compound(out: &mut [u8], report: &OwnReport<'_>) -> Option<usize> {
    write_report(out, report, &[], &ExtendedReport::default())
}

/// As [`write_compound`], with blocks for further streams and an extended report (RFC 3611) behind SDES when it is not empty.
pub fn write_report(
    out: &mut [u8],
    report: &OwnReport<'_>,
    more: &[ReportBlock],
    extended: &ExtendedReport,
) -> Option<usize> {
    let mut w = Writer { out, at: 0 };
    let blocks = || report.block.iter().chain(more).take(BLOCKS_MAX);
    let count = blocks().count() as u8;
    let start = match report.sender {
        Some(info) => {
            let start = w.begin(count, TYPE_SENDER_REPORT, report.ssrc)?;
            w.put(&info.ntp.to_be_bytes())?;
            w.put(&info.rtp_time.to_be_bytes())?;
            w.put(&info.packets.to_be_bytes())?;
            w.put(&info.octets.to_be_bytes())?;
            start
        }
        None => w.begin(count, TYPE_RECEIVER_REPORT, report.ssrc)?,
    };
    for block in blocks() {
        w.put(&block.ssrc.to_be_bytes())?;
        let lost = block.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        w.put(&(u32::from(block.fraction_lost) << 24 | lost).to_be_bytes())?;
        w.put(&block.highest_sequence.to_be_bytes())?;
        w.put(&block.jitter.to_be_bytes())?;
        w.put(&block.last_sr.to_be_bytes())?;
        w.put(&block.delay_since_last_sr.to_be_bytes())?;
    }
    w.end(start);

    let start = w.begin(1, TYPE_SOURCE_DESCRIPTION, report.ssrc)?;
    let cname = &report.cname.as_bytes()[..report.cname.len().min(255)];
    w.put(&[1, cname.len() as u8])?;
    w.put(cname)?;
    // At least one zero ends the items; then to the next 32-bit boundary (RFC 3550 section 6.5).
    w.put(&[0])?;
    while !(w.at - start).is_multiple_of(4) {
        w.put(&[0])?;
    }
    w.end(start);

    if !extended.is_empty() {
        let start = w.begin(0, TYPE_EXTENDED_REPORT, report.ssrc)?;
        extended.write(|bytes| w.put(bytes))?;
        w.end(start);
    }

    if report.bye {
        let start = w.begin(1, TYPE_BYE, report.ssrc)?;
        w.end(start);
    }
    Some(w.at)
}

struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.out.get_mut(self.at..self.at + bytes.len())?.copy_from_slice(bytes);
        self.at += bytes.len();
        Some(())
    }

    fn begin(&mut self, count: u8, packet_type: u8, ssrc: u32) -> Option<usize> {
        let start = self.at;
        self.put(&[0x80 | count, packet_type, 0, 0])?;
        self.put(&ssrc.to_be_bytes())?;
        Some(start)
    }

    fn end(&mut self, start: usize) {
        let words = ((self.at - start) / 4 - 1) as u16;
        self.out[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
    }
}
