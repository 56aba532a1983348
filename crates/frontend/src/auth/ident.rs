//! `pg_ident.conf`: who of the system, or of a certificate, may be which user.
//!
//! ```text
//! # map   name outside   user here
//! team    alice          app
//! team    "Bob Smith"    all
//! ```

use std::collections::HashMap;
use std::path::Path;

use super::file::{self, FileProblem};
use super::token::{self, Token};

/// Maps of names outside to users here, by the map's own name.
#[derive(Clone, Debug, Default)]
pub struct IdentMaps(HashMap<String, Vec<Entry>>);

#[derive(Clone, Debug)]
struct Entry {
    outside: String,
    user: Mapped,
}

#[derive(Clone, Debug)]
enum Mapped {
    All,
    One(String),
}

impl IdentMaps {
    /// Reads a file; blocks.
    pub fn read(path: &Path) -> Result<Self, Vec<FileProblem>> {
        Self::parse(&file::read(path)?)
    }

    /// Reads the text of a file; every problem is told.
    pub fn parse(text: &str) -> Result<Self, Vec<FileProblem>> {
        let (lines, mut problems) = token::lines(text);
        let mut maps = Self::default();
        for line in lines {
            if let Err(problem) = maps.add(line.fields) {
                problems.push(FileProblem::at(line.number, problem));
            }
        }
        problems.sort_by_key(|problem| problem.line);
        if problems.is_empty() { Ok(maps) } else { Err(problems) }
    }

    fn add(&mut self, fields: Vec<token::Field>) -> Result<(), &'static str> {
        let [map, outside, user] = <[token::Field; 3]>::try_from(fields)
            .map_err(|_| "expected a map, a name outside and a user")?;
        let (map, outside, user) = (single(map)?, single(outside)?, single(user)?);
        if [&outside, &user].into_iter().any(|it| !it.quoted && it.text.starts_with('/')) {
            return Err("regular expressions are not supported");
        }
        if !user.quoted && user.text.starts_with('+') {
            return Err("members of a role (+) are not supported");
        }
        let user = if user.is("all") { Mapped::All } else { Mapped::One(user.text) };
        self.0.entry(map.text).or_default().push(Entry { outside: outside.text, user });
        Ok(())
    }

    /// Whether there is such a map.
    pub(super) fn has(&self, map: &str) -> bool {
        self.0.contains_key(map)
    }

    /// Whether who is called `outside` elsewhere may be `user` here. Without a
    /// map, the names must be the same.
    pub(super) fn allow(&self, map: Option<&str>, outside: &str, user: &str) -> bool {
        let Some(map) = map else { return outside == user };
        self.0.get(map).is_some_and(|entries| {
            entries.iter().any(|entry| {
                entry.outside == outside
                    && match &entry.user {
                        Mapped::All => true,
                        Mapped::One(name) => name == user,
                    }
            })
        })
    }
}

/// The one word of a field.
fn single(field: token::Field) -> Result<Token, &'static str> {
    let [token] = <[Token; 1]>::try_from(field).map_err(|_| "a list is not possible here")?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps() {
        let maps = "# comment\nteam alice app\nteam \"Bob Smith\" all\nother carol \"all\"\n";
        let maps = IdentMaps::parse(maps).unwrap();
        let check = |map, outside, user, allowed| {
            assert_eq!(maps.allow(map, outside, user), allowed, "{map:?} {outside} {user}");
        };
        check(None, "alice", "alice", true);
        check(None, "alice", "app", false);
        check(Some("team"), "alice", "app", true);
        check(Some("team"), "alice", "alice", false);
        check(Some("team"), "Bob Smith", "anyone", true);
        check(Some("other"), "carol", "anyone", false);
        check(Some("other"), "carol", "all", true);
        check(Some("none"), "alice", "alice", false);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let text =
            "team alice\nteam /^(.*)@x$ app\nteam a,b app\nteam alice +admins\nteam a b c\n\"x\n";
        let told: Vec<_> =
            IdentMaps::parse(text).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "line 1: expected a map, a name outside and a user",
                "line 2: regular expressions are not supported",
                "line 3: a list is not possible here",
                "line 4: members of a role (+) are not supported",
                "line 5: expected a map, a name outside and a user",
                "line 6: a closing quote is missing",
            ]
        );
    }
}
