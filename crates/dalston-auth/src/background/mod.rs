//! Background tasks of a node: it follows the change feed of its store, and writes the usage that it has counted.
//!
//! Each task is a value with a `run` method. The owner of the node runs it until the node stops.

mod change_feed;
mod usage_writer;

pub use change_feed::{ChangeFeed, FeedPosition};
pub use usage_writer::UsageWriter;
