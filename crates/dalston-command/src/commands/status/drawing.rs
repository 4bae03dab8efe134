//! The report for people: symbols and bars, so that it reads without colour too.

use crate::{
    Block, Drawing, Line, Span, Tone,
    measure::{about, ago, bar, grouped, mebibytes, milliseconds, percent, span},
    text,
};
use dalston_model::Timestamp;
use dalston_service::{
    AdminReport, CacheReport, ChatState, FeedReport, KeysReport, Report, StoreReport, WebhooksReport, WorkersReport,
};
use serde_json::Value;
use std::time::Duration;

/// So much of a commit tells it from all others.
const COMMIT: usize = 12;

/// Draws a report.
pub(super) fn draw(report: &Report) -> Drawing {
    let heading = |title: &str| Block::Heading(vec![Span::new(Tone::Strong, title)]);
    let mut blocks = vec![Block::Heading(head(report)), Block::Fields(named(everyone(report)))];
    if let Some(admin) = &report.admin {
        blocks.extend([heading("For administrators"), Block::Fields(named(administrators(admin, report.time)))]);
        let settings = admin.settings.iter().map(|(name, value)| (name.clone(), vec![setting(value)]));
        blocks.extend([heading("Settings"), Block::Fields(settings.collect())]);
    }
    Drawing { blocks }
}

fn named(fields: Vec<(&str, Line)>) -> Vec<(String, Line)> {
    fields.into_iter().map(|(name, line)| (name.to_owned(), line)).collect()
}

fn head(report: &Report) -> Line {
    let (tone, symbol) = if report.status == "healthy" { (Tone::Good, "●") } else { (Tone::Warning, "▲") };
    let up = span(Duration::from_secs(report.uptime_seconds));
    vec![
        Span::new(tone, &format!("{symbol} {}", report.status)),
        Span::plain("  "),
        Span::new(Tone::Strong, &format!("Dalston {}", report.version)),
        Span::plain(&format!("  up {up}")),
    ]
}

fn everyone(report: &Report) -> Vec<(&'static str, Line)> {
    let components = report.components.iter().map(|(name, state)| mark(state == "ok", name));
    let jobs = report.jobs.map(|jobs| {
        let counts = [(jobs.pending, "pending"), (jobs.running, "running"), (jobs.cancelling, "cancelling")];
        counts.map(|(count, what)| counted(count, what, Tone::Plain)).to_vec()
    });
    let streams = report.streams.map(|open| vec![Span::plain(&format!("{open} open"))]);
    vec![
        ("components", joined(components.collect())),
        ("requests", requests(report)),
        ("jobs", known(jobs.map(joined))),
        ("streams", known(streams)),
        ("started", vec![Span::plain(&report.started_at.to_string())]),
        ("measured", vec![Span::plain(&report.time.to_string())]),
    ]
}

fn requests(report: &Report) -> Line {
    let (total, refused) = (report.requests.total, report.requests.refused);
    let tone = if refused == 0 { Tone::Plain } else { Tone::Warning };
    let share = format!("{} {} refused, {}", bar(refused, total), grouped(refused), percent(refused, total));
    vec![Span::plain(&format!("{}  ", grouped(total))), Span::new(tone, &share)]
}

fn administrators(admin: &AdminReport, time: Timestamp) -> Vec<(&'static str, Line)> {
    let plain = |text: String| vec![Span::plain(&text)];
    let active = admin.active_callers.map(|it| {
        plain(format!("{} in the last hour, {} in the last day", grouped(it.last_hour), grouped(it.last_day)))
    });
    let limiter = if admin.limiter == "degraded" { Tone::Warning } else { Tone::Plain };
    let mode = match admin.limiter_nodes {
        Some(nodes @ 2..) => format!("{}, {nodes} nodes", admin.limiter),
        _ => admin.limiter.clone(),
    };
    let commit = admin.commit.as_ref().map(|it| it.chars().take(COMMIT).collect::<String>());
    vec![
        ("memory", known(admin.process.resident_bytes.map(|bytes| plain(mebibytes(bytes))))),
        ("processor", known(admin.process.cpu_seconds.map(|seconds| plain(format!("{seconds:.2} s"))))),
        ("store", store(&admin.store)),
        (
            "pool",
            known(admin.store.pool.map(|pool| {
                let used = pool.open.saturating_sub(pool.idle);
                plain(format!(
                    "{} {used} of {} in use, {} open",
                    bar(used.into(), pool.max.into()),
                    pool.max,
                    pool.open
                ))
            })),
        ),
        ("cache", cache(&admin.cache)),
        ("feed", feed(&admin.feed, time)),
        ("keys", known(admin.keys.map(keys))),
        ("tenants", known(admin.tenants.map(|count| plain(grouped(count))))),
        ("workers", known(admin.workers.as_ref().map(workers))),
        ("limiter", vec![Span::new(limiter, &mode)]),
        ("webhooks", known(admin.webhook.map(|it| webhooks(it, time)))),
        ("telegram", known(admin.telegram.as_ref().map(|chat| telegram(chat, time)))),
        ("active keys", known(active)),
        ("commit", known(commit.map(|commit| vec![Span::new(Tone::Code, &commit)]))),
    ]
}

fn store(store: &StoreReport) -> Line {
    let mut line = vec![Span::plain(&store.kind), Span::plain(", ")];
    match store.latency_micros {
        Some(micros) => line.push(Span::plain(&format!("answers in {}", milliseconds(micros)))),
        None => line.push(Span::new(Tone::Bad, "✘ does not answer")),
    }
    line
}

fn cache(cache: &CacheReport) -> Line {
    let mut line = vec![Span::plain(&format!("{} keys", grouped(u64::try_from(cache.keys).unwrap_or(u64::MAX))))];
    if let Some(rate) = cache.hit_rate {
        line.push(Span::plain(&format!(", {:.1} % from memory", rate * 100.0)));
    }
    line.extend(cache.age_millis.map(|age| Span::plain(&format!(", changes known up to {age} ms ago"))));
    line
}

fn feed(feed: &FeedReport, time: Timestamp) -> Line {
    let Some(state) = &feed.state else { return unknown() };
    let mut line = vec![mark(state == "ok", state), Span::plain(&format!(", change {}", grouped(feed.seq)))];
    line.extend(feed.read_at.map(|at| Span::plain(&format!(", read {}", ago(at, time)))));
    line
}

fn keys(keys: KeysReport) -> Line {
    joined(vec![
        counted(keys.active, "active", Tone::Plain),
        counted(keys.revoked, "revoked", Tone::Plain),
        counted(keys.expiring, &format!("expiring within {}", about(KeysReport::SOON)), Tone::Warning),
        counted(keys.unused, &format!("unused for {}", about(KeysReport::IDLE)), Tone::Warning),
    ])
}

fn workers(workers: &WorkersReport) -> Line {
    let load = |name: &str, sessions: u64, capacity: u64| {
        let tone = if sessions >= capacity { Tone::Warning } else { Tone::Plain };
        Span::new(tone, &format!("{name} {sessions} of {capacity}"))
    };
    let own =
        (workers.own_capacity > 0).then(|| load("built-in", workers.own_streams as u64, workers.own_capacity as u64));
    let registered = workers.registered.iter().map(|it| load(&it.id, it.sessions.into(), it.capacity.into()));
    let all: Vec<Span> = own.into_iter().chain(registered).collect();
    if all.is_empty() { vec![Span::new(Tone::Warning, "none")] } else { joined(all) }
}

fn webhooks(webhooks: WebhooksReport, time: Timestamp) -> Line {
    let last = webhooks.last_success_at.map(|at| Span::plain(&format!("last delivery {}", ago(at, time))));
    let counts = [
        counted(webhooks.enabled, "on", Tone::Plain),
        counted(webhooks.disabled, "off", Tone::Plain),
        counted(webhooks.failed, "of them because deliveries failed", Tone::Warning),
    ];
    joined(counts.into_iter().chain(last).collect())
}

fn telegram(chat: &ChatState, time: Timestamp) -> Line {
    let reachable = match chat.reachable {
        Some(reached) => mark(reached, if reached { "reachable" } else { "not reachable" }),
        None => Span::new(Tone::Faint, "not called yet"),
    };
    let polling = match chat.polling {
        Some(false) => Span::plain("another node polls"),
        Some(true) | None => Span::plain(&format!("updates by {}", chat.updates)),
    };
    let bot = chat.bot.iter().map(|bot| Span::plain(&format!("@{bot}")));
    let last = chat.last_update_at.iter().map(|at| Span::plain(&format!("last update {}", ago(*at, time))));
    joined([reachable].into_iter().chain(bot).chain([polling]).chain(last).collect())
}

/// ✔ or ✘, and what it is about.
fn mark(good: bool, what: &str) -> Span {
    if good { Span::new(Tone::Good, &format!("✔ {what}")) } else { Span::new(Tone::Bad, &format!("✘ {what}")) }
}

/// So many of something; none of them have no tone.
fn counted(count: u64, what: &str, tone: Tone) -> Span {
    Span::new(if count == 0 { Tone::Plain } else { tone }, &format!("{} {what}", grouped(count)))
}

/// The spans as a list.
fn joined(spans: Vec<Span>) -> Line {
    let comma = |(index, span)| (index > 0).then(|| Span::plain(", ")).into_iter().chain([span]);
    spans.into_iter().enumerate().flat_map(comma).collect()
}

/// A figure, if it was measured.
fn known(line: Option<Line>) -> Line {
    line.unwrap_or_else(unknown)
}

fn unknown() -> Line {
    vec![Span::new(Tone::Faint, "not known")]
}

fn setting(value: &Value) -> Span {
    let text = text(value);
    Span::new(Tone::Faint, if text.is_empty() { "not set" } else { &text })
}
