//! What the target has of what is asked for.

use std::time::Duration;

use tokio_postgres::{Client, Config};

use super::plan::{Plan, Target};
use super::words::{Level, Scope};
use crate::error::{Fault, VerifyError};
use crate::link::{Link, simple_row, within};

const DOING: &str = "asking the target what it has";

/// For each question.
const ASK_MAX: Duration = Duration::from_secs(10);

/// What can be checked of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What reads are held to.
    pub level: Level,
    /// Scopes that are checked.
    pub scopes: Vec<Scope>,
    /// Scopes that are not, and why.
    pub missing: Vec<(Scope, &'static str)>,
    /// Sent first on every connection.
    pub(super) greeting: Vec<String>,
}

/// Asks with `SHOW`, which changes nothing. (A plain server takes `SET afterwrite.session`
/// for a setting of somebody's own, and would seem to know keys.)
pub(super) async fn ask(
    writes: &Config,
    target: &Target,
    plan: &Plan,
) -> Result<Offer, VerifyError> {
    let fatal = |fault: Fault| fault.fatal(DOING);
    let link = Link::open(writes, ASK_MAX).await.map_err(fatal)?;
    let said = async {
        Ok::<_, Fault>(Said {
            token: show(&link.client, "token").await?,
            level: show(&link.client, "level").await?,
            table_scope: show(&link.client, "table_scope").await?,
        })
    };
    let said = said.await;
    link.close().await;
    weigh(&said.map_err(fatal)?, target.is_split(), plan)
}

/// What the target answered; none where it does not know the setting.
#[derive(Default)]
struct Said {
    token: Option<String>,
    level: Option<String>,
    table_scope: Option<String>,
}

async fn show(client: &Client, name: &str) -> Result<Option<String>, Fault> {
    let sql = format!("SHOW afterwrite.{name}");
    match within(ASK_MAX, simple_row(client, &sql)).await {
        Ok(row) => Ok(row.and_then(|row| row.into_iter().next().flatten())),
        // A refusal is an answer; a lost connection is none.
        Err(fault) if fault.sqlstate().is_some() => Ok(None),
        Err(fault) => Err(fault),
    }
}

fn weigh(said: &Said, split: bool, plan: &Plan) -> Result<Offer, VerifyError> {
    let lack = |scope: Scope| match scope {
        Scope::Connection => None,
        Scope::Key | Scope::Token | Scope::Table if split => {
            Some("writes and reads have separate URLs")
        }
        Scope::Key | Scope::Token => {
            said.token.is_none().then_some("the target knows no afterwrite.token")
        }
        Scope::Table => match said.table_scope.as_deref() {
            Some("on") => None,
            Some(_) => Some("routing.table_scope is off"),
            None => Some("the target knows no afterwrite.table_scope"),
        },
    };
    let asked = plan.scopes.clone().unwrap_or_else(|| Scope::ALL.to_vec());
    let mut offer = Offer {
        level: plan.level.or_else(|| said.level.as_deref()?.parse().ok()).unwrap_or_default(),
        scopes: Vec::new(),
        missing: Vec::new(),
        greeting: Vec::new(),
    };
    for scope in Scope::ALL.into_iter().filter(|scope| asked.contains(scope)) {
        match lack(scope) {
            None => offer.scopes.push(scope),
            Some(why) => offer.missing.push((scope, why)),
        }
    }
    if offer.scopes.is_empty() {
        return Err(VerifyError::Plan("none of these scopes is offered".to_owned()));
    }
    // Where levels are not known, the level only says what reads are held to.
    let settable = plan.set_level && said.level.is_some() && !split;
    if let Some(level) = plan.level.filter(|_| settable) {
        offer.greeting.push(format!("SET afterwrite.level = '{level}'"));
        if level == Level::Bounded {
            let ms = plan.bound.as_millis();
            offer.greeting.push(format!("SET afterwrite.max_staleness = '{ms}ms'"));
        }
    }
    Ok(offer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn afterwrite(table_scope: &str) -> Said {
        let text = |text: &str| Some(text.to_owned());
        Said { token: text(""), level: text("read_your_writes"), table_scope: text(table_scope) }
    }

    #[test]
    fn what_is_not_offered_is_said() {
        let check = |said: &Said, split, expected: &[Scope]| {
            let offer = weigh(said, split, &Plan::default());
            let offer = offer.unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(offer.scopes, expected, "{offer:?}");
            assert_eq!(offer.missing.len() + offer.scopes.len(), Scope::ALL.len());
            assert_eq!((offer.level, offer.greeting.len()), (Level::ReadYourWrites, 0));
        };
        check(&Said::default(), false, &[Scope::Connection]);
        check(&afterwrite("on"), false, &Scope::ALL);
        check(&afterwrite("off"), false, &[Scope::Connection, Scope::Key, Scope::Token]);
        check(&afterwrite("on"), true, &[Scope::Connection]);
    }

    #[test]
    fn a_scope_that_is_asked_for_and_not_offered_is_an_error() {
        let plan = Plan { scopes: Some(vec![Scope::Key]), ..Plan::default() };
        let error = weigh(&Said::default(), false, &plan).map_err(|error| error.to_string());
        assert!(error.is_err_and(|said| said.contains("none of these scopes is offered")));
    }

    #[test]
    fn a_level_is_set_where_levels_are_known() {
        let plan = Plan { level: Some(Level::Bounded), ..Plan::default() };
        let greeting = |said: &Said| weigh(said, false, &plan).map(|offer| offer.greeting).ok();
        let expected =
            ["SET afterwrite.level = 'bounded'", "SET afterwrite.max_staleness = '1000ms'"];
        assert_eq!(greeting(&afterwrite("off")), Some(expected.map(str::to_owned).to_vec()));
        assert_eq!(greeting(&Said::default()), Some(Vec::new()));
        let held = Plan { set_level: false, ..plan.clone() };
        let offer = weigh(&afterwrite("off"), false, &held).ok();
        let expected = Some((Level::Bounded, 0));
        assert_eq!(offer.map(|offer| (offer.level, offer.greeting.len())), expected);
    }
}
