//! The table of commands, and the one way to run one.

use crate::{
    Answer, AnyAnswer, Arguments, Command, Row,
    command::Call,
    commands::{audit, help, jobs, keys, nudge, status, tenants, tickets, usage, webhooks, whoami, workers},
};
use dalston_auth::{Admission, Caller, Repeat};
use dalston_model::{Principal, ScopeSet};
use dalston_service::{ServiceError, ServiceResult, Services};

/// All commands.
pub struct Registry {
    rows: Vec<Row>,
}

impl Registry {
    /// The table.
    pub fn new() -> Self {
        Self {
            rows: vec![
                Row::of::<help::Help>(),
                Row::of::<status::Status>(),
                Row::of::<whoami::Whoami>(),
                Row::of::<keys::create::Create>(),
                Row::of::<keys::list::List>(),
                Row::of::<keys::get::Get>(),
                Row::of::<keys::update::Update>(),
                Row::of::<keys::rotate::Rotate>(),
                Row::of::<keys::revoke::Revoke>(),
                Row::of::<keys::usage::Usage>(),
                Row::of::<keys::quota::SetQuota>(),
                Row::of::<tenants::create::Create>(),
                Row::of::<tenants::list::List>(),
                Row::of::<tenants::update::Update>(),
                Row::of::<tenants::quota::SetQuota>(),
                Row::of::<usage::Usage>(),
                Row::of::<audit::list::List>(),
                Row::of::<audit::verify::Verify>(),
                Row::of::<jobs::list::List>(),
                Row::of::<jobs::get::Get>(),
                Row::of::<jobs::cancel::Cancel>(),
                Row::of::<tickets::create::Create>(),
                Row::of::<workers::register::Register>(),
                Row::of::<workers::list::List>(),
                Row::of::<workers::remove::Remove>(),
                Row::of::<webhooks::create::Create>(),
                Row::of::<webhooks::list::List>(),
                Row::of::<webhooks::get::Get>(),
                Row::of::<webhooks::update::Update>(),
                Row::of::<webhooks::rotate::Rotate>(),
                Row::of::<webhooks::delete::Delete>(),
                Row::of::<webhooks::deliveries::Deliveries>(),
                Row::of::<webhooks::retry::Retry>(),
                Row::of::<nudge::Nudge>(),
            ],
        }
    }

    /// The table with one more command: whoever embeds the registry has some of their own.
    #[must_use]
    pub fn with<C: Command>(mut self) -> Self {
        self.rows.push(Row::of::<C>());
        self
    }

    /// Every command, in the order of display.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The commands that a caller with these scopes may use.
    pub fn of(&self, scopes: ScopeSet) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.need.is_met_by(scopes))
    }

    /// What `help` answers a principal that is no key: it takes the table alone.
    pub fn help(&self, principal: &Principal) -> ServiceResult<AnyAnswer> {
        let help = help::HelpView::new(self, principal, principal.actor.kind(), None);
        AnyAnswer::of::<help::Help>(Answer::new(help))
    }

    /// The command with this name as a tool.
    pub fn tool(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.tool == name)
    }

    /// Where the command of this name stands among the rows.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.rows.iter().position(|row| row.name == name)
    }

    /// The command of this name.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Whether a command would run for a caller, as far as rights and the shape of its arguments go. Runs nothing.
    pub fn check(&self, services: &Services, caller: &Caller, row: &Row, arguments: Arguments) -> ServiceResult<()> {
        caller.authorize(row.need).inspect_err(|_| services.gate.refused_behind(caller))?;
        row.check(arguments)
    }

    /// Runs the command of this name for a caller.
    pub async fn invoke(
        &self,
        services: &Services,
        caller: &Caller,
        name: &str,
        arguments: Arguments,
        repeat: Option<Repeat>,
    ) -> ServiceResult<AnyAnswer> {
        let row = self.row(name).ok_or(ServiceError::NotFound("Command"))?;
        self.run(services, caller.clone().into(), row, arguments, repeat).await
    }

    /// Runs a command of this table: authorizes the caller, unless a guard has done so, reads the arguments, runs,
    /// answers. Every door comes here.
    pub async fn run(
        &self,
        services: &Services,
        admission: Admission,
        row: &Row,
        arguments: Arguments,
        repeat: Option<Repeat>,
    ) -> ServiceResult<AnyAnswer> {
        row.run(Call { registry: self, services, admission, repeat }, arguments).await
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_column_is_a_field_of_what_is_listed() {
        for row in Registry::new().rows() {
            for column in row.columns {
                assert!(row.output["items"]["properties"].get(column).is_some(), "{}: {column}", row.name);
            }
        }
    }
}
