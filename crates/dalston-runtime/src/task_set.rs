//! Named background tasks and the order in which they stop.

use futures_util::{FutureExt, future::join_all};
use std::{
    collections::BTreeMap,
    future::{Future, pending},
    panic::AssertUnwindSafe,
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

/// The stage of a shutdown in which a task stops. The stages run in this order; all tasks of a stage stop concurrently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Tasks that start work of their own.
    Work,
    /// Tasks that running requests and jobs depend on.
    Upkeep,
    /// Tasks that write what the other tasks counted.
    Usage,
}

/// Background tasks that run until the set is stopped. Dropping the set signals all of them to stop, without waiting.
#[must_use = "the tasks are told to stop when this is dropped"]
pub struct TaskSet {
    limit: Duration,
    /// Name of the first task that panicked.
    panicked: watch::Sender<Option<&'static str>>,
    stages: BTreeMap<Stage, StageTasks>,
}

#[derive(Default)]
struct StageTasks {
    stopping: watch::Sender<()>,
    running: Vec<(&'static str, JoinHandle<()>)>,
}

impl TaskSet {
    /// Creates an empty set. `limit` is the timeout of each stage.
    pub fn new(limit: Duration) -> Self {
        Self { limit, panicked: watch::Sender::default(), stages: BTreeMap::new() }
    }

    /// Spawns a task on the current tokio runtime. `task` creates it from a receiver whose sender is dropped when the
    /// task must stop. A panic is logged with the task's name, does not stop other tasks, and resolves [`Self::panicked`].
    pub fn spawn<F>(&mut self, stage: Stage, name: &'static str, task: impl FnOnce(watch::Receiver<()>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let StageTasks { stopping, running } = self.stages.entry(stage).or_default();
        let task = AssertUnwindSafe(task(stopping.subscribe())).catch_unwind();
        let panicked = self.panicked.clone();
        let task = async move {
            if task.await.is_err() {
                tracing::error!(event = "task.panicked", task = name, "background task panicked");
                panicked.send_if_modified(|first| first.replace(name).is_none());
            }
        };
        running.push((name, tokio::spawn(task)));
    }

    /// Waits until a task panics, and returns the name of the first one that did. A process that goes on without one of
    /// its tasks answers requests but leaves other work undone, so it should stop and be restarted by its supervisor.
    pub async fn panicked(&self) -> &'static str {
        let mut panicked = self.panicked.subscribe();
        let first = panicked.wait_for(Option::is_some).await.map(|first| *first);
        match first {
            Ok(Some(name)) => name,
            // The set holds the sender, so the channel is open.
            Ok(None) | Err(_) => pending().await,
        }
    }

    /// Stops all tasks, stage by stage. A task that exceeds the timeout of its stage is cancelled, and logged with its
    /// name.
    pub async fn stop(self) {
        for StageTasks { stopping, running } in self.stages.into_values() {
            drop(stopping);
            join_all(running.into_iter().map(|(name, mut task)| async move {
                if timeout(self.limit, &mut task).await.is_err() {
                    tracing::error!(
                        event = "task.stop_timed_out",
                        task = name,
                        "cancelled a background task that did not stop in time"
                    );
                    task.abort();
                }
            }))
            .await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_page::LogPage;
    use std::sync::Arc;
    use tokio::sync::{Barrier, mpsc};

    const LONG: Duration = Duration::from_mins(10);
    const SHORT: Duration = Duration::from_millis(10);

    /// A task that reports when it was signalled to stop, and then when it stopped.
    async fn reports(name: &'static str, mut stopping: watch::Receiver<()>, said: mpsc::UnboundedSender<String>) {
        stopping.changed().await.unwrap_err();
        said.send(format!("{name} is told")).unwrap();
        tokio::task::yield_now().await;
        said.send(format!("{name} has stopped")).unwrap();
    }

    fn all(mut said: mpsc::UnboundedReceiver<String>) -> Vec<String> {
        std::iter::from_fn(|| said.try_recv().ok()).collect()
    }

    #[tokio::test]
    async fn stages_stop_one_after_another_whatever_the_order_of_their_start() {
        let (say, said) = mpsc::unbounded_channel();
        let mut tasks = TaskSet::new(LONG);
        for (stage, name) in [(Stage::Usage, "usage"), (Stage::Work, "work"), (Stage::Upkeep, "upkeep")] {
            tasks.spawn(stage, name, |stopping| reports(name, stopping, say.clone()));
        }
        tasks.stop().await;
        let order = ["work", "upkeep", "usage"].map(|name| [format!("{name} is told"), format!("{name} has stopped")]);
        assert_eq!(all(said), order.concat());
    }

    #[tokio::test]
    async fn tasks_of_a_stage_stop_at_the_same_time() {
        let both = Arc::new(Barrier::new(2));
        let mut tasks = TaskSet::new(LONG);
        for name in ["one", "other"] {
            let both = both.clone();
            tasks.spawn(Stage::Work, name, |mut stopping| async move {
                stopping.changed().await.unwrap_err();
                both.wait().await;
            });
        }
        tasks.stop().await;
    }

    #[tokio::test]
    async fn a_task_that_does_not_stop_is_cancelled_and_named_and_the_next_stage_is_told() {
        let (log, _guard) = LogPage::of_this_thread();
        let (say, said) = mpsc::unbounded_channel();
        let mut tasks = TaskSet::new(SHORT);
        let held = Arc::new(());
        let holds = held.clone();
        tasks.spawn(Stage::Work, "stubborn", |_| async move {
            pending::<()>().await;
            drop(holds);
        });
        tasks.spawn(Stage::Work, "meek", |stopping| reports("meek", stopping, say.clone()));
        tasks.spawn(Stage::Usage, "usage", |stopping| reports("usage", stopping, say.clone()));
        tasks.stop().await;
        assert_eq!(all(said), ["meek is told", "meek has stopped", "usage is told", "usage has stopped"]);
        while Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
        let text = log.text();
        assert!(text.contains("did not stop in time") && text.contains("stubborn"), "{text}");
        assert!(!text.contains("meek") && !text.contains("usage"), "{text}");
    }

    #[tokio::test]
    async fn a_task_that_panics_is_named_at_once_and_ends_no_other() {
        let (log, _guard) = LogPage::of_this_thread();
        let (say, said) = mpsc::unbounded_channel();
        let mut tasks = TaskSet::new(LONG);
        tasks.spawn(Stage::Work, "hasty", |_| async { panic!("of itself") });
        tasks.spawn(Stage::Work, "calm", |stopping| reports("calm", stopping, say.clone()));
        assert_eq!(tasks.panicked().await, "hasty");
        assert!(log.text().contains("hasty"), "{}", log.text());
        tasks.stop().await;
        assert_eq!(all(said), ["calm is told", "calm has stopped"]);
    }

    #[tokio::test]
    async fn a_set_that_is_dropped_tells_its_tasks_to_stop() {
        let (say, mut said) = mpsc::unbounded_channel();
        let mut tasks = TaskSet::new(LONG);
        tasks.spawn(Stage::Usage, "usage", |stopping| reports("usage", stopping, say));
        drop(tasks);
        assert_eq!(said.recv().await.unwrap(), "usage is told");
        assert_eq!(said.recv().await.unwrap(), "usage has stopped");
    }
}
