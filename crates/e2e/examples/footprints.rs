//! Stands between psql and a primary, and puts what the analysis says of each statement to the
//! test: whatever it calls fit for a replica runs on a standby first, and the standby must not
//! refuse it. `make footprints` has PostgreSQL's own regression suite run through it.
//!
//! usage: footprints PRIMARY-PORT STANDBY-PORT REPORT
//!
//! It prints the port that it listens on. When its input ends it prints the figures, writes all
//! that it noticed to the file REPORT, and fails if the standby refused something, or gave other
//! rows where the answer could have been kept.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a tool that fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use afterwrite_footprint::{Builder, Catalog, Knowledge, Part, Path, Route, Rules};
use afterwrite_wire::client;

/// Commands that would make of the standby what it is not, or that nobody can run twice.
const NOT_ON_A_STANDBY: [&str; 6] = [
    "pg_promote",
    "pg_wal_replay",
    "pg_reload_conf",
    "pg_terminate_backend",
    "pg_cancel_backend",
    "lo_export",
];

/// Within it the standby replays what the primary has written.
const REPLAY_MAX: Duration = Duration::from_mins(1);

fn main() {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [primary, standby, report] = args.as_slice() else {
        eprintln!("usage: footprints PRIMARY-PORT STANDBY-PORT REPORT");
        std::process::exit(2);
    };
    let ports = Ports { primary: primary.parse().unwrap(), standby: standby.parse().unwrap() };
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    let tally = Arc::new(Mutex::new(Tally::default()));
    let shared = Arc::clone(&tally);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let tally = Arc::clone(&shared);
            // A client that goes away ends its thread; what it did counts.
            std::thread::spawn(move || serve(client, ports, &tally));
        }
    });
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
    let tally = tally.lock().unwrap();
    std::fs::write(report, tally.report()).unwrap();
    print!("{}", tally.figures());
    std::process::exit(i32::from(!tally.holds()));
}

#[derive(Clone, Copy)]
struct Ports {
    primary: u16,
    standby: u16,
}

// --- what is counted -----------------------------------------------------------------

/// What was seen of the suite.
#[derive(Default)]
struct Tally {
    statements: usize,
    /// Those that look like a read: what may go to a replica is among them.
    reads: usize,
    /// Those that were not compared, by why.
    skipped: BTreeMap<&'static str, usize>,
    replica: usize,
    /// Of those for a replica: both ran them; both refused them, for the same reason.
    both_ran: usize,
    both_refused: usize,
    /// Refused by the standby alone, or for another reason.
    violations: Vec<String>,
    /// The same, of sessions with temporary objects, which are nowhere but on the primary.
    tied: Vec<String>,
    /// Answers that could have been kept and are not the same.
    compared: usize,
    different: Vec<String>,
    /// Reads that both servers ran, and that were kept from a replica, by why.
    missed: BTreeMap<(Miss, String), Vec<String>>,
}

/// Why a read that both servers ran was kept from a replica.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Miss {
    /// It calls a function of which the catalog says that it may do anything.
    Volatile,
    /// It takes a lock or asks for something that is another one on each server.
    Elsewhere,
    /// It explains what would write.
    Explained,
    /// For no good reason.
    Unneeded,
}

impl Miss {
    fn of(why: &str, explains: bool) -> Self {
        match why {
            "volatile_function" | "hidden_call" => Self::Volatile,
            "standby_unsafe_function" | "session_state" | "advisory_lock" | "sequence_function" => {
                Self::Elsewhere
            }
            _ if explains => Self::Explained,
            _ => Self::Unneeded,
        }
    }

    fn shown(self) -> &'static str {
        match self {
            Self::Volatile => "declared volatile",
            Self::Elsewhere => "another thing on a standby",
            Self::Explained => "EXPLAIN of a write",
            Self::Unneeded => "for no good reason",
        }
    }
}

impl Tally {
    /// Nothing was refused, no answer that may be kept was another one, and something was seen.
    fn holds(&self) -> bool {
        self.violations.is_empty() && self.different.is_empty() && self.both_ran > 0
    }

    fn figures(&self) -> String {
        let mut out = String::new();
        let missed = |kinds: &[Miss]| -> usize {
            let of_kind = self.missed.iter().filter(|((kind, _), _)| kinds.contains(kind));
            of_kind.map(|(_, all)| all.len()).sum()
        };
        let unneeded = missed(&[Miss::Unneeded]);
        let told_apart = unneeded + missed(&[Miss::Elsewhere, Miss::Explained]);
        let truly = self.both_ran + told_apart + missed(&[Miss::Volatile]);
        for (what, count) in [
            ("statements", self.statements),
            ("look like a read", self.reads),
            ("called fit for a replica", self.replica),
            ("  the standby and the primary ran", self.both_ran),
            ("  both refused with the same code", self.both_refused),
            ("  not to be compared: temporary objects", self.tied.len()),
            ("  REFUSED BY THE STANDBY", self.violations.len()),
            ("cacheable answers compared", self.compared),
            ("  not the same rows", self.different.len()),
            ("truly read-only (both servers ran them)", truly),
            ("  of these called fit for a replica", self.both_ran),
        ] {
            let _ = writeln!(out, "{count:7}  {what}");
        }
        for (why, count) in &self.skipped {
            let _ = writeln!(out, "{count:7}  not looked at: {why}");
        }
        // In hundredths of a percent.
        let share = |part: usize, of: usize| part * 10_000 / of.max(1);
        for (of, what) in [
            (truly, "of what is truly read-only"),
            (self.both_ran + told_apart, "of that, without functions that are declared volatile"),
            (self.both_ran + unneeded, "of what a replica may be asked"),
        ] {
            let share = share(self.both_ran, of);
            let _ = writeln!(out, "{:3}.{:02}%  {what}", share / 100, share % 100);
        }
        let mut reasons: Vec<_> =
            self.missed.iter().map(|((kind, why), all)| (*kind, all.len(), why)).collect();
        reasons.sort_unstable_by(|a, b| (a.0, b.1).cmp(&(b.0, a.1)));
        for (kind, count, why) in reasons {
            let _ = writeln!(out, "{count:7}  missed, {}: {why}", kind.shown());
        }
        for violation in &self.violations {
            let _ = writeln!(out, "VIOLATION {violation}");
        }
        for text in &self.different {
            let _ = writeln!(out, "DIFFERENT {text}");
        }
        out
    }

    fn report(&self) -> String {
        let mut out = self.figures();
        for one in &self.tied {
            let _ = writeln!(out, "TIED {one}");
        }
        for ((kind, why), all) in &self.missed {
            for one in all {
                let _ = writeln!(out, "MISSED, {}: {why} {one}", kind.shown());
            }
        }
        out
    }

    fn skip(&mut self, why: &'static str) {
        *self.skipped.entry(why).or_default() += 1;
    }
}

// --- one server, one client ------------------------------------------------------------

/// Messages over a socket.
struct Wire {
    socket: TcpStream,
    input: io::BufReader<TcpStream>,
}

/// What a server said to one query.
#[derive(Default)]
struct Answer {
    /// The code of its error.
    code: Option<String>,
    /// Its rows as they were sent.
    rows: Vec<Vec<u8>>,
    status: u8,
}

impl Wire {
    fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let input = io::BufReader::with_capacity(64 * 1024, socket.try_clone()?);
        Ok(Self { socket, input })
    }

    /// A session on a server, opened with these bytes.
    fn open(port: u16, startup: &[u8]) -> io::Result<Self> {
        let mut wire = Self::new(TcpStream::connect(("127.0.0.1", port))?)?;
        wire.socket.set_read_timeout(Some(Duration::from_mins(2)))?;
        wire.send(startup)?;
        let answer = wire.answer()?;
        match answer.code {
            None => Ok(wire),
            Some(code) => Err(io::Error::other(code)),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// The next message, head and all.
    fn message(&mut self) -> io::Result<Vec<u8>> {
        let mut message = vec![0; 5];
        self.input.read_exact(&mut message)?;
        let length = u32::from_be_bytes(message[1..5].try_into().unwrap()) as usize;
        message.resize(1 + length, 0);
        self.input.read_exact(&mut message[5..])?;
        Ok(message)
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = Answer::default();
        loop {
            let message = self.message()?;
            answer.take(&message);
            match message[0] {
                b'G' => {
                    let mut refusal = Vec::new();
                    client::copy_fail(&mut refusal, "nothing is copied here");
                    self.send(&refusal)?;
                }
                b'Z' => return Ok(answer),
                _ => {}
            }
        }
    }

    fn query(&mut self, sql: &str) -> io::Result<Answer> {
        let mut message = Vec::new();
        client::query(&mut message, sql);
        self.send(&message)?;
        self.answer()
    }

    /// The rows of a query that must not fail.
    fn rows(&mut self, sql: &str) -> io::Result<Vec<Vec<Option<String>>>> {
        let answer = self.query(sql)?;
        match answer.code {
            None => Ok(answer.rows.iter().map(|row| columns(row)).collect()),
            Some(code) => Err(io::Error::other(format!("{code}: {sql}"))),
        }
    }

    fn value(&mut self, sql: &str) -> io::Result<String> {
        Ok(self.rows(sql)?.pop().and_then(|mut row| row.pop().flatten()).unwrap_or_default())
    }
}

impl Answer {
    fn take(&mut self, message: &[u8]) {
        match message[0] {
            // The first is what counts.
            b'E' if self.code.is_none() => {
                let code =
                    message[5..].split(|byte| *byte == 0).find(|it| it.first() == Some(&b'C'));
                self.code = code.map(|it| String::from_utf8_lossy(&it[1..]).into_owned());
            }
            b'D' | b'd' => self.rows.push(message[5..].to_vec()),
            b'Z' => self.status = message[5],
            _ => {}
        }
    }
}

fn columns(row: &[u8]) -> Vec<Option<String>> {
    let mut columns = Vec::new();
    let mut rest = &row[2..];
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = i32::from_be_bytes(*length);
        let Ok(length) = usize::try_from(length) else {
            columns.push(None);
            rest = behind;
            continue;
        };
        columns.push(Some(String::from_utf8_lossy(&behind[..length]).into_owned()));
        rest = &behind[length..];
    }
    columns
}

// --- the man in the middle -------------------------------------------------------------------

/// One client's session on the primary, and its shadow on the standby.
struct Session<'a> {
    ports: Ports,
    tally: &'a Mutex<Tally>,
    primary: Wire,
    shadow: Option<Wire>,
    /// Looks at the primary from outside.
    observer: Wire,
    watcher: Wire,
    startup: Vec<u8>,
    /// Where the primary was when it was last looked at.
    seen: String,
    state: String,
    catalog: Catalog,
    /// Whether the session may have other settings than its shadow.
    dirty: bool,
    names: Vec<String>,
    status: u8,
}

/// A read that waits for the primary's answer.
struct Pending {
    text: String,
    route: Route,
    why: String,
    cacheable: bool,
    shadow: Answer,
}

fn serve(client: TcpStream, ports: Ports, tally: &Mutex<Tally>) -> io::Result<()> {
    let mut client = Wire::new(client)?;
    let startup = loop {
        let mut head = [0; 8];
        client.input.read_exact(&mut head)?;
        let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
        let mut packet = head.to_vec();
        packet.resize(length.max(8), 0);
        client.input.read_exact(&mut packet[8..])?;
        match u32::from_be_bytes(head[4..].try_into().unwrap()) {
            // TLS and GSSAPI are not had here.
            80_877_103 | 80_877_104 => client.send(b"N")?,
            80_877_102 => {
                return TcpStream::connect(("127.0.0.1", ports.primary))?.write_all(&packet);
            }
            _ => break packet,
        }
    };
    let mut primary = Wire::new(TcpStream::connect(("127.0.0.1", ports.primary))?)?;
    primary.send(&startup)?;
    loop {
        let message = primary.message()?;
        client.send(&message)?;
        if message[0] == b'Z' {
            break;
        }
    }
    let database = parameter(&startup, "database").unwrap_or_else(|| "postgres".to_owned());
    let mut plain = Vec::new();
    client::startup(&mut plain, &[("user", "postgres"), ("database", &database)]);
    let mut session = Session {
        ports,
        tally,
        primary,
        shadow: None,
        observer: Wire::open(ports.primary, &plain)?,
        watcher: Wire::open(ports.standby, &plain).or_else(|_| {
            let mut other = Vec::new();
            client::startup(&mut other, &[("user", "postgres"), ("database", "postgres")]);
            Wire::open(ports.standby, &other)
        })?,
        startup,
        seen: String::new(),
        state: String::new(),
        catalog: Catalog::default(),
        dirty: true,
        names: Vec::new(),
        status: b'I',
    };
    loop {
        let message = client.message()?;
        let mut pending = None;
        if message[0] == b'Q' {
            let text = String::from_utf8_lossy(&message[5..message.len() - 1]).into_owned();
            pending = session.look(&text).unwrap_or_else(|error| {
                session.tally.lock().unwrap().skip("the question failed");
                eprintln!("{error}: {text}");
                session.shadow = None;
                None
            });
        }
        session.primary.send(&message)?;
        match message[0] {
            b'X' => return Ok(()),
            b'Q' | b'S' | b'F' => {}
            _ => continue,
        }
        let mut answer = Answer::default();
        let ready = loop {
            let message = session.primary.message()?;
            answer.take(&message);
            if message[0] == b'Z' {
                break message;
            }
            client.send(&message)?;
            // What the client copies in.
            let mut copies_in = message[0] == b'G';
            while copies_in {
                let data = client.message()?;
                session.primary.send(&data)?;
                copies_in = !matches!(data[0], b'c' | b'f');
            }
        };
        session.status = answer.status;
        if let Some(pending) = pending {
            session.judge(pending, answer);
        }
        client.send(&ready)?;
    }
}

/// A parameter of a startup packet.
fn parameter(startup: &[u8], name: &str) -> Option<String> {
    let mut parts = startup[8..].split(|byte| *byte == 0);
    while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
        if key == name.as_bytes() {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
    }
    None
}

/// Settings of a session that are no transaction's, for its shadow to have, too.
const SETTINGS: &str = "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings \
    WHERE source = 'session' AND context IN ('user', 'superuser') \
      AND name !~ '^(default_)?transaction_' AND name NOT IN ('role', 'session_authorization')";

impl Session<'_> {
    /// Looks at a text before the primary gets it.
    fn look(&mut self, text: &str) -> io::Result<Option<Pending>> {
        let texts = afterwrite_sql::texts(text.as_bytes());
        let looks_like_a_read = !texts.is_empty() && texts.iter().all(|text| begins_a_read(text));
        {
            let mut tally = self.tally.lock().unwrap();
            tally.statements += texts.len();
            tally.reads += if looks_like_a_read { texts.len() } else { 0 };
        }
        let lower = text.to_ascii_lowercase();
        if !looks_like_a_read {
            self.dirty = true;
            self.note_names(&lower);
            let (route, ..) = self.read(text, &Path::Unknown);
            if route == Route::Replica {
                self.tally.lock().unwrap().violations.push(format!("[no read at all] {text}"));
            }
            return Ok(None);
        }
        self.note_names(&lower);
        if self.status == b'E' {
            self.tally.lock().unwrap().skip("in a failed transaction");
            return Ok(None);
        }
        if NOT_ON_A_STANDBY.iter().any(|name| lower.contains(name)) {
            self.tally.lock().unwrap().skip("would change the standby itself");
            return Ok(None);
        }
        let context = "SELECT CURRENT_USER, SESSION_USER, \
            pg_catalog.current_setting('search_path'), \
            pg_catalog.pg_current_xact_id_if_assigned() IS NULL";
        let context: Vec<_> =
            self.primary.rows(context)?.pop().unwrap().into_iter().map(Option::unwrap).collect();
        let [user, login, path, unwritten] = context.as_slice() else { return Ok(None) };
        if unwritten != "t" {
            // Nobody else sees what it has written, so it stays where it is.
            self.tally.lock().unwrap().skip("in a transaction that has written");
            return Ok(None);
        }
        self.catch_up()?;
        let (route, why, cacheable) = self.read(text, &Path::of_setting(path, user));
        if route != Route::Replica && why.starts_with("copy_from") {
            self.tally.lock().unwrap().skip("COPY with a file of the server");
            return Ok(None);
        }
        self.dress(user, login)?;
        let shadow = self.shadow.as_mut().unwrap();
        let answer = shadow.query(text);
        if route != Route::Replica {
            // Whatever it left there.
            self.dirty = true;
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if route == Route::Replica => return Err(error),
            Err(_) => {
                self.shadow = None;
                Answer { code: Some("lost".to_owned()), ..Answer::default() }
            }
        };
        if answer.status != b'I' {
            self.shadow = None;
        }
        Ok(Some(Pending { text: text.to_owned(), route, why, cacheable, shadow: answer }))
    }

    /// Settings with names of the session's own making, which no view lists.
    fn note_names(&mut self, lower: &str) {
        for before in ["set ", "set local ", "set session ", "set_config('"] {
            for (at, _) in lower.match_indices(before) {
                let rest = &lower[at + before.len()..];
                let is_part = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
                let name = rest.split(|c| !is_part(c)).next().unwrap_or_default();
                if name.contains('.') && !self.names.iter().any(|known| known == name) {
                    self.names.push(name.to_owned());
                }
            }
        }
    }

    /// Where a text may run, why, and whether its answer could be kept.
    fn read(&self, text: &str, path: &Path) -> (Route, String, bool) {
        let mut normal = Vec::new();
        afterwrite_sql::normalise(text.as_bytes(), &mut normal);
        let normal = afterwrite_sql::normal_text(&normal);
        let (knowledge, rules) = (Knowledge::Known(&self.catalog), Rules::default());
        let reading = afterwrite_footprint::read(text.as_bytes(), normal, knowledge, path, &rules);
        let all = &reading.footprints;
        let is_for_replicas = !all.is_empty() && all.iter().all(|it| it.route == Route::Replica);
        let why = all.iter().find(|it| it.route != Route::Replica).or(all.first());
        (
            if is_for_replicas { Route::Replica } else { Route::Primary },
            why.map_or_else(String::new, |it| it.why().to_string()),
            all.iter().all(|it| it.cacheable),
        )
    }

    /// Reads the catalog if the primary has written anything, and waits until the standby has
    /// it, too.
    fn catch_up(&mut self) -> io::Result<()> {
        let here = "SELECT pg_current_wal_insert_lsn()";
        if self.observer.value(here)? == self.seen {
            return Ok(());
        }
        // A record of its own, whose end somebody will have replayed.
        let mark = "SELECT pg_logical_emit_message(true, 'footprints', '')";
        let mark = self.observer.value(mark)?;
        self.seen = self.observer.value(here)?;
        let state = self.observer.value(Part::STATE)?;
        if state != self.state {
            self.catalog = catalog(&mut self.observer)?;
            self.state = state;
        }
        let covers = format!("SELECT pg_last_wal_replay_lsn() >= '{mark}'");
        let begun = Instant::now();
        while self.watcher.value(&covers)? != "t" {
            if begun.elapsed() > REPLAY_MAX {
                return Err(io::Error::other("the standby does not replay"));
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        Ok(())
    }

    /// Gives the shadow the settings and the role of the session.
    fn dress(&mut self, user: &str, login: &str) -> io::Result<()> {
        if self.shadow.is_none() {
            self.shadow = Some(Wire::open(self.ports.standby, &self.startup)?);
            self.dirty = true;
        }
        if !self.dirty {
            return Ok(());
        }
        let mut settings = self.primary.rows(SETTINGS)?;
        for name in &self.names {
            let value = format!("SELECT pg_catalog.current_setting({}, true)", literal(name));
            let value = self.primary.rows(&value)?.pop().and_then(|mut row| row.pop()).flatten();
            if value.is_some() {
                settings.push(vec![Some(name.clone()), value]);
            }
        }
        let shadow = self.shadow.as_mut().unwrap();
        shadow.query("RESET SESSION AUTHORIZATION")?;
        shadow.query("RESET ALL")?;
        for setting in &settings {
            let [Some(name), Some(value)] = setting.as_slice() else { continue };
            let value = format!(
                "SELECT pg_catalog.set_config({}, {}, false)",
                literal(name),
                literal(value)
            );
            shadow.query(&value)?;
        }
        if login != "postgres" {
            shadow.query(&format!("SET SESSION AUTHORIZATION {}", identifier(login)))?;
        }
        if user != login {
            shadow.query(&format!("SET ROLE {}", identifier(user)))?;
        }
        self.dirty = false;
        Ok(())
    }

    /// What the two servers said to a read.
    fn judge(&mut self, pending: Pending, primary: Answer) {
        let Pending { text, route, why, cacheable, shadow } = pending;
        let said = |it: &Answer| it.code.clone().unwrap_or_else(|| "fine".to_owned());
        let shown = format!("[standby {}, primary {}] {text}", said(&shadow), said(&primary));
        let sorted = |mut rows: Vec<_>| {
            rows.sort_unstable();
            rows
        };
        let is_same = sorted(shadow.rows) == sorted(primary.rows);
        let is_tied = (shadow.code != primary.code || !is_same) && self.is_tied();
        let mut tally = self.tally.lock().unwrap();
        let explains =
            text.trim_start().get(..7).is_some_and(|it| it.eq_ignore_ascii_case("explain"));
        match (route, &shadow.code, &primary.code) {
            (Route::Replica, _, _) => {
                tally.replica += 1;
                match (&shadow.code, &primary.code) {
                    (None, None) => tally.both_ran += 1,
                    (Some(one), Some(other)) if one == other => tally.both_refused += 1,
                    _ if is_tied => tally.tied.push(shown),
                    _ => tally.violations.push(shown),
                }
                let both_ran = shadow.code.is_none() && primary.code.is_none();
                if cacheable && !explains && both_ran && !is_tied {
                    tally.compared += 1;
                    if !is_same {
                        tally.different.push(text);
                    }
                }
            }
            (_, None, None) => {
                let reason = deciding(&why);
                let kind = (Miss::of(reason, explains), reason.to_owned());
                tally.missed.entry(kind).or_default().push(format!("({why}) {text}"));
            }
            _ => {}
        }
    }

    /// Whether the session has temporary objects: then it reads nowhere but on the primary.
    fn is_tied(&mut self) -> bool {
        let question = "SELECT EXISTS (SELECT FROM pg_catalog.pg_depend \
            WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass \
              AND refobjid = pg_catalog.pg_my_temp_schema())";
        self.status != b'E' && self.primary.value(question).is_ok_and(|it| it == "t")
    }
}

/// The reason that says most, of several.
fn deciding(why: &str) -> &str {
    let reasons = || why.split(", ").map(|it| it.split(' ').next().unwrap_or_default());
    let said = ["volatile_function", "hidden_call"].into_iter();
    let said = said.filter(|known| reasons().any(|it| it == *known)).chain(
        reasons().filter(|it| !matches!(*it, "unknown_function" | "unknown" | "explain_analyze")),
    );
    said.chain(reasons()).next().unwrap_or_default()
}

fn begins_a_read(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let word = text.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
    text.first() == Some(&b'(')
        || ["select", "values", "table", "with", "explain", "copy"]
            .iter()
            .any(|it| word.eq_ignore_ascii_case(it.as_bytes()))
            && !is_copy_in(text)
}

/// `COPY … FROM`, as far as words tell.
fn is_copy_in(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let words: Vec<_> = text.split_whitespace().collect();
    text.starts_with("copy") && !words.contains(&"to")
}

fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn identifier(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The catalog as the proxy reads it.
fn catalog(observer: &mut Wire) -> io::Result<Catalog> {
    let mut builder = Builder::default();
    observer.query(Part::BEGIN)?;
    for part in Part::ALL {
        for row in observer.rows(part.sql())? {
            let row: Vec<_> = row.iter().map(Option::as_deref).collect();
            builder.take(part, &row);
        }
        if part == Part::Paths {
            observer.query(Part::SET_PATH)?;
        }
    }
    observer.query(Part::END)?;
    builder.build().ok_or_else(|| io::Error::other("the catalog is too large"))
}
