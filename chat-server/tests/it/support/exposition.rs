//! A strict reader of what `/metrics` answers: OpenMetrics 1.0 text, as far as the server uses it.

use std::collections::{BTreeMap, BTreeSet};

/// One metric with its samples.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: String,
    /// By the name's suffix and the labels.
    pub(crate) samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Family {
    /// The names of the labels, without the bounds of a histogram.
    pub(crate) fn labels(&self) -> BTreeSet<&str> {
        let names = self.samples.keys().flat_map(|(_, labels)| labels.keys());
        names.map(String::as_str).filter(|name| *name != "le").collect()
    }
}

/// Reads an answer; panics at the first thing that breaks the format.
pub(crate) fn parse(text: &str) -> BTreeMap<String, Family> {
    let body = text.strip_suffix("# EOF\n").expect("the end is marked");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current: Option<Family> = None;
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            if let Some(done) = current.take() {
                check(&done);
                assert!(families.insert(done.name.clone(), done).is_none(), "twice: {line}");
            }
            assert!(is_name(name), "{line}");
            let (name, help) = (name.to_owned(), help.to_owned());
            current = Some(Family { name, help, kind: String::new(), samples: BTreeMap::new() });
            continue;
        }
        let family = current.as_mut().unwrap_or_else(|| panic!("before any HELP: {line}"));
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(name == family.name && family.kind.is_empty() && family.samples.is_empty(), "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            family.kind = kind.to_owned();
            continue;
        }
        let (sample, value) = parse_sample(line, &family.name);
        assert!(family.samples.insert(sample, value).is_none(), "twice: {line}");
    }
    let last = current.expect("some metrics");
    check(&last);
    families.insert(last.name.clone(), last);
    families
}

fn parse_sample(line: &str, family: &str) -> ((String, BTreeMap<String, String>), f64) {
    let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let (name, labels) = match head.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').unwrap_or_else(|| panic!("{line}"))),
        None => (head, ""),
    };
    let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("not of {family}: {line}"));
    let mut parsed = BTreeMap::new();
    for pair in labels.split(',').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or_else(|| panic!("{line}"));
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap();
        assert!(is_name(name) && !value.contains(['"', '\\']), "{line}");
        assert!(parsed.insert(name.to_owned(), value.to_owned()).is_none(), "{line}");
    }
    ((suffix.to_owned(), parsed), value)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// What must hold of the samples of a family.
fn check(family: &Family) {
    assert!(!family.help.is_empty() && !family.samples.is_empty(), "{family:?}");
    let sets: BTreeSet<Vec<&String>> = family
        .samples
        .keys()
        .map(|(_, labels)| labels.keys().filter(|name| *name != "le").collect())
        .collect();
    assert_eq!(sets.len(), 1, "all samples have the same labels: {family:?}");
    for ((suffix, labels), value) in &family.samples {
        let wanted: &[&str] = match family.kind.as_str() {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        assert!(wanted.contains(&suffix.as_str()), "{suffix} of {family:?}");
        assert!(value.is_finite() && *value >= 0.0, "{family:?}");
        assert_eq!(labels.contains_key("le"), suffix == "_bucket", "{family:?}");
    }
    if family.kind == "histogram" {
        let mut buckets: Vec<(f64, f64)> = family
            .samples
            .iter()
            .filter_map(|((_, labels), value)| {
                Some((labels.get("le")?.replace("+Inf", "inf").parse().unwrap(), *value))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "the buckets are cumulative: {family:?}");
        let (bound, all) = *buckets.last().unwrap();
        assert!(bound.is_infinite());
        assert_eq!(all, family.samples[&("_count".to_owned(), BTreeMap::new())], "{family:?}");
    }
}
