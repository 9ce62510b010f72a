//! The page of metrics: INFO and what the logs hold, as Prometheus reads it.
//!
//! ```text
//!   INFO                                    page
//!   used_memory:1024            ─►  # TYPE redis_memory_used_bytes gauge
//!                                   redis_memory_used_bytes 1024
//!   cmdstat_get:calls=3,usec=9  ─►  redis_commands_total{cmd="get"} 3
//! ```
//!
//! redis_exporter asks a server for INFO and translates it; here the server does that itself, from
//! the same text, so that a dashboard made for the exporter needs no other names. What the server
//! has besides stands under `ochre_`. Everything here is text in, text out.
//!
//! # Invariants
//!
//! (1) All samples of a metric stand together, behind its one `# TYPE` line: scrapers want that.
//! (2) Whatever a client can put into INFO (a code of an error) is escaped as a label.

use std::fmt::Write;

use super::names::{Kind, NAMES};

/// What the page tells besides INFO.
#[derive(Clone, Debug, Default)]
pub(super) struct Extras {
    pub(super) now_s: i64,
    pub(super) slow_commands: usize,
    /// Id and microseconds of the latest.
    pub(super) slow_latest: Option<(u64, u64)>,
    pub(super) large_requests: usize,
    pub(super) large_replies: usize,
    /// Of each event: its name, and second and milliseconds of its latest spike.
    pub(super) spikes: Vec<(&'static str, i64, u64)>,
}

/// One metric: its lines, in the order they were added.
struct Family {
    name: String,
    kind: Kind,
    lines: String,
}

/// Metrics in the order they were first met.
#[derive(Default)]
struct Page(Vec<Family>);

type Labels<'a> = &'a [(&'a str, &'a str)];

impl Page {
    fn family(&mut self, name: &str, kind: Kind) -> &mut Family {
        let at = self.0.iter().position(|family| family.name == name).unwrap_or_else(|| {
            self.0.push(Family { name: name.to_owned(), kind, lines: String::new() });
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    fn add(&mut self, name: &str, kind: Kind, labels: Labels<'_>, value: impl std::fmt::Display) {
        let family = self.family(name, kind);
        write_sample(&mut family.lines, name, labels, value);
    }

    fn gauge(&mut self, name: &str, value: impl std::fmt::Display) {
        self.add(name, Kind::Gauge, &[], value);
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for Family { name, kind, lines } in &self.0 {
            let help = name.replace('_', " ");
            let kind = kind.word();
            let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{lines}");
        }
        out
    }
}

fn write_sample(out: &mut String, name: &str, labels: Labels<'_>, value: impl std::fmt::Display) {
    out.push_str(name);
    for (i, (label, text)) in labels.iter().enumerate() {
        let _ = write!(out, "{}{label}=\"{}\"", if i == 0 { '{' } else { ',' }, escaped(text));
    }
    let end = if labels.is_empty() { "" } else { "}" };
    let _ = writeln!(out, "{end} {value}");
}

/// A label's text (2).
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The whole page.
pub(super) fn page(info: &str, extras: &Extras) -> String {
    let mut page = Page::default();
    page.gauge("redis_up", 1);
    let fields: Vec<(&str, &str)> = info.lines().filter_map(|line| line.split_once(':')).collect();
    let find = |name: &str| fields.iter().find(|(field, _)| *field == name).map(|(_, text)| *text);
    add_instance(&mut page, &find);
    for (field, text) in &fields {
        add_field(&mut page, field, text);
    }
    add_latencies(&mut page, &fields, &find);
    if let Some(up_s) = find("uptime_in_seconds").and_then(|text| text.parse::<i64>().ok()) {
        page.gauge("redis_start_time_seconds", extras.now_s - up_s);
    }
    for (option, field) in [("maxclients", "maxclients"), ("maxmemory", "maxmemory")] {
        if let Some(value) = find(field).and_then(number) {
            page.gauge(&format!("redis_config_{option}"), value);
        }
    }
    add_logs(&mut page, extras);
    page.text()
}

/// What the instance is, in labels.
fn add_instance<'a>(page: &mut Page, find: &impl Fn(&str) -> Option<&'a str>) {
    const LABELS: [&str; 10] = [
        "role",
        "redis_version",
        "redis_build_id",
        "redis_mode",
        "os",
        "maxmemory_policy",
        "tcp_port",
        "run_id",
        "process_id",
        "master_replid",
    ];
    let labels = LABELS.map(|label| (label, find(label).unwrap_or_default()));
    page.add("redis_instance_info", Kind::Gauge, &labels, 1);
}

/// One line of INFO; what is no metric is left out.
fn add_field(page: &mut Page, field: &str, text: &str) {
    if let Some(command) = field.strip_prefix("cmdstat_") {
        return add_command(page, command, text);
    }
    if let Some(code) = field.strip_prefix("errorstat_") {
        let labels = [("err", code)];
        if let Some(count) = part(text, "count") {
            page.add("redis_errors_total", Kind::Counter, &labels, count);
        }
        return;
    }
    if let Some(worker) = field.strip_prefix("io_thread_") {
        return add_worker(page, worker, text);
    }
    if field.starts_with("db") && part(text, "keys").is_some() {
        return add_db(page, field, text);
    }
    let Some(name) = NAMES.iter().find(|name| name.field == field) else { return };
    let Some(value) = number(text) else { return };
    let value = if field == "latest_fork_usec" { value / 1e6 } else { value };
    page.add(&format!("redis_{}", name.metric), name.kind, &[], value);
}

fn add_command(page: &mut Page, command: &str, text: &str) {
    let metrics = [
        ("calls", "redis_commands_total", 1.0),
        ("usec", "redis_commands_duration_seconds_total", 1e6),
        ("rejected_calls", "redis_commands_rejected_calls_total", 1.0),
        ("failed_calls", "redis_commands_failed_calls_total", 1.0),
    ];
    for (key, metric, per) in metrics {
        if let Some(value) = part(text, key) {
            page.add(metric, Kind::Counter, &[("cmd", command)], value / per);
        }
    }
}

fn add_db(page: &mut Page, db: &str, text: &str) {
    let metrics = [
        ("keys", "redis_db_keys", 1.0),
        ("expires", "redis_db_keys_expiring", 1.0),
        ("avg_ttl", "redis_db_avg_ttl_seconds", 1000.0),
    ];
    for (key, metric, per) in metrics {
        if let Some(value) = part(text, key) {
            page.add(metric, Kind::Gauge, &[("db", db)], value / per);
        }
    }
}

/// What one worker does: ours alone.
fn add_worker(page: &mut Page, worker: &str, text: &str) {
    if let Some(clients) = part(text, "clients") {
        page.add("ochre_worker_clients", Kind::Gauge, &[("worker", worker)], clients);
    }
    for key in ["reads", "writes", "commands", "parked", "world"] {
        if let Some(count) = part(text, key) {
            let metric = format!("ochre_worker_{key}_total");
            page.add(&metric, Kind::Counter, &[("worker", worker)], count);
        }
    }
}

/// Percentiles of each command that INFO tells calls and percentiles of.
fn add_latencies<'a>(
    page: &mut Page,
    fields: &[(&'a str, &'a str)],
    find: &impl Fn(&str) -> Option<&'a str>,
) {
    const NAME: &str = "redis_latency_percentiles_usec";
    for (field, text) in fields {
        let Some(command) = field.strip_prefix("latency_percentiles_usec_") else { continue };
        let stats = find(&format!("cmdstat_{command}")).unwrap_or_default();
        let (Some(calls), Some(us)) = (part(stats, "calls"), part(stats, "usec")) else { continue };
        let family = page.family(NAME, Kind::Summary);
        for (percent, value) in text.split(',').filter_map(|pair| pair.split_once('=')) {
            let labels = [("cmd", command), ("quantile", percent.trim_start_matches('p'))];
            write_sample(&mut family.lines, NAME, &labels, value);
        }
        let labels = [("cmd", command)];
        write_sample(&mut family.lines, &format!("{NAME}_sum"), &labels, us);
        write_sample(&mut family.lines, &format!("{NAME}_count"), &labels, calls);
    }
}

fn add_logs(page: &mut Page, extras: &Extras) {
    let (id, us) = extras.slow_latest.unwrap_or_default();
    page.gauge("redis_slowlog_length", extras.slow_commands);
    page.gauge("redis_slowlog_last_id", id);
    page.gauge("redis_last_slow_execution_duration_seconds", us as f64 / 1e6);
    page.gauge("ochre_large_requests_logged", extras.large_requests);
    page.gauge("ochre_large_replies_logged", extras.large_replies);
    for (event, unix_s, ms) in &extras.spikes {
        let labels = [("event_name", *event)];
        page.add("redis_latency_spike_last", Kind::Gauge, &labels, unix_s);
        let seconds = *ms as f64 / 1000.0;
        page.add("redis_latency_spike_duration_seconds", Kind::Gauge, &labels, seconds);
    }
}

/// A field's value as a number, words of success and failure included.
fn number(text: &str) -> Option<f64> {
    match text {
        "ok" | "true" => Some(1.0),
        "err" | "fail" | "false" => Some(0.0),
        text => text.parse().ok(),
    }
}

/// The number behind `key=` in `a=1,b=2`.
fn part(text: &str, key: &str) -> Option<f64> {
    let mut pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == key).and_then(|(_, value)| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn lines(info: &str) -> Vec<String> {
        page(info, &Extras::default()).lines().map(str::to_owned).collect()
    }

    #[test]
    fn every_name_stands_for_a_field_of_info_and_for_one_metric() {
        let fields = engine::info::SECTIONS.iter().flat_map(|section| section.fields);
        let fields: HashSet<_> = fields.map(|field| field.name).collect();
        let mut metrics = HashSet::new();
        for name in NAMES {
            // Those lines of the append only file are there only while it is on.
            assert!(
                fields.contains(name.field) || name.field.starts_with("aof_"),
                "{}",
                name.field
            );
            assert!(metrics.insert(name.metric), "{}", name.metric);
        }
    }

    #[test]
    fn a_field_becomes_a_metric_of_its_kind() {
        let lines = lines(
            "# Memory\r\nused_memory:1024\r\nkeyspace_hits:7\r\naof_last_write_status:ok\r\n\
                           mem_allocator:jemalloc\r\nlatest_fork_usec:1500000\r\n",
        );
        for line in [
            "# TYPE redis_memory_used_bytes gauge",
            "redis_memory_used_bytes 1024",
            "# TYPE redis_keyspace_hits_total counter",
            "redis_keyspace_hits_total 7",
            "redis_aof_last_write_status 1",
            "redis_latest_fork_seconds 1.5",
            "redis_up 1",
        ] {
            assert!(lines.iter().any(|other| other == line), "{line} in {lines:#?}");
        }
        assert!(!lines.iter().any(|line| line.contains("jemalloc")));
    }

    #[test]
    fn samples_of_a_metric_stand_together_behind_one_type() {
        let lines = lines(
            "cmdstat_get:calls=3,usec=9,usec_per_call=3.00,rejected_calls=1,failed_calls=0\n\
             cmdstat_config|get:calls=1,usec=2000000,usec_per_call=1.00,rejected_calls=0,failed_calls=0\n\
             db0:keys=5,expires=2,avg_ttl=1500,subexpiry=0\ndb9:keys=1,expires=0,avg_ttl=0,subexpiry=0\n",
        );
        let at = |line: &str| {
            lines.iter().position(|other| other == line).unwrap_or_else(|| panic!("{lines:#?}"))
        };
        let typed = at("# TYPE redis_commands_total counter");
        assert_eq!(lines[typed + 1], "redis_commands_total{cmd=\"get\"} 3");
        assert_eq!(lines[typed + 2], "redis_commands_total{cmd=\"config|get\"} 1");
        at("redis_commands_duration_seconds_total{cmd=\"config|get\"} 2");
        at("redis_commands_rejected_calls_total{cmd=\"get\"} 1");
        assert_eq!(at("redis_db_keys{db=\"db0\"} 5") + 1, at("redis_db_keys{db=\"db9\"} 1"));
        at("redis_db_avg_ttl_seconds{db=\"db0\"} 1.5");
    }

    #[test]
    fn percentiles_are_a_summary_of_what_was_called() {
        let lines = lines(
            "cmdstat_get:calls=3,usec=9,usec_per_call=3.00\n\
             latency_percentiles_usec_get:p50=1.003,p99.9=2.5\n\
             latency_percentiles_usec_set:p50=1.003\n",
        );
        let at = lines.iter().position(|l| l == "# TYPE redis_latency_percentiles_usec summary");
        let at = at.unwrap_or_else(|| panic!("{lines:#?}"));
        assert_eq!(
            lines[at + 1..at + 5],
            [
                "redis_latency_percentiles_usec{cmd=\"get\",quantile=\"50\"} 1.003",
                "redis_latency_percentiles_usec{cmd=\"get\",quantile=\"99.9\"} 2.5",
                "redis_latency_percentiles_usec_sum{cmd=\"get\"} 9",
                "redis_latency_percentiles_usec_count{cmd=\"get\"} 3",
            ]
        );
        assert!(!lines.iter().any(|line| line.contains("cmd=\"set\"")), "nothing says how often");
    }

    #[test]
    fn a_label_cannot_end_its_quotes() {
        let lines = lines("errorstat_A\"} 1\\:count=2\n");
        assert!(
            lines.iter().any(|l| l == "redis_errors_total{err=\"A\\\"} 1\\\\\"} 2"),
            "{lines:?}"
        );
    }

    #[test]
    fn logs_and_spikes_are_told() {
        let extras = Extras {
            now_s: 1000,
            slow_commands: 2,
            slow_latest: Some((7, 12_500)),
            spikes: vec![("command", 990, 250)],
            ..Extras::default()
        };
        let text = page("uptime_in_seconds:100\n", &extras);
        for line in [
            "redis_start_time_seconds 900\n",
            "redis_slowlog_length 2\n",
            "redis_slowlog_last_id 7\n",
            "redis_last_slow_execution_duration_seconds 0.0125\n",
            "redis_latency_spike_last{event_name=\"command\"} 990\n",
            "redis_latency_spike_duration_seconds{event_name=\"command\"} 0.25\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
