//! `afterwrite import`: from another pooler's configuration to ours.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use afterwrite_config::import::{Asks, Format, Imported, import};

use crate::cli::{ImportArguments, ImportFormat};
use crate::exit::Exit;

/// Reads the file and prints what is made of it, or writes it.
pub(crate) fn run(arguments: &ImportArguments) -> Result<(), Exit> {
    let name = arguments.file.display();
    let text = fs::read_to_string(&arguments.file)
        .map_err(|error| Exit::failed(format!("cannot read {name}: {error}")))?;
    let format = match arguments.format {
        Some(ImportFormat::PgBouncer) => Format::PgBouncer,
        Some(ImportFormat::PgCat) => Format::PgCat,
        None => Format::guess(&text).ok_or_else(|| {
            Exit::Config(format!(
                "afterwrite: {name} is neither a pgbouncer.ini nor a pgcat.toml; \
                 --format says which"
            ))
        })?,
    };
    let read = |path: &Path| fs::read_to_string(path);
    let imported = import(format, &name.to_string(), &text, &read)
        .map_err(|error| Exit::Config(format!("afterwrite: {name}: {error}")))?;
    match &arguments.output {
        Some(path) => write(path, &imported.toml)?,
        None => print!("{}", imported.toml),
    }
    summarize(&imported, arguments.output.as_deref());
    Ok(())
}

/// For its owner alone: there may be passwords in it. An existing file may be a
/// configuration in use.
fn write(path: &Path, text: &str) -> Result<(), Exit> {
    let cannot = |error| Exit::failed(format!("cannot write {}: {error}", path.display()));
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(cannot)?;
    file.write_all(text.as_bytes()).map_err(cannot)
}

/// What to look at, to standard error.
fn summarize(imported: &Imported, output: Option<&Path>) {
    let count = |asks| imported.notes.iter().filter(|known| **known == asks).count();
    let place = output.map_or_else(String::new, |path| format!(" in {}", path.display()));
    eprintln!(
        "afterwrite: {} to decide, {} that differ, {} without equivalent; see the comments{place}",
        count(Asks::Decision),
        count(Asks::Differs),
        count(Asks::Gone),
    );
    if imported.has_passwords {
        eprintln!("afterwrite: there are passwords in it; password_file keeps them elsewhere");
    }
}
