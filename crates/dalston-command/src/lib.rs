//! The one registry: every command, its help, its schema, its answer.
//!
//! A command is one file in `commands` and one line in the table. Its doc comments are its help at every door, its
//! type is its schema, its `NEED` is the scope it asks for, and its `EFFECT` is where "ask before running" comes from.
//! Its [`CommandOutput`] is a struct: the JSON of every door, the schema of that JSON, and what is rendered for people, by the
//! command line also when a gateway answered.

mod answer;
mod arguments;
mod command;
mod commands;
mod document;
mod slash_parser;
mod humanize;
mod output;
mod page;
mod registry;
mod routes;
mod schema;

pub use answer::{CommandAnswer, AnyAnswer};
pub use arguments::{Arguments, coerce, read_object, shown_name, unknown_field};
pub use command::{Command, CommandContext, Effect, HttpRoute, Method, Parameter, CommandSpec, ShapeError};
pub use document::{Block, Document, TextLine, Span, Style, exact, fields, shown, shown_json, text};
pub use slash_parser::split;
pub use output::CommandOutput;
pub use registry::Registry;
pub use routes::{DATA_ROUTES, DataRoute, Handler};
