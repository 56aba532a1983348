//! The commands and their arguments.

use std::path::PathBuf;

use afterwrite_verify::consistency::Level;
use clap::{Args, Parser, Subcommand};

/// A PostgreSQL proxy that reads from replicas and never shows anyone a state
/// older than their own last write.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the proxy, from one URL or from a configuration file
    Serve(ServeArguments),
    /// Start a running proxy anew, from the same arguments, without losing a client
    Restart(ConfigArguments),
    /// Check a configuration, and ask every node for what the guarantee needs
    Check(ConfigArguments),
    /// Tell where statements would run, and why: by their text alone, or asking a database
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArguments),
    /// Make a configuration of another pooler's: pgbouncer.ini or pgcat.toml
    #[command(after_help = "Ends with 0 when it is made, whatever is left to decide; with 78 \
                            when the file is not such a configuration; with 1 when a file cannot \
                            be read or written.")]
    Import(ImportArguments),
    /// Tell what a token says
    Token(TokenArguments),
    /// A real local PostgreSQL cluster: one primary, streaming replicas
    Cluster(ClusterArguments),
    /// See it work: a real cluster that lags, and four ways to route its reads
    Demo(DemoArguments),
    /// Test it for long: many sessions, faults in a real cluster, every read judged
    Soak(SoakArguments),
    /// Check whether reads are consistent, behind any proxy or cluster
    #[command(after_help = crate::verify::EXAMPLES)]
    Verify(crate::verify::VerifyArguments),
}

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  afterwrite explain 'SELECT * FROM orders; UPDATE orders SET paid = true'
  afterwrite explain --database postgres://app@10.0.0.1/shop 'SELECT order_total(42)'
  afterwrite explain --config afterwrite.toml --database shop --file queries.sql
  afterwrite explain --json --file queries.sql | grep '\"route\":\"primary\"'
  pg_dump --schema-only shop | afterwrite explain

In a file, statements end with a semicolon; where no line ends with one, each line is a statement.

Ends with 0 wherever the statements go; with 1 when a file cannot be read or no server answers;
with 2 when there is nothing to explain; with 78 when the configuration is wrong.";

/// Where the configuration comes from.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigArguments {
    /// All nodes in one URL: postgres://user:password@host1:5432,host2:5433/database
    ///
    /// Which of them is the primary is found by asking them.
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Configuration file
    #[arg(short, long, value_name = "FILE", env = "AFTERWRITE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Set any key of the configuration, as in --set pool.size=30
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Write the figures that are printed to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What `afterwrite serve` takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) config: ConfigArguments,
    /// Where clients connect (may be given more than once) [default: 127.0.0.1:6432]
    #[arg(short, long, value_name = "ADDRESS")]
    pub(crate) listen: Vec<String>,
    /// Where /metrics is served, or "off" [default: 127.0.0.1:6433]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics_listen: Option<String>,
    /// Log lines as text or json
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// What is logged, as in info or afterwrite=debug
    #[arg(long, value_name = "FILTER", env = "RUST_LOG")]
    pub(crate) log_level: Option<String>,
    /// Log every decision with its reason
    #[arg(long)]
    pub(crate) log_decisions: bool,
    /// Take over from the process that serves now, by the restart socket; start as
    /// always if there is none
    #[arg(long)]
    pub(crate) takeover: bool,
}

/// What `afterwrite explain` takes.
#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// The statements, several in one text if need be; "-" reads standard input
    #[arg(value_name = "SQL")]
    pub(crate) sql: Vec<String>,
    /// Read statements from this file, too (may be given more than once)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// Ask this database for its functions, views and tables: a URL as for serve, or the name of
    /// a database in the configuration
    #[arg(short, long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Ask a database of this configuration file, with its lists of functions
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Set any key of the configuration, as in --set cluster.tls.mode=require
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// The search path, as in 'app, public' [default: the role's, by the database]
    #[arg(long, value_name = "SCHEMAS")]
    pub(crate) search_path: Option<String>,
    /// The role: its search path, and "$user" in it [default: who asks the database]
    #[arg(long, value_name = "NAME")]
    pub(crate) role: Option<String>,
    /// Functions that only read, beside those of the configuration: name, schema.name, with *
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = function)]
    pub(crate) functions_read: Vec<String>,
    /// Functions that write, beside those of the configuration
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = function)]
    pub(crate) functions_write: Vec<String>,
    /// Print one JSON array, one statement a line
    #[arg(long)]
    pub(crate) json: bool,
}

fn function(pattern: &str) -> Result<String, afterwrite_footprint::BadPattern> {
    let pattern = pattern.trim();
    afterwrite_footprint::Rules::new([pattern], []).map(|_| pattern.to_owned())
}

/// What `afterwrite import` takes.
#[derive(Args, Debug)]
pub(crate) struct ImportArguments {
    /// The other pooler's configuration file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Whose it is (default: guessed from the sections in it)
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: Option<ImportFormat>,
    /// Write it to this file, which must not exist, instead of printing it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Whose configuration is imported.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum ImportFormat {
    /// pgbouncer.ini
    #[value(name = "pgbouncer")]
    PgBouncer,
    /// pgcat.toml
    #[value(name = "pgcat")]
    PgCat,
}

/// What `afterwrite token` takes.
#[derive(Args, Debug)]
pub(crate) struct TokenArguments {
    #[command(subcommand)]
    pub(crate) action: TokenAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenAction {
    /// Show its version, cluster, timeline and position, and whether it is signed as it must be
    #[command(after_help = TOKEN_DECODE_HELP)]
    Decode(DecodeArguments),
}

const TOKEN_DECODE_HELP: &str = "\
Example:
  afterwrite token decode --config afterwrite.toml v1.AAAAAAAAAAEAAAACAAAAAAAAAAMA

Ends with 0 for a token; with 1 for a text that is none, or for a token that a proxy with this
configuration would not believe; with 78 when the configuration is wrong.";

/// What `afterwrite token decode` takes.
#[derive(Args, Debug)]
pub(crate) struct DecodeArguments {
    /// The token, as SHOW afterwrite.token gave it
    #[arg(value_name = "TOKEN")]
    pub(crate) token: String,
    /// Check its signature with the keys of this configuration file
    #[arg(short, long, value_name = "FILE", env = "AFTERWRITE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `afterwrite cluster` takes.
#[derive(Args, Debug)]
pub(crate) struct ClusterArguments {
    #[command(subcommand)]
    pub(crate) action: ClusterAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterAction {
    /// Start one, and leave it running
    Up(UpArguments),
    /// Show how it is
    Status(DirectoryArguments),
    /// Stop it and remove its folder
    Down(DirectoryArguments),
}

/// Where the cluster is.
#[derive(Args, Debug)]
pub(crate) struct DirectoryArguments {
    /// Its folder
    #[arg(short, long, value_name = "FOLDER", default_value = "afterwrite-cluster")]
    pub(crate) directory: PathBuf,
    /// Write what is printed to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What `afterwrite cluster up` takes.
#[derive(Args, Debug)]
pub(crate) struct UpArguments {
    #[command(flatten)]
    pub(crate) place: DirectoryArguments,
    /// Streaming replicas
    #[arg(short, long, value_name = "COUNT", default_value_t = 2)]
    pub(crate) replicas: usize,
    /// First port; the others follow (default: free ports)
    #[arg(short, long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Replay delay of each replica in milliseconds, as in 0,100
    #[arg(long, value_name = "MS", value_delimiter = ',')]
    pub(crate) delay: Vec<u64>,
    /// Password of the application's user (default: none is asked for)
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "AFTERWRITE_CLUSTER_PASSWORD",
        hide_env_values = true
    )]
    pub(crate) password: Option<String>,
    /// The folder with PostgreSQL's programs (default: found by itself)
    #[arg(long, value_name = "FOLDER", env = "PG_BIN")]
    pub(crate) pg_bin_dir: Option<PathBuf>,
}

/// What `afterwrite demo` takes.
#[derive(Args, Debug)]
pub(crate) struct DemoArguments {
    /// How long each way of routing is measured
    #[arg(short, long, value_name = "SECONDS", default_value_t = 8,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) seconds: u64,
    /// Customers at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 32,
          value_parser = clap::value_parser!(u16).range(1..=250))]
    pub(crate) sessions: u16,
    /// For how long after a write the fixed window reads from the primary, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 200,
          value_parser = clap::value_parser!(u64).range(1..=60_000))]
    pub(crate) window: u64,
    /// Repeats the customers' choices
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Leave all of it running at the end, and print how to connect; Ctrl-C ends it
    #[arg(short, long)]
    pub(crate) keep: bool,
    /// Write the figures that are printed to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The folder with PostgreSQL's programs (default: found by itself)
    #[arg(long, value_name = "FOLDER", env = "PG_BIN")]
    pub(crate) pg_bin_dir: Option<PathBuf>,
}

/// What `afterwrite soak` takes.
#[derive(Args, Debug)]
pub(crate) struct SoakArguments {
    /// How many reads are judged
    #[arg(short, long, value_name = "COUNT", default_value_t = 200_000,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) reads: u64,
    /// Sessions at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 48,
          value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) sessions: u16,
    /// Repeats the sessions' choices and the faults
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Inject no faults
    #[arg(long)]
    pub(crate) no_faults: bool,
    /// The control: route as if nobody had written, and succeed only if that is noticed
    #[arg(long)]
    pub(crate) ignore_floor: bool,
    /// Instead: each kind of fault by itself, with each scope, and a table of what was violated
    #[arg(long, conflicts_with = "no_faults")]
    pub(crate) matrix: bool,
    /// With --matrix: how long each fault goes on
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "matrix",
          value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// With --matrix: these faults alone
    #[arg(long, value_name = "FAULT", value_delimiter = ',', requires = "matrix")]
    pub(crate) only: Vec<String>,
    /// With --matrix: what reads ask for
    #[arg(long, value_name = "LEVEL", requires = "matrix")]
    pub(crate) level: Option<Level>,
    /// With --matrix: write the table to this file
    #[arg(long, value_name = "FILE", requires = "matrix")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write the figures that are printed to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// The folder with PostgreSQL's programs (default: found by itself)
    #[arg(long, value_name = "FOLDER", env = "PG_BIN")]
    pub(crate) pg_bin_dir: Option<PathBuf>,
    /// Show the proxy's log, as in info or afterwrite=debug
    #[arg(long, value_name = "FILTER", env = "RUST_LOG")]
    pub(crate) log_level: Option<String>,
}
