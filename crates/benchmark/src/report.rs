//! What the user reads, in redis-benchmark's form.

use std::fmt::Write;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::options::Options;
use crate::run::Outcome;

/// The first line of the CSV form.
pub const CSV_HEADER: &str = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\
     \"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"";

/// What the server says of how it keeps its data, if it says it.
#[derive(Clone, Debug, Default)]
pub struct ServerConfig {
    pub save: String,
    pub append_only: String,
}

/// One line while a test runs.
pub fn progress(title: &str, now: (f64, f64), all: (f64, f64)) -> String {
    let ((rps, latency_ms), (rps_of_all, latency_ms_of_all)) = (now, all);
    format!(
        "{title}: rps={rps:.1} (overall: {rps_of_all:.1}) \
         avg_msec={latency_ms:.3} (overall: {latency_ms_of_all:.3})"
    )
}

/// The whole of a test, in the form that the options ask for.
pub fn outcome(
    options: &Options,
    title: &str,
    config: Option<&ServerConfig>,
    outcome: &Outcome,
) -> String {
    let rps = outcome.per_second();
    let latencies = &outcome.latencies;
    let places = options.precision;
    if options.is_csv {
        let quoted = title.replace('"', "\"\"");
        let figures: Vec<String> =
            summary(latencies).iter().map(|ms| format!("\"{ms:.3}\"")).collect();
        return format!("\"{quoted}\",\"{rps:.2}\",{}\n", figures.join(","));
    }
    if options.is_quiet {
        let p50 = ms(latencies.value_at_quantile(0.5));
        return format!("{title}: {rps:.2} requests per second, p50={p50:.places$} msec\n");
    }
    full(options, title, config, outcome)
}

fn full(
    options: &Options,
    title: &str,
    config: Option<&ServerConfig>,
    outcome: &Outcome,
) -> String {
    let mut out = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").expect("a string grows");
    let latencies = &outcome.latencies;
    line(format_args!("====== {title} ======"));
    line(format_args!(
        "  {} requests completed in {:.2} seconds",
        latencies.len(),
        outcome.elapsed.as_secs_f64()
    ));
    line(format_args!("  {} parallel clients", options.clients));
    line(format_args!("  {} bytes payload", options.data_len));
    line(format_args!("  keep alive: {}", u8::from(options.keeps_alive)));
    if let Some(config) = config {
        line(format_args!("  host configuration \"save\": {}", config.save));
        line(format_args!("  host configuration \"appendonly\": {}", config.append_only));
    }
    match options.threads {
        Some(threads) => line(format_args!("  multi-thread: yes\n  threads: {threads}")),
        None => line(format_args!("  multi-thread: no")),
    }
    line(format_args!("\nLatency by percentile distribution:"));
    let places = options.precision;
    for step in latencies.iter_quantiles(1) {
        let percent = step.quantile_iterated_to() * 100.0;
        let count = latencies.count_between(0, step.value_iterated_to());
        let latency = ms(step.value_iterated_to());
        line(format_args!(
            "{percent:.3}% <= {latency:.places$} milliseconds (cumulative count {count})"
        ));
    }
    line(format_args!("\nCumulative distribution of latencies:"));
    let mut before = 0;
    for limit_us in limits_us(latencies.max()) {
        let count = latencies.count_between(0, limit_us);
        if count != before {
            let percent = count as f64 * 100.0 / latencies.len() as f64;
            let latency = ms(latencies.highest_equivalent(limit_us));
            line(format_args!(
                "{percent:.3}% <= {latency:.places$} milliseconds (cumulative count {count})"
            ));
        }
        before = count;
    }
    line(format_args!("\nSummary:"));
    line(format_args!("  throughput summary: {:.2} requests per second", outcome.per_second()));
    line(format_args!("  latency summary (msec):"));
    line(format_args!("          avg       min       p50       p95       p99       max"));
    let figures: Vec<String> =
        summary(latencies).iter().map(|ms| format!("{ms:>9.places$}")).collect();
    line(format_args!("    {}\n", figures.join(" ")));
    out
}

/// Up to 2 ms in steps of 0.1, and then of 1, until all is told.
fn limits_us(max: u64) -> impl Iterator<Item = u64> {
    let fine = (1..20).map(|step| step * 100);
    let coarse = (2..).map(|step| step * 1000);
    let mut has_ended = false;
    fine.chain(coarse).take_while(move |limit| {
        let goes_on = !has_ended;
        has_ended = *limit >= max;
        goes_on
    })
}

/// Average, least, median, 95 and 99 percent, most; in milliseconds.
fn summary(latencies: &Histogram<u64>) -> [f64; 6] {
    let at = |quantile| ms(latencies.value_at_quantile(quantile));
    let (least, most) = (ms(latencies.min()), ms(latencies.max()));
    [latencies.mean() / 1000.0, least, at(0.5), at(0.95), at(0.99), most]
}

fn ms(us: u64) -> f64 {
    us as f64 / 1000.0
}

/// Requests a second and milliseconds for each, of `(requests, latency_us)` within a time.
pub fn rate((requests, latency_us): (u64, u64), time: Duration) -> (f64, f64) {
    let latency_ms = if requests == 0 { 0.0 } else { ms(latency_us) / requests as f64 };
    (requests as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE), latency_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn an_outcome() -> Outcome {
        let mut latencies = Histogram::new_with_bounds(1, 60_000_000, 3).expect("sound bounds");
        for us in [100, 200, 300, 400, 5000, 5000, 5000, 5000, 5000, 5000] {
            latencies.record(us).expect("within bounds");
        }
        Outcome { latencies, elapsed: Duration::from_secs(2) }
    }

    #[test]
    fn each_form_tells_the_same() {
        let quiet = Options { is_quiet: true, ..Options::default() };
        assert_eq!(
            outcome(&quiet, "GET", None, &an_outcome()),
            "GET: 5.00 requests per second, p50=5.003 msec\n"
        );
        let csv = Options { is_csv: true, ..Options::default() };
        assert_eq!(
            outcome(&csv, "a \"b\"", None, &an_outcome()),
            "\"a \"\"b\"\"\",\"5.00\",\"3.101\",\"0.100\",\"5.003\",\"5.003\",\"5.003\",\"5.003\"\n"
        );
        let config = ServerConfig { save: "3600 1".to_owned(), append_only: "no".to_owned() };
        let text = outcome(&Options::default(), "GET", Some(&config), &an_outcome());
        for line in [
            "====== GET ======",
            "  10 requests completed in 2.00 seconds",
            "  host configuration \"save\": 3600 1",
            "  multi-thread: no",
            "10.000% <= 0.100 milliseconds (cumulative count 1)",
            "40.000% <= 0.400 milliseconds (cumulative count 4)",
            "100.000% <= 5.003 milliseconds (cumulative count 10)",
            "  throughput summary: 5.00 requests per second",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
    }
}
