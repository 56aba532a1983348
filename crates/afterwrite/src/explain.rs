//! `afterwrite explain`: where statements would run, and why.

mod ask;
mod cut;
mod found;
mod say;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Read, Write};
use std::path::Path as FilePath;

use afterwrite_footprint::{Path, Rules};
use clap::CommandFactory as _;
use clap::error::ErrorKind;

use crate::cli::{Cli, ExplainArguments};
use crate::exit::Exit;
use crate::terminal::Terminal;
use ask::Asked;
use found::{Known, Reader};
use say::Summary;

/// Longer files are refused.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Reads the statements, asks the database if there is one, and tells.
pub(crate) fn run(arguments: &ExplainArguments) -> Result<(), Exit> {
    let inputs = inputs(arguments)?;
    let asked = ask::ask(arguments)?;
    let known = known(arguments, asked)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let told = if arguments.json {
        as_json(&mut out, &inputs, &known)
    } else {
        as_text(&mut out, &inputs, &known)
    };
    match told.and_then(|()| out.flush()) {
        // Whoever reads it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Exit::failed(format!("cannot write: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// A text with statements.
struct Input {
    text: Vec<u8>,
    is_file: bool,
}

impl Input {
    fn pieces(&self) -> Vec<cut::Piece<'_>> {
        if self.is_file { cut::of_file(&self.text) } else { cut::of_argument(&self.text) }
    }
}

fn inputs(arguments: &ExplainArguments) -> Result<Vec<Input>, Exit> {
    let ExplainArguments { sql, file, .. } = arguments;
    let mut inputs = Vec::new();
    for text in sql {
        inputs.push(if text == "-" {
            from_stdin()?
        } else {
            Input { text: text.clone().into_bytes(), is_file: false }
        });
    }
    for path in file {
        inputs.push(if path.as_os_str() == "-" { from_stdin()? } else { from_file(path)? });
    }
    if sql.is_empty() && file.is_empty() {
        if io::stdin().is_terminal() {
            let missing = "nothing to explain: give it SQL, --file, or standard input";
            let mut command = Cli::command();
            command.build();
            let command = command.find_subcommand_mut("explain").cloned();
            let mut command = command.unwrap_or_else(Cli::command);
            command.error(ErrorKind::MissingRequiredArgument, missing).exit();
        }
        inputs.push(from_stdin()?);
    }
    Ok(inputs)
}

fn from_stdin() -> Result<Input, Exit> {
    read(io::stdin().lock(), "standard input")
}

fn from_file(path: &FilePath) -> Result<Input, Exit> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| cannot_read(&name, &error))?;
    read(file, &name)
}

fn read(from: impl Read, name: &str) -> Result<Input, Exit> {
    let mut text = Vec::new();
    let mut from = from.take(FILE_BYTES_MAX + 1);
    from.read_to_end(&mut text).map_err(|error| cannot_read(name, &error))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let limit = FILE_BYTES_MAX / 1024 / 1024;
        return Err(Exit::failed(format!("{name} is longer than {limit} MiB")));
    }
    Ok(Input { text, is_file: true })
}

fn cannot_read(name: &str, error: &io::Error) -> Exit {
    Exit::failed(format!("cannot read {name}: {error}"))
}

fn known(arguments: &ExplainArguments, asked: Option<Asked>) -> Result<Known, Exit> {
    let Asked { catalog, user, functions_read, functions_write } = asked.unwrap_or_default();
    let role = arguments.role.clone().unwrap_or(user);
    let all = |own: &[String], given: &[String]| [own, given].concat();
    let reads = all(&functions_read, &arguments.functions_read);
    let writes = all(&functions_write, &arguments.functions_write);
    let rules = Rules::new(reads.iter().map(String::as_str), writes.iter().map(String::as_str))
        .map_err(Exit::failed)?;
    let path = match (&arguments.search_path, &catalog) {
        (Some(path), _) => Path::of_setting(path, &role),
        (None, Some(catalog)) => catalog.path_of(&role),
        (None, None) => Path::Unknown,
    };
    Ok(Known { catalog, rules, role, path })
}

fn as_text(out: &mut impl Write, inputs: &[Input], known: &Known) -> io::Result<()> {
    let terminal = Terminal::stdout();
    let (mut reader, mut summary) = (Reader::new(known), Summary::default());
    for input in inputs {
        for piece in input.pieces() {
            if let Some(found) = reader.read(piece) {
                summary.count(found.route);
                out.write_all(say::statement(&found, input.is_file, terminal).as_bytes())?;
            }
        }
    }
    if summary.total() != 1 {
        writeln!(out, "{}", terminal.bold(&summary.text()))?;
    }
    if known.catalog.is_none() {
        writeln!(out, "{}", crate::terminal::wrapped(say::OFFLINE, terminal.width, 0))?;
    }
    Ok(())
}

/// One array, and each statement on a line of its own.
fn as_json(out: &mut impl Write, inputs: &[Input], known: &Known) -> io::Result<()> {
    let mut reader = Reader::new(known);
    let mut separator = "\n";
    out.write_all(b"[")?;
    for input in inputs {
        for piece in input.pieces() {
            if let Some(found) = reader.read(piece) {
                out.write_all(separator.as_bytes())?;
                serde_json::to_writer(&mut *out, &found)?;
                separator = ",\n";
            }
        }
    }
    out.write_all(b"\n]\n")
}
