//! Status report for people. It uses symbols and bars, so that it is readable without colour.

use crate::{
    Block, Document, Span, Style, TextLine,
    humanize::{about, ago, bar, grouped, mebibytes, milliseconds, percent, span},
    text,
};
use dalston_model::Timestamp;
use dalston_service::{
    AdminReport, CacheReport, ChatState, FeedReport, KeysReport, Report, Requests, StoreReport, WebhooksReport,
    WorkersReport,
};
use serde_json::Value;
use std::time::Duration;

/// Number of characters of a commit hash that identify it.
const COMMIT: usize = 12;

/// Renders a report.
pub(super) fn draw(report: &Report) -> Document {
    let heading = |title: &str| Block::Heading(vec![Span::new(Style::Strong, title)]);
    let mut blocks = vec![Block::Heading(head(report)), Block::Fields(named(everyone(report)))];
    if let Some(admin) = &report.admin {
        blocks.extend([heading("For administrators"), Block::Fields(named(administrators(admin, report.time)))]);
        let settings = admin.settings.iter().map(|(name, value)| (name.clone(), vec![setting(value)]));
        blocks.extend([heading("Settings"), Block::Fields(settings.collect())]);
    }
    Document { blocks }
}

/// Drops the fields without a value.
fn named(fields: Vec<(&str, Option<TextLine>)>) -> Vec<(String, TextLine)> {
    fields.into_iter().filter_map(|(name, line)| Some((name.to_owned(), line?))).collect()
}

fn head(report: &Report) -> TextLine {
    let (tone, symbol) = if report.status == "healthy" { (Style::Good, "●") } else { (Style::Warning, "▲") };
    let since = match report.uptime_seconds {
        Some(seconds) => format!("up {}", span(Duration::from_secs(seconds))),
        None if report.source == Report::STORE => "the store itself: no gateway was asked".to_owned(),
        None => String::new(),
    };
    vec![
        Span::new(tone, &format!("{symbol} {}", report.status)),
        Span::plain("  "),
        Span::new(Style::Strong, &format!("Dalston {}", report.version)),
        Span::plain(&format!("  {since}")),
    ]
}

fn everyone(report: &Report) -> Vec<(&'static str, Option<TextLine>)> {
    let components = report.components.iter().map(|(name, state)| mark(state == "ok", name));
    let jobs = report.jobs.map(|jobs| {
        let counts = [(jobs.pending, "pending"), (jobs.running, "running"), (jobs.cancelling, "cancelling")];
        counts.map(|(count, what)| counted(count, what, Style::Plain)).to_vec()
    });
    let streams = report.streams.map(|open| vec![Span::plain(&format!("{open} open"))]);
    let is_node = report.source != Report::STORE;
    vec![
        ("components", Some(joined(components.collect()))),
        ("requests", report.requests.map(requests)),
        ("jobs", Some(known(jobs.map(joined)))),
        ("streams", is_node.then(|| known(streams))),
        ("started", report.started_at.map(|at| vec![Span::plain(&at.to_string())])),
        ("measured", Some(vec![Span::plain(&report.time.to_string())])),
    ]
}

fn requests(requests: Requests) -> TextLine {
    let Requests { total, refused } = requests;
    let tone = if refused == 0 { Style::Plain } else { Style::Warning };
    let share = format!("{} {} refused, {}", bar(refused, total), grouped(refused), percent(refused, total));
    vec![Span::plain(&format!("{}  ", grouped(total))), Span::new(tone, &share)]
}

fn administrators(admin: &AdminReport, time: Timestamp) -> Vec<(&'static str, Option<TextLine>)> {
    let plain = |text: String| vec![Span::plain(&text)];
    let active = admin.active_callers.map(|it| {
        plain(format!("{} in the last hour, {} in the last day", grouped(it.last_hour), grouped(it.last_day)))
    });
    let limiter = admin.limiter.as_ref().map(|mode| {
        let tone = if mode == "degraded" { Style::Warning } else { Style::Plain };
        let nodes = admin.limiter_nodes.filter(|nodes| *nodes > 1).map(|nodes| format!(", {nodes} nodes"));
        vec![Span::new(tone, &format!("{mode}{}", nodes.unwrap_or_default()))]
    });
    let commit = admin.commit.as_ref().map(|it| it.chars().take(COMMIT).collect::<String>());
    let pool = admin.store.pool.map(|pool| {
        let used = pool.open.saturating_sub(pool.idle);
        let bar = bar(used.into(), pool.max.into());
        plain(format!("{bar} {used} of {} in use, {} open", pool.max, pool.open))
    });
    let commit = commit.map(|commit| vec![Span::new(Style::Code, &commit)]);
    vec![
        ("memory", admin.process.map(|it| known(it.resident_bytes.map(|bytes| plain(mebibytes(bytes)))))),
        ("processor", admin.process.map(|it| known(it.cpu_seconds.map(|seconds| plain(format!("{seconds:.2} s")))))),
        ("store", Some(store(&admin.store))),
        ("pool", Some(known(pool))),
        ("cache", admin.cache.as_ref().map(cache)),
        ("feed", admin.feed.as_ref().map(|it| feed(it, time))),
        ("keys", Some(known(admin.keys.map(keys)))),
        ("tenants", Some(known(admin.tenants.map(|count| plain(grouped(count)))))),
        ("workers", Some(known(admin.workers.as_ref().map(workers)))),
        ("limiter", limiter),
        ("webhooks", Some(known(admin.webhook.map(|it| webhooks(it, time))))),
        ("telegram", Some(known(admin.telegram.as_ref().map(|chat| telegram(chat, time))))),
        ("active keys", Some(known(active))),
        ("commit", Some(known(commit))),
    ]
}

fn store(store: &StoreReport) -> TextLine {
    let mut line = vec![Span::plain(&store.kind), Span::plain(", ")];
    match store.latency_micros {
        Some(micros) => line.push(Span::plain(&format!("answers in {}", milliseconds(micros)))),
        None => line.push(Span::new(Style::Bad, "✘ does not answer")),
    }
    line
}

fn cache(cache: &CacheReport) -> TextLine {
    let mut line = vec![Span::plain(&format!("{} keys", grouped(u64::try_from(cache.keys).unwrap_or(u64::MAX))))];
    if let Some(rate) = cache.hit_rate {
        line.push(Span::plain(&format!(", {:.1} % from memory", rate * 100.0)));
    }
    line.extend(cache.age_millis.map(|age| Span::plain(&format!(", changes known up to {age} ms ago"))));
    line
}

fn feed(feed: &FeedReport, time: Timestamp) -> TextLine {
    let Some(state) = &feed.state else { return unknown() };
    let mut line = vec![mark(state == "ok", state), Span::plain(&format!(", change {}", grouped(feed.seq)))];
    line.extend(feed.read_at.map(|at| Span::plain(&format!(", read {}", ago(at, time)))));
    line
}

fn keys(keys: KeysReport) -> TextLine {
    joined(vec![
        counted(keys.active, "active", Style::Plain),
        counted(keys.revoked, "revoked", Style::Plain),
        counted(keys.expiring, &format!("expiring within {}", about(KeysReport::SOON)), Style::Warning),
        counted(keys.unused, &format!("unused for {}", about(KeysReport::IDLE)), Style::Warning),
    ])
}

fn workers(workers: &WorkersReport) -> TextLine {
    let load = |name: &str, sessions: u64, capacity: u64| {
        let tone = if sessions >= capacity { Style::Warning } else { Style::Plain };
        Span::new(tone, &format!("{name} {sessions} of {capacity}"))
    };
    let own =
        (workers.own_capacity > 0).then(|| load("built-in", workers.own_streams as u64, workers.own_capacity as u64));
    let registered = workers.registered.iter().map(|it| load(&it.id, it.sessions.into(), it.capacity.into()));
    let all: Vec<Span> = own.into_iter().chain(registered).collect();
    if all.is_empty() { vec![Span::new(Style::Warning, "none")] } else { joined(all) }
}

fn webhooks(webhooks: WebhooksReport, time: Timestamp) -> TextLine {
    let last = webhooks.last_success_at.map(|at| Span::plain(&format!("last delivery {}", ago(at, time))));
    let counts = [
        counted(webhooks.enabled, "on", Style::Plain),
        counted(webhooks.disabled, "off", Style::Plain),
        counted(webhooks.failed, "of them because deliveries failed", Style::Warning),
    ];
    joined(counts.into_iter().chain(last).collect())
}

fn telegram(chat: &ChatState, time: Timestamp) -> TextLine {
    let reachable = match chat.reachable {
        Some(reached) => mark(reached, if reached { "reachable" } else { "not reachable" }),
        None => Span::new(Style::Faint, "not called yet"),
    };
    let polling = match chat.polling {
        Some(false) => Span::plain("another node polls"),
        Some(true) | None => Span::plain(&format!("updates by {}", chat.updates)),
    };
    let bot = chat.bot.iter().map(|bot| Span::plain(&format!("@{bot}")));
    let last = chat.last_update_at.iter().map(|at| Span::plain(&format!("last update {}", ago(*at, time))));
    joined([reachable].into_iter().chain(bot).chain([polling]).chain(last).collect())
}

/// Formats ✔ or ✘ with the name of the item.
fn mark(good: bool, what: &str) -> Span {
    if good { Span::new(Style::Good, &format!("✔ {what}")) } else { Span::new(Style::Bad, &format!("✘ {what}")) }
}

/// Formats a count of items. A count of 0 gets no style.
fn counted(count: u64, what: &str, tone: Style) -> Span {
    Span::new(if count == 0 { Style::Plain } else { tone }, &format!("{} {what}", grouped(count)))
}

/// Joins the spans with commas.
fn joined(spans: Vec<Span>) -> TextLine {
    let comma = |(index, span)| (index > 0).then(|| Span::plain(", ")).into_iter().chain([span]);
    spans.into_iter().enumerate().flat_map(comma).collect()
}

/// Returns the line, or a placeholder when the value was not measured.
fn known(line: Option<TextLine>) -> TextLine {
    line.unwrap_or_else(unknown)
}

fn unknown() -> TextLine {
    vec![Span::new(Style::Faint, "not known")]
}

fn setting(value: &Value) -> Span {
    let text = text(value);
    Span::new(Style::Faint, if text.is_empty() { "not set" } else { &text })
}
