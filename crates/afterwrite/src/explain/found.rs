//! What is found of one statement, and what is shown of it. Pure.

use afterwrite_footprint::{
    Catalog, Footprint, Kind, Knowledge, Path, Route, Rules, Touched, mentions, read,
};
use afterwrite_sql::{Effect, Hints, hints, normal_text, normalise};
use afterwrite_types::Preference;
use serde::Serialize;

use super::cut::Piece;

/// What is known besides the statements.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) catalog: Option<Catalog>,
    pub(super) rules: Rules,
    /// Stands for `"$user"`.
    pub(super) role: String,
    /// The search path that the session begins with.
    pub(super) path: Path,
}

/// One statement, and what was found of it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    /// Its text, without the comments around it.
    pub(super) statement: String,
    /// The line on which it begins.
    pub(super) line: usize,
    pub(super) route: &'static str,
    pub(super) kind: &'static str,
    /// By their names, with what each is about.
    pub(super) reasons: Vec<String>,
    /// The same in words.
    #[serde(skip)]
    pub(super) sentences: Vec<String>,
    pub(super) reads: Vec<String>,
    pub(super) writes: Vec<String>,
    pub(super) cacheable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hints: Option<Hinted>,
    /// Why the grammar does not take it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// What its comments ask for.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Hinted {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) sessions: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tokens: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) problems: Vec<String>,
}

/// Reads statements one after the other, as one session would send them: what sets the search
/// path holds for those behind it.
#[derive(Debug)]
pub(super) struct Reader<'k> {
    known: &'k Known,
    path: Path,
    /// A `SET LOCAL` holds until the transaction ends.
    local: bool,
    normal: Vec<u8>,
}

impl<'k> Reader<'k> {
    pub(super) fn new(known: &'k Known) -> Self {
        Self { known, path: known.path.clone(), local: false, normal: Vec::new() }
    }

    pub(super) fn read(&mut self, piece: Piece<'_>) -> Option<Found> {
        let knowledge = self.known.catalog.as_ref().map_or(Knowledge::Nothing, Knowledge::Known);
        let path = if self.local { &Path::Unknown } else { &self.path };
        let text = std::str::from_utf8(piece.text).ok().filter(|text| !text.contains('\0'));
        // As the proxy does: long lists of literals are no reason not to look.
        normalise(piece.text, &mut self.normal);
        let normal = text.map_or(piece.text, |_| normal_text(&self.normal));
        let mut reading = read(piece.text, normal, knowledge, path, &self.known.rules);
        let footprint = (!reading.footprints.is_empty()).then(|| reading.footprints.remove(0))?;
        if let (Some(statement), Some(text)) = (reading.analysis.statements.first(), text) {
            self.follow(&statement.effect, text);
        }
        let error = text.filter(|_| footprint.kind == Kind::Unknown);
        let error = error.and_then(|text| Some(in_short(&mentions(text).err()?.to_string())));
        Some(Found { error, ..Found::new(piece, &footprint, &hints(piece.around)) })
    }

    fn follow(&mut self, effect: &Effect, text: &str) {
        match effect {
            Effect::Set(set) if set.name.as_str() == "search_path" => {
                self.path = if set.to_default {
                    self.known.path.clone()
                } else {
                    Path::of_statement(text, &self.known.role)
                };
            }
            // Whom "$user" stands for then is not followed.
            Effect::Set(set) if matches!(set.name.as_str(), "role" | "session_authorization") => {
                self.path = Path::Unknown;
            }
            Effect::Reset { name } if name.as_str() == "search_path" => {
                self.path = self.known.path.clone();
            }
            Effect::ResetAll | Effect::DiscardAll => self.path = self.known.path.clone(),
            Effect::SetLocal => self.local = true,
            Effect::Commit { .. } | Effect::Rollback { .. } | Effect::PrepareTransaction => {
                self.local = false;
            }
            _ => {}
        }
    }
}

impl Found {
    fn new(piece: Piece<'_>, footprint: &Footprint, hints: &Hints) -> Self {
        let Footprint { kind, route, because, reads, writes, cacheable } = footprint;
        let mut reasons: Vec<_> = because.iter().map(ToString::to_string).collect();
        let mut sentences: Vec<_> = because.iter().map(|it| it.sentence().to_string()).collect();
        let mut route = *route;
        if route == Route::Replica && hints.preference == Some(Preference::Primary) {
            route = Route::Primary;
            reasons.insert(0, "hinted".to_owned());
            sentences.insert(0, "asks for the primary in a comment".to_owned());
        }
        Self {
            statement: String::from_utf8_lossy(piece.text).into_owned(),
            line: piece.line,
            route: route.name(),
            kind: kind.name(),
            reasons,
            sentences,
            reads: names(reads),
            writes: names(writes),
            cacheable: *cacheable,
            hints: (!hints.is_empty()).then(|| Hinted::new(hints)),
            error: None,
        }
    }
}

/// Letters of an error that are told: it may quote all the rest of the statement.
const ERROR_MAX: usize = 200;

/// The beginning of an error. It is escaped for logs, which quotes do not need here.
fn in_short(error: &str) -> String {
    let text = error.replace("\\\"", "\"").replace("\\'", "'");
    match text.char_indices().nth(ERROR_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn names(touched: &Touched) -> Vec<String> {
    let known = touched.relations.iter().map(ToString::to_string);
    known.chain(touched.unknown.then(|| "unknown".to_owned())).collect()
}

impl Hinted {
    fn new(hints: &Hints) -> Self {
        let owned = |all: &[Box<str>]| all.iter().map(ToString::to_string).collect();
        Self {
            level: (!hints.terms.is_empty()).then(|| hints.terms.to_string()),
            route: hints.preference.map(Preference::name),
            sessions: owned(&hints.keys),
            tokens: owned(&hints.tokens),
            problems: hints.problems.iter().map(ToString::to_string).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cut;
    use super::*;

    fn known(reads: &[&str]) -> Known {
        Known {
            catalog: None,
            rules: Rules::new(reads.iter().copied(), []).unwrap(),
            role: "app".to_owned(),
            path: Path::Unknown,
        }
    }

    fn check(text: &str, expected: &str) {
        let known = known(&["total"]);
        let mut reader = Reader::new(&known);
        let found = cut::of_argument(text.as_bytes()).into_iter().filter_map(|it| reader.read(it));
        let shown: Vec<_> = found
            .map(|it| {
                let reasons = it.reasons.join(", ");
                let (reads, writes) = (it.reads.join(" "), it.writes.join(" "));
                format!("{} {}: {reasons}; {reads}; {writes}", it.route, it.kind)
            })
            .collect();
        assert_eq!(shown.join(" | "), expected, "{text}");
    }

    #[test]
    fn statements_without_a_database() {
        check("SELECT a FROM t", "replica read: proven_read; t unknown; ");
        check("SELECT total(1)", "replica read: proven_read; unknown; ");
        check("SELECT f(1)", "primary write: unknown_function (f); unknown; unknown");
        check("DELETE FROM t", "primary write: dml (t); t unknown; t unknown");
        check(
            "BEGIN; COMMIT",
            "any transaction: transaction_control; ;  | any transaction: transaction_control; ; ",
        );
        let list = "1, ".repeat(200_000);
        check(
            &format!("SELECT a FROM t WHERE a IN ({list}1)"),
            "replica read: proven_read; t unknown; ",
        );
        check("SELEC 1", "primary unknown: unknown; unknown; unknown");
        check("/* afterwrite: primary */ SELECT 1", "primary read: hinted, proven_read; ; ");
    }

    #[test]
    fn as_json() {
        let known = known(&[]);
        let mut reader = Reader::new(&known);
        let text = b"SELECT '\xff\n'";
        let piece = Piece { text, around: text, line: 3 };
        let found = serde_json::to_string(&reader.read(piece).unwrap()).unwrap();
        assert!(found.starts_with("{\"statement\":\"SELECT '\u{fffd}\\n'\",\"line\":3,\"route\":\"primary\",\"kind\":\"unknown\",\"reasons\":[\"unreadable\"],"), "{found}");
        let text = b"SELECT 1 /*afterwrite.level='strong',afterwrite.session='a'*/";
        let piece = Piece { text: &text[..8], around: text, line: 1 };
        let found = serde_json::to_string(&reader.read(piece).unwrap()).unwrap();
        assert!(
            found.ends_with("\"reads\":[],\"writes\":[],\"cacheable\":true,\"hints\":{\"level\":\"strong\",\"sessions\":[\"a\"]}}"),
            "{found}"
        );
    }
}
