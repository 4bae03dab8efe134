//! The command registry: every command with its help, its schema and its answer.
//!
//! A command is one file in `commands` and one line in the table. Its doc comments are its help at every door, its type
//! is its schema, its `Right` is the required permission, and its `EFFECT` decides whether doors ask for confirmation.
//! Its [`CommandOutput`] is a struct: it defines the JSON of every door, the schema of that JSON, and the rendering for
//! people, which the command line also uses for the answers of a gateway.

mod answer;
mod arguments;
mod command;
mod commands;
mod document;
mod humanize;
mod output;
mod page;
mod registry;
mod routes;
mod schema;
mod slash_parser;

pub use answer::{AnyAnswer, CommandAnswer};
pub use arguments::{Arguments, coerce, read_object, shown_name, unknown_field};
pub use command::{Command, CommandContext, CommandSpec, Effect, HttpRoute, Method, Parameter, ShapeError};
pub use document::{Block, Document, Span, Style, TextLine, exact, fields, shown, shown_json, text};
pub use output::CommandOutput;
pub use registry::Registry;
pub use routes::{DATA_ROUTES, DataRoute, Handler};
pub use slash_parser::split;
