//! Numbers: counts divided, and written so that people can read them.

/// A count as a figure; beyond 2^53 it is rounded.
#[expect(clippy::as_conversions, reason = "there is no other way from u64 to f64")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

/// One count divided by another; 0 where there is nothing to divide by.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

/// One figure divided by another; 0 where there is nothing to divide by.
pub(super) fn per(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// A figure without its fraction, in groups of three digits: `1,234,567`.
pub(super) fn grouped(figure: f64) -> String {
    let digits = format!("{:.0}", figure.abs());
    let mut text = String::with_capacity(digits.len() * 2);
    if figure <= -0.5 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count in groups of three digits.
pub(super) fn count(count: u64) -> String {
    grouped(float(count))
}

/// A part of one as a percentage.
pub(super) fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

/// Nanoseconds as milliseconds.
pub(super) fn ms(ns: u64) -> f64 {
    float(ns) / 1e6
}

/// Rounded to three significant places behind the point, for documents.
pub(super) fn rounded(figure: f64) -> f64 {
    (figure * 1e3).round() / 1e3
}

/// The middle one, or the mean of the two in the middle; 0 of nothing.
pub(super) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.get(middle), figures.get(middle.wrapping_sub(1))) {
        (Some(upper), Some(lower)) if figures.len().is_multiple_of(2) => f64::midpoint(*lower, *upper),
        (Some(middle), _) => *middle,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        let cases = [
            (0.0, "0"),
            (999.4, "999"),
            (1_000.0, "1,000"),
            (1_234_567.8, "1,234,568"),
            (-12_345.0, "-12,345"),
        ];
        for (figure, expected) in cases {
            assert_eq!(grouped(figure), expected);
        }
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!((median(vec![7.0]), median(Vec::new())), (7.0, 0.0));
    }
}
