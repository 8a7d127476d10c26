//! How often something took how long: counted in buckets whose width is a 64th of their value, so that nothing is
//! averaged and little memory is taken, however much is recorded.

/// Bits of a value that tell buckets of one magnitude apart.
const PRECISION_BITS: u32 = 6;
/// Buckets for all values of 64 bits.
const BUCKETS: usize = 3_776;

/// Times in nanoseconds.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Histogram {
    pub(super) fn new() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max: 0 }
    }

    /// Counts a time.
    pub(super) fn record(&mut self, ns: u64) {
        if let Some(bucket) = self.buckets.get_mut(bucket_of(ns)) {
            *bucket += 1;
        }
        self.count += 1;
        self.max = self.max.max(ns);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.buckets.fill(0);
        (self.count, self.max) = (0, 0);
    }

    /// How many times were counted.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// The longest time.
    pub(super) const fn max(&self) -> u64 {
        self.max
    }

    /// The time that so many thousandths of all did not exceed; 0 where nothing was counted.
    pub(super) fn per_mille(&self, wanted: u64) -> u64 {
        let wanted = (self.count * wanted).div_ceil(1_000).max(1);
        let mut counted = 0;
        for (bucket, times) in self.buckets.iter().enumerate() {
            counted += times;
            if counted >= wanted {
                return highest_in(bucket).min(self.max);
            }
        }
        self.max
    }
}

/// Where a value is counted. Values below 128 have a bucket each.
fn bucket_of(value: u64) -> usize {
    let magnitude = (u64::BITS - value.leading_zeros()).saturating_sub(PRECISION_BITS + 1);
    let bucket = (u64::from(magnitude) << PRECISION_BITS) + (value >> magnitude);
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

/// The highest value that a bucket counts.
fn highest_in(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let magnitude = (bucket >> PRECISION_BITS).saturating_sub(1);
    let significant = bucket - (magnitude << PRECISION_BITS);
    ((u128::from(significant) + 1) << magnitude).saturating_sub(1).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_value_and_is_no_wider_than_a_64th_of_it() {
        let mut values: Vec<u64> = (0..1_000).collect();
        values.extend((10..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1, 3 << (bit - 1)]));
        values.push(u64::MAX);
        for value in values {
            let bucket = bucket_of(value);
            let highest = highest_in(bucket);
            assert!(bucket < BUCKETS && highest >= value, "{value}: {bucket} {highest}");
            assert!(highest - value <= value / 64, "{value}: {highest}");
            if let Some(next) = highest.checked_add(1) {
                assert_eq!(bucket_of(next), bucket + 1, "{value}");
            }
        }
    }

    #[test]
    fn percentiles_are_those_of_all_that_was_recorded() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.per_mille(500), 0);
        for value in 1..=100 {
            histogram.record(value);
        }
        let of = |wanted| histogram.per_mille(wanted);
        assert_eq!((of(500), of(900), of(990), of(1_000)), (50, 90, 99, 100));
        histogram.record(1_000_000_007);
        assert_eq!(
            (histogram.per_mille(1_000), histogram.max(), histogram.count()),
            (1_000_000_007, 1_000_000_007, 101)
        );
        histogram.clear();
        assert_eq!((histogram.per_mille(500), histogram.max(), histogram.count()), (0, 0, 0));
    }
}
