use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment on a monotonic clock, in nanoseconds since the process chose its origin.
///
/// Machines are told it; only actors read a clock.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    pub const ZERO: Timestamp = Timestamp(0);

    pub const fn from_nanos(nanos: u64) -> Self {
        Timestamp(nanos)
    }

    pub const fn from_millis(millis: u64) -> Self {
        Timestamp(millis * 1_000_000)
    }

    pub const fn from_secs(secs: u64) -> Self {
        Timestamp(secs * 1_000_000_000)
    }

    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Time passed since `earlier`; zero when `earlier` is in fact later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, d: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, d: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000)
    }
}

/// Civil time, in milliseconds since 1970-01-01 UTC. For what people and files read, never for timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct WallTime(pub i64);

impl WallTime {
    pub const fn from_unix_millis(ms: i64) -> Self {
        WallTime(ms)
    }

    pub const fn unix_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Year, month (1-12), day (1-31), hour, minute, second, weekday (0 = Sunday), in UTC.
    pub fn civil(self) -> (i64, u32, u32, u32, u32, u32, u32) {
        let secs = self.unix_secs();
        let days = secs.div_euclid(86_400);
        let sod = secs.rem_euclid(86_400) as u32;
        // Days to civil date in the proleptic Gregorian calendar, counted from 0000-03-01.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
        let month = (if mp < 10 { mp + 3 } else { mp - 9 }) as u32;
        let year = yoe + era * 400 + i64::from(month <= 2);
        let weekday = (days + 4).rem_euclid(7) as u32;
        (year, month, day, sod / 3600, sod / 60 % 60, sod % 60, weekday)
    }

    /// `Thu, 09 Nov 2023 17:05:04 +0000` (RFC 2822 section 3.3), the form of LaML callbacks and the Compatibility API.
    pub fn rfc2822(self) -> String {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (y, mo, d, h, mi, s, wd) = self.civil();
        format!("{}, {d:02} {} {y:04} {h:02}:{mi:02}:{s:02} +0000", DAYS[wd as usize], MONTHS[mo as usize - 1])
    }

    /// `2023-11-09T17:05:04Z` (RFC 3339).
    pub fn rfc3339(self) -> String {
        let (y, mo, d, h, mi, s, _) = self.civil();
        format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates_are_written_as_mail_and_as_iso() {
        for (secs, mail, iso) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000", "1970-01-01T00:00:00Z"),
            (1_699_549_504, "Thu, 09 Nov 2023 17:05:04 +0000", "2023-11-09T17:05:04Z"),
            (1_709_210_096, "Thu, 29 Feb 2024 12:34:56 +0000", "2024-02-29T12:34:56Z"),
            (-1, "Wed, 31 Dec 1969 23:59:59 +0000", "1969-12-31T23:59:59Z"),
        ] {
            let t = WallTime::from_unix_millis(secs * 1000);
            assert_eq!(t.rfc2822(), mail);
            assert_eq!(t.rfc3339(), iso);
        }
    }

    #[test]
    fn timestamps_saturate_instead_of_wrapping() {
        assert_eq!(Timestamp::ZERO - Duration::from_secs(1), Timestamp::ZERO);
        assert_eq!(Timestamp::ZERO.since(Timestamp::from_secs(1)), Duration::ZERO);
        assert_eq!(Timestamp::from_secs(1) + Duration::from_millis(5), Timestamp::from_millis(1005));
    }
}
