//! Command-line parser: subcommands from the registry, flags from the settings.

use crate::{cli_error::CliError, style::OutputStyle, terminal::Terminal};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::{Shell, generate};
use dalston_command::{Arguments, CommandSpec, Parameter, Registry, coerce};
use dalston_model::{Name, TenantId};
use dalston_runtime::{SERVER, SETTINGS, SettingRow};
use std::{
    env,
    io::{self, IsTerminal},
};

const CREATE_ADMIN_KEY: &str = "create-admin-key";
const COMPLETIONS: &str = "completions";
const HELP: &str = "help";

/// The parsed command line.
pub(crate) struct ParsedArgs(ArgMatches);

impl ParsedArgs {
    /// Parses the command line of the process.
    pub(crate) fn read(registry: &Registry) -> Result<Self, clap::Error> {
        let tree = || tree(registry).term_width(Terminal::help_width());
        let given = Self(tree().try_get_matches()?);
        // `help keys create` is `keys create --help`.
        match given.0.subcommand_matches(HELP).and_then(|help| help.get_many::<String>("command")) {
            Some(words) => {
                let line = ["dalston"].into_iter().chain(words.map(String::as_str)).chain(["--help"]);
                tree().try_get_matches_from(line).map(Self)
            }
            None => Ok(given),
        }
    }

    /// Returns whether the command is `help`.
    pub(crate) fn is_help(&self) -> bool {
        self.0.subcommand_name() == Some(HELP)
    }

    /// Returns the command and its arguments.
    pub(crate) fn command<'a>(&self, registry: &'a Registry) -> Result<(&'a CommandSpec, Arguments), CliError> {
        let (words, matches) = self.innermost();
        let row = registry.row(&words.join(".")).ok_or_else(|| CliError::usage("no such command"))?;
        let given = row.parameters.iter().filter_map(|parameter| {
            let text = typed(matches, parameter)?;
            Some((parameter.name.clone(), coerce(&parameter.schema, &text)))
        });
        Ok((row, given.collect()))
    }

    /// Returns the shell for which completions are requested.
    pub(crate) fn completions(&self) -> Option<Shell> {
        self.0.subcommand_matches(COMPLETIONS)?.get_one("shell").copied()
    }

    /// Returns whether the command is `create-admin-key`, the only one that creates a missing store.
    pub(crate) fn is_create_admin_key(&self) -> bool {
        self.0.subcommand_name() == Some(CREATE_ADMIN_KEY)
    }

    /// Returns the name and the scope of the admin key to create, if the command is `create-admin-key`.
    pub(crate) fn admin_key(&self) -> Result<Option<(Name, &'static str)>, CliError> {
        let Some(matches) = self.0.subcommand_matches(CREATE_ADMIN_KEY) else { return Ok(None) };
        let name = matches.get_one::<String>("name").map_or("", String::as_str);
        let name = name.parse().map_err(|error| CliError::usage(format!("--name {error}")))?;
        Ok(Some((name, if matches.get_flag("platform") { "platform" } else { "admin" })))
    }

    /// Returns the tenant to work in, if given.
    pub(crate) fn tenant(&self) -> Result<Option<TenantId>, CliError> {
        let wrong = |_| CliError::usage("--tenant must begin with a letter or digit and hold only a-z, 0-9, _ and -");
        self.option("tenant").map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// Returns the options that select the same server and tenant, as given on the command line.
    pub(crate) fn place(&self) -> Result<String, CliError> {
        let server = self.option(SERVER.variable()).map(|server| format!(" --server {server}"));
        let tenant = self.tenant()?.map(|tenant| format!(" --tenant {tenant}"));
        Ok([server, tenant].into_iter().flatten().collect())
    }

    /// Returns the URL of the gateway to use, if given. A store given on the command line takes precedence over the
    /// environment variable.
    pub(crate) fn server(&self) -> Result<Option<String>, CliError> {
        let named = ["DALSTON_STORE", "redis-url"].iter().any(|name| self.option(name).is_some());
        match self.option(SERVER.variable()) {
            Some(_) if named => Err(CliError::usage("--server cannot be combined with --store or --redis-url")),
            None if named => Ok(None),
            _ => self.given(&SERVER),
        }
    }

    /// Returns the value of a setting of the command line itself, from a flag, a variable or a file.
    pub(crate) fn given(&self, setting: &SettingRow) -> Result<Option<String>, CliError> {
        let value = setting.value(&|name| self.setting(name)).map_err(CliError::usage)?;
        Ok(value.map(|value| value.text))
    }

    /// Returns a text option, at whatever position of the command line.
    pub(crate) fn option(&self, name: &str) -> Option<String> {
        let (_, matches) = self.innermost();
        matches.try_get_one::<String>(name).ok().flatten().cloned()
    }

    /// Returns the value of a variable, from the flag of its name or from the environment.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let redis = (name == "DALSTON_STORE").then(|| self.option("redis-url")).flatten();
        redis.or_else(|| self.option(name)).or_else(|| variable(name))
    }

    /// Whether to skip the confirmation (`--yes`).
    pub(crate) fn says_yes(&self) -> bool {
        self.flag("yes")
    }

    /// Returns the output style.
    pub(crate) fn style(&self) -> OutputStyle {
        match (self.flag("json"), self.flag("quiet"), io::stdout().is_terminal()) {
            (true, _, _) => OutputStyle::Json,
            (_, true, _) => OutputStyle::Quiet,
            (_, _, true) => {
                OutputStyle::Terminal(Terminal::here(variable("NO_COLOR").is_none_or(|value| value.is_empty())))
            }
            _ => OutputStyle::Plain,
        }
    }

    fn flag(&self, name: &str) -> bool {
        self.innermost().1.get_flag(name)
    }

    /// Returns the words of the command, and the matches of its innermost subcommand.
    fn innermost(&self) -> (Vec<&str>, &ArgMatches) {
        let (mut words, mut matches) = (Vec::new(), &self.0);
        while let Some((word, inner)) = matches.subcommand() {
            words.push(word);
            matches = inner;
        }
        (words, matches)
    }
}

/// Returns an environment variable. A value that is not UTF-8 is returned lossily converted, so that it is rejected and
/// not ignored.
fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the one place where the CLI reads the environment")]
    let value = env::var_os(name);
    value.map(|value| value.to_string_lossy().into_owned())
}

/// Returns the names of all environment variables.
pub(crate) fn variables() -> impl Iterator<Item = String> {
    #[expect(clippy::disallowed_methods, reason = "and their names")]
    let variables = env::vars_os();
    variables.map(|(name, _)| name.to_string_lossy().into_owned())
}

/// Returns the completion script for a shell.
pub(crate) fn completions(registry: &Registry, shell: Shell) -> Vec<u8> {
    let mut out = Vec::new();
    generate(shell, &mut tree(registry), "dalston", &mut out);
    out
}

/// Returns the clap command tree: the registry's commands, and those that only the command line has.
pub fn tree(registry: &Registry) -> Command {
    let mut root = Command::new("dalston")
        .about("API keys, tenants and jobs: on the store itself (--store), or on a running gateway (--server)")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(everywhere())
        .subcommand(create_admin_key())
        .subcommand(
            Command::new(COMPLETIONS)
                .about("Write the completions for a shell")
                .arg(Arg::new("shell").required(true).value_parser(value_parser!(Shell))),
        );
    for row in registry.rows() {
        root = match row.name.split_once('.') {
            None if row.name == HELP => root.subcommand(command(row, HELP).arg(help_on())),
            None => root.subcommand(command(row, row.name)),
            Some((noun, verb)) => {
                let group = root.find_subcommand(noun).cloned().unwrap_or_else(|| {
                    Command::new(noun)
                        .about(format!("Commands on {noun}"))
                        .subcommand_required(true)
                        .arg_required_else_help(true)
                });
                replace(root, group.subcommand(command(row, verb)))
            }
        };
    }
    root
}

/// Adds the subcommand, or replaces the one with the same name.
fn replace(root: Command, group: Command) -> Command {
    let name = group.get_name().to_owned();
    if root.find_subcommand(&name).is_some() { root.mut_subcommand(name, |_| group) } else { root.subcommand(group) }
}

/// Returns the clap command of a specification: an option for each parameter. A single required parameter may also be
/// given without its option name.
fn command(row: &CommandSpec, word: &'static str) -> Command {
    let options = row.parameters.iter().map(|parameter| {
        Arg::new(parameter.name.clone())
            .long(parameter.name.replace('_', "-"))
            .help(parameter.summary.clone())
            .value_name(parameter.name.to_uppercase())
            .num_args(if is_switch(parameter) { 0..=1 } else { 1..=1 })
            .require_equals(is_switch(parameter))
            .default_missing_value("true")
    });
    let mut command = Command::new(word).about(row.summary.clone()).args(options);
    if let Some(lone) = row.lone_parameter() {
        command = command.arg(
            Arg::new(alone(lone))
                .value_name(lone.name.to_uppercase())
                .help(lone.summary.clone())
                .conflicts_with(&lone.name),
        );
    }
    if row.example.is_empty() { command } else { command.after_help(format!("Example: {}", example(row))) }
}

/// Returns the example of a command, with its arguments as options.
fn example(row: &CommandSpec) -> String {
    let options = row.parameters.iter().fold(row.example.to_owned(), |text, parameter| {
        text.replace(&format!("{}=", parameter.name), &format!("--{} ", parameter.name.replace('_', "-")))
    });
    format!("dalston {} {options}", row.name.replace('.', " "))
}

/// Returns the argument of `help`: the words of a command.
fn help_on() -> Arg {
    Arg::new("command").num_args(0..).value_name("COMMAND").help("A command to explain, such as keys create")
}

fn create_admin_key() -> Command {
    Command::new(CREATE_ADMIN_KEY)
        .about("Create an admin key, and its tenant if it does not exist. Its secret is shown once")
        .arg(Arg::new("name").long("name").default_value("Admin").help("Display name"))
        .arg(
            Arg::new("platform")
                .long("platform")
                .action(ArgAction::SetTrue)
                .help("Grant the scope platform: all tenants, and their management"),
        )
        .arg(Arg::new("redis-url").long("redis-url").value_name("URL").help("The store, as --store"))
}

/// Returns the options of every command.
fn everywhere() -> impl Iterator<Item = Arg> {
    let settings = SETTINGS.iter().map(|it| {
        let help = format!("{} [{}]", it.meaning, it.variable());
        let shown = matches!(it.variable(), "DALSTON_STORE" | "DALSTON_DATA_DIR");
        let flag = Arg::new(it.variable()).long(it.flag()).help(help).value_name("VALUE").hide(!shown).global(true);
        // A switch may have no value: the word after it belongs to the command.
        let switch = it.default == "false";
        if switch { flag.num_args(0..=1).require_equals(true).default_missing_value("true") } else { flag }
    });
    let files = SETTINGS.iter().filter_map(|it| {
        let variable = it.file_variable(it.variable())?;
        let help = format!("A file that holds --{} [{variable}]", it.flag());
        let long = format!("{}-file", it.flag());
        Some(Arg::new(variable).long(long).help(help).value_name("PATH").hide(true).global(true))
    });
    let server = "A running gateway, with the key in DALSTON_API_KEY [DALSTON_SERVER]";
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help).global(true)
    };
    settings.chain(files).chain([
        Arg::new(SERVER.variable()).long("server").value_name("URL").help(server).global(true),
        Arg::new("tenant")
            .long("tenant")
            .value_name("T")
            .help("The tenant to work in, for platform callers")
            .global(true),
        flag("json", "Print JSON"),
        flag("quiet", "Print only the secret, or only ids").short('q'),
        flag("yes", "Skip the confirmation of irreversible commands").short('y'),
    ])
}

fn typed(matches: &ArgMatches, parameter: &Parameter) -> Option<String> {
    let alone = matches.try_get_one::<String>(&alone(parameter)).ok().flatten();
    alone.or_else(|| matches.get_one::<String>(&parameter.name)).cloned()
}

fn alone(parameter: &Parameter) -> String {
    format!("{} alone", parameter.name)
}

/// Returns whether `--name` without a value means true.
fn is_switch(parameter: &Parameter) -> bool {
    parameter.schema["type"] == "boolean"
}
