//! Counters and gauges with labels whose values are all known beforehand.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// A label's name and value.
pub(super) type Label = (&'static str, Cow<'static, str>);

/// One counter for each of some few values.
#[derive(Debug)]
pub(super) struct Counters<K>(HashMap<K, Counter>);

impl<K: Eq + Hash> Counters<K> {
    /// Registers the counters; all are there from the start, at 0. The format adds `_total` to the name.
    pub(super) fn register<const N: usize>(
        registry: &mut Registry,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (K, [Label; N])>,
    ) -> Self {
        let family = Family::<Vec<Label>, Counter>::default();
        registry.register(name, help, family.clone());
        Self(
            values
                .into_iter()
                .map(|(key, labels)| (key, family.get_or_create_owned(&labels.into())))
                .collect(),
        )
    }

    pub(super) fn count(&self, key: K) {
        if let Some(counter) = self.0.get(&key) {
            counter.inc();
        }
    }

    #[cfg(test)]
    pub(super) fn of(&self, key: K) -> u64 {
        self.0.get(&key).map_or(0, Counter::get)
    }
}

/// One gauge for each of some few values.
#[derive(Debug)]
pub(super) struct Gauges<K>(HashMap<K, Gauge>);

impl<K: Eq + Hash> Gauges<K> {
    /// Registers the gauges; all are there from the start, at 0.
    pub(super) fn register<const N: usize>(
        registry: &mut Registry,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (K, [Label; N])>,
    ) -> Self {
        let family = Family::<Vec<Label>, Gauge>::default();
        registry.register(name, help, family.clone());
        Self(
            values
                .into_iter()
                .map(|(key, labels)| (key, family.get_or_create_owned(&labels.into())))
                .collect(),
        )
    }

    pub(super) fn set(&self, key: K, value: usize) {
        if let Some(gauge) = self.0.get(&key) {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }
}

/// A gauge without labels.
pub(super) fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

/// A histogram without labels.
pub(super) fn histogram(
    registry: &mut Registry,
    name: &str,
    help: &str,
    upper_bounds: impl IntoIterator<Item = f64>,
) -> Histogram {
    let histogram = Histogram::new(upper_bounds);
    registry.register(name, help, histogram.clone());
    histogram
}
