//! The arguments, under redis-benchmark's names.

use std::io::Read;
use std::path::PathBuf;

use clap::Parser;
use cli::options::Options as ServerOptions;
use cli::tls::{Tls, TlsOptions};

/// What is to be measured, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the server is and who we are there.
    pub server: ServerOptions,
    pub resp3: bool,
    pub clients: usize,
    /// Of each test.
    pub requests: u64,
    pub data_len: usize,
    pub threads: Option<usize>,
    pub tracks: bool,
    pub keeps_alive: bool,
    /// How many keys; without it, one key.
    pub keyspace: Option<u64>,
    pub depth: usize,
    pub is_quiet: bool,
    /// Digits of milliseconds behind the point.
    pub precision: usize,
    pub is_csv: bool,
    pub is_endless: bool,
    /// Connect and wait.
    pub is_idle: bool,
    pub seed: u64,
    /// In small letters; none means all.
    pub tests: Vec<String>,
    pub command: Vec<Vec<u8>>,
}

impl Default for Options {
    fn default() -> Options {
        let arguments = Arguments::parse_from(["ochre-benchmark"]);
        Options::of(arguments).expect("the defaults are sound")
    }
}

/// Measure how many requests a server answers, and how long it takes over each.
#[derive(Parser, Debug)]
#[command(name = "ochre-benchmark", version, disable_help_flag = true)]
struct Arguments {
    /// Server hostname
    #[arg(short = 'h', value_name = "hostname", default_value = "127.0.0.1")]
    host: String,
    /// Server port
    #[arg(short = 'p', value_name = "port", default_value_t = 6379)]
    port: u16,
    /// Server socket (overrides host and port)
    #[arg(short = 's', value_name = "socket")]
    socket: Option<String>,
    /// Password
    #[arg(short = 'a', value_name = "password")]
    password: Option<String>,
    /// User to log in as; needs -a
    #[arg(long, value_name = "username", requires = "password")]
    user: Option<String>,
    /// Server URI, redis://user:password@host:port/dbnum; rediss: for TLS
    #[arg(short = 'u', value_name = "uri")]
    uri: Option<String>,
    /// Number of parallel connections
    #[arg(short = 'c', value_name = "clients", default_value_t = 50)]
    clients: usize,
    /// Total number of requests, of each test
    #[arg(short = 'n', value_name = "requests", default_value_t = 100_000)]
    requests: u64,
    /// Data size of SET's and other values, in bytes
    #[arg(short = 'd', value_name = "size", default_value_t = 3)]
    data_len: usize,
    /// SELECT this database
    #[arg(long, value_name = "db")]
    dbnum: Option<i64>,
    /// Start sessions in RESP3
    #[arg(short = '3')]
    resp3: bool,
    /// Generate the load with several threads
    #[arg(long, value_name = "num")]
    threads: Option<usize>,
    /// Send CLIENT TRACKING on before starting
    #[arg(long)]
    enable_tracking: bool,
    /// 1: keep connections, 0: reconnect after each pipeline
    #[arg(short = 'k', value_name = "boolean", default_value_t = 1)]
    keep_alive: u8,
    /// Replace __rand_int__ in arguments, and in the keys of the tests, by a number of 12 digits
    /// from 0 to keyspacelen-1, another one in each request
    #[arg(short = 'r', value_name = "keyspacelen")]
    keyspace: Option<u64>,
    /// Requests in a pipeline
    #[arg(short = 'P', value_name = "numreq", default_value_t = 1)]
    depth: usize,
    /// Only show requests a second
    #[arg(short = 'q')]
    quiet: bool,
    /// Decimal places of latencies
    #[arg(long, value_name = "places", default_value_t = 3)]
    precision: usize,
    /// Output in CSV format
    #[arg(long)]
    csv: bool,
    /// Run the tests for ever
    #[arg(short = 'l')]
    endless: bool,
    /// Only run these tests, named as in the output, with commas between them
    #[arg(short = 't', value_name = "tests", value_delimiter = ',')]
    tests: Vec<String>,
    /// Idle mode: just open connections and wait
    #[arg(short = 'I')]
    idle: bool,
    /// Read the last argument of the command from standard input
    #[arg(short = 'x')]
    from_stdin: bool,
    /// Seed of the random numbers
    #[arg(long, value_name = "num")]
    seed: Option<u64>,
    /// Connect with TLS
    #[arg(long)]
    tls: bool,
    /// Server name indication
    #[arg(long, value_name = "host")]
    sni: Option<String>,
    /// File of authorities to trust
    #[arg(long, value_name = "file")]
    cacert: Option<PathBuf>,
    /// Directory of authorities to trust
    #[arg(long, value_name = "dir")]
    cacertdir: Option<PathBuf>,
    /// Do not verify the server's certificate
    #[arg(long)]
    insecure: bool,
    /// Our certificate
    #[arg(long, value_name = "file")]
    cert: Option<PathBuf>,
    /// Our private key
    #[arg(long, value_name = "file")]
    key: Option<PathBuf>,
    /// Ciphers of TLS 1.2, as OpenSSL names them
    #[arg(long, value_name = "list", default_value = "")]
    tls_ciphers: String,
    /// Cipher suites of TLS 1.3
    #[arg(long, value_name = "list", default_value = "")]
    tls_ciphersuites: String,
    /// Print this
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// A command to send instead of the tests
    #[arg(trailing_var_arg = true)]
    command: Vec<String>,
}

impl Options {
    /// Reads the arguments of the program, and standard input if they say so.
    ///
    /// # Errors
    /// Text for the user, and whether it is what was asked for: the help.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Options, (String, bool)> {
        let arguments = Arguments::try_parse_from(arguments)
            .map_err(|error| (error.to_string(), !error.use_stderr()))?;
        Options::of(arguments).map_err(|text| (text, false))
    }

    fn of(arguments: Arguments) -> Result<Options, String> {
        let mut command: Vec<Vec<u8>> =
            arguments.command.into_iter().map(String::into_bytes).collect();
        if arguments.from_stdin {
            if command.is_empty() {
                return Err("-x needs a command, to which standard input is added".to_owned());
            }
            let mut last = Vec::new();
            std::io::stdin().read_to_end(&mut last).map_err(|error| error.to_string())?;
            command.push(last);
        }
        let mut server = ServerOptions {
            host: arguments.host,
            port: arguments.port,
            socket: arguments.socket,
            user: arguments.user,
            password: arguments.password,
            db: 0,
            tls_options: TlsOptions {
                wanted: arguments.tls,
                sni: arguments.sni,
                ca_file: arguments.cacert,
                ca_folder: arguments.cacertdir,
                insecure: arguments.insecure,
                certificate: arguments.cert,
                key: arguments.key,
                ciphers: arguments.tls_ciphers,
                cipher_suites: arguments.tls_ciphersuites,
            },
            ..ServerOptions::default()
        };
        if let Some(uri) = arguments.uri {
            cli::uri::apply(&mut server, &uri)?;
        }
        server.db = arguments.dbnum.unwrap_or(server.db);
        if server.tls_options.wanted {
            let tls = Tls::new(&server.tls_options);
            let tls = tls.map_err(|why| format!("Could not negotiate a TLS connection: {why}"))?;
            server.tls = Some(tls);
        }
        Ok(Options {
            server,
            resp3: arguments.resp3,
            clients: arguments.clients.max(1),
            requests: arguments.requests,
            data_len: arguments.data_len.clamp(1, 512 << 20),
            threads: arguments.threads.filter(|threads| *threads > 0),
            tracks: arguments.enable_tracking,
            keeps_alive: arguments.keep_alive != 0,
            keyspace: arguments.keyspace,
            depth: arguments.depth.max(1),
            is_quiet: arguments.quiet,
            precision: arguments.precision.min(6),
            is_csv: arguments.csv,
            is_endless: arguments.endless,
            is_idle: arguments.idle,
            seed: arguments.seed.unwrap_or_else(|| base::random::Random::from_os().next_u64()),
            tests: arguments.tests.iter().map(|name| name.to_ascii_lowercase()).collect(),
            command,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Options {
        let words = std::iter::once("ochre-benchmark").chain(line.split_whitespace());
        Options::parse(words.map(str::to_owned)).expect("good arguments")
    }

    #[test]
    fn options_end_where_the_command_begins() {
        let options = parse("-h ::1 -p 7000 -c 5 -n 10 -P 4 -3 -t SET,get");
        assert_eq!((options.server.host.as_str(), options.server.port), ("::1", 7000));
        assert_eq!((options.clients, options.requests, options.depth), (5, 10, 4));
        assert_eq!(
            (options.resp3, options.tests),
            (true, vec!["set".to_owned(), "get".to_owned()])
        );
        let options = parse("-q -r 100 set key -1 -n");
        let command = ["set", "key", "-1", "-n"].map(|word| word.as_bytes().to_vec());
        assert_eq!((options.command, options.keyspace), (command.to_vec(), Some(100)));
        assert!(options.is_quiet);
    }

    #[test]
    fn a_uri_says_where_and_who() {
        let options = parse("-u redis://bob:pw@example:7001/3 -t set");
        assert_eq!(options.server.host, "example");
        assert_eq!(options.server.user.as_deref(), Some("bob"));
        assert_eq!(options.server.password.as_deref(), Some("pw"));
        assert_eq!((options.server.port, options.server.db), (7001, 3));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let refused = |words: &[&str]| {
            let words = std::iter::once(&"x").chain(words).map(|word| (*word).to_owned());
            Options::parse(words).expect_err("bad arguments")
        };
        assert!(refused(&["--nope"]).0.contains("--nope"));
        assert!(refused(&["-p", "70000"]).0.contains("70000"));
        assert!(refused(&["-x"]).0.contains("-x"));
        assert!(refused(&["-u", "http://a"]).0.contains("Invalid URI scheme"));
        assert!(refused(&["--help"]).1);
    }
}
