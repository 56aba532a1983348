//! What an SQL text may do, from the text alone.
//!
//! [`analyse`] is pure: no catalog, no clock, no memory of earlier texts. It lexes exactly as the
//! server does and calls a statement a read only if every token of it is understood and none can
//! write. **Unsure means it writes.**
//!
//! What cannot be seen without the catalog is taken for harmless: what a view, a row-level policy,
//! an operator, a cast or a column-like call `table.function` of the user's own making runs, and
//! a user's overload of a built-in function. A standby refuses to write in any of them.
//!
//! The path of a text: `lexer` cuts tokens, `reader` finds the end of a statement, `statement`
//! looks at its first words, `scan` applies the rules to the rest; `keyword` and `function` are
//! the tables, `setting` is the grammar of `SET`, and `string` says what a string says. Beside
//! it, `hint` reads comments, `cut` says where each statement stands, and `body` looks into bodies
//! of functions and of `DO`.

mod body;
mod cut;
mod effect;
mod function;
mod hint;
mod keyword;
mod lexer;
mod normal;
mod reader;
mod scan;
mod setting;
mod statement;
mod string;

pub use body::{Sets, sets_of_body};
pub use cut::{Cut, cuts, lines, texts};
pub use function::{
    Kind as Function, built_in, harmful, is_information_schema_helper, measures_tables,
};
pub use normal::{normal_text, normalise};
pub use scan::is_of_the_primary;

pub use effect::{
    Access, Analysis, Command, Effect, Name, Pin, Reason, SessionUse, Set, Statement,
};
pub use hint::{HINT_TEXT_MAX, HINTS_MAX, Hints, Problem, hints, hints_at_beginning};

/// How many statements of one string are looked at. A string with more may do anything.
pub const MANY: usize = 64;

/// Analyses one SQL string: a simple `Query`, or the text of a `Parse`.
///
/// Lexed with `standard_conforming_strings` on; a session that turns it off must not be believed.
/// The time is linear in the length of the text, and one statement needs no memory of its own
/// (settings' names beyond 32 bytes and the proxy's own commands excepted).
pub fn analyse(text: &[u8]) -> Analysis {
    let mut analysis = Analysis::default();
    if text.contains(&0) || std::str::from_utf8(text).is_err() {
        analysis.statements.push(Statement::writes(Reason::Unreadable, Effect::Plain));
        return analysis;
    }
    let mut rest = Some(lexer::Lexer::new(text));
    while let Some(text) = rest {
        let (statement, behind) = statement::first(text);
        if let Some(statement) = statement {
            if analysis.statements.len() == MANY {
                analysis.overflow = true;
                break;
            }
            analysis.statements.push(statement);
        }
        rest = behind;
    }
    analysis
}
