//! The tokens of one statement: where it ends, and whether it is whole.

use crate::effect::Reason;
use crate::keyword::Keyword;
use crate::lexer::{Kind, Lexer, Token};

/// Hands out the tokens of one statement and stops at its end.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    lexer: Lexer<'a>,
    depth: usize,
    /// Open `BEGIN ATOMIC` and `CASE … END` of a routine's body: semicolons in there end nothing.
    bodies: usize,
    in_routine: bool,
    ended: bool,
    at_end_of_text: bool,
    broken: Option<Reason>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(lexer: Lexer<'a>) -> Self {
        Self {
            lexer,
            depth: 0,
            bodies: 0,
            in_routine: false,
            ended: false,
            at_end_of_text: false,
            broken: None,
        }
    }

    /// The next token of the statement; `None` at its end.
    pub(crate) fn next(&mut self) -> Option<Token<'a>> {
        if self.ended {
            return None;
        }
        let Some(token) = self.lexer.next() else {
            self.ended = true;
            self.at_end_of_text = true;
            if self.depth > 0 {
                self.broken = Some(Reason::Unreadable);
            }
            return None;
        };
        match token.kind {
            Kind::Semicolon if self.depth == 0 && self.bodies == 0 => {
                self.ended = true;
                return None;
            }
            Kind::Unterminated => {
                self.ended = true;
                self.at_end_of_text = true;
                self.broken = Some(Reason::Unreadable);
                return None;
            }
            Kind::Open => self.depth += 1,
            Kind::Close => match self.depth.checked_sub(1) {
                Some(depth) => self.depth = depth,
                None => self.broken = Some(Reason::Unknown),
            },
            _ => {}
        }
        Some(token)
    }

    /// The next token, without taking it; `None` at the statement's end.
    pub(crate) fn peek(&self) -> Option<Token<'a>> {
        if self.ended {
            return None;
        }
        self.lexer
            .clone()
            .next()
            .filter(|token| !matches!(token.kind, Kind::Semicolon | Kind::Unterminated))
    }

    /// Takes the next token if it is this key word.
    pub(crate) fn accept(&mut self, keyword: Keyword) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == Kind::Word(keyword));
        if found {
            self.next();
        }
        found
    }

    /// The next token as a key word; anything else is [`Keyword::Name`], and `None` the end.
    pub(crate) fn next_keyword(&mut self) -> Option<Keyword> {
        self.next().map(|token| match token.kind {
            Kind::Word(keyword) => keyword,
            _ => Keyword::Name,
        })
    }

    /// What stands behind the last token.
    pub(crate) fn ahead(&self) -> &Lexer<'a> {
        &self.lexer
    }

    /// Goes to the end; true if there was nothing left.
    pub(crate) fn finish(&mut self) -> bool {
        let empty = self.next().is_none();
        while self.next().is_some() {}
        empty
    }

    /// Why the text is no statement at all, known at its end.
    pub(crate) fn broken(&self) -> Option<Reason> {
        self.broken
    }

    /// The rest of the text behind this statement; `None` if there is none.
    pub(crate) fn rest(self) -> Option<Lexer<'a>> {
        (!self.at_end_of_text).then_some(self.lexer)
    }

    /// The statement creates a function or procedure, which may have a body with semicolons.
    pub(crate) fn enter_routine(&mut self) {
        self.in_routine = true;
    }

    /// Follows the body of a routine by its words, as psql does: `previous` stands before `word`.
    pub(crate) fn follow_body(&mut self, previous: Option<Kind>, word: Keyword) {
        if !self.in_routine || self.depth > 0 {
            return;
        }
        match (previous, word) {
            // A label, not the end of anything.
            (Some(Kind::Dot | Kind::Word(Keyword::As)), _) => {}
            (Some(Kind::Word(Keyword::Begin)), Keyword::Atomic) => self.bodies += 1,
            (_, Keyword::Case) if self.bodies > 0 => self.bodies += 1,
            (_, Keyword::End) => self.bodies = self.bodies.saturating_sub(1),
            _ => {}
        }
    }
}
