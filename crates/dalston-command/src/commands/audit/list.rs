use crate::{Command, CommandAnswer, CommandContext, Document, Effect, HttpRoute, Method, Span, page};
use dalston_auth::rights;
use dalston_model::{Action, Actor, Cursor, KeyAction, Page, PageLimit, Start, Timestamp};
use dalston_service::{AuditFilter, AuditView, PartyView, ServiceError, ServiceResult};
use dalston_work::WorkAction;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;

/// List the audit records of your tenant, newest first.
///
/// A record names the action, the actor, the door (interface) and the address. Platform callers see all tenants.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct List {
    #[expect(clippy::doc_markdown, reason = "help shows it as it stands")]
    /// Actor: the id of a key, chat_admin: and the id of a user, or master, operator, gateway.
    #[schemars(length(max = 100))]
    actor: Option<String>,
    /// Action.
    #[schemars(with = "Option<ActionSchema>")]
    action: Option<String>,
    /// Earliest time, inclusive: RFC 3339 with a time zone.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    since: Option<Timestamp>,
    /// Latest time, exclusive: RFC 3339 with a time zone.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    until: Option<Timestamp>,
    /// Maximum number of items, 1 to 100; 20 by default.
    #[serde(default, deserialize_with = "page::limit")]
    #[schemars(with = "Option<u32>", range(min = 1, max = 100))]
    limit: Option<PageLimit>,
    /// Start of the page: the cursor that the previous page returned. The first page by default.
    #[schemars(length(max = 100))]
    cursor: Option<String>,
}

/// Returns all actions that an audit record may have.
fn actions() -> impl Iterator<Item = Action> {
    KeyAction::ALL.iter().chain(WorkAction::ALL).copied()
}

/// JSON Schema of an action.
struct ActionSchema;

impl JsonSchema for ActionSchema {
    fn schema_name() -> Cow<'static, str> {
        "Action".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = actions().map(Action::as_str).collect();
        json_schema!({"type": "string", "enum": names})
    }
}

impl Command for List {
    type Right = rights::Admin;
    type Output = Vec<AuditView>;

    const NAME: &'static str = "audit.list";
    const TOOL: &'static str = "list_audit";
    const EFFECT: Effect = Effect::Read;
    const ROUTE: HttpRoute = HttpRoute::new(Method::Get, "/v1/audit");
    const COLUMNS: &'static [&'static str] = &["seq", "time", "actor", "door", "action", "target", "address"];
    const EXAMPLE: &'static str = "action=key.revoked limit=50";

    fn render(records: &Vec<AuditView>, _: Timestamp) -> Document {
        let cells = |record: &AuditView| {
            let (seq, time) = (record.seq.to_string(), record.time.to_string());
            let (actor, target) = (named(&record.actor), named(&record.target));
            let address = record.address.as_deref().unwrap_or_default();
            let cells = [&seq, &time, &actor, record.door.as_str(), &record.action, &target, address];
            cells.map(|cell| vec![Span::plain(cell)]).into()
        };
        Document::table(Self::COLUMNS, records.iter().map(cells).collect())
    }

    async fn run(self, context: CommandContext<'_, Self::Right>) -> ServiceResult<CommandAnswer<Self::Output>> {
        let actor = self.actor.map(|actor| actor.parse::<Actor>()).transpose();
        let action = self.action.map(|name| actions().find(|action| action.as_str() == name).ok_or(())).transpose();
        let filter = AuditFilter {
            actor: actor
                .map_err(|_| ServiceError::invalid("actor", "must be an actor: a key's id, master, operator"))?,
            action: action.map_err(|()| ServiceError::invalid("action", "must be an action: key.revoked"))?,
            since: self.since,
            until: self.until,
            before: before(self.cursor.as_deref())?,
            limit: self.limit.unwrap_or_default(),
        };
        let page = context.services.audits.list(&context.permit, &filter).await?;
        let before = |seq: &u64| Cursor::of(Timestamp::from_secs(0), seq);
        let page = Page { items: page.records, next: page.next.as_ref().map(before) };
        Ok(CommandAnswer::list(page, |record| before(&record.seq)))
    }
}

/// Formats an actor or target by kind and id: `key:0192…`, `operator`.
fn named(party: &PartyView) -> String {
    party.id.as_ref().map_or_else(|| party.kind.clone(), |id| format!("{}:{id}", party.kind))
}

/// Returns the sequence number in a cursor. It is the only order of audit records.
fn before(cursor: Option<&str>) -> ServiceResult<Option<u64>> {
    match page::request(None, cursor, None)?.start {
        Start::After(cursor) => {
            cursor.id.parse().map(Some).map_err(|_| ServiceError::Malformed("The cursor does not belong to this list"))
        }
        Start::Newest | Start::Offset(_) => Ok(None),
    }
}
