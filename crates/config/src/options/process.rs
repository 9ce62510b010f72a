//! The process: how it runs in the system, its log, its title, its end.

use crate::check;
use crate::option::Kind;
use crate::option::Opt;
use crate::option::declare::*;

const NO_CHILD: &str = "Ochre never forks";
const SHUTDOWN: &[&str] = &["default", "save", "nosave", "now", "force", "safe", "failover"];

pub(super) const OPTIONS: &[Opt] = &[
    yes_no("daemonize", "no", "Run in the background.").at_start().now(),
    choice(
        "supervised",
        &["upstart", "systemd", "auto", "no"],
        "no",
        "Tell upstart or systemd when the server is ready; 'auto' finds out which one asks.",
    )
    .at_start()
    .now(),
    text_or_none("pidfile", "File to keep the process id in while the server runs.")
        .at_start()
        .now(),
    of_kind("dir", Kind::Dir, "./", "Working directory; data files go there.")
        .of_host(|host| host.dir.clone())
        .protected()
        .not_while_loading()
        .now(),
    choice(
        "loglevel",
        &["debug", "verbose", "notice", "warning", "nothing"],
        "notice",
        "The least important message that is still logged.",
    )
    .now(),
    text("logfile", "", "File to log to; an empty name is the standard output.").at_start().now(),
    choice("log-format", &["legacy", "logfmt", "json"], "legacy", "Form of a line of the log.")
        .now(),
    choice(
        "log-timestamp-format",
        &["legacy", "iso8601", "milliseconds"],
        "legacy",
        "Form of the time in a line of the log.",
    )
    .now(),
    yes_no("syslog-enabled", "no", "Send the log to syslog too.").at_start().now(),
    text("syslog-ident", "redis", "Name to use in syslog.").at_start().now(),
    choice(
        "syslog-facility",
        &["user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
        "local0",
        "Facility to use in syslog.",
    )
    .at_start()
    .now(),
    yes_no("hide-user-data-from-log", "no", "Keep keys and values out of log and crash report.")
        .now(),
    yes_no("crash-log-enabled", "yes", "Write a report to the log when the process crashes.").now(),
    yes_no("crash-memcheck-enabled", "yes", "Test the memory for defects after a crash.")
        .later("the memory test"),
    yes_no("use-exit-on-panic", "no", "For tests: exit instead of aborting after a panic.")
        .hidden()
        .now(),
    yes_no("enable-debug-assert", "no", "For tests: check costly assertions.").at_start().hidden(),
    text("debug-context", "", "Text to add to a crash report.").hidden().later("the crash report"),
    text("ignore-warnings", "", "Names of warnings at start that should not stop the server.")
        .later("warnings that stop the server"),
    yes_no("always-show-logo", "no", "Show the banner although the output is no terminal.")
        .at_start()
        .now(),
    yes_no("set-proc-title", "yes", "Let process lists show what the server does.")
        .at_start()
        .now(),
    text(
        "proc-title-template",
        "{title} {listen-addr} {server-mode}",
        "What they show. Known: {title} {listen-addr} {server-mode} {port} {tls-port} \
         {unixsocket} {config-file}.",
    )
    .checked(check::proc_title_template)
    .now(),
    text("locale-collate", "", "Locale for comparing text, as in SORT ALPHA; '' is the system's.")
        .now(),
    of_kind(
        "hz",
        Kind::Hint { max: INT_MAX, low: 1, high: 500 },
        "10",
        "How many times a second background work runs; kept within 1 and 500.",
    )
    .now(),
    yes_no("dynamic-hz", "yes", "Run background work more often when many clients are connected.")
        .now(),
    int("databases", 1, INT_MAX, "16", "Number of databases for SELECT.").at_start().now(),
    int(
        "shutdown-timeout",
        0,
        INT_MAX,
        "10",
        "Seconds that SHUTDOWN waits for replicas to catch up.",
    )
    .later("replication"),
    flags("shutdown-on-sigint", SHUTDOWN, "default", "Options of SHUTDOWN to apply on SIGINT.")
        .checked(check::shutdown_flags)
        .now(),
    flags("shutdown-on-sigterm", SHUTDOWN, "default", "Options of SHUTDOWN to apply on SIGTERM.")
        .checked(check::shutdown_flags)
        .now(),
    choice(
        "oom-score-adj",
        &["no", "yes", "relative", "absolute"],
        "no",
        "Let the kernel's OOM killer prefer other processes. 'yes' is 'relative' to the score at \
         start.",
    )
    .now(),
    of_kind(
        "oom-score-adj-values",
        Kind::OomScores,
        "0 200 800",
        "Scores of a primary, a replica and a background child.",
    )
    .now(),
    yes_no("disable-thp", "yes", "Ask the kernel for no transparent huge pages.")
        .at_start()
        .never("nothing is forked, so huge pages cost nothing and make large tables faster"),
    text_or_none("server-cpulist", "Cores for the workers, such as 0-3 or 0,2.")
        .alias(&["server_cpulist"])
        .at_start()
        .now(),
    text_or_none("bio-cpulist", "Cores for background threads.")
        .alias(&["bio_cpulist"])
        .at_start()
        .now(),
    text_or_none("aof-rewrite-cpulist", "Cores for the child that rewrites the AOF.")
        .alias(&["aof_rewrite_cpulist"])
        .at_start()
        .never(NO_CHILD),
    text_or_none("bgsave-cpulist", "Cores for the child that saves.")
        .alias(&["bgsave_cpulist"])
        .at_start()
        .never(NO_CHILD),
    int("watchdog-period", 0, INT_MAX, "0", "For debugging: milliseconds a command may block.")
        .hidden(),
    yes_no(
        "extended-redis-compatibility",
        "no",
        "Valkey's switch for naming itself Redis in replies.",
    )
    .never("Ochre always answers as Redis does"),
    text(
        "availability-zone",
        "",
        "Where this server runs; shown to clients that look for the \
         nearest one.",
    ),
];
