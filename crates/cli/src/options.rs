//! The command line: one table says what an option is called, takes, means and does.
//!
//! Parsing follows redis-cli, because scripts rely on it: options come first, the first word
//! that is none begins the command, everything after it belongs to the command even if it looks
//! like an option. `-h` is the host, and help only when nothing follows it.

use crate::connection::{Endpoint, Prefer};
use crate::format::Style;
use crate::tls::{Tls, TlsOptions};
use crate::uri;
use std::time::Duration;

/// What the output shall look like; unset, it depends on standard output being a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputMode {
    Standard,
    Raw,
    Csv,
    Json,
    QuotedJson,
}

/// Which protocol a session starts with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// RESP2, because that is what a server speaks unasked; `--json` turns it into `TryResp3`.
    #[default]
    Unsaid,
    Resp2,
    Resp3,
    /// RESP3 if the server knows it: JSON is richer then.
    TryResp3,
}

/// What the last argument of the command, or a tagged one, is taken from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FromStdin {
    #[default]
    Nothing,
    LastArgument,
    Tagged(String),
}

/// What to do once connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The command given, or the prompt if none is.
    #[default]
    Command,
    /// Requests from standard input to the server as they are.
    Pipe,
    Scan,
    /// EVAL of the script in this file.
    Eval(String),
    /// Print the hint for this line: how tests see what the prompt would show.
    TestHint(String),
    Help,
    Version,
}

#[derive(Clone, Debug)]
pub struct Options {
    pub host: String,
    pub port: u16,
    pub socket: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    /// The password stands where other users of the machine can see it.
    pub password_on_command_line: bool,
    pub no_auth_warning: bool,
    pub ask_password: bool,
    pub db: i64,
    pub protocol: Protocol,
    pub connect_timeout: Duration,
    pub prefer: Prefer,
    pub tls_options: TlsOptions,
    /// What these options came to, if TLS is wanted.
    pub tls: Option<Tls>,
    /// Negative: for ever.
    pub repeat: i64,
    pub interval: Duration,
    pub from_stdin: FromStdin,
    pub quoted_input: bool,
    pub output: Option<OutputMode>,
    pub between_elements: Vec<u8>,
    pub after_reply: Vec<u8>,
    pub show_pushes: Option<bool>,
    /// An error reply ends the program with code 1.
    pub exit_on_error: bool,
    /// Follow MOVED and ASK.
    pub cluster: bool,
    pub mode: Mode,
    pub pattern: Option<Vec<u8>>,
    pub count: u64,
    /// Zero: no limit.
    pub pipe_timeout: Duration,
    pub command: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            host: "127.0.0.1".to_string(),
            port: 6379,
            socket: None,
            user: None,
            password: None,
            password_on_command_line: false,
            no_auth_warning: false,
            ask_password: false,
            db: 0,
            protocol: Protocol::Unsaid,
            connect_timeout: Duration::ZERO,
            prefer: Prefer::AsResolved,
            tls_options: TlsOptions::default(),
            tls: None,
            repeat: 1,
            interval: Duration::ZERO,
            from_stdin: FromStdin::Nothing,
            quoted_input: false,
            output: None,
            between_elements: b"\n".to_vec(),
            after_reply: b"\n".to_vec(),
            show_pushes: None,
            exit_on_error: false,
            cluster: false,
            mode: Mode::Command,
            pattern: None,
            count: 10,
            pipe_timeout: Duration::from_secs(30),
            command: Vec::new(),
        }
    }
}

impl Options {
    /// Reads the arguments after the program's name. The error is a line for the user.
    pub fn parse(arguments: &[String]) -> Result<Options, String> {
        let mut options = Options::default();
        let mut at = 0;
        while let Some(word) = arguments.get(at) {
            let value = arguments.get(at + 1);
            let known = TABLE.iter().find(|option| option.names.contains(&word.as_str()));
            at += match (known, value) {
                (Some(Entry { apply: Apply::Flag(apply), .. }), _) => {
                    apply(&mut options);
                    1
                }
                (Some(Entry { apply: Apply::Value(_, apply), .. }), Some(value)) => {
                    apply(&mut options, value)?;
                    2
                }
                (Some(_), None) if word == "-h" => {
                    options.mode = Mode::Help;
                    1
                }
                _ if word.starts_with('-') => {
                    return Err(format!("Unrecognized option or bad number of args for: '{word}'"));
                }
                _ => {
                    options.command = arguments[at..].to_vec();
                    break;
                }
            };
            // Help wins over anything wrong further right.
            if matches!(options.mode, Mode::Help | Mode::Version) {
                break;
            }
        }
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<(), String> {
        if self.socket.is_some() && self.cluster {
            return Err("Options -c and -s are mutually exclusive.".to_string());
        }
        Ok(())
    }

    pub fn endpoint(&self) -> Endpoint {
        match &self.socket {
            Some(path) => Endpoint::Unix { path: path.clone() },
            None => Endpoint::Tcp { host: self.host.clone(), port: self.port },
        }
    }

    /// The style of replies; `terminal` says whether standard output is one.
    pub fn style(&self, terminal: bool) -> Style<'_> {
        let raw =
            Style::Raw { between_elements: &self.between_elements, after_reply: &self.after_reply };
        match self.output {
            Some(OutputMode::Standard) => Style::Standard,
            Some(OutputMode::Raw) => raw,
            Some(OutputMode::Csv) => Style::Csv,
            Some(OutputMode::Json) => Style::Json,
            Some(OutputMode::QuotedJson) => Style::QuotedJson,
            None if terminal => Style::Standard,
            None => raw,
        }
    }
}

/// The text of `--help`.
pub fn help() -> String {
    let mut out = String::from(
        "ochre-cli: a terminal client for Ochre, Redis and Valkey\n\n\
         Usage: ochre-cli [OPTIONS] [cmd [arg [arg ...]]]\n",
    );
    for option in TABLE {
        let mut left = format!("  {}", option.names.join(", "));
        if let Apply::Value(placeholder, _) = option.apply {
            left.push_str(&format!(" <{placeholder}>"));
        }
        for (i, line) in option.help.lines().enumerate() {
            let left = if i == 0 { left.as_str() } else { "" };
            out.push_str(&format!("{left:<24} {}\n", line.trim_start()));
        }
    }
    out.push_str(
        "\nExamples:\n  \
         ochre-cli SET greeting hello\n  \
         ochre-cli -u redis://default:PASSWORD@localhost:6379/0\n  \
         ochre-cli -x SET page < page.html\n  \
         ochre-cli -r 10 -i 0.5 INCR counter\n  \
         ochre-cli --scan --pattern 'user:*'\n\n\
         Without a command it starts a prompt; type \"help\" there.\n",
    );
    out
}

struct Entry {
    names: &'static [&'static str],
    help: &'static str,
    apply: Apply,
}

enum Apply {
    Flag(fn(&mut Options)),
    /// What the value is called, and what is done with it.
    Value(&'static str, fn(&mut Options, &str) -> Result<(), String>),
}
use Apply::{Flag, Value};

const TABLE: &[Entry] = &[
    Entry {
        names: &["-h"],
        help: "Host of the server (127.0.0.1).",
        apply: Value("host", |o, v| {
            o.host = v.to_string();
            Ok(())
        }),
    },
    Entry {
        names: &["-p"],
        help: "Port of the server (6379).",
        apply: Value("port", |o, v| {
            o.port = v.parse().map_err(|_| "Invalid server port.".to_string())?;
            Ok(())
        }),
    },
    Entry {
        names: &["-t"],
        help: "Seconds that connecting may take; 0 leaves it to the system.",
        apply: Value("seconds", |o, v| {
            o.connect_timeout =
                seconds(v).ok_or_else(|| "Invalid connection timeout for -t.".to_string())?;
            Ok(())
        }),
    },
    Entry {
        names: &["-s"],
        help: "Unix socket of the server, instead of host and port.",
        apply: Value("path", |o, v| {
            o.socket = Some(v.to_string());
            Ok(())
        }),
    },
    Entry {
        names: &["-a", "--pass"],
        help: "Password. Safer: the environment variable REDISCLI_AUTH.",
        apply: Value("password", |o, v| {
            o.password = Some(v.to_string());
            o.password_on_command_line = true;
            Ok(())
        }),
    },
    Entry {
        names: &["--user"],
        help: "ACL user that the password belongs to.",
        apply: Value("name", |o, v| {
            o.user = Some(v.to_string());
            Ok(())
        }),
    },
    Entry {
        names: &["--askpass"],
        help: "Ask for the password at the terminal.",
        apply: Flag(|o| o.ask_password = true),
    },
    Entry {
        names: &["-u"],
        help: "All of these as redis://user:password@host:port/db; each part may be missing.\n\
               rediss: for TLS.",
        apply: Value("uri", uri::apply),
    },
    Entry {
        names: &["-n"],
        help: "Number of the database.",
        apply: Value("db", |o, v| {
            o.db = v.parse().map_err(|_| "Invalid database number.".to_string())?;
            Ok(())
        }),
    },
    Entry { names: &["--tls"], help: "Speak TLS.", apply: Flag(|o| o.tls_options.wanted = true) },
    Entry {
        names: &["--sni"],
        help: "The server's name for TLS, if it is not that of -h.",
        apply: Value("host", |o, v| {
            o.tls_options.sni = Some(v.to_string());
            Ok(())
        }),
    },
    Entry {
        names: &["--cacert"],
        help: "Who may vouch for the server (the machine's authorities); then by any name.",
        apply: Value("file", |o, v| {
            o.tls_options.ca_file = Some(v.into());
            Ok(())
        }),
    },
    Entry {
        names: &["--cacertdir"],
        help: "The same, as certificates in a folder.",
        apply: Value("folder", |o, v| {
            o.tls_options.ca_folder = Some(v.into());
            Ok(())
        }),
    },
    Entry {
        names: &["--insecure"],
        help: "Do not look at the server's certificate.",
        apply: Flag(|o| o.tls_options.insecure = true),
    },
    Entry {
        names: &["--cert"],
        help: "Our certificate, for a server that asks.",
        apply: Value("file", |o, v| {
            o.tls_options.certificate = Some(v.into());
            Ok(())
        }),
    },
    Entry {
        names: &["--key"],
        help: "The private key of this certificate.",
        apply: Value("file", |o, v| {
            o.tls_options.key = Some(v.into());
            Ok(())
        }),
    },
    Entry {
        names: &["--tls-ciphers"],
        help: "Ciphers of TLS 1.2, as OpenSSL names them, between colons.",
        apply: Value("list", |o, v| {
            o.tls_options.ciphers = v.to_string();
            Ok(())
        }),
    },
    Entry {
        names: &["--tls-ciphersuites"],
        help: "Cipher suites of TLS 1.3, the same way.",
        apply: Value("list", |o, v| {
            o.tls_options.cipher_suites = v.to_string();
            Ok(())
        }),
    },
    Entry { names: &["-2"], help: "Speak RESP2.", apply: Flag(|o| o.protocol = Protocol::Resp2) },
    Entry { names: &["-3"], help: "Speak RESP3.", apply: Flag(|o| o.protocol = Protocol::Resp3) },
    Entry { names: &["-4"], help: "Prefer IPv4.", apply: Flag(|o| o.prefer = Prefer::Ipv4) },
    Entry { names: &["-6"], help: "Prefer IPv6.", apply: Flag(|o| o.prefer = Prefer::Ipv6) },
    Entry {
        names: &["-r"],
        help: "Send the command so many times; -1 means for ever.",
        apply: Value("repeat", |o, v| {
            o.repeat = v.parse().map_err(|_| "Invalid repeat count for -r.".to_string())?;
            Ok(())
        }),
    },
    Entry {
        names: &["-i"],
        help: "With -r or --scan, seconds to wait between two commands, such as 0.1.",
        apply: Value("seconds", |o, v| {
            o.interval = seconds(v).ok_or_else(|| "Invalid interval for -i.".to_string())?;
            Ok(())
        }),
    },
    Entry {
        names: &["-x"],
        help: "Read the last argument from standard input.",
        apply: Flag(|o| o.from_stdin = FromStdin::LastArgument),
    },
    Entry {
        names: &["-X"],
        help: "Read the argument that is this word from standard input.",
        apply: Value("tag", |o, v| {
            if o.from_stdin == FromStdin::LastArgument {
                return Err("Options -x and -X are mutually exclusive.".to_string());
            }
            o.from_stdin = FromStdin::Tagged(v.to_string());
            Ok(())
        }),
    },
    Entry {
        names: &["-d"],
        help: "Raw output: what stands between the elements of an array (newline).",
        apply: Value("delimiter", |o, v| {
            o.between_elements = v.as_bytes().to_vec();
            Ok(())
        }),
    },
    Entry {
        names: &["-D"],
        help: "Raw output: what stands after each reply (newline).",
        apply: Value("delimiter", |o, v| {
            o.after_reply = v.as_bytes().to_vec();
            Ok(())
        }),
    },
    Entry {
        names: &["-c"],
        help: "Cluster: follow -MOVED and -ASK redirections.",
        apply: Flag(|o| o.cluster = true),
    },
    Entry {
        names: &["-e"],
        help: "Exit with code 1 when the reply is an error.",
        apply: Flag(|o| o.exit_on_error = true),
    },
    Entry {
        names: &["--raw"],
        help: "Replies as bare bytes; the default when standard output is no terminal.",
        apply: Flag(|o| o.output = Some(OutputMode::Raw)),
    },
    Entry {
        names: &["--no-raw"],
        help: "Replies for people, even when standard output is no terminal.",
        apply: Flag(|o| o.output = Some(OutputMode::Standard)),
    },
    Entry {
        names: &["--csv"],
        help: "Replies as CSV.",
        apply: Flag(|o| o.output = Some(OutputMode::Csv)),
    },
    Entry {
        names: &["--json"],
        help: "Replies as JSON; speaks RESP3 unless -2 is given.",
        apply: Flag(|o| o.set_json(OutputMode::Json)),
    },
    Entry {
        names: &["--quoted-json"],
        help: "As --json, in ASCII: other bytes are written \\xHH.",
        apply: Flag(|o| o.set_json(OutputMode::QuotedJson)),
    },
    Entry {
        names: &["--quoted-input"],
        help: "Arguments are strings in quotes with escapes.",
        apply: Flag(|o| o.quoted_input = true),
    },
    Entry {
        names: &["--show-pushes"],
        help: "Print RESP3's push messages, yes or no; by default at a terminal.",
        apply: Value("yn", |o, v| {
            o.show_pushes = Some(match v.as_bytes().first() {
                Some(b'y' | b'Y') => true,
                Some(b'n' | b'N') => false,
                _ => {
                    return Err(format!(
                        "Unknown --show-pushes value '{v}' (valid: '[y]es', '[n]o')"
                    ));
                }
            });
            Ok(())
        }),
    },
    Entry {
        names: &["--scan"],
        help: "List the keys, by SCAN.",
        apply: Flag(|o| o.mode = Mode::Scan),
    },
    Entry {
        names: &["--pattern"],
        help: "With --scan: only keys that match.",
        apply: Value("glob", |o, v| {
            o.pattern = Some(v.as_bytes().to_vec());
            Ok(())
        }),
    },
    Entry {
        names: &["--quoted-pattern"],
        help: "The same as a string in quotes with escapes.",
        apply: Value("glob", |o, v| {
            o.pattern = Some(unquote(v).ok_or_else(|| {
                "Invalid quoted string specified for --quoted-pattern.".to_string()
            })?);
            Ok(())
        }),
    },
    Entry {
        names: &["--count"],
        help: "With --scan: COUNT of each SCAN (10).",
        apply: Value("count", |o, v| {
            o.count = v.parse().map_err(|_| "Invalid count for --count.".to_string())?;
            Ok(())
        }),
    },
    Entry {
        names: &["--eval"],
        help: "EVAL the script in this file; the words after it are KEYS, a comma, ARGV.",
        apply: Value("file", |o, v| {
            o.mode = Mode::Eval(v.to_string());
            Ok(())
        }),
    },
    Entry {
        names: &["--pipe"],
        help: "Send standard input, which is RESP, to the server and count the replies.",
        apply: Flag(|o| o.mode = Mode::Pipe),
    },
    Entry {
        names: &["--pipe-timeout"],
        help: "With --pipe: seconds to wait for the last reply; 0 means for ever (30).",
        apply: Value("seconds", |o, v| {
            o.pipe_timeout =
                seconds(v).ok_or_else(|| "Invalid timeout for --pipe-timeout.".to_string())?;
            Ok(())
        }),
    },
    Entry {
        names: &["--no-auth-warning"],
        help: "Do not warn about a password on the command line.",
        apply: Flag(|o| o.no_auth_warning = true),
    },
    Entry {
        names: &["--verbose"],
        help: "Accepted for redis-cli's sake; there is nothing more to say.",
        apply: Flag(|_| {}),
    },
    Entry {
        names: &["--test_hint"],
        help: "Print the hint that the prompt shows for this line.",
        apply: Value("line", |o, v| {
            o.mode = Mode::TestHint(v.to_string());
            Ok(())
        }),
    },
    Entry { names: &["--help"], help: "This text.", apply: Flag(|o| o.mode = Mode::Help) },
    Entry {
        names: &["-v", "--version"],
        help: "The version.",
        apply: Flag(|o| o.mode = Mode::Version),
    },
];

impl Options {
    fn set_json(&mut self, mode: OutputMode) {
        self.output = Some(mode);
        if self.protocol == Protocol::Unsaid {
            self.protocol = Protocol::TryResp3;
        }
    }
}

/// A string in quotes with escapes, as one argument.
pub fn unquote(text: &str) -> Option<Vec<u8>> {
    let mut words = base::split_args::split_args(text.as_bytes())?;
    if words.len() == 1 { words.pop() } else { None }
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.parse().ok()?).ok()
}
