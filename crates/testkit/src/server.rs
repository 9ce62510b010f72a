//! A server in process: requests in, replies out, microseconds each.
//!
//! ```
//! use testkit::TestServer;
//!
//! let mut server = TestServer::new(1);
//! let mut ann = server.connect();
//! assert_eq!(server.reply(&mut ann, "PING"), resp::Value::Simple(b"PONG".to_vec()));
//! ```

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, OnceLock, Weak};

use base::disk::Disk;
use config::Config;
use engine::batch::Runner;
use engine::blocked::Served;
use engine::engine::{Host, Shutdown, SnapshotFile};
use engine::late::Late;
use engine::mail::News;
use engine::persistence::{Outcome, SaveJob};
use engine::{Client, Engine};
use rdb::save::SaveError;
use resp::Value;
use store::{Seat, World};

use crate::disk::SimDisk;

/// A host without an outside: it notes what it was asked.
#[derive(Default)]
pub struct TestHost {
    pub log: Mutex<Vec<String>>,
    pub shutdown: Mutex<Option<Shutdown>>,
    pub files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    /// Hears when a snapshot has been written.
    engine: OnceLock<Weak<Engine>>,
    /// Says how much memory is used; by default a megabyte, whatever happens.
    pub memory: Mutex<Option<Box<dyn Fn() -> usize + Send>>>,
    pub disk: SimDisk,
    /// An option whose effect cannot be had.
    pub refuses: Mutex<Option<config::OptId>>,
    /// Serves others while a script is late.
    pub late: Mutex<Option<Box<ServeLate>>>,
}

/// What others do while a script is late; called in each round.
pub type ServeLate = dyn FnMut(&mut Late<'_>, &mut World<'_>) + Send;

impl Host for TestHost {
    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    fn in_background(&self, _name: &str, work: Box<dyn FnOnce() + Send>) {
        drop(std::thread::spawn(work));
    }

    fn wake(&self, _worker: usize) {}

    fn serve_late(&self, late: &mut Late<'_>, world: &mut World<'_>) {
        if let Some(serve) = &mut *self.late.lock().expect("tests do not panic while serving") {
            serve(late, world);
        }
    }

    fn log(&self, level: char, text: &str) {
        self.log.lock().expect("tests do not panic while logging").push(format!("{level} {text}"));
    }

    fn used_memory(&self) -> usize {
        let memory = self.memory.lock().expect("tests do not panic while measuring");
        memory.as_ref().map_or(1 << 20, |used| used())
    }

    fn granted_memory(&self) -> u64 {
        1 << 30
    }

    fn apply(&self, changed: &[config::OptId], _config: &Config) -> Result<(), String> {
        let refused = *self.refuses.lock().expect("tests do not panic while refusing");
        if refused.is_some_and(|id| changed.contains(&id)) {
            Err("not today".into())
        } else {
            Ok(())
        }
    }

    fn rewrite_config(&self, _config: &Config) -> Result<(), String> {
        Err("The server is running without a config file".into())
    }

    fn read_file(&self, path: &str) -> Result<Vec<u8>, String> {
        let files = self.files.lock().expect("tests do not panic while reading");
        files.get(path).cloned().ok_or_else(|| "No such file or directory".to_owned())
    }

    fn replace_file(&self, path: &str, text: &[u8]) -> Result<(), String> {
        let mut files = self.files.lock().expect("tests do not panic while writing");
        files.insert(path.to_owned(), text.to_vec());
        Ok(())
    }

    fn facts(&self) -> Vec<(&'static str, &'static str, String)> {
        Vec::new()
    }

    fn allocator(&self, _request: &str) -> Result<String, String> {
        Ok(String::new())
    }

    fn shut_down(&self, how: Shutdown) {
        *self.shutdown.lock().expect("tests do not panic while shutting down") = Some(how);
    }

    fn crash(&self, how: &str) {
        panic!("DEBUG {how}");
    }

    fn write_snapshot(&self, job: Arc<SaveJob>) {
        let engine = self.engine.get().and_then(Weak::upgrade).expect("the engine runs");
        let files = Arc::clone(&self.files);
        std::thread::spawn(move || {
            let mut file = Cursor::new(Vec::new());
            let saved = rdb::save::save(&mut file, &job.head, &job.feed, |_, _| Ok(()));
            let outcome = match saved {
                Ok(written) => {
                    let mut files = files.lock().expect("tests do not panic while writing");
                    files.insert(job.file_name.clone(), file.into_inner());
                    Outcome::Saved(written)
                }
                Err(SaveError::Cancelled) => Outcome::Cancelled,
                Err(SaveError::Io(error)) => Outcome::Failed(error.to_string()),
            };
            engine.end_save(&job, outcome);
        });
    }

    fn open_snapshot(&self, name: &str) -> Result<Option<SnapshotFile>, String> {
        let files = self.files.lock().expect("tests do not panic while reading");
        let file = files.get(name).cloned();
        Ok(file.map(|file| (file.len() as u64, Cursor::new(file))).map(|(len, file)| {
            let file: Box<dyn std::io::Read + Send> = Box::new(file);
            (file, len)
        }))
    }
}

pub struct TestServer {
    pub engine: Arc<Engine>,
    pub host: Arc<TestHost>,
    pub seats: Vec<Seat>,
    runners: Vec<Runner>,
    /// Replies of commands that waited and that nobody has asked for.
    served: Vec<Served>,
    /// News that nobody has asked for, with the ids of their clients.
    news: Vec<(u64, Arc<News>)>,
}

/// A client of a [`TestServer`], on one of its workers.
pub struct Session {
    pub client: Client,
    pub worker: usize,
}

impl TestServer {
    /// A server with so many workers and default options.
    pub fn new(workers: usize) -> TestServer {
        let config = Config::new(&config::Host { cores: workers, dir: "/".into() });
        TestServer::with_config(workers, config)
    }

    pub fn with_config(workers: usize, config: Config) -> TestServer {
        TestServer::on_disk(workers, config, SimDisk::default())
    }

    /// A server whose append only file lies on this disk.
    pub fn on_disk(workers: usize, config: Config, disk: SimDisk) -> TestServer {
        let host = Arc::new(TestHost { disk, ..TestHost::default() });
        let now_ms = base::clock::unix_ms();
        let (engine, seats) = Engine::new(workers, commands::all(), config, host.clone(), now_ms);
        let runners = (0..workers).map(|i| Runner::new(&engine, i)).collect();
        let engine = Arc::new(engine);
        assert!(host.engine.set(Arc::downgrade(&engine)).is_ok(), "it is told once");
        TestServer { engine, host, seats, runners, served: Vec::new(), news: Vec::new() }
    }

    /// Made for being fed a stream of effects, in which nothing expires by the clock.
    pub fn replays(mut self) -> TestServer {
        for runner in &mut self.runners {
            runner.replays = true;
        }
        self
    }

    /// Loads the append only file, as at a start.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn load_log(&mut self, budget_us: u64) -> Result<(), String> {
        self.engine.begin_log_load()?;
        let mut inside = self.engine.gate.enter(&mut self.seats[0]);
        let loaded = self.engine.go_on_loading(&mut self.runners[0], &mut inside, budget_us);
        loaded.unwrap_or(Ok(()))
    }

    /// A new client on worker 0.
    pub fn connect(&mut self) -> Session {
        self.connect_to(0)
    }

    pub fn connect_to(&mut self, worker: usize) -> Session {
        Session { client: self.engine.new_client(base::clock::unix_ms()), worker }
    }

    /// Feeds raw bytes and returns the raw bytes of the replies.
    pub fn feed(&mut self, session: &mut Session, input: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let seat = &mut self.seats[session.worker];
        let mut inside = self.engine.gate.enter(seat);
        let runner = &mut self.runners[session.worker];
        let mut at = 0;
        loop {
            // As in the server, what a turn replied is sent before the next.
            let mut fresh = Vec::new();
            let client = &mut session.client;
            let turn = runner.run(&self.engine, &mut inside, client, &input[at..], &mut fresh);
            out.append(&mut fresh);
            at += turn.consumed;
            match turn.stop {
                engine::batch::Stop::Turn | engine::batch::Stop::Parked => {}
                _ => break,
            }
        }
        drop(inside);
        self.engine.journal.wake_readers();
        out
    }

    /// Runs a blocking command that has to wait.
    pub fn block(&mut self, session: &mut Session, line: &str) {
        let mut request = line.as_bytes().to_vec();
        request.extend_from_slice(b"\r\n");
        let out = self.feed(session, &request);
        assert!(out.is_empty() && session.client.blocked.is_some(), "{line} does not wait");
    }

    /// The reply to a command that waited; none if it still waits.
    pub fn served(&mut self, session: &mut Session) -> Option<Value> {
        self.served.extend(self.engine.waits.take_served(session.worker));
        let wait = session.client.blocked.as_ref()?.id;
        let at = self.served.iter().position(|served| served.wait == wait)?;
        let reply = self.served.swap_remove(at).reply;
        let blocked = session.client.blocked.take()?;
        self.engine.forget_wait(&blocked);
        let (value, _) = resp::decode(&reply).expect("replies are RESP").expect("it is whole");
        Some(value)
    }

    /// What the client was told beside its replies since it was last asked: the raw bytes.
    pub fn news(&mut self, session: &mut Session) -> Vec<u8> {
        let mails = self.engine.mail.take(session.worker);
        let each = mails.into_iter().flat_map(|mail| {
            let news = Arc::new(mail.news);
            mail.to.into_iter().map(move |(_, id)| (id, news.clone()))
        });
        self.news.extend(each);
        let id = session.client.id;
        let (mine, others) = self.news.drain(..).partition(|(to, _)| *to == id);
        self.news = others;
        for (_, news) in mine {
            self.engine.receive(id, Some(&mut session.client), &news);
        }
        let mut out = Vec::new();
        while !session.client.output.is_empty() {
            let next = session.client.output.next().to_vec();
            session.client.output.advance(next.len());
            out.extend(next);
        }
        out
    }

    /// Runs a command given as its words.
    pub fn call(&mut self, session: &mut Session, args: &[&[u8]]) -> Value {
        let mut request = Vec::new();
        resp::encode::write_request(&mut request, args.iter());
        let out = self.feed(session, &request);
        match resp::decode(&out) {
            Ok(Some((value, used))) if used == out.len() => value,
            other => panic!(
                "not one whole reply to {args:?}: {other:?} in {:?}",
                out.escape_ascii().to_string()
            ),
        }
    }

    /// Runs a command written as one types it in redis-cli.
    pub fn reply(&mut self, session: &mut Session, line: &str) -> Value {
        let words = base::split_args::split_args(line.as_bytes())
            .unwrap_or_else(|| panic!("unbalanced quotes in {line}"));
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        self.call(session, &words)
    }
}
