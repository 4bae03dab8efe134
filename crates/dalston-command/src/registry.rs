//! Registry of commands, and the single function that authorizes and runs them.

use crate::{
    AnyAnswer, Arguments, Command, CommandAnswer, CommandSpec,
    command::CommandCall,
    commands::{audit, help, jobs, keys, nudge, status, tenants, tickets, usage, webhooks, whoami, workers},
};
use dalston_auth::{Admission, Caller, IdempotentRequest};
use dalston_model::{KnownScopes, Principal, ScopeSet};
use dalston_service::{ServiceError, ServiceResult, Services};
use std::sync::Arc;

/// The registry of all commands.
pub struct Registry {
    rows: Vec<Arc<CommandSpec>>,
}

impl Registry {
    /// Returns the registry with the built-in commands.
    pub fn new() -> Self {
        Self {
            rows: vec![
                row::<help::Help>(),
                row::<status::ShowStatus>(),
                row::<whoami::Whoami>(),
                row::<keys::create::Create>(),
                row::<keys::list::List>(),
                row::<keys::get::Get>(),
                row::<keys::update::Update>(),
                row::<keys::rotate::Rotate>(),
                row::<keys::revoke::Revoke>(),
                row::<keys::usage::ShowKeyUsage>(),
                row::<keys::quota::SetQuota>(),
                row::<tenants::create::Create>(),
                row::<tenants::list::List>(),
                row::<tenants::update::Update>(),
                row::<tenants::quota::SetQuota>(),
                row::<usage::ShowTenantUsage>(),
                row::<audit::list::List>(),
                row::<audit::verify::Verify>(),
                row::<jobs::list::List>(),
                row::<jobs::get::Get>(),
                row::<jobs::cancel::Cancel>(),
                row::<tickets::create::Create>(),
                row::<workers::register::Register>(),
                row::<workers::list::List>(),
                row::<workers::remove::Remove>(),
                row::<webhooks::create::Create>(),
                row::<webhooks::list::List>(),
                row::<webhooks::get::Get>(),
                row::<webhooks::update::Update>(),
                row::<webhooks::rotate::Rotate>(),
                row::<webhooks::delete::Delete>(),
                row::<webhooks::deliveries::Deliveries>(),
                row::<webhooks::retry::Retry>(),
                row::<nudge::Nudge>(),
            ],
        }
    }

    /// Adds a command, for programs that embed the registry and have commands of their own.
    #[must_use]
    pub fn with<C: Command>(mut self) -> Self {
        self.rows.push(row::<C>());
        self
    }

    /// Returns the same registry, with schemas that list these scopes.
    #[must_use]
    pub fn knowing(&self, known: &KnownScopes) -> Self {
        Self { rows: self.rows.iter().map(|row| Arc::new(row.knowing(known))).collect() }
    }

    /// Returns all commands, in display order.
    pub fn rows(&self) -> &[Arc<CommandSpec>] {
        &self.rows
    }

    /// Returns the commands that a caller with these scopes may use.
    pub fn of(&self, scopes: ScopeSet) -> impl Iterator<Item = &CommandSpec> {
        self.rows.iter().map(AsRef::as_ref).filter(move |row: &&CommandSpec| row.requirement.is_met_by(scopes))
    }

    /// Returns the answer of `help` for a principal without a key. Needs only the registry, no services.
    pub fn help(&self, principal: &Principal) -> ServiceResult<AnyAnswer> {
        let help = help::HelpView::new(self, principal, &help::Who::keyless(principal));
        AnyAnswer::of::<help::Help>(CommandAnswer::new(help))
    }

    /// Returns the command with this tool name.
    pub fn tool(&self, name: &str) -> Option<&Arc<CommandSpec>> {
        self.rows.iter().find(|row| row.tool == name)
    }

    /// Returns the command with this name.
    pub fn row(&self, name: &str) -> Option<&Arc<CommandSpec>> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Checks whether a command would run for the caller: its permission and its arguments. Runs nothing.
    pub fn check(
        &self,
        services: &Services,
        caller: &Caller,
        row: &CommandSpec,
        arguments: Arguments,
    ) -> ServiceResult<()> {
        caller.authorize(row.requirement).inspect_err(|_| services.gate.count_insufficient_scope(caller))?;
        row.check(services, arguments)
    }

    /// Runs the command with this name for the caller.
    pub async fn invoke(
        &self,
        services: &Services,
        caller: &Caller,
        name: &str,
        arguments: Arguments,
        repeat: Option<IdempotentRequest>,
    ) -> ServiceResult<AnyAnswer> {
        let row = self.row(name).ok_or(ServiceError::NotFound("Command"))?;
        self.run(services, caller.clone().into(), row, arguments, repeat).await
    }

    /// Runs a command of this registry. Authorizes the caller, unless a guard has done so, parses the arguments, runs
    /// the command and returns its answer. Every door calls this function.
    pub async fn run(
        &self,
        services: &Services,
        admission: Admission,
        row: &CommandSpec,
        arguments: Arguments,
        repeat: Option<IdempotentRequest>,
    ) -> ServiceResult<AnyAnswer> {
        row.run(CommandCall { registry: self, services, admission, repeat }, arguments).await
    }
}

fn row<C: Command>() -> Arc<CommandSpec> {
    Arc::new(CommandSpec::of::<C>(&KnownScopes::default()))
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
