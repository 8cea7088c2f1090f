//! Days since 1970 as dates. The build script has this file, too.

/// Year, month (from 0) and day of the month (from 1) of a day since 1970.
///
/// Counted in years that begin with March, so that the leap day is a year's last.
pub(crate) fn civil(days: i64) -> (i64, usize, i64) {
    let since_march_0 = days + 719_468;
    let era = since_march_0.div_euclid(146_097);
    let of_era = since_march_0.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year_of_era + i64::from(month < 2);
    (year, month as usize, day)
}

/// A date as ZooKeeper's version line has it, `MM/DD/YYYY HH:MM UTC`, of seconds since 1970.
#[allow(dead_code, reason = "only the build script writes such dates")]
pub(crate) fn build_date(seconds: i64) -> String {
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{:02}/{day:02}/{year:04} {:02}:{:02} UTC", month + 1, time / 3600, time / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_dates_are_those_of_a_version_line() {
        assert_eq!(build_date(0), "01/01/1970 00:00 UTC");
        assert_eq!(build_date(1_795_271_338), "11/21/2026 14:28 UTC");
        assert_eq!(build_date(951_827_696), "02/29/2000 12:34 UTC");
    }
}
