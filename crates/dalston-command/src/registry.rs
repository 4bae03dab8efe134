//! The table of commands, and the one way to run one.

use crate::{
    Answer, Arguments, Context, Row,
    commands::{help, jobs, keys, status, tenants, whoami},
};
use dalston_auth::Caller;
use dalston_service::{Repeat, ServiceError, ServiceResult, Services};

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
                Row::of::<tenants::create::Create>(),
                Row::of::<tenants::list::List>(),
                Row::of::<jobs::list::List>(),
                Row::of::<jobs::get::Get>(),
                Row::of::<jobs::cancel::Cancel>(),
            ],
        }
    }

    /// Every command, in the order of display.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The command of this name.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// Runs a command for a caller: asks for the permit, reads the arguments, runs, answers. Every door comes here.
    pub async fn invoke(
        &self,
        services: &Services,
        caller: &Caller,
        name: &str,
        arguments: Arguments,
        repeat: Option<Repeat>,
    ) -> ServiceResult<Answer> {
        let row = self.row(name).ok_or(ServiceError::NotFound("Command"))?;
        let permit = caller.permit(row.need)?;
        row.run(Context { registry: self, services, permit, repeat }, arguments).await
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}
