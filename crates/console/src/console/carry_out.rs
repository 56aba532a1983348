//! What each command does.

use afterwrite_wire::server::{self, Report};

use super::{Ask, Console, Outcome, Permission, What};
use crate::action::Action;
use crate::command::{Command, Meaning};
use crate::settings::{Columns, Known};
use crate::table::Table;
use crate::{help, is_admin_database, refusal, small_talk};

impl Console {
    /// Carries out a command, or asks the driver to.
    pub(super) fn begin(&mut self, command: &Command) -> Outcome {
        match &command.0 {
            Meaning::Show(show) if show.for_admins() && self.permission != Permission::Admin => {
                Outcome::Failed(refusal::admin_access_needed())
            }
            Meaning::Show(show) => self.ask(What::Show(*show)),
            Meaning::Help => {
                server::notice(&mut self.out, &help::notice());
                Outcome::Tag("SHOW".to_owned())
            }
            Meaning::Do(action) => match self.refuse(action) {
                Some(report) => Outcome::Failed(report),
                None => self.ask(What::Do(action.clone())),
            },
            Meaning::Setting(known) => {
                Outcome::Table(Table::of_text(known.name(), self.setting(*known)))
            }
            Meaning::ShownColumns => {
                Outcome::Table(Table::of_text(Columns::SETTING, self.columns.name()))
            }
            Meaning::Set(known, value) => {
                self.settings.set(*known, value.as_deref());
                Outcome::Tag("SET".to_owned())
            }
            Meaning::Reset(known) => {
                self.settings.set(*known, None);
                Outcome::Tag("RESET".to_owned())
            }
            Meaning::ResetColumns => {
                self.columns = Columns::default();
                Outcome::Tag("RESET".to_owned())
            }
            Meaning::SetColumns(columns) => {
                self.columns = *columns;
                Outcome::Tag("SET".to_owned())
            }
            Meaning::ResetAll(tag) => {
                self.settings.reset();
                if *tag == "DISCARD ALL" {
                    self.held.forget_statements();
                }
                Outcome::Tag((*tag).to_owned())
            }
            Meaning::Select(selected) => {
                let setting = |known| self.setting(known);
                Outcome::Table(small_talk::answer(selected, &self.user, setting))
            }
            Meaning::Begin(tag) => {
                self.in_transaction = true;
                Outcome::Tag((*tag).to_owned())
            }
            Meaning::End(tag) => {
                self.in_transaction = false;
                Outcome::Tag((*tag).to_owned())
            }
            Meaning::Habit(tag) => {
                if *tag == "DEALLOCATE ALL" {
                    self.held.forget_statements();
                }
                Outcome::Tag((*tag).to_owned())
            }
        }
    }

    fn ask(&mut self, what: What) -> Outcome {
        self.ask = Some(Ask { what, told: false });
        Outcome::Asked
    }

    /// Why an action is not even tried.
    fn refuse(&self, action: &Action) -> Option<Report> {
        if self.permission != Permission::Admin {
            return Some(refusal::admin_access_needed());
        }
        let (verb, name) = action.database()?;
        is_admin_database(name).then(|| refusal::admin_database(verb, name))
    }

    fn setting(&self, known: Known) -> String {
        let value = self.settings.get(known);
        if value.is_empty() && known.name() == "session_authorization" {
            return self.user.clone();
        }
        value.to_owned()
    }
}
