//! What a load found, as a table for people and a document for programs.

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use super::figures::Figures;
use super::ledger::Counts;
use super::number::{count, float, grouped, ms, per, percent, ratio, rounded};
use crate::error::CliError;
use crate::output::{Column, Report};

/// From which share of a core on the generator counts as busy.
const BUSY: f64 = 0.9;

/// A report that is being written.
pub(super) struct Summary {
    title: &'static str,
    rows: Vec<Vec<String>>,
    document: Map<String, Value>,
    warnings: Vec<String>,
    complaint: Option<CliError>,
}

impl Summary {
    /// An empty report of a kind of load, as the command line names it.
    pub(super) fn new(title: &'static str) -> Self {
        let mut document = Map::new();
        document.insert("bench".to_owned(), json!(title));
        Self { title, rows: Vec::new(), document, warnings: Vec::new(), complaint: None }
    }

    /// What the load was: the first line of the table.
    pub(super) fn load(&mut self, text: impl Into<String>) -> &mut Self {
        self.row(self.title, text)
    }

    /// A line of the table.
    pub(super) fn row(&mut self, label: impl Into<String>, value: impl Into<String>) -> &mut Self {
        self.rows.push(vec![label.into(), value.into()]);
        self
    }

    /// A field of the document.
    pub(super) fn field(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.document.insert(name.to_owned(), value.into());
        self
    }

    /// A figure of the document, rounded.
    pub(super) fn figure(&mut self, name: &str, figure: f64) -> &mut Self {
        self.field(name, rounded(figure))
    }

    /// Something per second, in both.
    pub(super) fn per_second(&mut self, label: &str, name: &str, figure: f64) -> &mut Self {
        self.row(format!("{label}/s"), grouped(figure)).figure(name, figure)
    }

    /// How long something took, in both; nothing where nothing was timed.
    pub(super) fn times(&mut self, label: &str, name: &str, times: &Histogram<u64>) -> &mut Self {
        if times.is_empty() {
            return self.field(name, Value::Null);
        }
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|quantile| ms(times.value_at_quantile(quantile)));
        let max = ms(times.max());
        self.row(format!("{label}, ms"), format!("p50 {p50:.2}, p90 {p90:.2}, p99 {p99:.2}, max {max:.2}"));
        let [p50, p90, p99, max] = [p50, p90, p99, max].map(rounded);
        self.field(name, json!({ "p50": p50, "p90": p90, "p99": p99, "max": max, "count": times.len() }))
    }

    /// Who used how much CPU, and how much for each of something; warns if the generator was the limit.
    pub(super) fn cpu(&mut self, figures: &Figures, what: &str, times: u64) -> &mut Self {
        let each = |cpu: f64| per(cpu * figures.seconds * 1e6, float(times));
        let in_words = |cpu: f64| format!("{} of a core, {:.2} µs per {what}", percent(cpu), each(cpu));
        let as_json = |cpu: f64| json!({ "cpu": rounded(cpu), "cpu_us_each": rounded(each(cpu)) });
        if let Some(server) = figures.server_cpu {
            self.row("server CPU", in_words(server));
        }
        self.row("generator CPU", in_words(figures.own_cpu));
        if let Some(others) = figures.others_cpu {
            self.row("others' CPU", format!("{} of a core", percent(others)));
        }
        if is_generator_bound(figures) {
            let text = match figures.server_cpu {
                Some(server) => format!(
                    "the generator was the limit: it used {} of a core, the server {}; give it a core of its own or another machine",
                    percent(figures.own_cpu),
                    percent(server)
                ),
                None => format!(
                    "the generator used {} of a core and may have been the limit; --server-pid shows the server's beside it",
                    percent(figures.own_cpu)
                ),
            };
            self.warn(text);
        }
        self.field("generator", as_json(figures.own_cpu))
            .field("server", figures.server_cpu.map_or(Value::Null, as_json))
            .field("others_cpu", figures.others_cpu.map(rounded))
    }

    /// Whether everything came that was sent, once.
    pub(super) fn checked(&mut self, counts: &Counts) -> &mut Self {
        let lost = counts.expected.saturating_sub(counts.deliveries);
        self.row(
            "checked",
            format!(
                "{} of {} deliveries; lost {}, doubled {}",
                count(counts.deliveries),
                count(counts.expected),
                count(lost),
                count(counts.doubled)
            ),
        );
        if lost > 0 || counts.doubled > 0 {
            let text =
                format!("{} deliveries are missing, {} came twice", count(lost), count(counts.doubled));
            self.complain(CliError::server(text, "this should not happen; please report it"));
        }
        if counts.foreign > 0 {
            let foreign = count(counts.foreign);
            self.warn(format!(
                "{foreign} messages of others came into the rooms: somebody else measures, too"
            ));
        }
        self.field("messages", counts.sent)
            .field("acks", counts.acks)
            .field("deliveries", counts.deliveries)
            .field("expected_deliveries", counts.expected)
            .field("lost", lost)
            .field("doubled", counts.doubled)
            .field("foreign", counts.foreign)
    }

    /// How many messages one read of a socket brought.
    pub(super) fn coalescing(&mut self, figures: &Figures) -> &mut Self {
        let each = ratio(figures.deliveries, figures.reads);
        self.row("deliveries per read", format!("{each:.1}")).figure("deliveries_per_read", each)
    }

    /// Something that whoever reads the figures must know.
    pub(super) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// Something that makes the run a failed one, although its figures are told.
    pub(super) fn complain(&mut self, complaint: CliError) {
        self.complaint.get_or_insert(complaint);
    }

    /// The report.
    pub(super) fn report(mut self) -> Report {
        let notes: Vec<String> = self.warnings.iter().map(|text| format!("warning: {text}")).collect();
        self.document.insert("warnings".to_owned(), json!(self.warnings));
        let columns = [Column::Text("WHAT"), Column::Text("VALUE")];
        let mut report = Report::table(&columns, self.rows, Value::Object(self.document)).with_notes(&notes);
        report.complaint = self.complaint;
        report
    }
}

fn is_generator_bound(figures: &Figures) -> bool {
    figures.own_cpu >= BUSY && figures.server_cpu.is_none_or(|server| server < figures.own_cpu)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(own_cpu: f64, server_cpu: Option<f64>) -> Figures {
        Figures {
            seconds: 1.0,
            sent: 1,
            acks: 1,
            deliveries: 10,
            reads: 5,
            pings: 0,
            pages: 0,
            own_cpu,
            server_cpu,
            others_cpu: None,
        }
    }

    fn warnings(own_cpu: f64, server_cpu: Option<f64>) -> usize {
        let mut summary = Summary::new("fanout");
        summary.cpu(&figures(own_cpu, server_cpu), "delivery", 10);
        summary.warnings.len()
    }

    #[test]
    fn a_generator_that_was_the_limit_is_named() {
        assert_eq!(warnings(0.89, None), 0);
        assert_eq!(warnings(0.95, None), 1);
        assert_eq!(warnings(0.95, Some(0.6)), 1);
        assert_eq!(warnings(0.95, Some(0.99)), 0);
        assert_eq!(warnings(0.95, Some(1.8)), 0, "a server of several cores was busy, too");
    }

    #[test]
    fn what_is_missing_or_came_twice_is_a_failure() {
        for (deliveries, doubled, fails) in [(10, 0, false), (9, 0, true), (10, 1, true)] {
            let mut summary = Summary::new("fanout");
            summary.checked(&Counts { deliveries, doubled, expected: 10, ..Counts::default() });
            assert_eq!(summary.report().complaint.is_some(), fails, "{deliveries} {doubled}");
        }
    }
}
