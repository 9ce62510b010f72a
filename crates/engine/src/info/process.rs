//! INFO server, clients and cpu.

use std::sync::atomic::Ordering::Relaxed;

use config::id;

use super::{Field, fact, fixed, number, text_of};
use crate::engine::{OCHRE_VERSION, REDIS_VERSION};
use crate::pause::Held;

pub(super) const SERVER: &[Field] = &[
    text_of("redis_version", "The level of Redis that is implemented.", |_| REDIS_VERSION.into()),
    fixed("server_name", "Which implementation this is.", "ochre"),
    text_of("ochre_version", "The version of this server itself.", |_| OCHRE_VERSION.into()),
    fixed("redis_git_sha1", "Redis's revision; none here.", "00000000"),
    fixed("redis_git_dirty", "Whether Redis's sources were changed; never here.", "0"),
    fact("redis_build_id", "Identifies the build.", "0"),
    fixed("redis_mode", "Standalone, sentinel or cluster.", "standalone"),
    fact("os", "Name and release of the operating system, and the machine.", ""),
    text_of("arch_bits", "Width of a pointer.", |_| usize::BITS.to_string()),
    fact("monotonic_clock", "Where durations are measured.", ""),
    fact("multiplexing_api", "How the event loop waits.", "epoll"),
    fixed("atomicvar_api", "How counters are shared.", "rust-core"),
    fixed("gcc_version", "The C compiler; none here.", "0.0.0"),
    fact("process_id", "Number of the process.", "0"),
    fact("process_supervised", "The supervisor: upstart, systemd, unknown or no.", "no"),
    text_of("run_id", "A random name of this run of the server.", |s| s.engine.run_id()),
    text_of("tcp_port", "The port of plain connections.", |s| s.config.int(id::PORT).to_string()),
    text_of("server_time_usec", "The clock, in unix microseconds.", |_| {
        base::clock::unix_us().to_string()
    }),
    number("uptime_in_seconds", "Seconds since the start.", |s| s.uptime_s()),
    number("uptime_in_days", "Days since the start.", |s| s.uptime_s() / 86_400),
    number("hz", "Housekeeping rounds in a second.", |s| s.engine.settings.hz.load(Relaxed).into()),
    number("configured_hz", "Option `hz`.", |s| s.config.size(id::HZ) as u64),
    number("clients_hz", "Rounds in a second that look after clients.", |s| {
        s.engine.settings.hz.load(Relaxed).into()
    }),
    number("lru_clock", "The clock of idle times: seconds, in 24 bits.", |s| {
        (s.now_ms / 1000) as u64 & 0xff_ffff
    }),
    fact("executable", "Path of the server's binary.", ""),
    fact("config_file", "Path of the configuration file; empty if there is none.", ""),
    text_of("io_threads_active", "Whether more than one thread serves connections.", |s| {
        u8::from(s.engine.workers() > 1).to_string()
    }),
    text_of("availability_zone", "Option `availability-zone`.", |s| {
        s.config.text(id::AVAILABILITY_ZONE).into_owned()
    }),
];

pub(super) const CLIENTS: &[Field] = &[
    number("connected_clients", "Connections of clients.", |s| {
        s.clients.of_worker.iter().sum::<usize>() as u64
    }),
    fixed("cluster_connections", "Sockets of the cluster's bus.", "0"),
    number("maxclients", "Most connections allowed.", |s| {
        s.engine.settings.clients_max.load(Relaxed) as u64
    }),
    number("client_recent_max_input_buffer", "Largest query buffer now, in bytes.", |s| {
        s.clients.input_bytes_max
    }),
    number("client_recent_max_output_buffer", "Longest pending output now, in bytes.", |s| {
        s.clients.output_bytes_max
    }),
    number("blocked_clients", "Clients that wait in a blocking command.", |s| {
        (s.engine.waits.len() + s.engine.pause.clients()) as u64
    }),
    number("tracking_clients", "Clients that track keys.", |s| s.engine.tracking.clients() as u64),
    number("pubsub_clients", "Clients that subscribed to something.", |s| s.clients.subscribers),
    number("watching_clients", "Clients that watch keys.", |s| s.clients.watching),
    number("clients_in_timeout_table", "Blocked clients with a timeout.", |s| {
        s.clients.with_deadline
    }),
    number("total_watched_keys", "Keys that someone watches.", |s| {
        s.dbs.iter().map(|db| db.watched_keys).sum()
    }),
    number("total_blocking_keys", "Keys that someone waits for.", |s| {
        s.dbs.iter().map(|db| db.waited_keys).sum()
    }),
    number("total_blocking_keys_on_nokey", "Keys whose waiters want their deletion told.", |s| {
        s.engine.waits.keys_on_nokey() as u64
    }),
    text_of("paused_reason", "Why clients are paused.", |s| {
        if s.pause().is_some() { "client_pause".into() } else { "none".into() }
    }),
    text_of("paused_actions", "What paused clients may not do.", |s| match s.pause() {
        None => "none".into(),
        Some((Held::Writes, _)) => "write".into(),
        Some((Held::All, _)) => "all".into(),
    }),
    number("paused_timeout_milliseconds", "How long the pause still lasts.", |s| {
        s.pause().map_or(0, |(_, until_ms)| (until_ms - s.now_ms) as u64)
    }),
];

pub(super) const CPU: &[Field] = &[
    fact("used_cpu_sys", "Seconds in the kernel, all threads.", "0.000000"),
    fact("used_cpu_user", "Seconds in the server's own code, all threads.", "0.000000"),
    fact("used_cpu_sys_children", "Seconds of children in the kernel.", "0.000000"),
    fact("used_cpu_user_children", "Seconds of children in their own code.", "0.000000"),
    fact("used_cpu_sys_main_thread", "Seconds of the first worker in the kernel.", "0.000000"),
    fact("used_cpu_user_main_thread", "Seconds of the first worker in our code.", "0.000000"),
];
