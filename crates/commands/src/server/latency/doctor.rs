//! LATENCY DOCTOR: what the latency monitor has seen, in words, with advice.

use std::collections::BTreeSet;

use config::id;
use engine::Engine;

/// The report, at this unix second.
pub(super) fn report(engine: &Engine, now_s: i64) -> String {
    let events = engine.latency.all();
    let config = engine.config();
    if events.is_empty() {
        return if config.int(id::LATENCY_MONITOR_THRESHOLD) == 0 {
            "Latency is not watched: latency-monitor-threshold is 0. Set it to the milliseconds \
             from which you want to hear of a delay, as in CONFIG SET latency-monitor-threshold \
             100, and ask again later.\n"
                .to_owned()
        } else {
            "No event has taken longer than latency-monitor-threshold so far.\n".to_owned()
        };
    }
    let mut out = String::from("Delays that were seen:\n\n");
    let mut advice = BTreeSet::new();
    for (i, (name, series)) in events.iter().enumerate() {
        let seen = series.summary(now_s);
        let plural = if seen.samples == 1 { "" } else { "s" };
        out.push_str(&format!(
            "{}. {name}: {} spike{plural} (average {}ms, mean deviation {}ms, period {:.2} sec). \
             Worst of all time: {}ms.\n",
            i + 1,
            seen.samples,
            seen.average_ms,
            seen.deviation_ms,
            seen.period_s,
            series.worst_ms,
        ));
        match *name {
            "command" => {
                let slower_us = config.int(id::SLOWLOG_LOG_SLOWER_THAN);
                let threshold_us = config.int(id::LATENCY_MONITOR_THRESHOLD) * 1000;
                if slower_us < 0 || config.int(id::SLOWLOG_MAX_LEN) == 0 {
                    advice.insert(
                        "The slow log is off. Turn it on (slowlog-log-slower-than, \
                         slowlog-max-len) to see which commands are slow.",
                    );
                } else if slower_us > threshold_us.max(1) {
                    advice.insert(
                        "slowlog-log-slower-than is above latency-monitor-threshold: commands \
                         that are seen here are not logged there. Lower it.",
                    );
                } else {
                    advice.insert("SLOWLOG GET tells which commands were slow.");
                }
                advice.insert(
                    "Commands over whole collections take time in proportion to their size: KEYS, \
                     SMEMBERS, LRANGE or SORT of a large key are better done in parts (SCAN and \
                     its like).",
                );
            }
            "fast-command" => {
                advice.insert(
                    "Commands that are fast by nature were slow: the machine is short of \
                     processor time or memory, or commands have very many arguments. Look for \
                     other processes, for swapping, and at steal time in a virtual machine.",
                );
            }
            "expire-cycle" | "eviction-cycle" | "eviction-del" | "expire-del" => {
                advice.insert(
                    "Freeing large values takes time. Let it happen in the background: \
                     lazyfree-lazy-expire, lazyfree-lazy-eviction, UNLINK instead of DEL.",
                );
            }
            "command-unblocking" => {
                advice.insert("Serving clients that wait was slow: many may wait for one key.");
            }
            _ => {}
        }
    }
    if !advice.is_empty() {
        out.push_str("\nWhat may help:\n\n");
        advice.iter().for_each(|line| out.push_str(&format!("- {line}\n")));
    }
    out
}
