//! What a read asks for, how long it may wait for that, and what happens then.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::{BadSpan, Level, Span, UnknownLevel};

/// Steps behind the first at most.
const STEPS_MAX: usize = 3;

/// What happens to a read that no replica could answer as it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The primary answers, as far as its limit on such reads allows.
    Primary,
    /// It fails, with an error of its own.
    Error,
    /// A replica answers at another level, and the client is told.
    Level {
        /// What is asked for now.
        level: Level,
        /// How long it may wait for that; by default not at all.
        within: Duration,
    },
}

impl Step {
    /// Any replica answers.
    pub const STALE: Self = Self::Level { level: Level::Eventual, within: Duration::ZERO };
}

/// What happens, one after the other, to a read that no replica could answer as it asked.
///
/// At its end, whatever it says, the primary is asked: its answer is always right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps([Option<Step>; STEPS_MAX]);

impl Default for Steps {
    fn default() -> Self {
        Self::from(Step::Primary)
    }
}

impl From<Step> for Steps {
    fn from(step: Step) -> Self {
        Self([Some(step), None, None])
    }
}

impl Steps {
    /// The step with this number, counted from 0.
    pub fn get(&self, number: usize) -> Option<Step> {
        self.0.get(number).copied().flatten()
    }

    fn iter(&self) -> impl Iterator<Item = Step> {
        self.0.into_iter().flatten()
    }

    fn push(&mut self, step: Step) -> Result<(), BadTerms> {
        *self.0.iter_mut().find(|place| place.is_none()).ok_or(BadTerms::TooMany)? = Some(step);
        Ok(())
    }
}

/// What a read asks for, as far as somebody has said.
///
/// What a statement leaves open its transaction says, then the session, the user, the
/// database, the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// What it must see.
    pub level: Option<Level>,
    /// How long it may wait for a replica.
    pub within: Option<Duration>,
    /// What happens then.
    pub then: Option<Steps>,
    /// It must see what was acknowledged to anyone longer ago than this.
    pub max_staleness: Option<Duration>,
}

impl Terms {
    /// These, and what they leave open from `others`.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self {
            level: self.level.or(others.level),
            within: self.within.or(others.within),
            then: self.then.or(others.then),
            max_staleness: self.max_staleness.or(others.max_staleness),
        }
    }

    /// What is asked for by both at once, by several statements of one exchange, say: the
    /// stricter of each, the longer wait, and the primary where they disagree on what then.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        let then = match (self.then, others.then) {
            (Some(one), Some(other)) if one != other => Some(Steps::default()),
            (one, other) => one.or(other),
        };
        let least = |one: Option<Duration>, other: Option<Duration>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            level: self.level.max(others.level),
            within: self.within.max(others.within),
            then,
            max_staleness: least(self.max_staleness, others.max_staleness),
        }
    }

    /// Whether nobody has said anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is said, as it can be written in the place of a level.
impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.level.map_or("as set", Level::name))?;
        if let Some(within) = self.within {
            write!(f, " within {}", Span(within))?;
        }
        self.then.map_or(Ok(()), |then| write!(f, ", then {then}"))
    }
}

impl From<Level> for Terms {
    fn from(level: Level) -> Self {
        Self { level: Some(level), ..Self::default() }
    }
}

impl From<Level> for Arc<Terms> {
    fn from(level: Level) -> Self {
        Self::new(Terms::from(level))
    }
}

/// The text does not say what a read asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTerms {
    /// A level stands where none can be read.
    Level(UnknownLevel),
    /// `within` is followed by no length of time.
    Span(BadSpan),
    /// There are more steps than are followed.
    TooMany,
    /// Something stands behind a step that ends the list.
    BehindTheEnd,
}

impl fmt::Display for BadTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(unknown) => write!(f, "{unknown} (and then primary, error or stale)"),
            Self::Span(bad) => bad.fmt(f),
            Self::TooMany => write!(f, "no more than {STEPS_MAX} steps can follow the level"),
            Self::BehindTheEnd => f.write_str("nothing can follow behind error"),
        }
    }
}

impl std::error::Error for BadTerms {}

/// `read_your_writes`, or with all that belongs to it:
/// `read_your_writes within 20ms, then primary, then eventual`. In brackets or without.
impl FromStr for Terms {
    type Err = BadTerms;

    fn from_str(text: &str) -> Result<Self, BadTerms> {
        let (first, rest) = first_step(unbracketed(text));
        let (level, within) = level_within(first)?;
        let then = rest.map(Steps::from_str).transpose()?;
        Ok(Self { level: Some(level), within, then, max_staleness: None })
    }
}

/// `primary`, `error`, `stale`, or several of them and levels: `primary, then eventual`.
impl FromStr for Steps {
    type Err = BadTerms;

    fn from_str(text: &str) -> Result<Self, BadTerms> {
        let mut steps = Self([None; STEPS_MAX]);
        let mut rest = Some(unbracketed(text));
        while let Some(text) = rest {
            if steps.iter().any(|step| step == Step::Error) {
                return Err(BadTerms::BehindTheEnd);
            }
            let (first, more) = first_step(text);
            rest = more;
            steps.push(match first.to_ascii_lowercase().as_str() {
                "primary" => Step::Primary,
                "error" => Step::Error,
                "stale" => Step::STALE,
                _ => {
                    let (level, within) = level_within(first)?;
                    Step::Level { level, within: within.unwrap_or_default() }
                }
            })?;
        }
        Ok(steps)
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.iter().enumerate() {
            if number > 0 {
                f.write_str(", then ")?;
            }
            match step {
                Step::Primary => f.write_str("primary")?,
                Step::Error => f.write_str("error")?,
                Step::Level { level, within } if within.is_zero() => level.fmt(f)?,
                Step::Level { level, within } => write!(f, "{level} within {}", Span(within))?,
            }
        }
        Ok(())
    }
}

fn unbracketed(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text).trim()
}

/// The text up to the next comma or `then`, and what stands behind that.
fn first_step(text: &str) -> (&str, Option<&str>) {
    let (step, rest) = match (text.split_once(','), split_at_word(text, "then")) {
        (Some((step, rest)), Some((other, _))) if step.len() < other.len() => (step, rest),
        (_, Some((step, rest))) | (Some((step, rest)), None) => (step, rest),
        (None, None) => return (text.trim(), None),
    };
    let rest = rest.trim();
    let rest = split_at_word(rest, "then").filter(|it| it.0.is_empty()).map_or(rest, |it| it.1);
    (step.trim(), Some(rest))
}

fn level_within(text: &str) -> Result<(Level, Option<Duration>), BadTerms> {
    let (level, within) = match split_at_word(text, "within") {
        Some((level, within)) => (level, Some(within)),
        None => (text, None),
    };
    let within = within.map(Span::from_str).transpose().map_err(BadTerms::Span)?;
    let level = level.trim().parse().map_err(BadTerms::Level)?;
    Ok((level, within.map(|Span(within)| within)))
}

/// What stands before and behind a word of its own.
fn split_at_word<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let mut from = 0;
    while let Some(rest) = text.get(from..) {
        let found = rest.split(|it: char| it.is_whitespace() || it == ',').next()?;
        if found.eq_ignore_ascii_case(word) {
            return Some((text.get(..from)?.trim(), text.get(from + found.len()..)?.trim()));
        }
        from += found.len() + rest.get(found.len()..)?.chars().next()?.len_utf8();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_list_says_what_happens_one_after_the_other() {
        let terms: Terms =
            "[read_your_writes within 20ms, then primary, then eventual]".parse().unwrap();
        assert_eq!(terms.level, Some(Level::ReadYourWrites));
        assert_eq!(terms.within, Some(ms(20)));
        let then = terms.then.unwrap();
        let steps = [then.get(0), then.get(1), then.get(2)];
        assert_eq!(steps, [Some(Step::Primary), Some(Step::STALE), None]);
        assert_eq!(terms.to_string(), "read_your_writes within 20ms, then primary, then eventual");
    }

    #[test]
    fn many_ways_to_write_the_same() {
        let list = "strong within 5s, then read_your_writes within 1s, then error";
        for text in [
            list,
            "STRONG WITHIN 5 s THEN Read_Your_Writes within 1000 THEN error",
            "[ strong within 5s , read_your_writes within 1s , error ]",
            "strong within 5s,then read_your_writes within 1s,then\terror",
        ] {
            let terms: Terms = text.parse().unwrap();
            assert_eq!(terms.to_string(), list, "{text}");
        }
        assert_eq!("causal".parse::<Terms>().unwrap().to_string(), "causal");
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let refusal = |text: &str| text.parse::<Terms>().unwrap_err();
        assert!(matches!(refusal(""), BadTerms::Level(_)));
        assert!(matches!(refusal("stale"), BadTerms::Level(_)), "not as the first");
        assert!(matches!(refusal("strong, then"), BadTerms::Level(_)));
        assert!(matches!(refusal("strong,,error"), BadTerms::Level(_)));
        assert!(matches!(refusal("strong within"), BadTerms::Span(_)));
        assert!(matches!(refusal("strong within soon"), BadTerms::Span(_)));
        assert_eq!(refusal("strong, error, primary"), BadTerms::BehindTheEnd);
        let long = "strong, causal, read_your_writes, bounded, eventual";
        assert_eq!(refusal(long), BadTerms::TooMany);
    }

    #[test]
    fn several_at_once_ask_for_the_stricter_of_each() {
        let one: Terms = "eventual within 10ms, then stale".parse().unwrap();
        let other: Terms = "strong, then error".parse().unwrap();
        let one = Terms { max_staleness: Some(ms(5)), ..one };
        let both = one.and(Terms { max_staleness: Some(ms(9)), ..other });
        assert_eq!(both, Terms { max_staleness: Some(ms(9)), ..other }.and(one));
        assert_eq!(both.to_string(), "strong within 10ms, then primary");
        assert_eq!(both.max_staleness, Some(ms(5)));
        assert_eq!(one.and(Terms::default()), one);
        assert_eq!(one.and(one), one);
    }

    proptest! {
        #[test]
        fn any_other_text_is_refused_quietly(text in ".{0,80}") {
            let _ = text.parse::<Terms>();
            let _ = text.parse::<Steps>();
        }

        #[test]
        fn what_is_shown_is_read_again(text in "(eventual|causal|strong)( within [1-9]{1,3}ms)?(, then (primary|bounded)){0,2}(, then error)?") {
            let terms: Terms = text.parse().unwrap();
            prop_assert_eq!(terms.to_string().parse(), Ok(terms));
        }
    }
}
